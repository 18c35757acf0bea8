//! What was measured, as a table and as JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::{case::Case, contenders};

/// All cells, by contender and case.
#[derive(Debug, Default, Serialize)]
pub struct Figures {
    contenders: BTreeMap<String, BTreeMap<String, Cell>>,
}

type Figure = fn(&Cell) -> Option<f64>;

/// One contender's requests of one case: what each takes.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Cell {
    /// Nanoseconds, of each round.
    #[serde(rename = "ns", serialize_with = "median")]
    pub times: Vec<f64>,
    /// Allocations.
    pub allocs: f64,
    /// Bytes allocated.
    pub bytes: f64,
    /// Instructions; `None` where they were not counted.
    #[serde(serialize_with = "whole")]
    pub instructions: Option<f64>,
}

impl Cell {
    /// The median of the times.
    pub fn ns(&self) -> f64 {
        let mut times = self.times.clone();
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 2).copied().unwrap_or_default()
    }
}

fn median<S: serde::Serializer>(times: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    let cell = Cell { times: times.to_vec(), ..Cell::default() };
    serializer.serialize_f64(cell.ns().round())
}

fn whole<S: serde::Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    number.map(f64::round).serialize(serializer)
}

impl Figures {
    /// A cell, to be filled.
    pub fn cell(&mut self, contender: &str, case: &str) -> &mut Cell {
        let cells = self.contenders.entry(contender.to_owned()).or_default();
        cells.entry(case.to_owned()).or_default()
    }

    /// A cell that was filled.
    pub fn get(&self, contender: &str, case: &str) -> Option<&Cell> {
        self.contenders.get(contender)?.get(case)
    }

    /// Takes what this one takes off all others. Times were paired round by round already.
    pub fn take_off(&mut self, bare: &str) {
        let Some(bare_cells) = self.contenders.get(bare).cloned() else { return };
        for (_, cells) in self.contenders.iter_mut().filter(|(name, _)| *name != bare) {
            for (case, cell) in cells {
                let Some(off) = bare_cells.get(case) else { continue };
                cell.allocs -= off.allocs;
                cell.bytes -= off.bytes;
                cell.instructions =
                    cell.instructions.zip(off.instructions).map(|(all, off)| all - off);
            }
        }
    }

    /// As JSON.
    ///
    /// # Errors
    ///
    /// None that is expected.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }
}

impl fmt::Display for Figures {
    /// A table for each figure: contenders down, cases across.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures: [(&str, Figure); 4] = [
            ("instructions", |cell| cell.instructions),
            ("nanoseconds, median", |cell| Some(cell.ns())),
            ("allocations", |cell| Some(cell.allocs)),
            ("bytes allocated", |cell| Some(cell.bytes)),
        ];
        for (title, figure) in figures {
            writeln!(f, "\n{title} of one hop, bare taken off all others\n")?;
            write!(f, "| {:35} |", "")?;
            Case::ALL.iter().try_for_each(|case| write!(f, " {:>10} |", case.name))?;
            write!(f, "\n|{:-<37}|", "")?;
            Case::ALL.iter().try_for_each(|_| write!(f, "{:->11}:|", ""))?;
            writeln!(f)?;
            for name in contenders::ALL.iter().filter(|name| self.contenders.contains_key(**name)) {
                write!(f, "| {name:35} |")?;
                for case in Case::ALL {
                    match self.get(name, case.name).and_then(figure) {
                        Some(number) => write!(f, " {number:>10.0} |")?,
                        None => write!(f, " {:>10} |", "")?,
                    }
                }
                writeln!(f)?;
            }
        }
        Ok(())
    }
}
