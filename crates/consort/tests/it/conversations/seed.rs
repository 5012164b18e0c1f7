//! The seed's workflow with Claude Code as workers and models called directly as critics and judge.

use super::{Lab, left};
use crate::conformance::{Runtime, kept};
use crate::support::World;
use consort_testing::model::players::Players;
use consort_testing::model::{Reply, Scenario, Wire};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const RUN: &str = "multi-instance-20260220-001";

/// The seed's file with agents, all of its rounds.
fn workflow() -> String {
    let text = include_str!("../../../../../examples/multi-instance/workflow.yaml");
    let agents = "
variables: {url: {about: the service}}
agents:
  default: {runtime: claude, url: \"{{ url }}\"}
  critic: {runtime: api, model: gpt-5.1, url: \"{{ url }}\"}
  judge: {runtime: api, model: claude-sonnet-4-5, url: \"{{ url }}\"}

limits:
  backoff: {first: 100ms, max: 1s}
";
    text.replacen("\nlimits:\n", agents, 1)
}

fn players(world: &World) -> Players {
    Players::below([world.path("state")])
}

fn artifacts(lab: &Lab) -> String {
    let tree = lab.world.git(&["ls-tree", "-r", &format!("consort/{RUN}/run")]);
    tree.lines()
        .filter(|line| {
            line.ends_with(".md") && !line.contains("ORCHESTRATION") && !line.contains("/reports/")
        })
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn the_seeds_workflow_is_done_by_real_agents_clean_and_disturbed() {
    let text = workflow();
    let Some(clean) = Lab::open(&text, |world| players(world).scenario()) else { return };
    let said = clean.run();
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let verified = clean.consort(&["verify", RUN]);
    assert_eq!(verified.code, 0, "{}", verified.stdout);
    let journal = clean.journal(RUN);
    assert!(journal.contains("\"resumed\":true"), "a creator's self-review goes on in its session");
    clean.nothing_is_left();

    let Some(disturbed) = Lab::open(&text, |world| -> Scenario {
        let players = players(world);
        let (critics, others) = (AtomicU32::new(0), AtomicU32::new(0));
        // The service limits some, is overloaded for others. Claude Code tries again by itself; a critic's
        // call does not, and its pool has to rest.
        Scenario::code(move |request| match request.wire {
            Wire::Chat => match critics.fetch_add(1, Ordering::Relaxed) {
                2 | 15 => Reply::limited(1),
                8 => Reply::http(529),
                _ => players.answer(request),
            },
            _ => match others.fetch_add(1, Ordering::Relaxed) {
                7 | 60 => Reply::limited(1),
                20 => Reply::http(529),
                _ => players.answer(request),
            },
        })
    }) else {
        return;
    };
    let mut runner = disturbed.begin();
    for kill in 0..2 {
        std::thread::sleep(Duration::from_secs(6));
        if runner.try_wait().unwrap().is_some() {
            break;
        }
        let mark = disturbed.world.path("state").display().to_string();
        let began = Instant::now();
        while left(&mark).is_empty() && began.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(20));
        }
        runner.kill().unwrap();
        runner.wait().unwrap();
        let resume = ["resume", RUN, "--approve", "all"];
        runner = disturbed.command(&resume).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        println!("killed {}", kill + 1);
    }
    runner.wait().unwrap();
    let mut said = disturbed.consort(&["resume", RUN, "--approve", "all"]);
    // What the service refused for good is for a person, who says: once more.
    for _ in 0..20 {
        if said.code == 0 {
            break;
        }
        let open = disturbed.consort(&["inbox", RUN, "--json"]).json()["questions"].clone();
        for asked in open.as_array().into_iter().flatten() {
            let id = asked["id"].as_str().unwrap_or_default().to_owned();
            disturbed.consort(&["approve", RUN, &id, "-m", "the service was limited"]);
        }
        said = disturbed.consort(&["resume", RUN, "--approve", "all"]);
    }
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let verified = disturbed.consort(&["verify", RUN]);
    assert_eq!(verified.code, 0, "{}", verified.stdout);
    assert_eq!(artifacts(&disturbed), artifacts(&clean), "the same work whatever happened meanwhile");
    let journal = disturbed.journal(RUN);
    assert!(journal.contains("pool_rested"), "a limit that one hits is respected by all");
    disturbed.nothing_is_left();
    let calls = |lab: &Lab| lab.consort(&["status", RUN, "--json"]).json()["calls"]["used"].to_string();
    let troubles = ["pool_rested", "step_retrying"].map(|what| journal.matches(what).count());
    kept::keep_seed(format!(
        "`examples/multi-instance/workflow.yaml` with Claude Code {} as workers and models called directly as critics and \
         judge, at its own level with all rounds: COMPLETE after {} agent calls, verified. The same with rate limits and \
         overload in the middle and the runner killed with -9 twice ({} rests of a quota, {} further tries): COMPLETE \
         after {} agent calls, verified, with the same bytes of every artifact.",
        kept::version(Runtime::Claude).unwrap_or_default(),
        calls(&clean),
        troubles[0],
        troubles[1],
        calls(&disturbed),
    ));
}
