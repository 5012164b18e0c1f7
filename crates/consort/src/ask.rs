//! One question on the terminal: what is shown, and what the keys do.

use consort_core::ids::ApprovalId;
use consort_core::run::Command;
use consort_core::view::approvals;
use consort_core::view::model::{ApprovalView, RunView};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// No reason is longer, in characters.
const REASON_MAX: usize = 1_000;

/// Questions that this person is asked, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Form {
    open: Option<Open>,
    /// Questions that were put off: not asked again by this process.
    later: BTreeSet<String>,
}

#[derive(Debug)]
struct Open {
    approval: ApprovalView,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// y, n, s or l.
    Choice,
    /// The reason for a no, as far as it was typed.
    Reason(String),
    /// Given; the run has not said yet what became of it.
    Given,
}

/// What a key brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// The answer, for the run.
    Answer(Command),
    /// More about it is wanted.
    Show(Box<ApprovalView>),
    /// Not now: `consort approve` answers it at any time.
    Later(String),
}

impl Form {
    /// Looks which question is to be asked now. One that was answered elsewhere goes away.
    pub(crate) fn update(&mut self, view: &RunView) {
        let still = |id: &str| view.open_approvals().any(|a| a.id == id);
        if self.open.as_ref().is_some_and(|open| !still(&open.approval.id)) {
            self.open = None;
        }
        if self.open.is_none() {
            let next = view.open_approvals().find(|a| !self.later.contains(&a.id));
            self.open = next.map(|a| Open { approval: a.clone(), stage: Stage::Choice });
        }
    }

    /// True while a question is on the screen.
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// True if every open question was put off: nobody here will answer.
    pub(crate) fn nobody_answers(&self, view: &RunView) -> bool {
        let mut open = view.open_approvals().peekable();
        open.peek().is_some() && open.all(|a| self.later.contains(&a.id))
    }

    /// For the picture above the question: without the question itself.
    pub(crate) fn without_asked<'v>(&self, view: &'v RunView) -> Cow<'v, RunView> {
        let Some(open) = &self.open else { return Cow::Borrowed(view) };
        let mut view = view.clone();
        view.approvals.retain(|a| a.id != open.approval.id);
        Cow::Owned(view)
    }

    /// The question, below everything else.
    pub(crate) fn lines(&self, view: &RunView, width: usize) -> Vec<String> {
        let Some(open) = &self.open else { return Vec::new() };
        let mut lines = vec![String::new()];
        lines.extend(approvals::question(&open.approval, view, width).lines().map(str::to_owned));
        lines.push(match &open.stage {
            Stage::Choice => "  [y] yes   [n] no   [s] show more   [l] later".into(),
            Stage::Reason(text) => format!("  why not? (Enter to send, Ctrl-U to start again) {text}_"),
            Stage::Given => "  sent".into(),
        });
        lines
    }

    /// Takes one key.
    pub(crate) fn key(&mut self, key: char) -> Option<Act> {
        let Open { approval, stage } = self.open.as_mut()?;
        let id = || ApprovalId(approval.id.clone());
        match stage {
            Stage::Choice => match key.to_ascii_lowercase() {
                'y' => {
                    *stage = Stage::Given;
                    Some(Act::Answer(Command::Approve { approval: id(), note: None }))
                }
                'n' => {
                    *stage = Stage::Reason(String::new());
                    None
                }
                's' => Some(Act::Show(Box::new(approval.clone()))),
                'l' => {
                    let id = approval.id.clone();
                    self.later.insert(id.clone());
                    self.open = None;
                    Some(Act::Later(id))
                }
                _ => None,
            },
            Stage::Reason(text) => match key {
                '\n' | '\r' => {
                    let note = Some(text.trim().to_owned()).filter(|t| !t.is_empty());
                    let command = Command::Reject { approval: id(), note };
                    *stage = Stage::Given;
                    Some(Act::Answer(command))
                }
                '\u{8}' | '\u{7f}' => {
                    text.pop();
                    None
                }
                '\u{15}' => {
                    text.clear();
                    None
                }
                '\u{4}' => {
                    *stage = Stage::Choice;
                    None
                }
                c if !c.is_control() && text.chars().count() < REASON_MAX => {
                    text.push(c);
                    None
                }
                _ => None,
            },
            Stage::Given => None,
        }
    }

    /// The answer was refused: the question is open again, if it still is.
    pub(crate) fn refused(&mut self) {
        self.open = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consort_core::time::Timestamp;
    use consort_core::view::model::When;

    fn form() -> Form {
        let approval = ApprovalView {
            id: "A-001".into(),
            kind: "barrier",
            subject: "barrier-1".into(),
            who: "user".into(),
            question: "May it go on?".into(),
            revision: None,
            scores: Vec::new(),
            asked_at: When(Timestamp(0)),
            state: "open",
            void: None,
            answer: None,
            yes_means: String::new(),
            no_means: String::new(),
            approve: String::new(),
            reject: String::new(),
        };
        Form { open: Some(Open { approval, stage: Stage::Choice }), later: BTreeSet::new() }
    }

    fn keys(form: &mut Form, text: &str) -> Vec<Act> {
        text.chars().filter_map(|c| form.key(c)).collect()
    }

    #[test]
    fn one_key_is_a_yes_and_the_next_ones_change_nothing() {
        let yes = Act::Answer(Command::Approve { approval: "A-001".into(), note: None });
        assert_eq!(keys(&mut form(), "xYyn"), [yes]);
    }

    #[test]
    fn a_no_comes_with_its_reason() {
        let no = |note: Option<&str>| {
            Act::Answer(Command::Reject { approval: "A-001".into(), note: note.map(str::to_owned) })
        };
        assert_eq!(keys(&mut form(), "nno\u{8}ot yet\n"), [no(Some("not yet"))]);
        assert_eq!(keys(&mut form(), "nabc\u{15}\r"), [no(None)]);
        assert_eq!(keys(&mut form(), "nabc\u{4}"), []);
    }

    #[test]
    fn later_is_not_asked_again() {
        let mut form = form();
        assert_eq!(keys(&mut form, "l"), [Act::Later("A-001".into())]);
        assert!(!form.is_open() && form.later.contains("A-001"));
    }
}
