//! An answer means the same in every language, whole or in pieces.

use super::{ALL, Back, Understood, ask, body, path, post, understood};
use consort_testing::model::{ModelServer, Outcome, Reply, Rule, Rules, Tokens, Wire};
use serde_json::{Value, json};

fn tokens() -> Tokens {
    Tokens { input: 1_000, output: 50, cache_read: 200, cache_write: 30, reasoning: 0 }
}

/// Long enough for several pieces, with signs that take several bytes.
const SAID: &str =
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich; 12 → 13, and \"quotes\"\nand lines.";

fn writer() -> ModelServer {
    let write = json!({ "path": "a/b.txt", "content": "hello \"you\"\n" });
    let reply = Reply::text(SAID).and_call("@write", write).using(tokens());
    ModelServer::start(Rules::of([Rule::prompt("WRITE").reply(reply)]))
}

#[tokio::test]
async fn text_calls_and_tokens_are_the_same_in_every_wire_whole_and_in_pieces() {
    let server = writer();
    for wire in ALL {
        let mut both = Vec::new();
        for stream in [false, true] {
            let back = ask(&server, wire, "please WRITE it", stream).await;
            assert_eq!(back.status, 200, "{wire:?}: {}", back.text);
            let kind = if stream { "text/event-stream" } else { "application/json" };
            assert_eq!(back.headers["content-type"], kind);
            both.push(understood(wire, stream, &back));
        }
        assert_eq!(both[0], both[1], "{wire:?}");
        let Understood { text, calls, tokens } = &both[0];
        assert_eq!(text, SAID, "{wire:?}");
        assert_eq!(*tokens, (1_230, 200, 50), "{wire:?}");
        let (name, args) = &calls[0];
        assert_eq!(calls.len(), 1);
        let expected = match wire {
            Wire::Anthropic => ("Write", json!({ "file_path": "a/b.txt", "content": "hello \"you\"\n" })),
            Wire::Chat => ("write", json!({ "filePath": "a/b.txt", "content": "hello \"you\"\n" })),
            Wire::Gemini => ("write_file", json!({ "file_path": "a/b.txt", "content": "hello \"you\"\n" })),
            Wire::Responses => {
                ("exec_command", json!({ "cmd": "mkdir -p 'a' && printf %s 'hello \"you\"\n' > 'a/b.txt'" }))
            }
        };
        assert_eq!((name.as_str(), args), (expected.0, &expected.1), "{wire:?}");
    }
    let seen = server.seen();
    assert_eq!(seen.len(), 8);
    assert!(seen.iter().all(|s| s.outcome == Outcome::Complete && s.rule.as_deref() == Some("WRITE")));
    for request in server.requests() {
        assert_eq!((request.model.as_str(), request.system.trim()), ("m-1", "be brief"));
        assert_eq!((request.prompt(), request.turn()), ("please WRITE it", 0));
    }
}

/// The conversation after an answer with a call, whose result came in.
fn with_result(wire: Wire) -> Value {
    let mut body = body(wire, "please WRITE it", false);
    let (list, more) = match wire {
        Wire::Anthropic => (
            "messages",
            json!([
                { "role": "assistant", "content": [{ "type": "tool_use", "id": "t", "name": "Write", "input": {} }] },
                { "role": "user", "content": [
                    { "type": "tool_result", "tool_use_id": "t", "content": "no room", "is_error": true },
                    { "type": "text", "text": "<system-reminder>be careful</system-reminder>" },
                ] },
            ]),
        ),
        Wire::Chat => (
            "messages",
            json!([
                { "role": "assistant", "content": null, "tool_calls": [
                    { "id": "t", "type": "function", "function": { "name": "write", "arguments": "{}" } }] },
                { "role": "tool", "tool_call_id": "t", "content": "no room" },
            ]),
        ),
        Wire::Responses => (
            "input",
            json!([
                { "type": "reasoning", "summary": [] },
                { "type": "function_call", "call_id": "t", "name": "exec_command", "arguments": "{}" },
                { "type": "function_call_output", "call_id": "t", "output": "no room" },
            ]),
        ),
        Wire::Gemini => (
            "contents",
            json!([
                { "role": "model", "parts": [{ "functionCall": { "name": "write_file", "args": {} } }] },
                { "role": "user", "parts": [
                    { "functionResponse": { "name": "write_file", "response": { "error": "no room" } } }] },
            ]),
        ),
    };
    body[list].as_array_mut().unwrap().extend(more.as_array().unwrap().iter().cloned());
    body
}

#[tokio::test]
async fn results_of_tools_are_another_turn_of_the_same_prompt() {
    let rule = Rule::prompt("WRITE").reply(Reply::text("first")).reply(Reply::text("second"));
    let server = ModelServer::start(Rules::of([rule]));
    for wire in ALL {
        let back = post(&server, path(wire, false), &with_result(wire)).await;
        assert_eq!(understood(wire, false, &back).text, "second", "{wire:?}");
        let request = server.requests().pop().unwrap();
        assert_eq!((request.prompt(), request.turn()), ("please WRITE it", 1), "{wire:?}");
        let result = request.tool_result().unwrap();
        assert!(result.text.contains("no room"), "{wire:?}");
        let says_so = matches!(wire, Wire::Anthropic | Wire::Gemini);
        assert_eq!(result.failed, says_so, "{wire:?}");
        assert_eq!(request.messages[1].calls.len(), 1, "{wire:?}");
    }
}

fn with_schema(wire: Wire) -> Value {
    let schema = json!({ "type": "object", "required": ["verdict"] });
    let mut body = body(wire, "JUDGE", false);
    match wire {
        Wire::Anthropic => {
            body["output_config"] = json!({ "format": { "type": "json_schema", "schema": schema } })
        }
        Wire::Chat => {
            let named = json!({ "name": "answer", "schema": schema });
            body["response_format"] = json!({ "type": "json_schema", "json_schema": named });
        }
        Wire::Responses => {
            body["text"] = json!({ "format": { "type": "json_schema", "name": "answer", "schema": schema } });
        }
        Wire::Gemini => body["generationConfig"] = json!({ "responseJsonSchema": schema }),
    }
    body
}

#[tokio::test]
async fn a_structured_answer_comes_in_the_form_that_is_asked_for() {
    let value = json!({ "verdict": "pass", "score": 0.93 });
    let server =
        ModelServer::start(Rules::of([Rule::prompt("JUDGE").reply(Reply::structured(value.clone()))]));
    for wire in ALL {
        let back = post(&server, path(wire, false), &with_schema(wire)).await;
        let got = understood(wire, false, &back);
        assert_eq!(serde_json::from_str::<Value>(&got.text).unwrap(), value, "{wire:?}");
        assert!(got.calls.is_empty());
        let schema = server.requests().pop().unwrap().answer_schema.clone();
        assert_eq!(schema.unwrap()["required"][0], "verdict", "{wire:?}");
    }
    let mut body = body(Wire::Anthropic, "JUDGE", false);
    body["tools"] = json!([{ "name": "Write" }, { "name": "StructuredOutput" }]);
    let taken = understood(Wire::Anthropic, false, &post(&server, "/v1/messages", &body).await);
    assert_eq!(taken.calls, [("StructuredOutput".to_owned(), value.clone())]);
    body["tools"] = json!([{ "name": "json" }]);
    body["tool_choice"] = json!({ "type": "tool", "name": "json" });
    let taken = understood(Wire::Anthropic, false, &post(&server, "/v1/messages", &body).await);
    assert_eq!(taken.calls, [("json".to_owned(), value)]);
}

#[tokio::test]
async fn probes_are_answered_and_are_no_requests_to_a_model() {
    let server = writer();
    let client = super::client();
    let head = client.head(server.url()).send().await.unwrap();
    assert_eq!(head.status(), 200);
    let models: Value =
        client.get(format!("{}/v1/models", server.url())).send().await.unwrap().json().await.unwrap();
    assert_eq!(models["data"][0]["id"], "scripted-1");
    let stray = client.get(format!("{}/api/policy", server.url())).send().await.unwrap();
    assert_eq!(stray.status(), 404);
    let count = post(&server, "/v1/messages/count_tokens?beta=true", &json!({ "messages": [] })).await;
    assert!(count.json()["input_tokens"].as_u64().unwrap() > 0);
    assert!(server.requests().is_empty());
    assert_eq!(server.seen().len(), 4);
    let Back { status, text, .. } = post(&server, "/v1/messages", &json!("no request")).await;
    assert_eq!(status, 200, "{text}");
    server.reset();
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn the_same_request_to_another_server_has_the_same_bytes() {
    for wire in ALL {
        let (one, two) = (writer(), writer());
        for stream in [false, true] {
            let (a, b) = (ask(&one, wire, "WRITE", stream).await, ask(&two, wire, "WRITE", stream).await);
            assert_eq!(a.text, b.text, "{wire:?}");
            // Asked again, it is another message.
            assert_ne!(ask(&one, wire, "WRITE", stream).await.text, a.text, "{wire:?}");
        }
    }
}
