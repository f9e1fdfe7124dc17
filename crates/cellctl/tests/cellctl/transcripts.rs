//! The output of each command, for people and for programs: `tests/transcripts`.
//!
//! A transcript is a script and what it shows. A line that begins with `$` is run, in process:
//!
//! | line | |
//! |---|---|
//! | `cellctl ...` | the command; `DIR` stands for a directory, `MOVE` for the id of the latest move |
//! | `kill SECONDS cellctl ...` | the command, which ends after that time |
//! | `post TENANT NUMBER` | posts events |
//! | `count TENANT NUMBER` | counts events in alpha's usage of today |
//! | `poison TENANT`, `mend` | posts an event, waits for its letter; mends the processor that refused it |
//! | `wait SECONDS` | lets time pass |
//!
//! Below it stand its data, its messages (`!`), its error (`error:`) and an exit code other than 0. `CELLCTL_BLESS=1` writes
//! transcripts anew.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cellstack_cellctl::{Cli, Completion};
use cellstack_core::usage;
use cellstack_embedded::names::CellNames;
use clap::{Command, CommandFactory as _};

use crate::cells::world::{CellsWorld, TODAY_MS, cell, number, text};
use crate::dlq::world::DlqWorld;
use crate::ran::Ran;

const DEAD_LETTERS: &str = "dlq.txt";
/// A time longer than any command takes by itself.
const PATIENCE: Duration = Duration::from_secs(3_600);

#[tokio::test(start_paused = true)]
async fn each_command_shows_what_its_transcript_has() {
    for path in transcripts() {
        let agreed = std::fs::read_to_string(&path).unwrap();
        let shown = Recorder::of(&path).await.run(&agreed).await;
        if std::env::var_os("CELLCTL_BLESS").is_some() {
            std::fs::write(&path, &shown).unwrap();
            continue;
        }
        let different = agreed.lines().zip(shown.lines()).position(|(agreed, shown)| agreed != shown);
        let at = different.unwrap_or_else(|| agreed.lines().count().min(shown.lines().count())) + 1;
        let line = shown.lines().nth(at - 1).unwrap_or("nothing");
        let path = path.display();
        assert!(shown == agreed, "{path}:{at}: {line}: set CELLCTL_BLESS=1 to agree to it");
    }
}

#[test]
fn a_transcript_has_each_command_for_people_and_for_programs() {
    let mut commands = BTreeSet::new();
    collect(&Cli::command(), "", &mut commands);
    for path in transcripts() {
        for line in std::fs::read_to_string(path).unwrap().lines().filter_map(|line| line.strip_prefix("$ cellctl ")) {
            let for_programs = line.contains("--output json");
            let is_it = |(name, json): &(String, bool)| *json == for_programs && line.starts_with(name.as_str());
            commands.retain(|command| !is_it(command));
        }
    }
    assert_eq!(commands, BTreeSet::new(), "in no transcript (true: with --output json)");
}

fn transcripts() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut paths: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Collects the commands that have none below them, each for people and for programs.
fn collect(command: &Command, name: &str, commands: &mut BTreeSet<(String, bool)>) {
    let mut below = command.get_subcommands().peekable();
    if below.peek().is_none() {
        commands.extend([(name.to_owned(), false), (name.to_owned(), true)]);
    }
    for command in below {
        collect(command, format!("{name} {}", command.get_name()).trim_start(), commands);
    }
}

/// The worlds in which transcripts are played.
enum World {
    Cells(CellsWorld),
    DeadLetters(DlqWorld),
}

/// A world, and a directory for files that commands write.
struct Recorder {
    world: World,
    directory: PathBuf,
    ids: Vec<String>,
}

impl Recorder {
    async fn of(transcript: &Path) -> Self {
        let name = transcript.file_name().unwrap().to_str().unwrap();
        let directory = std::env::temp_dir().join(format!("cellctl-transcript-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let world = if name == DEAD_LETTERS {
            World::DeadLetters(DlqWorld::new().await)
        } else {
            World::Cells(CellsWorld::new().await)
        };
        Self { world, directory, ids: Vec::new() }
    }

    /// Runs the lines of a script, and returns them with what they show.
    async fn run(&mut self, script: &str) -> String {
        let mut shown = String::new();
        for line in script.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                shown += &format!("{line}\n");
                let output = self.line(command).await;
                shown += &self.mask(&output);
            } else if line.starts_with('#') {
                shown += &format!("{line}\n");
            }
        }
        shown
    }

    async fn line(&self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        match (words.as_slice(), &self.world) {
            (["cellctl", ..], _) => {
                let run = self.cellctl(line.strip_prefix("cellctl ").unwrap());
                return text_of(tokio::time::timeout(PATIENCE, run).await.expect(line));
            }
            (["kill", seconds, "cellctl", ..], _) => {
                let line = line.split_once("cellctl ").unwrap().1;
                let limit = Duration::from_secs(seconds.parse().unwrap());
                assert!(tokio::time::timeout(limit, self.cellctl(line)).await.is_err(), "{line} was done before");
            }
            (["wait", seconds], _) => tokio::time::sleep(Duration::from_secs(seconds.parse().unwrap())).await,
            (["post", tenant, count], World::Cells(world)) => {
                for _ in 0..count.parse().unwrap() {
                    assert_eq!(world.post(tenant, None, 7).await.status(), 202);
                }
            }
            (["count", tenant, events], World::Cells(world)) => {
                let events = number(events.parse().unwrap());
                let item =
                    [("tenant_id", text(&usage::partition(TODAY_MS))), ("sk", text(tenant)), (usage::EVENTS, events)];
                world.put(&CellNames::of(&cell("alpha")).table, &item).await;
            }
            (["poison", tenant], World::DeadLetters(world)) => drop(world.poison(tenant, 7).await),
            (["mend"], World::DeadLetters(world)) => world.mend(),
            _ => panic!("{line}: no such line"),
        }
        String::new()
    }

    async fn cellctl(&self, line: &str) -> Ran {
        let mut line = line.replace("DIR", self.directory.to_str().unwrap());
        match &self.world {
            World::Cells(world) => {
                if line.contains("MOVE") {
                    line = line.replace("MOVE", &world.move_id().await);
                }
                world.cellctl(&line).await
            }
            World::DeadLetters(world) => world.cellctl(&line).await,
        }
    }

    /// Replaces what differs from run to run by something of the same width: ids by the order in which they came.
    fn mask(&mut self, text: &str) -> String {
        let text = text.replace(self.directory.to_str().unwrap(), "DIR");
        let mut masked = String::new();
        for token in text.split_inclusive(|char: char| !(char.is_ascii_alphanumeric() || "-:.".contains(char))) {
            let word = token.trim_end_matches(|char: char| !char.is_ascii_alphanumeric());
            let hex = word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
            let mask = match word.len() {
                36 if hex => self.id(word),
                64 if hex => "0".repeat(64),
                24 if word.ends_with('Z') && word.contains('T') => "2026-01-01T00:00:00.000Z".to_owned(),
                _ => word.to_owned(),
            };
            masked += &mask;
            masked += &token[word.len()..];
        }
        masked
    }

    fn id(&mut self, id: &str) -> String {
        let at = self.ids.iter().position(|known| known == id).unwrap_or_else(|| {
            self.ids.push(id.to_owned());
            self.ids.len() - 1
        });
        format!("00000000-0000-0000-0000-{:012}", at + 1)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn text_of(ran: Ran) -> String {
    let mut text = ran.data;
    for line in ran.talk.lines() {
        text += &format!("! {line}\n");
    }
    match ran.completion {
        Ok(Completion::Done) => {}
        Ok(Completion::LeftSome) => text += "exit code 3\n",
        Err(error) => text += &format!("error: {error}\nexit code 1\n"),
    }
    text + "\n"
}
