//! Bugs on purpose: each is found, and without it nothing is.
//!
//! The switch is process-wide, so every case runs this test binary again for itself alone.

use consort_core::ids::Step;
use consort_core::plan::{Criticality, Plan};
use consort_core::planted::Bug;
use consort_core::run::{AskKind, Command, NoteKind, Reach, Report, Usage};
use consort_testing::audit::{Violation, audit};
use consort_testing::plans::{PlanExt, TaskExt, chain, plan, task, two_way};
use consort_testing::sim::{Line, People, Play, Profile, Sim, shell};
use std::panic::{AssertUnwindSafe, catch_unwind};

const CASE: &str = "CONSORT_PLANT";

/// A scene in which this bug would do harm. Returns what the auditor says, or what broke.
fn scene(bug: Bug) -> Vec<Violation> {
    match bug {
        Bug::SpawnBeforeFlush => {
            (1..60).flat_map(|n| audited(&chain(1), |sim| sim.disk.crash_at = Some(n))).collect()
        }
        Bug::StaleReportAccepted => audited(&gated(1), |sim| {
            script(sim, Step::Judge, &[Play::Hang]);
            sim.run_until(|s| s.used.failed == 1);
            let seen = sim.world.ledger.iter().find(|s| s.attempt.step == Step::Judge);
            let attempt = seen.expect("a judge was started").attempt.clone();
            // The first judge answers after all, long after it was given up.
            let scores =
                sim.graph().plan.quality.dimensions.iter().map(|d| consort_core::run::DimensionScore {
                    dimension: d.id.clone(),
                    score: consort_testing::plans::score(9_900),
                });
            let ended = consort_core::run::Ended {
                exit: consort_core::run::Exit::Code(0),
                given: consort_core::run::Given::Scores {
                    scores: scores.collect(),
                    criteria: Vec::new(),
                    answer: "late".into(),
                },
                wall_ms: 1,
                usage: Default::default(),
                leaked: 0,
                session: None,
                outside: vec![],
                record: None,
            };
            let late = Report::AttemptEnded { attempt, ended };
            sim.input(&consort_core::run::Input::Reported(late)).expect("no command");
        }),
        Bug::CompareAndSwapDropped => audited(&chain(1), |sim| sim.world.occupy(&"t1".into())),
        Bug::StartedAgainAtOpen => audited(&chain(1), |sim| {
            sim.run_until(|s| s.live.values().any(|l| l.process.is_some()));
            sim.crash();
        }),
        Bug::TwoRoundsAccepted => audited(&gated(3), |_| ()),
        Bug::BelowThresholdAccepted => audited(&gated(1), |sim| {
            sim.world.profiles.insert("a".into(), Profile::scores(&[9_199, 9_500]));
        }),
        Bug::HandoffLostInMerge => audited(&two_way((1, 3)), |_| ()),
        Bug::CheckpointWithoutArtifact => audited(&chain(2), |_| ()),
        Bug::ApprovalForOlderCommit => audited(&plan("p", vec![task("a").approved()]), |sim| {
            sim.options.approve_all = false;
            sim.run();
            sim.command(Command::reject("A-001", Some("again"))).expect("it is asked");
            sim.run();
            // Somebody else's yes to the first version comes late.
            let _ = sim.command(Command::approve("A-001", None));
        }),
        Bug::AcknowledgementUnchecked => audited(&two_way((1, 3)), |sim| {
            let profile = Profile { acknowledges_from: 2, ..Profile::default() };
            sim.world.profiles.insert("a2".into(), profile);
        }),
        Bug::EventsOutOfOrder => (0..20)
            .flat_map(|seed| {
                let plan = two_way((1, 3));
                let mut sim = Sim::seeded(&plan, seed);
                sim.options.linger = 700;
                run(&plan, &mut sim)
            })
            .collect(),
        Bug::GrantForAnyRule => audited(&talked(), |sim| {
            sim.options.approve_all = false;
            let asks = |words| Line::Asks(AskKind::Permission, Some(shell(words)));
            let lines = vec![asks("npm install"), asks("rm -r /")];
            sim.world.talks.scripted.insert(("a".into(), Step::Create), vec![lines]);
            sim.run_until(|s| s.open_approvals().next().is_some());
            let reach = Reach::Run;
            let yes = Command::Approve { approval: "A-001".into(), note: None, seen: None, reach };
            sim.command(yes).expect("it is asked");
            sim.people = People::kind();
        }),
        Bug::ReviewerResumes => audited(&talked(), |_| ()),
        Bug::SummaryTakenForContext => {
            let mut plan = talked();
            plan.tasks[0].criticality = Criticality::C3;
            audited(&plan, |sim| {
                let lines = vec![Line::Says(NoteKind::Compacted)];
                sim.world.talks.scripted.insert(("a".into(), Step::Create), vec![lines]);
            })
        }
        Bug::RestForgotten | Bug::LimitCostsTry => {
            let pooled = ["a", "b"].map(|id| task(id).talked(0).pooled("vendor"));
            audited(&plan("p", pooled.into()).at_once(1), |sim| {
                script(sim, Step::Create, &[Play::Limited(Some(600_000))]);
            })
        }
        Bug::NothingReserved => {
            let capped = ["a", "b"].map(|id| task(id).capped(Some(1_000), None));
            let mut plan = plan("p", capped.into());
            plan.limits.budget.micro_usd_max = Some(1_500);
            audited(&plan, |_| ())
        }
        Bug::UnknownCostsNothing => {
            let mut plan = plan("p", vec![task("a").talked(0).judged(2, 3)]);
            plan.limits.budget.micro_usd_max = Some(1_000_000);
            audited(&plan, |sim| {
                let unknown = Usage { tokens_in: 9, tokens_out: 9, micro_usd: None };
                sim.world.spends.scripted.insert(("a".into(), Step::Create), vec![unknown]);
            })
        }
        Bug::RollbackKeepsLater => audited(&chain(3), |sim| {
            sim.options.back_to = Some("CP-001".into());
        }),
        Bug::GroupNotKilled => unreachable!("it lives in the worker, among real processes"),
    }
}

fn talked() -> Plan {
    plan("p", vec![task("a").judged(1, 5).critics(&["S-007"]).talked(1)])
}

fn gated(min: u32) -> Plan {
    plan("p", vec![task("a").judged(min, 5).critics(&["S-007"])])
}

fn script(sim: &mut Sim, step: Step, plays: &[Play]) {
    sim.world.plays.scripted.insert(("a".into(), step), plays.to_vec());
}

fn audited(plan: &Plan, prepare: impl Fn(&mut Sim)) -> Vec<Violation> {
    let mut sim = Sim::calm(plan);
    // What the runner itself would notice is not what is tested here.
    sim.compares = false;
    sim.options.steps_max = 3_000;
    prepare(&mut sim);
    run(plan, &mut sim)
}

fn run(plan: &Plan, sim: &mut Sim) -> Vec<Violation> {
    let broke = catch_unwind(AssertUnwindSafe(|| {
        sim.run();
    }))
    .is_err();
    let mut found = audit(plan, &sim.disk.records, Some(&sim.world.seen()));
    if broke {
        found.push(Violation { seq: None, rule: "broke", what: "the run did not come to an end".into() });
    }
    found
}

/// The rule that has to notice it.
fn rule(bug: Bug) -> &'static str {
    match bug {
        Bug::SpawnBeforeFlush => "spent",
        Bug::StaleReportAccepted => "late",
        Bug::CompareAndSwapDropped => "refs",
        Bug::StartedAgainAtOpen => "twice",
        Bug::TwoRoundsAccepted => "rounds",
        Bug::BelowThresholdAccepted => "gate",
        Bug::HandoffLostInMerge => "handoff",
        Bug::CheckpointWithoutArtifact => "checkpoint",
        Bug::ApprovalForOlderCommit | Bug::SummaryTakenForContext => "approval",
        Bug::AcknowledgementUnchecked => "problems",
        Bug::EventsOutOfOrder => "order",
        Bug::GrantForAnyRule => "grants",
        Bug::ReviewerResumes => "sessions",
        Bug::RestForgotten | Bug::LimitCostsTry => "pool",
        Bug::NothingReserved | Bug::UnknownCostsNothing => "budget",
        Bug::RollbackKeepsLater => "end",
        Bug::GroupNotKilled => "alive",
    }
}

/// Runs one case in a process of its own: `with` or without the bug.
fn case(bug: Bug, with: bool) -> String {
    let exe = std::env::current_exe().expect("this test binary");
    let case = format!("{}{bug:?}", if with { "" } else { "no " });
    #[allow(clippy::disallowed_types)] // a test starts itself again
    let output = std::process::Command::new(exe)
        .args(["--exact", "planted::one_case", "--ignored", "--nocapture"])
        .env(CASE, case)
        .output()
        .expect("it starts");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
#[ignore = "started by the tests beside it, one bug at a time"]
fn one_case() {
    let Ok(case) = std::env::var(CASE) else { return };
    let name = case.trim_start_matches("no ");
    let bug = Bug::named(name).expect("a bug");
    if name == case {
        bug.plant();
    }
    println!("ran {case}");
    for violation in scene(bug) {
        println!("found {violation}");
    }
}

fn is_found(bug: Bug) {
    let without = case(bug, false);
    assert!(without.contains(&format!("ran no {bug:?}")), "{without}");
    assert!(!without.contains("found "), "without {bug:?}:\n{without}");
    let with = case(bug, true);
    let found: Vec<&str> = with.lines().filter(|l| l.starts_with("found ")).collect();
    let by_its_rule = found.iter().any(|l| l.contains(&format!("{}: ", rule(bug))));
    assert!(by_its_rule, "{bug:?} was not found by the rule `{}`:\n{with}", rule(bug));
}

macro_rules! each_is_found {
    ($($test:ident $bug:ident)*) => { $(
        #[test]
        fn $test() {
            is_found(Bug::$bug);
        }
    )* };
}

each_is_found! {
    spawn_before_flush SpawnBeforeFlush
    stale_report_accepted StaleReportAccepted
    compare_and_swap_dropped CompareAndSwapDropped
    started_again_at_open StartedAgainAtOpen
    two_rounds_accepted TwoRoundsAccepted
    below_threshold_accepted BelowThresholdAccepted
    handoff_lost_in_merge HandoffLostInMerge
    checkpoint_without_artifact CheckpointWithoutArtifact
    approval_for_older_commit ApprovalForOlderCommit
    acknowledgement_unchecked AcknowledgementUnchecked
    events_out_of_order EventsOutOfOrder
    grant_for_any_rule GrantForAnyRule
    reviewer_resumes ReviewerResumes
    summary_taken_for_context SummaryTakenForContext
    rest_forgotten RestForgotten
    limit_costs_try LimitCostsTry
    nothing_reserved NothingReserved
    unknown_costs_nothing UnknownCostsNothing
    rollback_keeps_later RollbackKeepsLater
}
