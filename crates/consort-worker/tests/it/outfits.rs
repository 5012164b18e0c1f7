//! How agents are started.

use crate::plans::{self, id};
use crate::stage::Stage;
use consort_core::ids::Step;
use consort_core::plan::{PromptBy, Runtime};
use consort_worker::agents::outfit::OutfitError;
use consort_worker::agents::prompt;
use consort_worker::briefing;
use consort_worker::dirs::RunDirs;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

fn with_command(argv: &[&str], prompt: PromptBy) -> Stage {
    let mut plan = plans::seed();
    let argv = argv.iter().map(|a| (*a).to_owned()).collect();
    plan.tasks[0].creator = plans::agent(Runtime::Command { argv, prompt });
    plan.tasks[0].judge = plan.tasks[0].creator.clone();
    Stage::new(plan)
}

#[test]
fn placeholders_are_filled_in_single_items_and_nothing_is_split() {
    let mut stage = with_command(
        &[
            "sh",
            "-c",
            "cat {prompt}; x",
            "--in={request}",
            "{answer}",
            "{workspace}/{other}",
            "{",
            "{{prompt}}",
        ],
        PromptBy::Stdin,
    );
    let start = stage.start(&id("agent-a-001"), 1, Step::Create, None);
    let mut desk = stage.desk(&start);
    desk.dir = "/desk with {prompt}".into();
    desk.cwd = "/w".into();
    desk.env = [("PATH".to_owned(), "/nowhere:/bin:/usr/bin".to_owned())].into();
    let outfit = briefing::outfit(&stage.plan, &start, &briefing::Told::default(), &desk).unwrap();
    assert!(outfit.argv[0].ends_with("bin/sh"), "{:?}", outfit.argv);
    assert_eq!(
        outfit.argv[1..],
        [
            "-c",
            "cat /desk with {prompt}/prompt.md; x",
            "--in=/desk with {prompt}/request.json",
            "/desk with {prompt}/answer.json",
            "/w/{other}",
            "{",
            "{/desk with {prompt}/prompt.md}"
        ]
    );
    assert_eq!(outfit.stdin, Some(desk.prompt()));
    assert!(outfit.files.iter().any(|(path, bytes)| *path == desk.prompt() && !bytes.is_empty()));
    assert!(outfit.dirs.contains(&desk.temporary()));
}

#[test]
fn programs_are_found_in_path_or_from_the_root_and_never_from_the_workspace() {
    let mut stage = with_command(&["tools/agent"], PromptBy::File);
    let start = stage.start(&id("agent-a-001"), 1, Step::Create, None);
    let root = tempfile::tempdir().unwrap();
    let mut desk = stage.desk(&start);
    desk.root = root.path().to_owned();
    let put = |dir: &std::path::Path| {
        std::fs::create_dir_all(dir.join("tools")).unwrap();
        std::fs::write(dir.join("tools/agent"), "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(dir.join("tools/agent"), std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    put(&desk.cwd);
    let error = briefing::outfit(&stage.plan, &start, &briefing::Told::default(), &desk).unwrap_err();
    assert!(matches!(&error, OutfitError::NoProgram { program, .. } if program == "tools/agent"), "{error}");
    put(root.path());
    let outfit = briefing::outfit(&stage.plan, &start, &briefing::Told::default(), &desk).unwrap();
    assert_eq!(outfit.argv, [root.path().join("tools/agent").to_str().unwrap()]);
    assert_eq!(outfit.stdin, None);

    let mut stage = with_command(&["no-such-agent"], PromptBy::File);
    let start = stage.start(&id("agent-a-001"), 1, Step::Create, None);
    let error = briefing::outfit(&stage.plan, &start, &briefing::Told::default(), &stage.desk(&start))
        .unwrap_err()
        .to_string();
    assert!(error.contains("no-such-agent") && error.contains("agent-a-001"), "{error}");
    stage.plan.tasks[0].creator.runtime = Runtime::Missing;
    let error = briefing::outfit(&stage.plan, &start, &briefing::Told::default(), &stage.desk(&start))
        .unwrap_err()
        .to_string();
    assert!(error.contains("--rehearse"), "{error}");
}

#[test]
fn the_environment_is_what_was_declared() {
    let mut stage = with_command(&["sh"], PromptBy::Stdin);
    let spec = &mut stage.plan.tasks[0].creator;
    spec.env_pass = ["API_KEY", "TERM", "ABSENT", "CONSORT_PROMPT"].map(String::from).to_vec();
    spec.env_set = [("MODE", "fast"), ("HOME", "/elsewhere"), ("CONSORT_ANSWER", "/forged")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into();
    let start = stage.start(&id("agent-a-001"), 1, Step::Create, None);
    let mut desk = stage.desk(&start);
    desk.env = [
        ("PATH", "/bin:/usr/bin"),
        ("HOME", "/home/me"),
        ("API_KEY", "k"),
        ("TERM", "xterm"),
        ("SECRET", "s"),
        ("TMPDIR", "/var/tmp"),
        ("CONSORT_PROMPT", "/forged"),
    ]
    .map(|(k, v)| (k.to_owned(), v.to_owned()))
    .into();
    desk.dir = "/desk".into();
    let env = briefing::outfit(&stage.plan, &start, &briefing::Told::default(), &desk).unwrap().env;
    let right: BTreeMap<String, String> = [
        ("API_KEY", "k"),
        ("CONSORT_ANSWER", "/desk/answer.json"),
        ("CONSORT_ATTEMPT", "agent-a-001--1-1-1--create"),
        ("CONSORT_PROMPT", "/desk/prompt.md"),
        ("CONSORT_REQUEST", "/desk/request.json"),
        ("HOME", "/elsewhere"),
        ("LANG", "C.UTF-8"),
        ("MODE", "fast"),
        ("PATH", "/bin:/usr/bin"),
        ("TERM", "xterm"),
        ("TMPDIR", "/desk/tmp"),
        ("TZ", "UTC"),
    ]
    .map(|(k, v)| (k.to_owned(), v.to_owned()))
    .into();
    assert_eq!(env, right);
}

#[test]
fn players_get_a_request_and_the_misdeeds_of_this_try() {
    let mut stage = Stage::new(plans::seed());
    let script = ["create:2:crash", "create:*:slow-5", "judge:1:nan"].map(String::from).to_vec();
    stage.plan.tasks[0].creator.runtime = Runtime::Rehearsal { misbehave: script };
    let start = stage.start(&id("agent-a-001"), 1, Step::Create, None);
    let mut desk = stage.desk(&start);
    desk.dir = "/desk".into();
    let argv = |desk: &_| {
        briefing::outfit(&stage.plan, &start, &briefing::Told::default(), desk).unwrap().argv.join(" ")
    };
    assert_eq!(argv(&desk), "/opt/consort rehearse --request /desk/request.json --misbehave slow-5");
    desk.try_number = 2;
    assert_eq!(
        argv(&desk),
        "/opt/consort rehearse --request /desk/request.json --misbehave crash --misbehave slow-5"
    );
}

#[test]
fn tries_are_counted_by_step_from_what_is_on_disk() {
    let home = tempfile::tempdir().unwrap();
    let dirs = RunDirs { state: home.path().into(), run: home.path().into(), store: home.path().into() };
    let count = |id: &str| briefing::try_number(&dirs, &id.parse().unwrap());
    assert_eq!(count("a-1/1.1.1/create"), 1);
    for id in [
        "a-1/1.1.1/create",
        "a-1/1.1.2/self-review",
        "a-1/1.1.3/create",
        "a-10/1.1.2/create",
        "a-1/1.2.9/create",
    ] {
        std::fs::create_dir_all(dirs.attempt(&id.parse().unwrap())).unwrap();
    }
    assert_eq!(count("a-1/1.1.3/create"), 2);
    assert_eq!(count("a-1/1.2.9/create"), 3);
    assert_eq!(count("a-1/2.1.10/create"), 4);
    assert_eq!(count("a-1/1.1.4/self-review"), 2);
    assert_eq!(count("a-1/1.1.4/judge"), 1);
}

#[test]
fn a_consumers_prompt_names_its_handoff_with_the_accepted_hash() {
    let mut stage = Stage::new(plans::seed());
    for task in ["agent-a-001", "agent-b-001", "barrier-1_spike-002-to-spike-001"] {
        let files = stage.create(&id(task), 1, None, &[]);
        stage.accept(&id(task), files);
    }
    let consumer = stage.start(&id("agent-a-002"), 1, Step::Create, None);
    let (path, hash) = (consumer.inputs[1].path.as_str(), consumer.inputs[1].hash.clone().unwrap());
    let desk = stage.desk(&consumer);
    let text = prompt::render(&briefing::request(&stage.plan, &consumer, &briefing::Told::default(), &desk));
    assert!(prompt::renders_handoff(&text, path, hash.as_str()));
    assert!(!prompt::renders_handoff(&text, path, &hash.as_str()[1..]));
    assert!(!prompt::renders_handoff(
        &text,
        &consumer.inputs[0].path,
        consumer.inputs[0].hash.as_ref().unwrap().as_str()
    ));
}
