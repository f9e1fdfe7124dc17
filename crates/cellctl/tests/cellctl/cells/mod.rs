//! `cellctl cells` and `cellctl audit` over the embedded stack.

mod audit;
mod down;
mod errors;
mod kill;
mod recount;
mod retire;
mod sync;
mod up;
mod world;
