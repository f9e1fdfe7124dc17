//! The consumer with the reference processor.

use std::process::ExitCode;

use cellstack_consumer::Totals;

fn main() -> ExitCode {
    cellstack_consumer::run(Totals)
}
