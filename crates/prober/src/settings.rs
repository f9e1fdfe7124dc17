//! The settings of a prober.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use cellstack_cellctl::health::{self, Automation, Rules};
use cellstack_core::config::{ConfigError, optional, var};

/// The settings of a prober, from its environment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The stack's name: the first part of its tables' names, and a dimension of its metrics.
    pub stack: String,
    /// The settings of each round.
    pub round: health::Settings,
}

impl Settings {
    /// Reads the settings from the environment. They have the defaults of `cellctl cells probe`.
    ///
    /// | variable | holds |
    /// |---|---|
    /// | `CELLSTACK_STACK` | the stack's name |
    /// | `CELLSTACK_PROBE_ACT` | optional: `on`: cells are marked by the results; or `off` (the default) |
    /// | `CELLSTACK_PROBE_FAILURES` | optional: failures in a row that take a cell out |
    /// | `CELLSTACK_PROBE_SUCCESSES` | optional: successes in a row that bring a cell back |
    /// | `CELLSTACK_PROBE_MAX_DOWN` | optional: percent of the cells that may be out of service |
    /// | `CELLSTACK_PROBE_TIMEOUT_MS` | optional: milliseconds that an event may take |
    ///
    /// # Errors
    /// Fails if a variable is missing or invalid.
    pub fn from_env() -> Result<Self, ConfigError> {
        const ACT: &str = "CELLSTACK_PROBE_ACT";
        const SWITCH: &str = "on or off";
        let acts = match optional::<String>(ACT, SWITCH)?.as_deref() {
            Some("on") => true,
            None | Some("off") => false,
            Some(other) => return Err(ConfigError::invalid(ACT, SWITCH, other, "it is a switch")),
        };
        let rules = rules()?;
        let round = health::Settings {
            cells: Vec::new(),
            timeout: timeout()?,
            automation: acts.then_some(Automation { rules, dry_run: false }),
        };
        Ok(Self { stack: var("CELLSTACK_STACK", "the stack's name, the first part of its tables' names")?, round })
    }
}

fn rules() -> Result<Rules, ConfigError> {
    const FAILURES: &str = "the failures in a row that take a cell out, 1 to 1000";
    const SUCCESSES: &str = "the successes in a row that bring a cell back, 1 to 1000";
    const MAX_DOWN: &str = "the percent of the cells that may be out of service, 0 to 100";
    let Rules { failures, successes, max_down } = Rules::DEFAULT;
    Ok(Rules {
        failures: bounded("CELLSTACK_PROBE_FAILURES", FAILURES, 1..=Rules::MAX_ROW)?.unwrap_or(failures),
        successes: bounded("CELLSTACK_PROBE_SUCCESSES", SUCCESSES, 1..=Rules::MAX_ROW)?.unwrap_or(successes),
        max_down: bounded("CELLSTACK_PROBE_MAX_DOWN", MAX_DOWN, 0..=100)?.unwrap_or(max_down),
    })
}

fn timeout() -> Result<Duration, ConfigError> {
    const EXPECTED: &str = "the milliseconds that an event may take, 1000 to 600000";
    let bounds = Duration::from_secs(1)..=health::Settings::MAX_TIMEOUT;
    let ms = bounded("CELLSTACK_PROBE_TIMEOUT_MS", EXPECTED, bounds.start().as_millis()..=bounds.end().as_millis())?;
    let ms = ms.and_then(|ms| u64::try_from(ms).ok());
    Ok(ms.map_or(health::Settings::TIMEOUT, Duration::from_millis))
}

/// Reads a number that may be missing.
fn bounded<T: FromStr<Err: Display> + PartialOrd + Display>(
    name: &'static str,
    expected: &'static str,
    bounds: RangeInclusive<T>,
) -> Result<Option<T>, ConfigError> {
    match optional::<T>(name, expected)? {
        Some(value) if !bounds.contains(&value) => {
            Err(ConfigError::invalid(name, expected, &value.to_string(), "it is out of bounds"))
        }
        value => Ok(value),
    }
}
