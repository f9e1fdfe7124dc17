//! Configuration from the environment, with errors that say what to set.

use std::fmt::Display;
use std::process::ExitCode;
use std::str::FromStr;

/// The exit code of a program with a wrong configuration: 78, `EX_CONFIG` of sysexits.h.
pub const EXIT_CONFIG: u8 = 78;

/// A setting that is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The variable is not set.
    #[error("{name} is not set: set it to {expected}")]
    Missing {
        /// The variable.
        name: &'static str,
        /// The value it should hold.
        expected: &'static str,
    },
    /// The variable holds something else.
    #[error("{name} is '{found}': set it to {expected} ({reason})")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// The value it should hold.
        expected: &'static str,
        /// The value it holds.
        found: String,
        /// The parser's error.
        reason: String,
    },
}

impl ConfigError {
    /// Returns the error of a setting that holds something other than `expected`.
    pub fn invalid(name: &'static str, expected: &'static str, found: &str, reason: impl Display) -> Self {
        Self::Invalid { name, expected, found: found.to_owned(), reason: reason.to_string() }
    }
}

/// Reads a setting that may be missing or empty from the environment.
///
/// # Errors
/// When the value is not a `T`.
pub fn optional<T: FromStr<Err: Display>>(
    name: &'static str,
    expected: &'static str,
) -> Result<Option<T>, ConfigError> {
    match var(name, expected) {
        Ok(value) => Ok(Some(value)),
        Err(ConfigError::Missing { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads a setting from the environment.
///
/// # Errors
/// When the setting is not set, or its value is not a `T`.
pub fn var<T: FromStr<Err: Display>>(name: &'static str, expected: &'static str) -> Result<T, ConfigError> {
    parse(name, expected, std::env::var(name).ok())
}

fn parse<T: FromStr<Err: Display>>(
    name: &'static str,
    expected: &'static str,
    found: Option<String>,
) -> Result<T, ConfigError> {
    let found = found.filter(|value| !value.is_empty()).ok_or(ConfigError::Missing { name, expected })?;
    found.parse().map_err(|error: T::Err| ConfigError::Invalid { name, expected, reason: error.to_string(), found })
}

/// Logs the error, and returns the exit code of a wrong configuration.
#[must_use]
pub fn exit(error: &ConfigError) -> ExitCode {
    tracing::error!(%error, "configuration");
    ExitCode::from(EXIT_CONFIG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_and_a_wrong_setting_say_what_to_set() {
        let missing = parse::<crate::CellId>("CELLSTACK_CELL_ID", "the cell's id", None).unwrap_err();
        assert_eq!(missing.to_string(), "CELLSTACK_CELL_ID is not set: set it to the cell's id");
        let wrong = parse::<crate::CellId>("CELLSTACK_CELL_ID", "the cell's id", Some("A B".into())).unwrap_err();
        assert!(wrong.to_string().starts_with("CELLSTACK_CELL_ID is 'A B': set it to the cell's id (a cell id must"));
    }
}
