//! What is printed.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use greenlane::{Hop, Preview, Role, Served, Trail};
use serde::Serialize;

use crate::fleet::Answer;

/// The document that `--json` prints.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    requests: Vec<Request<'a>>,
}

#[derive(Debug, Serialize)]
struct Request<'a> {
    wanted: Option<&'a str>,
    status: u16,
    trail: Vec<Entry<'a>>,
}

#[derive(Debug, Serialize)]
struct Entry<'a> {
    service: &'a str,
    served: &'static str,
    version: Option<&'a str>,
    role: Option<&'static str>,
    depth: u8,
    /// Of an answer without a trail.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
}

impl<'a> Document<'a> {
    /// The document for these answers.
    pub fn of(answers: &'a [Answer]) -> Self {
        let requests = answers.iter().map(|answer| Request {
            wanted: answer.wanted.as_ref().map(Preview::as_str),
            status: answer.status,
            trail: answer.trail.hops().iter().map(entry).collect(),
        });
        Self { requests: requests.collect() }
    }
}

fn entry(hop: &Hop) -> Entry<'_> {
    Entry {
        service: hop.service(),
        served: hop.served().as_str(),
        version: hop.version(),
        role: hop.role().map(Role::as_str),
        depth: hop.depth(),
        status: hop.status(),
    }
}

/// An answer for people: what was asked, what came back, and the trail as a tree. Coloured; the
/// stream that it is written to takes the colours off where they don't belong.
pub fn tree(answer: &Answer) -> String {
    let bold = Style::new().bold();
    let asked = match &answer.wanted {
        None => "A production request".to_owned(),
        Some(preview) => format!("A tester's request for {preview}"),
    };
    let mut text = format!("{bold}{asked}{bold:#}\n");
    let _ = writeln!(text, "  answer: {} {}", answer.status, answer.body.trim_end());
    if answer.trail.hops().is_empty() {
        let _ = writeln!(text, "  no trail: users are not told who served them");
    }
    for index in 0..answer.trail.hops().len() {
        line(&mut text, &answer.trail, index);
    }
    text
}

fn line(text: &mut String, trail: &Trail, index: usize) {
    let Some(hop) = trail.hops().get(index) else { return };
    let branches = branches(trail.hops(), index);
    let name = format!("{branches}{}", hop.service());
    let style = style(hop.served());
    let version = hop.version().unwrap_or_default();
    let status = hop.status().map(|status| format!("status {status}")).unwrap_or_default();
    let rest = format!("{version} {status}");
    let _ = writeln!(
        text,
        "  {name:<24} {style}{:<11}{style:#} {}",
        hop.served().as_str(),
        rest.trim()
    );
}

/// `│  └─ ` and the like, for the hop at this place of a pre-order.
fn branches(hops: &[Hop], index: usize) -> String {
    let (own, behind) =
        (hops.get(index).map_or(0, Hop::depth), hops.get(index + 1..).unwrap_or_default());
    let continues = |depth: u8| {
        behind.iter().find(|hop| hop.depth() <= depth).is_some_and(|hop| hop.depth() == depth)
    };
    let above = (1..own).map(|depth| if continues(depth) { "│  " } else { "   " });
    let last = (own > 0).then(|| if continues(own) { "├─ " } else { "└─ " });
    above.chain(last).collect()
}

fn style(served: Served) -> Style {
    let colour = match served {
        Served::Preview | Served::Promoted => AnsiColor::Green,
        Served::Active => AnsiColor::Blue,
        _ => AnsiColor::Red,
    };
    colour.on_default().bold()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_has_the_shape_of_the_calls() {
        let trail = "a;served=preview, b;d=1;served=active, c;d=2;served=active, d;d=3;served=active, \
                     e;d=2;served=active, f;d=1;served=active";
        let trail = Trail::parse(trail.as_bytes()).unwrap();
        let drawn: Vec<_> = (0..6).map(|index| branches(trail.hops(), index)).collect();
        assert_eq!(drawn, ["", "├─ ", "│  ├─ ", "│  │  └─ ", "│  └─ ", "└─ "]);
    }
}
