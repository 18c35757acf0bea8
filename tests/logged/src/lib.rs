//! What code under test logs.

use std::io::{self, Write};
use std::sync::{LazyLock, mpsc};

use tracing::Dispatch;
use tracing::subscriber::NoSubscriber;

/// Runs a function, and returns the lines that it logged on this thread.
pub fn logged(run: impl FnOnce()) -> Vec<String> {
    // With one subscriber alone, `tracing` asks only the thread that first logs whether anybody listens.
    static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));
    LazyLock::force(&SECOND);
    let (sender, lines) = mpsc::channel();
    let writer = move || Line(sender.clone());
    let subscriber = tracing_subscriber::fmt().with_writer(writer).with_ansi(false).finish();
    tracing::subscriber::with_default(subscriber, run);
    lines.into_iter().collect()
}

struct Line(mpsc::Sender<String>);

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        _ = self.0.send(String::from_utf8_lossy(line).trim_end().to_owned());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
