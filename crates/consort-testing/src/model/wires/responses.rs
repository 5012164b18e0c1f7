//! OpenAI Responses.

use super::{CREATED, Piece, Pieces, cut, flood};
use crate::model::reply::Tokens;
use crate::model::request::{Talk, flat, names};
use crate::model::tools::Answer;
use serde_json::{Value, json};

/// What an agent says of its surroundings in a user's name.
const SURROUNDINGS: [&str; 5] =
    ["<environment_context>", "<user_instructions>", "# AGENTS.md", "<turn_aborted>", "<permissions"];

pub(super) fn read(body: &Value) -> Talk {
    let mut talk = Talk {
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        stream: body["stream"].as_bool().unwrap_or(false),
        tools: names(&body["tools"], "/name"),
        forced_tool: body.pointer("/tool_choice/name").and_then(Value::as_str).map(str::to_owned),
        answer_schema: body.pointer("/text/format/schema").cloned(),
        conversation: body["prompt_cache_key"].as_str().map(str::to_owned),
        ..Talk::default()
    };
    talk.told(&flat(&body["instructions"]));
    if let Some(text) = body["input"].as_str() {
        talk.user(text);
    }
    for item in body["input"].as_array().into_iter().flatten() {
        let kind = item["type"].as_str().unwrap_or("message");
        match kind {
            "message" => message(&mut talk, item),
            _ if kind.ends_with("_output") => talk.tool(flat(&item["output"]), false),
            _ if kind.ends_with("_call") => {
                talk.assistant("", item["name"].as_str().map(str::to_owned).into_iter().collect());
            }
            // Reasoning, and whatever else belongs to an answer.
            _ => {}
        }
    }
    talk
}

fn message(talk: &mut Talk, item: &Value) {
    let text = flat(&item["content"]);
    match item["role"].as_str() {
        Some("system" | "developer") => talk.told(&text),
        Some("assistant") => talk.assistant(&text, Vec::new()),
        _ if SURROUNDINGS.iter().any(|s| text.trim_start().starts_with(s)) => talk.told(&text),
        _ => talk.user(&text),
    }
}

/// A stream of events that count themselves.
struct Events {
    pieces: Pieces,
}

impl Events {
    fn put(&mut self, event: &'static str, mut data: Value) {
        data["sequence_number"] = json!(self.pieces.list.len());
        self.pieces.list.push(Piece::typed(event, data));
    }
}

pub(super) fn pieces(answer: &Answer) -> Pieces {
    let mut events = Events { pieces: Pieces::default() };
    events.put("response.created", json!({ "response": envelope(answer, "in_progress", &[]) }));
    for (at, item) in output(answer).into_iter().enumerate() {
        let (id, kind) = (item["id"].clone(), item["type"].as_str().unwrap_or_default().to_owned());
        let place = |more: Value| {
            let mut place = json!({ "item_id": id, "output_index": at });
            more.as_object().into_iter().flatten().for_each(|(key, value)| place[key] = value.clone());
            place
        };
        let mut begun = item.clone();
        if kind == "message" {
            begun["content"] = json!([]);
            begun["status"] = json!("in_progress");
        }
        events.put("response.output_item.added", json!({ "output_index": at, "item": begun }));
        if kind == "message" {
            text(&mut events, answer, &item, &place);
        }
        if kind == "function_call" {
            let arguments = item["arguments"].as_str().unwrap_or_default();
            for part in cut(arguments) {
                events.put("response.function_call_arguments.delta", place(json!({ "delta": part })));
            }
            let done = place(json!({ "arguments": arguments }));
            events.put("response.function_call_arguments.done", done);
        }
        events.put("response.output_item.done", json!({ "output_index": at, "item": item }));
    }
    events.put("response.completed", json!({ "response": whole(answer) }));
    events.pieces
}

fn text(events: &mut Events, answer: &Answer, item: &Value, place: &dyn Fn(Value) -> Value) {
    let empty = json!({ "type": "output_text", "text": "", "annotations": [] });
    let part = json!({ "content_index": 0, "part": empty });
    events.put("response.content_part.added", place(part));
    let delta = |text: &str| place(json!({ "content_index": 0, "delta": text }));
    for piece in cut(&answer.text) {
        events.put("response.output_text.delta", delta(&piece));
    }
    let piece = Piece::typed("response.output_text.delta", delta(&flood()));
    events.pieces.flood = Some((events.pieces.list.len(), piece));
    let done = json!({ "content_index": 0, "text": answer.text });
    events.put("response.output_text.done", place(done));
    let part = json!({ "content_index": 0, "part": item["content"][0] });
    events.put("response.content_part.done", place(part));
}

pub(super) fn whole(answer: &Answer) -> Value {
    let mut whole = envelope(answer, "completed", &output(answer));
    whole["usage"] = usage(&answer.usage);
    whole
}

fn output(answer: &Answer) -> Vec<Value> {
    let mut items = Vec::new();
    if !answer.thinking.is_empty() {
        let summary = json!([{ "type": "summary_text", "text": answer.thinking }]);
        items.push(json!({ "type": "reasoning", "id": format!("rs_{}", answer.seed), "summary": summary }));
    }
    if !answer.text.is_empty() || answer.flood_bytes > 0 || answer.calls.is_empty() {
        let part = json!({ "type": "output_text", "text": answer.text, "annotations": [] });
        items.push(json!({
            "type": "message", "id": format!("msg_{}", answer.seed), "role": "assistant",
            "status": "completed", "content": [part],
        }));
    }
    items.extend(answer.calls.iter().map(|call| {
        let (id, name) = (&call.id, &call.name);
        match &call.args {
            // A tool that takes free text.
            Value::String(input) => json!({
                "type": "custom_tool_call", "id": format!("ctc_{id}"), "call_id": format!("call_{id}"),
                "name": name, "input": input, "status": "completed",
            }),
            args => json!({
                "type": "function_call", "id": format!("fc_{id}"), "call_id": format!("call_{id}"),
                "name": name, "arguments": args.to_string(), "status": "completed",
            }),
        }
    }));
    items
}

fn envelope(answer: &Answer, status: &str, output: &[Value]) -> Value {
    json!({
        "id": format!("resp_{}", answer.seed), "object": "response", "created_at": CREATED,
        "model": answer.model, "status": status, "output": output,
    })
}

fn usage(tokens: &Tokens) -> Value {
    json!({
        "input_tokens": tokens.prompt(), "input_tokens_details": { "cached_tokens": tokens.cache_read },
        "output_tokens": tokens.output, "output_tokens_details": { "reasoning_tokens": tokens.reasoning },
        "total_tokens": tokens.prompt() + tokens.output,
    })
}

pub(super) fn failed(kind: &str, message: &str) -> Piece {
    let error = json!({ "code": kind, "message": message });
    let response = json!({ "id": "resp_scripted", "object": "response", "status": "failed", "error": error });
    Piece::typed("response.failed", json!({ "response": response }))
}
