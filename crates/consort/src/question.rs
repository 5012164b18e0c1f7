//! Which question is meant, and what of it was seen: an answer holds for that and nothing else.

use crate::failure::Failure;
use consort_core::ids::{ApprovalId, RunId};
use consort_core::run::{ApprovalKind, AskKind, Refusal, State, shown};

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
    let open: Vec<&ApprovalId> =
        state.open_approvals().filter(|(_, asked)| of(&asked.kind)).map(|(id, _)| id).collect();
    let run = state.start.as_ref().map(|start| start.run.to_string()).unwrap_or_default();
    match open.as_slice() {
        [] => {}
        [id] => return Ok((*id).clone()),
        // Agents of one task may ask several things at once.
        several => {
            let ids: Vec<&str> = several.iter().map(|id| id.as_str()).collect();
            return Err(Failure::invalid(format!("more than one thing is asked about `{subject}` now"))
                .why(format!("{} wait for an answer", ids.join(", ")))
                .help(format!("name one of them: `consort inbox {run}` shows what each asks")));
        }
    }
    let failure = Failure::invalid(format!("nothing is asked about `{subject}` now"))
        .help(format!("`consort status {run}` shows what is asked"));
    let last = state.approvals.iter().rev().find(|(_, asked)| of(&asked.kind));
    Err(match last.and_then(|(id, asked)| Some((id, asked.answer.as_ref()?))) {
        Some((id, first)) => failure.why(Refusal::already(id, first)),
        None => failure,
    })
}

/// Refuses words for what asks for yes or no.
///
/// # Errors
/// It is no agent's question.
pub(crate) fn wants_words(state: &State, run: &RunId, id: &ApprovalId) -> Result<(), Failure> {
    match state.approvals.get(id).map(|asked| &asked.kind) {
        None | Some(ApprovalKind::Permission { kind: AskKind::Question, .. }) => Ok(()),
        Some(_) => Err(Failure::invalid(format!("{id} asks for yes or no, not for words"))
            .help(format!("`consort approve {run} {id}` says yes, `consort reject {run} {id} -m TEXT` no"))),
    }
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
