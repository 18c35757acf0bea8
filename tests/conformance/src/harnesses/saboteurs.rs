//! Two harnesses that must fail: they keep the suite honest.

use std::net::SocketAddr;
use std::sync::Arc;

use ::tower::ServiceExt;
use ::tower::util::BoxCloneSyncService;
use futures_util::future::BoxFuture;
use greenlane_core::Greenlane;
use greenlane_tower::BoxError;
use tokio::task::JoinSet;

use crate::harness::{Client, Handler, Harness, Settings};
use crate::harnesses::tower::{self as reference, TowerClient};

/// Serves and calls without Greenlane.
pub struct Without;

impl Harness for Without {
    fn name(&self) -> &'static str {
        "without"
    }

    fn crates(&self) -> &'static [&'static str] {
        &[]
    }

    fn serve(&self, _: Vec<Greenlane>, handler: Handler) -> BoxFuture<'static, SocketAddr> {
        Box::pin(reference::serve(Vec::new(), handler))
    }

    fn client(&self, _: &Greenlane, _: Settings) -> Arc<dyn Client> {
        let client = reference::bare().map_err(BoxError::from);
        Arc::new(TowerClient(BoxCloneSyncService::new(client)))
    }
}

/// Has Greenlane on both sides, and loses the lane between them: each handler runs in a task that
/// takes nothing along.
pub struct Forgetful;

impl Harness for Forgetful {
    fn name(&self) -> &'static str {
        "forgetful"
    }

    fn crates(&self) -> &'static [&'static str] {
        &[]
    }

    fn serve(&self, inbounds: Vec<Greenlane>, handler: Handler) -> BoxFuture<'static, SocketAddr> {
        let forgetful: Handler = Arc::new(move |request| {
            // The task ends with the request; but for the lane, nothing is lost.
            let mut task = JoinSet::new();
            task.spawn(handler(request));
            Box::pin(async move { task.join_next().await.unwrap().unwrap() })
        });
        Box::pin(reference::serve(inbounds, forgetful))
    }
}
