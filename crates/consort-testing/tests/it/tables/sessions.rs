//! Who goes on in which session, and what follows from how a session failed.

use super::*;
use consort_testing::plans::{PlanExt, TaskExt, plan, task, two_way};
use consort_testing::sim::{Line, Profile, Started};

/// Task, step, session it goes on in, agent: of every start, in order.
fn starts(sim: &Sim, task: &str) -> Vec<String> {
    let of = sim.world.ledger.iter().filter(|s| s.attempt.task.as_str() == task);
    of.map(|s| {
        let begun = s.begun.clone().expect("the world knows");
        let copy = if begun.fork { "a copy of " } else { "" };
        let resume = begun.resume.as_deref().unwrap_or("-");
        format!(
            "{}.{} {} in {copy}{resume} by {}",
            s.attempt.iteration, s.attempt.attempt, s.attempt.step, begun.fallback
        )
    })
    .collect()
}

fn resume(s: &Started) -> Option<String> {
    s.begun.clone().expect("the world knows").resume
}

fn by(s: &Started) -> u8 {
    s.begun.clone().expect("the world knows").fallback
}

fn fails(class: FailureClass) -> Play {
    Play::Fails(class)
}

#[test]
fn a_creator_goes_on_in_its_session_and_reviewers_never_do() {
    let plan = plan("p", vec![task("a").judged(1, 3).self_reviewed().critics(&["S-007"]).talked(0)]);
    let (sim, end) = played(&plan, |sim| {
        sim.world.profiles.insert("a".into(), Profile::scores(&[8_900, 9_500]));
    });
    assert_eq!(end, End::Over(RunStatus::Complete));
    assert_eq!(
        starts(&sim, "a"),
        [
            "1.1 create in - by 0",
            "1.2 self-review in s-a--1-1-1--create by 0",
            "1.3 S-007 in - by 0",
            "1.4 judge in - by 0",
            "1.5 judge-2 in - by 0",
            "2.6 create in a copy of s-a--1-1-1--create by 0",
            "2.7 self-review in s-a--1-2-6--create by 0",
            "2.8 S-007 in - by 0",
            "2.9 judge in - by 0",
        ]
    );
}

#[test]
fn another_generation_and_a_forgetful_agent_begin_anew() {
    let (sim, _) =
        played(&plan("p", vec![task("a").judged(2, 3).self_reviewed().talked(0).forgetful()]), |_| ());
    assert!(sim.world.ledger.iter().all(|s| resume(s).is_none()));

    let mut plan = two_way((1, 3)).approved_barriers();
    plan.tasks = plan.tasks.into_iter().map(|t| t.talked(0)).collect();
    let mut sim = Sim::calm(&plan);
    sim.options.approve_all = false;
    assert_eq!(sim.run(), End::Waiting);
    reject(&mut sim, "A-001", "once more").expect("the barrier is asked about");
    sim.run();
    let seconds = sim.world.ledger.iter().filter(|s| s.attempt.generation == 2);
    let first: Vec<_> = seconds.filter(|s| s.attempt.step == Step::Create).map(resume).collect();
    assert_eq!(first, [None, None]);
    clean(&sim);
}

#[test]
fn the_session_that_was_handed_over_to_or_begun_anew_is_the_one_to_go_on_in() {
    let plan = plan("p", vec![task("a").judged(3, 4).talked(0)]);
    let (sim, _) = played(&plan, |sim| {
        sim.world.profiles.insert("a".into(), Profile::scores(&[8_000, 8_500, 9_500]));
        let over = Line::Says(NoteKind::HandedOver { session: "h-1".into() });
        sim.world.talks.scripted.insert(("a".into(), Step::Create), vec![vec![over]]);
        // The second one cannot be resumed.
        sim.world.talks.lost = 1;
    });
    let created: Vec<_> = starts(&sim, "a").into_iter().filter(|s| s.contains("create")).collect();
    assert_eq!(created[..2], ["1.1 create in - by 0", "2.3 create in a copy of h-1 by 0"]);
    assert!(created[2].contains("in a copy of s-a--1-2-3--create"), "{created:?}");
    let turns: Vec<_> = sim.state().tasks[0].changes.iter().map(|c| c.turn.clone()).collect();
    assert_eq!(turns, [AgentTurn::HandedOver, AgentTurn::Fresh("its session was not found".into())]);
}

#[test]
fn a_failure_is_decided_by_its_class() {
    use FailureClass::*;
    // With a fallback, without one; how often it is tried, and whether a person is asked.
    let cases: [(FailureClass, u8, &[&str], bool); 9] = [
        (Never, 1, &["0", "1"], false),
        (OtherRuntime, 1, &["0", "1"], false),
        (Never, 0, &["0"], true),
        (OtherRuntime, 0, &["0"], true),
        (Person, 1, &["0"], true),
        (Retry, 1, &["0", "0"], false),
        (Cap, 1, &["0", "0"], false),
        (Backoff, 1, &["0", "0"], false),
        (Limited(None), 1, &["0", "0"], false),
    ];
    for (class, fallbacks, tries, held) in cases {
        let plan = plan("p", vec![task("a").talked(fallbacks)]);
        let (sim, _) = played(&plan, |sim| script(sim, "a", Step::Create, &[fails(class)]));
        let did: Vec<String> = sim.world.ledger.iter().map(|s| by(s).to_string()).collect();
        assert_eq!(did, tries, "{class:?} with {fallbacks} fallbacks");
        let is_held =
            matches!(stage(&sim, "a"), TaskStage::Held(HoldWhy::Agent { class: why, .. }) if *why == class);
        assert_eq!(is_held, held, "{class:?}: {:?}", stage(&sim, "a"));
        assert_eq!(count(&sim, "FellBack"), usize::from(tries.contains(&"1")), "{class:?}");
    }
}

#[test]
fn an_overloaded_service_is_left_alone_for_longer() {
    let pause = |class| {
        let (sim, _) = played(&plan("p", vec![task("a").talked(0)]), |sim| {
            script(sim, "a", Step::Create, &[fails(class)]);
        });
        let waits = events(&sim).find_map(|e| match e.kind {
            EventKind::StepRetrying { not_before, .. } => Some(not_before.since_ms(e.at)),
            _ => None,
        });
        waits.expect("it is tried again")
    };
    assert_eq!((pause(FailureClass::Retry), pause(FailureClass::Backoff)), (1_000, 4_000));
}

#[test]
fn fallbacks_follow_one_another_and_have_tries_of_their_own() {
    use FailureClass::*;
    let plan = plan("p", vec![task("a").judged(1, 3).self_reviewed().talked(2)]);
    let (mut sim, end) = played(&plan, |sim| {
        sim.world.profiles.insert("a".into(), Profile::scores(&[8_900, 9_500]));
        let plays =
            [fails(Retry), fails(Retry), fails(Never), fails(Retry), fails(Retry), fails(OtherRuntime)];
        script(sim, "a", Step::Create, &plays);
    });
    assert_eq!(end, End::Over(RunStatus::Complete));
    let created: Vec<_> = starts(&sim, "a").into_iter().filter(|s| !s.contains("judge")).collect();
    let by: String = created.iter().filter_map(|s| s.chars().last()).collect();
    // The session of one agent is not another's; the self-review and the next round stay with the last one.
    assert_eq!(by, "0001112222", "{created:#?}");
    assert!(created[3].contains("in - by 1") && created[6].contains("in - by 2"), "{created:#?}");
    assert!(created[7].starts_with("1.8 self-review in s-a--1-1-7--create"), "{created:#?}");
    assert_eq!(sim.state().tasks[0].changes.len(), 2);
    sim.world.plays.scripted.clear();
}

#[test]
fn a_person_who_sends_it_on_begins_with_the_first_agent() {
    use FailureClass::*;
    let (mut sim, end) = played(&plan("p", vec![task("a").talked(1)]), |sim| {
        script(sim, "a", Step::Create, &[fails(Never), fails(Never)]);
    });
    assert_eq!(end, End::Waiting);
    let asked = sim.state().approvals["A-001"].question.clone();
    assert!(asked.starts_with("a: no agent can go on with create: é"), "{asked}");
    approve(&mut sim, "A-001").expect("the key is mended");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    assert_eq!(sim.world.ledger.iter().map(by).collect::<Vec<_>>(), [0, 1, 0]);
    clean(&sim);
}

#[test]
fn siblings_fall_back_each_for_itself_and_nobody_goes_back() {
    use FailureClass::*;
    let names = ["S-004", "S-012", "S-013"];
    let mut all = task("a").judged(1, 3).talked(1);
    all.review_groups = vec![names.map(Into::into).to_vec()];
    let plan = plan("p", vec![all]).at_once(3);
    let mut most = 0;
    for seed in 0..40 {
        let mut sim = Sim::seeded(&plan, seed);
        for strategy in names {
            script(&mut sim, "a", Step::Review(strategy.into()), &[fails(Never)]);
        }
        let end = sim.run();
        assert_eq!(end, End::Over(RunStatus::Complete), "seed {seed}: {:?}", starts(&sim, "a"));
        let fell = |e: &&Event| matches!(e.kind, EventKind::FellBack { .. });
        let back = events(&sim).skip_while(|e| !fell(e)).any(|e| {
            matches!(&e.kind, EventKind::AttemptStarting { attempt, fallback: 0, .. }
                if matches!(attempt.step, Step::Review(_)))
        });
        assert!(!back, "seed {seed}");
        most = most.max(count(&sim, "FellBack"));
        clean(&sim);
    }
    assert_eq!(most, 3, "those that run side by side fail each for itself");
}

#[test]
fn nothing_to_capture_after_refused_requests_says_so() {
    let mut sim = Sim::calm(&plan("p", vec![task("a").talked(0)]));
    let asks = vec![Line::Asks(AskKind::Permission, None), Line::Asks(AskKind::Permission, None)];
    sim.world.talks.scripted.insert(("a".into(), Step::Create), vec![asks]);
    script(&mut sim, "a", Step::Create, &[Play::Empty]);
    sim.run();
    let why = events(&sim).find_map(|e| match &e.kind {
        EventKind::CandidateRefused { why, .. } => Some(why.clone()),
        _ => None,
    });
    let why = why.expect("there was nothing");
    assert!(why.contains("2 requests of its agent for permission were refused"), "{why}");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
}

#[test]
fn an_answer_that_is_none_after_refused_requests_says_so() {
    for play in [Play::Silent, Play::Malformed, Play::Fails(FailureClass::Retry)] {
        let mut sim = Sim::calm(&plan("p", vec![task("a").judged(1, 1).talked(0)]));
        sim.world
            .talks
            .scripted
            .insert(("a".into(), Step::Judge), vec![vec![Line::Asks(AskKind::Permission, None)]]);
        script(&mut sim, "a", Step::Judge, &[play]);
        assert_eq!(sim.run(), End::Over(RunStatus::Complete));
        let why = events(&sim).find_map(|e| match &e.kind {
            EventKind::StepRetrying { why, .. } => Some(why.clone()),
            _ => None,
        });
        let why = why.expect("it is tried again");
        assert!(why.contains("1 request of its agent for permission was refused"), "{play:?}: {why}");
        clean(&sim);
    }
}

#[test]
fn ids_that_are_no_ids_are_not_kept() {
    for id in ["", "--dangerous", "a b", "é", &"x".repeat(101)] {
        let mut sim = Sim::calm(&plan("p", vec![task("a").judged(2, 3).talked(0)]));
        let over = Line::Says(NoteKind::HandedOver { session: id.into() });
        sim.world.talks.scripted.insert(("a".into(), Step::Create), vec![vec![over]]);
        sim.run_until(|s| s.live.values().any(|l| l.notes == 2));
        let kept = sim.state().tasks[0].session.as_ref().map(|s| s.id.as_str());
        assert_eq!(kept, Some("s-a--1-1-1--create"), "{id:?}");
    }
}

#[test]
fn from_c3_on_a_person_looks_at_work_whose_context_was_summed_up() {
    use consort_core::plan::Criticality::{C2, C3};
    let handed = NoteKind::HandedOver { session: "h-1".into() };
    let cases = [
        (C3, Step::Create, Some(NoteKind::Compacted), true),
        (C3, Step::Create, Some(handed.clone()), true),
        (C3, Step::Review("S-007".into()), Some(NoteKind::Compacted), true),
        (C3, Step::Create, None, false),
        (C2, Step::Create, Some(handed), false),
    ];
    for (level, step, note, asked) in cases {
        let mut plan = plan("p", vec![task("a").judged(1, 3).critics(&["S-007"]).talked(0)]);
        plan.tasks[0].criticality = level;
        let mut sim = Sim::calm(&plan);
        sim.options.approve_all = false;
        let lines = note.clone().map(Line::Says).into_iter().collect();
        sim.world.talks.scripted.insert(("a".into(), step.clone()), vec![lines]);
        let end = sim.run();
        assert_eq!(end == End::Waiting, asked, "{level:?} {step} {note:?}: {end:?}");
        if asked {
            let question = sim.state().approvals["A-001"].question.clone();
            assert!(question.contains("AE-006e"), "{question}");
            reject(&mut sim, "A-001", "it forgot the door").expect("it is asked");
            assert_eq!(sim.run(), End::Waiting, "the next version is looked at, too");
            approve(&mut sim, "A-002").expect("it is asked again");
            assert_eq!(sim.run(), End::Over(RunStatus::Complete));
        }
        clean(&sim);
    }
}
