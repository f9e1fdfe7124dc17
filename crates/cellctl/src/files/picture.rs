//! Pictures that a command draws into a file.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::console::Console;

/// Writes a picture. A file that is there is replaced: the same command draws it again.
pub(crate) fn write(path: &Path, svg: &str, console: &mut Console) -> Result<()> {
    std::fs::write(path, svg).with_context(|| {
        format!("could not write the picture to {}; expected a path in a directory that exists", path.display())
    })?;
    console.say(format_args!("drawn into {}", path.display()));
    Ok(())
}
