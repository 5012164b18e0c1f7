//! What waits for people, over all runs: every open question with the command that answers it.

use super::model::{ApprovalView, RunView};
use super::text::{count, wrap};
use crate::time::{Timestamp, duration_text};
use serde::Serialize;

/// One open question of one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Waiting {
    /// Its run.
    pub run: String,
    /// `A-001`.
    pub id: String,
    /// As in a run's view: `task`, `permission`, `question` and so on.
    pub kind: &'static str,
    /// The task, barrier, input, criterion or limit that it is about.
    pub subject: String,
    /// The step of the agent that asks, if one does.
    pub step: Option<String>,
    /// Who is asked.
    pub who: String,
    /// When it was asked: RFC 3339 in UTC.
    pub asked_at: String,
    /// For how long it has waited, in milliseconds.
    pub age_ms: u64,
    /// In words.
    pub question: String,
    /// The command that answers it; where there are several, that for yes.
    pub command: String,
    /// All commands, each with what it does.
    pub options: Vec<(String, String)>,
}

/// Open questions of a run, oldest first.
pub fn waiting(view: &RunView, now: Timestamp) -> Vec<Waiting> {
    view.open_approvals().map(|asked| one(&view.id, asked, now)).collect()
}

fn one(run: &str, asked: &ApprovalView, now: Timestamp) -> Waiting {
    Waiting {
        run: run.to_owned(),
        id: asked.id.clone(),
        kind: asked.kind,
        subject: asked.subject.clone(),
        step: asked.step.clone(),
        who: asked.who.clone(),
        asked_at: asked.asked_at.to_string(),
        age_ms: now.since_ms(asked.asked_at.0),
        question: asked.question.clone(),
        command: asked.first_command().to_owned(),
        options: asked.options.clone(),
    }
}

/// The questions as people read them, each with its commands; ends with a line break.
pub fn text(all: &[Waiting], width: usize) -> String {
    if all.is_empty() {
        return "Nothing waits for a person.\n".into();
    }
    let mut text = format!("{} for a person:\n", count(all.len(), "question"));
    for each in all {
        let step = each.step.as_ref().map(|step| format!(" {step}")).unwrap_or_default();
        let age = duration_text(each.age_ms);
        text += &format!(
            "\n{} of {}: {} {}{step}, asked {age} ago of {}\n",
            each.id, each.run, each.kind, each.subject, each.who
        );
        for line in wrap(&each.question, width.max(40).saturating_sub(4)) {
            text += &format!("    {line}\n");
        }
        for (command, means) in &each.options {
            // A command that is broken is none: it keeps its line.
            text += &format!("  {command}\n      {means}\n");
        }
    }
    text
}
