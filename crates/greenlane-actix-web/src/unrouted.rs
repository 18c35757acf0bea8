//! Without the feature `routing` every call goes where its URL says.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use awc::error::SendRequestError;
use awc::{ConnectRequest, ConnectResponse};

use crate::outbound::Outbound;

pub(crate) type Sent = Pin<Box<dyn Future<Output = Result<ConnectResponse, SendRequestError>>>>;

#[derive(Clone, Debug, Default)]
pub(crate) struct Table;

#[derive(Debug)]
pub(crate) struct Routed;

impl Table {
    pub(crate) fn route<S>(
        &self,
        _: &Outbound,
        _: &Rc<S>,
        request: ConnectRequest,
    ) -> Result<(ConnectRequest, Routed), SendRequestError> {
        Ok((request, Routed))
    }
}

impl Routed {
    pub(crate) fn service(&self) -> Option<&str> {
        None
    }

    pub(crate) fn attempt(&self) -> u32 {
        1
    }

    pub(crate) fn again(&mut self, _: &Result<ConnectResponse, SendRequestError>) -> Option<Sent> {
        None
    }
}
