//! Previews that are found again without reading.

use memchr::{memchr, memchr2_iter};

use super::values::{Line, WireValues};
use super::wires::Wires;
use crate::carrier::{HeaderSource, HeaderValue};
use crate::preview::Preview;

/// What headers say, as far as that needs no reading.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Look<P> {
    /// Nothing of a preview.
    Nothing,
    /// Every line that says something names this preview, to the letter.
    Preview(P),
    /// They have to be read.
    Unclear,
}

/// Previews that headers may name.
pub(crate) trait Candidates {
    /// A preview, with its values.
    type Preview;

    /// The values of a preview.
    fn values(preview: &Self::Preview) -> &WireValues;

    /// The one that was named last, if `is` holds for it.
    fn last(&self, is: impl Fn(&WireValues) -> bool) -> Option<Self::Preview>;

    /// The one of this name.
    fn named(&self, name: &[u8]) -> Option<Self::Preview>;
}

impl Wires {
    /// The values for a preview; `None` where no header can hold them.
    pub(crate) fn values(&self, preview: &Preview) -> Option<WireValues> {
        let name = HeaderValue::new(preview.as_str().as_bytes())?;
        let members = HeaderValue::new(&self.opening(Some(preview)).line)?;
        Some(WireValues { name, members })
    }

    /// Looks at headers without reading them, for one of these previews.
    #[inline]
    pub(crate) fn look<C: Candidates>(
        &self,
        headers: &(impl HeaderSource + ?Sized),
        candidates: &C,
    ) -> Look<C::Preview> {
        if self.have_lines(headers) {
            self.look_at_lines(headers, candidates)
        } else {
            Look::Nothing
        }
    }

    /// [`look`](Wires::look), at headers that have lines of these wires.
    #[inline(never)]
    fn look_at_lines<C: Candidates>(
        &self,
        headers: &(impl HeaderSource + ?Sized),
        candidates: &C,
    ) -> Look<C::Preview> {
        let mut look = Look::Nothing;
        headers.visit_any(&self.headers, &mut |place, text| {
            let line = self.lines.get(place).copied().unwrap_or(Line::Other);
            let is_others = || line == Line::Baggage && self.are_surely_others(text);
            look = match std::mem::replace(&mut look, Look::Unclear) {
                Look::Nothing => {
                    let says = |values: &WireValues| self.says(line, text, values);
                    let named = || {
                        let named = candidates.named(self.name_on(line, text)?)?;
                        says(C::values(&named)).then_some(named)
                    };
                    match candidates.last(says).or_else(named) {
                        Some(found) => Look::Preview(found),
                        None if is_others() => Look::Nothing,
                        None => Look::Unclear,
                    }
                }
                Look::Preview(found) if self.says(line, text, C::values(&found)) || is_others() => {
                    Look::Preview(found)
                }
                Look::Preview(_) | Look::Unclear => Look::Unclear,
            };
        });
        look
    }

    /// The name on a line, if it stands where we write it.
    fn name_on<'t>(&self, line: Line, text: &'t [u8]) -> Option<&'t [u8]> {
        match line {
            Line::Name => Some(text),
            Line::Baggage => {
                let text = text.strip_prefix(&*self.first_member)?;
                text.get(..memchr(b',', text).unwrap_or(text.len()))
            }
            Line::Other => None,
        }
    }

    /// Whether this is the line that we write for the preview. Others' members may stand behind it.
    #[inline]
    fn says(&self, line: Line, text: &[u8], values: &WireValues) -> bool {
        match line {
            Line::Name => text == values.name.as_bytes(),
            Line::Baggage => match text.strip_prefix(values.members.as_bytes()) {
                Some([]) => true,
                Some(rest @ [b',', ..]) => self.are_surely_others(rest),
                _ => false,
            },
            Line::Other => false,
        }
    }

    /// Whether no member of these could be ours, also to a laxer reader.
    fn are_surely_others(&self, members: &[u8]) -> bool {
        memchr(b'%', members).is_none() && !self.baggage_keys().any(|key| holds(members, key))
    }
}

/// Whether the key stands there somewhere, in whatever case.
fn holds(text: &[u8], key: &str) -> bool {
    let Some(first) = key.bytes().next() else { return true };
    let mut places = memchr2_iter(first.to_ascii_lowercase(), first.to_ascii_uppercase(), text);
    places.any(|at| {
        text.get(at..at + key.len()).is_some_and(|text| text.eq_ignore_ascii_case(key.as_bytes()))
    })
}
