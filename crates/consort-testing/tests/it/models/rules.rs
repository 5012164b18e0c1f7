//! Which rule answers.

use super::{ask, body, post, understood};
use consort_testing::model::{ModelServer, Reply, Rule, Rules, When, Wire};
use serde_json::json;

async fn said(server: &ModelServer, wire: Wire, prompt: &str) -> String {
    understood(wire, false, &ask(server, wire, prompt, false).await).text
}

#[tokio::test]
async fn the_first_rule_whose_conditions_all_hold_answers() {
    let rule = |when: When, text: &str| Rule { when, ..Rule::always() }.reply(Reply::text(text));
    let server = ModelServer::start(Rules::of([
        rule(When { wire: Some(Wire::Gemini), ..When::default() }, "gemini"),
        rule(When { prompt: vec!["one".into(), "two".into()], ..When::default() }, "both"),
        rule(When { lacks: Some("*".into()), ..When::default() }, "no tools"),
        rule(When { nth: Some(2), prompt: vec!["again".into()], ..When::default() }, "second time"),
        rule(When { offers: Some("write".into()), model: Some("m-".into()), ..When::default() }, "write"),
        rule(When { header: Some(("x-api-key".into(), "wrong".into())), ..When::default() }, "wrong key"),
        rule(When { system: Some("brief".into()), ..When::default() }, "brief"),
    ]));
    assert_eq!(said(&server, Wire::Gemini, "one two").await, "gemini");
    assert_eq!(said(&server, Wire::Chat, "two one").await, "both");
    assert_eq!(said(&server, Wire::Chat, "one").await, "write");
    assert_eq!(said(&server, Wire::Chat, "again").await, "write");
    assert_eq!(said(&server, Wire::Chat, "again").await, "second time");
    assert_eq!(said(&server, Wire::Chat, "again").await, "write");
    assert_eq!(said(&server, Wire::Anthropic, "one").await, "brief");
    let mut bare = body(Wire::Anthropic, "one", false);
    bare.as_object_mut().unwrap().remove("tools");
    let back = post(&server, "/v1/messages", &bare).await;
    assert_eq!(understood(Wire::Anthropic, false, &back).text, "no tools");
    let client = super::client().post(format!("{}/v1/messages", server.url()));
    let back = client.header("x-api-key", "wrong").json(&body(Wire::Anthropic, "x", false));
    let back: serde_json::Value = back.send().await.unwrap().json().await.unwrap();
    assert_eq!(back["content"][0]["text"], "wrong key");
    server.play(Rules::of([Rule::always().holds(|r| r.prompt().len() == 3).reply(Reply::text("three"))]));
    assert_eq!(said(&server, Wire::Chat, "abc").await, "three");
    assert_eq!(said(&server, Wire::Chat, "abcd").await, "No rule of the scenario fits.");
}

#[tokio::test]
async fn a_scenario_in_json_fills_in_what_the_request_says() {
    let text = r#"{ "models": ["m-1"], "rules": [{ "name": "write", "when": { "prompt": ["WRITE "] }, "replies": [
        { "text": "to ${cwd}", "calls": [{ "tool": "@write", "args": { "path": "${cwd}/${rest}", "content": "x" } }] },
        { "text": "done" } ] },
        { "replies": [{ "fault": { "http": { "status": 401, "message": "bad key" } } }] } ] }"#;
    let server = ModelServer::start(Rules::from_json(text).unwrap());
    let mut body = body(Wire::Anthropic, "please WRITE notes.md\nand more", false);
    body["system"] =
        json!([{ "type": "text", "text": "# Env\n - Primary working directory: /tmp/x y\n - more" }]);
    let got = understood(Wire::Anthropic, false, &post(&server, "/v1/messages", &body).await);
    assert_eq!(got.text, "to /tmp/x y");
    assert_eq!(got.calls[0].1["file_path"], "/tmp/x y/notes.md");
    let back = ask(&server, Wire::Anthropic, "else", true).await;
    assert_eq!((back.status, &back.json()["error"]["message"]), (401, &json!("bad key")));
    let wrong = Rules::from_json(r#"{ "rules": [{ "if": {} }] }"#).unwrap_err();
    assert!(wrong.contains("`if`") && wrong.contains("line 1"), "{wrong}");
}
