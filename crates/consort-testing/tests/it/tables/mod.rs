//! What the brain decides, case by case: a plan, players, people, and what comes of it.

mod amend;
mod answers;
mod budgets;
mod fork;
mod gates;
mod growth;
mod life;
mod limits;
mod onward;
mod order;
mod overshoot;
mod people;
mod rollback;
mod sessions;
mod sharing;
mod talk;
mod trouble;

use consort_core::ids::{Step, TaskId};
use consort_core::plan::Plan;
use consort_core::run::*;
use consort_testing::sim::{End, Play, Sim};

/// A run of this plan, prepared, driven to its end, audited.
fn played(plan: &Plan, prepare: impl FnOnce(&mut Sim)) -> (Sim, End) {
    let mut sim = Sim::calm(plan);
    prepare(&mut sim);
    let end = sim.run();
    clean(&sim);
    (sim, end)
}

fn clean(sim: &Sim) {
    let found = sim.audited();
    assert!(found.is_empty(), "{}", found.iter().map(|v| format!("\n{v}")).collect::<String>());
}

fn events(sim: &Sim) -> impl Iterator<Item = &Event> {
    sim.disk.records.iter().flat_map(|r| &r.events)
}

/// Names of the events, in the order of their coming, without repeats of what is looked for.
fn count(sim: &Sim, name: &str) -> usize {
    events(sim).filter(|e| format!("{:?}", e.kind).starts_with(name)).count()
}

/// Steps of a task in the order in which they were started.
fn steps(sim: &Sim, task: &str) -> Vec<String> {
    let starts = events(sim).filter_map(|e| match &e.kind {
        EventKind::AttemptStarting { attempt, .. } if attempt.task.as_str() == task => {
            Some(format!("{}.{} {}", attempt.iteration, attempt.attempt, attempt.step))
        }
        _ => None,
    });
    starts.collect()
}

/// Rounds of a task: number, kind, composite, verdict.
fn rounds(sim: &Sim, task: &str) -> Vec<String> {
    let ix = sim.state().graph.ix(&task.into()).expect(task);
    let shown = sim.state().tasks[ix].rounds.iter().map(|r| {
        let kind = if r.kind == RoundKind::Creation { "creation" } else { "confirmation" };
        let composite = r.composite.map_or("-".into(), |c| c.to_string());
        let verdict = match &r.verdict {
            None => "broken off".to_owned(),
            Some(Verdict::Broken { refusals, breaker }) => format!("{breaker:?} {refusals:?}"),
            Some(other) => format!("{other:?}"),
        };
        format!("{} {kind} {composite} {verdict}", r.iteration)
    });
    shown.collect()
}

fn stage<'a>(sim: &'a Sim, task: &str) -> &'a TaskStage {
    &sim.state().tasks[sim.state().graph.ix(&task.into()).expect(task)].stage
}

fn script(sim: &mut Sim, task: &str, step: Step, plays: &[Play]) {
    sim.world.plays.scripted.insert((TaskId::from(task), step), plays.to_vec());
}

fn open(sim: &Sim) -> Vec<String> {
    sim.state().open_approvals().map(|(id, _)| id.to_string()).collect()
}

fn approve(sim: &mut Sim, id: &str) -> Result<bool, Refusal> {
    sim.command(Command::approve(id, Some("it is good enough")))
}

fn reject(sim: &mut Sim, id: &str, note: &str) -> Result<bool, Refusal> {
    sim.command(Command::reject(id, Some(note)))
}

fn give_up(sim: &mut Sim, id: &str) -> Result<bool, Refusal> {
    sim.command(Command::give_up(id, Some("no")))
}
