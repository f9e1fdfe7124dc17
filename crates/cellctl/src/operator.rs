//! The operator of a command, and the reason for it.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use clap::Args;

use crate::audit::Signature;
use crate::console::Console;
use crate::health::AUTOMATION;

/// The arguments of every verb that changes something.
#[derive(Debug, Clone, Args)]
pub(crate) struct Operator {
    /// The reason, kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = motive)]
    reason: String,
    #[command(flatten)]
    name: Name,
}

/// The arguments of a verb that is run as a routine.
#[derive(Debug, Clone, Args)]
pub(crate) struct Routine {
    /// The reason, kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = motive, default_value = "routine")]
    reason: String,
    #[command(flatten)]
    name: Name,
}

#[derive(Debug, Clone, Args)]
struct Name {
    /// Your name, kept in the audit trail [default: $USER, else your user id]
    #[arg(long, value_name = "NAME", env = "CELLSTACK_OPERATOR", hide_env_values = true, value_parser = name)]
    operator: Option<String>,
}

impl Operator {
    /// Signs what is about to be done.
    ///
    /// # Errors
    /// Fails if no source names the operator.
    pub(crate) fn sign(&self, console: &mut Console) -> Result<Signature> {
        Ok(Signature { operator: self.name.find(console)?, reason: self.reason.clone() })
    }
}

impl Routine {
    /// Signs like [`Operator::sign`].
    pub(crate) fn sign(&self, console: &mut Console) -> Result<Signature> {
        Ok(Signature { operator: self.name.find(console)?, reason: self.reason.clone() })
    }
}

impl Name {
    fn find(&self, console: &mut Console) -> Result<String> {
        if let Some(name) =
            self.operator.clone().or_else(|| std::env::var("USER").ok().and_then(|user| name(&user).ok()))
        {
            return Ok(name);
        }
        // Containers often set no USER.
        let Some(id) = user_id() else {
            bail!("the audit trail needs your name: set --operator or CELLSTACK_OPERATOR");
        };
        console.say(format_args!(
            "recorded as the work of {id}, since USER is not set: --operator or CELLSTACK_OPERATOR names you"
        ));
        Ok(id)
    }
}

/// Returns `uid 1000`, from the system's id of the user.
fn user_id() -> Option<String> {
    let said = Command::new("id").arg("-u").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let id: u32 = std::str::from_utf8(&said.stdout).ok()?.trim().parse().ok()?;
    Some(format!("uid {id}"))
}

fn motive(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() { Err("say why, in words".to_owned()) } else { Ok(text.to_owned()) }
}

fn name(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("say who you are".to_owned()),
        // Automation brings back cells under this name.
        AUTOMATION => Err(format!("{AUTOMATION} is the name of automation; take another")),
        text => Ok(text.to_owned()),
    }
}
