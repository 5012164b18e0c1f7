//! Players over the wire: which attempt a request is about, and what its agent is told to do.

use super::desk::{Scene, create, judge, look_over, review, revise, write};
use super::{Understood, path, post, understood};
use consort_testing::model::players::Players;
use consort_testing::model::{ModelServer, Wire};
use consort_worker::agents::rehearsal::perform;
use serde_json::{Value, json};

/// A conversation, as Claude Code holds one.
struct Talk {
    messages: Vec<Value>,
    tools: Value,
}

impl Talk {
    fn new(tools: &[&str]) -> Self {
        let tools = tools.iter().map(|name| json!({ "name": name })).collect();
        Talk { messages: Vec::new(), tools }
    }

    fn say(&mut self, text: &str) {
        let around = "<system-reminder>the date</system-reminder>";
        let parts = [around, text].map(|text| json!({ "type": "text", "text": text }));
        self.messages.push(json!({ "role": "user", "content": parts }));
    }

    async fn next(&mut self, server: &ModelServer) -> Understood {
        let body = json!({ "model": "m", "messages": self.messages, "tools": self.tools });
        let back = post(server, path(Wire::Anthropic, false), &body).await;
        assert_eq!(back.status, 200, "{}", back.text);
        self.messages.push(json!({ "role": "assistant", "content": back.json()["content"] }));
        understood(Wire::Anthropic, false, &back)
    }

    /// Does what the calls ask for, as an agent's tools do.
    fn obey(&mut self, said: &Understood) {
        let results = said.calls.iter().map(|(name, args)| {
            let path = std::path::Path::new(args["file_path"].as_str().unwrap());
            let text = match name.as_str() {
                "Write" => {
                    write(path, args["content"].as_str().unwrap());
                    "written".to_owned()
                }
                "Read" => std::fs::read_to_string(path).unwrap(),
                other => panic!("{other}"),
            };
            json!({ "type": "tool_result", "tool_use_id": "t", "content": text })
        });
        let results: Vec<Value> = results.collect();
        self.messages.push(json!({ "role": "user", "content": results }));
    }
}

const TOOLS: [&str; 3] = ["Read", "Write", "Bash"];

fn names(said: &Understood) -> Vec<&str> {
    said.calls.iter().map(|(name, _)| name.as_str()).collect()
}

#[tokio::test]
async fn a_creator_writes_revises_and_looks_over_what_its_player_would() {
    let scene = Scene::new();
    let server = ModelServer::start(Players::below([scene.root()]).scenario());
    let mut talk = Talk::new(&TOOLS);
    let first = scene.hand("writer/1.1.1/create", create());
    let note = first.cwd.join("docs/note.md");
    talk.say(&first.prompt);
    let said = talk.next(&server).await;
    assert_eq!(names(&said), ["Write"]);
    assert_eq!(said.calls[0].1["file_path"], note.display().to_string());
    talk.obey(&said);
    let end = talk.next(&server).await;
    assert!(end.calls.is_empty() && end.text.contains("note.md"), "{end:?}");
    // The same as the player itself makes of the same request.
    let beside = tempfile::tempdir().unwrap();
    let mut request = create();
    request.scratch = beside.path().join("tmp").display().to_string();
    perform(request, beside.path(), &[]).unwrap();
    let own = std::fs::read_to_string(beside.path().join("docs/note.md")).unwrap();
    let draft = std::fs::read_to_string(&note).unwrap();
    assert_eq!(draft, own);

    // The session goes on: the first prompt is still in it.
    let second = scene.hand("writer/1.2.5/create", revise());
    talk.say(&second.prompt);
    let read = talk.next(&server).await;
    assert_eq!(names(&read), ["Read"], "what is there is read before it is written");
    talk.obey(&read);
    let said = talk.next(&server).await;
    assert_eq!(names(&said), ["Write"]);
    talk.obey(&said);
    assert!(talk.next(&server).await.calls.is_empty());
    let revised = std::fs::read_to_string(&note).unwrap();
    assert_ne!(revised, draft);

    let third = scene.hand("writer/1.2.6/self-review", look_over());
    talk.tools = json!([{ "name": "Read" }, { "name": "Write" }, { "name": "StructuredOutput" }]);
    talk.say(&third.prompt);
    let said = loop {
        let said = talk.next(&server).await;
        match names(&said).contains(&"StructuredOutput") {
            true => break said,
            false => talk.obey(&said),
        }
    };
    let answer = &said.calls[0].1;
    assert_eq!(answer["nonce"], "0123456789abcdef");
    assert_eq!(answer["responses"][0]["finding"], "S-002/DA-001");
    assert!(!third.desk.join("answer.json").exists(), "the player worked on a copy");
}

#[tokio::test]
async fn critics_and_judges_without_tools_answer_in_every_wire() {
    let scene = Scene::new();
    let text = "# Note\n\n## Summary\n\nA candidate that lacks nearly everything one could ask for.\n";
    for (attempt, request, key) in
        [("writer/1.1.2/S-002", review(), "findings"), ("writer/1.1.3/judge", judge(), "scores")]
    {
        let handed = scene.hand(attempt, request);
        write(&handed.cwd.join("candidate.md"), text);
        let server = ModelServer::start(Players::below([scene.dirs.state.clone()]).scenario());
        let mut answers = Vec::new();
        for wire in super::ALL {
            // Other text before and behind, and the prompt as a piece of JSON.
            let quoted = json!({ "task": handed.prompt }).to_string();
            for prompt in [format!("Listen.\n\n{}\n\n## Files\n\nmore", handed.prompt.trim()), quoted] {
                let mut body = super::body(wire, &prompt, false);
                body.as_object_mut().unwrap().remove("tools");
                let back = post(&server, path(wire, false), &body).await;
                let said = understood(wire, false, &back);
                answers.push(serde_json::from_str::<Value>(&said.text).unwrap());
            }
        }
        assert_eq!(answers[0]["nonce"], "0123456789abcdef");
        assert!(answers[0][key].is_array() || answers[0][key].is_object(), "{}", answers[0]);
        assert!(answers.iter().all(|a| *a == answers[0]), "{key}");
    }
}

#[tokio::test]
async fn an_agent_that_is_asked_for_a_file_writes_its_answer_itself() {
    let scene = Scene::new();
    let server = ModelServer::start(Players::below([scene.root()]).scenario());
    let handed = scene.hand("writer/1.1.2/S-002", review());
    write(&handed.cwd.join("candidate.md"), "# Note\n\nA candidate that lacks nearly everything.\n");
    let mut talk = Talk::new(&TOOLS);
    talk.say(&handed.prompt);
    let said = talk.next(&server).await;
    assert_eq!(names(&said), ["Write"]);
    talk.obey(&said);
    let last = talk.next(&server).await;
    let written = std::fs::read_to_string(handed.desk.join("answer.json")).unwrap();
    assert_eq!(written, last.text);
    assert!(serde_json::from_str::<Value>(&written).unwrap()["findings"].is_array(), "{written}");
}

#[tokio::test]
async fn of_equal_prompts_the_newest_and_of_nested_ones_the_longest_counts() {
    let scene = Scene::new();
    let server = ModelServer::start(Players::below([scene.root()]).scenario());
    let old = scene.hand("writer/1.1.1/create", create());
    std::thread::sleep(std::time::Duration::from_millis(20));
    // The same words, another generation: another workspace.
    let new = scene.hand("writer/2.1.2/create", create());
    assert_eq!(old.prompt, new.prompt);
    let mut talk = Talk::new(&TOOLS);
    talk.say(&old.prompt);
    let said = talk.next(&server).await;
    assert!(
        said.calls[0].1["file_path"].as_str().unwrap().starts_with(new.cwd.to_str().unwrap()),
        "{said:?}"
    );
    // A client puts what it asks next behind what was answered by an error, in the same message; and
    // one prompt may begin with another one.
    let longer = scene.hand("writer/3.1.3/create", revise());
    assert!(longer.prompt.starts_with(old.prompt.trim()));
    let mut talk = Talk::new(&TOOLS);
    talk.say(&format!("{}\n{}", old.prompt, longer.prompt));
    let said = talk.next(&server).await;
    assert!(
        said.calls[0].1["file_path"].as_str().unwrap().starts_with(longer.cwd.to_str().unwrap()),
        "{said:?}"
    );
}

#[tokio::test]
async fn what_a_player_cannot_play_is_an_error_that_names_the_desk() {
    let scene = Scene::new();
    let server = ModelServer::start(Players::below([scene.root()]).scenario());
    let handed = scene.hand("writer/1.1.2/S-002", review());
    let back = super::ask(&server, Wire::Chat, &handed.prompt, false).await;
    let why = back.json()["error"]["message"].as_str().unwrap().to_owned();
    assert_eq!(back.status, 400);
    assert!(why.contains(handed.desk.file_name().unwrap().to_str().unwrap()), "{why}");
    assert!(why.contains("the candidate is not there"), "{why}");
}

#[tokio::test]
async fn a_request_about_no_attempt_is_an_error_unless_it_is_small_talk() {
    let scene = Scene::new();
    let server = ModelServer::start(Players::below([scene.root()]).scenario());
    let back = super::ask(&server, Wire::Anthropic, "who are you", true).await;
    assert_eq!(back.status, 400);
    assert!(back.text.contains("no desk below"), "{}", back.text);
    assert!(
        Talk { messages: vec![json!({ "role": "user", "content": "a title" })], tools: json!([]) }
            .next(&server)
            .await
            .text
            .contains("rehearsal")
    );
}
