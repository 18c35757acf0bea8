//! What a request says.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use http_body_util::Full;

/// The body of every request and answer.
pub type Body = Full<Bytes>;

/// How a contender's callers write what is to be handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `x-preview` and `baggage`.
    Baggage,
    /// A header for each key, as metainfo has them.
    Persist,
}

/// What a request says of its preview, and what else it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// As it stands in tables and files.
    pub name: &'static str,
    /// Whether there is the header.
    pub header: bool,
    /// How many members of baggage; the first is the preview, unless all are others'.
    pub members: usize,
    /// Whether all of baggage is others', as tracers write it.
    pub foreign: bool,
    /// How many headers besides `host` and `accept`.
    pub others: usize,
    /// How many different previews requests ask for, in turn.
    pub previews: usize,
}

impl Case {
    const fn new(name: &'static str, header: bool, members: usize, others: usize) -> Self {
        Self { name, header, members, foreign: false, others, previews: 1 }
    }

    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::new("absent", false, 0, 0),
        Self::new("absent-8", false, 0, 8),
        Self::new("absent-64", false, 0, 64),
        Self { foreign: true, ..Self::new("absent-baggage-5", false, 5, 0) },
        Self::new("header", true, 0, 0),
        Self::new("header-8", true, 0, 8),
        Self::new("header-64", true, 0, 64),
        Self::new("both", true, 1, 0),
        Self::new("baggage-1", false, 1, 0),
        Self::new("baggage-5", false, 5, 0),
        Self::new("baggage-64", false, 64, 0),
    ];

    /// What many threads are asked at a time. Different previews stand in the header and in baggage, so that everybody sees
    /// what it reads.
    pub const THREADS: [Self; 5] = [
        Self::new("absent", false, 0, 0),
        Self { foreign: true, ..Self::new("absent-baggage-5", false, 5, 0) },
        Self::new("baggage-1", false, 1, 0),
        Self { previews: 8, ..Self::new("previews-8", true, 1, 0) },
        Self { previews: 100, ..Self::new("previews-100", true, 1, 0) },
    ];

    /// The case of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().chain(Self::THREADS).find(|case| case.name == name)
    }

    /// Whether a preview is asked for.
    pub fn has_preview(&self) -> bool {
        self.header || (self.members > 0 && !self.foreign)
    }

    /// So many requests go before what is measured: until what is kept of each preview is kept.
    pub fn before(&self) -> usize {
        20 + 2 * self.previews
    }

    /// The request that comes after so many others.
    pub fn request(&self, dialect: Dialect, others: usize) -> Request<Body> {
        let mut request = Request::new(Body::default());
        *request.uri_mut() = Uri::from_static("http://fms-api/vehicles");
        let preview = format!("release-{}", 42 + others % self.previews.max(1));
        *request.headers_mut() = received(&self.headers(dialect, &preview));
        request
    }

    fn headers(&self, dialect: Dialect, name: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("fms-api"));
        headers.insert("accept", HeaderValue::from_static("*/*"));
        for other in 0..self.others {
            put(&mut headers, &format!("x-other-{other:02}"), &format!("of other {other:02}"));
        }
        let first = usize::from(!self.foreign);
        let members =
            (first..self.members).map(|n| (format!("key{n:02}"), format!("value-{n:02}")));
        match dialect {
            Dialect::Persist => {
                let preview = self.has_preview().then(|| ("preview".into(), name.into()));
                for (key, value) in preview.into_iter().chain(members) {
                    put(&mut headers, &format!("rpc-persist-{key}"), &value);
                }
            }
            Dialect::Baggage => {
                if self.header {
                    put(&mut headers, "x-preview", name);
                }
                if self.members > 0 {
                    let preview = self.has_preview().then(|| format!("preview={name}"));
                    let rest = members.map(|(key, value)| format!("{key}={value}"));
                    let all: Vec<_> = preview.into_iter().chain(rest).collect();
                    put(&mut headers, "baggage", &all.join(","));
                }
            }
        }
        headers
    }
}

fn put(headers: &mut HeaderMap, name: &str, value: &str) {
    headers.insert(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
}

/// As hyper has them: values that are slices of one shared buffer, which is not static.
fn received(headers: &HeaderMap) -> HeaderMap {
    let head: Vec<u8> =
        headers.values().flat_map(|value| value.as_bytes().iter().copied()).collect();
    let mut head = Bytes::from(head);
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let value = HeaderValue::from_maybe_shared(head.split_to(value.len()));
        map.append(name.clone(), value.unwrap());
    }
    map
}
