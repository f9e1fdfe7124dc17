//! The evenness of loads.

use serde::Serialize;

/// The loads of cells, in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spread {
    /// The least loaded cell's.
    pub least: u64,
    /// The mean.
    pub mean: f64,
    /// The most loaded cell's.
    pub most: u64,
    /// The most by the mean: 1 is even.
    pub most_over_mean: f64,
    /// The load of each cell, by id.
    pub cells: Vec<u64>,
}

impl Spread {
    pub(super) fn of(loads: &[u64]) -> Self {
        let mean = loads.iter().sum::<u64>() as f64 / loads.len().max(1) as f64;
        let most = loads.iter().copied().max().unwrap_or_default();
        Self {
            least: loads.iter().copied().min().unwrap_or_default(),
            mean,
            most,
            most_over_mean: if mean > 0.0 { most as f64 / mean } else { 1.0 },
            cells: loads.to_vec(),
        }
    }
}
