//! The demo: real requests through a served stack, followed from hop to hop.

mod journey;
mod run;
mod sample;

pub use journey::{Ending, Hop, Journey};
pub use run::{Answer, DeadLetter, Report, Row, Watcher, run};
pub use sample::{Expect, Sample};
