//! The lane goes along with work that leaves the request's task.

use bytes::Bytes;
use greenlane_core::{Envelope, HandOff, Lane, Scope, spawn, spawn_blocking};
use http::Response;
use tokio::sync::{mpsc, oneshot};

use super::behaviours;
use crate::harness::{Harness, Reply};
use crate::world::{WANTED, World, ok};

behaviours! {
    what_is_spawned_calls_in_the_lane;
    what_outlives_the_answer_calls_in_the_lane_and_is_counted_as_late;
    what_blocks_a_thread_sees_the_lane;
    what_waits_in_a_channel_keeps_its_lane;
    a_part_of_the_work_can_be_put_into_another_lane;
}

const IN_PREVIEW: &[(&str, &str)] = &[("x-preview", WANTED)];

async fn what_is_spawned_calls_in_the_lane(harness: &'static dyn Harness) {
    let world = World::new(harness).await;
    let service = world
        .serve(async |world, _| {
            _ = spawn(async move { world.call("fms-map", "/").await }).await;
            ok()
        })
        .await;
    service.ask(IN_PREVIEW).await.assert_calls(&["fms-map;d=1;served=opaque;status=200"]);
    service.ask(&[]).await;
    let told: Vec<_> = world.callee.received().iter().map(|call| call.lines("x-preview")).collect();
    assert_eq!(told, [vec![WANTED.to_owned()], vec![]]);
    assert_eq!(world.greenlane.counts().unscoped(), 0, "without a preview it is in scope too");
}

async fn what_outlives_the_answer_calls_in_the_lane_and_is_counted_as_late(
    harness: &'static dyn Harness,
) {
    let world = World::new(harness).await;
    let (answered, waits) = oneshot::channel::<()>();
    let waits = std::sync::Mutex::new(Some(waits));
    let service = world
        .serve(move |world, _| {
            let waits = waits.lock().unwrap().take().unwrap();
            async move {
                spawn(async move {
                    _ = waits.await;
                    _ = world.call("fms-map", "/").await;
                });
                ok()
            }
        })
        .await;
    service.ask(IN_PREVIEW).await.assert_calls(&[]);
    answered.send(()).unwrap();
    assert_eq!(world.callee.arrived(1).await[0].lines("x-preview"), [WANTED]);
    let counts = world.greenlane.counts();
    assert_eq!((counts.late_calls(), counts.unscoped()), (1, 0));
}

async fn what_blocks_a_thread_sees_the_lane(harness: &'static dyn Harness) {
    let world = World::new(harness).await;
    let service = world
        .serve(async |_, _| {
            let seen = spawn_blocking(|| Scope::current().map(|scope| scope.lane())).await.unwrap();
            Response::new(Reply::Full(seen.map_or_else(Bytes::new, |lane| lane.to_string().into())))
        })
        .await;
    assert_eq!(service.ask(IN_PREVIEW).await.body, WANTED);
    assert_eq!(service.ask(&[]).await.body, "active");
}

async fn what_waits_in_a_channel_keeps_its_lane(harness: &'static dyn Harness) {
    let world = World::new(harness).await;
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let service = world
        .serve(move |_, request| {
            let sender = sender.clone();
            async move {
                sender.send(Envelope::seal(request.uri().path().to_owned())).unwrap();
                ok()
            }
        })
        .await;
    service.try_ask("/release-42", IN_PREVIEW).await.unwrap();
    service.try_ask("/active", &[]).await.unwrap();
    for _ in 0..2 {
        let envelope = receiver.recv().await.unwrap();
        _ = envelope.run(async |path| world.call("fms-map", &path).await).await;
    }
    assert_eq!(world.callee.received().len(), 2);
    for call in world.callee.received() {
        let told = call.lines("x-preview");
        assert_eq!(call.path, format!("/{}", told.first().map_or("active", String::as_str)));
    }
    assert_eq!(world.greenlane.counts().unscoped(), 0);
}

async fn a_part_of_the_work_can_be_put_into_another_lane(harness: &'static dyn Harness) {
    let world = World::new(harness).await;
    let service = world
        .serve(async |world, _| {
            // A tracer copies the request's baggage onto every call.
            let copied = [("baggage", "preview=release-42")];
            let call = async { world.call_with("fms-map", "/", &copied).await };
            _ = call.in_lane(Lane::ACTIVE).await;
            _ = world.call("fms-map", "/").await;
            ok()
        })
        .await;
    // The active version's answer says nothing of a preview.
    service.ask(IN_PREVIEW).await.assert_calls(&["fms-map;d=1;served=opaque;status=200"]);
    let told: Vec<_> = world.callee.received().iter().map(|call| call.lines("x-preview")).collect();
    assert_eq!(told, [vec![], vec![WANTED.to_owned()]]);
}
