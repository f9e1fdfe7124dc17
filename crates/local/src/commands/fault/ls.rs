//! `cellstack-local fault ls`

use anyhow::Result;
use cellstack_embedded::admin::FAULTS;
use cellstack_embedded::faults::Posted;
use clap::Args;
use http::Method;

use super::describe;
use crate::commands::endpoint::Endpoint;
use crate::commands::print;

/// List the faults of a served stack
///
/// Prints one line per fault: its number, the calls and invocations it has hit, the time until it ends, its cell and
/// its kind.
#[derive(Args)]
#[command(after_help = "Examples:
  cellstack-local fault ls
  cellstack-local fault ls --endpoint http://127.0.0.1:4566")]
pub(super) struct Ls {
    #[command(flatten)]
    endpoint: Endpoint,
}

impl Ls {
    pub(super) async fn run(self) -> Result<()> {
        let faults: Vec<Posted> = self.endpoint.ask(Method::GET, FAULTS, Vec::new()).await?;
        if faults.is_empty() {
            print("no faults");
            return Ok(());
        }
        print(format_args!("{:<4}  {:<6}  {:<7}  {:<6}  KIND", "ID", "HITS", "ENDS", "CELL"));
        for fault in faults {
            let ends = fault.left_ms.map_or_else(|| "-".to_owned(), |ms| format!("in {}s", ms.div_ceil(1_000)));
            print(format_args!("{:<4}  {:<6}  {ends:<7}  {}", fault.id, fault.hits, describe(&fault)));
        }
        Ok(())
    }
}
