//! Plain lines: one per thing that a person cares about.

use crate::ids::{ApprovalId, Step, TaskId};
use crate::run::{
    AgentTurn, ApprovalKind, AskKind, AttemptEnd, ChangeWhy, ContextTier, Event, EventKind, Exit, Failure,
    GateRefusal, NoteKind, Reach, RoundKind, SessionNote, State, StopWhy, Verdict, amount_words, limit_words,
};
use crate::time::Timestamp;
use crate::view::model::{barrier_hold_text, hold_text, refusal_text, trigger, turn_text};
use crate::view::text::{clean, count, cut};
use crate::view::words;

/// The line of this event, without a line break: a UTC time, then the task, barrier or run that
/// it is about. `state` is the state after the event's record. `None` for what nobody would miss.
pub fn line(event: &Event, state: &State) -> Option<String> {
    use EventKind as E;
    let (subject, text) = match &event.kind {
        E::RunStarted { by, start } => {
            let plan = &state.graph.plan;
            let (least, forecast) = plan.forecast_calls();
            let calls = match forecast == least {
                true => count(least as usize, "agent call"),
                false => format!("{least} to about {forecast} agent calls"),
            };
            let rehearsal = if plan.rehearsal { ", rehearsal" } else { "" };
            let flag = if start.approve_all { ", approvals are answered by flag" } else { "" };
            let agents = count(plan.agents().count(), "agent");
            let handoffs = count(plan.tasks.len() - plan.agents().count(), "handoff");
            let from = start.from.as_ref().map(|from| match &from.resumed {
                Some(resumed) => {
                    format!(", resumed from {} (journal {:.12})", resumed.name, resumed.head)
                }
                None => format!(", goes on from {} of {}", from.origin.checkpoint, from.origin.run),
            });
            let from = from.unwrap_or_default();
            (run(state), format!("started by {by}: {agents}, {handoffs}, {calls}{rehearsal}{flag}{from}"))
        }
        E::RunnerClosing { why } => {
            (run(state), format!("the runner ends ({why}); go on with consort resume {}", run(state)))
        }
        E::ApproveAllSet { set } => {
            (run(state), format!("{}: approvals are answered by flag from here on", set.by))
        }
        E::RunPaused { by } => (run(state), format!("paused by {by}: nothing new starts")),
        E::RunUnpaused { by } => (run(state), format!("goes on, by {by}")),
        E::RunCancelling { by } => (run(state), format!("is being cancelled by {by}")),
        E::RunEnded { status } => (run(state), format!("ended: {}", words::run(*status))),
        E::RollbackBegan { to, by, note } => {
            let why = note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
            (run(state), format!("{by} rolls back to {to}{why}"))
        }
        E::RolledBack { to } => (run(state), format!("is back at {to}: what came later begins anew")),
        E::RefsRewound { .. } => {
            (run(state), "its branches are back, too; what was given up lies under abandoned/".into())
        }
        E::AmendBegan { by, note, .. } => {
            let why = note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
            (run(state), format!("{by} changes the workflow{why}"))
        }
        E::PlanChanged { why, .. } => (run(state), changed(why, state)),
        E::RefsAbandoned { .. } => {
            (run(state), "what the changed workflow gave up lies under abandoned/".into())
        }
        E::PoolRested { pool, until, why, .. } => (
            run(state),
            format!("the quota of {pool} is used up: its agents rest until {} ({why})", clock(*until)),
        ),
        E::PoolWoke { pool } => (run(state), format!("the agents of {pool} begin again")),
        E::SpentElsewhere { unread, .. } if !unread.is_empty() => {
            let text = format!("what these runs used up today cannot be read: {}", unread.join(", "));
            (run(state), text)
        }
        E::BudgetWarned { limit, used, max } => {
            let (name, used, max) =
                (limit_words(limit), amount_words(limit, *used), amount_words(limit, *max));
            (run(state), format!("{name}: {used} of {max} are used up"))
        }
        E::BudgetReached { limit, used, max, stop } => {
            let (name, used, max) =
                (limit_words(limit), amount_words(limit, *used), amount_words(limit, *max));
            let then = if *stop { "; nothing more of it starts" } else { "" };
            (run(state), format!("{name} has no room left: {used} of {max}{then}"))
        }
        E::BudgetRaised { limit, max, by } => {
            (run(state), format!("{} raised to {} by {by}", limit_words(limit), amount_words(limit, *max)))
        }
        E::EffectFailed { effect, failures, why, .. } => {
            (run(state), format!("{effect} failed ({}): {why}", count(*failures as usize, "time")))
        }
        E::IntegrationApproved { into, by, .. } => {
            (run(state), format!("integration into {into} approved by {by}"))
        }
        E::Integrated { into, revision } => {
            (run(state), format!("integrated into {into} as {}", short(revision.as_str())))
        }
        E::IntegrationFailed { into, why } => (run(state), format!("not integrated into {into}: {why}")),
        E::CheckpointCreated { checkpoint, revision } => {
            let made = state.checkpoints.iter().find(|c| c.id == *checkpoint);
            let after =
                made.map(|c| format!(" after {} ({})", c.subject, trigger(c.trigger))).unwrap_or_default();
            (checkpoint.to_string(), format!("checkpoint{after}, commit {}", short(revision.as_str())))
        }
        E::CheckpointFailed { checkpoint, why } => (checkpoint.to_string(), format!("no checkpoint: {why}")),
        kind => of_approval(kind, state)
            .or_else(|| of_growth(kind))
            .or_else(|| of_task(kind, state))
            .or_else(|| of_barrier(kind))?,
    };
    Some(format!("{} {} {}", clock(event.at), clean(&subject), cut(&clean(&text), 400)))
}

/// Of work that grows or is skipped.
fn of_growth(kind: &EventKind) -> Option<(String, String)> {
    match kind {
        EventKind::TaskSkipped { task, why } => Some((task.to_string(), format!("skipped: {why}"))),
        EventKind::ListTaken { task, count: n, names, .. } => {
            let tasks = count(*n as usize, "task");
            let names = if names.is_empty() { String::new() } else { format!(": {}", names.join("; ")) };
            Some((task.to_string(), format!("its list makes {tasks}{names}")))
        }
        EventKind::TaskUnclear { task, what, why } => {
            Some((task.to_string(), format!("its {what} gives no answer: {why}")))
        }
        _ => None,
    }
}

fn changed(why: &ChangeWhy, state: &State) -> String {
    let tasks = count(state.graph.plan.agents().count(), "agent");
    match why {
        ChangeWhy::Amended { .. } => {
            let done = state.tasks.iter().filter(|it| it.accepted().is_some()).count();
            format!("goes on under the changed workflow: {tasks}, {done} of its tasks are accepted")
        }
        ChangeWhy::Grown { task } => format!("the list of {task} is there: {tasks} by now"),
        ChangeWhy::RolledBack { to } => format!("has the plan of {to} again"),
    }
}

/// `07:06:28`, in UTC.
fn clock(at: Timestamp) -> String {
    at.to_string().get(11..19).unwrap_or("--:--:--").to_owned()
}

fn run(state: &State) -> String {
    state.start.as_ref().map_or_else(|| state.graph.plan.workflow.id.to_string(), |s| s.run.to_string())
}

fn short(revision: &str) -> String {
    crate::view::status::short(revision)
}

fn of_approval(kind: &EventKind, state: &State) -> Option<(String, String)> {
    match kind {
        // What a flag answers at once is one line: the answer, with the question.
        EventKind::ApprovalRequested { approval, .. } if by_flag(state, approval).is_some() => None,
        EventKind::ApprovalRequested { approval, kind, who, question } => {
            let command = match kind {
                ApprovalKind::Permission { kind: AskKind::Question, .. } => {
                    format!("consort answer {} {approval}", run(state))
                }
                // There is more than one way on, and each needs words.
                ApprovalKind::Held { revision: Some(_), .. } => format!("consort status {}", run(state)),
                _ => format!("consort approve {} {approval}", run(state)),
            };
            let may = crate::run::who_may(&state.graph.plan, kind, true);
            let may = if may.is_empty() { String::new() } else { format!(" ({} may)", may.join(" or ")) };
            Some((approval.to_string(), format!("asked of {who}: {question}; answer{may} with {command}")))
        }
        EventKind::ApprovalGiven { approval, yes, by, how, note, reach } => {
            let word = match (yes, reach) {
                (false, _) => "rejected",
                (true, Reach::Call) if is_question(state, approval) => "answered",
                (true, Reach::Call) => "approved",
                (true, Reach::Task) => "approved for this task",
                (true, Reach::Run) => "approved for this run",
            };
            let asked = by_flag(state, approval).map(|question| format!(": {question}")).unwrap_or_default();
            let note = note.as_deref().map(|n| format!(": {n}")).unwrap_or_default();
            Some((approval.to_string(), format!("{word} by {by} ({how}){asked}{note}")))
        }
        EventKind::ApprovalVoided { approval, why } => {
            Some((approval.to_string(), format!("no longer asked: {why}")))
        }
        EventKind::OverrideRecorded { task, iteration, by, refusals, .. } => {
            let against: Vec<String> = refusals.iter().map(refusal_text).collect();
            Some((
                task.to_string(),
                format!("round {iteration} accepted against the verdict by {by}: {}", against.join(", ")),
            ))
        }
        _ => None,
    }
}

/// True if it wants words and not yes or no.
fn is_question(state: &State, approval: &ApprovalId) -> bool {
    let asked = state.approvals.get(approval).map(|asked| &asked.kind);
    matches!(asked, Some(ApprovalKind::Permission { kind: AskKind::Question, .. }))
}

/// The question, if a flag answered it.
fn by_flag<'a>(state: &'a State, approval: &ApprovalId) -> Option<&'a str> {
    let asked = state.approvals.get(approval)?;
    asked.answer.as_ref().filter(|a| a.how.starts_with("flag")).map(|_| asked.question.as_str())
}

fn of_task(kind: &EventKind, state: &State) -> Option<(String, String)> {
    use EventKind as E;
    let (task, text) = match kind {
        E::TaskReady { task } => (task, "ready".to_owned()),
        E::TaskConflicted { task, between, paths } => {
            (task, format!("{} and {} do not merge: {}", between.0, between.1, paths.join(", ")))
        }
        E::RoundStarted { task, iteration, kind } => {
            let what = match kind {
                RoundKind::Creation => "begins",
                RoundKind::Confirmation => "begins: fresh eyes on the same version",
            };
            (task, format!("round {iteration} {what}"))
        }
        E::AttemptEnded { attempt, end, outside, .. } => {
            let outside = (!outside.is_empty()).then(|| {
                let what = outside.join(", ");
                format!("outside its workspace changed meanwhile, by it or by somebody else: {what}")
            });
            let how = match (ended(end), outside) {
                (None, None) => return None,
                (Some(how), None) => format!(" {how}"),
                (None, Some(outside)) => format!(": {outside}"),
                (Some(how), Some(outside)) => format!(" {how}; {outside}"),
            };
            (&attempt.task, format!("{}{how}", doing(&attempt.step)))
        }
        E::StepRetrying { task, step, not_before, why, failures: 0 } => {
            (task, format!("{} waits until {} and loses no try: {why}", doing(step), clock(*not_before)))
        }
        E::StepRetrying { task, step, not_before, why, failures } => {
            let times = count(*failures as usize, "failure");
            (task, format!("{} is tried again at {} after {times}: {why}", doing(step), clock(*not_before)))
        }
        E::ProblemsFound { task, problems, .. } => {
            let first = problems.first().map(|p| format!(": {}: {}", p.check, p.text)).unwrap_or_default();
            (task, format!("{} found by checks{first}", count(problems.len(), "problem")))
        }
        E::CandidateRefused { task, why, .. } => (task, format!("nothing to capture: {why}")),
        E::Judged { task, iteration, judged } => {
            (task, format!("round {iteration}: judge {} says {}", judged.judge, judged.composite))
        }
        E::Scored { task, iteration, composite, band, .. } => {
            let threshold = state.graph.ix(task).map(|ix| state.graph.task(ix).threshold)?;
            let sign = if composite.reaches(threshold) { ">=" } else { "<" };
            (task, format!("round {iteration} scored {composite} {sign} {threshold} {band}"))
        }
        E::RoundDecided { task, iteration, verdict } => (task, verdict_line(*iteration, verdict)?),
        E::TaskAccepted { task, iteration, .. } => (task, accepted(state, task, *iteration)),
        E::TaskHeld { task, why } => (task, format!("held: {}", hold_text(why))),
        E::TaskReleased { task, by, new_set, guidance } => {
            let how = if *new_set { "with a new set of rounds" } else { "from where it stood" };
            let said = guidance.as_deref().map(|g| format!(": {g}")).unwrap_or_default();
            (task, format!("goes on {how}, by {by}{said}"))
        }
        E::HandoffRestarted { task, barrier, retry } => {
            (task, format!("starts over: retry {retry} of {barrier}"))
        }
        E::TaskReturned { task, guidance, by, .. } => (task, format!("sent back by {by}: {guidance}")),
        E::TaskFailed { task, why } if state.graph.plan.is_alone() => (task, why.clone()),
        E::TaskFailed { task, why } => (task, format!("given up: {why}")),
        E::WorkspaceReleased { task, salvaged: Some(place) } => {
            (task, format!("what was not committed is kept at {place}"))
        }
        E::SessionNoted { attempt, note } => (&attempt.task, noted(&attempt.step, note)?),
        E::AskAnswered { attempt, ask, grant } => {
            let how = match grant {
                Some(approval) => format!("granted by {approval}, which reaches this far"),
                None => "refused: it asks more than anybody can answer".into(),
            };
            (&attempt.task, format!("{}: request {ask} {how}", doing(&attempt.step)))
        }
        E::SessionSteered { attempt, text, by, interrupts, .. } => {
            let how = if *interrupts { "interrupted and told" } else { "told" };
            (&attempt.task, format!("{how} by {by}: {text}"))
        }
        E::TaskSteered { task, text, by } => (task, format!("{by} says to whoever works on it next: {text}")),
        E::FellBack { task, step, to, why } => {
            let turn = AgentTurn::FellBack { to: *to, why: why.clone() };
            (task, format!("{}: {}", doing(step), turn_text(&turn)))
        }
        E::EffectAbandoned { task, effect, why } => (task, format!("{effect} failed too often: {why}")),
        _ => return None,
    };
    Some((name(task), text))
}

fn name(task: &TaskId) -> String {
    task.to_string()
}

/// What people care about of what a session tells: not that it went on as it should.
fn noted(step: &Step, note: &SessionNote) -> Option<String> {
    let what = match &note.kind {
        NoteKind::Began { fresh: Some(why), .. } => turn_text(&AgentTurn::Fresh(why.clone())),
        NoteKind::HandedOver { .. } => turn_text(&AgentTurn::HandedOver),
        NoteKind::Context { tier, fill } => match tier {
            ContextTier::Nominal | ContextTier::Low => return None,
            ContextTier::Warning => format!("its context is filled to {} % (AE-006b)", fill / 10),
            ContextTier::Critical => {
                format!("its context is filled to {} % (AE-006c): checkpoint", fill / 10)
            }
            ContextTier::Emergency => {
                format!(
                    "its context is filled to {} % (AE-006d): checkpoint, then a fresh session",
                    fill / 10
                )
            }
        },
        NoteKind::Compacted => "its context was compacted (AE-006e)".to_owned(),
        NoteKind::Heard { what } => match what.strip_prefix("turn/") {
            Some(turn) => format!("has heard word {turn}"),
            None => return None,
        },
        _ => return None,
    };
    Some(format!("{}: {what}", doing(step)))
}

/// `accepted with 0.9405, the version of round 2`
fn accepted(state: &State, task: &TaskId, iteration: u32) -> String {
    let composite = state.graph.ix(task).and_then(|ix| state.tasks[ix].composite());
    let score = composite.map(|c| format!(" with {c}")).unwrap_or_default();
    format!("accepted{score}, the version of round {iteration}")
}

/// Only what the line with the scores, and that of the next round, do not say.
fn verdict_line(iteration: u32, verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Accepted | Verdict::Confirm => None,
        Verdict::Revise(refusals) if *refusals == [GateRefusal::BelowThreshold] => None,
        Verdict::Revise(_) | Verdict::Broken { .. } => {
            Some(format!("round {iteration} {}", crate::view::model::verdict_text(verdict)))
        }
    }
}

fn doing(step: &Step) -> String {
    match step {
        Step::Create => "create".into(),
        Step::SelfReview => "self-review".into(),
        Step::Review(strategy) => format!("critic {strategy}"),
        Step::Judge => "judge".into(),
        Step::Panel(number) => format!("judge {number}"),
    }
}

/// How an attempt ended, unless it did its step: what follows says that.
fn ended(end: &AttemptEnd) -> Option<String> {
    Some(match end {
        AttemptEnd::Done => return None,
        AttemptEnd::Failed(Failure::Exit(Exit::Code(code))) => format!("failed: exit code {code}"),
        AttemptEnd::Failed(Failure::Exit(Exit::Signal(signal))) => {
            format!("failed: ended by signal {signal}")
        }
        AttemptEnd::Failed(Failure::Exit(Exit::NotStarted(why))) => format!("could not be started: {why}"),
        AttemptEnd::Failed(Failure::Exit(Exit::Stopped(why))) => format!("stopped: {}", stop(*why)),
        AttemptEnd::Failed(Failure::Malformed(why)) => format!("failed: malformed answer: {why}"),
        AttemptEnd::Failed(Failure::Unfounded(why)) => format!("asked once more: {why}"),
        AttemptEnd::Failed(Failure::NoAnswer) => "failed: no answer".into(),
        AttemptEnd::Failed(Failure::Session(failure)) => format!("failed: {}", failure.why),
        AttemptEnd::Stopped(why) => format!("stopped: {}", stop(*why)),
        AttemptEnd::Lost => "was lost before it ran; it starts again".into(),
        AttemptEnd::Unknown => "vanished, and nobody can say how far it came".into(),
    })
}

fn stop(why: StopWhy) -> &'static str {
    match why {
        StopWhy::TimedOut => "its time was used up",
        StopWhy::Cancelled => "the run is being cancelled",
        StopWhy::Superseded => "its result is not wanted any more",
        StopWhy::Orphaned => "its run's directory is gone",
    }
}

fn of_barrier(kind: &EventKind) -> Option<(String, String)> {
    use EventKind as E;
    let (barrier, text) = match kind {
        E::BarrierPrechecked { barrier } => (barrier, "pre-check passed, handoffs are made".to_owned()),
        E::BarrierMerged { barrier, revision } => {
            (barrier, format!("merged and verified, commit {}", short(revision.as_str())))
        }
        E::BarrierHeld { barrier, why } => (barrier, format!("held: {}", barrier_hold_text(why))),
        E::BarrierReleased { barrier, by } => (barrier, format!("goes on, by {by}")),
        E::BarrierReopened { barrier, note, .. } => {
            let note = note.as_deref().map(|n| format!(": {n}")).unwrap_or_default();
            (barrier, format!("refused, all handoffs are made again{note}"))
        }
        E::BarrierCompleted { barrier, .. } => (barrier, "complete".to_owned()),
        E::BarrierFailed { barrier, why } => (barrier, format!("given up: {why}")),
        _ => return None,
    };
    Some((barrier.to_string(), text))
}
