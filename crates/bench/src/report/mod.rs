//! The outputs of a run: a table for people, JSON for programs, a picture for the README.

mod chart;
mod json;
mod table;

pub(crate) use chart::draw;
pub(crate) use json::Report;
pub(crate) use table::table;
