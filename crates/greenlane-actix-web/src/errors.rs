//! What an error's response is to have.

use actix_web::Error;
use greenlane_core::{HeaderName, HeaderSink, HeaderSource};

use crate::headers::Headers;

/// Puts the trail on the response that actix will make of this error, further out. The error itself
/// stays as it is.
pub(crate) fn answered(mut error: Error, answer: impl FnOnce(u16, &mut Changes)) -> Error {
    let mut changes = Changes::default();
    let status = error.as_response_error().status_code().as_u16();
    answer(status, &mut changes);
    if !changes.0.is_empty() {
        error.add_response_mapper(move |mut response| {
            changes.make(&mut Headers(response.headers_mut()));
            response
        });
    }
    error
}

/// Notes changes, to be made later and perhaps more than once. It can't be looked at what is there
/// already: some errors give their response away only once.
#[derive(Default)]
pub(crate) struct Changes(Vec<(HeaderName, Option<Box<[u8]>>)>);

impl Changes {
    fn make(&self, headers: &mut impl HeaderSink) {
        for (name, value) in &self.0 {
            match value {
                Some(value) => headers.append(name, value),
                None => headers.remove(name),
            }
        }
    }
}

impl HeaderSource for Changes {
    fn visit<'a>(&'a self, _: &HeaderName, _: &mut dyn FnMut(&'a [u8])) {}

    /// It may be: what is to be removed is removed.
    fn has(&self, _: &HeaderName) -> bool {
        true
    }
}

impl HeaderSink for Changes {
    fn append(&mut self, name: &HeaderName, value: &[u8]) {
        self.0.push((name.clone(), Some(value.into())));
    }

    fn remove(&mut self, name: &HeaderName) {
        self.0.push((name.clone(), None));
    }
}
