//! A time on the command line, as `cellctl` reads it.

pub(crate) use cellstack_cellctl::duration::{parse, show};
