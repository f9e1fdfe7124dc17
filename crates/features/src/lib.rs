//! No code: one set of features for the libraries of the tools and of the tests.
//!
//! Cargo builds a library again for each set of features that it is asked for. `cargo run -p cellstack-local`, the same for
//! `cellctl`, and `cargo test --workspace` asked for three. Each tool needs this crate, which asks for all that any of them
//! does, so the second command finds what the first one built. The functions don't need it: their zips hold what they use.
