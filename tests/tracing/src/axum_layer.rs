//! axum with axum-tracing-opentelemetry.

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use axum_tracing_opentelemetry::middleware::OtelAxumLayer;
use greenlane_axum::InboundLayer;
use tokio::net::TcpListener;

use crate::callee::by_span;
use crate::world::{Outermost, WAYS, World};

async fn serve(world: &World, outermost: Outermost) -> SocketAddr {
    let calls = world.calls();
    let app = Router::new().route("/", get(move || calls.clone().make(by_span)));
    let (inbound, tracer) = (InboundLayer::new(&world.greenlane), OtelAxumLayer::default());
    let app = match outermost {
        Outermost::Tracer => app.layer(inbound).layer(tracer),
        Outermost::Inbound => app.layer(tracer).layer(inbound),
    };
    listen(app).await
}

pub(crate) async fn listen(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, app).await });
    address
}

#[tokio::test]
async fn the_lane_holds_in_both_orders() {
    for (baggage, outermost) in WAYS {
        let world = World::new(baggage).await;
        let asked = world.ask(serve(&world, outermost).await).await;
        world.check(&asked, outermost).await;
    }
}
