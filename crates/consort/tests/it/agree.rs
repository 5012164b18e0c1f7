//! A person agrees to a run that takes many agent calls, or whose price nobody knows.

use crate::support::{Said, World};
use std::io::{Read as _, Write as _};
use std::process::Stdio;

/// Two agent calls; the second task waits for a yes.
fn workflow(agent: &str) -> String {
    format!(
        "workflow: {{id: costly, title: Costly}}\ncriticality: C1\nquality: {{gate: none}}\n\
         agents:\n  default: {{argv: [sh, -c, 'cat > /dev/null; test -e a.md && echo \"# b\" > b.md || echo \"# a\" > a.md'], supervise: false{agent}}}\n\
         tasks:\n  a: {{text: x, path: a.md}}\n  b: {{text: x, path: b.md, needs: a, approval: {{who: user}}}}\n"
    )
}

const RUN: [&str; 4] = ["run", "workflow.yaml", "--approve", "all"];

fn nothing_was_started(world: &World) {
    assert_eq!(world.consort(&["list", "--json"]).json()["runs"], serde_json::json!([]));
    assert_eq!(world.git(&["for-each-ref", "refs/consort", "refs/heads/consort"]), "");
    assert!(!world.path("state").exists(), "no workspace");
}

#[test]
fn without_a_person_it_says_what_it_would_take_and_the_command_that_agrees() {
    let world = World::new(&workflow(""));
    world.write(".consort/config.toml", "ask_above_calls = 1\n");
    let said = world.consort(&[&RUN[..], &["--var", "topic=two words"]].concat());
    assert_eq!(said.code, 2, "a mistake in the file comes first: {}", said.stderr);
    let said = world.consort(&RUN);
    assert_eq!(said.code, 3, "{}{}", said.stdout, said.stderr);
    for part in [
        "this run takes 2 agent calls if nothing fails, and nobody is here to agree to it",
        "that is more than the limit of 1 (ask_above_calls)",
        "cost: none expected",
        "nothing was started",
        "agree with the command: `consort run workflow.yaml --approve all --yes`",
    ] {
        assert!(said.stderr.contains(part), "{part}: {}", said.stderr);
    }
    nothing_was_started(&world);
    assert_eq!(world.consort(&[&RUN[..], &["--rehearse"]].concat()).code, 0, "a rehearsal costs nothing");
    // An existing run is said before anybody is asked.
    let said = world.consort(&RUN);
    assert!(said.code == 2 && said.stderr.contains("there is a run `costly` already"), "{}", said.stderr);
    let said = world.consort(&[&RUN[..], &["--again", "--yes"]].concat());
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
}

#[test]
fn the_nearest_limit_holds() {
    let asks = |config: &str, env: Option<&str>, flag: Option<&str>| {
        let world = World::new(&workflow(""));
        world.write(".consort/config.toml", config);
        let mut args = RUN.to_vec();
        args.extend(flag.iter().flat_map(|limit| ["--ask-above-calls", *limit]));
        let mut command = world.command(&args);
        if let Some(limit) = env {
            command.env("CONSORT_ASK_ABOVE_CALLS", limit);
        }
        let said = Said::of(command.output().unwrap());
        assert!(matches!(said.code, 0 | 3), "{}", said.stderr);
        said.code == 3
    };
    assert!(!asks("", None, None), "50 unless somebody says otherwise");
    assert!(asks("ask_above_calls = 1\n", None, None));
    assert!(!asks("ask_above_calls = 1\n", Some("2"), None));
    assert!(asks("ask_above_calls = 9\n", Some("2"), Some("1")));
}

#[test]
fn a_price_that_nobody_knows_is_asked_about_whatever_the_number() {
    for (agent, code) in [
        (", pass_env: [SOME_API_KEY]", 3),
        (", price: unknown", 3),
        (", pass_env: [SOME_API_KEY], price: 0.01", 0),
        (", pass_env: [LANG]", 0),
    ] {
        let world = World::new(&workflow(agent));
        let said = world.consort(&RUN);
        assert_eq!(said.code, code, "{agent}: {}{}", said.stdout, said.stderr);
        if code == 3 {
            assert!(said.stderr.contains("nobody knows the price of its calls"), "{}", said.stderr);
            assert!(said.stderr.contains("cost: unknown before agents report it"), "{}", said.stderr);
            nothing_was_started(&world);
            let forecast = world.consort(&["explain", "workflow.yaml", "--json"]).json()["forecast"].clone();
            assert_eq!(forecast, serde_json::json!({"calls": 2, "unpriced": 2, "micro_usd": 0}));
        }
    }
    let priced = World::new(&workflow(", price: 0.01"));
    let said = priced.consort(&["explain", "workflow.yaml"]).stdout;
    assert!(said.contains("cost about $0.02"), "{said}");
    let said = World::new(&workflow(", price: cheap")).consort(&["check", "workflow.yaml"]);
    assert!(said.code == 2 && said.stderr.contains("a price in US dollars"), "{}", said.stderr);
}

#[test]
fn who_agreed_when_it_began_is_not_asked_again() {
    let world = World::new(&workflow(", price: unknown"));
    world.write(".consort/config.toml", "ask_above_calls = 0\n");
    let said = world.consort(&["run", "workflow.yaml", "--yes"]);
    assert!(
        said.code == 3 && said.stdout.contains("WAITING for an answer"),
        "{}{}",
        said.stdout,
        said.stderr
    );
    let said = world.consort(&["approve", "costly", "A-001"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let said = world.consort(&["resume", "costly"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
}

/// The run with a terminal of its own, at which this is typed.
fn typed(world: &World, args: &[&str], answer: &str) -> (i32, String) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let side = std::fs::OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    let mut command = world.command(args);
    command.stdin(side.try_clone().unwrap()).stderr(side).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    drop(command); // its ends of the terminal
    let mut master = std::fs::File::from(master);
    master.write_all(answer.as_bytes()).unwrap();
    let (mut said, mut part) = (Vec::new(), [0; 4096]);
    // Ends with an error when the last process has closed its side.
    while let Ok(count @ 1..) = master.read(&mut part) {
        said.extend_from_slice(&part[..count]);
    }
    (child.wait().unwrap().code().unwrap(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn at_a_terminal_the_person_is_asked_and_anything_but_yes_starts_nothing() {
    let world = World::new(&workflow(", price: unknown"));
    for answer in ["n\n", "\n", "yep\n"] {
        let (code, said) = typed(&world, &RUN, answer);
        assert_eq!(code, 1, "{said}");
        for part in [
            "This run takes 2 agent calls",
            "nobody knows the price",
            "Start it? [y/N]",
            "nothing was started",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        nothing_was_started(&world);
    }
    // `--approve none` asks nobody here, not even this.
    let (code, said) = typed(&world, &["run", "workflow.yaml", "--approve", "none"], "y\n");
    assert!(code == 3 && !said.contains("[y/N]"), "{said}");
    nothing_was_started(&world);
    let (code, said) = typed(&world, &RUN, "y\n");
    assert_eq!(code, 0, "{said}");
    assert!(world.consort(&["status", "costly"]).stdout.contains("COMPLETE"));
}
