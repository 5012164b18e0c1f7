//! Anthropic Messages.

use super::{Piece, Pieces, cut, flood};
use crate::model::reply::Tokens;
use crate::model::request::{Talk, flat, names};
use crate::model::tools::Answer;
use serde_json::{Value, json};

pub(super) fn read(body: &Value) -> Talk {
    let mut talk = Talk {
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        stream: body["stream"].as_bool().unwrap_or(false),
        tools: names(&body["tools"], "/name"),
        forced_tool: body.pointer("/tool_choice/name").and_then(Value::as_str).map(str::to_owned),
        conversation: conversation(body),
        ..Talk::default()
    };
    let schema = body.pointer("/output_config/format/schema").or(body.pointer("/output_format/schema"));
    talk.answer_schema = schema.cloned();
    talk.told(&flat(&body["system"]));
    for message in body["messages"].as_array().into_iter().flatten() {
        let content = &message["content"];
        match message["role"].as_str() {
            Some("assistant") => {
                let calls = blocks(content, "tool_use").filter_map(|b| b["name"].as_str());
                let calls = calls.map(str::to_owned).collect();
                let text = match content {
                    Value::String(text) => text.clone(),
                    _ => blocks(content, "text").map(flat).collect::<Vec<_>>().join("\n"),
                };
                talk.assistant(&text, calls);
            }
            Some("user") => user(&mut talk, content),
            // A system message in the middle of a conversation.
            _ => talk.told(&flat(content)),
        }
    }
    talk
}

fn blocks<'a>(content: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    content.as_array().into_iter().flatten().filter(move |b| b["type"] == kind)
}

fn user(talk: &mut Talk, content: &Value) {
    if let Value::String(text) = content {
        return talk.user(text);
    }
    for result in blocks(content, "tool_result") {
        talk.tool(flat(&result["content"]), result["is_error"].as_bool().unwrap_or(false));
    }
    talk.user(&blocks(content, "text").map(flat).collect::<Vec<_>>().join("\n"));
}

/// Claude Code puts its session's id into a JSON text in `metadata.user_id`.
fn conversation(body: &Value) -> Option<String> {
    let user: Value = serde_json::from_str(body.pointer("/metadata/user_id")?.as_str()?).ok()?;
    Some(user["session_id"].as_str()?.to_owned())
}

pub(super) fn pieces(answer: &Answer) -> Pieces {
    let mut pieces = Pieces::default();
    let mut message = envelope(answer, &[], None);
    message["usage"]["output_tokens"] = json!(1);
    pieces.list.push(Piece::typed("message_start", json!({ "message": message })));
    for (index, block) in content(answer).into_iter().enumerate() {
        put_block(&mut pieces, index, block, answer);
    }
    let delta = json!({ "stop_reason": stop(answer), "stop_sequence": null });
    let usage = usage(&answer.usage);
    pieces.list.push(Piece::typed("message_delta", json!({ "delta": delta, "usage": usage })));
    pieces.list.push(Piece::typed("message_stop", json!({})));
    pieces
}

/// The pieces of one block: an empty one, what fills it, its end.
fn put_block(pieces: &mut Pieces, index: usize, block: Value, answer: &Answer) {
    let delta = |kind: &str, key: &str, text: &str| {
        Piece::typed("content_block_delta", json!({ "index": index, "delta": { "type": kind, key: text } }))
    };
    let mut start = block.clone();
    let mut list: Vec<Piece> = Vec::new();
    match block["type"].as_str() {
        Some("text") => {
            start["text"] = json!("");
            list.extend(cut(&answer.text).map(|t| delta("text_delta", "text", &t)));
        }
        Some("thinking") => {
            start["thinking"] = json!("");
            start["signature"] = json!("");
            list.extend(cut(&answer.thinking).map(|t| delta("thinking_delta", "thinking", &t)));
            list.push(delta("signature_delta", "signature", SIGNATURE));
        }
        _ => {
            start["input"] = json!({});
            list.extend(
                cut(&block["input"].to_string()).map(|t| delta("input_json_delta", "partial_json", &t)),
            );
        }
    }
    let start = json!({ "index": index, "content_block": start });
    pieces.list.push(Piece::typed("content_block_start", start));
    pieces.list.extend(list);
    if block["type"] == "text" {
        pieces.flood = Some((pieces.list.len(), delta("text_delta", "text", &flood())));
    }
    pieces.list.push(Piece::typed("content_block_stop", json!({ "index": index })));
}

pub(super) fn whole(answer: &Answer) -> Value {
    envelope(answer, &content(answer), Some(stop(answer)))
}

/// Any text will do: nobody here can check it.
const SIGNATURE: &str = "c2NyaXB0ZWQ=";

fn content(answer: &Answer) -> Vec<Value> {
    let mut blocks = Vec::new();
    if !answer.thinking.is_empty() {
        blocks.push(json!({ "type": "thinking", "thinking": answer.thinking, "signature": SIGNATURE }));
    }
    if !answer.text.is_empty() || answer.flood_bytes > 0 || answer.calls.is_empty() {
        blocks.push(json!({ "type": "text", "text": answer.text }));
    }
    blocks.extend(answer.calls.iter().map(|call| {
        json!({ "type": "tool_use", "id": format!("toolu_{}", call.id), "name": call.name, "input": call.args })
    }));
    blocks
}

fn envelope(answer: &Answer, content: &[Value], stop: Option<&str>) -> Value {
    json!({
        "id": format!("msg_{}", answer.seed), "type": "message", "role": "assistant", "model": answer.model,
        "content": content, "stop_reason": stop, "stop_sequence": null, "usage": usage(&answer.usage),
    })
}

fn stop(answer: &Answer) -> &'static str {
    if answer.calls.is_empty() { "end_turn" } else { "tool_use" }
}

fn usage(tokens: &Tokens) -> Value {
    json!({
        "input_tokens": tokens.input, "output_tokens": tokens.output,
        "cache_read_input_tokens": tokens.cache_read, "cache_creation_input_tokens": tokens.cache_write,
    })
}

pub(super) fn error(kind: &str, message: &str) -> Value {
    json!({ "type": "error", "error": { "type": kind, "message": message }, "request_id": "req_scripted" })
}

/// The wire's word for a status.
pub(super) fn kind(status: u16) -> &'static str {
    match status {
        400 => "invalid_request_error",
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        _ => "api_error",
    }
}
