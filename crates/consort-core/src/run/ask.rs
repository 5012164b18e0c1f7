//! Questions to people, and what follows from their answers.

use super::StopWhy;
use super::event::{ApprovalKind, BarrierHold, EventKind, GateRefusal, HoldWhy, RunStatus, Verdict};
use super::people::{is_among, who_may};
use super::session::{AskKind, Reach};
use super::state::{Round, State, TaskStage, TaskState};
use crate::ids::{ApprovalId, Revision, TaskId};
use crate::plan::WorkspaceKind;

/// Numbers questions within one decision.
pub(super) struct Questions<'a> {
    state: &'a State,
    asked: usize,
}

/// An answer as it is journalled.
pub(super) struct Reply<'a> {
    pub yes: bool,
    /// With a no: nothing more is tried.
    pub give_up: bool,
    pub by: &'a str,
    pub how: &'a str,
    pub note: Option<String>,
    /// With a yes to an agent's request: how far it reaches.
    pub reach: Reach,
}

impl<'a> Reply<'a> {
    /// As the flag answers for whoever set it.
    pub(super) fn by_flag(by: &'a str) -> Self {
        let how = "flag --approve all";
        Reply { yes: true, give_up: false, by, how, note: None, reach: Reach::Call }
    }
}

/// Is asked where a plan names nobody.
pub(super) const WHOEVER: &str = "whoever runs this";

impl<'a> Questions<'a> {
    pub(super) fn new(state: &'a State) -> Self {
        Questions { state, asked: 0 }
    }

    /// Asks. Under `--approve all` the flag answers at once, and the record says so; what goes
    /// against a verdict, or spends beyond a budget, is always left to a person.
    pub(super) fn ask(&mut self, kind: ApprovalKind, who: &str, question: String) -> Vec<EventKind> {
        self.asked += 1;
        let approval = ApprovalId(format!("A-{:03}", self.state.approvals.len() + self.asked));
        let named = who_may(&self.state.graph.plan, &kind, true);
        let who = match who {
            WHOEVER if !named.is_empty() => cut(&named.join(" or "), 200),
            who => who.to_owned(),
        };
        let mut events = vec![EventKind::ApprovalRequested {
            approval: approval.clone(),
            kind: kind.clone(),
            who,
            question: cut(&question, 1_000),
        }];
        let flag = matches!(
            kind,
            ApprovalKind::Task { .. }
                | ApprovalKind::Barrier { .. }
                | ApprovalKind::List { .. }
                | ApprovalKind::Input { .. }
                | ApprovalKind::Completion { .. }
        );
        // Whoever set the flag cannot answer for others.
        let may = |by: &&String| is_among(who_may(&self.state.graph.plan, &kind, true), by);
        if let (true, Some(by)) = (flag, self.state.approve_all.as_ref().filter(may)) {
            events.extend(answered(self.state, &approval, &kind, &Reply::by_flag(by)));
        }
        events
    }
}

/// The answer and its consequences.
pub(super) fn answered(
    state: &State,
    approval: &ApprovalId,
    kind: &ApprovalKind,
    reply: &Reply<'_>,
) -> Vec<EventKind> {
    let by = reply.by.to_owned();
    let how = reply.how.to_owned();
    let note = reply.note.as_deref().map(|n| cut(n, 1_000));
    let mut events = vec![EventKind::ApprovalGiven {
        approval: approval.clone(),
        yes: reply.yes,
        by: by.clone(),
        how: how.clone(),
        note: note.clone(),
        reach: reply.reach,
    }];
    let said = note.clone().unwrap_or_else(|| "no reason was given".into());
    match (kind, reply.yes) {
        (ApprovalKind::Task { task, iteration, revision }, true) => {
            events.extend(accepting(state, task, *iteration, revision, Some(approval)));
        }
        (ApprovalKind::Task { task, .. }, false) if reply.give_up => {
            let why = cut(&format!("given up by {by}: {said}"), 500);
            events.push(EventKind::TaskFailed { task: task.clone(), why });
        }
        (ApprovalKind::Task { task, iteration, .. }, false) => {
            let (task, iteration) = (task.clone(), *iteration);
            events.push(EventKind::TaskReturned { task, iteration, guidance: said, by });
        }
        (ApprovalKind::Barrier { barrier, revision }, true) => events.push(EventKind::BarrierCompleted {
            barrier: barrier.clone(),
            revision: revision.clone(),
            approval: Some(approval.clone()),
        }),
        (ApprovalKind::Barrier { barrier, .. } | ApprovalKind::BarrierHeld { barrier }, false)
            if reply.give_up =>
        {
            let why = cut(&format!("given up by {by}: {said}"), 500);
            events.push(EventKind::BarrierFailed { barrier: barrier.clone(), why });
        }
        (ApprovalKind::Barrier { barrier, .. } | ApprovalKind::BarrierHeld { barrier }, false) => {
            let set = state.graph.barrier_ix(barrier).map_or(1, |b| state.barriers[b].set) + 1;
            let (barrier, note, by) = (barrier.clone(), Some(said), Some(by));
            events.push(EventKind::BarrierReopened { barrier, set, note, by });
        }
        (ApprovalKind::Input { name }, true) => {
            events.push(EventKind::InputDeclared { name: name.clone(), by, how });
        }
        (ApprovalKind::Input { name }, false) => {
            // Another of its inputs may have been refused before.
            let given_up = |ix: &&usize| matches!(state.tasks[**ix].stage, TaskStage::Failed(_));
            let mut readers: Vec<usize> =
                state.graph.readers_of(name).iter().filter(|ix| !given_up(ix)).copied().collect();
            readers.dedup();
            events.extend(readers.iter().map(|ix| EventKind::TaskFailed {
                task: state.graph.task(*ix).id.clone(),
                why: cut(&format!("its input `{name}` was refused: {said}"), 500),
            }));
        }
        (ApprovalKind::List { task, .. }, yes) => {
            events.extend(super::growth::answered(state, task, yes, &by, &said));
        }
        (ApprovalKind::Completion { name }, true) => {
            events.push(EventKind::CriterionDeclared { name: name.clone(), by, how });
        }
        (ApprovalKind::Completion { .. }, false) => {
            events.extend(super::settle::end(state, RunStatus::Failed, Some(approval)));
        }
        (ApprovalKind::Held { task, iteration, revision: Some(revision) }, true) => {
            let (task, iteration) = (task.clone(), *iteration);
            let refusals = refusals_against(state, &task, iteration);
            let accepting = accepting(state, &task, iteration, revision, Some(approval));
            events.push(EventKind::OverrideRecorded { task, iteration, by, note, refusals });
            events.extend(accepting);
        }
        (ApprovalKind::Held { task, .. }, true) => {
            events.push(EventKind::TaskReleased { task: task.clone(), guidance: note, new_set: false, by });
        }
        (ApprovalKind::Held { task, .. }, false) => {
            events.extend(superseded(state, task));
            let task = task.clone();
            events.push(if reply.give_up {
                let why = cut(&format!("given up by {by}: {said}"), 500);
                EventKind::TaskFailed { task, why }
            } else {
                EventKind::TaskReleased { task, guidance: note, new_set: true, by }
            });
        }
        (ApprovalKind::BarrierHeld { barrier }, true) => {
            events.push(EventKind::BarrierReleased { barrier: barrier.clone(), by });
        }
        (ApprovalKind::Budget { limit }, true) => {
            let max = super::budget::next_max(state, limit);
            events.push(EventKind::BudgetRaised { limit: limit.clone(), max, by });
        }
        (ApprovalKind::Budget { limit }, false) => {
            events.extend(super::budget::refused(state, limit, &by, &said));
        }
        (ApprovalKind::Permission { .. }, _) => events.extend(super::talk::answered(state, approval, reply)),
    }
    events
}

/// A candidate is accepted. Where there is no ref to move, nothing outside has to change and
/// that is all.
pub(super) fn accepting(
    state: &State,
    id: &TaskId,
    iteration: u32,
    revision: &Revision,
    approval: Option<&ApprovalId>,
) -> Vec<EventKind> {
    let (task, revision, approval) = (id.clone(), revision.clone(), approval.cloned());
    let scratch = state.graph.ix(id).filter(|ix| state.graph.task(*ix).workspace == WorkspaceKind::None);
    let made = |it: &TaskState| {
        let mut all = it.candidate.iter().chain(it.rounds.iter().rev().filter_map(|r| r.candidate.as_ref()));
        all.find(|c| c.revision == revision).cloned()
    };
    let made = scratch.and_then(|ix| made(&state.tasks[ix]));
    let mut events = vec![EventKind::TaskAccepting { task, iteration, revision, approval }];
    if let Some(candidate) = made {
        events.push(EventKind::TaskAccepted { task: id.clone(), iteration, candidate });
    }
    events
}

/// Attempts of a task whose results nobody wants any more.
pub(super) fn superseded(state: &State, task: &TaskId) -> Vec<EventKind> {
    let live = state.live.iter().filter(|(a, l)| a.task == *task && l.stopping.is_none());
    live.map(|(a, _)| EventKind::AttemptStopping { attempt: a.clone(), why: StopWhy::Superseded }).collect()
}

/// What stands against the version of this round: what its gate said, or, where that had passed
/// and a later round did not, what the last one said.
pub fn refusals_against(state: &State, task: &TaskId, iteration: u32) -> Vec<GateRefusal> {
    let Some(it) = state.graph.ix(task).map(|ix| &state.tasks[ix]) else { return Vec::new() };
    let said = |round: Option<&Round>| match round.and_then(|r| r.verdict.as_ref()) {
        Some(Verdict::Broken { refusals, .. } | Verdict::Revise(refusals)) => refusals.clone(),
        _ => Vec::new(),
    };
    let own = said(it.rounds.iter().rev().find(|r| r.iteration == iteration));
    if own.is_empty() { said(it.round()) } else { own }
}

/// The question for a held task.
pub(super) fn about_held(state: &State, ix: usize, why: &HoldWhy) -> (ApprovalKind, String) {
    let task = &state.graph.task(ix).id;
    let it = &state.tasks[ix];
    // A candidate may be accepted against a verdict, never against a failure to make one.
    let decided = !matches!(why, HoldWhy::Attempts { .. } | HoldWhy::Agent { .. } | HoldWhy::Conflict { .. });
    let best = best(it).filter(|_| decided);
    let revision = best.as_ref().map(|(_, revision)| revision.clone());
    let what = what_is_held(state, ix, why);
    let choice = match revision {
        Some(_) => {
            "override accepts the best version against the verdict, reject -m starts another set of rounds with guidance, reject --give-up ends it"
        }
        None => {
            "approve tries again, reject -m starts another set of rounds with guidance, reject --give-up ends it"
        }
    };
    let iteration = best.map_or(it.iteration, |(iteration, _)| iteration);
    let kind = ApprovalKind::Held { task: task.clone(), iteration, revision };
    (kind, format!("{what}. What now? {choice}"))
}

/// Why a task cannot go on, in words.
pub(super) fn what_is_held(state: &State, ix: usize, why: &HoldWhy) -> String {
    let task = &state.graph.task(ix).id;
    let it = &state.tasks[ix];
    let given = state.graph.task(ix).given.is_some();
    let reached = if given { super::versions::only_one(it) } else { super::versions::described(it) };
    match why {
        HoldWhy::NoCreator => format!("does not pass{reached}"),
        HoldWhy::MaxRounds => format!("{task} did not pass within {} rounds{reached}", it.rounds_in_set()),
        HoldWhy::NoProgress => format!("{task} makes no progress{reached}"),
        HoldWhy::Oscillating => format!("{task} goes in circles: findings that were gone came back{reached}"),
        HoldWhy::Regressing => format!("{task} gets worse with each round{reached}"),
        HoldWhy::OnlyNits => {
            format!("{task} does not pass, and its reviewers find nothing but trifles{reached}")
        }
        HoldWhy::Escalated => {
            format!("{task} passed a gate of a lower level than its changes ask for{reached}")
        }
        HoldWhy::Disagreement => format!("the judges of {task} disagree too much for a verdict{reached}"),
        HoldWhy::BarrierRetries => format!("{task} used up its barrier's retries{reached}"),
        HoldWhy::Attempts { step, last } => format!("{task}: {step} failed as often as it may; last: {last}"),
        HoldWhy::Agent { step, why, .. } => format!("{task}: no agent can go on with {step}: {why}"),
        HoldWhy::Conflict { between, paths } => {
            format!("{task}: {} and {} do not merge: {}", between.0, between.1, paths.join(", "))
        }
    }
}

/// The version that a person would take: the one with the highest composite, else the last.
fn best(it: &TaskState) -> Option<(u32, Revision)> {
    let scored = it.versions().first().and_then(|r| Some((r.iteration, r.revision.clone()?)));
    scored.or_else(|| Some((it.captured_in, it.candidate.as_ref()?.revision.clone())))
}

/// The question for a held barrier.
pub(super) fn about_barrier(state: &State, b: usize, why: &BarrierHold) -> (ApprovalKind, String) {
    let barrier = &state.graph.plan.barriers[b].id;
    let what = match why {
        BarrierHold::Conflict { between, paths } => {
            format!("{} and {} do not merge: {}", between.0, between.1, paths.join(", "))
        }
        BarrierHold::HandoffLost { paths } => {
            format!("its commit lacks the accepted bytes of {}", paths.join(", "))
        }
        BarrierHold::NotRendered { consumers } => {
            let names: Vec<&str> = consumers.iter().map(TaskId::as_str).collect();
            format!("the prompt of {} would not name its handoff", names.join(", "))
        }
        BarrierHold::Failed(why) => why.clone(),
        BarrierHold::Blocked { blockers } => {
            format!("its handoffs say what stands in the way: {}", blockers.join("; "))
        }
    };
    let yes = match why {
        BarrierHold::Blocked { .. } => "goes on with them on record",
        _ => "tries again",
    };
    let kind = ApprovalKind::BarrierHeld { barrier: barrier.clone() };
    (
        kind,
        format!(
            "{barrier} cannot go on: {what}: approve {yes}, reject -m makes its handoffs again with guidance, reject --give-up ends it"
        ),
    )
}

/// True if the answer still fits what it was asked about: the subject stands where it stood,
/// at the same commit.
pub(super) fn still_asked(state: &State, kind: &ApprovalKind, approval: &ApprovalId) -> bool {
    let stage = |task: &TaskId| state.graph.ix(task).map(|ix| &state.tasks[ix]);
    match kind {
        ApprovalKind::Task { task, revision, .. } => stage(task).is_some_and(|it| {
            let same = it.candidate.as_ref().is_some_and(|c| c.revision == *revision);
            it.stage == TaskStage::AwaitingApproval(approval.clone()) && same
        }),
        // The version that was shown is still among its versions: none of a later hold.
        ApprovalKind::Held { task, iteration, revision } => stage(task).is_some_and(|it| {
            let round = it.rounds.iter().find(|r| r.iteration == *iteration);
            let known =
                round.and_then(|r| r.revision.as_ref()).or(it.candidate.as_ref().map(|c| &c.revision));
            matches!(it.stage, TaskStage::Held(_)) && (revision.is_none() || known == revision.as_ref())
        }),
        ApprovalKind::Barrier { barrier, revision } => state.graph.barrier_ix(barrier).is_some_and(|b| {
            let it = &state.barriers[b];
            it.stage == super::state::BarrierStage::AwaitingApproval(approval.clone())
                && it.revision.as_ref() == Some(revision)
        }),
        ApprovalKind::BarrierHeld { barrier } => state
            .graph
            .barrier_ix(barrier)
            .is_some_and(|b| matches!(state.barriers[b].stage, super::state::BarrierStage::Held(_))),
        ApprovalKind::List { task, count } => {
            let waits = TaskStage::AwaitingApproval(approval.clone());
            stage(task).is_some_and(|it| it.stage == waits) && super::growth::is_asked(state, task, *count)
        }
        ApprovalKind::Permission { attempt, ask, .. } => super::talk::is_open(state, attempt, *ask),
        ApprovalKind::Input { .. } | ApprovalKind::Completion { .. } | ApprovalKind::Budget { .. } => true,
    }
}

/// True if a yes to it is the words that come with it.
pub(super) fn wants_words(kind: &ApprovalKind) -> bool {
    matches!(kind, ApprovalKind::Permission { kind: AskKind::Question, .. })
}

/// True if a no to it need not be the end: it starts more work, and guides it.
pub(super) fn steers(kind: &ApprovalKind) -> bool {
    matches!(
        kind,
        ApprovalKind::Task { .. }
            | ApprovalKind::Barrier { .. }
            | ApprovalKind::Held { .. }
            | ApprovalKind::BarrierHeld { .. }
    )
}

/// At most so many characters, and at most three times as many bytes as JSON: an event has room for so
/// many bytes, and not every text is English. Marked where it was cut.
pub(super) fn cut(text: &str, max: usize) -> String {
    let bytes = |c: char| match c {
        '"' | '\\' => 2,
        c if c.is_control() => 6,
        c => c.len_utf8(),
    };
    if text.chars().count() <= max && text.chars().map(bytes).sum::<usize>() <= 3 * max {
        return text.to_owned();
    }
    let mut left = (3 * max).saturating_sub('…'.len_utf8());
    let fits = |c: &char| {
        let room = left.checked_sub(bytes(*c));
        left = room.unwrap_or(0);
        room.is_some()
    };
    let mut short: String = text.chars().take(max.saturating_sub(1)).take_while(fits).collect();
    short.push('…');
    short
}

/// Planted: a late yes to a question about an older candidate counts for the present one.
pub(super) fn for_older_commit(state: &State, approval: &ApprovalId) -> Option<Vec<EventKind>> {
    let ApprovalKind::Task { task, .. } = &state.approvals.get(approval)?.kind else { return None };
    let it = &state.tasks[state.graph.ix(task)?];
    let TaskStage::AwaitingApproval(present) = &it.stage else { return None };
    if present == approval {
        return None;
    }
    let why = "planted".to_owned();
    let mut events = vec![EventKind::ApprovalVoided { approval: present.clone(), why }];
    events.extend(accepting(state, task, it.iteration, &it.candidate.as_ref()?.revision, Some(approval)));
    Some(events)
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn what_is_cut_has_room_in_an_event_whatever_it_is_written_in() {
        assert_eq!(cut("four", 4), "four");
        assert_eq!(cut("five!", 4), "fiv…");
        assert_eq!(cut("日本語文", 4), "日本語文");
        for text in ["🦀", "\u{1}", "\"", "é", "日"] {
            let short = cut(&text.repeat(2_000), 1_000);
            let json = serde_json::to_string(&short).expect("text");
            assert!(json.len() <= 3_002 && short.chars().count() <= 1_000, "{text:?}: {}", json.len());
            assert!(short.ends_with('…'));
        }
    }
}
