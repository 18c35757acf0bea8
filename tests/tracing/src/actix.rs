//! actix-web with opentelemetry-instrumentation-actix-web, and awc with its client.

use std::net::SocketAddr;

use actix_web::{App, HttpServer, rt, web};
use awc::Client;
use greenlane_actix_web::{Inbound, Outbound};
use greenlane_core::Greenlane;
use opentelemetry_instrumentation_actix_web::{ClientExt, RequestTracing};

use crate::callee::{Callee, by_context};
use crate::world::{Baggage, Outermost, WAYS, World};

/// A macro, since each stack of middlewares is a type that can't be named.
macro_rules! listen {
    ($app:expr) => {{
        let server = HttpServer::new($app).workers(1).disable_signals();
        let server = server.bind(("127.0.0.1", 0)).unwrap();
        let address: SocketAddr = server.addrs()[0];
        rt::spawn(server.run());
        address
    }};
}

fn serve(world: &World, outermost: Outermost) -> SocketAddr {
    let (greenlane, calls) = (world.greenlane.clone(), world.calls());
    let route = move || {
        let calls = calls.clone();
        web::get().to(move || calls.clone().make(by_context))
    };
    let inbound = move || Inbound::new(&greenlane);
    // The middleware that is wrapped last is the outermost.
    match outermost {
        Outermost::Tracer => {
            let app = move || App::new().route("/", route()).wrap(inbound());
            listen!(move || app().wrap(RequestTracing::new()))
        }
        Outermost::Inbound => {
            let app = move || App::new().route("/", route()).wrap(RequestTracing::new());
            listen!(move || app().wrap(inbound()))
        }
    }
}

#[test]
fn the_lane_holds_in_both_orders() {
    rt::System::new().block_on(async {
        for (baggage, outermost) in WAYS {
            let world = World::new(baggage).await;
            let asked = world.ask(serve(&world, outermost)).await;
            world.check(&asked, outermost).await;
        }
    });
}

/// One call by awc as OpenTelemetry instruments it, whose carrier panics at what is no header's value.
async fn relay(client: web::Data<(Greenlane, Callee)>) -> String {
    let (greenlane, callee) = client.get_ref();
    let client = Client::builder().wrap(Outbound::new(greenlane).peer("fms-map")).finish();
    let call = client.get(callee.url("127.0.0.1", "/called")).trace_request();
    call.send().await.unwrap().status().to_string()
}

#[test]
fn nothing_that_a_stranger_sends_makes_awcs_instrumented_client_panic() {
    rt::System::new().block_on(async {
        let world = World::new(Baggage::Ours).await;
        let (greenlane, callee) = (world.greenlane.clone(), world.callee.clone());
        let app = move || {
            let data = web::Data::new((greenlane.clone(), callee.clone()));
            let app = App::new().app_data(data).route("/", web::get().to(relay));
            app.wrap(Inbound::new(&greenlane)).wrap(RequestTracing::new())
        };
        let address = listen!(app);
        for hostile in ["a=1;p=x%0Ay", "a=%0D%0A", "preview=%0A", "a%0A=1;%0A", "a=1;p=x%00"] {
            let request = reqwest::Client::builder().no_proxy().build().unwrap();
            let request = request.get(format!("http://{address}/")).header("baggage", hostile);
            let answer = request.header("x-preview", "release-42").send().await.unwrap();
            assert_eq!(answer.text().await.unwrap(), "200 OK", "{hostile}");
            assert_eq!(world.callee.saw("/called", "x-preview"), ["release-42"], "{hostile}");
            let baggage = world.callee.saw("/called", "baggage");
            assert!(
                baggage.len() == 1 && baggage[0].starts_with("preview=release-42"),
                "{baggage:?}"
            );
        }
    });
}
