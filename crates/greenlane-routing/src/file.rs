//! Tables that are followed as they change.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};
use greenlane_core::follow;

use crate::error::RouteError;
use crate::format::Format;
use crate::routes::Routes;
use crate::routing::Table;

/// A file that holds a table of routes and may change while the process runs: a Kubernetes ConfigMap, or any
/// file. Its extension says the format.
///
/// It is polled in the background once a second, as long as this lives, or until the process ends where a
/// [`Routing`](crate::Routing) follows it, and never read on a call. A new table takes the place of the one before at once; calls that are under way
/// come to their end by the old one. A file that can't be used leaves the table as it was; it is counted, and
/// logged once until something else is wrong.
///
/// ```no_run
/// use greenlane_routing::{RouteFile, Routing};
///
/// let routing = Routing::following(&RouteFile::open("/etc/greenlane/routes.toml")?);
/// # Ok::<(), greenlane_routing::RouteError>(())
/// ```
#[derive(Clone)]
pub struct RouteFile(Arc<Inner>);

struct Inner {
    path: PathBuf,
    format: Format,
    table: ArcSwap<Table>,
    last: Mutex<Last>,
    unread: AtomicU64,
}

/// What was read last: the text of the table in effect, and what was wrong with the file since.
struct Last {
    text: String,
    problem: Option<RouteError>,
}

impl RouteFile {
    /// The longest file that is read, in bytes.
    pub const MAX_LEN: u64 = 1 << 20;

    /// Reads the file, and follows it from now on.
    ///
    /// # Errors
    ///
    /// When the file can't be read or holds no table that can be used, when its extension says no format, or when
    /// the system can't start one more thread.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, RouteError> {
        let path = path.into();
        let format = Format::of(&path)?;
        let text = read(&path).map_err(|error| error.in_file(&path))?;
        let routes = Routes::parse(&text, format).map_err(|error| error.in_file(&path))?;
        let services = routes.iter().count();
        tracing::info!(file = %path.display(), services, "greenlane: routes");
        let inner = Arc::new(Inner {
            path,
            format,
            table: ArcSwap::from_pointee(Table::new(routes, 0)),
            last: Mutex::new(Last { text, problem: None }),
            unread: AtomicU64::new(0),
        });
        // What went wrong is counted and logged inside.
        follow("greenlane-routes", Arc::downgrade(&inner), |inner| _ = inner.reload())
            .map_err(|error| RouteError::new(format!("no thread can be started: {error}")))?;
        Ok(Self(inner))
    }

    /// Reads the file now, as the background does once a second, and returns how often the table was replaced.
    ///
    /// # Errors
    ///
    /// When the file can't be read, or holds no table that can be used. The table stays as it was.
    pub fn reload(&self) -> Result<u64, RouteError> {
        self.0.reload()
    }

    /// How often the table was replaced.
    pub fn generation(&self) -> u64 {
        self.0.table.load().generation
    }

    /// How many readings gave no table.
    pub fn unread(&self) -> u64 {
        self.0.unread.load(Ordering::Relaxed)
    }

    /// The table in effect. It is not counted who has it: a thread says so in memory of its own, where whoever replaces the
    /// table looks. That holds for a handful of them at a time, so it is not for a whole call.
    pub(crate) fn table(&self) -> Guard<Arc<Table>> {
        self.0.table.load()
    }
}

impl fmt::Debug for RouteFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RouteFile({}, generation {})", self.0.path.display(), self.generation())
    }
}

impl Inner {
    fn reload(&self) -> Result<u64, RouteError> {
        // Held while it is read: an earlier reading never comes after a later one. Calls don't need it.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = self.table.load().generation;
        let read = read(&self.path).and_then(|text| {
            if text == last.text {
                return Ok(None);
            }
            Routes::parse(&text, self.format).map(|routes| Some((text, routes)))
        });
        match read {
            Ok(changed) => {
                last.problem = None;
                let Some((text, routes)) = changed else { return Ok(generation) };
                last.text = text;
                if routes == self.table.load().routes {
                    // A comment; no client has to drain anything.
                    return Ok(generation);
                }
                let generation = generation.wrapping_add(1);
                let services = routes.iter().count();
                self.table.store(Arc::new(Table::new(routes, generation)));
                let file = self.path.display();
                tracing::info!(%file, services, generation, "greenlane: routes changed");
                Ok(generation)
            }
            Err(problem) => {
                let problem = problem.in_file(&self.path);
                self.unread.fetch_add(1, Ordering::Relaxed);
                if last.problem.as_ref() != Some(&problem) {
                    tracing::warn!(%problem, "greenlane: the routes stay as they were");
                }
                last.problem = Some(problem.clone());
                Err(problem)
            }
        }
    }
}

fn read(path: &std::path::Path) -> Result<String, RouteError> {
    let problem = |error: &dyn fmt::Display| RouteError::new(format!("it can't be read: {error}"));
    let file = File::open(path).map_err(|error| problem(&error))?;
    let mut text = String::new();
    // One more than is accepted, so that a longer one is noticed.
    let read = file.take(RouteFile::MAX_LEN + 1).read_to_string(&mut text);
    let len = read.map_err(|error| problem(&error))?;
    if u64::try_from(len).is_ok_and(|len| len <= RouteFile::MAX_LEN) {
        Ok(text)
    } else {
        Err(problem(&format_args!("it has more than {} bytes", RouteFile::MAX_LEN)))
    }
}

#[cfg(test)]
mod tests;
