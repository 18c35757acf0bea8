//! For tests of applications: "my handler hands the lane on", without a network.

#[cfg(feature = "awc")]
mod callee;

use actix_web::Error;
use actix_web::body::{MessageBody, to_bytes};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::test::TestRequest;
use greenlane_core::testing::{ask, assert_none_lost, settle};
use greenlane_core::{Greenlane, Lane, Preview};

#[cfg(feature = "awc")]
pub use callee::{CalleeMiddleware, CalleeService};
pub use greenlane_core::testing::{Callee, Received};

use crate::headers::Headers;

/// Sends `request` to the application three times, without a preview and with two different ones,
/// reads each answer to its end, and asserts that every call it made was told the same, and that none was
/// made outside the request. What it spawned is [given way to](greenlane_core::testing::settle), and not
/// waited for.
///
/// The application is what `actix_web::test::init_service` makes. Its clients must end in the callee, and
/// its `greenlane` must be one inside: the edge believes no request.
///
/// # Panics
///
/// When the application made no call, or one that was told something else; the message says which.
#[cfg_attr(
    feature = "awc",
    doc = r#"
```
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, web};
use awc::Client;
use greenlane_actix_web::testing::{Callee, CalleeMiddleware, assert_hands_on};
use greenlane_actix_web::{Inbound, Outbound};
use greenlane_core::Greenlane;

async fn vehicles(client: web::Data<Client>) -> actix_web::Result<web::Bytes> {
    let answer = client.get("http://fms-map/places/7").send().await;
    let mut answer = answer.map_err(actix_web::error::ErrorBadGateway)?;
    answer.body().await.map_err(actix_web::error::ErrorBadGateway)
}

# let result: Result<(), greenlane_core::ConfigError> =
actix_web::rt::System::new().block_on(async {
    let greenlane = Greenlane::inside("fms-vehicles").build()?;
    let callee = Callee::new();
    // The callee first: what is wrapped last is the outermost.
    let client =
        Client::builder().wrap(CalleeMiddleware::new(&callee)).wrap(Outbound::new(&greenlane)).finish();
    let app = App::new()
        .app_data(web::Data::new(client))
        .route("/vehicles", web::get().to(vehicles))
        .wrap(Inbound::new(&greenlane));
    let app = init_service(app).await;
    assert_hands_on(&app, &greenlane, &callee, || TestRequest::get().uri("/vehicles")).await;
    Ok(())
});
# result.unwrap();
```
"#
)]
pub async fn assert_hands_on<S, B>(
    app: &S,
    greenlane: &Greenlane,
    callee: &Callee,
    request: impl Fn() -> TestRequest,
) where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    callee.take();
    let lost = greenlane.counts().unscoped();
    let previews = ["greenlane-test-1", "greenlane-test-2"];
    let previews = previews.iter().filter_map(|name| name.parse::<Preview>().ok()).map(Lane::from);
    for lane in std::iter::once(Lane::ACTIVE).chain(previews) {
        let mut request = request().to_request();
        ask(greenlane, &lane, &mut Headers(request.headers_mut()));
        // An error is an answer too. What is called while one streams counts.
        if let Ok(response) = app.call(request).await {
            _ = to_bytes(response.into_body()).await;
        }
        settle().await;
        assert_none_lost(greenlane, lost);
        callee.assert_told(greenlane, &lane);
    }
}

#[cfg(test)]
#[cfg(feature = "awc")]
mod tests {
    use std::panic::AssertUnwindSafe;

    use actix_web::test::init_service;
    use actix_web::web::{Data, get};
    use actix_web::{App, rt};
    use awc::Client;
    use futures_util::FutureExt;

    use super::*;
    use crate::{Inbound, Outbound};

    async fn hands_on(client: Data<Client>) -> &'static str {
        _ = client.get("http://fms-map/").send().await;
        "asked"
    }

    async fn forgets(client: Data<Client>) -> &'static str {
        rt::spawn(async move { client.get("http://fms-map/").send().await.is_ok() });
        "not waited for"
    }

    #[test]
    fn a_handler_that_hands_on_passes_and_one_that_spawns_is_found() {
        let greenlane = Greenlane::inside("fms-api").build().unwrap();
        let callee = Callee::new();
        rt::System::new().block_on(async {
            let client = Client::builder().wrap(CalleeMiddleware::new(&callee));
            let client = client.wrap(Outbound::new(&greenlane)).finish();
            let app = App::new()
                .app_data(Data::new(client))
                .route("/hands-on", get().to(hands_on))
                .route("/forgets", get().to(forgets))
                .wrap(Inbound::new(&greenlane));
            let app = init_service(app).await;
            let asked = |path| {
                let request = move || TestRequest::get().uri(path);
                AssertUnwindSafe(assert_hands_on(&app, &greenlane, &callee, request)).catch_unwind()
            };
            assert!(asked("/hands-on").await.is_ok());
            let found = asked("/forgets").await.unwrap_err();
            let found = found.downcast_ref::<String>().unwrap();
            assert!(found.contains("outside the request") && found.contains("fms-map"), "{found}");
        });
    }
}
