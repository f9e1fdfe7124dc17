//! `cellstack-local`: the whole stack on a laptop, with the reference processor.

use std::process::ExitCode;

use cellstack_local::Totals;

/// Three services and three functions in one process allocate a lot: about a tenth more events/s than with glibc's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cellstack_local::run(Totals)
}
