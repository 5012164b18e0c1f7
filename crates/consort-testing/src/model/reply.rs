//! What the model is made to answer.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// One answer of the model, in any wire.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reply {
    /// What it thinks before it speaks; empty: nothing is sent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub thinking: String,
    /// What it says.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Tools that it calls, all in one answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<Call>,
    /// A value in the form that the client asks for: by the tool that it insists on or offers for
    /// it (`StructuredOutput`), else as the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structured: Option<Value>,
    /// So many further bytes of text, in pieces, made as they are sent.
    pub flood_bytes: u64,
    /// Tokens that the answer claims to have used.
    pub usage: Tokens,
    /// Milliseconds before anything is sent.
    pub delay_ms: u64,
    /// Milliseconds between two pieces of a stream.
    pub piece_ms: u64,
    /// Headers of the response.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// What goes wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

/// A tool call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The tool's own name; or `@write` (args `path`, `content`), `@read` (`path`, and
    /// `lines` for only so many), `@shell` (`command`) for the tool of that kind that the agent really offers.
    pub tool: String,
    /// Its arguments.
    #[serde(default)]
    pub args: Value,
}

/// Numbers of tokens. `input` counts what was neither read from nor written to a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tokens {
    /// Read anew.
    pub input: u64,
    /// Written.
    pub output: u64,
    /// Read from the cache.
    pub cache_read: u64,
    /// Put into the cache.
    pub cache_write: u64,
    /// Of `output`: spent on thinking.
    pub reasoning: u64,
}

impl Default for Tokens {
    fn default() -> Self {
        Tokens { input: 100, output: 20, cache_read: 0, cache_write: 0, reasoning: 0 }
    }
}

impl Tokens {
    /// All that was read, from the cache or not.
    pub fn prompt(&self) -> u64 {
        self.input + self.cache_read + self.cache_write
    }
}

/// What goes wrong with an answer. A client has no whole answer after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// An error in place of an answer.
    Http {
        /// Such as 429.
        status: u16,
        /// In the wire's own form; empty: a text that says that it is scripted.
        #[serde(default)]
        message: String,
        /// The wire's own word for the error; by the status if it is missing.
        #[serde(default)]
        kind: Option<String>,
        /// The header `retry-after`, in seconds.
        #[serde(default)]
        retry_after_s: Option<u64>,
    },
    /// The stream ends with an error of the wire's own form after so many pieces.
    InBand {
        /// Pieces sent before.
        after: u64,
        /// The wire's own word for the error.
        kind: String,
        /// In words.
        message: String,
    },
    /// The connection is cut after so many pieces.
    Cut {
        /// Pieces sent before.
        after: u64,
    },
    /// Nothing more comes after so many pieces, and the connection stays open.
    Hang {
        /// Pieces sent before.
        after: u64,
    },
    /// Begins like an answer and goes on as long as somebody listens.
    Endless,
    /// These bytes in place of an answer, with the status and type of one.
    Rubbish {
        /// As they are.
        bytes: Vec<u8>,
    },
}

impl Reply {
    /// Plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Reply { text: text.into(), ..Reply::default() }
    }

    /// A call of a tool, by kind or by name.
    pub fn call(tool: impl Into<String>, args: Value) -> Self {
        Reply::default().and_call(tool, args)
    }

    /// A value in the form that the client asks for.
    pub fn structured(value: Value) -> Self {
        Reply { structured: Some(value), ..Reply::default() }
    }

    /// Something that goes wrong, with a text that is cut short by it.
    pub fn fault(fault: Fault) -> Self {
        Reply { text: "This answer does not come to its end.".into(), fault: Some(fault), ..Reply::default() }
    }

    /// An HTTP error.
    pub fn http(status: u16) -> Self {
        Reply::fault(Fault::Http { status, message: String::new(), kind: None, retry_after_s: None })
    }

    /// A rate limit that ends in so many seconds.
    pub fn limited(retry_after_s: u64) -> Self {
        Reply::fault(Fault::Http {
            status: 429,
            message: String::new(),
            kind: None,
            retry_after_s: Some(retry_after_s),
        })
    }

    /// One more call in the same answer.
    #[must_use]
    pub fn and_call(mut self, tool: impl Into<String>, args: Value) -> Self {
        self.calls.push(Call { tool: tool.into(), args });
        self
    }

    /// With these tokens.
    #[must_use]
    pub fn using(mut self, usage: Tokens) -> Self {
        self.usage = usage;
        self
    }

    /// After so many milliseconds.
    #[must_use]
    pub fn after_ms(mut self, delay_ms: u64) -> Self {
        self.delay_ms = delay_ms;
        self
    }
}
