//! Files that commands read and write.

pub(crate) mod lines;
pub(crate) mod partial_file;
pub(crate) mod picture;
