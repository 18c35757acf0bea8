//! Each hand-off, and the loss without it.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use rayon::prelude::*;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinSet, LocalSet};
use tokio_util::time::DelayQueue;

use super::*;
use crate::{Destination, Greenlane, Preview};

/// In which lane the code runs that calls it; `None` where it is unscoped.
fn seen() -> Option<String> {
    Scope::current().map(|scope| scope.lane().to_string())
}

fn release() -> Lane {
    Lane::from("release-42".parse::<Preview>().unwrap())
}

fn in_release<R>(work: impl FnOnce() -> R) -> R {
    Scope::background().with_lane(release()).run_sync(work)
}

fn kept() -> Option<String> {
    Some("release-42".to_owned())
}

#[tokio::test]
async fn a_spawned_task() {
    let (lost, handed_on) =
        in_release(|| (tokio::spawn(async { seen() }), spawn(async { seen() })));
    assert_eq!((lost.await.unwrap(), handed_on.await.unwrap()), (None, kept()));
}

#[tokio::test]
async fn a_blocking_task() {
    let (lost, handed_on) =
        in_release(|| (tokio::task::spawn_blocking(seen), spawn_blocking(seen)));
    assert_eq!((lost.await.unwrap(), handed_on.await.unwrap()), (None, kept()));
}

#[tokio::test]
async fn a_local_task() {
    let local = LocalSet::new();
    local
        .run_until(async {
            let (lost, handed_on) = in_release(|| {
                (tokio::task::spawn_local(async { seen() }), spawn_local(async { seen() }))
            });
            assert_eq!((lost.await.unwrap(), handed_on.await.unwrap()), (None, kept()));
        })
        .await;
}

#[tokio::test]
async fn the_tasks_of_a_join_set() {
    let local = LocalSet::new();
    let mut lost = JoinSet::new();
    let mut handed_on = JoinSet::new();
    let _entered = local.enter();
    in_release(|| {
        lost.spawn(async { seen() });
        lost.spawn_blocking(seen);
        lost.spawn_local(async { seen() });
        handed_on.spawn_in_current_lane(async { seen() });
        handed_on.spawn_blocking_in_current_lane(seen);
        handed_on.spawn_local_in_current_lane(async { seen() });
    });
    local
        .run_until(async {
            assert_eq!(lost.join_all().await, [None, None, None]);
            assert_eq!(handed_on.join_all().await, [kept(), kept(), kept()]);
        })
        .await;
}

#[tokio::test]
async fn a_future_that_somebody_else_polls() {
    let (lost, handed_on) = in_release(|| (async { seen() }, async { seen() }.in_current_lane()));
    assert_eq!((lost.await, handed_on.await), (None, kept()));
}

#[tokio::test]
async fn a_stream_that_somebody_else_polls() {
    struct TellsOnDrop(mpsc::UnboundedSender<Option<String>>);
    impl Drop for TellsOnDrop {
        fn drop(&mut self) {
            _ = self.0.send(seen());
        }
    }
    let (dropped, mut drops) = mpsc::unbounded_channel();
    let polled = || {
        let held = TellsOnDrop(dropped.clone());
        stream::iter(0..2).map(move |_| (&held, seen()).1)
    };
    let (lost, handed_on) = in_release(|| (polled(), polled().in_current_lane()));
    assert_eq!(handed_on.size_hint(), (2, Some(2)));
    assert_eq!(lost.collect::<Vec<_>>().await, [None, None]);
    assert_eq!(drops.recv().await.unwrap(), None);
    assert_eq!(handed_on.collect::<Vec<_>>().await, [kept(), kept()]);
    assert_eq!(drops.recv().await.unwrap(), kept(), "dropped inside too");
    let stream = polled().in_lane(release());
    assert_eq!(stream.collect::<Vec<_>>().await, [kept(), kept()]);
}

#[test]
fn a_thread() {
    let (lost, handed_on) =
        in_release(|| (std::thread::spawn(seen), std::thread::spawn(bind(seen))));
    assert_eq!((lost.join().unwrap(), handed_on.join().unwrap()), (None, kept()));
}

#[test]
fn the_threads_of_rayon() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let (lost, handed_on): (Vec<_>, Vec<_>) = in_release(|| {
        let handed_on = bind_fn(|_| seen());
        pool.install(|| {
            let lost = (0..8).into_par_iter().map(|_| seen()).collect();
            (lost, (0..8).into_par_iter().map(handed_on).collect())
        })
    });
    assert!(lost.iter().all(Option::is_none), "{lost:?}");
    assert!(handed_on.iter().all(|lane| *lane == kept()), "{handed_on:?}");
}

/// A framework's callback that is spawned with an argument, as a WebSocket's.
#[tokio::test]
async fn what_a_framework_spawns_with_an_argument() {
    async fn on_upgrade<F>(talk: impl FnOnce(u8) -> F + Send + 'static) -> Vec<Option<String>>
    where
        F: Future<Output = Vec<Option<String>>> + Send + 'static,
    {
        tokio::spawn(async move { talk(7).await }).await.unwrap()
    }
    fn talk(_: u8) -> impl Future<Output = Vec<Option<String>>> {
        let called = seen();
        async move { vec![called, seen()] }
    }
    let (lost, handed_on) = in_release(|| (on_upgrade(talk), on_upgrade(bind_async(talk))));
    assert_eq!(lost.await, [None, None]);
    // Made before the future is polled: that is where an axum handler is.
    assert_eq!(handed_on.await, [kept(), kept()]);
}

#[tokio::test]
async fn an_item_in_a_channel() {
    let (plain, mut plain_items) = mpsc::channel(1);
    let (sealed, mut envelopes) = mpsc::channel(1);
    let worker = tokio::spawn(Greenlane::background(async move {
        let lost = match plain_items.recv().await.unwrap() {
            "item" => seen(),
            _ => unreachable!(),
        };
        let envelope: Envelope<&str> = envelopes.recv().await.unwrap();
        assert_eq!((envelope.item(), envelope.lane()), (&"item", release()));
        let sync = envelope.clone().run_sync(|_| seen());
        (lost, sync, envelope.run(async |_| seen()).await)
    }));
    in_release(|| {
        plain.try_send("item").unwrap();
        sealed.try_send(Envelope::seal("item")).unwrap();
    });
    assert_eq!(worker.await.unwrap(), (Some("active".to_owned()), kept(), kept()));
}

#[tokio::test(start_paused = true)]
async fn a_timer() {
    let (mut plain, mut sealed) = (DelayQueue::new(), DelayQueue::new());
    let timer = in_release(|| {
        plain.insert((), Duration::from_secs(60));
        sealed.insert(Envelope::seal(()), Duration::from_secs(60));
        spawn(async {
            tokio::time::sleep(Duration::from_secs(60)).await;
            seen()
        })
    });
    plain.next().await.unwrap();
    assert_eq!(seen(), None, "a timer that all requests share knows nothing of them");
    let envelope = sealed.next().await.unwrap().into_inner();
    assert_eq!(envelope.run_sync(|()| seen()), kept());
    assert_eq!(timer.await.unwrap(), kept());
}

/// What was lost before it was handed off must not be found where it happens to run.
#[tokio::test]
async fn what_is_handed_off_unscoped_stays_unscoped() {
    let (envelope, bound, future) = (Envelope::seal(()), bind(seen), async { seen() });
    let future = future.in_current_lane();
    let (tell, told) = oneshot::channel();
    let worker = in_release(|| {
        spawn(async move {
            _ = tell.send((envelope.run_sync(|()| seen()), bound(), future.await));
        })
    });
    worker.await.unwrap();
    assert_eq!(told.await.unwrap(), (None, None, None));
}

fn asked(greenlane: &Greenlane) -> crate::InboundCall {
    let mut headers = vec![
        ("x-preview".to_owned(), b"release-42".to_vec()),
        ("x-tenant-id".to_owned(), b"7".to_vec()),
    ];
    greenlane.extract(&mut headers)
}

/// Calls `host`, is answered, and tells what was on the call.
fn call(greenlane: &Greenlane, host: &str) -> Vec<(String, Vec<u8>)> {
    let mut headers = Vec::new();
    let call = greenlane.inject(&Destination::host(Some(host)), &mut headers).unwrap();
    call.answered(200, &mut Vec::<(String, Vec<u8>)>::new());
    headers
}

#[tokio::test]
async fn another_lane_inside_a_request_keeps_what_rides_along_and_its_trail() {
    let greenlane = Greenlane::inside("fms-api").carry("x-tenant-id").build().unwrap();
    let inbound = asked(&greenlane);
    let request = inbound.scope().clone();
    let sent = request
        .run(async {
            let other = Lane::from("release-7".parse::<Preview>().unwrap());
            let sent = async { call(&greenlane, "fms-map") }.in_lane(other).await;
            assert_eq!(seen(), kept(), "and then it is as before");
            async { call(&greenlane, "fms-map") }.in_lane(Lane::ACTIVE).await;
            sent
        })
        .await;
    assert!(sent.contains(&("x-preview".to_owned(), b"release-7".to_vec())), "{sent:?}");
    assert!(sent.contains(&("x-tenant-id".to_owned(), b"7".to_vec())), "{sent:?}");
    let mut response = Vec::<(String, Vec<u8>)>::new();
    inbound.answered(200, &mut response);
    let trail = response.iter().find(|(name, _)| name == "x-preview-trail").unwrap();
    assert_eq!(
        std::str::from_utf8(&trail.1).unwrap(),
        "fms-api;served=unknown, fms-map;d=1;served=opaque;status=200;wanted=release-7",
        "the active version says nothing of a preview"
    );
}

#[tokio::test]
async fn work_that_outlives_its_request_is_in_its_lane_and_counted_as_late() {
    let greenlane = Greenlane::inside("fms-api").build().unwrap();
    let inbound = asked(&greenlane);
    let (answered, wait) = oneshot::channel::<()>();
    let task = inbound.scope().run_sync(|| {
        let greenlane = greenlane.clone();
        spawn(async move {
            _ = wait.await;
            call(&greenlane, "fms-map")
        })
    });
    inbound.answered(200, &mut Vec::<(String, Vec<u8>)>::new());
    answered.send(()).unwrap();
    let sent = task.await.unwrap();
    assert!(sent.contains(&("x-preview".to_owned(), b"release-42".to_vec())), "{sent:?}");
    assert_eq!((greenlane.counts().late_calls(), greenlane.counts().unscoped()), (1, 0));
}

#[test]
fn a_lane_of_a_message_is_enough_for_a_scope() {
    let greenlane = Greenlane::inside("fms-api").build().unwrap();
    for (lane, told) in [(release(), true), (Lane::ACTIVE, false)] {
        let scope = Scope::background().with_lane(lane);
        let sent = scope.run_sync(|| call(&greenlane, "fms-map"));
        assert_eq!(sent.iter().any(|(name, _)| name == "x-preview"), told);
        assert_eq!(scope.is_plain(), !told);
    }
    assert_eq!(greenlane.counts().unscoped(), 0);
}
