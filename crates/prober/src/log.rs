//! The messages of a round as lines of the function's log.

use std::io::{self, LineWriter, Write};

use cellstack_cellctl::Console;

/// Longest message that is one line of the log, in bytes.
const LONGEST: usize = 64 * 1024;

/// Returns a console whose messages are logged. It drops data: a round returns its own.
pub(crate) fn console() -> Console {
    Console::new(io::sink(), LineWriter::with_capacity(LONGEST, Log))
}

/// A writer of whole lines.
struct Log;

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        tracing::info!("{}", String::from_utf8_lossy(line).trim_end());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
