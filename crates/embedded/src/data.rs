//! A directory that keeps a served stack from one run to the next.

use std::fs::{self, File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context as _, Result, bail};
use cellstack_core::CellId;
use cellstack_core::sync::lock;
use serde::{Deserialize, Serialize};

/// Version of the directory's format. Another one can't be read.
const FORMAT: u32 = 1;
/// File that describes the directory, and says that it is complete.
const MANIFEST: &str = "cellstack.json";
/// File that is locked while a stack is served from the directory.
const LOCK: &str = "lock";
/// Prefixes of the emulator's files.
const FILES: [&str; 2] = ["tables.sqlite", "queues.sqlite"];

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Manifest {
    format: u32,
    /// The cells that the stack was created with.
    cells: Vec<CellId>,
    /// The cells that were added since. Tenants of `serve --tenants` are placed in none of them: they may not be in
    /// service yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    added: Vec<CellId>,
    /// False while the stack is being created: no request was accepted yet.
    complete: bool,
}

/// A directory that keeps a stack. It is locked until it is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    manifest: Mutex<Manifest>,
    _lock: File,
}

impl DataDir {
    /// Opens a directory, or creates it. Its cells are those it was created with; a new one gets `cells`.
    ///
    /// # Errors
    /// When it can't be written, is in use, has other cells than requested, or was written by another version or by
    /// something else.
    pub fn open(path: &Path, cells: Option<&[CellId]>, default: &[CellId]) -> Result<Self> {
        let shown = path.display();
        fs::create_dir_all(path).with_context(|| format!("--data: can't make {shown}"))?;
        let manifest = read_manifest(path)?;
        if manifest.is_none() {
            refuse_others(path)?;
        }
        let unwritable =
            || format!("--data: can't write to {shown}; choose a directory of your own on a disk with room");
        let lock = File::options().create(true).truncate(false).write(true).open(path.join(LOCK));
        let lock = lock.with_context(unwritable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!("--data: {shown} is in use by another cellstack-local serve; end it, or choose another directory")
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("--data: can't lock {shown}"));
            }
        }
        let manifest = match manifest.filter(|manifest| manifest.complete) {
            Some(manifest) => {
                check_cells(path, &manifest.cells, cells)?;
                manifest
            }
            None => {
                remove_unfinished(path).with_context(unwritable)?;
                let manifest = Manifest {
                    format: FORMAT,
                    cells: cells.unwrap_or(default).to_vec(),
                    added: Vec::new(),
                    complete: false,
                };
                write_manifest(path, &manifest).with_context(unwritable)?;
                manifest
            }
        };
        Ok(Self { path: path.to_owned(), manifest: Mutex::new(manifest), _lock: lock })
    }

    /// Returns the cells that its stack was created with, as far as they are still there.
    #[must_use]
    pub fn cells(&self) -> Vec<CellId> {
        lock(&self.manifest).cells.clone()
    }

    /// Returns the cells that were added to its stack while it was served.
    pub(crate) fn added(&self) -> Vec<CellId> {
        lock(&self.manifest).added.clone()
    }

    /// Adds a cell, unless it is there.
    pub(crate) fn add(&self, cell: &CellId) -> Result<()> {
        self.change(|manifest| {
            if !manifest.cells.contains(cell) && !manifest.added.contains(cell) {
                manifest.added.push(cell.clone());
            }
        })
    }

    /// Removes a cell.
    pub(crate) fn remove(&self, cell: &CellId) -> Result<()> {
        self.change(|manifest| {
            manifest.cells.retain(|known| known != cell);
            manifest.added.retain(|known| known != cell);
            // A stack without any cell of its own could place no tenant.
            if manifest.cells.is_empty() {
                manifest.cells = std::mem::take(&mut manifest.added);
            }
        })
    }

    /// Returns its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether it holds a stack.
    pub(crate) fn has_stack(&self) -> bool {
        lock(&self.manifest).complete
    }

    /// Marks its stack as complete.
    pub(crate) fn complete(&self) -> Result<()> {
        self.change(|manifest| manifest.complete = true)
    }

    /// Changes the manifest once it is on the disk.
    fn change(&self, change: impl FnOnce(&mut Manifest)) -> Result<()> {
        let mut manifest = lock(&self.manifest);
        let mut changed = manifest.clone();
        change(&mut changed);
        write_manifest(&self.path, &changed)
            .with_context(|| format!("--data: can't write to {}", self.path.display()))?;
        *manifest = changed;
        Ok(())
    }
}

fn read_manifest(path: &Path) -> Result<Option<Manifest>> {
    #[derive(Deserialize)]
    struct Form {
        format: u32,
    }
    let file = path.join(MANIFEST);
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("--data: can't read {}", file.display())),
    };
    let damaged = || format!("--data: {} is damaged; choose another directory", file.display());
    let Form { format } = serde_json::from_str(&text).with_context(damaged)?;
    if format != FORMAT {
        bail!(
            "--data: {} has format {format}; this version reads format {FORMAT}. Serve it with the version that wrote it, or \
             choose another directory",
            path.display()
        );
    }
    serde_json::from_str(&text).map(Some).with_context(damaged)
}

/// Refuses a directory that holds other files.
fn refuse_others(path: &Path) -> Result<()> {
    for entry in fs::read_dir(path).with_context(|| format!("--data: can't read {}", path.display()))? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        if name != LOCK && !name.starts_with(MANIFEST) && !FILES.iter().any(|file| name.starts_with(file)) {
            bail!("--data: {} holds something else ({name}); choose a directory that is empty", path.display());
        }
    }
    Ok(())
}

fn check_cells(path: &Path, there: &[CellId], wanted: Option<&[CellId]>) -> Result<()> {
    let Some(wanted) = wanted.filter(|wanted| *wanted != there) else { return Ok(()) };
    let list = |cells: &[CellId]| cells.iter().map(CellId::as_str).collect::<Vec<_>>().join(",");
    bail!(
        "--data: {} holds a stack of cells {}, not {}; leave --cells out, or choose another directory",
        path.display(),
        list(there),
        list(wanted)
    )
}

/// Removes the files of a stack that was never complete.
fn remove_unfinished(path: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if FILES.iter().any(|file| entry.file_name().to_string_lossy().starts_with(file)) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Writes the whole manifest or nothing.
fn write_manifest(path: &Path, manifest: &Manifest) -> std::io::Result<()> {
    let new = path.join(format!("{MANIFEST}.new"));
    let mut file = File::create(&new)?;
    serde_json::to_writer(&mut file, manifest)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(&new, path.join(MANIFEST))?;
    File::open(path)?.sync_all()
}
