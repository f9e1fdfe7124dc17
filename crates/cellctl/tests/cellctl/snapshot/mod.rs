//! `cellctl snapshot` over the embedded stack.

mod show;
mod world;
mod write;
