//! The check of an export: whole, and unchanged.

use std::collections::BTreeMap;
use std::io::{BufRead, Read as _};

use anyhow::{Context as _, Result, bail};
use cellstack_core::hex::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::line::{END, End, FORMAT, HEADER, Header, VERSION};

/// The longest line. An item has 400 KB at most, of which JSON makes six times as much.
const MAX_LINE: u64 = 8 << 20;

/// An export that is whole and unchanged.
#[derive(Debug, Serialize)]
pub(crate) struct Verified {
    pub(crate) header: Header,
    pub(crate) end: End,
}

#[derive(Deserialize)]
struct Kinded {
    kind: String,
}

/// Reads an export line by line. `name` names it in errors.
///
/// # Errors
/// Fails if it is not an export, is cut off, or was changed.
pub(crate) fn verify(mut from: impl BufRead, name: &str) -> Result<Verified> {
    let mut read = move |line: &mut Vec<u8>| {
        line.clear();
        let read = from.by_ref().take(MAX_LINE + 1).read_until(b'\n', line);
        let read = read.with_context(|| format!("could not read {name}"))?;
        if read as u64 > MAX_LINE {
            bail!(
                "{name} is not an export of a tenant; expected lines of {MAX_LINE} bytes at most, found a longer one"
            );
        }
        Ok(read)
    };
    let (mut line, mut next) = (Vec::new(), Vec::new());
    read(&mut line)?;
    let header = header(&line, name)?;
    let (mut hash, mut counts) = (Sha256::new(), BTreeMap::new());
    let mut number = 1_u64;
    while read(&mut next)? > 0 {
        hash.update(&line);
        if number > 1 {
            *counts.entry(kind(&line)).or_insert(0) += 1;
        }
        number += 1;
        std::mem::swap(&mut line, &mut next);
    }
    let end = match serde_json::from_slice::<End>(&line) {
        Ok(end) if end.kind == END && line.ends_with(b"\n") => end,
        _ => {
            bail!("{name} is cut off after line {number}; expected counts and a hash in its last line: export it again")
        }
    };
    let sha256 = hex(hash.finalize());
    if sha256 != end.sha256 {
        bail!(
            "{name} was changed: its lines have the SHA-256 {sha256}; its last line expects {}: copy or export it again",
            end.sha256
        );
    }
    let mut expected = end.counts.clone();
    expected.retain(|_, count| *count > 0);
    if counts != expected {
        bail!(
            "{name} was changed: it has the items {counts:?}; its last line expects {expected:?}: copy or export it again"
        );
    }
    Ok(Verified { header, end })
}

fn header(line: &[u8], name: &str) -> Result<Header> {
    #[derive(Deserialize)]
    struct Versioned {
        kind: String,
        format: String,
        version: u32,
    }
    match serde_json::from_slice::<Versioned>(line) {
        Ok(found) if found.kind == HEADER && found.format == FORMAT => {
            if found.version != VERSION {
                bail!(
                    "{name} has version {}; expected {VERSION}: check it with the cellctl that wrote it",
                    found.version
                );
            }
        }
        _ => bail!(
            "{name} is not an export of a tenant; expected a first line that `cellctl tenants export` has written"
        ),
    }
    serde_json::from_slice(line)
        .with_context(|| format!("{name} was changed in its first line: copy or export it again"))
}

/// Returns the kind of a line. The hash finds out a line that has none.
fn kind(line: &[u8]) -> String {
    serde_json::from_slice::<Kinded>(line).map(|line| line.kind).unwrap_or_default()
}
