//! The scenarios of `cellstack-local simulate`.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use cellstack_simulator::{
    Backup, CONCURRENCY, CutOff, Hurt, Moved, Mutation, Wake, black_swan, busy_tenant, control_plane_cut, draw,
    each_seed, excerpt, fence_bursts, marked_down, moves, one_cell_down, recovery,
};

use super::print;

/// The distance between two lines of the black swan's table, in seconds.
const LINE: u64 = 10;
/// The bounds of what callers of the other cells may notice: at least this share served, at most so many times slower.
const SERVED: f64 = 0.999;
const SLOWER: f64 = 1.2;
/// The time within which a busy tenant's fence is closed.
const CLOSED_IN: Duration = Duration::from_secs(2);
/// The time within which a recovered cell serves again.
const SERVES_IN: Duration = Duration::from_secs(6);
/// The most violations of one seed that are shown.
const VIOLATIONS: usize = 5;

pub(super) fn black_swan_scenario(cells: usize, tenants: usize, svg: Option<&Path>) -> Result<ExitCode> {
    let stacks = [(cells.max(2), Backup::Standbys), (cells, Backup::None), (1, Backup::None)];
    // The stacks know nothing of each other.
    let wakes: Result<Vec<Wake>> = std::thread::scope(|scope| {
        let threads = stacks.map(|(cells, backup)| scope.spawn(move || black_swan(cells, tenants, backup)));
        let joined = threads.into_iter().map(|thread| {
            thread.join().map_err(|_| anyhow::anyhow!("the thread of a stack panicked; its message is above"))?
        });
        joined.collect()
    });
    let wakes = wakes?;
    show_curves(&wakes);
    for wake in &wakes {
        print(summary(wake));
    }
    if let (Some(path), [standbys, many, one]) = (svg, wakes.as_slice()) {
        std::fs::write(path, draw(one, many, standbys)).with_context(|| format!("write {}", path.display()))?;
    }
    let holds = wakes.iter().all(|wake| wake.hurt_later <= wake.all_cells_killed);
    Ok(exit(holds))
}

fn show_curves(wakes: &[Wake]) {
    let columns = |cells: &mut dyn Iterator<Item = String>| cells.collect::<Vec<_>>().join("  ");
    print(format_args!("{:>6}  {}", "", columns(&mut wakes.iter().map(|wake| format!("{:>21}", title(wake))))));
    let names = format!("{:>10} {:>10}", "requests", "tenants");
    print(format_args!("{:>6}  {}", "time", columns(&mut wakes.iter().map(|_| names.clone()))));
    let Some(first) = wakes.first() else { return };
    for (step, hurt) in first.hurt.iter().enumerate().filter(|(_, hurt)| hurt.at.as_secs() % LINE == 0) {
        let shares = |hurt: &Hurt| format!("{:>8.1} % {:>8.1} %", hurt.requests * 100.0, hurt.tenants * 100.0);
        let mut cells = wakes.iter().filter_map(|wake| wake.hurt.get(step)).map(shares);
        print(format_args!("{:>4} s  {}", hurt.at.as_secs(), columns(&mut cells)));
    }
}

fn title(wake: &Wake) -> String {
    match (wake.cells, wake.backup) {
        (1, _) => "one big cell".to_owned(),
        (cells, Backup::None) => format!("{cells} cells"),
        (cells, Backup::Standbys) => format!("{cells} with standbys"),
    }
}

fn summary(wake: &Wake) -> String {
    let of = |part: usize, whole: usize| part as f64 * 100.0 / whole.max(1) as f64;
    format!(
        "{}: {} of {} requests failed ({:.1} %), {} of {} tenants hurt ({:.1} %); after 10 s {} ({:.1} %), and of {} every \
         cell was killed",
        title(wake),
        wake.failed,
        wake.requests,
        of(wake.failed, wake.requests),
        wake.tenants_hurt,
        wake.tenants,
        of(wake.tenants_hurt, wake.tenants),
        wake.hurt_later,
        of(wake.hurt_later, wake.tenants),
        wake.all_cells_killed
    )
}

pub(super) fn one_cell_down_scenario(cells: usize, tenants: usize) -> Result<ExitCode> {
    let phases = one_cell_down(cells.max(2), tenants, CONCURRENCY)?;
    print(format_args!(
        "{:<11} {:>9} {:>14} {:>12} {:>16}",
        "one cell", "requests", "others served", "others' p99", "its own served"
    ));
    for noticed in &phases {
        print(format_args!(
            "{:<11} {:>9} {:>12.3} % {:>9.1} ms {:>14.1} %",
            noticed.phase,
            noticed.others,
            noticed.others_served * 100.0,
            noticed.others_p99.as_secs_f64() * 1e3,
            noticed.victim_served * 100.0
        ));
    }
    let before = phases.first().map(|noticed| noticed.others_p99).unwrap_or_default();
    let unharmed =
        phases.iter().all(|noticed| noticed.others_served >= SERVED && noticed.others_p99 <= before.mul_f64(SLOWER));
    Ok(exit(unharmed))
}

fn exit(holds: bool) -> ExitCode {
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn ms(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1e3)
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

pub(super) fn busy_tenant_scenario(mutation: Option<Mutation>) -> Result<ExitCode> {
    let busy = busy_tenant(1, mutation)?;
    let accepted = share(busy.accepted, busy.writes);
    let in_bursts = fence_bursts(1, mutation)?;
    for (figure, value) in [
        ("writes of one tenant in 60 s, all of them fenced", busy.writes.to_string()),
        ("  accepted at the first try", format!("{:.3} %", accepted * 100.0)),
        ("  the same in bursts of 20 on one shard of the fence", format!("{:.3} %", in_bursts * 100.0)),
        ("  transactions per write", format!("{:.3}", busy.transactions)),
        ("  p99 of an accepted write", ms(busy.p99)),
        ("  the longest", ms(busy.longest)),
        ("closing the fence meanwhile took", ms(busy.closed_in)),
    ] {
        print(format_args!("{figure:<56} {value:>12}"));
    }
    Ok(exit(accepted >= SERVED && in_bursts >= SERVED && busy.closed_in <= CLOSED_IN))
}

pub(super) fn marked_down_scenario(cells: usize, tenants: usize) -> Result<ExitCode> {
    let marked = marked_down(cells.max(2), tenants)?;
    print(format_args!(
        "{:<11} {:>8} {:>10} {:>9} {:>18} {:>14}",
        "one cell", "events", "accepted", "repeats", "same response", "others served"
    ));
    let mut holds = true;
    for phase in &marked.phases {
        let (accepted, same) = (share(phase.accepted, phase.events), share(phase.same, phase.repeats));
        let others = share(phase.others_accepted, phase.others);
        print(format_args!(
            "{:<11} {:>8} {:>8.2} % {:>9} {:>16.2} % {:>12.3} %",
            phase.name,
            phase.events,
            accepted * 100.0,
            phase.repeats,
            same * 100.0,
            others * 100.0
        ));
        holds &= others >= SERVED && (phase.name == "failing" || accepted >= SERVED && phase.same == phase.repeats);
    }
    for (figure, value) in [
        ("events that standbys hold", marked.held),
        ("  listed as held, with their cell", marked.listed),
        ("repeats of events that the cell has as well", marked.held_twice),
        ("events that standbys processed", marked.processed_by_standbys),
        ("acknowledged events that are not found", marked.lost),
    ] {
        print(format_args!("{figure:<56} {value:>12}"));
    }
    holds &= marked.held > 0 && marked.listed == marked.held && marked.processed_by_standbys == 0 && marked.lost == 0;
    Ok(exit(holds))
}

pub(super) fn recovery_scenario(cells: usize, tenants: usize) -> Result<ExitCode> {
    let recovered = recovery(cells.max(2), tenants, CONCURRENCY)?;
    for (figure, value) in [
        ("requests to the cell while it failed, 60 s", recovered.requests.to_string()),
        ("calls that reached it", recovered.calls.to_string()),
        ("environments of the router", recovered.environments.to_string()),
        ("others served all along", format!("{:.3} %", recovered.others_served * 100.0)),
        ("the last request not served, after it was well", ms(recovered.served_after)),
        ("served after that", format!("{:.3} %", recovered.served * 100.0)),
    ] {
        print(format_args!("{figure:<56} {value:>12}"));
    }
    let is_bounded = recovered.calls <= recovered.bound();
    Ok(exit(is_bounded && recovered.served_after <= SERVES_IN && recovered.others_served >= SERVED))
}

pub(super) fn control_plane_cut_scenario(
    seeds: &[u64],
    threads: usize,
    mutation: Option<Mutation>,
) -> Result<ExitCode> {
    let (mut all, mut ran, mut violated) = (CutOff::default(), 0, None);
    each_seed(
        seeds,
        threads,
        |seed| control_plane_cut(seed, mutation, false),
        |one| {
            ran += 1;
            add(&mut all, &one);
            if !one.violations.is_empty() {
                violated = Some(one);
            }
            violated.is_none()
        },
    )?;
    all.cold.sort_unstable();
    let share = |part: usize, whole: usize| format!("{:.3} %", share(part, whole) * 100.0);
    let p99 = all.cold.get(all.cold.len() * 99 / 100).copied().unwrap_or_default();
    for (figure, value) in [
        ("seeds", ran.to_string()),
        ("requests while the control plane is cut off", all.requests.to_string()),
        ("of warm tenants", all.warm.to_string()),
        ("  served at the first try", share(all.warm_served, all.warm)),
        ("  served by a route past its lease", all.stale_served.to_string()),
        ("fenced writes", all.fenced.to_string()),
        ("plain writes past the lease", all.plain_past_lease.to_string()),
        ("events written in all, by moving and frozen routers too", all.written.to_string()),
        ("  below the fence", all.below_fence.to_string()),
        ("tenants moved", all.moves.to_string()),
        ("requests that met a tenant between two cells", all.in_transit.to_string()),
        ("requests with a route of an epoch that is over: 503", all.outdated.to_string()),
        ("of cold tenants: 503", all.cold.len().to_string()),
        ("  p99 of these responses", format!("{:.0} ms", p99.as_secs_f64() * 1e3)),
        ("requests when it is back, all of them served", all.after.to_string()),
    ] {
        print(format_args!("{figure:<56} {value:>12}"));
    }
    let Some(violated) = violated else { return Ok(ExitCode::SUCCESS) };
    print(format_args!("\nseed {}: {}", violated.seed, violated.drawn));
    for violation in violated.violations.iter().take(VIOLATIONS) {
        print(format_args!("seed {}: {violation}", violated.seed));
    }
    Ok(ExitCode::FAILURE)
}

fn add(all: &mut CutOff, one: &CutOff) {
    all.requests += one.requests;
    all.warm += one.warm;
    all.warm_served += one.warm_served;
    all.stale_served += one.stale_served;
    all.fenced += one.fenced;
    all.plain_past_lease += one.plain_past_lease;
    all.written += one.written;
    all.below_fence += one.below_fence;
    all.in_transit += one.in_transit;
    all.outdated += one.outdated;
    all.cold.extend(&one.cold);
    all.after += one.after;
    all.moves += one.moves;
}

pub(super) fn moves_scenario(seeds: &[u64], threads: usize, mutation: Option<Mutation>) -> Result<ExitCode> {
    let (mut all, mut ran, mut violated) = (Moved::default(), 0, None);
    each_seed(
        seeds,
        threads,
        |seed| moves(seed, mutation, false),
        |one| {
            ran += 1;
            all.add(&one);
            if !one.violations.is_empty() {
                violated = Some(one);
            }
            violated.is_none()
        },
    )?;
    let phases: Vec<String> = all.killed_in.iter().map(|(phase, runs)| format!("{runs} {phase}")).collect();
    for (figure, value) in [
        ("seeds", ran.to_string()),
        ("events acknowledged", all.acknowledged.to_string()),
        ("moves that ended in the destination", all.flipped.to_string()),
        ("moves that were aborted", all.aborted.to_string()),
        ("events that were handed over", all.carried.to_string()),
        ("moves that a stray event stopped", all.differed.to_string()),
        ("copies that were deleted", all.purged.to_string()),
        ("cells marked down and up", all.marked.to_string()),
        ("events that standbys held meanwhile", all.held.to_string()),
        ("runs that were killed", all.killed.to_string()),
    ] {
        print(format_args!("{figure:<56} {value:>12}"));
    }
    print(format_args!("  by phase: {}", phases.join(", ")));
    let Some(violated) = violated else { return Ok(ExitCode::SUCCESS) };
    print(format_args!("\nseed {}: {}", violated.seed, violated.drawn));
    let violations = &violated.violations[..violated.violations.len().min(VIOLATIONS)];
    // The same run again, for what happened to the events of the first violation.
    for line in excerpt(&moves(violated.seed, mutation, true)?.lines, &violations[0]) {
        print(line);
    }
    for violation in violations {
        print(format_args!("seed {}: {violation}", violated.seed));
    }
    Ok(ExitCode::FAILURE)
}
