//! What a request says to a client beside its URL.

use http::Extensions;
use http::uri::Authority;

/// What a client that keeps a connection for each address has to know besides it. For adapters of clients.
///
/// A [`Routed`](crate::Routed) outbound puts it among the extensions of the requests that it sends, where there is
/// anything to say; the client takes it off:
///
/// ```
/// use greenlane_tower::Towards;
///
/// fn connection_for<B>(request: &mut http::Request<B>) {
///     let towards = Towards::take(request.extensions_mut());
///     // Channels and pools are kept by scheme, authority, `towards.origin()` and `towards.is_made()`.
/// }
/// # connection_for(&mut http::Request::new(()));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Towards {
    origin: Option<Authority>,
    made: bool,
}

impl Towards {
    pub(super) fn new(origin: Option<Authority>, made: bool) -> Self {
        Self { origin, made }
    }

    /// Puts it among a request's extensions, where it says anything: an extension costs allocations.
    pub(super) fn put(self, extensions: &mut Extensions) {
        if self.origin.is_some() || self.made {
            extensions.insert(self);
        }
    }

    /// Takes it off a request; where there is none, it says nothing.
    pub fn take(extensions: &mut Extensions) -> Self {
        extensions.remove().unwrap_or_default()
    }

    /// What HTTP/2's `:authority` is to say, where that is not the address's: the route says `host = "keep"`.
    pub fn origin(&self) -> Option<&Authority> {
        self.origin.as_ref()
    }

    /// Whether the address was made of a preview's name, which a stranger may have made up: what is kept for it must
    /// be bounded.
    pub fn is_made(&self) -> bool {
        self.made
    }
}
