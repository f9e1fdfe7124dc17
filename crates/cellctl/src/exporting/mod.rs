//! A tenant's data as JSON lines: written, and checked.

mod line;
mod source;
mod verify;
mod writer;

pub(crate) use line::{End, Header};
pub(crate) use source::Source;
pub(crate) use verify::{Verified, verify};
