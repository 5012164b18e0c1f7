//! Each way in which an agent or its service fails, and what follows.

use super::{Lab, RUN, writes};
use consort_testing::model::{Reply, Rule};
use serde_json::json;

/// Fails like this, and what the person who is asked reads.
fn held(agent: &str, reply: Reply, says: &str, attempts: usize) {
    let rule = Rule::prompt("Write a note.").reply(reply);
    let Some(lab) = Lab::of_one(agent, "Write a note.", vec![rule]) else { return };
    let said = lab.run();
    assert_eq!(said.code, 3, "{}{}", said.stdout, said.stderr);
    let text = format!("{}{}", said.stdout, said.stderr);
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(joined.contains(says), "`{says}` is not said: {text}");
    assert_eq!(lab.journal(RUN).matches("attempt_starting").count(), attempts, "{text}");
    lab.nothing_is_left();
}

#[test]
fn a_wrong_key_and_a_model_that_does_not_exist_are_for_a_person_at_once() {
    held("", Reply::http(401), "Failed to authenticate", 1);
    held(", model: nobody-1", Reply::http(404), "issue with the selected model (nobody-1)", 1);
}

#[test]
fn an_overloaded_service_is_tried_again_and_then_a_person_is_asked() {
    held("", Reply::http(529), "529", 2);
}

#[test]
fn caps_of_turns_tokens_and_money_end_an_attempt() {
    let more = || Reply::call("@shell", json!({ "command": "true" }));
    held(", max_turns: 1", more(), "maximum number of turns (1)", 2);
    held(", max_cost: 0.000001", more(), "maximum budget", 2);
    held(", max_tokens: 1", more(), "`max_tokens`", 2);
}

#[test]
fn an_agent_that_shows_no_life_is_ended() {
    held(", idle: 2s", Reply::text("never").after_ms(120_000), "`idle`", 2);
}

#[test]
fn a_fallback_does_what_the_first_cannot() {
    let workflow = super::one(", model: nobody-1, fallbacks: [second]", "Write a note.").replacen(
        "agents: {",
        "agents: {second: {runtime: claude, url: \"{{ url }}\", model: somebody-1}, ",
        1,
    );
    let first =
        Rule::prompt("Write a note.").holds(|request| request.model == "nobody-1").reply(Reply::http(404));
    let Some(lab) =
        Lab::open(&workflow, |_| consort_testing::model::Rules::of([first, writes("Write a note.")]).into())
    else {
        return;
    };
    let said = lab.run();
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert!(lab.journal(RUN).contains("fell_back"), "{}", lab.journal(RUN));
    assert_eq!(lab.consort(&["verify", RUN]).code, 0);
    lab.nothing_is_left();
}

#[test]
fn a_limited_pool_rests_and_no_try_is_lost() {
    let limited = Rule::prompt("Write a note.")
        .reply(Reply::limited(1))
        .reply(Reply::limited(1))
        .reply(Reply::limited(1))
        .reply(Reply::limited(1));
    let Some(lab) = Lab::of_one("", "Write a note.", vec![limited]) else { return };
    let mut runner = lab.begin();
    lab.until(RUN, "pool_rested");
    lab.server.play(consort_testing::model::Rules::of([writes("Write a note.")]));
    assert!(runner.wait().unwrap().success(), "{}", lab.journal(RUN));
    assert!(!lab.journal(RUN).contains("task_held"), "{}", lab.journal(RUN));
    lab.nothing_is_left();
}

#[test]
fn a_huge_text_is_survived() {
    let flood = Rule::prompt("Write a note.")
        .reply(Reply::call("@write", json!({ "path": "out/note.md", "content": "# A note\n" })))
        .reply(Reply::text("x".repeat(3 << 20)));
    let Some(lab) = Lab::of_one("", "Write a note.", vec![flood]) else { return };
    let said = lab.run();
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    lab.nothing_is_left();
}

#[test]
fn what_is_missing_or_too_old_is_said_before_anything_starts() {
    let world = crate::support::World::new(&super::one("", "Write a note."));
    let auto = super::one("", "Write a note.").replacen("runtime: claude, ", "", 1);
    world.write("auto.yaml", &auto);
    std::fs::create_dir_all(world.path("bin")).unwrap();
    let run = |file: &str| {
        let mut command = world.command(&["run", file, "--var", "url=http://127.0.0.1:9", "--yes"]);
        let path = format!("{}:{}", world.path("bin").display(), crate::support::path_without_agents());
        crate::support::Said::of(command.env("PATH", path).output().unwrap())
    };
    let said = run("auto.yaml");
    assert_eq!(said.code, 2, "{}{}", said.stdout, said.stderr);
    assert!(said.stderr.contains("the program `claude` is not in PATH"), "{}", said.stderr);
    assert!(said.stderr.contains("--rehearse"), "{}", said.stderr);
    let old = world.path("bin/claude");
    std::fs::write(&old, "#!/bin/sh\necho '1.0.9 (Claude Code)'\n").unwrap();
    std::fs::set_permissions(&old, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let said = run("auto.yaml");
    assert!(said.stderr.contains("1.0.9 is too old"), "{}", said.stderr);
}

#[test]
fn a_program_that_is_gone_meanwhile_falls_back_at_once() {
    let world = crate::support::World::new(&format!(
        "workflow: {{id: {RUN}, title: One}}\ncriticality: C1\n\
         limits: {{max_attempts: 3, grace: 200ms, backoff: {{first: 20ms, max: 50ms}}}}\n\
         agents:\n  \
         remover: {{runtime: command, argv: [sh, -c, \"rm $BIN/claude; mkdir -p out; echo '# First' > out/first.md\"], pass_env: [BIN]}}\n  \
         second: {{runtime: command, argv: [sh, -c, \"mkdir -p out; echo '# A note' > out/note.md\"]}}\n  \
         default: {{runtime: claude, fallbacks: [second]}}\n\
         tasks:\n  \
         first: {{text: Remove it., path: out/first.md, gate: none, agent: remover}}\n  \
         note: {{text: Write a note., path: out/note.md, gate: none, needs: [first]}}\n"
    ));
    let bin = world.path("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let program = bin.join("claude");
    std::fs::write(&program, "#!/bin/sh\necho '2.1.197 (Claude Code)'\n").unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.display(), crate::support::path_without_agents());
    let mut command = world.command(&["run", "workflow.yaml", "--yes"]);
    command.env("PATH", path).env("BIN", &bin).env("ANTHROPIC_API_KEY", super::KEY);
    let said = crate::support::Said::of(command.output().unwrap());
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert!(!program.exists(), "it was there to the end");
    let journal = super::journal(&world, RUN);
    assert_eq!(journal.matches("fell_back").count(), 1, "{journal}");
    assert!(!journal.contains("step_retrying"), "no try is spent on what is not there: {journal}");
    // Whoever did it is named, not who was to do it.
    let story = world.consort(&["why", "out/note.md", "--json"]).json();
    assert!(story.to_string().contains("\"runtime\":\"command\""), "{story}");
    assert!(!story.to_string().contains("\"runtime\":\"claude\""), "{story}");
}
