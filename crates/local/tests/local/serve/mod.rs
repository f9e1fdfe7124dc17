//! `cellstack-local serve` as a process: its end, and what a second terminal can do to it.

mod ends;
mod faults;
mod world;
