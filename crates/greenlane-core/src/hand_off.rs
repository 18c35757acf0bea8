//! Taking the lane along.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::lane::Scoped;

pin_project! {
    /// A future in a [`Scope`](crate::Scope), made by [`Scope::run`](crate::Scope::run): polled
    /// and dropped inside.
    pub struct InScope<F: Future> {
        #[pin]
        scoped: Scoped<F>,
    }
}

impl<F: Future> InScope<F> {
    pub(crate) fn new(scoped: Scoped<F>) -> Self {
        Self { scoped }
    }
}

impl<F: Future> Future for InScope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().scoped.poll(cx)
    }
}

impl<F: Future> fmt::Debug for InScope<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InScope")
    }
}
