//! Who does something, and why.

use clap::Args;

/// What every verb wants that changes something.
#[derive(Debug, Clone, Args)]
pub(crate) struct Operator {
    /// Why you do this; kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = motive)]
    pub(crate) reason: String,
    /// Who you are; kept in the audit trail
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true, value_parser = name)]
    pub(crate) operator: String,
}

/// What a verb wants that is run as a routine.
#[derive(Debug, Clone, Args)]
pub(crate) struct Routine {
    /// Why you do this; kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = motive, default_value = "routine")]
    reason: String,
    /// Who you are; kept in the audit trail
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true, value_parser = name)]
    operator: String,
}

impl From<Routine> for Operator {
    fn from(Routine { reason, operator }: Routine) -> Self {
        Self { reason, operator }
    }
}

fn motive(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() { Err("say why, in words".to_owned()) } else { Ok(text.to_owned()) }
}

fn name(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() { Err("say who you are".to_owned()) } else { Ok(text.to_owned()) }
}
