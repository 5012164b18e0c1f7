//! Six critics of one group beside one: they work at the same time, so a round waits for the
//! slowest of them and not for their sum. Read from the journals of real runs.

use super::stage::{Stage, TIMES, timed};
use super::table::{Goal, Missed, Table, median};
use consort_core::ids::Step;
use consort_core::run::EventKind;
use consort_core::time::Timestamp;
use consort_local::journal::Reader;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Strategies of the group.
const CRITICS: usize = 6;
/// What each of them takes beside the work of a player.
const SLOW_MS: u64 = 400;
const RUN: &str = "gate";

/// See the module.
pub(crate) fn critics(stage: &Stage, table: &mut Table) -> Result<(), Missed> {
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        ours.extend(rounds(stage, CRITICS)?);
        floors.extend(rounds(stage, 1)?);
    }
    let (many, one) = (median(ours.clone()), median(floors));
    table.row(
        &format!("critics of a round, {CRITICS} in a group, wall"),
        many,
        Some(one),
        "ms",
        Goal::Ratio(1.3),
    );
    let (least, most) =
        (ours.iter().fold(f64::MAX, |a, b| a.min(*b)), ours.iter().fold(0.0, |a: f64, b| a.max(*b)));
    table.note(&format!(
        "floor: one critic, {SLOW_MS} ms of it asleep; one after the other {:.0} ms; {} rounds, {least:.0} to {most:.0} ms",
        one * CRITICS as f64,
        ours.len()
    ));
    Ok(())
}

/// Milliseconds from the first start of a critic to the last end, for each round of a run.
fn rounds(stage: &Stage, critics: usize) -> Result<Vec<f64>, Missed> {
    let dir = stage.fresh("gate")?;
    let file = dir.join("gate.yaml");
    std::fs::write(&file, workflow(critics))?;
    timed(&mut stage.consort(&dir, &["run", &file.to_string_lossy(), "--approve", "all", "--yes"]))?;
    let reader = Reader::open(&dir.join(".consort/runs").join(RUN))?;
    let mut ended = 0;
    let mut spans: BTreeMap<u32, (Timestamp, Timestamp)> = BTreeMap::new();
    for record in reader.records(0)? {
        let record = record?;
        for event in &record.events {
            let (EventKind::AttemptStarting { attempt, .. } | EventKind::AttemptEnded { attempt, .. }) =
                &event.kind
            else {
                continue;
            };
            if matches!(attempt.step, Step::Review(_)) {
                spans.entry(attempt.iteration).or_insert((record.now, record.now)).1 = record.now;
                ended += usize::from(matches!(event.kind, EventKind::AttemptEnded { .. }));
            }
        }
    }
    if spans.is_empty() || ended != critics * spans.len() {
        return Err(
            format!("{ended} critics in {} rounds, {critics} in each were wanted", spans.len()).into()
        );
    }
    Ok(spans.values().map(|(from, to)| to.since_ms(*from) as f64).collect())
}

/// One task whose critics are slow players, each with a strategy of its own in the same group.
fn workflow(critics: usize) -> String {
    let names: Vec<String> = (1..=critics).map(|n| format!("house-{n}")).collect();
    let mut text = format!(
        "workflow: {{id: {RUN}, title: Side by side}}\ncriticality: C1\n\
         limits: {{max_concurrent_agents: {}}}\ncatalogue:\n",
        critics + 1
    );
    for (name, letter) in names.iter().zip('A'..) {
        let _ = writeln!(
            text,
            "  {name}: {{name: {name}, prefix: H{letter}, group: C, purpose: Look at it., protocol: [Read it.]}}"
        );
    }
    let _ = write!(
        text,
        "agents:\n  default: {{runtime: rehearsal}}\n  critic: {{runtime: rehearsal, misbehave: [\"*:*:slow-{SLOW_MS}\"]}}\n\
         tasks:\n  report: {{role: writer, text: Write it., type: notes, strategies: {{required: [{}]}}}}\n",
        names.join(", ")
    );
    text
}
