//! axum with opentelemetry-instrumentation-tower.

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use greenlane_axum::InboundLayer;
use opentelemetry_instrumentation_tower::http::server::Layer;

use crate::axum_layer::listen;
use crate::callee::by_context;
use crate::world::{Outermost, WAYS, World};

pub(crate) async fn serve(world: &World, outermost: Outermost) -> SocketAddr {
    let calls = world.calls();
    let app = Router::new().route("/", get(move || calls.clone().make(by_context)));
    // It takes the tracer that the process has now.
    let (inbound, tracer) = (InboundLayer::new(&world.greenlane), Layer::new());
    let app = match outermost {
        Outermost::Tracer => app.layer(inbound).layer(tracer),
        Outermost::Inbound => app.layer(tracer).layer(inbound),
    };
    listen(app).await
}

/// It attaches its context for the future alone, not for the inner `call`.
#[tokio::test]
async fn the_lane_holds_in_both_orders() {
    for (baggage, outermost) in WAYS {
        let world = World::new(baggage).await;
        let asked = world.ask(serve(&world, outermost).await).await;
        world.check(&asked, outermost).await;
    }
}
