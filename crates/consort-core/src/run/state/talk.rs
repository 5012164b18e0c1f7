//! What goes between a living session and people.

use crate::ids::{ApprovalId, TaskId};
use crate::plan::Rule;
use crate::run::input::Usage;
use crate::run::session::TellKind;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a session has said and is to be told, as long as it lives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Talk {
    /// By which it can be resumed, once it has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Why it does not go on in the session that it was to go on in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fresh: Option<String>,
    /// The highest number of its asks.
    #[serde(default)]
    pub asked: u32,
    /// Asks that wait for an answer, with the question that a person is asked.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub open: BTreeMap<u32, Option<ApprovalId>>,
    /// Since when it waits, while it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// What it is to be told: answers until they lie where it looks, turns until it has heard them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tells: Vec<Tell>,
    /// What it has used up, as it says itself.
    #[serde(default)]
    pub used: Usage,
    /// Turns that people added so far.
    #[serde(default)]
    pub turns: u32,
}

impl Talk {
    /// True if nothing was said.
    pub fn is_empty(&self) -> bool {
        *self == Talk::default()
    }
}

/// An attempt waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Waiting {
    /// Since then.
    pub since: Timestamp,
    /// At most so long, in milliseconds: its deadline lies so much later meanwhile.
    pub allowed_ms: u64,
}

/// Something that a session is to be told.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tell {
    /// What.
    pub what: TellKind,
    /// Who says it.
    pub by: String,
    /// It lies where the session will find it.
    #[serde(default, skip_serializing_if = "crate::plan::is_false")]
    pub lies: bool,
}

/// A yes that reaches further than the request that it answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Grant {
    /// The question that it answered.
    pub approval: ApprovalId,
    /// Requests with exactly this rule are granted.
    pub rule: Rule,
    /// Of this task's agents; `None`: of all in the run that this person may answer for.
    pub task: Option<TaskId>,
    /// Who said it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}
