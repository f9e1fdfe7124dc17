//! The demo: real requests through a served stack, followed from hop to hop.

mod journey;
mod report;
mod run;
mod sample;

pub use journey::{Ending, Hop, Journey};
pub use report::{Answer, Report, Row};
pub use run::{Watcher, run};
pub use sample::{Expect, Sample};
