//! What is as good as a wire to others, and how others are made to drop one.

use super::wires::Wires;
use crate::baggage::trim;
use crate::carrier::{CONNECTION, HeaderName, HeaderSink};

/// How a baggage member is written in headers of its own: by OpenTracing and Datadog, and by Jaeger.
const OLDER_FORMS: [&str; 2] = ["ot-baggage-", "uberctx-"];

/// Jaeger's list of baggage, for debugging: OpenTelemetry for Java reads it too.
const OLDER_LIST: &str = "jaeger-baggage";

/// So many hyphens are told apart from `_`; those behind stay hyphens.
const MAX_HYPHENS: usize = 6;

impl Wires {
    /// Headers that are no wires of ours, and that somebody behind could take for one: names with `_`, which
    /// servers in the manner of CGI (RFC 3875, section 4.1.18) can't tell from `-`, and older tracers' forms of
    /// our baggage members.
    pub(crate) fn lookalikes(&self) -> Vec<HeaderName> {
        let older = self.baggage_keys().flat_map(|key| {
            let list = OLDER_LIST.to_owned();
            OLDER_FORMS.map(|form| format!("{form}{key}")).into_iter().chain([list])
        });
        let ours = self.own_headers().map(|name| name.as_str().to_owned());
        let spelled = |name: String| folded(&name).chain([name.clone()]).collect::<Vec<_>>();
        let mut names: Vec<HeaderName> = Vec::new();
        for name in ours.chain(older).flat_map(spelled) {
            let name = HeaderName::lookalike(&name).filter(|name| !names.contains(name));
            names.extend(name.filter(|name| !self.own_headers().any(|ours| ours == name)));
        }
        names
    }

    /// Whether an option of `Connection` names a header that a lane is read from or written to.
    pub(crate) fn are_named_by(&self, option: &str) -> bool {
        self.headers.iter().any(|header| header.as_str().eq_ignore_ascii_case(option))
    }
}

/// Every spelling with at least one `_` in place of a hyphen.
fn folded(name: &str) -> impl Iterator<Item = String> + use<> {
    let name = name.to_owned();
    let hyphens = name.bytes().filter(|b| *b == b'-').take(MAX_HYPHENS).count();
    (1_u64..1 << hyphens).map(move |mask| {
        let mut place = 0_u32;
        let spell = |c: char| {
            if c != '-' {
                return c;
            }
            let folds = mask.checked_shr(place).is_some_and(|rest| rest & 1 == 1);
            place += 1;
            if folds { '_' } else { '-' }
        };
        name.chars().map(spell).collect()
    })
}

/// Takes options that name headers of ours off `Connection`: whoever hands the message on would drop the
/// headers that are named there (RFC 9110, section 7.6.1,
/// <https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1>), and so does hyper's own client on HTTP/2. Other
/// options stay.
pub(crate) fn keep_from_connection(headers: &mut impl HeaderSink, ours: impl Fn(&str) -> bool) {
    if !headers.has(&CONNECTION) {
        return;
    }
    let is_ours = |option: &&[u8]| std::str::from_utf8(trim(option)).is_ok_and(&ours);
    let mut found = false;
    headers.visit(&CONNECTION, &mut |line| {
        found |= line.split(|b| *b == b',').any(|option| is_ours(&option));
    });
    if !found {
        return;
    }
    let mut kept: Vec<Vec<u8>> = Vec::new();
    headers.visit(&CONNECTION, &mut |line| {
        let others = line.split(|b| *b == b',').filter(|option| !is_ours(option)).map(trim);
        kept.push(others.collect::<Vec<_>>().join(b", ".as_slice()));
    });
    headers.remove(&CONNECTION);
    for line in kept.iter().filter(|line| !line.is_empty()) {
        headers.append(&CONNECTION, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Wire;
    use crate::carrier::test_headers::headers;

    #[test]
    fn names_that_others_take_for_ours_are_known() {
        let names = |wires: Vec<Wire>| {
            let names = Wires::of(wires).lookalikes();
            names.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>()
        };
        let default = vec![Wire::header("x-preview").unwrap(), Wire::baggage("preview").unwrap()];
        let all = names(default.clone());
        for known in [
            "x_preview",
            "ot-baggage-preview",
            "ot_baggage_preview",
            "uberctx-preview",
            "uberctx_preview",
            "jaeger-baggage",
        ] {
            assert!(all.contains(&known.to_owned()), "{known}: {all:?}");
        }
        assert!(!all.contains(&"x-preview".to_owned()), "that is a wire");
        let older = [default, Wire::ot_baggage("preview").unwrap()].concat();
        let older = names(older);
        assert!(!older.contains(&"ot-baggage-preview".to_owned()), "that is a wire now");
        for folded in ["ot_baggage_preview", "ot-baggage_preview", "ot_baggage-preview"] {
            assert!(older.contains(&folded.to_owned()), "{older:?}");
        }
        let hyphens = Wire::header(&"a-".repeat(20)).unwrap();
        assert_eq!(names(vec![hyphens]).len(), 63, "there is a bound");
        assert!(
            names(vec![Wire::baggage("Preview").unwrap()]).contains(&"uberctx-preview".to_owned())
        );
    }

    #[test]
    fn connection_names_nothing_of_ours_and_keeps_the_rest() {
        let wires =
            Wires::of(vec![Wire::header("x-preview").unwrap(), Wire::baggage("preview").unwrap()]);
        let left = |lines: &[&str]| {
            let lines: Vec<_> = lines.iter().map(|line| ("connection", *line)).collect();
            let mut headers = headers(&lines);
            keep_from_connection(&mut headers, |option| wires.are_named_by(option));
            let left = headers.get_all("connection").iter();
            left.map(|line| line.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(left(&["keep-alive,Upgrade", "x-other"]), ["keep-alive,Upgrade", "x-other"]);
        assert_eq!(left(&["Upgrade, X-Preview ,keep-alive"]), ["Upgrade, keep-alive"]);
        assert_eq!(left(&["close", "x-preview", "baggage,te"]), ["close", "te"]);
        assert!(left(&["x-preview, BAGGAGE"]).is_empty());
        assert!(left(&[]).is_empty());
    }
}
