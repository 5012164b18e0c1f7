//! Gemini `generateContent`.

use super::{Piece, Pieces, cut, flood};
use crate::model::reply::Tokens;
use crate::model::request::{Talk, flat, names};
use crate::model::tools::Answer;
use serde_json::{Value, json};

/// Model and way of answering stand in the path: whoever calls this puts them in.
pub(super) fn read(body: &Value) -> Talk {
    let mut talk = Talk::default();
    for tool in body["tools"].as_array().into_iter().flatten() {
        talk.tools.extend(names(&tool["functionDeclarations"], "/name"));
    }
    let config = &body["generationConfig"];
    let schema = ["responseJsonSchema", "responseSchema"].iter().find_map(|key| config.get(*key));
    talk.answer_schema = schema.cloned();
    let system = ["systemInstruction", "system_instruction"].iter().find_map(|key| body.get(*key));
    talk.told(&system.map(flat).unwrap_or_default());
    for content in body["contents"].as_array().into_iter().flatten() {
        let parts = content["parts"].as_array().map(Vec::as_slice).unwrap_or_default();
        let text = parts.iter().filter_map(|p| p["text"].as_str()).collect::<Vec<_>>().join("\n");
        if content["role"] == "model" {
            let calls = parts.iter().filter_map(|p| p.pointer("/functionCall/name")?.as_str());
            talk.assistant(&text, calls.map(str::to_owned).collect());
            continue;
        }
        for result in parts.iter().filter_map(|p| p.pointer("/functionResponse/response")) {
            talk.tool(result.to_string(), result.get("error").is_some());
        }
        // How the CLI introduces itself.
        match text.starts_with("This is the Gemini CLI") {
            true => talk.told(&text),
            false => talk.user(&text),
        }
    }
    talk
}

pub(super) fn pieces(answer: &Answer) -> Pieces {
    let mut pieces = Pieces::default();
    let chunk = |part: Value| Piece::plain(&envelope(answer, &[part], None));
    let list = &mut pieces.list;
    list.extend(cut(&answer.thinking).map(|t| chunk(json!({ "text": t, "thought": true }))));
    list.extend(cut(&answer.text).map(|t| chunk(json!({ "text": t }))));
    pieces.flood = Some((list.len(), chunk(json!({ "text": flood() }))));
    list.extend(calls(answer).map(chunk));
    list.push(Piece::plain(&envelope(answer, &[json!({ "text": "" })], Some("STOP"))));
    pieces
}

pub(super) fn whole(answer: &Answer) -> Value {
    let mut parts = Vec::new();
    if !answer.thinking.is_empty() {
        parts.push(json!({ "text": answer.thinking, "thought": true }));
    }
    if !answer.text.is_empty() || answer.calls.is_empty() {
        parts.push(json!({ "text": answer.text }));
    }
    parts.extend(calls(answer));
    envelope(answer, &parts, Some("STOP"))
}

fn calls(answer: &Answer) -> impl Iterator<Item = Value> {
    answer.calls.iter().map(|call| {
        let args = match &call.args {
            Value::String(text) => json!({ "input": text }),
            args => args.clone(),
        };
        json!({ "functionCall": { "name": call.name, "args": args, "id": call.id } })
    })
}

fn envelope(answer: &Answer, parts: &[Value], finish: Option<&str>) -> Value {
    let mut candidate = json!({ "content": { "role": "model", "parts": parts }, "index": 0 });
    if let Some(finish) = finish {
        candidate["finishReason"] = json!(finish);
    }
    json!({
        "candidates": [candidate], "usageMetadata": usage(&answer.usage), "modelVersion": answer.model,
        "responseId": answer.seed,
    })
}

fn usage(tokens: &Tokens) -> Value {
    json!({
        "promptTokenCount": tokens.prompt(), "cachedContentTokenCount": tokens.cache_read,
        "candidatesTokenCount": tokens.output - tokens.reasoning.min(tokens.output),
        "thoughtsTokenCount": tokens.reasoning, "totalTokenCount": tokens.prompt() + tokens.output,
    })
}

pub(super) fn error(status: u16, kind: Option<&str>, message: &str, retry: Option<u64>) -> Value {
    let word = match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        500 => "INTERNAL",
        503 => "UNAVAILABLE",
        _ => "UNKNOWN",
    };
    let mut error = json!({ "code": status, "message": message, "status": kind.unwrap_or(word) });
    if let Some(seconds) = retry {
        let info = json!({
            "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": format!("{seconds}s"),
        });
        error["details"] = json!([info]);
    }
    json!({ "error": error })
}
