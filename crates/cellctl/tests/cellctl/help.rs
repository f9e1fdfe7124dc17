//! The help texts, as a reader sees them. `CELLCTL_BLESS=1` writes them anew.

use std::path::Path;

use cellstack_cellctl::Cli;
use clap::CommandFactory as _;

#[test]
fn help_reads_as_agreed() {
    let mut cli = Cli::command();
    cli.build();
    for (name, path) in [
        ("cellctl", &[][..]),
        ("dlq", &["dlq"]),
        ("dlq-ls", &["dlq", "ls"]),
        ("dlq-show", &["dlq", "show"]),
        ("dlq-redrive", &["dlq", "redrive"]),
        ("dlq-purge", &["dlq", "purge"]),
        ("cells", &["cells"]),
        ("cells-down", &["cells", "down"]),
        ("cells-up", &["cells", "up"]),
        ("cells-retire", &["cells", "retire"]),
        ("cells-sync", &["cells", "sync"]),
        ("cells-recount", &["cells", "recount"]),
        ("audit", &["audit"]),
        ("audit-ls", &["audit", "ls"]),
        ("snapshot", &["snapshot"]),
        ("snapshot-write", &["snapshot", "write"]),
        ("snapshot-show", &["snapshot", "show"]),
    ] {
        let mut command = &mut cli;
        for part in path {
            command = command.find_subcommand_mut(part).unwrap();
        }
        let help = command.render_long_help().to_string();
        let help: String = help.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/help/{name}.txt"));
        if std::env::var_os("CELLCTL_BLESS").is_some() {
            std::fs::write(&file, &help).unwrap();
        }
        let agreed = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(help, agreed, "{}: set CELLCTL_BLESS=1 to agree to it", file.display());
    }
}

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}
