//! The JSON. `docs/performance.md` describes each member.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::figures::{Bound, Figure, Probes, Verdict, median_of};
use crate::machine::Machine;
use crate::probe::{Probed, Syscalls};
use crate::rounds::{Extent, Field, Measured};
use crate::stats::median;

/// The version of the format. It grows when a member changes its meaning.
const SCHEMA: u32 = 1;

/// A run.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    schema: u32,
    machine: &'a Machine,
    extent: Extent,
    figures: Vec<Line<'a>>,
    subjects: BTreeMap<&'static str, Subject>,
    #[serde(serialize_with = "found")]
    syscalls: &'a Probed<Syscalls>,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    name: &'a str,
    unit: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_measured_because: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<Bound>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aim: Option<Bound>,
    verdict: Verdict,
}

#[derive(Debug, Serialize)]
struct Subject {
    warm_p50_us: Option<f64>,
    warm_p50_us_rounds: Vec<f64>,
    warm_p99_us: Option<f64>,
    warm_p99_us_rounds: Vec<f64>,
    start_ms: Option<f64>,
    first_invoke_ms: Option<f64>,
    tls_init_ms: Option<f64>,
    tls_first_invoke_ms: Option<f64>,
    tls_unwarmed_init_ms: Option<f64>,
    tls_unwarmed_first_invoke_ms: Option<f64>,
    peak_rss_mb: Option<f64>,
    tls_peak_rss_mb: Option<f64>,
    largest_item_bytes: usize,
}

impl<'a> Report<'a> {
    pub(crate) fn new(
        machine: &'a Machine,
        extent: Extent,
        field: &Field,
        figures: &'a [Figure],
        probes: &'a Probes,
    ) -> Self {
        Self {
            schema: SCHEMA,
            machine,
            extent,
            figures: figures.iter().map(Line::of).collect(),
            subjects: field.iter().map(|(subject, measured)| (subject.name(), Subject::of(measured))).collect(),
            syscalls: &probes.syscalls,
        }
    }
}

impl<'a> Line<'a> {
    fn of(figure: &'a Figure) -> Self {
        Self {
            name: &figure.name,
            unit: figure.unit,
            measured: figure.measured.as_ref().ok().map(|value| rounded(*value)),
            not_measured_because: figure.measured.as_ref().err().map(String::as_str),
            required: figure.required,
            aim: figure.aim,
            verdict: figure.verdict(),
        }
    }
}

impl Subject {
    fn of(measured: &Measured) -> Self {
        let (p50, p99) = (measured.warm_us(0.5), measured.warm_us(0.99));
        let time = |starts, time| median_of(starts, time).map(rounded);
        Self {
            warm_p50_us: median(&p50).map(rounded),
            warm_p99_us: median(&p99).map(rounded),
            warm_p50_us_rounds: p50.into_iter().map(rounded).collect(),
            warm_p99_us_rounds: p99.into_iter().map(rounded).collect(),
            start_ms: time(&measured.bare, |start| start.init_ms),
            first_invoke_ms: time(&measured.bare, |start| start.first_ms),
            tls_init_ms: time(&measured.tls_warmed, |start| start.init_ms),
            tls_first_invoke_ms: time(&measured.tls_warmed, |start| start.first_ms),
            tls_unwarmed_init_ms: time(&measured.tls_unwarmed, |start| start.init_ms),
            tls_unwarmed_first_invoke_ms: time(&measured.tls_unwarmed, |start| start.first_ms),
            peak_rss_mb: measured.peak_rss_mb().map(rounded),
            tls_peak_rss_mb: median(&measured.tls_peak_rss_mb).map(rounded),
            largest_item_bytes: measured.warm.iter().map(|warm| warm.calls.largest_item).max().unwrap_or_default(),
        }
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

fn found<S: serde::Serializer>(calls: &&Probed<Syscalls>, serializer: S) -> Result<S::Ok, S::Error> {
    calls.as_ref().ok().serialize(serializer)
}
