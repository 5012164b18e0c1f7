//! The model server, asked by a plain HTTP client in every language that it speaks.

mod claude;
mod desk;
mod faults;
mod players;
mod rules;
mod wires;

use consort_testing::model::{ModelServer, Wire};
use serde_json::{Value, json};

/// What came back over HTTP.
pub(super) struct Back {
    pub(super) status: u16,
    pub(super) headers: reqwest::header::HeaderMap,
    pub(super) text: String,
    /// False: the connection ended before the body did.
    pub(super) whole: bool,
}

impl Back {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    /// The data of the stream's events, and their names.
    pub(super) fn events(&self) -> Vec<(String, Value)> {
        let mut events = Vec::new();
        for block in self.text.split("\n\n").filter(|b| !b.is_empty()) {
            let line = |key: &str| block.lines().find_map(|l| l.strip_prefix(key)).unwrap_or_default();
            let data = line("data: ");
            let data = serde_json::from_str(data).unwrap_or_else(|_| Value::from(data));
            events.push((line("event: ").to_owned(), data));
        }
        events
    }
}

/// A client, wherever this is built: beside a worker that brings encryption without a provider.
pub(super) fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

pub(super) async fn post(server: &ModelServer, path: &str, body: &Value) -> Back {
    let client = client();
    let mut response = client.post(format!("{}{path}", server.url())).json(body).send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let (mut text, mut whole) = (Vec::new(), true);
    loop {
        match response.chunk().await {
            Ok(Some(bytes)) => text.extend_from_slice(&bytes),
            Ok(None) => break,
            Err(_) => {
                whole = false;
                break;
            }
        }
    }
    Back { status, headers, text: String::from_utf8(text).unwrap(), whole }
}

pub(super) const ALL: [Wire; 4] = [Wire::Anthropic, Wire::Chat, Wire::Responses, Wire::Gemini];

/// A prompt, with a tool on offer.
pub(super) fn body(wire: Wire, prompt: &str, stream: bool) -> Value {
    let schema = json!({ "type": "object", "properties": {} });
    match wire {
        Wire::Anthropic => json!({
            "model": "m-1", "stream": stream, "max_tokens": 100, "system": "be brief",
            "messages": [{ "role": "user", "content": [{ "type": "text", "text": prompt }] }],
            "tools": [{ "name": "Write", "input_schema": schema }],
        }),
        Wire::Chat => json!({
            "model": "m-1", "stream": stream,
            "messages": [{ "role": "system", "content": "be brief" }, { "role": "user", "content": prompt }],
            "tools": [{ "type": "function", "function": { "name": "write", "parameters": schema } }],
        }),
        Wire::Responses => json!({
            "model": "m-1", "stream": stream, "instructions": "be brief",
            "input": [{ "type": "message", "role": "user",
                "content": [{ "type": "input_text", "text": prompt }] }],
            "tools": [{ "type": "function", "name": "exec_command", "parameters": schema }],
        }),
        Wire::Gemini => json!({
            "systemInstruction": { "parts": [{ "text": "be brief" }] },
            "contents": [{ "role": "user", "parts": [{ "text": prompt }] }],
            "tools": [{ "functionDeclarations": [{ "name": "write_file", "parameters": schema }] }],
        }),
    }
}

pub(super) fn path(wire: Wire, stream: bool) -> &'static str {
    match (wire, stream) {
        (Wire::Anthropic, _) => "/v1/messages?beta=true",
        (Wire::Chat, _) => "/v1/chat/completions",
        (Wire::Responses, _) => "/v1/responses",
        (Wire::Gemini, true) => "/v1beta/models/m-1:streamGenerateContent?alt=sse",
        (Wire::Gemini, false) => "/v1beta/models/m-1:generateContent",
    }
}

pub(super) async fn ask(server: &ModelServer, wire: Wire, prompt: &str, stream: bool) -> Back {
    post(server, path(wire, stream), &body(wire, prompt, stream)).await
}

/// What a client makes of an answer: its text, its calls (name and arguments), and tokens
/// (all that was read, read from the cache, written).
#[derive(Debug, Default, PartialEq)]
pub(super) struct Understood {
    pub(super) text: String,
    pub(super) calls: Vec<(String, Value)>,
    pub(super) tokens: (u64, u64, u64),
}

pub(super) fn understood(wire: Wire, stream: bool, back: &Back) -> Understood {
    match (wire, stream) {
        (_, false) => whole(wire, &back.json()),
        (Wire::Anthropic, true) => anthropic(&back.events()),
        (Wire::Chat, true) => chat(&back.events()),
        (Wire::Responses, true) => {
            let events = back.events();
            let (name, last) = events.last().unwrap();
            assert_eq!(name, "response.completed");
            let numbers: Vec<u64> =
                events.iter().map(|(_, data)| data["sequence_number"].as_u64().unwrap()).collect();
            assert!(numbers.iter().enumerate().all(|(at, number)| at as u64 == *number), "{numbers:?}");
            let understood = whole(wire, &last["response"]);
            let deltas = events.iter().filter(|(name, _)| name == "response.output_text.delta");
            let said: String = deltas.map(|(_, data)| data["delta"].as_str().unwrap()).collect();
            assert_eq!(said, understood.text);
            understood
        }
        (Wire::Gemini, true) => {
            let mut all = Understood::default();
            for (_, data) in back.events() {
                let one = whole(wire, &data);
                all.text += &one.text;
                all.calls.extend(one.calls);
                all.tokens = one.tokens;
            }
            all
        }
    }
}

fn number(value: &Value, path: &str) -> u64 {
    value.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("no {path} in {value}"))
}

fn items<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    value.pointer(path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn parsed(value: &Value) -> Value {
    serde_json::from_str(value.as_str().unwrap()).unwrap()
}

fn whole(wire: Wire, value: &Value) -> Understood {
    let mut got = Understood::default();
    match wire {
        Wire::Anthropic => {
            for block in items(value, "/content") {
                match text(&block["type"]) {
                    "text" => got.text += text(&block["text"]),
                    "tool_use" => got.calls.push((text(&block["name"]).into(), block["input"].clone())),
                    _ => {}
                }
            }
            let cached = number(value, "/usage/cache_read_input_tokens");
            let anew = number(value, "/usage/input_tokens");
            let put = number(value, "/usage/cache_creation_input_tokens");
            got.tokens = (anew + cached + put, cached, number(value, "/usage/output_tokens"));
        }
        Wire::Chat => {
            let message = &value["choices"][0]["message"];
            got.text = text(&message["content"]).into();
            for call in items(message, "/tool_calls") {
                let function = &call["function"];
                got.calls.push((text(&function["name"]).into(), parsed(&function["arguments"])));
            }
            got.tokens = openai(&value["usage"], "prompt", "completion");
        }
        Wire::Responses => {
            for item in items(value, "/output") {
                match text(&item["type"]) {
                    "message" => got.text += text(&item["content"][0]["text"]),
                    "function_call" => {
                        got.calls.push((text(&item["name"]).into(), parsed(&item["arguments"])))
                    }
                    other => panic!("{other}"),
                }
            }
            got.tokens = openai(&value["usage"], "input", "output");
        }
        Wire::Gemini => {
            for part in items(value, "/candidates/0/content/parts") {
                got.text += text(&part["text"]);
                if let Some(call) = part.get("functionCall") {
                    got.calls.push((text(&call["name"]).into(), call["args"].clone()));
                }
            }
            let of = |key: &str| number(&value["usageMetadata"], &format!("/{key}"));
            got.tokens = (of("promptTokenCount"), of("cachedContentTokenCount"), of("candidatesTokenCount"));
        }
    }
    got
}

fn openai(usage: &Value, read: &str, written: &str) -> (u64, u64, u64) {
    let cached = number(usage, &format!("/{read}_tokens_details/cached_tokens"));
    (number(usage, &format!("/{read}_tokens")), cached, number(usage, &format!("/{written}_tokens")))
}

fn anthropic(events: &[(String, Value)]) -> Understood {
    let mut got = Understood::default();
    let mut arguments = String::new();
    for (name, data) in events {
        assert_eq!(name, text(&data["type"]));
        let delta = &data["delta"];
        match name.as_str() {
            "content_block_start" if data["content_block"]["type"] == "tool_use" => {
                got.calls.push((text(&data["content_block"]["name"]).into(), Value::Null));
            }
            "content_block_delta" => {
                got.text += text(&delta["text"]);
                arguments += text(&delta["partial_json"]);
            }
            "content_block_stop" if !arguments.is_empty() => {
                got.calls.last_mut().unwrap().1 = serde_json::from_str(&arguments).unwrap();
                arguments.clear();
            }
            "message_start" => {
                let usage = &data["message"]["usage"];
                let cached = number(usage, "/cache_read_input_tokens");
                let put = number(usage, "/cache_creation_input_tokens");
                got.tokens = (number(usage, "/input_tokens") + cached + put, cached, 0);
            }
            "message_delta" => got.tokens.2 = number(data, "/usage/output_tokens"),
            _ => {}
        }
    }
    assert_eq!(events.last().unwrap().0, "message_stop");
    got
}

fn chat(events: &[(String, Value)]) -> Understood {
    let mut got = Understood::default();
    let mut arguments: Vec<String> = Vec::new();
    assert_eq!(events.last().unwrap().1, "[DONE]");
    for (_, data) in events {
        if data["usage"].is_object() {
            got.tokens = openai(&data["usage"], "prompt", "completion");
        }
        let delta = &data["choices"][0]["delta"];
        got.text += text(&delta["content"]);
        for call in items(delta, "/tool_calls") {
            if call["id"].is_string() {
                got.calls.push((text(&call["function"]["name"]).into(), Value::Null));
                arguments.push(String::new());
            }
            arguments[number(call, "/index") as usize] += text(&call["function"]["arguments"]);
        }
    }
    for (call, arguments) in got.calls.iter_mut().zip(&arguments) {
        call.1 = serde_json::from_str(arguments).unwrap();
    }
    got
}
