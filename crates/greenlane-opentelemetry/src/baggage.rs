//! The baggage of others, which must come out as it went in.
//!
//! OpenTelemetry's `Baggage` is a map of decoded values: the order is lost, and so is how a value was written.
//! So what arrived stays beside it, and what the application has not changed leaves as it came.

use std::borrow::Cow;

use greenlane_core::Greenlane;
use greenlane_core::baggage::{Member, members};
use opentelemetry::baggage::{Baggage, BaggageExt, BaggageMetadata, KeyValueMetadata};
use opentelemetry::{Context, StringValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What any reader takes for the value itself, and no more.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The members that arrived, in order: a value of the context, beside its `Baggage`.
#[derive(Debug)]
pub(crate) struct Arrived(Vec<ArrivedMember>);

#[derive(Debug)]
struct ArrivedMember {
    key: String,
    value: String,
    properties: String,
    raw: String,
}

impl Arrived {
    /// Reads a line of well-formed members, but for what names a preview.
    pub(crate) fn read(line: &[u8], greenlane: &Greenlane) -> Self {
        let arrived = members(line).flatten().map(|member| ArrivedMember::of(&member));
        Self(arrived.filter(|member| !greenlane.guards_member(&member.key)).collect())
    }

    /// What the application sees.
    ///
    /// Properties are not decoded: `BaggagePropagator` writes them as they stand here, and control characters in
    /// them would make a header that some clients panic at.
    pub(crate) fn baggage(&self) -> Baggage {
        let seen = self.0.iter().map(|member| {
            let (key, value) = (member.key.clone(), member.value.clone());
            KeyValueMetadata::new(key, value, member.properties.as_str())
        });
        seen.collect()
    }

    /// Whether the member is what the application left as it was. Where a key came twice, the last one is what it
    /// saw.
    fn is_intact(&self, key: &str, baggage: &Baggage) -> bool {
        let last = self.0.iter().rev().find(|member| member.key == key);
        match (last, baggage.get_with_metadata(key)) {
            (Some(last), Some((value, metadata))) => last.says(value, metadata),
            _ => false,
        }
    }
}

impl ArrivedMember {
    fn of(member: &Member<'_>) -> Self {
        let raw = String::from_utf8_lossy(member.raw()).into_owned();
        let properties = raw.split_once(';').map_or("", |(_, properties)| properties);
        Self {
            key: String::from_utf8_lossy(member.key()).into_owned(),
            value: member.value().into_owned(),
            properties: properties.trim().to_owned(),
            raw,
        }
    }

    fn says(&self, value: &StringValue, metadata: &BaggageMetadata) -> bool {
        self.value == value.as_str() && self.properties == metadata.as_str()
    }
}

/// The context's baggage as one line, without what names a preview: what is intact first, as it came and in order;
/// then what was changed or added, by key.
pub(crate) fn line(cx: &Context, greenlane: &Greenlane) -> String {
    let nothing = Arrived(Vec::new());
    let (baggage, arrived) = (cx.baggage(), cx.get::<Arrived>().unwrap_or(&nothing));
    let intact = arrived.0.iter().filter(|member| arrived.is_intact(&member.key, baggage));
    let mut line: Vec<Cow<'_, str>> = intact.map(|member| Cow::from(&*member.raw)).collect();
    let others = baggage.iter().filter(|(key, _)| !greenlane.guards_member(key.as_str()));
    let mut others: Vec<_> =
        others.filter(|(key, _)| !arrived.is_intact(key.as_str(), baggage)).collect();
    others.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
    let written = others.into_iter().map(|(key, (value, metadata))| {
        let value = utf8_percent_encode(value.as_str(), ENCODED);
        Cow::from(format!("{key}={value}{}", properties(metadata.as_str())))
    });
    line.extend(written);
    line.join(",")
}

/// The well-formed ones among these properties. One with a comma could else begin a member of its own.
fn properties(metadata: &str) -> String {
    let well_formed = metadata.split(';').map(str::trim).filter(|property| {
        let alone = format!("k=v;{property}");
        let mut members = members(alone.as_bytes());
        matches!((members.next(), members.next()), (Some(Ok(_)), None))
    });
    well_formed.flat_map(|property| [";", property]).collect()
}

/// The context without what names a preview in its baggage; `None` where there is nothing of the kind.
pub(crate) fn without_previews(cx: &Context, handles: &[Greenlane]) -> Option<Context> {
    names_preview(cx, handles).then(|| {
        let others = cx.baggage().iter().filter(|(key, _)| !guards(handles, key.as_str()));
        let others =
            others.map(|(key, (value, metadata))| (key.clone(), (value.clone(), metadata.clone())));
        cx.with_baggage(others.collect::<Baggage>())
    })
}

/// Whether the context's baggage names a preview.
pub(crate) fn names_preview(cx: &Context, handles: &[Greenlane]) -> bool {
    cx.baggage().iter().any(|(key, _)| guards(handles, key.as_str()))
}

fn guards(handles: &[Greenlane], key: &str) -> bool {
    handles.iter().any(|greenlane| greenlane.guards_member(key))
}
