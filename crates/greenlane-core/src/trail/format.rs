//! The trail as text: a list of items with parameters, RFC 9651, sections 3.1 and 4.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;

use sfv::visitor::{
    EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ListVisitor, ParameterVisitor,
};
use sfv::{BareItemFromInput, KeyRef, Parser};

use super::hop::Hop;
use crate::preview::Preview;
use crate::role::Role;
use crate::verdict::Served;

/// At most so many hops, after folding.
pub(super) const MAX_HOPS: usize = 64;
/// At most so many bytes: nginx's default buffers answer 502 near 4 KiB of response head.
pub(super) const MAX_BYTES: usize = 2048;

/// Stands behind the last hop of a trail that was cut: an item without a verdict.
const TRUNCATED: &str = "truncated";

/// A trail header that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrailError {
    /// Longer than a trail may be.
    #[error("the trail has {0} bytes, at most {max} are read", max = MAX_BYTES)]
    TooLong(usize),
    /// More hops than a trail may have.
    #[error("the trail has more than {max} hops", max = MAX_HOPS)]
    TooManyHops,
    /// No list of items by RFC 9651.
    #[error("the trail is no RFC 9651 list: {0}")]
    NotAList(String),
    /// The hop at this index is none.
    #[error("hop {index} of the trail: {problem}")]
    BadHop {
        /// The hop's place in the list, from 0.
        index: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
}

pub(super) fn render(hops: &[Hop], truncated: &mut bool) -> Option<String> {
    let room = MAX_BYTES - ", ".len() - TRUNCATED.len();
    let mut text = String::with_capacity(256);
    for (index, hop) in hops.iter().enumerate() {
        let before = text.len();
        if before > 0 {
            text.push_str(", ");
        }
        let written = write(hop, &mut text);
        if written.is_none() || text.len() > room || index >= MAX_HOPS {
            text.truncate(before);
            *truncated = true;
            break;
        }
    }
    if *truncated {
        let separator = if text.is_empty() { "" } else { ", " };
        text.push_str(separator);
        text.push_str(TRUNCATED);
    }
    (!text.is_empty()).then_some(text)
}

/// `None` when a field has characters that the format can't hold. By hand, since a request waits for it: serializing an
/// item, RFC 9651, section 4.1.3.
fn write(hop: &Hop, text: &mut String) -> Option<()> {
    name(&hop.service, text)?;
    if hop.depth > 0 {
        number(";d=", hop.depth, text);
    }
    text.push_str(";served=");
    text.push_str(hop.served.as_str());
    if let Some(version) = &hop.version {
        text.push_str(";version=");
        string(version, text)?;
    }
    if let Some(role) = hop.role {
        text.push_str(";role=");
        text.push_str(role.as_str());
    }
    if let Some(status) = hop.status {
        number(";status=", status, text);
    }
    if hop.attempt > 1 {
        number(";attempt=", hop.attempt, text);
    }
    if hop.times > 1 {
        number(";n=", hop.times, text);
    }
    if let Some(reason) = &hop.reason {
        text.push_str(";reason=");
        name(reason, text)?;
    }
    if let Some(wanted) = &hop.wanted {
        text.push_str(";wanted=");
        name(wanted.as_str(), text)?;
    }
    Some(())
}

fn number(key: &str, number: impl Into<u64>, text: &mut String) {
    // Writing to a string does not fail.
    _ = write!(text, "{key}{}", number.into());
}

/// A Token where it is one, else a String.
fn name(name: &str, text: &mut String) -> Option<()> {
    let begins = |b: u8| b.is_ascii_alphabetic() || b == b'*';
    let goes_on = |b: u8| {
        b.is_ascii_alphanumeric()
            || matches!(b, b'-' | b'.' | b'_')
            || b"!#$%&'*+^`|~:/".contains(&b)
    };
    if name.bytes().next().is_some_and(begins) && name.bytes().all(goes_on) {
        text.push_str(name);
        return Some(());
    }
    string(name, text)
}

fn string(string: &str, text: &mut String) -> Option<()> {
    let (mut fits, mut plain) = (true, true);
    for byte in string.bytes() {
        fits &= matches!(byte, b' '..=b'~');
        plain &= !matches!(byte, b'"' | b'\\');
    }
    text.push('"');
    if plain {
        text.push_str(string);
    } else {
        for character in string.chars() {
            if matches!(character, '"' | '\\') {
                text.push('\\');
            }
            text.push(character);
        }
    }
    text.push('"');
    fits.then_some(())
}

/// The hops, and whether the trail was cut.
pub(super) fn parse(value: &[u8]) -> Result<(Vec<Hop>, bool), TrailError> {
    if value.len() > MAX_BYTES {
        return Err(TrailError::TooLong(value.len()));
    }
    let mut items = Items::default();
    Parser::new(value)
        .parse_list_with_visitor(&mut items)
        .map_err(|error| TrailError::NotAList(error.to_string()))?;
    items.complete();
    items.problem.map_or(Ok((items.hops, items.truncated)), Err)
}

/// A list's items as they are parsed: those that are hops, and the first problem.
#[derive(Default)]
struct Items {
    hops: Vec<Hop>,
    truncated: bool,
    /// How many are complete.
    complete: usize,
    item: Option<Item>,
    problem: Option<TrailError>,
}

/// The item that is being parsed. What is no hop is one without.
#[derive(Default)]
struct Item {
    hop: Option<Hop>,
    served: Option<Served>,
    bad_depth: bool,
}

impl Items {
    fn begin(&mut self, hop: Option<Hop>) {
        self.complete();
        self.item = Some(Item { hop, ..Item::default() });
    }

    fn complete(&mut self) {
        if let (Some(item), None) = (self.item.take(), &self.problem) {
            self.problem = self.add(item).err();
            self.complete += 1;
        }
    }

    fn add(&mut self, item: Item) -> Result<(), TrailError> {
        let index = self.complete;
        let bad = |problem| TrailError::BadHop { index, problem };
        if self.truncated {
            return Err(bad("it stands behind the mark of a cut"));
        }
        let Some(mut hop) = item.hop else {
            return Err(bad("it is neither Token nor String"));
        };
        if item.served.is_none() && &*hop.service == TRUNCATED {
            self.truncated = true;
            return Ok(());
        }
        hop.served = item.served.ok_or_else(|| bad("it has no `served`"))?;
        let deepest = self.hops.last().map_or(0, |above| above.depth.saturating_add(1));
        if item.bad_depth || hop.depth > deepest {
            return Err(bad("its depth does not follow from the hop before"));
        }
        if self.hops.len() >= MAX_HOPS {
            return Err(TrailError::TooManyHops);
        }
        self.hops.push(hop);
        Ok(())
    }
}

impl<'de> ListVisitor<'de> for &mut Items {
    type Out = ();
    type Error = Infallible;

    fn entry(&mut self) -> Result<impl EntryVisitor<'de>, Infallible> {
        Ok(Entry(self))
    }

    fn finish(self) -> Result<(), Infallible> {
        Ok(())
    }
}

struct Entry<'a>(&'a mut Items);

impl<'de> ItemVisitor<'de> for Entry<'_> {
    type Out = ();
    type Error = Infallible;

    fn bare_item(
        self,
        item: BareItemFromInput<'de>,
    ) -> Result<impl ParameterVisitor<'de, Out = ()>, Infallible> {
        self.0.begin(text(&item).map(|name| Hop::of_call(name, Served::Unknown)));
        Ok(Parameters(self.0))
    }
}

impl<'de> EntryVisitor<'de> for Entry<'_> {
    type Error = Infallible;

    fn item(self) -> Result<impl ItemVisitor<'de>, Infallible> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Infallible> {
        self.0.begin(None);
        Ok(Ignored)
    }
}

struct Parameters<'a>(&'a mut Items);

impl<'de> ParameterVisitor<'de> for Parameters<'_> {
    type Out = ();
    type Error = Infallible;

    fn parameter(
        &mut self,
        key: &'de KeyRef,
        value: BareItemFromInput<'de>,
    ) -> Result<(), Infallible> {
        let Some(item) = &mut self.0.item else {
            return Ok(());
        };
        let Some(hop) = &mut item.hop else {
            return Ok(());
        };
        match key.as_str() {
            "d" => match integer(&value) {
                Some(depth) => hop.depth = depth,
                None => item.bad_depth = true,
            },
            "served" => item.served = token(&value).map(Served::from_token),
            "version" => hop.version = text(&value),
            "role" => hop.role = token(&value).and_then(|token| token.parse::<Role>().ok()),
            "status" => hop.status = integer(&value),
            "attempt" => hop.attempt = integer(&value).unwrap_or(1).max(1),
            "n" => hop.times = integer(&value).unwrap_or(1).max(1),
            "reason" => hop.reason = text(&value),
            "wanted" => hop.wanted = text(&value).and_then(|name| name.parse::<Preview>().ok()),
            _ => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Infallible> {
        Ok(())
    }
}

fn token<'de>(value: &BareItemFromInput<'de>) -> Option<&'de str> {
    match value {
        BareItemFromInput::Token(token) => Some(token.as_str()),
        _ => None,
    }
}

/// Names, versions and reasons of up to 128 characters; longer ones are cut.
fn text(value: &BareItemFromInput<'_>) -> Option<Arc<str>> {
    const MAX: usize = 128;
    let text = match value {
        BareItemFromInput::Token(token) => token.as_str(),
        BareItemFromInput::String(string) => string.as_str(),
        _ => return None,
    };
    Some(match text.char_indices().nth(MAX) {
        Some((end, _)) => text.get(..end).unwrap_or_default().into(),
        None => text.into(),
    })
}

fn integer<T: TryFrom<i64>>(value: &BareItemFromInput<'_>) -> Option<T> {
    match value {
        BareItemFromInput::Integer(number) => T::try_from(i64::from(*number)).ok(),
        _ => None,
    }
}
