//! OpenAI Chat Completions, as Ollama and llama.cpp speak it too.

use super::{CREATED, Piece, Pieces, cut, flood};
use crate::model::reply::Tokens;
use crate::model::request::{Talk, flat, names};
use crate::model::tools::Answer;
use serde_json::{Value, json};

pub(super) fn read(body: &Value) -> Talk {
    let mut talk = Talk {
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        stream: body["stream"].as_bool().unwrap_or(false),
        tools: names(&body["tools"], "/function/name"),
        forced_tool: body.pointer("/tool_choice/function/name").and_then(Value::as_str).map(str::to_owned),
        conversation: body["prompt_cache_key"].as_str().map(str::to_owned),
        ..Talk::default()
    };
    // The second is what llama.cpp takes.
    let schemas = ["/response_format/json_schema/schema", "/response_format/schema"];
    talk.answer_schema = schemas.iter().find_map(|path| body.pointer(path)).cloned();
    for message in body["messages"].as_array().into_iter().flatten() {
        let text = flat(&message["content"]);
        match message["role"].as_str() {
            Some("system" | "developer") => talk.told(&text),
            Some("assistant") => talk.assistant(&text, names(&message["tool_calls"], "/function/name")),
            // The wire has no word for a tool that failed.
            Some("tool") => talk.tool(text, false),
            _ => talk.user(&text),
        }
    }
    talk
}

pub(super) fn pieces(answer: &Answer) -> Pieces {
    let mut pieces = Pieces::default();
    let chunk = |delta: Value, finish: Option<&str>| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish });
        Piece::plain(&envelope(answer, "chat.completion.chunk", &[choice]))
    };
    let list = &mut pieces.list;
    list.push(chunk(json!({ "role": "assistant", "content": "" }), None));
    list.extend(cut(&answer.thinking).map(|t| chunk(json!({ "reasoning_content": t }), None)));
    list.extend(cut(&answer.text).map(|t| chunk(json!({ "content": t }), None)));
    pieces.flood = Some((list.len(), chunk(json!({ "content": flood() }), None)));
    for (index, call) in answer.calls.iter().enumerate() {
        let part = |mut call: Value| {
            call["index"] = json!(index);
            chunk(json!({ "tool_calls": [call] }), None)
        };
        let head = json!({
            "id": format!("call_{}", call.id), "type": "function",
            "function": { "name": call.name, "arguments": "" },
        });
        list.push(part(head));
        let arguments = call.args_text();
        list.extend(cut(&arguments).map(|t| part(json!({ "function": { "arguments": t } }))));
    }
    list.push(chunk(json!({}), Some(finish(answer))));
    let mut last = envelope(answer, "chat.completion.chunk", &[]);
    last["usage"] = usage(&answer.usage);
    list.push(Piece::plain(&last));
    list.push(Piece { event: None, data: "[DONE]".into() });
    pieces
}

pub(super) fn whole(answer: &Answer) -> Value {
    let mut message = json!({ "role": "assistant", "content": answer.text });
    if !answer.thinking.is_empty() {
        message["reasoning_content"] = json!(answer.thinking);
    }
    if !answer.calls.is_empty() {
        let calls = answer.calls.iter().map(|call| {
            json!({
                "id": format!("call_{}", call.id), "type": "function",
                "function": { "name": call.name, "arguments": call.args_text() },
            })
        });
        message["tool_calls"] = calls.collect();
    }
    let choice = json!({ "index": 0, "message": message, "finish_reason": finish(answer) });
    let mut whole = envelope(answer, "chat.completion", &[choice]);
    whole["usage"] = usage(&answer.usage);
    whole
}

fn envelope(answer: &Answer, object: &str, choices: &[Value]) -> Value {
    json!({
        "id": format!("chatcmpl-{}", answer.seed), "object": object, "created": CREATED,
        "model": answer.model, "choices": choices,
    })
}

fn finish(answer: &Answer) -> &'static str {
    if answer.calls.is_empty() { "stop" } else { "tool_calls" }
}

fn usage(tokens: &Tokens) -> Value {
    json!({
        "prompt_tokens": tokens.prompt(), "completion_tokens": tokens.output,
        "total_tokens": tokens.prompt() + tokens.output,
        "prompt_tokens_details": { "cached_tokens": tokens.cache_read },
        "completion_tokens_details": { "reasoning_tokens": tokens.reasoning },
    })
}

/// Of this wire and of Responses.
pub(super) fn error(status: u16, kind: Option<&str>, message: &str) -> Value {
    let known = match status {
        400 | 404 | 413 => ("invalid_request_error", None),
        401 => ("invalid_request_error", Some("invalid_api_key")),
        402 => ("insufficient_quota", Some("insufficient_quota")),
        429 => ("rate_limit_exceeded", Some("rate_limit_exceeded")),
        _ => ("server_error", None),
    };
    let (kind, code) = match kind {
        Some(kind) => (kind, Some(kind)),
        None => known,
    };
    json!({ "error": { "message": message, "type": kind, "code": code, "param": null } })
}
