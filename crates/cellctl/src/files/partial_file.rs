//! A file that is there whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// The fate of a file that has the path already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfThere {
    Refuse,
    Replace,
}

/// A file that is written next to its path and takes it when it is whole. Only its owner can read it. Dropped before, it is
/// deleted.
#[derive(Debug)]
pub(crate) struct PartialFile {
    path: PathBuf,
    partial: PathBuf,
    if_there: IfThere,
    file: BufWriter<File>,
}

impl PartialFile {
    /// Begins a file.
    ///
    /// # Errors
    /// Fails if the path is taken and may not be replaced, or its directory can't be written.
    pub(crate) fn create(path: &Path, if_there: IfThere) -> Result<Self> {
        check(path, if_there)?;
        let mut name = path.file_name().map(std::ffi::OsStr::to_os_string).unwrap_or_default();
        name.push(format!(".{}.partial", std::process::id()));
        let partial = path.with_file_name(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial).with_context(|| {
            format!("could not write {}; expected a path in a directory that exists and can be written", path.display())
        })?;
        Ok(Self { path: path.to_owned(), partial, if_there, file: BufWriter::new(file) })
    }

    /// Gives the file its path, once all of it is on the disk.
    ///
    /// # Errors
    /// Fails if it can't be written, or the path was taken meanwhile. The file is deleted then.
    pub(crate) fn keep(mut self) -> Result<()> {
        let failed = || could_not_write(&self.path);
        self.file.flush().with_context(failed)?;
        self.file.get_ref().sync_all().with_context(failed)?;
        check(&self.path, self.if_there)?;
        std::fs::rename(&self.partial, &self.path).with_context(failed)
    }
}

/// Returns the error's words for a file that can't be written to its end.
pub(crate) fn could_not_write(path: &Path) -> String {
    format!("could not write {}; nothing of it was kept: make room, or name another path", path.display())
}

fn check(path: &Path, if_there: IfThere) -> Result<()> {
    if if_there == IfThere::Refuse && path.exists() {
        bail!("{} is there already; expected a path where nothing is yet", path.display());
    }
    Ok(())
}

impl Write for PartialFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        // A file that was kept has another name by now.
        let _ = std::fs::remove_file(&self.partial);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_an_error_and_leaves_nothing() {
        let directory = std::env::temp_dir().join(format!("cellctl-partial-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("export");
        let mut file = PartialFile::create(&path, IfThere::Refuse).unwrap();
        file.file = BufWriter::new(OpenOptions::new().write(true).open("/dev/full").unwrap());
        file.write_all(b"a line\n").unwrap();
        let error = format!("{:#}", file.keep().unwrap_err());
        let expected = format!("could not write {}; nothing of it was kept: make room", path.display());
        assert!(error.starts_with(&expected) && error.contains("No space left on device"), "{error}");
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0);
        std::fs::remove_dir(&directory).unwrap();
    }
}
