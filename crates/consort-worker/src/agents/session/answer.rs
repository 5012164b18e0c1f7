//! The answer of whoever answers by words: its structured answer, or the JSON of its last message.

use super::brief::Brief;
use super::port::TurnEnd;
use consort_core::run::Usage;
use serde_json::{Value, json};

/// Longest answer that is written. Whoever reads it has a limit of its own.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Writes the answer where it is expected, unless the agent has written it there itself.
///
/// # Errors
/// There is none, or it cannot be written.
pub(super) fn keep(brief: &Brief, end: &TurnEnd) -> Result<(), String> {
    let Some((path, _)) = &brief.answer else { return Ok(()) };
    let bytes = match &end.structured {
        Some(answer) => answer.to_string().into_bytes(),
        None if path.exists() => return Ok(()),
        None => json_of(&end.text)
            .ok_or("its last message holds no answer: one JSON object was asked for")?
            .into_bytes(),
    };
    if bytes.len() > ANSWER_BYTES_MAX {
        return Err(format!("its answer has {} bytes, more than {ANSWER_BYTES_MAX}", bytes.len()));
    }
    std::fs::write(path, bytes)
        .map_err(|e| format!("the answer cannot be written to `{}`: {e}", path.display()))
}

/// The JSON object of a message: all of it, or its only fenced block.
pub(crate) fn json_of(text: &str) -> Option<String> {
    let is_object = |text: &str| serde_json::from_str::<serde_json::Map<String, Value>>(text).is_ok();
    let whole = text.trim();
    if is_object(whole) {
        return Some(whole.to_owned());
    }
    let mut blocks = whole.split("```").skip(1).step_by(2).filter_map(|block| {
        let inner = block.split_once('\n').map_or(block, |(_, rest)| rest).trim();
        is_object(inner).then(|| inner.to_owned())
    });
    let first = blocks.next()?;
    // Two answers are none: nobody chooses between them.
    blocks.next().is_none().then_some(first)
}

/// In the form that every agent's use is read in.
pub(super) fn usage_json(usage: &Usage) -> String {
    json!({ "tokens_in": usage.tokens_in, "tokens_out": usage.tokens_out, "micro_usd": usage.micro_usd })
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_the_whole_message_or_its_only_block() {
        for (text, expected) in [
            (" {\"a\": 1} ", Some("{\"a\": 1}")),
            ("Here it is:\n```json\n{\"a\": 1}\n```\nDone.", Some("{\"a\": 1}")),
            ("```\n{\"a\": 1}\n```\nor\n```\n{\"a\": 2}\n```", None),
            ("[1]", None),
            ("no answer", None),
            ("", None),
        ] {
            assert_eq!(json_of(text).as_deref(), expected, "{text}");
        }
    }
}
