//! Cache lines that one thread writes and another one uses: what makes threads wait for each other without a lock.
//!
//! Valgrind's lackey tells every load and store of a run: <https://valgrind.org/docs/manual/lk-manual.html>. Valgrind runs one
//! thread at a time and, with `--trace-sched=yes`, tells which, so each access is known to be of one thread.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fmt};

/// So many hops of each thread are looked at.
pub const HOPS: usize = 100;

/// Where the functions are that melt into nearly all that count.
const PLUMBING: [&str; 4] = ["atomic.rs", "mod.rs", "function.rs", "option.rs"];

/// So many functions are told that melted into one another.
const FRAMES: usize = 5;

/// The bytes that one processor takes from another at a time.
const LINE: u64 = 64;

/// The lines that two threads share though one of them writes.
#[derive(Debug)]
pub struct Shared {
    lines: BTreeMap<u64, Line>,
    program: PathBuf,
    mark: u64,
}

/// Who uses a line: how often each instruction reads and writes it, for each of the two threads.
#[derive(Debug, Default)]
struct Line {
    reads: [BTreeMap<u64, u32>; 2],
    writes: [BTreeMap<u64, u32>; 2],
}

impl Line {
    fn is_shared(&self) -> bool {
        let uses = |thread: usize| {
            let (reads, writes) = (self.reads.get(thread), self.writes.get(thread));
            [reads, writes].into_iter().flatten().any(|uses| !uses.is_empty())
        };
        let writes = |thread: usize| self.writes.get(thread).is_some_and(|uses| !uses.is_empty());
        writes(0) && uses(1) || writes(1) && uses(0)
    }
}

/// Runs `shared CONTENDER CASE`, and reads what lackey tells of it.
///
/// # Errors
///
/// When valgrind can't run the program, or tells nothing of two threads.
pub fn shared(program: &Path, contender: &str, case: &str) -> Result<Shared, String> {
    let mut command = Command::new("valgrind");
    // Settings of the contenders (`GREENLANE_…`, `OTEL_…`) are not taken from outside.
    command.env_clear().env("PATH", env::var_os("PATH").unwrap_or_default());
    command.args(["--tool=lackey", "--basic-counts=no", "--trace-mem=yes", "--trace-sched=yes"]);
    command.arg(program).args([contender, case]).stdin(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("valgrind can't be run: {error}"))?;
    let told = child.stderr.take().ok_or("valgrind says nothing")?;
    // It is gigabytes in all: nothing is kept but what is counted.
    let shared = Shared::read(BufReader::with_capacity(1 << 20, told), program);
    let status = child.wait().map_err(|error| error.to_string())?;
    match shared {
        Ok(shared) if status.success() => Ok(shared),
        Ok(_) => Err(format!("{contender}, {case}: {status}")),
        Err(error) => Err(format!("{contender}, {case}: {error}")),
    }
}

impl Shared {
    /// What lackey told of a program.
    ///
    /// # Errors
    ///
    /// When it can't be read, or does not tell of two threads between their marks.
    pub fn read(mut told: impl BufRead, program: &Path) -> Result<Self, String> {
        let mut reader = Reader::default();
        let mut line = Vec::new();
        while told.read_until(b'\n', &mut line).map_err(|error| error.to_string())? > 0 {
            reader.line(line.trim_ascii_end());
            line.clear();
        }
        let (Some(mark), [(_, false), (_, false)]) = (reader.mark, &reader.threads[..]) else {
            let last = String::from_utf8_lossy(&reader.other);
            return Err(format!("lackey tells nothing of two threads that are done:\n{last}"));
        };
        let mut lines = reader.lines;
        lines.retain(|at, line| *at != mark / LINE && line.is_shared());
        Ok(Self { lines, program: program.to_path_buf(), mark })
    }

    /// How many lines there are.
    pub fn count(&self) -> usize {
        self.lines.len()
    }

    /// How often a hop writes to them.
    pub fn writes(&self) -> f64 {
        let writes = self.lines.values().flat_map(|line| &line.writes);
        let all: u32 = writes.flat_map(BTreeMap::values).sum();
        f64::from(all) / (2 * HOPS) as f64
    }

    /// Where in the program these instructions are: its functions from the inside, where it was built with
    /// `CARGO_PROFILE_RELEASE_DEBUG=line-tables-only` those that melted into others too.
    fn functions(&self) -> BTreeMap<u64, String> {
        let uses = self.lines.values().flat_map(|line| line.writes.iter().chain(&line.reads));
        let instructions: BTreeSet<u64> = uses.flat_map(BTreeMap::keys).copied().collect();
        let Some(mark) = address_of_mark(&self.program) else { return BTreeMap::new() };
        let loaded_at = self.mark.wrapping_sub(mark);
        let mut command = Command::new("addr2line");
        command.args(["-a", "-f", "-i", "-C", "-s", "-e"]).arg(&self.program);
        command.args(instructions.iter().map(|at| format!("{:x}", at.wrapping_sub(loaded_at))));
        let output = command.output().map(|output| output.stdout).unwrap_or_default();
        let text = String::from_utf8_lossy(&output);
        // Each begins with its address; then a function and its place, from the inside out.
        let each = text.split("0x").skip(1).map(|entry| {
            let lines: Vec<_> = entry.lines().skip(1).collect();
            let frames = lines.chunks(2).filter_map(|frame| match frame {
                // Each count and each drop would begin with them.
                [_, place]
                    if lines.len() > 2 && PLUMBING.iter().any(|of| place.starts_with(of)) =>
                {
                    None
                }
                [function, place] if place.ends_with('?') => Some(shortened(function)),
                [function, place] => {
                    let place = place.split(" (").next().unwrap_or(place);
                    Some(format!("{} ({place})", shortened(function)))
                }
                _ => None,
            });
            let frames = frames.take(FRAMES);
            frames.collect::<Vec<_>>().join(" < ")
        });
        let named = instructions.into_iter().zip(each);
        named.filter(|(_, name)| !name.starts_with('?')).collect()
    }
}

/// The functions that write most, and those that read beside them.
impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.functions();
        let named = |at: u64| match names.get(&at) {
            Some(name) => name.clone(),
            None => format!("a library, as the allocator's, at {at:#x}"),
        };
        let mut functions: BTreeMap<String, [u32; 2]> = BTreeMap::new();
        for line in self.lines.values() {
            for (which, uses) in [&line.writes, &line.reads].into_iter().enumerate() {
                for (at, times) in uses.iter().flatten() {
                    let counts = functions.entry(named(*at)).or_default();
                    if let Some(count) = counts.get_mut(which) {
                        *count += times;
                    }
                }
            }
        }
        let mut functions: Vec<_> = functions.into_iter().collect();
        functions.sort_by_key(|(_, counts)| std::cmp::Reverse(*counts));
        let (lines, writes) = (self.count(), self.writes());
        writeln!(f, "{lines} lines are shared and written, {writes:.1} times by each hop")?;
        for (function, counts) in functions.iter().take(24) {
            let [writes, reads] = counts.map(|count| f64::from(count) / (2 * HOPS) as f64);
            writeln!(f, "  writes {writes:.2}, reads {reads:.2}: {function}")?;
        }
        Ok(())
    }
}

/// Where the static is in the program's own file.
fn address_of_mark(program: &Path) -> Option<u64> {
    let output = Command::new("nm").arg("-C").arg(program).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find(|line| line.contains(" shared::MARK"))?;
    u64::from_str_radix(line.split(' ').next()?, 16).ok()
}

/// Without type parameters, which fill a page.
fn shortened(function: &str) -> String {
    let (mut short, mut depth) = (String::new(), 0_u32);
    for character in function.chars() {
        depth += u32::from(character == '<');
        if depth < 2 {
            short.push(character);
        }
        depth = depth.saturating_sub(u32::from(character == '>'));
    }
    short
}

#[derive(Default)]
struct Reader {
    /// Where programs store to when their hops begin and end.
    mark: Option<u64>,
    /// Who runs now, as valgrind numbers them.
    running: u64,
    /// Those that began their hops, in turn, and whether they are between their marks.
    threads: Vec<(u64, bool)>,
    /// The instruction whose accesses follow.
    instruction: u64,
    lines: BTreeMap<u64, Line>,
    /// What the program and valgrind said last.
    other: Vec<u8>,
}

impl Reader {
    fn line(&mut self, line: &[u8]) {
        match line {
            [b'I', b' ', b' ', rest @ ..] => {
                if self.between_marks().is_some() {
                    self.instruction = access(rest).map_or(0, |(at, _)| at);
                }
            }
            [b' ', kind @ (b'L' | b'S' | b'M'), b' ', rest @ ..] => self.access(*kind, rest),
            [b'm', b'a', b'r', b'k', b' ', rest @ ..] => self.mark = hexadecimal(rest),
            _ => self.other(line),
        }
    }

    fn access(&mut self, kind: u8, rest: &[u8]) {
        let within = self.between_marks();
        if within.is_none() && kind == b'L' {
            return;
        }
        let Some((at, size)) = access(rest) else { return };
        if kind != b'L' && Some(at) == self.mark {
            return self.at_mark();
        }
        let Some(thread) = within else { return };
        for line in at / LINE..=(at + size.max(1) - 1) / LINE {
            let line = self.lines.entry(line).or_default();
            let uses = if kind == b'L' { &mut line.reads } else { &mut line.writes };
            if let Some(uses) = uses.get_mut(thread) {
                *uses.entry(self.instruction).or_default() += 1;
            }
        }
    }

    fn at_mark(&mut self) {
        let running = self.running;
        match self.threads.iter_mut().find(|(thread, _)| *thread == running) {
            Some((_, within)) => *within = !*within,
            None => self.threads.push((running, true)),
        }
    }

    /// Which of the two threads runs, where it takes its hops. What another one does meanwhile, such as going to wait, is not
    /// of them.
    fn between_marks(&self) -> Option<usize> {
        self.threads.iter().position(|thread| *thread == (self.running, true))
    }

    fn other(&mut self, line: &[u8]) {
        // `--PID--   SCHED[2]:  acquired lock (…)`
        let text = String::from_utf8_lossy(line);
        if let Some((_, rest)) = text.split_once("SCHED[") {
            if let Some((thread, what)) = rest.split_once("]:")
                && what.contains("acquired lock")
            {
                self.running = thread.parse().unwrap_or_default();
            }
        } else if self.other.len() < 4000 {
            self.other.extend_from_slice(line);
            self.other.push(b'\n');
        }
    }
}

/// `ADDRESS,SIZE`, of which the first is hexadecimal.
fn access(text: &[u8]) -> Option<(u64, u64)> {
    let comma = text.iter().position(|byte| *byte == b',')?;
    let (at, size) = text.split_at_checked(comma)?;
    let size = size.iter().skip(1).try_fold(0_u64, |size, byte| {
        Some(size * 10 + u64::from(char::from(*byte).to_digit(10)?))
    })?;
    Some((hexadecimal(at)?, size))
}

fn hexadecimal(text: &[u8]) -> Option<u64> {
    let text = text.strip_prefix(b"0x").unwrap_or(text);
    text.iter().try_fold(0_u64, |number, byte| {
        Some(number << 4 | u64::from(char::from(*byte).to_digit(16)?))
    })
}
