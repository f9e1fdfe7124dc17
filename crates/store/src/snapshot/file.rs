//! A snapshot as a file. Reads block for as long as a disk takes for a few kilobytes.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use cellstack_core::snapshot::Encoded;

use super::SnapshotError;

/// Opens a file. Returns it with the number of its bytes. A writer replaces the file by another one, so the open one keeps
/// its bytes.
pub(super) fn open(path: &Path) -> Result<(File, u64), SnapshotError> {
    let opened = File::open(path).and_then(|file| {
        let size = file.metadata()?.len();
        Ok((file, size))
    });
    opened.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => SnapshotError::Missing,
        _ => SnapshotError::File(error),
    })
}

/// Reads a part of a file.
pub(super) fn read(file: &File, part: &Range<u64>) -> Result<Vec<u8>, SnapshotError> {
    let length = usize::try_from(part.end.saturating_sub(part.start));
    let mut bytes = vec![0; length.map_err(|_| SnapshotError::part(part, "no memory for it"))?];
    match file.read_exact_at(&mut bytes, part.start) {
        Ok(()) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(SnapshotError::part(part, "the end of the file before them: it was written to while it was read"))
        }
        Err(error) => Err(SnapshotError::File(error)),
    }
}

/// Writes a file in place of an earlier one, once all of it is on the disk.
pub(super) fn write(path: &Path, snapshot: &Encoded) -> Result<(), SnapshotError> {
    let mut part = path.to_owned().into_os_string();
    part.push(".part");
    let written = write_pieces(part.as_ref(), snapshot).and_then(|()| std::fs::rename(&part, path));
    written.map_err(|error| {
        // A file that could not be made can't be removed either; the first error counts.
        let _ = std::fs::remove_file(&part);
        SnapshotError::File(error)
    })
}

fn write_pieces(path: &Path, snapshot: &Encoded) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for piece in snapshot.pieces() {
        file.write_all(&piece)?;
    }
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}
