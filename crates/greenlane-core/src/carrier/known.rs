//! Names that are known when compiling.

use super::name::HeaderName;
use super::names::HeaderNames;

pub(crate) static BAGGAGE: HeaderName = HeaderName::known("baggage");
pub(crate) static TRACESTATE: HeaderName = HeaderName::known("tracestate");
pub(crate) static TRACEPARENT: HeaderName = HeaderName::known("traceparent");
pub(crate) static GRPC_STATUS: HeaderName = HeaderName::known("grpc-status");
pub(crate) static CACHE_CONTROL: HeaderName = HeaderName::known("cache-control");
pub(crate) static CONNECTION: HeaderName = HeaderName::known("connection");
pub(crate) static COOKIE: HeaderName = HeaderName::known("cookie");
pub(crate) static HOST: HeaderName = HeaderName::known("host");
/// What comes before `Cache-Control` for caches that know it: RFC 9213, section 2.2
/// (<https://www.rfc-editor.org/rfc/rfc9213#section-2.2>), Fastly's and others' `Surrogate-Control`, nginx'
/// `X-Accel-Expires`.
pub(crate) static TARGETED_CACHE_CONTROL: HeaderNames = HeaderNames::known(&TARGETED);
static TARGETED: [HeaderName; 7] = [
    HeaderName::known("akamai-cache-control"),
    HeaderName::known("cdn-cache-control"),
    HeaderName::known("cloudflare-cdn-cache-control"),
    HeaderName::known("edge-control"),
    HeaderName::known("surrogate-control"),
    HeaderName::known("vercel-cdn-cache-control"),
    HeaderName::known("x-accel-expires"),
];
pub(crate) static FORWARDED: HeaderName = HeaderName::known("forwarded");
pub(crate) static X_FORWARDED_FOR: HeaderName = HeaderName::known("x-forwarded-for");
pub(crate) static X_FORWARDED_PORT: HeaderName = HeaderName::known("x-forwarded-port");
