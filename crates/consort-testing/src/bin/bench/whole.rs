//! The whole process on a chain and on a fan, beside `make -j2` and the flushes.
#![allow(clippy::disallowed_types, reason = "a benchmark starts the programs that it compares")]

use super::stage::{self, Stage, TIMES, Took, files_below, flushes, ms, timed, workflow};
use super::table::{Goal, Missed, Table, median};
use super::workflows::{TASKS, task};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// 200 tasks, one after the other.
pub(crate) fn chain(stage: &Stage, table: &mut Table) -> Result<(), Missed> {
    compare(stage, table, "chain-200", true)
}

/// 200 tasks, two at a time.
pub(crate) fn fan(stage: &Stage, table: &mut Table) -> Result<(), Missed> {
    compare(stage, table, "fan-200", false)
}

/// What one run of ours took and left.
pub(crate) struct Ours {
    /// The process.
    pub(crate) took: Took,
    /// Journal transactions.
    pub(crate) commits: u64,
    /// Objects in the content store.
    pub(crate) objects: u64,
}

/// `consort run` in this directory.
pub(crate) fn ours(stage: &Stage, dir: &Path, file: &str) -> Result<Ours, Missed> {
    let counted = stage::state_of(dir).with_extension("commits");
    let path = workflow(file);
    let mut command = stage.consort(dir, &["run", &path.to_string_lossy(), "--approve", "all", "--yes"]);
    let took = timed(command.env("CONSORT_COMMITS_FILE", &counted))?;
    let commits = std::fs::read_to_string(&counted)?.trim().parse()?;
    Ok(Ours { took, commits, objects: files_below(&dir.join(".consort/store")) })
}

fn compare(stage: &Stage, table: &mut Table, name: &str, chain: bool) -> Result<(), Missed> {
    let (mut walls, mut floors, mut cpus, mut floor_cpus) = (vec![], vec![], vec![], vec![]);
    let mut makes = Vec::new();
    let mut last = None;
    for _ in 0..TIMES {
        let run = ours(stage, &stage.fresh(name)?, &format!("{name}.yaml"))?;
        let dir = stage.fresh("make")?;
        std::fs::write(dir.join("Makefile"), makefile(chain))?;
        let made = timed(Command::new("make").args(["-j2", "-s"]).current_dir(&dir))?;
        let flushed = flushes(&dir, run.commits + run.objects)?;
        walls.push(ms(run.took.wall));
        cpus.push(ms(run.took.cpu));
        floors.push(ms(made.wall + flushed));
        floor_cpus.push(ms(made.cpu));
        makes.push(ms(made.wall));
        last = Some(run);
    }
    let run = last.ok_or("nothing was run")?;
    table.row(&format!("{name}, wall"), median(walls), Some(median(floors)), "ms", Goal::Ratio(1.3));
    table.note(&format!(
        "floor: make {:.0} ms, and {} fdatasync; CPU: ours {:.0} ms, make {:.0} ms",
        median(makes),
        run.commits + run.objects,
        median(cpus),
        median(floor_cpus)
    ));
    let per_task = run.commits as f64 / TASKS as f64;
    table.row(&format!("{name}, commits per task"), per_task, None, "", Goal::Most(1.5));
    table.note(&format!("{} commits, {} stored objects", run.commits, run.objects));
    Ok(())
}

/// Starts the same processes in the same order.
fn makefile(chain: bool) -> String {
    let names: Vec<String> = (1..=TASKS).map(task).collect();
    let mut text = format!("all: {0}\n.PHONY: all {0}\n", names.join(" "));
    for (n, name) in names.iter().enumerate() {
        let needs = if chain && n > 0 { names[n - 1].as_str() } else { "" };
        let _ = writeln!(text, "{name}: {needs}\n\t@sh -c 'echo \"{name}\" > \"{name}.txt\"'");
    }
    text
}
