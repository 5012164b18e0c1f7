//! Which question is meant, and what of it was seen: an answer holds for that and nothing else.

use crate::failure::Failure;
use consort_core::ids::ApprovalId;
use consort_core::run::{ApprovalKind, Refusal, State, shown};

/// A question as it was typed, found in a run.
pub(crate) struct Asked {
    /// Its id.
    pub id: ApprovalId,
    /// What the person saw: what was typed after `@`, else what the run shows now.
    pub seen: Option<String>,
}

/// `A-002`, `2`, `A-002@1f0c93ab`, or the task or barrier that it is about.
///
/// # Errors
/// Nothing is asked about that; where it was, its first answer is told.
pub(crate) fn find(state: &State, typed: &str) -> Result<Asked, Failure> {
    let (name, token) = match typed.trim().split_once('@') {
        Some((name, token)) => (name, Some(token.to_owned())),
        None => (typed.trim(), None),
    };
    // A task may be called `a2`: where there is no such question, its name counts.
    let named = state.graph.ix(&name.into()).is_some() || state.graph.barrier_ix(&name.into()).is_some();
    let id = match number(name) {
        Some(id) if state.approvals.contains_key(&id) || !named => id,
        _ => about(state, name)?,
    };
    let now = state.approvals.get(&id).map(|asked| shown(state, &id, asked));
    Ok(Asked { seen: token.or(now), id })
}

/// As ids are written, however it was typed: `a-2` is `A-002`.
fn number(typed: &str) -> Option<ApprovalId> {
    let number = typed.trim_start_matches(['A', 'a']).trim_start_matches('-');
    Some(ApprovalId(format!("A-{:03}", number.parse::<u32>().ok()?)))
}

/// The open question about a task or barrier.
fn about(state: &State, subject: &str) -> Result<ApprovalId, Failure> {
    let of = |kind: &ApprovalKind| kind.subject() == subject;
    if let Some((id, _)) = state.open_approvals().find(|(_, asked)| of(&asked.kind)) {
        return Ok(id.clone());
    }
    let run = state.start.as_ref().map(|start| start.run.to_string()).unwrap_or_default();
    let failure = Failure::invalid(format!("nothing is asked about `{subject}` now"))
        .help(format!("`consort status {run}` shows what is asked"));
    let last = state.approvals.iter().rev().find(|(_, asked)| of(&asked.kind));
    Err(match last.and_then(|(id, asked)| Some((id, asked.answer.as_ref()?))) {
        Some((id, first)) => failure.why(Refusal::already(id, first)),
        None => failure,
    })
}

/// The open question about a task that is held, if it is.
pub(crate) fn about_held(state: &State, task: &str) -> Option<ApprovalId> {
    let held = |kind: &ApprovalKind| matches!(kind, ApprovalKind::Held { .. }) && kind.subject() == task;
    state.open_approvals().find(|(_, asked)| held(&asked.kind)).map(|(id, _)| id.clone())
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_approval_may_be_typed_in_short() {
        for typed in ["A-002", "a-2", "2", "A2"] {
            assert_eq!(super::number(typed).map(|id| id.to_string()).as_deref(), Some("A-002"));
        }
        assert_eq!(super::number("barrier-1"), None);
    }
}
