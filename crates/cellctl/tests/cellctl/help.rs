//! The help texts, as a reader sees them. `CELLCTL_BLESS=1` writes them anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cellstack_cellctl::Cli;
use clap::{Command, CommandFactory as _};

#[test]
fn help_reads_as_agreed() {
    let mut cli = Cli::command();
    cli.build();
    let mut texts = BTreeMap::new();
    collect(&mut cli, "cellctl", &mut texts);
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help");
    let file = |name: &str| directory.join(format!("{name}.txt"));
    if std::env::var_os("CELLCTL_BLESS").is_some() {
        for (name, help) in &texts {
            std::fs::write(file(name), help).unwrap();
        }
    }
    for (name, help) in &texts {
        let agreed = std::fs::read_to_string(file(name)).unwrap_or_default();
        assert_eq!(*help, agreed, "{}: set CELLCTL_BLESS=1 to agree to it", file(name).display());
    }
    let kept: Vec<PathBuf> = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(kept.len(), texts.len(), "a text of a command that is gone: {kept:?}");
}

/// Collects the help of a command and of all below it, under the names of their files.
fn collect(command: &mut Command, name: &str, texts: &mut BTreeMap<String, String>) {
    let help = command.render_long_help().to_string();
    let help = help.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    texts.insert(name.to_owned(), help);
    for below in command.get_subcommands_mut().filter(|below| below.get_name() != "help") {
        let own = below.get_name().to_owned();
        let path = name.strip_prefix("cellctl").unwrap_or(name).trim_start_matches('-');
        let path = if path.is_empty() { own } else { format!("{path}-{own}") };
        collect(below, &path, texts);
    }
}

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}
