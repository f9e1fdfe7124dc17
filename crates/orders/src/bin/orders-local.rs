//! The local tools with orders: `serve`, `demo`, `simulate`.

use std::process::ExitCode;

use cellstack_orders::{Orders, Sandbox};

fn main() -> ExitCode {
    cellstack_local::run(Orders::new(Sandbox::default()))
}
