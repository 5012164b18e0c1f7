//! Requests that wait for a person.

use super::control;
use super::port::{Action, Answer, Request};
use crate::words::{cut, one_line};
use consort_core::plan::Rule;
use consort_core::run::{Ask, AskKind, NoteKind, TellKind};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// How long a person is waited for unless the policy says otherwise.
pub const ASK_TIMEOUT_MS: u64 = 600_000;

struct Open {
    number: u32,
    id: String,
    question: bool,
    until: Instant,
}

/// Those of one attempt.
pub(super) struct Asks {
    control: PathBuf,
    number: u32,
    open: Vec<Open>,
}

impl Asks {
    pub(super) fn new(control: PathBuf) -> Self {
        Self { control, number: 0, open: Vec::new() }
    }

    /// Another one.
    pub(super) fn open(&mut self, request: &Request, rule: Option<Rule>, timeout_ms: Option<u64>) -> Ask {
        self.number += 1;
        let (kind, text) = match &request.what {
            Action::Question(text) => (AskKind::Question, text.clone()),
            Action::Command(text) | Action::Host(text) | Action::Other(text) | Action::Delegate(text) => {
                (AskKind::Permission, format!("{}: {text}", request.name))
            }
            Action::Read(paths) | Action::Write(paths) => {
                (AskKind::Permission, format!("{}: {}", request.name, paths.join(" ")))
            }
        };
        self.open.push(Open {
            number: self.number,
            id: request.id.clone(),
            question: kind == AskKind::Question,
            until: Instant::now() + Duration::from_millis(timeout_ms.unwrap_or(ASK_TIMEOUT_MS)),
        });
        let text = cut(&one_line(&text), 400);
        Ask { number: self.number, kind, text, rule }
    }

    /// True if nobody is waited for.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The session is another one: nothing waits any more.
    pub(super) fn forget(&mut self) {
        self.open.clear();
    }

    /// They are withdrawn with the turn that asked: what is noted of each.
    pub(super) fn withdraw(&mut self) -> Vec<NoteKind> {
        self.open.drain(..).map(|ask| NoteKind::AskExpired { ask: ask.number }).collect()
    }

    /// What was answered, and what has waited long enough: the request's id, the answer, the note.
    pub(super) fn settle(&mut self) -> Vec<(String, Answer, Option<NoteKind>)> {
        let mut settled = Vec::new();
        let control = &self.control;
        self.open.retain(|ask| {
            let name = format!("answer/{}", ask.number);
            let answer = match control::told(control, &name) {
                Some(TellKind::Answer { yes, note, .. }) => {
                    let heard = NoteKind::Heard { what: name };
                    Some((answered(ask.question, yes, note), Some(heard)))
                }
                _ if Instant::now() >= ask.until => {
                    let why =
                        "nobody answered in time, and then it is no: go on without, and say so in the work";
                    Some((Answer::Deny(why.into()), Some(NoteKind::AskExpired { ask: ask.number })))
                }
                _ => None,
            };
            let open = answer.is_none();
            settled.extend(answer.map(|(answer, note)| (ask.id.clone(), answer, note)));
            open
        });
        settled
    }
}

fn answered(question: bool, yes: bool, note: Option<String>) -> Answer {
    match (question, yes, note) {
        (true, true, Some(words)) => Answer::Words(words),
        (_, true, _) => Answer::Allow,
        (_, false, Some(words)) => Answer::Deny(format!("a person says no: {words}")),
        (_, false, None) => Answer::Deny("a person says no".into()),
    }
}
