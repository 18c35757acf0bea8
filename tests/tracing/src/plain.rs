//! tracing-opentelemetry and nothing else: a middleware of the application's own, in every order of
//! `.instrument` and `.with_context`.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use greenlane_axum::InboundLayer;
use opentelemetry::trace::FutureExt;
use opentelemetry::{Context, global};
use opentelemetry_http::HeaderExtractor;
use tracing::{Instrument, Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::axum_layer::listen;
use crate::callee::{Inject, by_context, by_span};
use crate::world::{Outermost, WAYS, World};

/// How the application puts span and context around the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Span,
    Context,
    SpanInContext,
    ContextInSpan,
}

async fn traced(
    axum::extract::State(order): axum::extract::State<Order>,
    request: Request,
    next: Next,
) -> Response {
    let parent = global::get_text_map_propagator(|propagator| {
        propagator.extract(&HeaderExtractor(request.headers()))
    });
    let span = info_span!("server", otel.kind = "server");
    // Before the span is first entered, or it has no effect.
    span.set_parent(parent).unwrap();
    let cx = span.context();
    match order {
        Order::Span => next.run(request).instrument(span).await,
        Order::Context => run(next, request, cx, span).await,
        Order::SpanInContext => next.run(request).instrument(span).with_context(cx).await,
        Order::ContextInSpan => next.run(request).with_context(cx).instrument(span).await,
    }
}

/// The span lives as long as the rest, and is never entered.
async fn run(next: Next, request: Request, cx: Context, _span: Span) -> Response {
    next.run(request).with_context(cx).await
}

#[tokio::test]
async fn the_lane_holds_in_every_order() {
    for (baggage, outermost) in WAYS {
        for order in [Order::Span, Order::Context, Order::SpanInContext, Order::ContextInSpan] {
            for inject in [by_span as Inject, by_context] {
                let world = World::new(baggage).await;
                let calls = world.calls();
                let app = Router::new().route("/", get(move || calls.clone().make(inject)));
                let inbound = InboundLayer::new(&world.greenlane);
                let app = match outermost {
                    Outermost::Tracer => {
                        app.layer(inbound).layer(from_fn_with_state(order, traced))
                    }
                    Outermost::Inbound => {
                        app.layer(from_fn_with_state(order, traced)).layer(inbound)
                    }
                };
                let asked = world.ask(listen(app).await).await;
                world.check(&asked, outermost).await;
            }
        }
    }
}
