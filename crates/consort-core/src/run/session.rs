//! What an agent that is talked to tells while it works, and how its session ends.

use super::Usage;
use crate::ids::{AttemptId, ContentHash};
use crate::plan::Rule;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// One thing that a session has to tell while it goes on. Numbered from 1 within its attempt; what an
/// agent streams is no note.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SessionNote {
    /// From 1.
    pub number: u32,
    /// What.
    pub kind: NoteKind,
}

/// See [`SessionNote`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteKind {
    /// The session has an id: it can be resumed by it.
    Began {
        /// The vendor's id, at most 100 characters.
        session: String,
        /// Whether it goes on with what an earlier attempt had said.
        resumed: bool,
        /// Why it does not, though it should: at most 200 characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fresh: Option<String>,
        /// Which model answers, as far as the runtime says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
    },
    /// A person is to decide or to answer.
    Asked(Ask),
    /// Nobody answered in time: the default holds, which is no.
    AskExpired {
        /// The ask's number.
        ask: u32,
    },
    /// An answer or a word of a person has reached the agent.
    Heard {
        /// `answer/<ask>` or `turn/<number>`.
        what: String,
    },
    /// The context is filled so far, in thousandths, as it crosses a tier upward.
    Context {
        /// The tier.
        tier: ContextTier,
        /// Fill in thousandths.
        fill: u16,
    },
    /// The runtime has summed up what was said and forgotten the rest.
    Compacted,
    /// A fresh session goes on with a written summary of the last one.
    HandedOver {
        /// The new session's id.
        session: String,
    },
    /// The vendor limits it: it waits by itself.
    Limited {
        /// Until when, if the vendor says so.
        until: Option<Timestamp>,
    },
    /// What was used up so far, over the whole attempt.
    Used(Usage),
}

/// What an agent wants of a person.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ask {
    /// From 1 within its attempt.
    pub number: u32,
    /// Permission, or an answer.
    pub kind: AskKind,
    /// In a line, at most 400 characters: the command, the path, the question.
    pub text: String,
    /// The rule that would allow it from now on; `None` where there is no such rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Rule>,
}

/// See [`Ask`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskKind {
    /// May it use a tool like this?
    Permission,
    /// A question with an answer in words.
    Question,
}

/// How far a yes reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// This request alone.
    #[default]
    Call,
    /// All requests like it of this task's agents.
    Task,
    /// All requests like it in this run.
    Run,
}

impl Reach {
    /// True for a single request, which is the default.
    pub fn is_call(&self) -> bool {
        *self == Reach::Call
    }
}

/// What is to reach a living session: idempotent by its key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Told {
    /// Whose session.
    pub attempt: AttemptId,
    /// What.
    pub what: TellKind,
}

/// See [`Told`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TellKind {
    /// The answer to an ask.
    Answer {
        /// The ask's number.
        ask: u32,
        /// Yes or no; a no to a question: nobody answers it, the agent decides by itself.
        yes: bool,
        /// The answer in words, or why not and what to do instead.
        note: Option<String>,
    },
    /// A person's word in the middle of the work: a further turn.
    Turn {
        /// From 1 within the attempt.
        number: u32,
        /// What.
        text: String,
        /// The turn before it is interrupted.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        interrupts: bool,
    },
}

impl std::fmt::Display for TellKind {
    /// `answer/<ask>` or `turn/<number>`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TellKind::Answer { ask, .. } => write!(f, "answer/{ask}"),
            TellKind::Turn { number, .. } => write!(f, "turn/{number}"),
        }
    }
}

/// How full a context is: the seed's tiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextTier {
    /// Below 0.55.
    Nominal,
    /// From 0.55.
    Low,
    /// From 0.70: noted.
    Warning,
    /// From 0.80: a checkpoint is made.
    Critical,
    /// From 0.88: the work goes to a fresh session with a written summary.
    Emergency,
}

impl ContextTier {
    /// The tier of a fill in thousandths. Source: AE-006a to d of the seed.
    pub fn of(fill: u16) -> Self {
        match fill {
            0..550 => ContextTier::Nominal,
            550..700 => ContextTier::Low,
            700..800 => ContextTier::Warning,
            800..880 => ContextTier::Critical,
            _ => ContextTier::Emergency,
        }
    }
}

/// How a session ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SessionEnd {
    /// By which it can be resumed; `None` if it never had one.
    pub session: Option<String>,
    /// Why it did not do its work, if it did not.
    pub failure: Option<SessionFailure>,
    /// Calls of the model.
    pub turns: u32,
    /// Requests that were refused, by policy or by a person.
    pub refused: u32,
    /// Which model answered, as far as the runtime says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What was said and done, in the content store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<ContentHash>,
    /// The vendor's stream as it came, in the content store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<ContentHash>,
}

/// Why a session did not do its work, and what helps.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SessionFailure {
    /// What helps.
    pub class: FailureClass,
    /// In a sentence with the next thing to do, at most 500 characters.
    pub why: String,
}

/// What helps against a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// Nothing that the engine can do: a wrong key, a model that does not exist.
    Never,
    /// Trying again later: an overloaded service, a cut connection.
    Backoff,
    /// The pool's quota is used up, until then if the vendor says so. No try is lost by it.
    Limited(Option<Timestamp>),
    /// Somebody else: the program is not there, or too old.
    OtherRuntime,
    /// A person: it refuses, or asks what nobody answered.
    Person,
    /// Another attempt, as with any failed one.
    Retry,
    /// It used up what one attempt may: turns, tokens, money, or the time without progress.
    Cap,
}
