//! `tenants move` and `moves`.

mod carry;
mod kill;
mod life;
mod plan;
mod refused;
mod world;
