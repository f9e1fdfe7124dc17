//! The prober of a stack: a round of `cellctl cells probe` for each invocation, from a schedule.
//!
//! Nothing is kept between two rounds but in the registry: each cell's results in a row, and the lease of the run that
//! marks. So rounds may be lost, repeated or run at once, here and from `cellctl`.

mod handler;
mod log;
mod settings;

pub use handler::{Prober, RoundError};
pub use settings::Settings;
