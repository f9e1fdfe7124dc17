//! The erasure of a tenant that has no cell any more: what is found, what is deleted, and the certificate.

mod certificate;
mod dead_letters;
mod refuse;
mod run;

pub(crate) use certificate::{Certificate, Erased, Unreached};
pub(crate) use refuse::removed;
pub(crate) use run::Run;
