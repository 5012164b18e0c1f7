//! Rollbacks: nothing starts while one is under way, and afterwards exactly that holds which held when the
//! checkpoint was prepared.

use super::book::{Book, Meeting, Page};
use super::plans;
use consort_core::ids::CheckpointId;
use consort_core::run::*;

pub(super) fn back(book: &mut Book<'_>, kind: &EventKind) {
    match kind {
        EventKind::RollbackBegan { to, .. } => {
            let there = book.marks.iter().any(|m| m.id == to.as_str() && m.revision.is_some());
            let free = book.rolling.is_none();
            book.must(there && free, "rollback", || {
                format!("to {to}, which is not there, or during another")
            });
            book.rolling = Some(to.clone());
            book.over = None;
            book.cancelling = false;
        }
        EventKind::RolledBack { to } => {
            let (live, asked) = (book.live.len(), book.rolling.as_ref() == Some(to));
            book.must(asked && live == 0, "rollback", || format!("to {to} with {live} attempts alive"));
            restore(book, to);
            book.sort_out();
            book.rewinds = true;
        }
        EventKind::RefsRewound { .. } => {
            let rewinds = std::mem::take(&mut book.rewinds);
            book.must(rewinds, "rollback", || "names were put right for no rollback".into());
            // They are right for every change of the plan, too.
            book.plans.tidies = false;
            book.rolling = None;
        }
        EventKind::AttemptStarting { .. }
        | EventKind::TaskPreparing { .. }
        | EventKind::RoundStarted { .. }
        | EventKind::TaskAccepting { .. }
        | EventKind::BarrierCompleted { .. }
        | EventKind::ApprovalGiven { .. }
        | EventKind::RunEnded { .. } => {
            let free = book.rolling.is_none();
            book.must(free, "rollback", || format!("during a rollback: {kind:?}"));
        }
        _ => {}
    }
    if let EventKind::TaskPreparing { task }
    | EventKind::TaskReady { task }
    | EventKind::TaskWeighing { task }
    | EventKind::TaskGrowing { task }
    | EventKind::TaskSkipped { task, .. }
    | EventKind::RoundStarted { task, .. } = kind
    {
        book.page(task).touched = true;
    }
}

fn restore(book: &mut Book<'_>, to: &CheckpointId) {
    let Some(mark) = book.marks.iter().find(|m| m.id == to.as_str()).cloned() else { return };
    plans::back_to(book, mark.seq);
    for (task, page) in &mut book.pages {
        let then = mark.accepted.iter().find(|(t, _)| t == task).map(|(_, c)| c);
        if then.is_some() && page.accepted.as_ref() == then {
            continue;
        }
        let highest = page.highest.max(page.generation);
        // Whoever begins anew answers nobody's findings.
        page.rounds.iter_mut().for_each(|round| round.reviews.clear());
        let of_then =
            then.and_then(|c| page.accepted_in.iter().find(|(_, known)| *known == c)).map(|(g, _)| *g);
        let fresh = if page.touched || page.accepted.is_some() { highest + 1 } else { page.generation };
        let generation = of_then.unwrap_or(fresh);
        if let Some(rounds) = of_then.and_then(|generation| page.rounds_in.get(&generation)) {
            page.rounds = rounds.clone();
        }
        *page = Page {
            candidate: then.cloned(),
            accepted: then.cloned(),
            touched: then.is_some(),
            ..page.anew(generation)
        };
    }
    for (id, meeting) in &mut book.meetings {
        *meeting = match mark.complete.iter().find(|(b, _)| b == id) {
            Some((_, revision)) => {
                Meeting { prechecked: true, merged: revision.clone(), verified: true, complete: true }
            }
            None => Meeting::default(),
        };
    }
    let seq = mark.seq;
    for question in book.questions.values_mut() {
        let budget = matches!(question.kind, ApprovalKind::Budget { .. });
        question.void |= question.answer.is_none() || (question.answered_in > seq && !budget);
    }
    book.declared.retain(|name| mark.declared.contains(name));
    book.vouched.retain(|name| mark.vouched.contains(name));
    book.line = mark.line.clone();
    let beside = (0..book.marks.len()).filter(|n| book.marks[*n].seq == seq && !book.marks[*n].last);
    let beside: Vec<usize> = beside.filter(|n| !book.line.contains(n)).collect();
    book.line.extend(beside);
    let marks = &book.marks;
    book.line.retain(|n| !marks[*n].last);
}
