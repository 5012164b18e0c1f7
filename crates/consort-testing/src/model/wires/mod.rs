//! The wires: how a request is read and an answer written in each language.

mod anthropic;
mod chat;
mod gemini;
mod responses;

use super::request::{Talk, Wire};
use super::tools::Answer;
use serde_json::Value;

/// Seconds since 1970 in answers that must have a time: always the same.
const CREATED: u64 = 1_767_225_600;
/// Characters in one piece of a stream.
const PIECE_CHARS: usize = 48;
/// Bytes in one piece of a flood.
pub(super) const FLOOD_PIECE: usize = 8_192;

/// One server-sent event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Its name, where the wire names its events.
    pub(super) event: Option<&'static str>,
    /// One line of data.
    pub(super) data: String,
}

impl Piece {
    /// Named by the `type` of its own data.
    fn typed(event: &'static str, mut data: Value) -> Self {
        data["type"] = Value::from(event);
        Piece { event: Some(event), data: data.to_string() }
    }

    fn plain(data: &Value) -> Self {
        Piece { event: None, data: data.to_string() }
    }

    /// As bytes on the wire.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let name = self.event.map(|e| format!("event: {e}\n")).unwrap_or_default();
        format!("{name}data: {}\n\n", self.data).into_bytes()
    }
}

/// A stream: pieces, and the place of a flood among them.
#[derive(Default)]
pub(super) struct Pieces {
    pub(super) list: Vec<Piece>,
    /// Before which piece the flood comes, and one piece of it.
    pub(super) flood: Option<(usize, Piece)>,
}

/// Reads a body.
pub(super) fn read(wire: Wire, body: &Value) -> Talk {
    match wire {
        Wire::Anthropic => anthropic::read(body),
        Wire::Chat => chat::read(body),
        Wire::Responses => responses::read(body),
        Wire::Gemini => gemini::read(body),
    }
}

/// An answer piece by piece.
pub(super) fn pieces(wire: Wire, answer: &Answer) -> Pieces {
    match wire {
        Wire::Anthropic => anthropic::pieces(answer),
        Wire::Chat => chat::pieces(answer),
        Wire::Responses => responses::pieces(answer),
        Wire::Gemini => gemini::pieces(answer),
    }
}

/// An answer as one value, its flood included.
pub(super) fn whole(wire: Wire, mut answer: Answer) -> Value {
    answer.text.extend(std::iter::repeat_n('x', answer.flood_bytes as usize));
    match wire {
        Wire::Anthropic => anthropic::whole(&answer),
        Wire::Chat => chat::whole(&answer),
        Wire::Responses => responses::whole(&answer),
        Wire::Gemini => gemini::whole(&answer),
    }
}

/// The body of an HTTP error.
pub(super) fn error(wire: Wire, status: u16, kind: Option<&str>, message: &str, retry: Option<u64>) -> Value {
    let scripted = format!("scripted error {status}");
    let message = if message.is_empty() { &scripted } else { message };
    match wire {
        Wire::Anthropic => anthropic::error(kind.unwrap_or(anthropic::kind(status)), message),
        Wire::Chat | Wire::Responses => chat::error(status, kind, message),
        Wire::Gemini => gemini::error(status, kind, message, retry),
    }
}

/// The piece that says in the stream that something went wrong.
pub(super) fn in_band(wire: Wire, kind: &str, message: &str) -> Piece {
    match wire {
        Wire::Anthropic => Piece::typed("error", anthropic::error(kind, message)),
        Wire::Responses => responses::failed(kind, message),
        Wire::Chat => Piece::plain(&chat::error(503, Some(kind), message)),
        Wire::Gemini => Piece::plain(&gemini::error(503, Some(kind), message, None)),
    }
}

/// A text in pieces of a stream.
fn cut(text: &str) -> impl Iterator<Item = String> {
    let mut rest = text.chars().peekable();
    std::iter::from_fn(move || {
        rest.peek()?;
        Some(rest.by_ref().take(PIECE_CHARS).collect())
    })
}

/// One piece of a flood.
fn flood() -> String {
    "x".repeat(FLOOD_PIECE)
}
