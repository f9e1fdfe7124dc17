//! `cellctl tenants` over the embedded stack.

mod bulk;
mod kill;
mod life;
mod refused;
mod rush;
mod world;
