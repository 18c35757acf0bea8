//! Without the feature `routing` every call goes where its URL says.

use greenlane_core::{Attempts, Greenlane, Lane};
use reqwest::{Request, Response, Url};
use reqwest_middleware::Result;

#[derive(Clone, Debug, Default)]
pub(crate) struct Table;

#[derive(Debug)]
pub(crate) struct Routed;

impl Table {
    pub(crate) fn route(
        &self,
        _: &Greenlane,
        _: Option<&Lane>,
        _: Option<&str>,
        _: &mut Option<Attempts>,
        _: &Request,
    ) -> Result<Routed> {
        Ok(Routed)
    }

    pub(crate) fn is_there(&self) -> bool {
        false
    }

    pub(crate) fn lists(&self, _: &Url) -> bool {
        false
    }
}

impl Routed {
    pub(crate) fn rewrite(&self, _: &mut Request) -> Result<()> {
        Ok(())
    }

    pub(crate) fn service(&self) -> Option<&str> {
        None
    }

    pub(crate) fn called(&self) -> Option<&Url> {
        None
    }

    pub(crate) fn skips(&self) -> bool {
        false
    }

    pub(crate) fn keeps_host(&self) -> bool {
        false
    }

    pub(crate) fn keep(&mut self, _: &mut Request) {}

    pub(crate) fn falls_back(
        &mut self,
        _: &Result<Response>,
        _: Option<bool>,
        _: &mut Request,
    ) -> bool {
        false
    }
}
