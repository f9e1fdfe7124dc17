//! The consumer of the orders' cells: the Lambda function.

use std::process::ExitCode;

use cellstack_orders::{HttpGateway, Orders};

fn main() -> anyhow::Result<ExitCode> {
    Ok(cellstack_consumer::run(Orders::new(HttpGateway::from_env()?)))
}
