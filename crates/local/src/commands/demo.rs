//! `cellstack-local demo`

use std::collections::HashMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::demo::{Completion, Hop, Journey, Report, Row, Sample, Watcher, run};
use anyhow::Result;
use cellstack_core::{CellId, EventId};
use cellstack_embedded::serve::Served;
use cellstack_embedded::{Pipeline, Stack};
use cellstack_simulator::Application;
use clap::Args;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::print;
use super::serve::TENANTS;

/// The pause between two requests on a terminal: slow enough to follow.
const INTERVAL: Duration = Duration::from_millis(150);

/// Watch events travel through their cells
///
/// Starts the stack on free ports, sends every sample request and follows its event from hop to hop; what the processor
/// refuses ends in the dead-letter queue of its cell. Exit 0 only if each ended where its sample says it must.
#[derive(Args)]
#[command(after_help = "Examples:
  cellstack-local demo
  cellstack-local demo --events events/router")]
pub(crate) struct Demo {
    /// Directory of the sample requests
    #[arg(long, value_name = "DIR", default_value = "events/router")]
    events: PathBuf,
}

impl Demo {
    #[expect(clippy::disallowed_methods, reason = "real time is measured for a person")]
    pub(crate) async fn run(self, application: impl Application) -> Result<ExitCode> {
        let samples = Sample::read_all(&self.events)?;
        let cells = ["alpha", "beta", "gamma"];
        let mut builder = Stack::builder().pipeline(Pipeline::IMPATIENT).seed(rand::random());
        for (cell, tenant) in cells.iter().zip(TENANTS) {
            let cell: CellId = cell.parse()?;
            builder = builder.cell(cell.clone()).tenant(tenant.parse()?, cell);
        }
        let served = Served::start(builder.build_with(|| application.clone()).await?, 0, 0).await?;
        let report = if std::io::stderr().is_terminal() {
            let mut view = LiveView::new();
            let report = run(&served, &samples, INTERVAL, &mut view).await;
            view.finish();
            report?
        } else {
            run(&served, &samples, Duration::ZERO, &mut PlainView { started: Instant::now() }).await?
        };
        served.stop().await?;
        Ok(show(&report))
    }
}

/// One line per event, moving. A line fits a terminal of 80 columns: a sign for each hop, and the last one's name, which
/// gives way to the completion.
struct LiveView {
    lines: MultiProgress,
    bars: HashMap<EventId, ProgressBar>,
}

impl LiveView {
    fn new() -> Self {
        let lines = MultiProgress::new();
        let hops = Hop::ALL.map(|hop| hop.to_string()).join(", ");
        let _ = lines.println(format!("Each ● is a hop: {hops}."));
        Self { lines, bars: HashMap::new() }
    }

    fn finish(&self) {
        for bar in self.bars.values().filter(|bar| !bar.is_finished()) {
            bar.abandon();
        }
    }
}

impl Watcher for LiveView {
    fn responded(&mut self, row: &Row) {
        if let Some(event) = row.response.event {
            let bar = self.bars.entry(event).or_insert_with(|| {
                let bar = self.lines.add(ProgressBar::new(Hop::ALL.len() as u64));
                // The template is a constant; the default style would show the same in another shape.
                let style = ProgressStyle::with_template("{prefix} {spinner:.cyan} {wide_msg}");
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
                bar.enable_steady_tick(Duration::from_millis(80));
                bar
            });
            let way = format!("{} → {}", row.tenant, row.cell.as_deref().unwrap_or("?"));
            bar.set_prefix(format!("{:22} {way:16}", row.name));
        } else {
            let problem = row.response.problem.as_deref().unwrap_or("ok");
            let _ =
                self.lines.println(format!("{:22} {:16}   {} {problem}", row.name, row.tenant, row.response.status));
        }
    }

    fn moved(&mut self, row: &Row, journey: &Journey) {
        let Some(bar) = row.response.event.and_then(|event| self.bars.get(&event)) else {
            return;
        };
        let hops: String = Hop::ALL
            .iter()
            .map(|hop| if journey.has_reached(*hop) { "\x1b[32m●\x1b[0m" } else { "\x1b[2m○\x1b[0m" })
            .collect();
        if let (Some(completion), Some(took)) = (journey.completion(), journey.took()) {
            let color = if completion == Completion::Processed { 32 } else { 31 };
            bar.finish_with_message(format!("{hops} \x1b[1;{color}m{completion}\x1b[0m {} ms", took.as_millis()));
        } else {
            let last = Hop::ALL.into_iter().rev().find(|hop| journey.has_reached(*hop));
            bar.set_message(format!("{hops} {}", last.map_or_else(String::new, |hop| hop.to_string())));
        }
    }
}

/// One line per step.
struct PlainView {
    started: Instant,
}

impl PlainView {
    fn line(&self, row: &Row, what: impl std::fmt::Display) {
        let ms = self.started.elapsed().as_millis();
        let cell = row.cell.as_deref().unwrap_or("-");
        let _ = writeln!(std::io::stderr(), "{ms:>6} ms  {:8} {cell:6} {:20} {what}", row.tenant, row.name);
    }
}

impl Watcher for PlainView {
    fn responded(&mut self, row: &Row) {
        self.line(
            row,
            format_args!("responded {} {}", row.response.status, row.response.problem.as_deref().unwrap_or("")),
        );
    }

    fn moved(&mut self, row: &Row, journey: &Journey) {
        match journey.completion() {
            Some(completion) => self.line(row, completion),
            None => {
                let last = Hop::ALL.into_iter().rev().find(|hop| journey.has_reached(*hop));
                self.line(row, last.map_or_else(String::new, |hop| hop.to_string()));
            }
        }
    }
}

fn show(report: &Report) -> ExitCode {
    print(outcomes(report));
    print("");
    dead_letters(report);
    if report.mismatches.is_empty() {
        print(format_args!("\nAll {} samples ended where they must.", report.rows.len()));
        return ExitCode::SUCCESS;
    }
    for mismatch in &report.mismatches {
        super::complain(&anyhow::anyhow!("{mismatch}"));
    }
    ExitCode::FAILURE
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
    table
}

fn outcomes(report: &Report) -> Table {
    let mut table = table(&["sample", "tenant", "cell", "outcome", "ms"]);
    for row in &report.rows {
        let journey = row.response.event.and_then(|event| report.journeys.get(&event));
        let repeat = row.expect.same_event_as.is_some();
        let (status, color) = match (journey.and_then(Journey::completion), row.response.status) {
            (Some(Completion::Processed), _) if repeat => ("same event again".to_owned(), Color::Green),
            (Some(Completion::Processed), _) => ("processed".to_owned(), Color::Green),
            (Some(Completion::DeadLettered), _) => ("dead-lettered".to_owned(), Color::Red),
            (None, status @ ..400) => (status.to_string(), Color::Green),
            (None, status) => {
                (format!("{status} {}", row.response.problem.as_deref().unwrap_or_default()), Color::Yellow)
            }
        };
        let took = journey.filter(|_| !repeat).and_then(Journey::took).unwrap_or(row.response.took);
        table.add_row(vec![
            Cell::new(&row.name),
            Cell::new(&row.tenant),
            Cell::new(row.cell.as_deref().unwrap_or("-")),
            Cell::new(status).fg(color),
            Cell::new(format!("{:.1}", took.as_secs_f64() * 1e3)).set_alignment(CellAlignment::Right),
        ]);
    }
    table
}

fn dead_letters(report: &Report) {
    match report.dead_letters.len() {
        0 => print("No dead letters."),
        1 => print("1 dead letter:"),
        count => print(format_args!("{count} dead letters:")),
    }
    for (queue, letter) in &report.dead_letters {
        let tries = if letter.attempts == 1 { "1 try".to_owned() } else { format!("{} tries", letter.attempts) };
        print(format_args!("  {queue}: {} after {tries}", letter.reason));
        print(format_args!("  {}", letter.detail));
    }
}
