//! A sample: an invocation event of the router from `events/`, and the outcome that it must have.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::Request;
use hyper::header::{CONTENT_LENGTH, HOST};
use serde::Deserialize;

use super::Completion;

/// The outcome that a sample must have: its member `x-expect`, which Lambda ignores.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The HTTP status of the response.
    pub status: u16,
    /// The end of the event, if the request makes one.
    #[serde(default)]
    pub ends: Option<Completion>,
    /// The sample whose event this request repeats.
    #[serde(default)]
    pub same_event_as: Option<String>,
}

/// An invocation event of the router, and the outcome that it must have.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The file's name without its extension.
    pub name: String,
    /// The invocation event, as Lambda delivers it.
    pub invocation: String,
    /// The outcome that it must have.
    pub expect: Expect,
    event: Invocation,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    raw_path: String,
    raw_query_string: String,
    headers: BTreeMap<String, String>,
    request_context: Context,
    #[serde(default)]
    body: Option<String>,
    is_base64_encoded: bool,
    #[serde(rename = "x-expect")]
    expect: Option<Expect>,
}

#[derive(Debug, Clone, Deserialize)]
struct Context {
    http: Http,
}

#[derive(Debug, Clone, Deserialize)]
struct Http {
    method: String,
}

impl Sample {
    /// Reads all samples of a directory, in the order of their names.
    ///
    /// # Errors
    /// When the directory can't be read, holds no sample, or holds an invalid one.
    pub fn read_all(directory: &Path) -> Result<Vec<Self>> {
        let entries = std::fs::read_dir(directory)
            .with_context(|| format!("can't read the samples in {}; run this at the top of the project, or name their directory with --events", directory.display()))?;
        let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<_>>>()?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        paths.sort();
        ensure!(!paths.is_empty(), "there is no sample (*.json) in {}", directory.display());
        paths.iter().map(|path| Self::read(path).with_context(|| path.display().to_string())).collect()
    }

    fn read(path: &Path) -> Result<Self> {
        let invocation = std::fs::read_to_string(path)?;
        let event: Invocation = serde_json::from_str(&invocation)?;
        let expect = event.expect.clone().context("member x-expect is missing: say what must come of the request")?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, invocation, expect, event })
    }

    /// Returns the tenant that its header names.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.event.headers.get("x-tenant-id").map(String::as_str)
    }

    /// Returns the request that AWS would make this invocation event of.
    ///
    /// # Errors
    /// When the sample is not an HTTP request.
    pub fn request(&self) -> Result<Request<Bytes>> {
        let mut target = self.event.raw_path.clone();
        if !self.event.raw_query_string.is_empty() {
            target.push('?');
            target.push_str(&self.event.raw_query_string);
        }
        let mut request = Request::builder().method(self.event.request_context.http.method.as_str()).uri(target);
        let set_on_the_way = |name: &str| name.starts_with("x-forwarded-") || name == HOST || name == CONTENT_LENGTH;
        for (name, value) in self.event.headers.iter().filter(|(name, _)| !set_on_the_way(name)) {
            request = request.header(name, value);
        }
        let body = self.event.body.clone().unwrap_or_default();
        let body = if self.event.is_base64_encoded { STANDARD.decode(body)? } else { body.into_bytes() };
        Ok(request.body(Bytes::from(body))?)
    }
}
