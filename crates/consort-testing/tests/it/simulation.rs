//! Whole runs by seed: misbehaving players, crashes, reboots, jumping clocks, late and double
//! reports, people who say no, pause, retry and cancel. Each ends, and the auditor is content.
//!
//! `CONSORT_SEEDS=20000 cargo nextest run -p consort-testing simulation` for more;
//! `CONSORT_SEED=17` for one.

use consort_core::ids::TaskId;
use consort_core::plan::{ApprovalAt, Budget, Plan, Task, TaskKind, Then};
use consort_core::run::RunStatus;
use consort_testing::plans::{
    PlanExt, TaskExt, chain, each, fan, growth, only_when, overlapping, plan, score, seed_plan, task, two_way,
};
use consort_testing::sim::{Chooser, End, People, Profile, Quota, Random, Sim};
use std::collections::BTreeMap;

/// A plan with something of everything.
fn medley() -> Plan {
    let judged = |id: &str| task(id).judged(2, 4).self_reviewed().critics(&["S-002", "S-007"]);
    let mut plan = plan(
        "medley",
        vec![
            judged("a").approved().outside("the entity").reads("PLAN.md"),
            task("b").scratch().approved(),
            judged("c").needs(&["a"]).critics(&["S-002", "S-004", "S-012", "S-013"]),
            task("d").needs(&["a", "c"]).critics(&["S-007"]),
            task("e").scratch().needs(&["b"]).outside("the entity").outside("another"),
            task("f").judged(3, 3).needs(&["b"]),
        ],
    )
    .vouched("somebody looked");
    plan.limits.budget.agent_calls_max = Some(25);
    plan.limits.budget.wall_ms_max = Some(4_000_000);
    plan
}

/// Agents that are talked to, with fallbacks and without, with a memory and without.
fn talkative() -> Plan {
    let judged = |id: &str| task(id).judged(2, 4).self_reviewed().critics(&["S-002", "S-007"]).talked(2);
    let tasks = vec![
        judged("a").approved_by(&["ann"]),
        task("b").talked(0).approved_by(&["ann", "bob"]),
        judged("c").needs(&["a"]).forgetful(),
        task("d").needs(&["b"]).critics(&["S-007"]).talked(1),
    ];
    plan("talkative", tasks).at_once(3)
}

/// Agents that share quotas, and a budget in money and in tokens: some have caps, some have not.
fn thrifty() -> Plan {
    let judged = |id: &str| task(id).judged(2, 4).self_reviewed().critics(&["S-002", "S-007"]).talked(1);
    let tasks = vec![
        judged("a").pooled("one").capped(Some(6_000), Some(3_000)),
        judged("b").pooled("two"),
        task("c").talked(0).pooled("one").needs(&["a"]),
        judged("d").pooled("one").capped(None, Some(2_000)).needs(&["b"]),
        task("e").talked(2).pooled("two").capped(Some(3_000), None).at("line", 1),
        judged("f").capped(None, Some(1_500)).at("line", 2).needs(&["e"]),
    ];
    let mut plan = plan("thrifty", tasks).at_once(4);
    plan.limits.budget.micro_usd_max = Some(60_000);
    plan.limits.budget.tokens_max = Some(25_000);
    plan.limits.budget.warn_at = Some(score(8_000));
    let calls = |max, then| Budget { agent_calls_max: Some(max), then, ..Budget::default() };
    plan.limits.shares.tasks.insert("a".into(), calls(12, Then::Ask));
    plan.limits.shares.tasks.insert("d".into(), calls(9, Then::Stop));
    plan.limits.shares.day = calls(70, Then::Ask);
    let of_line = Budget { tokens_max: Some(9_000), ..Budget::default() };
    plan.limits.shares.pipelines.insert("line".into(), of_line);
    plan
}

/// As [`thrifty`], and nobody is asked: what is used up ends.
fn miserly() -> Plan {
    let mut plan = thrifty();
    plan.limits.budget.then = Then::Stop;
    plan.limits.shares.pipelines.values_mut().for_each(|budget| budget.then = Then::Stop);
    plan
}

/// What people make of a plan while it runs: another text, a task more, a task less, other limits.
fn changed(plan: &Plan, dice: &mut Random) -> Plan {
    let mut plan = plan.clone();
    let at = dice.pick(plan.tasks.len());
    match dice.pick(4) {
        0 => plan.limits.max_concurrent_agents += 1,
        1 => plan.tasks[at].text += ", once more",
        2 => {
            let mut more = task("more").judged(2, 4);
            let declared = |each: &&Task| matches!(each.kind, TaskKind::Declared);
            more.needs = plan.tasks.iter().filter(declared).take(1).map(|each| each.id.clone()).collect();
            plan.tasks.push(more);
        }
        _ => {
            // Whoever nobody needs.
            let all = plan.tasks.clone();
            let free = |id: &TaskId| {
                let needed = all.iter().any(|each| each.needs.contains(id));
                let waited =
                    plan.barriers.iter().any(|b| b.waits_for.contains(id) || b.handoffs.contains(id));
                !needed && !waited
            };
            let gone = all.iter().map(|each| &each.id).filter(|id| free(id)).nth(dice.pick(2)).cloned();
            if let Some(gone) = gone.filter(|_| all.len() > 1) {
                plan.tasks.retain(|each| each.id != gone);
                for stage in &mut plan.stages {
                    stage.tasks.retain(|id| *id != gone);
                }
                plan.stages.retain(|stage| !stage.tasks.is_empty());
            }
        }
    }
    plan
}

/// Work that grows: two lists, one of them agreed to by a person, a task that may be skipped, and who reads all that.
fn growing() -> Plan {
    let mut tasks = vec![
        task("list").judged(1, 3),
        task("other").scratch(),
        each("list", task("many").judged(1, 3), 9),
        each("other", task("few"), 9),
        only_when(task("maybe").needs(&["list"]), &["list"]),
        task("reader").needs(&["maybe"]),
        task("end").judged(2, 3).needs(&["many", "few", "maybe"]),
    ];
    growth(&mut tasks[2]).side_by_side = 2;
    growth(&mut tasks[2]).budget = Budget { agent_calls_max: Some(9), ..Budget::default() };
    growth(&mut tasks[3]).approval = Some(ApprovalAt { who: "ann".into(), reason: None, by: Vec::new() });
    plan("growing", tasks).at_once(4)
}

/// One of several plans, with one of several kinds of work.
fn scene(seed: u64) -> Sim {
    let mut dice = Random::new(seed ^ 0xfeed);
    let plan = match dice.pick(14) {
        0 => chain(3),
        1 => fan(4),
        2 => two_way((2, 4)).approved_barriers(),
        3 => overlapping(),
        4 => seed_plan(),
        5 | 6 => talkative(),
        7 | 8 => thrifty(),
        9 => miserly(),
        10 | 11 => growing(),
        _ => medley(),
    };
    let mut sim = Sim::seeded(&plan, seed);
    if dice.chance(400) {
        for n in 0..=dice.pick(2) {
            let other = changed(&plan, &mut dice);
            sim.may_become(&format!("plan-{n}"), other);
        }
        sim.may_become("plan", plan.clone());
    }
    sim.options.absent = vec!["PLAN.md".into()];
    if dice.chance(400) {
        sim.world.unmet.insert("maybe".into());
    }
    sim.world.lists.insert("many".into(), dice.pick(4) as u32);
    sim.world.lists.insert("few".into(), [0, 1, 3, 10][dice.pick(4)]);
    for each in &plan.tasks {
        let profile = profile(&mut dice, each);
        sim.world.profiles.insert(each.id.clone(), profile);
    }
    sim.world.plays.seeded = Some((seed, [0, 30, 150, 400][dice.pick(4)]));
    sim.world.talks.seeded = Some((seed, [0, 300, 900][dice.pick(3)]));
    sim.world.talks.lost = dice.pick(3) as u32;
    sim.world.spends.seeded = dice.chance(800).then_some(seed);
    for pool in ["one", "two"] {
        if dice.chance(400) {
            let until = sim.world.now + [90_000, 5_400_000, 100_000_000][dice.pick(3)];
            sim.world.quotas.insert(pool.into(), Quota { until, told: dice.chance(500) });
        }
    }
    let some = |dice: &mut Random, most: u32| [0, most / 4, most][dice.pick(3)];
    let options = &mut sim.options;
    options.approve_all = dice.chance(400);
    options.twice = some(&mut dice, 300);
    options.kill = some(&mut dice, 30);
    options.reboot = some(&mut dice, 500);
    options.close = some(&mut dice, 8);
    options.clock = some(&mut dice, 20);
    options.meddle = some(&mut dice, 20);
    options.cancel = [0, 0, 0, 4][dice.pick(4)];
    options.linger = some(&mut dice, 600);
    if dice.chance(200) {
        for kind in ["workspace/", "candidate/", "committed/", "barrier/", "checkpoint/", "released/"] {
            sim.world.failing.insert(kind.into(), dice.pick(7) as u32);
        }
    }
    if dice.chance(100) {
        sim.world.lost_handoffs = 1;
    }
    if dice.chance(100) {
        sim.world.blockers = vec!["a-to-b/BLK-001: no key".into()];
    }
    if dice.chance(50) {
        sim.world.occupy(&plan.tasks[0].id);
    }
    sim.people = People {
        no: some(&mut dice, 300),
        late: some(&mut dice, 200),
        patience: 20,
        there: !dice.chance(50),
    };
    sim
}

fn profile(dice: &mut Random, task: &Task) -> Profile {
    let mut profile = Profile::scores(match dice.pick(6) {
        0 => &[9_100, 9_300],
        1 => &[8_000, 9_199, 9_200],
        2 => &[9_199],
        3 => &[9_000, 8_000, 7_000],
        4 => &[5_000, 9_500],
        _ => &[],
    });
    profile.lead = [0, 0, 1][dice.pick(3)];
    if dice.chance(200) {
        profile.critical = vec![1, 0];
        profile.major = vec![2, 1, 0];
    }
    if dice.chance(150) {
        profile.problems = vec![2, 0];
    }
    if !task.inputs.is_empty() && dice.chance(300) {
        profile.acknowledges_from = 2;
    }
    if dice.chance(60) {
        profile.escalated = vec![dice.pick(2) as u32, 1];
    }
    profile
}

fn check(seed: u64) -> String {
    let mut sim = scene(seed);
    let end = sim.run();
    let plan = sim.graph().plan.clone();
    let found = sim.audited();
    assert!(found.is_empty(), "seed {seed}: {}", found.iter().map(|v| format!("\n{v}")).collect::<String>());
    let waits = sim.state().open_approvals().count();
    if end == End::Waiting {
        let paused = sim.state().status == RunStatus::Paused;
        assert!(!sim.people.there && (waits > 0 || paused), "seed {seed}: it waits for nobody");
    }
    format!("{} {end:?}", plan.workflow.id)
}

#[test]
fn every_seed_ends_and_the_auditor_is_content() {
    if let Ok(seed) = std::env::var("CONSORT_SEED") {
        return println!("{}", check(seed.parse().expect("a number")));
    }
    let seeds: u64 = std::env::var("CONSORT_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(200);
    let mut ends: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 0..seeds {
        let end = std::panic::catch_unwind(|| check(seed));
        let end = end.unwrap_or_else(|_| panic!("CONSORT_SEED={seed} shows it again"));
        *ends.entry(end).or_default() += 1;
    }
    println!("{seeds} seeds: {ends:#?}");
    // A simulation in which every run ends the same way shows little.
    assert!(ends.len() >= 8, "{ends:#?}");
}
