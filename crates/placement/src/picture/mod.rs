//! Pictures as SVG: the cells before and after a plan, and the report of a simulation.

mod frame;
mod plan;
mod report;
#[cfg(test)]
mod tests;

pub use plan::plan;
pub use report::report;
