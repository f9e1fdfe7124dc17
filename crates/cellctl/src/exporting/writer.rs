//! Lines on their way out, counted and hashed.

use std::collections::BTreeMap;
use std::io::{self, Write};

use cellstack_core::hex::hex;
use cellstack_store::partition::Kind;
use sha2::{Digest as _, Sha256};

use super::line::{END, End, Header};

/// A writer of an export.
pub(crate) struct Writer<W> {
    out: W,
    hash: Sha256,
    counts: BTreeMap<String, u64>,
}

impl<W: Write> Writer<W> {
    /// Begins an export: writes its first line.
    pub(crate) fn begin(out: W, header: &Header) -> io::Result<Self> {
        let counts = [Kind::Event, Kind::Total, Kind::Other].map(|kind| (kind.as_str().to_owned(), 0));
        let mut writer = Self { out, hash: Sha256::new(), counts: counts.into() };
        writer.line(&serde_json::to_string(header)?)?;
        Ok(writer)
    }

    /// Writes the line of an item.
    pub(crate) fn item(&mut self, kind: Kind, line: &str) -> io::Result<()> {
        *self.counts.entry(kind.as_str().to_owned()).or_default() += 1;
        self.line(line)
    }

    /// Ends the export: writes its last line.
    pub(crate) fn end(mut self) -> io::Result<End> {
        let end = End { kind: END.to_owned(), counts: self.counts, sha256: hex(self.hash.finalize()) };
        writeln!(self.out, "{}", serde_json::to_string(&end)?)?;
        self.out.flush()?;
        Ok(end)
    }

    fn line(&mut self, line: &str) -> io::Result<()> {
        self.hash.update(line);
        self.hash.update("\n");
        writeln!(self.out, "{line}")
    }
}
