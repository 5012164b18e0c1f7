//! Questions to people as they are shown.

use super::When;
use crate::run::is_among;
use serde::Serialize;

/// A question to a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ApprovalView {
    /// `A-001`.
    pub id: String,
    /// `task`, `barrier`, `input`, `completion`, `held task`, `held barrier`, `budget`; of an agent at
    /// work `permission`, `question`.
    pub kind: &'static str,
    /// What it is about.
    pub subject: String,
    /// Who is asked.
    pub who: String,
    /// In words.
    pub question: String,
    /// Whose yes counts, by name; empty: anyone's.
    pub by: Vec<String>,
    /// Whose no counts, by name; empty: anyone's.
    pub no_by: Vec<String>,
    /// The commit that the answer is bound to.
    pub revision: Option<String>,
    /// What an answer carries to say which state of things it is about.
    pub shown: String,
    /// Of a list, where the content store has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// Names and scores against threshold of what is to be approved.
    pub scores: Vec<(String, String)>,
    /// For a held task: its best version and the next best.
    pub versions: Vec<VersionView>,
    /// For a held task: dimension, the best version's score, that of the next best; only where they
    /// differ.
    pub apart: Vec<(String, String, String)>,
    /// A no with words starts another round, and they guide it.
    pub steers: bool,
    /// A yes can reach further than this request.
    #[serde(skip_serializing_if = "crate::plan::is_false")]
    pub reaches: bool,
    /// The step of the agent that asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// A yes needs words: a reason against a verdict, or the answer to a question.
    pub needs_reason: bool,
    /// When it was asked.
    pub asked_at: When,
    /// `open`, `approved`, `rejected`, `void`.
    pub state: &'static str,
    /// Why it is void.
    pub void: Option<String>,
    /// The answer.
    pub answer: Option<AnswerView>,
    /// What yes means.
    pub yes_means: String,
    /// What no means.
    pub no_means: String,
    /// The command for yes.
    pub approve: String,
    /// The command for no: with guidance, where it steers.
    pub reject: String,
    /// Everything that can be done: command and meaning.
    pub options: Vec<(String, String)>,
}

impl ApprovalView {
    /// True if this person may say yes or no to it.
    pub fn is_for(&self, person: &str) -> bool {
        is_among(&self.by, person) || is_among(&self.no_by, person)
    }

    /// The command that people are shown where there is room for one only.
    pub fn first_command(&self) -> &str {
        self.options.first().map_or(&self.approve, |(command, _)| command)
    }

    /// `ann or bob`; for a held task `ann (yes), ann or bob (no)`; `None`: anyone.
    pub fn may_answer(&self) -> Option<String> {
        let names = |names: &[String]| match names {
            [] => "anyone".to_owned(),
            names => names.join(" or "),
        };
        match (self.by.is_empty(), self.no_by.is_empty()) {
            (true, true) => None,
            _ if self.by == self.no_by => Some(names(&self.by)),
            _ => Some(format!("yes: {}; no: {}", names(&self.by), names(&self.no_by))),
        }
    }
}

/// A version that a person chooses from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct VersionView {
    /// The round in which it was scored last.
    pub round: u32,
    /// Its commit.
    pub revision: Option<String>,
    /// Exact composite.
    pub composite: Option<String>,
    /// Open findings: critical, major, minor.
    pub findings: (u32, u32, u32),
    /// Findings that the other version does not have: strategy and id, and how bad.
    pub only_here: Vec<(String, String)>,
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct AnswerView {
    /// Yes or no.
    pub yes: bool,
    /// Who.
    pub by: String,
    /// How it came: `terminal`, `inbox`, `flag --approve all`.
    pub how: String,
    /// True if nobody looked: a flag answered.
    pub by_flag: bool,
    /// Why.
    pub note: Option<String>,
    /// When.
    pub at: When,
}
