//! What people ask of a run.

use super::kept::Origin;
use super::session::Reach;
use crate::ids::{ApprovalId, CheckpointId, ContentHash, Revision, RunId, TaskId};
use crate::plan::is_false;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What people can ask of a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// The first command of every journal.
    Start(Box<StartRun>),
    /// Answer a question with yes.
    Approve {
        /// Which question.
        approval: ApprovalId,
        /// Why, in the person's words, at most 1,000 characters. An override needs it.
        note: Option<String>,
        /// What the person was shown (`run::shown`); `None`: whatever the question's id stands for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<String>,
        /// For a permission that an agent asks for: how far the yes reaches.
        #[serde(default, skip_serializing_if = "Reach::is_call")]
        reach: Reach,
    },
    /// Answer a question with no. Where work can be done once more, the note guides it; an agent that asks
    /// for a permission is told the note: what to do instead.
    Reject {
        /// Which question.
        approval: ApprovalId,
        /// Why; guidance for the next round.
        note: Option<String>,
        /// As in `Approve`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<String>,
        /// No further round: the task or barrier is given up.
        #[serde(default, skip_serializing_if = "is_false")]
        give_up: bool,
    },
    /// Start no new attempt until told otherwise.
    Pause,
    /// Go on after a pause.
    Unpause,
    /// Stop everything and end the run.
    Cancel,
    /// Try a held, failed or conflicted task again: one more set of rounds.
    Retry {
        /// Which task.
        task: TaskId,
        /// Guidance for its creator.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        /// The open question about it that the person saw; `None`: none was looked at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instead_of: Option<ApprovalId>,
    },
    /// A word to the agent that works on a task now, as a further turn; where none does, its next creator is
    /// told.
    Steer {
        /// Which task.
        task: TaskId,
        /// What.
        text: String,
        /// What it does now is interrupted for it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        now: bool,
    },
    /// From now on answer every approval with yes, but overrides, budgets, integration, and what agents
    /// ask while they work: permissions and questions are for a person, else their default, no, holds.
    ApproveAll,
    /// Make a checkpoint now.
    Checkpoint,
    /// Go back to a checkpoint: what was accepted then holds, everything else begins anew.
    Rollback {
        /// Which.
        to: CheckpointId,
        /// Why, at most 1,000 characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Go on under a changed plan: what it says the same about is kept, the rest begins anew.
    Amend {
        /// The plan in the content store.
        plan: ContentHash,
        /// The text that it was made from: a [`Written`] in the content store.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<ContentHash>,
        /// File inputs of it that do not exist at the base.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        absent: Vec<String>,
        /// Why, at most 1,000 characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Bring the result of a COMPLETE run to a branch.
    Integrate {
        /// Full ref name, such as `refs/heads/main`.
        into: String,
        /// The value of that ref that the person saw.
        expected: Revision,
    },
}

impl Command {
    /// Yes, by the question's id alone.
    pub fn approve(approval: impl Into<ApprovalId>, note: Option<&str>) -> Self {
        Command::Approve {
            approval: approval.into(),
            note: note.map(str::to_owned),
            seen: None,
            reach: Reach::Call,
        }
    }

    /// No, with guidance, by the question's id alone.
    pub fn reject(approval: impl Into<ApprovalId>, note: Option<&str>) -> Self {
        let note = note.map(str::to_owned);
        Command::Reject { approval: approval.into(), note, seen: None, give_up: false }
    }

    /// No, and nothing more is tried.
    pub fn give_up(approval: impl Into<ApprovalId>, note: Option<&str>) -> Self {
        let note = note.map(str::to_owned);
        Command::Reject { approval: approval.into(), note, seen: None, give_up: true }
    }

    /// Another set of rounds, without guidance.
    pub fn retry(task: impl Into<TaskId>) -> Self {
        Command::Retry { task: task.into(), note: None, instead_of: None }
    }
}

/// How a run begins.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StartRun {
    /// Id of the run.
    pub run: RunId,
    /// The frozen plan in the content store.
    pub plan: ContentHash,
    /// Commit that the run starts from; `None` outside a repository.
    pub base: Option<Revision>,
    /// Random text, 32 hex digits, that judges must echo (through a hash per attempt).
    pub nonce: String,
    /// True after `--approve all`.
    pub approve_all: bool,
    /// File inputs of the plan that do not exist at the base.
    pub absent: Vec<String>,
    /// Uncommitted files of the person's checkout that agents will not see: a count and a few names.
    pub unseen: Vec<String>,
    /// Another run whose results it goes on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<From>,
    /// The text that the plan was made from: a [`Written`] in the content store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<ContentHash>,
}

/// A workflow file as it was when a run began, and the values of its variables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// How the file was called.
    pub name: String,
    /// Its text.
    pub text: String,
    /// From `--var`.
    pub variables: BTreeMap<String, String>,
}

/// What a run goes on with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct From {
    /// The moment of the other run.
    pub origin: Origin,
    /// A [`Kept`](super::Kept) in the content store.
    pub kept: ContentHash,
    /// It is the same run, which came here from another clone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed: Option<ResumedFrom>,
}

/// The checkpoint that a run came here with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ResumedFrom {
    /// Full name of the ref that was given.
    #[serde(rename = "ref")]
    pub name: String,
    /// Its commit.
    pub commit: Revision,
    /// Hash of the last record of the journal there that the checkpoint tells.
    pub head: String,
}
