//! The heads of requests, rewritten.

use std::rc::Rc;

use actix_http::RequestHeadType;
use actix_web::dev::RequestHead;
use actix_web::http::Uri;
use actix_web::http::header::{HOST, HeaderMap, HeaderValue};
use actix_web::http::uri::PathAndQuery;
use awc::ConnectRequest;
use awc::error::{InvalidUrl, SendRequestError};
use greenlane_routing::Sending;

pub(super) fn uri(request: &ConnectRequest) -> &Uri {
    match request {
        ConnectRequest::Client(head, ..) => &head.as_ref().uri,
        ConnectRequest::Tunnel(head, _) => &head.uri,
    }
}

/// A copy of a head; what several sendings share stays shared.
pub(super) fn copy(head: &RequestHeadType) -> RequestHeadType {
    match head {
        RequestHeadType::Owned(head) => RequestHeadType::Owned(head.clone()),
        RequestHeadType::Rc(head, extra) => RequestHeadType::Rc(Rc::clone(head), extra.clone()),
    }
}

/// Rewrites a request for where it goes now. An address that was resolved before is another's.
pub(super) fn rewrite(
    request: &mut ConnectRequest,
    sending: &Sending,
) -> Result<(), SendRequestError> {
    match request {
        ConnectRequest::Client(head, _, address) => {
            *address = None;
            match head {
                RequestHeadType::Owned(head) => rewrite_head(head, None, sending),
                RequestHeadType::Rc(head, extra) => {
                    rewrite_head(Rc::make_mut(head), extra.as_ref(), sending)
                }
            }
        }
        ConnectRequest::Tunnel(head, address) => {
            *address = None;
            rewrite_head(head, None, sending)
        }
    }
}

fn rewrite_head(
    head: &mut RequestHead,
    extra: Option<&HeaderMap>,
    sending: &Sending,
) -> Result<(), SendRequestError> {
    let path = head.uri.path_and_query().cloned();
    // awc's URIs are those of `http` 0.2.
    let there = Uri::builder()
        .scheme(sending.address().scheme_for(head.uri.scheme_str()))
        .authority(sending.address().authority().as_str())
        .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
        .build();
    let there = there.map_err(|error| SendRequestError::Url(InvalidUrl::HttpError(error)))?;
    let asked = std::mem::replace(&mut head.uri, there);
    let asked = asked.authority().map_or("", |authority| authority.as_str());
    let asked = asked.rsplit('@').next().unwrap_or_default();
    // awc sets it for WebSockets before anybody else sees them; that is not the application's.
    let set = head.headers.get(HOST).filter(|host| host.as_bytes() != asked.as_bytes());
    if set.is_some() || extra.is_some_and(|extra| extra.contains_key(HOST)) {
        return Ok(());
    }
    let there = head.uri.authority().map_or("", |authority| authority.as_str());
    let host = if sending.keeps_host() { asked } else { there };
    if let Ok(host) = HeaderValue::from_str(host) {
        head.headers.insert(HOST, host);
    }
    Ok(())
}
