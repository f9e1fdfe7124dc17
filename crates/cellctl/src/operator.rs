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

fn motive(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() { Err("say why, in words".to_owned()) } else { Ok(text.to_owned()) }
}

fn name(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() { Err("say who you are".to_owned()) } else { Ok(text.to_owned()) }
}
