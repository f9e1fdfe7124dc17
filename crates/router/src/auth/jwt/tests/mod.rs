//! Tokens made with real keys, and an issuer whose key set is read by a client without a network.

mod garbage;
mod issuer;
mod rotation;
mod settings;
mod tokens;
