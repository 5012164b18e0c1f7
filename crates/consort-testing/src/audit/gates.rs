//! Scores, verdicts, acceptance.

use super::book::{Book, Round};
use super::life::{by, rounds_of_set};
use crate::sim::Record;
use consort_core::ids::{ApprovalId, Revision, Step, TaskId};
use consort_core::plan::WorkspaceKind;
use consort_core::quality::{Band, Score};
use consort_core::run::*;

pub(super) fn gate(book: &mut Book<'_>, kind: &EventKind, record: &Record) {
    match kind {
        EventKind::Judged { task, iteration, judged } => {
            by(book, task, *iteration, &Step::of_judge(judged.judge));
            if let Some(round) = book.round(task, *iteration) {
                round.judged.push(judged.clone());
            }
        }
        EventKind::Scored { task, iteration, scores, composite, band, unmet, .. } => {
            match book.pages.get(task).and_then(|p| p.rounds.last()).map(|r| r.judged.clone()) {
                Some(judged) if !judged.is_empty() => together(book, task, &judged, scores),
                _ => alone(book, task, *iteration, scores),
            }
            scored(book, task, *iteration, scores, (u64::from(composite.units()), *band));
            if let Some(round) = book.round(task, *iteration) {
                round.unmet = unmet.len();
            }
        }
        EventKind::RoundDecided { task, iteration, verdict } => decided(book, task, *iteration, verdict),
        EventKind::TaskAccepting { task, iteration, revision, approval } => {
            accepting(book, task, *iteration, revision, approval.as_ref());
        }
        EventKind::TaskAccepted { task, candidate, .. } => accepted(book, task, candidate, record),
        _ => {}
    }
}

/// One judge is enough, unless more are asked for or a first draft is praised.
fn alone(book: &mut Book<'_>, id: &TaskId, iteration: u32, scores: &[DimensionScore]) {
    by(book, id, iteration, &Step::Judge);
    let judges = book.tasks.get(id).map_or(1, |t| t.judges);
    book.must(judges <= 1, "judges", || format!("{id}: one of {judges} judges scored alone"));
    let weighed = book.plan.quality.dimensions.iter().zip(scores);
    let sum: u64 = weighed
        .map(|(d, s)| u64::from(d.weight.ten_thousandths()) * u64::from(s.score.ten_thousandths()))
        .sum();
    let draft = iteration == 1 && sum > 85_000_000;
    book.must(!draft, "judges", || format!("{id}: a first draft of {sum}e-8 was scored by one judge only"));
}

/// Of several judges the lower median of each dimension counts.
fn together(book: &mut Book<'_>, id: &TaskId, judged: &[Judged], scores: &[DimensionScore]) {
    let judges = usize::from(book.tasks.get(id).map_or(1, |t| t.judges)).max(2);
    book.must(judged.len() >= judges, "judges", || format!("{id}: {} of {judges} judges", judged.len()));
    for (at, score) in scores.iter().enumerate() {
        let mut said: Vec<_> = judged.iter().filter_map(|j| j.scores.get(at)).map(|s| s.score).collect();
        said.sort_unstable();
        let right = said.get(said.len().saturating_sub(1) / 2) == Some(&score.score);
        book.must(right, "judges", || format!("{id}: {} is not the median of {said:?}", score.score));
    }
}

/// The composite, recomputed in whole numbers of 1e-8 from weights and scores.
fn scored(book: &mut Book<'_>, id: &TaskId, iteration: u32, scores: &[DimensionScore], noted: (u64, Band)) {
    let mut composite = 0_u64;
    let mut complete = scores.len() == book.plan.quality.dimensions.len();
    for dimension in &book.plan.quality.dimensions {
        match scores.iter().find(|s| s.dimension == dimension.id) {
            Some(s) => {
                composite +=
                    u64::from(dimension.weight.ten_thousandths()) * u64::from(s.score.ten_thousandths());
            }
            None => complete = false,
        }
    }
    book.must(complete, "scores", || format!("{id}: not one score per dimension"));
    book.must(composite == noted.0, "scores", || {
        format!("{id}: the composite is {composite}e-8, not {}e-8", noted.0)
    });
    let Some(task) = book.tasks.get(id).copied() else { return };
    let band = match composite {
        c if c >= units(task.threshold) => Band::Pass,
        c if c >= units(task.floor) => Band::Revise,
        _ => Band::Rejected,
    };
    book.must(band == noted.1, "scores", || format!("{id}: {composite}e-8 is {band}, not {}", noted.1));
    let weak = scores.iter().any(|s| s.score.ten_thousandths() <= 5_000);
    if let Some(round) = book.round(id, iteration) {
        round.composite = Some(composite);
        round.weak = weak;
    }
}

fn units(score: Score) -> u64 {
    u64::from(score.ten_thousandths()) * 10_000
}

/// Why the gate has to say no to this round.
fn refused(book: &Book<'_>, id: &TaskId, round: &Round) -> Option<String> {
    let task = book.tasks.get(id)?;
    if round.problems > 0 {
        return Some(format!("{} problems", round.problems));
    }
    if task.judged && round.composite.is_none_or(|c| c < units(task.threshold)) {
        return Some(format!("composite {:?}e-8 is below {}", round.composite, task.threshold));
    }
    if round.weak {
        return Some("a dimension at 0.50 or below".into());
    }
    let findings = round.reviews.iter().flat_map(|(_, r)| &r.findings);
    let critical = findings.filter(|f| !f.void && f.severity == Severity::Critical).count();
    if critical > 0 {
        return Some(format!("{critical} critical findings"));
    }
    let findings = round.reviews.iter().flat_map(|(_, r)| &r.findings);
    let major = findings.filter(|f| !f.void && f.severity == Severity::Major).count();
    if task.given.is_some() && !task.judged && major > 0 {
        return Some(format!("{major} major findings, and no judge weighs them"));
    }
    if round.unmet > 0 {
        return Some(format!("{} criteria are not met", round.unmet));
    }
    let composites = || round.judged.iter().map(|j| j.composite.units());
    let spread = composites().max().unwrap_or(0) - composites().min().unwrap_or(0);
    (spread > 12_000_000).then(|| format!("judges lie {spread}e-8 apart"))
}

fn decided(book: &mut Book<'_>, id: &TaskId, iteration: u32, verdict: &Verdict) {
    if let Some(round) = book.round(id, iteration) {
        round.decided = true;
    }
    let Some(round) = book.pages[id].rounds.last().cloned() else { return };
    let no = refused(book, id, &round);
    // Held for what it changed: the gate itself said yes.
    let escalated = matches!(verdict, Verdict::Broken { breaker: HoldWhy::Escalated, .. });
    book.must(!escalated || round.raised, "gate", || {
        format!("{id}: held as escalated, and no rule asks for it")
    });
    let unseen = round.raised && *verdict == Verdict::Accepted;
    book.must(!unseen, "gate", || {
        format!("{id}: what it changed asks for a higher level, and nobody was asked")
    });
    let passed = escalated
        || matches!(verdict, Verdict::Accepted | Verdict::Confirm)
        || matches!(verdict, Verdict::Revise(refusals) if refusals.is_empty());
    book.must(passed == no.is_none(), "gate", || {
        format!("{id} round {iteration}: {verdict:?}, but the gate says {}", no.as_deref().unwrap_or("yes"))
    });
    let rounds = rounds_of_set(book, id);
    let Some(task) = book.tasks.get(id).copied() else { return };
    if *verdict == Verdict::Accepted || escalated {
        book.must(rounds >= task.rounds.min, "rounds", || {
            format!("{id}: accepted after {rounds} of {} rounds", task.rounds.min)
        });
    }
    let more = matches!(verdict, Verdict::Revise(r) if !r.is_empty());
    book.must(!more || rounds < task.rounds.max, "rounds", || format!("{id}: more than {rounds} rounds"));
}

/// What goes to the ref passed its gate, or a person said so on record; where a person is to
/// be asked, they were, for exactly this commit.
fn accepting(
    book: &mut Book<'_>,
    id: &TaskId,
    iteration: u32,
    revision: &Revision,
    approval: Option<&ApprovalId>,
) {
    let Some(task) = book.tasks.get(id).copied() else { return };
    let page = book.pages[id].clone();
    let rounds = rounds_of_set(book, id);
    // A person may take an earlier version than the last.
    let of = |r: &&Round| r.number == iteration && page.overridden;
    let judged = page.rounds.iter().rev().find(of).or(page.rounds.last()).cloned().unwrap_or_default();
    book.must(judged.number == iteration && judged.revision.as_ref() == Some(revision), "gate", || {
        format!("{id}: {revision} is accepted, {:?} was judged", judged.revision)
    });
    if !page.overridden {
        if let Some(no) = refused(book, id, &judged) {
            book.wrong("gate", format!("{id}: accepted in spite of: {no}"));
        }
        book.must(rounds >= task.rounds.min, "rounds", || {
            format!("{id}: accepted after {rounds} of {} rounds", task.rounds.min)
        });
    }
    let forgot = page.summed_up && task.criticality >= consort_core::plan::Criticality::C3;
    let asked = task.approval.is_some() || page.overridden || forgot;
    book.must(!asked || approval.is_some(), "approval", || format!("{id}: nobody was asked"));
    if let Some(approval) = approval {
        let question = book.questions.get(approval).cloned();
        let given = question.as_ref().is_some_and(|q| q.answer == Some(true) && !q.void);
        book.must(given, "approval", || format!("{id}: {approval} was not given"));
        let bound = question.is_some_and(|q| match &q.kind {
            ApprovalKind::Task { task, revision: asked, .. } => task == id && asked == revision,
            ApprovalKind::Held { task, revision: asked, .. } => {
                task == id && asked.as_ref() == Some(revision)
            }
            _ => false,
        });
        book.must(bound, "approval", || format!("{id}: {approval} is not about {revision}"));
    }
    book.page(id).accepting = Some((revision.clone(), approval.cloned()));
}

fn accepted(book: &mut Book<'_>, id: &TaskId, candidate: &Candidate, record: &Record) {
    let Some(task) = book.tasks.get(id).copied() else { return };
    let page = book.pages[id].clone();
    let announced = page.accepting.as_ref().is_some_and(|(revision, _)| *revision == candidate.revision);
    book.must(announced, "accepted", || format!("{id}: other bytes than announced"));
    let same = page.candidate.as_ref() == Some(candidate)
        || (page.overridden && page.candidates.contains(candidate));
    book.must(same, "accepted", || format!("{id}: other bytes than captured"));
    let reported = matches!(&record.cause, Input::Reported(Report::TaskCommitted { task, revision })
        if task == id && *revision == candidate.revision);
    book.must(reported || task.workspace == WorkspaceKind::None, "accepted", || {
        format!("{id}: accepted before its commit was on its ref")
    });
    let twice = page.accepted_in.contains_key(&page.generation);
    book.must(!twice, "accepted", || format!("{id}: accepted twice in generation {}", page.generation));
    let over = book.over.is_some();
    book.must(!over, "accepted", || format!("{id}: accepted after the run was over"));
    let page = book.page(id);
    page.accepted_in.insert(page.generation, candidate.clone());
    page.rounds_in.insert(page.generation, page.rounds.clone());
    page.accepted = Some(candidate.clone());
    page.accepting = None;
}
