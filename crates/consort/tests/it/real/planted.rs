//! Bugs on purpose, in the real binary with real git, SQLite and processes: each is found by what
//! it left behind, and without it nothing is. The switch is in the environment of the binary;
//! the auditor and `verify` run here, where nothing is planted.

use super::scene::{PATIENCE, Scene};
use crate::crashes::MEETING;
use consort_core::planted::Bug;
use consort_core::run::{Command, EventKind as E};
use consort_local::inbox::Inbox;
use consort_testing::audit::Violation;
use consort_worker::drill::{CRASH_AT, REPORT_TWICE};
use std::time::{Duration, Instant};

/// One command that writes into a ledger outside that it was started, and waits for a file.
const LEDGER: &str = "\
workflow: {id: ledger-20260220-001, title: Ledger}
criticality: C1
agents:
  default: {argv: [sh, -c, 'cat > /dev/null; echo \"$CONSORT_ATTEMPT\" >> \"$HOME/ledger\"; mkdir -p out; until test -e \"$HOME/go\"; do sleep 0.02; done; echo one > out/one.txt']}
tasks:
  one: {text: Be quick., path: out/one.txt, gate: none}
";

/// Commands whose end and whose work are reported together.
const QUICK: &str = "\
workflow: {id: quick-20260220-001, title: Quick}
criticality: C1
agents:
  default: {argv: [sh, -c, 'cat > /dev/null; mkdir -p out; echo one > out/one.txt'], supervise: false}
tasks:
  one: {text: Be quick., path: out/one.txt, gate: none, workspace: none}
";

const MEETING_RUN: &str = "meeting-20260220-001";
const RUN: [&str; 5] = ["run", "workflow.yaml", "--approve", "all", "--rehearse"];
const REAL: [&str; 4] = ["run", "workflow.yaml", "--approve", "all"];

/// A task that rehearses, with these words about its agent.
fn one(of_agent: &str) -> String {
    format!(
        "workflow: {{id: one-20260220-001, title: One}}\ncriticality: C1\nagents:\n  default: {{runtime: rehearsal{of_agent}}}\n\
         tasks:\n  one: {{role: writer, text: Write it., type: notes}}\n"
    )
}

fn scene(workflow: &str, run: &'static str, bug: Option<Bug>) -> Scene {
    let mut scene = Scene::new(workflow, run);
    bug.into_iter().for_each(|bug| scene.plant(bug));
    scene
}

/// A scene in which this bug would do harm, with it or without. What is found, and by whom.
fn play(bug: Bug, planted: Option<Bug>) -> Vec<Violation> {
    const ONE: &str = "one-20260220-001";
    let to_the_end = |workflow: &str, run: &'static str, args: &[&str]| {
        let scene = scene(workflow, run, planted);
        scene.say(args);
        scene
    };
    let scene = match bug {
        Bug::SpawnBeforeFlush => {
            let mut scene = scene(LEDGER, "ledger-20260220-001", planted);
            std::fs::write(scene.world.path("home/go"), "").unwrap();
            scene.env.push((CRASH_AT, "launch.started.after:1".into()));
            scene.say(&REAL);
            scene.settle();
            scene
        }
        Bug::StartedAgainAtOpen => started_again(planted),
        Bug::CompareAndSwapDropped => return swapped(planted),
        Bug::ApprovalForOlderCommit => for_older_commit(planted),
        Bug::StaleReportAccepted => {
            let mut scene = scene(MEETING, MEETING_RUN, planted);
            scene.env.push((REPORT_TWICE, "1".into()));
            scene.say(&RUN);
            scene
        }
        Bug::HandoffLostInMerge => {
            let scene = scene(MEETING, MEETING_RUN, planted);
            scene.until(&RUN, |e| matches!(e, E::BarrierCompleted { .. }));
            scene
        }
        Bug::AcknowledgementUnchecked => {
            let mute = "'create:*:no-acknowledgement', 'judge:*:score-0.9500', 'judge-2:*:score-0.9500'";
            to_the_end(&MEETING.replace("'create:1:stray-files'", mute), MEETING_RUN, &RUN)
        }
        Bug::BelowThresholdAccepted => {
            let low = one(", misbehave: ['judge:*:score-0.9199', 'judge-2:*:score-0.9199']");
            to_the_end(&low.replace("C1", "C2"), ONE, &RUN)
        }
        Bug::TwoRoundsAccepted => to_the_end(&one("").replace("C1", "C2"), ONE, &RUN),
        Bug::GroupNotKilled => to_the_end(&one(", misbehave: ['create:1:daemonise']"), ONE, &RUN),
        Bug::CheckpointWithoutArtifact => to_the_end(&one(""), ONE, &RUN),
        Bug::EventsOutOfOrder => {
            let scene = scene(QUICK, "quick-20260220-001", planted);
            scene.until(&REAL, |e| matches!(e, E::EffectFailed { .. }));
            scene
        }
        Bug::GrantForAnyRule
        | Bug::ReviewerResumes
        | Bug::SummaryTakenForContext
        | Bug::RestForgotten
        | Bug::LimitCostsTry
        | Bug::NothingReserved
        | Bug::UnknownCostsNothing
        | Bug::RollbackKeepsLater => unreachable!("{SIMULATED}"),
    };
    let found = scene.audited();
    if planted.is_none() {
        scene.settle();
        scene.leaves_nothing();
    }
    found
}

/// The runner dies while an agent runs; the next one finds it alive.
fn started_again(planted: Option<Bug>) -> Scene {
    let scene = scene(LEDGER, "ledger-20260220-001", planted);
    let starts =
        || std::fs::read_to_string(scene.world.path("home/ledger")).unwrap_or_default().lines().count();
    let mut runner = scene.spawn(&REAL);
    await_that("the agent begins", || starts() == 1);
    runner.kill().unwrap();
    runner.wait().unwrap();
    let mut runner = scene.spawn(&["resume", scene.run]);
    let opened = |e: &E| matches!(e, E::RunnerOpened { .. });
    let openings = || scene.records().iter().flat_map(|r| &r.events).filter(|e| opened(&e.kind)).count();
    await_that("the next runner opens", || openings() == 2);
    if planted.is_some() {
        await_that("the agent begins again", || starts() == 2);
    }
    std::fs::write(scene.world.path("home/go"), "").unwrap();
    runner.wait().unwrap();
    scene.settle();
    scene
}

/// Somebody has taken the name under which work is to be accepted.
fn swapped(planted: Option<Bug>) -> Vec<Violation> {
    let scene = scene(crate::support::SMALL, "small-20260220-001", planted);
    assert_eq!(scene.say(&["run", "workflow.yaml", "--rehearse"]).code(), Some(3));
    let name = "refs/consort/small-20260220-001/task/second";
    let theirs = scene.world.git(&["rev-parse", "main"]);
    scene.world.git(&["update-ref", name, &theirs]);
    scene.until(
        &["resume", scene.run, "--approve", "all"],
        |e| matches!(e, E::EffectFailed { effect, .. } if effect.contains("second")),
    );
    let now = scene.world.git(&["rev-parse", name]);
    let moved = (now != theirs).then(|| (name.to_owned(), Some(theirs.as_str().into()), now.as_str().into()));
    let found = super::look::audited(&scene.world, scene.run, moved.as_slice());
    scene.settle();
    found
}

/// A version was rejected; somebody else's yes to it comes when there is a new one.
fn for_older_commit(planted: Option<Bug>) -> Scene {
    let scene = scene(crate::support::SMALL, "small-20260220-001", planted);
    assert_eq!(scene.say(&["run", "workflow.yaml", "--rehearse"]).code(), Some(3));
    assert_eq!(scene.say(&["reject", scene.run, "A-001", "-m", "again"]).code(), Some(0));
    assert_eq!(scene.say(&["resume", scene.run]).code(), Some(3));
    let late = Command::approve("A-001", None);
    let at = scene.records().last().unwrap().now;
    Inbox::of(&scene.run_dir()).post("bob", "terminal", at, &late).unwrap();
    scene.say(&["resume", scene.run]);
    scene
}

fn await_that(what: &str, so: impl Fn() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < PATIENCE, "{what}: in vain");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// These decide about agents that are talked to, of whom there are none here, or about going back.
const SIMULATED: &str = "found among simulated sessions, budgets and rollbacks";

/// The rule of the auditor, and the check of `verify`, that have to notice it.
fn rules(bug: Bug) -> &'static [&'static str] {
    match bug {
        Bug::SpawnBeforeFlush => &["spent"],
        Bug::StaleReportAccepted => &["late"],
        Bug::CompareAndSwapDropped => &["refs"],
        Bug::StartedAgainAtOpen => &["twice"],
        Bug::TwoRoundsAccepted => &["rounds", "promises"],
        Bug::BelowThresholdAccepted => &["gate", "promises"],
        Bug::HandoffLostInMerge => &["handoff", "barriers"],
        Bug::GroupNotKilled => &["alive"],
        Bug::CheckpointWithoutArtifact => &["checkpoint", "checkpoints"],
        Bug::ApprovalForOlderCommit => &["approval", "promises"],
        Bug::AcknowledgementUnchecked => &["problems", "acknowledgements"],
        Bug::EventsOutOfOrder => &["replay", "chain"],
        Bug::GrantForAnyRule
        | Bug::ReviewerResumes
        | Bug::SummaryTakenForContext
        | Bug::RestForgotten
        | Bug::LimitCostsTry
        | Bug::NothingReserved
        | Bug::UnknownCostsNothing
        | Bug::RollbackKeepsLater => unreachable!("{SIMULATED}"),
    }
}

fn is_found(bug: Bug) {
    let without = play(bug, None);
    assert!(without.is_empty(), "without {bug:?}: {}", listed(&without));
    let with = play(bug, Some(bug));
    for rule in rules(bug) {
        assert!(with.iter().any(|v| v.rule == *rule), "`{rule}` did not find {bug:?}: {}", listed(&with));
    }
}

fn listed(found: &[Violation]) -> String {
    found.iter().map(|v| format!("\n  {v}")).collect()
}

macro_rules! each_is_found {
    ($($test:ident $bug:ident)*) => {
        $(
            #[test]
            fn $test() {
                is_found(Bug::$bug);
            }
        )*

        #[test]
        fn none_is_forgotten() {
            let simulated = [
                Bug::GrantForAnyRule,
                Bug::ReviewerResumes,
                Bug::SummaryTakenForContext,
                Bug::RestForgotten,
                Bug::LimitCostsTry,
                Bug::NothingReserved,
                Bug::UnknownCostsNothing,
                Bug::RollbackKeepsLater,
            ];
            assert_eq!([$(Bug::$bug),*].len() + simulated.len(), Bug::ALL.len());
        }
    };
}

each_is_found! {
    spawn_before_flush SpawnBeforeFlush
    stale_report_accepted StaleReportAccepted
    compare_and_swap_dropped CompareAndSwapDropped
    started_again_at_open StartedAgainAtOpen
    two_rounds_accepted TwoRoundsAccepted
    below_threshold_accepted BelowThresholdAccepted
    handoff_lost_in_merge HandoffLostInMerge
    group_not_killed GroupNotKilled
    checkpoint_without_artifact CheckpointWithoutArtifact
    approval_for_older_commit ApprovalForOlderCommit
    acknowledgement_unchecked AcknowledgementUnchecked
    events_out_of_order EventsOutOfOrder
}
