//! The behaviour of AWS that Cellstack relies on. Each case names the documentation page it comes from.
//!
//! Every case runs against the embedded stack. With `CELLSTACK_CONTRACT_ENDPOINT` set to the URL of another emulator
//! (MiniStack), the cases listed under `everywhere` run against that as well; those under `embedded` say why they do
//! not. `cargo test --test contract where_cases_run -- --nocapture` prints the list.

// Helpers outside of test functions may panic like tests: they are nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod dynamodb;
mod functions;
mod queue_mapping;
mod shards;
mod sns;
mod sns_fifo;
mod sqs;
mod sqs_batches;
mod sqs_fifo;
mod sqs_redrive;
mod stack;
mod stream_mapping;
mod stream_retries;
mod streams;
mod transactions;

/// The scope in which a case runs.
pub(crate) enum Scope {
    /// Embedded, and against the endpoint if one is set.
    Everywhere,
    /// Embedded only, for this reason.
    Embedded(&'static str),
}

/// Makes a test of each case, and a list of all.
#[macro_export]
macro_rules! contract {
    (everywhere { $($all:ident)* } embedded { $($own:ident: $why:literal)* }) => {
        #[cfg(test)]
        mod contract {
            $(#[test] fn $all() { $crate::stack::run(stringify!($all), &$crate::Scope::Everywhere, super::$all); })*
            $(#[test] fn $own() { $crate::stack::run(stringify!($own), &$crate::Scope::Embedded($why), super::$own); })*
        }
        pub(crate) const CASES: &[(&str, $crate::Scope)] = &[
            $((stringify!($all), $crate::Scope::Everywhere),)*
            $((stringify!($own), $crate::Scope::Embedded($why)),)*
        ];
    };
}

#[test]
fn where_cases_run() {
    let modules = [
        ("dynamodb", dynamodb::CASES),
        ("transactions", transactions::CASES),
        ("streams", streams::CASES),
        ("shards", shards::CASES),
        ("sqs", sqs::CASES),
        ("sqs_batches", sqs_batches::CASES),
        ("sqs_fifo", sqs_fifo::CASES),
        ("sqs_redrive", sqs_redrive::CASES),
        ("sns", sns::CASES),
        ("sns_fifo", sns_fifo::CASES),
        ("stream_mapping", stream_mapping::CASES),
        ("stream_retries", stream_retries::CASES),
        ("queue_mapping", queue_mapping::CASES),
    ];
    let (mut everywhere, mut embedded) = (0, 0);
    for (module, cases) in modules {
        for (case, scope) in cases {
            match scope {
                Scope::Everywhere => {
                    everywhere += 1;
                    println!("{module}::{case}: everywhere");
                }
                Scope::Embedded(why) => {
                    embedded += 1;
                    println!("{module}::{case}: embedded only: {why}");
                    assert!(why.len() > 10, "{case} needs a reason");
                }
            }
        }
    }
    println!("{everywhere} cases run everywhere, {embedded} embedded only; {}", stack::endpoint_note());
    assert!(everywhere > 0 && embedded > 0);
}
