//! The dimensions.

use std::convert::Infallible;
use std::future::poll_fn;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use greenlane_core::{Destination, Greenlane, InScope, Lane, Preview, Scope, ScopedBody};
use greenlane_routing::{Call, Route, Routes, Routing};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use super::{Dimension, Growth};

/// All of them.
pub const ALL: [Dimension; 8] = [
    Dimension {
        name: "previews",
        what: "a request is taken in and answered, each for the next of so many previews",
        sizes: &[1, 10, 100, 1000, 10_000],
        growth: Growth::None,
        make: previews,
    },
    Dimension {
        name: "routes",
        what: "a call is routed by a table of so many services",
        sizes: &[10, 100, 1000, 10_000, 100_000],
        growth: Growth::None,
        make: routes,
    },
    Dimension {
        name: "egress",
        what: "egress judges a host by so many patterns",
        sizes: &[1, 10, 100, 1000],
        growth: Growth::None,
        make: egress,
    },
    Dimension {
        name: "width",
        what: "a request makes so many calls, and has a trail of them",
        sizes: &[1, 4, 16, 64, 256],
        growth: Growth::Linear,
        make: width,
    },
    Dimension {
        name: "depth",
        what: "a call is answered with a trail so deep",
        sizes: &[1, 4, 16, 60],
        growth: Growth::Linear,
        make: depth,
    },
    Dimension {
        name: "lanes",
        what: "so many requests that wait are polled, each in a lane of its own",
        sizes: &[1, 10, 100, 1000, 10_000, 100_000],
        growth: Growth::Linear,
        make: lanes,
    },
    Dimension {
        name: "members",
        what: "a call with so many members of baggage is told its preview",
        sizes: &[1, 4, 16, 64],
        growth: Growth::Linear,
        make: members,
    },
    Dimension {
        name: "body",
        what: "an answer of so many frames streams in its lane",
        sizes: &[1, 10, 100, 1000, 10_000],
        growth: Growth::Linear,
        make: body,
    },
];

fn greenlane(trail: bool) -> Greenlane {
    Greenlane::inside("fms-api").version("1.9.0").trail(trail).build().unwrap()
}

fn wanting(preview: &str) -> HeaderMap {
    HeaderMap::from_iter([("x-preview".parse().unwrap(), preview.parse().unwrap())])
}

fn lane(preview: &str) -> Lane {
    preview.parse::<Preview>().unwrap().into()
}

fn previews(size: u32) -> Box<dyn FnMut()> {
    let greenlane = greenlane(false);
    let mut requests: Vec<_> = (0..size).map(|n| wanting(&format!("release-{n}"))).collect();
    let mut next = 0;
    Box::new(move || {
        next = (next + 1) % requests.len();
        if let Some(request) = requests.get_mut(next) {
            greenlane.extract(request).answered(200, &mut HeaderMap::new());
        }
    })
}

fn routes(size: u32) -> Box<dyn FnMut()> {
    let route = |n: u32| {
        Route::builder(format!("service-{n}"), format!("http://service-{n}:8080"))
            .preview("*", "http://{service}-{preview}:8080")
    };
    let routing = Routing::new(Routes::new((0..size).map(route)).unwrap());
    // As long for every size.
    let host = "service-7";
    let (greenlane, lane) = (greenlane(false), lane("release-42"));
    Box::new(move || {
        let call = Call::new(&lane, None, Some(host), Some(80));
        drop(black_box(routing.plan(&greenlane, &call)));
    })
}

fn egress(size: u32) -> Box<dyn FnMut()> {
    let patterns = (0..size).map(|n| format!(".domain-{n}.example.com"));
    let greenlane = Greenlane::inside("fms-api").egress(patterns).build().unwrap();
    // One that is refused is judged each time.
    Box::new(move || {
        black_box(greenlane.may_tell(Some("api.elsewhere.example.org")));
    })
}

fn width(size: u32) -> Box<dyn FnMut()> {
    let greenlane = greenlane(true);
    let mut request = wanting("release-42");
    Box::new(move || {
        let inbound = greenlane.extract(&mut request);
        inbound.scope().run_sync(|| {
            for _ in 0..size {
                let to = Destination::host(Some("fms-map"));
                let call = greenlane.inject(&to, &mut HeaderMap::new()).unwrap();
                call.answered(200, &mut HeaderMap::new());
            }
        });
        inbound.answered(200, &mut HeaderMap::new());
    })
}

fn depth(size: u32) -> Box<dyn FnMut()> {
    let greenlane = greenlane(true);
    let mut request = wanting("release-42");
    let hops = (0..size).map(|depth| match depth {
        0 => "s0;served=active".to_owned(),
        _ => format!("s{depth};d={depth};served=active"),
    });
    let trail: http::HeaderValue = hops.collect::<Vec<_>>().join(", ").parse().unwrap();
    Box::new(move || {
        let inbound = greenlane.extract(&mut request);
        inbound.scope().run_sync(|| {
            let to = Destination::host(Some("fms-map"));
            let call = greenlane.inject(&to, &mut HeaderMap::new()).unwrap();
            let mut answer = HeaderMap::new();
            answer.insert("x-preview-trail", trail.clone());
            call.answered(200, &mut answer);
        });
        inbound.answered(200, &mut HeaderMap::new());
    })
}

fn lanes(size: u32) -> Box<dyn FnMut()> {
    let waiting = |n: u32| {
        let scope = Scope::background().with_lane(lane(&format!("release-{n}")));
        Box::pin(scope.run(std::future::pending::<()>()))
    };
    let mut waiting: Vec<Pin<Box<InScope<_>>>> = (0..size).map(waiting).collect();
    Box::new(move || {
        let mut context = Context::from_waker(Waker::noop());
        for future in &mut waiting {
            assert!(future.as_mut().poll(&mut context).is_pending());
        }
    })
}

fn members(size: u32) -> Box<dyn FnMut()> {
    let greenlane = greenlane(false);
    let mut request = wanting("release-42");
    let line = (0..size).map(|n| format!("key{n:02}=value-{n:02}")).collect::<Vec<_>>().join(",");
    let line: http::HeaderValue = line.parse().unwrap();
    Box::new(move || {
        let inbound = greenlane.extract(&mut request);
        inbound.scope().run_sync(|| {
            let mut call = HeaderMap::new();
            call.insert("baggage", line.clone());
            drop(greenlane.inject(&Destination::host(Some("fms-map")), &mut call).unwrap());
        });
        inbound.answered(200, &mut HeaderMap::new());
    })
}

fn body(size: u32) -> Box<dyn FnMut()> {
    let scope = Scope::background().with_lane(lane("release-42"));
    Box::new(move || {
        let mut body = pin!(ScopedBody::new(Frames(size), Some(scope.clone())));
        let mut context = Context::from_waker(Waker::noop());
        let mut next = poll_fn(|cx| body.as_mut().poll_frame(cx));
        while let Poll::Ready(Some(frame)) = Pin::new(&mut next).poll(&mut context) {
            drop(black_box(frame));
        }
    })
}

/// So many frames of nothing.
struct Frames(u32);

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.checked_sub(1).map(|left| {
            self.0 = left;
            Ok(Frame::data(Bytes::new()))
        }))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
