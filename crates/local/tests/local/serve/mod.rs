//! `cellstack-local serve` as a process: its end, and what a second terminal can do to it.

mod bound;
mod cells;
mod data;
mod ends;
mod faults;
mod world;
