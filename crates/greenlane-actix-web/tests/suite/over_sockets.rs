//! Inbound and outbound at once, with actix's own server and awc's own connections.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use actix_web::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, LOCATION};
use actix_web::middleware::Compress;
use actix_web::web::{self, Bytes, Payload};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt};
use awc::Client;
use futures_util::{StreamExt, stream};
use greenlane_actix_web::{Inbound, Outbound};
use greenlane_core::{Greenlane, HandOff, InboundCall, Lane};

/// Tells what it was told, in the way that the path says.
async fn callee(request: HttpRequest, payload: Payload) -> actix_web::Result<HttpResponse> {
    let told = request.headers().get("x-preview").map(|value| value.to_str().unwrap());
    let told = told.unwrap_or("nothing").to_owned();
    Ok(match request.path() {
        "/moved" => HttpResponse::Found().insert_header((LOCATION, "/")).finish(),
        "/socket" => actix_ws::handle(&request, payload)?.0,
        "/never" => std::future::pending().await,
        "/streamed" => {
            let lanes = stream::iter(0..3).map(|_| Ok::<_, Infallible>(lane_here()));
            HttpResponse::Ok().streaming(lanes)
        }
        _ => HttpResponse::Ok().body(told),
    })
}

fn lane_here() -> Bytes {
    Lane::current().to_string().into()
}

/// A server whose inbound is where actix lets one be: around the application, a scope, a resource and a
/// route. They are of one handle, so they are one.
fn serve() -> SocketAddr {
    let greenlane = Greenlane::inside("fms-live").build().unwrap();
    let server = HttpServer::new(move || {
        let inbound = || Inbound::new(&greenlane);
        let route = || web::route().to(callee).wrap(inbound());
        App::new()
            .service(web::scope("/scope").wrap(inbound()).default_service(route()))
            .service(web::resource("/resource").wrap(inbound()).route(route()))
            .default_service(web::to(callee).wrap(inbound()))
            .wrap(Compress::default())
    });
    let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
    let address = server.addrs()[0];
    rt::spawn(server.run());
    address
}

fn client(greenlane: &Greenlane) -> Client {
    Client::builder().wrap(Outbound::new(greenlane).peer("fms-live")).finish()
}

/// A handle with a request for a preview that it took in.
fn asked() -> (Greenlane, InboundCall) {
    let greenlane = Greenlane::inside("fms-api").build().unwrap();
    let mut headers = vec![("x-preview".to_owned(), b"release-42".to_vec())];
    let inbound = greenlane.extract(&mut headers);
    (greenlane, inbound)
}

fn trail(inbound: InboundCall) -> String {
    let mut response = Vec::<(String, Vec<u8>)>::new();
    inbound.answered(200, &mut response);
    let trail = response.into_iter().find(|(name, _)| name == "x-preview-trail");
    String::from_utf8(trail.unwrap().1).unwrap()
}

#[test]
fn wherever_the_inbound_is_wrapped_there_is_one_hop() {
    rt::System::new().block_on(async {
        let address = serve();
        for path in ["", "scope/x", "resource"] {
            let (greenlane, inbound) = asked();
            let client = client(&greenlane);
            let url = format!("http://{address}/{path}");
            let call = async { client.get(url).send().await.unwrap().body().await.unwrap() };
            assert_eq!(inbound.scope().clone().run(call).await, "release-42", "{path}");
            let expected = "fms-api;served=unknown, fms-live;d=1;served=unknown";
            assert_eq!(trail(inbound), expected, "{path}");
        }
    });
}

#[test]
fn what_is_compressed_further_out_is_made_in_the_lane() {
    rt::System::new().block_on(async {
        let address = serve();
        let (greenlane, inbound) = asked();
        let client = client(&greenlane);
        for (path, body) in [("", "release-42"), ("streamed", "release-42release-42release-42")] {
            let request = client.get(format!("http://{address}/{path}"));
            let request = request.no_decompress().insert_header((ACCEPT_ENCODING, "gzip"));
            let call = inbound.scope().run_sync(|| request.send());
            let mut response = call.await.unwrap();
            assert_eq!(response.headers().get(CONTENT_ENCODING).unwrap(), "gzip", "{path}");
            let packed = response.body().await.unwrap();
            let mut text = String::new();
            let mut unpacked = flate2::read::GzDecoder::new(&packed[..]);
            std::io::Read::read_to_string(&mut unpacked, &mut text).unwrap();
            assert_eq!(text, body);
        }
    });
}

#[test]
fn a_websocket_by_awc_is_told_and_its_trail_taken_off() {
    rt::System::new().block_on(async {
        let address = serve();
        let (greenlane, inbound) = asked();
        let client = client(&greenlane);
        let connect = client.ws(format!("ws://{address}/socket")).connect();
        let (response, _socket) = inbound.scope().clone().run(connect).await.unwrap();
        assert_eq!(response.status(), 101);
        assert!(!response.headers().contains_key("x-preview-trail"));
        assert_eq!(trail(inbound), "fms-api;served=unknown, fms-live;d=1;served=unknown");
    });
}

/// awc follows redirects where the call is polled.
#[test]
fn a_redirect_of_a_call_that_is_polled_elsewhere_loses_the_lane_unless_it_is_handed_on() {
    rt::System::new().block_on(async {
        let address = serve();
        let (greenlane, inbound) = asked();
        let client = client(&greenlane);
        let send = || client.get(format!("http://{address}/moved")).send();
        let (lost, handed_on) = inbound.scope().run_sync(|| (send(), send().in_current_lane()));
        assert_eq!(rt::spawn(lost).await.unwrap().unwrap().body().await.unwrap(), "nothing");
        assert_eq!(greenlane.unscoped_targets(), [("fms-live".to_owned(), 1)], "no secret");
        let mut response = rt::spawn(handed_on).await.unwrap().unwrap();
        assert_eq!(response.body().await.unwrap(), "release-42");
    });
}

#[test]
fn a_call_that_awc_gives_up_reads_cancelled() {
    rt::System::new().block_on(async {
        let address = serve();
        let (greenlane, inbound) = asked();
        let client = client(&greenlane);
        let request = client.get(format!("http://{address}/never"));
        let request = request.timeout(Duration::from_millis(50));
        let call = inbound.scope().run_sync(|| request.send());
        assert!(call.await.is_err());
        assert_eq!(trail(inbound), "fms-api;served=unknown, fms-live;d=1;served=cancelled");
    });
}
