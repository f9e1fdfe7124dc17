//! The demo: real requests through a served stack, followed from hop to hop.

mod journey;
mod report;
mod run;
mod sample;

pub use journey::{Completion, Hop, Journey};
pub use report::{Report, Row, SampleResponse};
pub use run::{Watcher, run};
pub use sample::{Expect, Sample};
