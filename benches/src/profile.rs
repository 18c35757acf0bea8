//! Where a hop's instructions go, function by function, as callgrind writes it down:
//! <https://valgrind.org/docs/manual/cl-format.html>.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Serialize;

use crate::callgrind;

/// Instructions of one hop by function, without what it calls.
#[derive(Debug, Default, Serialize)]
pub struct Profile(BTreeMap<String, f64>);

impl Profile {
    /// That of one contender and case.
    ///
    /// # Errors
    ///
    /// As [`callgrind::instructions`].
    pub fn of(cell: &Path, contender: &str, case: &str) -> Result<Self, String> {
        Ok(Self::read(&callgrind::written(cell, contender, case)?, callgrind::HOPS))
    }

    /// What callgrind wrote of so many hops.
    pub fn read(written: &str, hops: u32) -> Self {
        Self(by_function(written, f64::from(hops)))
    }

    /// What is more than in another one. What is less is negative.
    #[must_use]
    pub fn beyond(mut self, other: &Self) -> Self {
        for (function, count) in &other.0 {
            *self.0.entry(function.clone()).or_default() -= count;
        }
        self
    }
}

/// The functions that most goes to.
impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut functions: Vec<_> = self.0.iter().collect();
        functions.sort_by(|a, b| b.1.total_cmp(a.1));
        writeln!(f, "| instructions | function |\n|---:|---|")?;
        for (function, count) in functions.iter().filter(|(_, count)| **count >= 15.0) {
            writeln!(f, "| {count:.0} | `{}` |", shortened(function))?;
        }
        let all: f64 = self.0.values().sum();
        write!(f, "| **{all:.0}** | all, with those below 15 |")
    }
}

fn by_function(written: &str, hops: f64) -> BTreeMap<String, f64> {
    let (mut names, mut function) = (BTreeMap::new(), String::new());
    let (mut counts, mut is_of_call) = (BTreeMap::new(), false);
    for line in written.lines() {
        if let Some((kind @ ("fn" | "cfn"), name)) = line.split_once('=') {
            // `(7) name` the first time, and then `(7)`.
            let (number, text) = name.split_once(' ').unwrap_or((name, ""));
            if !text.is_empty() {
                names.insert(number.to_owned(), text.to_owned());
            }
            if kind == "fn" {
                function = names.get(number).cloned().unwrap_or_default();
            }
        } else if line.starts_with("calls=") {
            // The next line counts what was called, which stands by itself.
            is_of_call = true;
        } else if let Some(count) = cost(line)
            && !std::mem::take(&mut is_of_call)
        {
            *counts.entry(function.clone()).or_default() += count / hops;
        }
    }
    counts
}

/// `line cost`, where the line is a number, a distance from the one before, or `*`.
fn cost(line: &str) -> Option<f64> {
    let (place, cost) = line.split_once(' ')?;
    let is_place = place == "*" || place.trim_start_matches(['+', '-']).parse::<u64>().is_ok();
    if is_place { cost.parse().ok() } else { None }
}

/// Without the type parameters of type parameters, which fill a page.
fn shortened(function: &str) -> String {
    let (mut short, mut depth) = (String::new(), 0_u32);
    for character in function.chars() {
        depth += u32::from(character == '<');
        if depth < 3 {
            short.push(character);
        }
        depth = depth.saturating_sub(u32::from(character == '>'));
    }
    short
}
