//! The lane never leaks into another request, and is never lost.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use greenlane_core::{Gate, Greenlane, Lane, Scope};
use http::Response;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use super::behaviours;
use crate::harness::{Harness, Reply};
use crate::world::{WANTED, World, inside, ok};

behaviours! {
    hundreds_of_interleaved_requests_do_not_bleed;
    one_connection_serves_many_lanes;
    a_cancelled_request_ends_in_its_lane_and_leaves_nothing_behind;
    a_panicking_handler_leaves_nothing_behind;
    what_a_streamed_body_calls_is_in_the_lane passes forgetful;
    a_streamed_body_ends_in_its_lane passes forgetful;
    a_service_in_the_same_process_never_sees_a_stale_lane passes without;
    a_handler_can_ask_for_its_lane;
}

/// The path of each call says in which lane it should be made.
fn assert_no_bleeding(world: &World, calls: usize) {
    let received = world.callee.received();
    assert_eq!(received.len(), calls);
    for call in received {
        let told = call.lines("x-preview");
        let lane = told.first().map_or("active", String::as_str);
        assert_eq!(call.path, format!("/{lane}"), "wrong or lost lane");
    }
}

async fn hundreds_of_interleaved_requests_do_not_bleed(harness: &'static dyn Harness) {
    let world = World::new(harness).await;
    let service = world
        .serve(async |world, request| {
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            _ = world.call("fms-map", request.uri().path()).await;
            tokio::task::yield_now().await;
            _ = world.call("fms-map", request.uri().path()).await;
            ok()
        })
        .await;
    let requests = (0..300).map(|n| async move {
        let (name, path) = (format!("release-{n}"), format!("/release-{n}"));
        match n % 3 {
            0 => service.try_ask("/active", &[]).await,
            1 => service.try_ask(&path, &[("x-preview", &name)]).await,
            _ => service.try_ask(&path, &[("baggage", &format!("preview={name}"))]).await,
        }
    });
    // Many at once, and within the number of files that a process may open.
    let answers: Vec<_> = stream::iter(requests).buffer_unordered(50).collect().await;
    assert!(answers.iter().all(Result::is_ok));
    assert_no_bleeding(&world, 600);
}

async fn one_connection_serves_many_lanes(harness: &'static dyn Harness) {
    let world = World::new(harness).await;
    let service = world
        .serve(async |world, request| {
            _ = world.call("fms-map", request.uri().path()).await;
            ok()
        })
        .await;
    let mut stream = tokio::net::TcpStream::connect(service.address).await.unwrap();
    for (calls, lane) in ["release-1", "active", "release-2", "active"].into_iter().enumerate() {
        let preview =
            if lane == "active" { String::new() } else { format!("x-preview: {lane}\r\n") };
        let request = format!("GET /{lane} HTTP/1.1\r\nhost: fms-api\r\n{preview}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        world.callee.arrived(calls + 1).await;
    }
    assert_no_bleeding(&world, 4);
}

/// Tells in which lane it was dropped.
struct ToldOnDrop(mpsc::UnboundedSender<Option<Lane>>);

impl Drop for ToldOnDrop {
    fn drop(&mut self) {
        _ = self.0.send(Scope::current().map(|scope| scope.lane()));
    }
}

async fn a_cancelled_request_ends_in_its_lane_and_leaves_nothing_behind(
    harness: &'static dyn Harness,
) {
    let world = World::new(harness).await;
    let (ended, mut ends) = mpsc::unbounded_channel();
    let (started, mut starts) = mpsc::unbounded_channel();
    let service = world
        .serve(move |world, request| {
            let (ended, started) = (ended.clone(), started.clone());
            async move {
                if request.uri().path() == "/hangs" {
                    let _told = ToldOnDrop(ended);
                    started.send(()).unwrap();
                    std::future::pending::<()>().await;
                }
                _ = world.call("fms-map", request.uri().path()).await;
                ok()
            }
        })
        .await;
    let mut stream = tokio::net::TcpStream::connect(service.address).await.unwrap();
    let request = b"GET /hangs HTTP/1.1\r\nhost: fms-api\r\nx-preview: release-42\r\n\r\n";
    stream.write_all(request).await.unwrap();
    starts.recv().await.unwrap();
    drop(stream);
    let lane = ends.recv().await.unwrap();
    assert_eq!(lane, Some(Lane::from(WANTED.parse::<greenlane_core::Preview>().unwrap())));
    for _ in 0..20 {
        service.try_ask("/active", &[]).await.unwrap();
    }
    assert_no_bleeding(&world, 20);
}

async fn a_panicking_handler_leaves_nothing_behind(harness: &'static dyn Harness) {
    let world = World::new(harness).await;
    let service = world
        .serve(async |world, request| {
            _ = world.call("fms-map", request.uri().path()).await;
            assert!(Lane::current().is_active(), "panics on purpose");
            ok()
        })
        .await;
    for _ in 0..20 {
        _ = service.try_ask("/release-42", &[("x-preview", WANTED)]).await;
        service.try_ask("/active", &[]).await.unwrap();
    }
    assert_no_bleeding(&world, 40);
}

async fn what_a_streamed_body_calls_is_in_the_lane(harness: &'static dyn Harness) {
    let world = World::new(harness).await;
    let service = world
        .serve(async |world, request| {
            let path = request.uri().path().to_owned();
            let chunks = stream::iter(0..3).then(move |_| {
                let call = (world.clone(), path.clone());
                async move {
                    _ = call.0.call("fms-map", &call.1).await;
                    Bytes::from_static(b"chunk")
                }
            });
            Response::new(Reply::Stream(chunks.boxed()))
        })
        .await;
    let answer = service.try_ask("/release-42", &[("x-preview", WANTED)]).await.unwrap();
    assert_eq!(answer.body, "chunkchunkchunk");
    answer.assert_calls(&[]);
    assert_eq!(world.greenlane.counts().late_calls(), 3, "too late for the trail, and counted");
    service.try_ask("/active", &[]).await.unwrap();
    assert_no_bleeding(&world, 6);
    assert_eq!(world.greenlane.counts().unscoped(), 0, "without a preview it is in scope too");
}

async fn a_streamed_body_ends_in_its_lane(harness: &'static dyn Harness) {
    let world = World::new(harness).await;
    let (ended, mut ends) = mpsc::unbounded_channel();
    let service = world
        .serve(move |_, _| {
            let told = Arc::new(ToldOnDrop(ended.clone()));
            async move {
                let chunks = stream::iter(0..3).map(move |_| {
                    let _held = &told;
                    Bytes::from_static(b"chunk")
                });
                Response::new(Reply::Stream(chunks.boxed()))
            }
        })
        .await;
    service.ask(&[("x-preview", WANTED)]).await;
    assert_eq!(ends.recv().await.unwrap().unwrap().to_string(), WANTED);
}

/// Two services around one another: the outer one lets its caller into a preview and hands the request
/// on without it, so what the inner one is asked for is the active lane.
async fn a_service_in_the_same_process_never_sees_a_stale_lane(harness: &'static dyn Harness) {
    let world = World::new(harness).await;
    let gate = Gate::application("always", |_| WANTED.parse().ok());
    let outer = Greenlane::edge("outer", [gate]).build().unwrap();
    let inbounds = vec![outer, world.greenlane.clone()];
    let service = world
        .serve_behind(inbounds, async |world, _| {
            _ = world.call("fms-map", "/").await;
            Response::new(Reply::Full(Lane::current().to_string().into()))
        })
        .await;
    assert_eq!(service.ask(&[]).await.body, "active");
    assert!(world.callee.only().lines("x-preview").is_empty());
    assert_eq!(world.greenlane.counts().unscoped(), 0);
}

async fn a_handler_can_ask_for_its_lane(harness: &'static dyn Harness) {
    let world = World::with(harness, inside()).await;
    let service = world
        .serve(async |_, _| {
            let scoped = Scope::current().is_some();
            Response::new(Reply::Full(format!("{scoped} {}", Lane::current()).into()))
        })
        .await;
    assert_eq!(service.ask(&[("x-preview", WANTED)]).await.body, "true release-42");
    assert_eq!(service.ask(&[]).await.body, "true active");
}
