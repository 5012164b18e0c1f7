//! Two runs in one repository that know nothing of each other: at most so many agents at once.

use crate::support::{Said, World};
use rustix::process::{Pid, Signal, kill_process};
use std::time::{Duration, Instant};

/// Three tasks side by side, of which each notices whoever works at the same time.
fn alone(world: &World, id: &str, seconds: &str) {
    let dir = world.path("").display().to_string();
    let work = format!(
        "cat > /dev/null; mkdir {dir}/busy 2>/dev/null || touch {dir}/clash; echo {id} >> {dir}/turns; \
         sleep {seconds}; rmdir {dir}/busy; mkdir -p out; n=$(ls out | wc -l); \
         for f in a b c; do echo \"# done\" > out/$f.md; done"
    );
    let text = format!(
        "workflow: {{id: {id}, title: Alone}}\ncriticality: C1\nlimits: {{max_concurrent_agents: 3}}\n\
         agents:\n  default: {{argv: [sh, -c, '{work}']}}\ntasks:\n  \
         a: {{text: Work., path: out/a.md, gate: none}}\n  b: {{text: Work., path: out/b.md, gate: none}}\n  \
         c: {{text: Work., path: out/c.md, gate: none}}\n"
    );
    world.write(&format!("{id}.yaml"), &text);
}

fn turns(world: &World) -> Vec<String> {
    let text = std::fs::read_to_string(world.path("turns")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn two(seconds: &str) -> World {
    let world = World::plain();
    alone(&world, "one", seconds);
    alone(&world, "two", seconds);
    world.git(&["init", "-q", "-b", "main"]);
    world.git(&["add", "-A"]);
    world.git(&["commit", "-q", "-m", "First"]);
    world
}

#[test]
fn two_runs_together_never_have_more_agents_than_all_runs_may() {
    let world = two("0.3");
    world.write(".consort/config.toml", "max_agents = 1\n");
    let first = world.spawn(&["run", "one.yaml"]);
    let second = world.spawn(&["run", "two.yaml", "--max-agents", "1"]);
    for child in [first, second] {
        let said = Said::of(child.wait_with_output().unwrap());
        assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    }
    assert!(!world.path("clash").exists(), "two worked at once");
    let turns = turns(&world);
    assert_eq!(turns.len(), 6, "each agent worked once: {turns:?}");
    // Neither waits until the other one has had everything.
    assert!(turns[..3].iter().any(|t| t == "one") && turns[..3].iter().any(|t| t == "two"), "{turns:?}");
    for run in ["one", "two"] {
        assert_eq!(world.consort(&["verify", run]).code, 0);
        let failed = world.consort(&["status", run, "--json"]).json()["calls"]["failed"].clone();
        assert_eq!(failed, 0, "to wait for a slot is no failure");
        let found = crate::real::look::audited(&world, run, &[]);
        assert!(found.is_empty(), "{found:#?}");
    }
}

#[test]
fn an_agent_whose_runner_died_keeps_its_slot() {
    let world = two("4");
    let mut first = world.spawn_quiet(&["run", "one.yaml", "--max-agents", "1"]);
    let began = Instant::now();
    while turns(&world).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(20));
    }
    kill_process(Pid::from_child(&first), Signal::KILL).unwrap();
    first.wait().unwrap();
    let said = world.consort(&["run", "two.yaml", "--max-agents", "1", "--detach"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    // It waits for a slot, and says so.
    let waits = || {
        let all = world.consort(&["ps", "--json"]).json()["runs"].clone();
        let two = all.as_array().unwrap().iter().find(|line| line["run"] == "two").cloned();
        two.is_some_and(|line| line["waits"].as_array().unwrap().iter().any(|wait| wait["for"] == "slot"))
    };
    while !waits() {
        assert!(began.elapsed() < Duration::from_secs(30), "{}", world.consort(&["ps"]).stdout);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(world.path("busy").exists(), "the agent of the dead runner works meanwhile");
    let said = world.consort(&["resume", "one", "--max-agents", "1"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    while world.consort(&["status", "two", "--json"]).json()["status"] != "COMPLETE" {
        assert!(began.elapsed() < Duration::from_secs(120), "{}", world.consort(&["logs", "two"]).stdout);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(!world.path("clash").exists(), "two worked at once");
    assert_eq!(turns(&world).len(), 6, "{:?}", turns(&world));
}
