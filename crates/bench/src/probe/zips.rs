//! Sizes of the functions' zips, if they were built from these sources.

use std::path::Path;
use std::time::SystemTime;

use super::Probed;

const FUNCTIONS: [&str; 3] = ["router", "producer", "consumer"];
/// The sources of a zip.
const SOURCES: [&str; 4] = ["crates/core", "crates/router", "crates/producer", "crates/consumer"];
const SETTINGS: [&str; 2] = ["Cargo.toml", "Cargo.lock"];

/// A function's zip.
#[derive(Debug, Clone)]
pub(crate) struct Zip {
    pub(crate) function: &'static str,
    /// The size in MB of 10^6 bytes.
    pub(crate) mb: Probed<f64>,
}

/// Measures all zips of a repository.
pub(crate) fn zips(repository: &Path) -> Vec<Zip> {
    let settings = SETTINGS.iter().filter_map(|file| changed(&repository.join(file)));
    let sources = SOURCES.iter().filter_map(|directory| newest(&repository.join(directory)));
    let sources = settings.chain(sources).max();
    // Lambda's name of this machine's architecture.
    let architecture = std::env::consts::ARCH.replace("aarch64", "arm64");
    let built = repository.join("target/lambda").join(architecture);
    FUNCTIONS.map(|function| Zip { function, mb: size(&built.join(function), sources) }).into()
}

fn size(directory: &Path, sources: Option<SystemTime>) -> Probed<f64> {
    let zip = directory.join("bootstrap.zip");
    let Ok(metadata) = std::fs::metadata(&zip) else {
        return Err("not built; `make build` builds it".to_owned());
    };
    if metadata.modified().ok() < sources {
        return Err("older than its sources; `make build` builds it anew".to_owned());
    }
    Ok(metadata.len() as f64 / 1e6)
}

/// Returns the last change below a directory of anything that is compiled into a function.
fn newest(directory: &Path) -> Option<SystemTime> {
    let entries = std::fs::read_dir(directory).ok()?.flatten();
    entries
        .filter(|entry| entry.file_name() != "tests")
        .filter_map(|entry| if entry.path().is_dir() { newest(&entry.path()) } else { changed(&entry.path()) })
        .max()
}

fn changed(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file).ok()?.modified().ok()
}
