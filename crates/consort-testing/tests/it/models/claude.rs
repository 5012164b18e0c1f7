//! Claude Code itself against the model server. Skipped by name where it is not installed.

#![allow(clippy::disallowed_types, reason = "a test that starts the real program")]

use super::desk::{Scene, create, judge, revise, write};
use consort_testing::lab;
use consort_testing::model::players::Players;
use consort_testing::model::{ModelServer, Reply, Rule, Rules};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

fn command(program: &Path, server: &ModelServer, home: &Path, cwd: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(cwd).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", home);
    command.env("TMPDIR", home).env("CLAUDE_CONFIG_DIR", home.join(".claude"));
    command.env("ANTHROPIC_BASE_URL", server.url()).env("ANTHROPIC_API_KEY", "dummy");
    command.env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1").env("DISABLE_AUTOUPDATER", "1");
    command.args(["-p", "--output-format", "stream-json", "--verbose", "--setting-sources", ""]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The events of one run to its end.
fn run(command: &mut Command) -> Vec<Value> {
    let out = command.output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(out.status.success(), "{:?}: {}\n{text}", out.status, String::from_utf8_lossy(&out.stderr));
    events
}

#[test]
fn it_writes_a_file_with_its_own_tool() {
    let Ok(program) = lab::claude() else { return };
    let (home, cwd) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let args = json!({ "path": "${cwd}/${rest}", "content": "by its own tool\n" });
    let rule = Rule::prompt("WRITE ").reply(Reply::call("@write", args)).reply(Reply::text("Written."));
    let server = ModelServer::start(Rules::of([rule]));
    let mut command = command(&program, &server, home.path(), cwd.path());
    let events = run(command.args(["--permission-mode", "acceptEdits", "please WRITE a/note.txt"]));
    let end = events.last().unwrap();
    assert_eq!((&end["result"], &end["is_error"]), (&json!("Written."), &json!(false)), "{end}");
    assert_eq!(std::fs::read_to_string(cwd.path().join("a/note.txt")).unwrap(), "by its own tool\n");
    assert_eq!(end["usage"]["output_tokens"], 40);
    assert!(server.seen().iter().all(|s| s.status == Some(200)), "{:#?}", server.seen());
}

#[test]
fn players_write_and_revise_and_judge_through_it() {
    let Ok(program) = lab::claude() else { return };
    let (scene, home) = (Scene::new(), tempfile::tempdir().unwrap());
    let server = ModelServer::start(Players::below([scene.root()]).scenario());
    let session = "5e5510e0-0000-4000-8000-000000000001";
    let first = scene.hand("writer/1.1.1/create", create());
    let mut one = command(&program, &server, home.path(), &first.cwd);
    run(one.args(["--permission-mode", "acceptEdits", "--session-id", session, &first.prompt]));
    let note = first.cwd.join("docs/note.md");
    let draft = std::fs::read_to_string(&note).unwrap();
    assert!(draft.contains("REHEARSAL"));
    // The same session, the file is there: and once more in a fresh one, that never saw it.
    for (attempt, flags) in
        [("writer/1.2.4/create", vec!["--resume", session]), ("writer/1.3.9/create", Vec::new())]
    {
        write(&note, &draft);
        let next = scene.hand(attempt, revise());
        let mut two = command(&program, &server, home.path(), &next.cwd);
        let events = run(two.args(["--permission-mode", "acceptEdits"]).args(flags).arg(&next.prompt));
        assert_ne!(std::fs::read_to_string(&note).unwrap(), draft, "{}", events.last().unwrap());
        assert_eq!(events.last().unwrap()["num_turns"], 3);
    }
    let handed = scene.hand("writer/1.3.10/judge", judge());
    std::fs::copy(&note, handed.cwd.join("candidate.md")).unwrap();
    let schema = json!({ "type": "object", "required": ["nonce", "scores"],
        "properties": { "nonce": { "type": "string" }, "scores": { "type": "object" } } });
    let mut three = command(&program, &server, home.path(), &handed.cwd);
    let events = run(three.args(["--json-schema", &schema.to_string(), &handed.prompt]));
    let answer = &events.last().unwrap()["structured_output"];
    assert_eq!(answer["nonce"], "0123456789abcdef", "{}", events.last().unwrap());
    assert!(answer["scores"]["completeness"]["score"].is_number(), "{answer}");
}

/// Claude Code under its control protocol.
struct Held {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Held {
    fn say(&mut self, value: &Value) {
        let to = self.to.as_mut().unwrap();
        writeln!(to, "{value}").unwrap();
        to.flush().unwrap();
    }

    /// The next message that fulfils a condition.
    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut line = String::new();
        while self.from.read_line(&mut line).unwrap() > 0 {
            let value: Value = serde_json::from_str(&line).unwrap();
            if wanted(&value) {
                return value;
            }
            line.clear();
        }
        panic!("it ended before that");
    }

    fn prompt(&mut self, text: &str) {
        let content = json!([{ "type": "text", "text": text }]);
        self.say(&json!({ "type": "user", "message": { "role": "user", "content": content },
            "parent_tool_use_id": null, "session_id": "" }));
    }

    /// Answers the next request of a kind.
    fn grant(&mut self, kind: &str, answer: &dyn Fn(&Value) -> Value) {
        let asked = self.until(|v| v["type"] == "control_request" && v["request"]["subtype"] == kind);
        let response = answer(&asked["request"]);
        self.say(&json!({ "type": "control_response", "response": {
            "subtype": "success", "request_id": asked["request_id"], "response": response } }));
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.to.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_asks_is_answered_and_is_interrupted_over_its_control_protocol() {
    let Ok(program) = lab::claude() else { return };
    let (home, cwd) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let args = json!({ "path": "${cwd}/${rest}", "content": "x" });
    let hang = Reply::fault(consort_testing::model::Fault::Hang { after: 3 });
    let server = ModelServer::start(Rules::of([
        Rule::prompt("WRITE ").reply(Reply::call("@write", args)).reply(Reply::text("Tried.")),
        Rule::prompt("HANG").reply(hang),
    ]));
    let mut command = command(&program, &server, home.path(), cwd.path());
    command.args(["--input-format", "stream-json", "--permission-prompt-tool", "stdio"]);
    let mut child = command.args(["--permission-mode", "default"]).stdin(Stdio::piped()).spawn().unwrap();
    let (to, from) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
    let mut held = Held { child, to, from };
    let hooks = json!({ "PreToolUse": [{ "matcher": "Write", "hookCallbackIds": ["hook_0"] }] });
    held.say(&json!({ "type": "control_request", "request_id": "req_1",
        "request": { "subtype": "initialize", "hooks": hooks } }));
    held.until(|v| v["type"] == "control_response" && v["response"]["request_id"] == "req_1");
    let end = |held: &mut Held| held.until(|v| v["type"] == "result");

    held.prompt("WRITE allowed.txt");
    held.grant("hook_callback", &|_| json!({}));
    held.grant("can_use_tool", &|asked| json!({ "behavior": "allow", "updatedInput": asked["input"] }));
    assert_eq!(end(&mut held)["result"], "Tried.");
    assert!(cwd.path().join("allowed.txt").exists());

    held.prompt("WRITE denied.txt");
    held.grant("hook_callback", &|_| {
        json!({ "hookSpecificOutput": { "hookEventName": "PreToolUse", "permissionDecision": "deny",
            "permissionDecisionReason": "not there" } })
    });
    let denied = end(&mut held);
    assert_eq!(denied["permission_denials"].as_array().unwrap().len(), 1, "{denied}");
    assert!(!cwd.path().join("denied.txt").exists());
    let told = server.requests().pop().unwrap();
    assert!(told.tool_result().unwrap().text.contains("not there"), "{:?}", told.tool_result());

    held.prompt("HANG");
    while server.seen().last().unwrap().outcome != consort_testing::model::Outcome::Open {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    held.say(
        &json!({ "type": "control_request", "request_id": "req_2", "request": { "subtype": "interrupt" } }),
    );
    let broken = end(&mut held);
    assert_eq!(broken["subtype"], "error_during_execution", "{broken}");
}
