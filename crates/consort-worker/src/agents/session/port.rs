//! The port: what an agent tells and what it can be told, whoever's it is. The words are those of
//! the Agent Client Protocol; nothing above this file knows a vendor.

use consort_core::plan::Tool;
use consort_core::run::FailureClass;
use consort_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;

/// What an agent tells, in the order it happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// The session has an id.
    Began {
        /// The vendor's id.
        session: String,
        /// Which model answers, if it says so.
        model: Option<String>,
        /// The program's version, if it says so.
        version: Option<String>,
    },
    /// Another turn began.
    TurnBegan,
    /// It said something.
    Text {
        /// What.
        text: String,
    },
    /// It thought aloud.
    Thought {
        /// What.
        text: String,
    },
    /// It is in the middle of saying something: a sign of life and no more, at most one a second.
    Speaking,
    /// It uses a tool.
    ToolCall {
        /// The vendor's id of the call.
        id: String,
        /// The tool's own name.
        name: String,
        /// What kind of tool it is.
        tool: Tool,
        /// In a line: the command, the path.
        about: String,
    },
    /// The tool is done.
    ToolResult {
        /// The vendor's id of the call.
        id: String,
        /// False: it failed or was refused.
        ok: bool,
        /// The beginning of what it gave.
        text: String,
    },
    /// It may not go on before somebody answers: [`Say::Answer`] with the same id.
    PermissionRequest(Request),
    /// A request was refused without asking anybody here.
    Refused {
        /// Tool and reason.
        text: String,
    },
    /// What the attempt has used up so far.
    Usage(Spent),
    /// How full its context is, in tokens.
    Context {
        /// Filled.
        used: u64,
        /// Of so many.
        max: u64,
    },
    /// It has summed up what was said and forgotten the rest.
    Compacted,
    /// The vendor limits it.
    RateLimit {
        /// Until when, if the vendor says so.
        until: Option<Timestamp>,
    },
    /// A request to the model failed and is tried again.
    Retry {
        /// The service's status, if there was one.
        status: Option<u16>,
        /// Which try.
        attempt: u32,
        /// In how many milliseconds.
        delay_ms: u64,
    },
    /// Another model goes on.
    Model {
        /// Which.
        model: String,
    },
    /// A turn is over.
    TurnEnd(TurnEnd),
    /// Something that this build does not know: logged, never a reason to stop.
    Unknown {
        /// Its type as the vendor calls it.
        kind: String,
    },
    /// Nothing follows. The last event.
    Closed {
        /// Why, if it was not asked for: the program's exit and the end of its error output.
        why: Option<String>,
    },
}

/// A request for permission, or a question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The vendor's id.
    pub id: String,
    /// The tool's own name.
    pub name: String,
    /// What kind of tool it is.
    pub tool: Tool,
    /// What it is to do.
    pub what: Action,
    /// True if the vendor's own rules would ask as well: a first look may leave it to a second one.
    pub last: bool,
}

/// What a tool is to do, as far as it matters for permission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Looks at these paths; may be empty.
    Read(Vec<String>),
    /// Creates or changes these paths.
    Write(Vec<String>),
    /// Runs a command line.
    Command(String),
    /// Talks to a host.
    Host(String),
    /// Asks a person something.
    Question(String),
    /// Starts another agent.
    Delegate(String),
    /// Anything else, in a line.
    Other(String),
}

/// How a turn ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TurnEnd {
    /// Why it stopped.
    pub stop: StopReason,
    /// Its last message.
    pub text: String,
    /// Its structured answer, where one was asked for and given.
    pub structured: Option<Value>,
    /// What went wrong, if it did.
    pub error: Option<TurnError>,
    /// Calls of the model in this turn.
    pub turns: u32,
    /// Requests that were refused in it.
    pub refused: u32,
}

/// See [`TurnEnd`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// It has nothing more to say.
    EndTurn,
    /// The answer was cut at the model's limit.
    MaxTokens,
    /// The turn cap.
    MaxTurns,
    /// The money cap.
    MaxCost,
    /// What was said does not fit into its context any more.
    ContextFull,
    /// The model will not.
    Refusal,
    /// Somebody interrupted it.
    Cancelled,
    /// It failed.
    Error,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnError {
    /// What helps.
    pub class: FailureClass,
    /// In a sentence.
    pub why: String,
}

/// Tokens and money over the whole attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Input tokens that were no repetition.
    pub tokens_in: u64,
    /// Output tokens.
    pub tokens_out: u64,
    /// Input tokens that were read from the service's cache.
    pub cache_read: u64,
    /// Input tokens that were written to the service's cache.
    pub cache_write: u64,
    /// Millionths of a US dollar; `None`: nobody knows.
    pub micro_usd: Option<u64>,
}

impl Spent {
    /// All tokens.
    pub fn tokens(&self) -> u64 {
        [self.tokens_in, self.tokens_out, self.cache_read, self.cache_write]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// Both together. Unknown costs stay unknown.
    pub fn plus(&self, more: &Spent) -> Spent {
        Spent {
            tokens_in: self.tokens_in.saturating_add(more.tokens_in),
            tokens_out: self.tokens_out.saturating_add(more.tokens_out),
            cache_read: self.cache_read.saturating_add(more.cache_read),
            cache_write: self.cache_write.saturating_add(more.cache_write),
            micro_usd: self.micro_usd.zip(more.micro_usd).map(|(a, b)| a.saturating_add(b)),
        }
    }
}

/// How a session begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin<'a> {
    /// A new one.
    Fresh,
    /// Going on in this one.
    Resume(&'a str),
    /// As a copy of this one, under an id of its own: what comes now does not become part of it.
    Fork(&'a str),
}

/// What an agent can be told.
#[derive(Clone, Debug, PartialEq)]
pub enum Say {
    /// The next turn.
    Turn(String),
    /// The answer to a request.
    Answer {
        /// The request's id.
        id: String,
        /// What.
        answer: Answer,
    },
    /// Stop the present turn; it ends with [`StopReason::Cancelled`].
    Interrupt,
    /// End the session in an orderly way.
    Close,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Go on.
    Allow,
    /// No, and why; the agent is told.
    Deny(String),
    /// Let the vendor's second look ask again. Only for a request that is not the last look.
    Later,
    /// A person's words.
    Words(String),
}

/// A session that is open.
#[derive(Debug)]
pub struct Connection {
    /// What it tells.
    pub events: mpsc::Receiver<Event>,
    /// What it is told. When this is dropped, the session ends.
    pub say: mpsc::Sender<Say>,
}

/// How many events may wait to be taken: an agent that floods is slowed down, not stored.
pub const EVENTS_WAITING: usize = 64;
