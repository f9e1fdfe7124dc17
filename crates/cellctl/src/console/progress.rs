//! A progress bar.

use indicatif::{ProgressBar, ProgressStyle};

use super::Console;

/// A bar on a terminal, nothing elsewhere.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Makes a bar over this many letters, by SQS's estimate.
    pub(crate) fn over(dead_letters: u64, console: &Console) -> Self {
        let bar = if console.is_terminal() { ProgressBar::new(dead_letters) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{wide_bar} {pos} of about {len} letters, {per_sec}, {eta} left");
        // The template is a constant; the default style would show the same in another shape.
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self(bar)
    }

    /// Makes a bar over a known number of objects.
    pub(crate) fn of(objects: &str, count: u64, console: &Console) -> Self {
        let bar = if console.is_terminal() { ProgressBar::new(count) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template(&format!(
            "{{wide_bar}} {{pos}} of {{len}} {objects}, {{per_sec}}, {{eta}} left {{msg}}"
        ));
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self(bar)
    }

    /// Sets the number of objects, and a text at the end of the bar.
    pub(crate) fn at(&self, count: u64, text: String) {
        self.0.set_position(count);
        self.0.set_message(text);
    }

    /// Returns whether somebody sees the bar.
    pub(crate) fn is_shown(&self) -> bool {
        !self.0.is_hidden()
    }

    /// Counts more objects.
    pub(crate) fn add(&self, count: u64) {
        self.0.inc(count);
    }

    /// Counts one more letter.
    pub(crate) fn letter(&self) {
        self.0.inc(1);
        if self.0.length().is_some_and(|length| length < self.0.position()) {
            self.0.set_length(self.0.position());
        }
    }

    /// Adds letters that the estimate did not contain.
    pub(crate) fn more(&self, dead_letters: usize) {
        self.0.inc_length(dead_letters as u64);
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
