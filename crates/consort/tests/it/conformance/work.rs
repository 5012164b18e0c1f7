//! The work itself.

use super::Runtime;
use super::lab::RUN;
use super::stage::{Act, Stage};
use consort_testing::model::{Reply, Rule, Rules, Scenario};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub(super) fn writes_a_file(runtime: Runtime) {
    let stage = Stage::of(runtime, Act::default());
    let said = stage.runs(0);
    let kept = stage.lab.world.git(&["show", &format!("consort/{RUN}/run:out/note.md")]);
    assert!(!kept.is_empty());
    stage.over();
    if runtime == Runtime::Claude {
        let logs = |args: &[&str]| stage.lab.consort(&[&["logs", RUN], args].concat()).stdout;
        let (all, story) = (logs(&[]), logs(&["--story"]));
        assert!(all.contains("  note create > Write out/note.md"), "{all}");
        assert!(!story.contains("note create >") && story.contains("accepted"), "{story}");
        assert!(story.lines().all(|line| all.contains(line)), "{story}\n{all}");
        println!("{all}");
        assert_eq!(kept, "# A note");
        assert!(said.stdout.contains("agents     work: claude"), "{}", said.stdout);
        assert!(said.stdout.contains("boundary   accidents: yes, attacks: no"), "{}", said.stdout);
        let transcript = stage.transcript();
        assert!(transcript.contains("> Write ") && transcript.contains("  Written."), "{transcript}");
        let told = stage.lab.consort(&["transcript", RUN, "note", "--json"]).json();
        let events = told["attempts"][0]["events"].as_array().unwrap();
        assert!(events.iter().all(|event| event["at"].is_i64()) && events.len() > 2, "{told}");
        assert!(told["attempts"][0]["attempt"].as_str().unwrap().starts_with("note/"), "{told}");
        let raw = || stage.lab.consort(&["transcript", RUN, "note", "--raw"]).stdout;
        let before = raw();
        assert!(before.contains("\"subtype\":\"initialize\""), "{before}");
        // What was said is kept when the directories of the attempts are gone.
        std::fs::remove_dir_all(stage.lab.world.path("state")).unwrap();
        assert_eq!((stage.transcript(), raw()), (transcript, before));
        let report = stage.lab.consort(&["report", RUN, "--json"]).json();
        assert!(report["calls_by_role"]["creator"]["tokens_in"].as_u64().unwrap() > 0, "{report}");
    }
}

/// Wires of models that are called directly, and a model of each.
const WIRES: [(&str, &str); 4] = [
    ("openai", "gpt-5.1"),
    ("responses", "gpt-5.1"),
    ("anthropic", "claude-sonnet-4-5"),
    ("gemini", "gemini-2.5-pro"),
];

pub(super) fn answers_in_a_form(runtime: Runtime) {
    let wires: Vec<_> = match runtime {
        Runtime::Api => WIRES.iter().map(|wire| Some(*wire)).collect(),
        _ => vec![None],
    };
    for wire in wires {
        let stage = Stage::of(runtime, Act { judges: true, wire, ..Act::default() });
        let said = stage.lab.run();
        // A player scores by what it sees: whether a note passes is its own affair.
        assert!(said.code == 0 || runtime == Runtime::Rehearsal, "{}{}", said.stdout, said.stderr);
        let judged = stage.count("\"scored\":{\"task\"");
        assert!(judged > 0 && stage.attempts() == judged, "{}", stage.journal());
        assert!(judged == 1 || runtime == Runtime::Rehearsal, "{}", stage.journal());
        if matches!(runtime, Runtime::Claude | Runtime::Api) {
            let asked = stage.lab.server.requests();
            let in_form = asked.iter().any(|r| r.answer_schema.is_some() || r.offers("StructuredOutput"));
            assert!(in_form, "{wire:?}: no form was asked for");
        }
        stage.over();
    }
}

pub(super) fn answers_rubbish(runtime: Runtime) {
    let act = Act {
        judges: true,
        model: Some(Rules::of([Rule::always().reply(Reply::text("It is fine, all of it."))]).into()),
        script: Some("cat > /dev/null; echo 'It is fine' > \"$CONSORT_ANSWER\"".into()),
        misbehave: Some("judge:*:malformed-score"),
        ..Act::default()
    };
    let stage = Stage::of(runtime, act);
    let said = stage.runs(3);
    assert_eq!(stage.attempts(), 2, "asked twice, then no more: {}", stage.journal());
    assert_eq!(stage.count("\"scored\":{\"task\""), 0, "{}", stage.journal());
    let says = format!("{}{}", said.stdout, said.stderr);
    assert!(says.contains("JSON") || says.contains("no answer") || says.contains("structured"), "{says}");
    stage.over();
}

pub(super) fn writes_nothing(runtime: Runtime) {
    let act = Act {
        model: Some(Rules::of([Rule::always().reply(Reply::text("All done."))]).into()),
        script: Some("cat > /dev/null".into()),
        misbehave: Some("create:*:no-artifact"),
        ..Act::default()
    };
    let stage = Stage::of(runtime, act);
    let said = stage.runs(3);
    let says = format!("{}{}", said.stdout, said.stderr);
    assert!(says.contains("out/note.md"), "the file is not named: {says}");
    assert_eq!(stage.attempts(), 2, "{}", stage.journal());
    stage.over();
}

pub(super) fn takes_model_and_effort(runtime: Runtime) {
    let (model, word) = match runtime {
        Runtime::Claude => ("claude-opus-4-8", "high"),
        _ => ("gpt-5-mini", "high"),
    };
    let act = Act { keys: format!(", model: {model}, effort: {word}"), ..Act::default() };
    let stage = Stage::of(runtime, act);
    stage.runs(0);
    let asked = stage.lab.server.requests();
    let named = asked.iter().filter(|r| r.model == model && r.body.to_string().contains("\"high\"")).count();
    assert!(named > 0, "{:?}", asked.iter().map(|r| (&r.model, r.body.get("effort"))).collect::<Vec<_>>());
    assert!(stage.journal().contains(model));
    stage.over();
}

pub(super) fn hears_a_person(runtime: Runtime) {
    let slow = Rule::prompt("")
        .reply(Reply::call("@shell", json!({ "command": "sleep 3" })))
        .reply(Reply::call("@write", json!({ "path": "out/note.md", "content": "# A letter\n" })))
        .reply(Reply::text("Written."));
    let stage = Stage::of(runtime, Act { model: Some(Rules::of([slow]).into()), ..Act::default() });
    let mut runner = stage.lab.begin();
    stage.lab.until(RUN, "\"began\"");
    stage.orders(&["steer", RUN, "note", "call it a letter"]);
    assert!(runner.wait().unwrap().success(), "{}", stage.journal());
    let asked = stage.lab.server.requests();
    assert!(
        asked.iter().any(|r| r.whole().contains("a letter") || r.system.contains("a letter")),
        "the model never heard it"
    );
    stage.over();
}

/// In the middle of a command that would take far longer than this test.
pub(super) fn is_interrupted(runtime: Runtime) {
    let written = AtomicBool::new(false);
    let model = Scenario::code(move |request| {
        if !request.whole().contains("leave it and write") {
            return Reply::call("@shell", json!({ "command": "sleep 300" }));
        }
        match written.swap(true, Ordering::Relaxed) {
            false => Reply::call("@write", json!({ "path": "out/note.md", "content": "# A letter\n" })),
            true => Reply::text("Written."),
        }
    });
    let stage = Stage::of(runtime, Act { model: Some(model), ..Act::default() });
    let began = Instant::now();
    let mut runner = stage.lab.begin();
    stage.lab.until_asked(1);
    while !stage.transcript().contains("sleep 300") {
        assert!(began.elapsed() < Duration::from_secs(60), "{}", stage.transcript());
        std::thread::sleep(Duration::from_millis(50));
    }
    stage.orders(&["steer", RUN, "note", "--now", "leave it and write"]);
    assert!(runner.wait().unwrap().success(), "{}", stage.journal());
    assert_eq!(stage.attempts(), 1, "{}", stage.journal());
    assert!(began.elapsed() < Duration::from_secs(100), "it was not interrupted: {:?}", began.elapsed());
    stage.over();
}
