//! `cellctl tenants` over the embedded stack.

mod bulk;
mod erase;
mod erase_kill;
mod export;
mod export_errors;
mod kill;
mod life;
mod refused;
mod rush;
mod usage;
mod world;
