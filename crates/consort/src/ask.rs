//! One question on the terminal: what is shown, and what the keys do.

use consort_core::ids::ApprovalId;
use consort_core::run::{Command, Reach};
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
    /// y, n, g, s or l.
    Choice,
    /// The words for an answer, as far as they were typed.
    Reason(Answer, String),
    /// Given; the run has not said yet what became of it.
    Given,
}

/// What the words are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    GiveUp,
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
    /// What only others may answer is not asked here.
    pub(crate) fn update(&mut self, view: &RunView, me: &str) {
        let still = |id: &str| view.open_approvals().any(|a| a.id == id);
        if self.open.as_ref().is_some_and(|open| !still(&open.approval.id)) {
            self.open = None;
        }
        if self.open.is_none() {
            let next = view.open_approvals().find(|a| a.is_for(me) && !self.later.contains(&a.id));
            self.open = next.map(|a| Open { approval: a.clone(), stage: Stage::Choice });
        }
    }

    /// True while a question is on the screen.
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// True if every open question was put off, or is for others and nothing else goes on that could
    /// bring one for this person: nobody here will answer.
    pub(crate) fn nobody_answers(&self, view: &RunView, me: &str) -> bool {
        let still = view.calls.live == 0 && view.queue.is_empty();
        let mut open = view.open_approvals().peekable();
        open.peek().is_some() && open.all(|a| self.later.contains(&a.id) || (still && !a.is_for(me)))
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
            Stage::Choice if open.approval.steers => {
                "  [y] yes   [n] no, once more with guidance   [g] give it up   [s] show more   [l] later"
                    .into()
            }
            Stage::Choice if open.approval.reaches => {
                "  [y] yes, once   [t] for this task   [r] for this run   [n] no   [s] show more   [l] later"
                    .into()
            }
            Stage::Choice if open.approval.kind == "question" => {
                "  [y] answer   [n] nobody answers   [s] show more   [l] later".into()
            }
            Stage::Choice => "  [y] yes   [n] no   [s] show more   [l] later".into(),
            Stage::Reason(answer, text) => {
                let what = match answer {
                    Answer::Yes if open.approval.kind == "question" => "the answer?",
                    Answer::Yes => "why, against the verdict?",
                    Answer::No if open.approval.kind == "permission" => "what to do instead?",
                    Answer::No if open.approval.steers => "what is to be different?",
                    Answer::No | Answer::GiveUp => "why not?",
                };
                format!("  {what} (Enter to send, Ctrl-U to start again) {text}_")
            }
            Stage::Given => "  sent".into(),
        });
        lines
    }

    /// Takes one key.
    pub(crate) fn key(&mut self, key: char) -> Option<Act> {
        let Open { approval, stage } = self.open.as_mut()?;
        match stage {
            Stage::Choice => match key.to_ascii_lowercase() {
                'y' if approval.needs_reason => *stage = Stage::Reason(Answer::Yes, String::new()),
                'y' => {
                    *stage = Stage::Given;
                    return Some(Act::Answer(command(approval, Answer::Yes, None)));
                }
                key @ ('t' | 'r') if approval.reaches => {
                    let mut command = command(approval, Answer::Yes, None);
                    if let Command::Approve { reach, .. } = &mut command {
                        *reach = if key == 't' { Reach::Task } else { Reach::Run };
                    }
                    *stage = Stage::Given;
                    return Some(Act::Answer(command));
                }
                'n' => *stage = Stage::Reason(Answer::No, String::new()),
                'g' if approval.steers => *stage = Stage::Reason(Answer::GiveUp, String::new()),
                's' => return Some(Act::Show(Box::new(approval.clone()))),
                'l' => {
                    let id = approval.id.clone();
                    self.later.insert(id.clone());
                    self.open = None;
                    return Some(Act::Later(id));
                }
                _ => {}
            },
            Stage::Reason(answer, text) => match key {
                '\n' | '\r' => {
                    let note = Some(text.trim().to_owned()).filter(|t| !t.is_empty());
                    let needed = match answer {
                        Answer::Yes => true,
                        Answer::No => approval.steers,
                        Answer::GiveUp => false,
                    };
                    if note.is_some() || !needed {
                        let command = command(approval, *answer, note);
                        *stage = Stage::Given;
                        return Some(Act::Answer(command));
                    }
                }
                '\u{8}' | '\u{7f}' => drop(text.pop()),
                '\u{15}' => text.clear(),
                '\u{4}' => *stage = Stage::Choice,
                c if !c.is_control() && text.chars().count() < REASON_MAX => text.push(c),
                _ => {}
            },
            Stage::Given => {}
        }
        None
    }

    /// The answer was refused: the question is open again, if it still is.
    pub(crate) fn refused(&mut self) {
        self.open = None;
    }
}

/// The answer, for exactly what was on the screen.
fn command(asked: &ApprovalView, answer: Answer, note: Option<String>) -> Command {
    let (approval, seen) = (ApprovalId(asked.id.clone()), Some(asked.shown.clone()));
    match answer {
        Answer::Yes => Command::Approve { approval, note, seen, reach: Reach::Call },
        Answer::No => Command::Reject { approval, note, seen, give_up: false },
        Answer::GiveUp => Command::Reject { approval, note, seen, give_up: true },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consort_core::time::Timestamp;
    use consort_core::view::model::When;

    fn form() -> Form {
        asking(false, false)
    }

    fn asking(steers: bool, needs_reason: bool) -> Form {
        let approval = ApprovalView {
            id: "A-001".into(),
            kind: "barrier",
            subject: "barrier-1".into(),
            who: "user".into(),
            question: "May it go on?".into(),
            revision: None,
            list: None,
            by: vec!["ada".into()],
            no_by: vec!["ada".into()],
            shown: "1f0c93ab".into(),
            scores: Vec::new(),
            versions: Vec::new(),
            apart: Vec::new(),
            steers,
            needs_reason,
            reaches: false,
            step: None,
            options: Vec::new(),
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

    fn yes(note: Option<&str>) -> Act {
        let (note, seen) = (note.map(str::to_owned), Some("1f0c93ab".to_owned()));
        Act::Answer(Command::Approve { approval: "A-001".into(), note, seen, reach: Reach::Call })
    }

    fn no(note: Option<&str>, give_up: bool) -> Act {
        let (note, seen) = (note.map(str::to_owned), Some("1f0c93ab".to_owned()));
        Act::Answer(Command::Reject { approval: "A-001".into(), note, seen, give_up })
    }

    #[test]
    fn one_key_is_a_yes_and_the_next_ones_change_nothing() {
        assert_eq!(keys(&mut form(), "xYyn"), [yes(None)]);
    }

    #[test]
    fn a_no_comes_with_its_reason() {
        assert_eq!(keys(&mut form(), "nno\u{8}ot yet\n"), [no(Some("not yet"), false)]);
        assert_eq!(keys(&mut form(), "nabc\u{15}\r"), [no(None, false)]);
        assert_eq!(keys(&mut form(), "nabc\u{4}"), []);
    }

    #[test]
    fn what_needs_words_waits_for_them() {
        assert_eq!(keys(&mut asking(true, false), "n\n\nshorter\n"), [no(Some("shorter"), false)]);
        assert_eq!(keys(&mut asking(true, true), "y\nfine\n"), [yes(Some("fine"))]);
        assert_eq!(keys(&mut asking(true, true), "g\n"), [no(None, true)]);
        assert_eq!(keys(&mut form(), "g\n"), [], "nothing to give up");
    }

    #[test]
    fn a_request_of_an_agent_can_be_granted_for_more_than_once() {
        let mut form = form();
        assert_eq!(keys(&mut form, "t"), [], "only where there is a rule");
        let Some(open) = &mut form.open else { panic!("it is open") };
        (open.approval.reaches, open.approval.kind) = (true, "permission");
        let granted = Command::Approve {
            approval: "A-001".into(),
            note: None,
            seen: Some("1f0c93ab".into()),
            reach: Reach::Task,
        };
        assert_eq!(keys(&mut form, "t"), [Act::Answer(granted)]);
    }

    #[test]
    fn later_is_not_asked_again() {
        let mut form = form();
        assert_eq!(keys(&mut form, "l"), [Act::Later("A-001".into())]);
        assert!(!form.is_open() && form.later.contains("A-001"));
    }
}
