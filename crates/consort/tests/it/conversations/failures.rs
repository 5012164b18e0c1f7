//! What follows where an agent cannot be had.

use super::{Lab, RUN, writes};
use consort_testing::model::{Reply, Rule};

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
