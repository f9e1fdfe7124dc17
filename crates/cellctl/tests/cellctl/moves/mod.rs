//! `tenants move` and `moves`.

mod carry;
mod drain;
mod errors;
mod journal;
mod kill;
mod life;
mod plan;
mod refused;
mod world;
