//! Whose answers count, what they are bound to, and what a no with words brings.

use super::*;
use consort_core::ids::ApprovalId;
use consort_testing::plans::{TaskExt, plan, task, two_way};
use consort_testing::sim::Profile;

fn by(sim: &mut Sim, who: &str, command: Command) -> Result<bool, Refusal> {
    sim.input(&Input::Command { by: who.into(), via: "inbox:1-a".into(), command })
}

fn names(all: &[&str]) -> Vec<String> {
    all.iter().map(|n| (*n).to_owned()).collect()
}

/// One task that is never good enough: it is held after two rounds.
fn never_good(scores: &[u32], prepare: impl FnOnce(&mut Plan)) -> Sim {
    let mut plan = plan("p", vec![task("a").judged(1, 2).critics(&["S-002"])]);
    prepare(&mut plan);
    let mut sim = Sim::calm(&plan);
    sim.world.profiles.insert("a".into(), Profile { major: vec![2, 1], ..Profile::scores(scores) });
    assert_eq!(sim.run(), End::Waiting);
    sim
}

fn token(sim: &Sim, id: &str) -> Option<String> {
    let id = ApprovalId::from(id);
    Some(shown(sim.state(), &id, sim.state().approvals.get(&id)?))
}

#[test]
fn only_those_who_are_named_answer_and_nothing_else_is_recorded() {
    let mut sim = Sim::calm(&plan("p", vec![task("a").judged(1, 3).approved_by(&["ann", "bob"])]));
    sim.options.approve_all = false;
    assert_eq!(sim.run(), End::Waiting);
    for command in [
        Command::approve("A-001", Some("x")),
        Command::reject("A-001", Some("x")),
        Command::give_up("A-001", None),
    ] {
        let refused = by(&mut sim, "carol", command).expect_err("carol is not named");
        assert_eq!(refused.to_string(), "A-001 is for ann or bob to say, and not for carol");
    }
    // The name that counts is the one that was said, and the record keeps who typed it.
    assert!(by(&mut sim, &speaking_as("carol", "ann"), Command::approve("A-001", None)).is_err());
    assert_eq!((count(&sim, "ApprovalGiven"), open(&sim)), (0, vec!["A-001".to_owned()]));
    by(&mut sim, &speaking_as("bob", "carol"), Command::approve("A-001", None)).expect("bob is named");
    let answer = sim.state().approvals[&ApprovalId::from("A-001")].answer.clone().expect("an answer");
    assert_eq!(answer.by, "bob (typed by carol)");
    // Who was first is told to anybody, also to those who may not answer.
    let second = by(&mut sim, "carol", Command::reject("A-001", Some("no"))).expect_err("answered");
    assert!(second.to_string().contains("already answered: approved by bob (typed by carol)"), "{second}");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
}

#[test]
fn a_flag_answers_only_for_whoever_set_it() {
    let tasks = || vec![task("a").approved_by(&["bob"]), task("b").approved()];
    let mut sim = Sim::calm(&plan("p", tasks())); // ann starts it with --approve all
    assert_eq!(sim.run(), End::Waiting);
    assert_eq!((stage(&sim, "b"), open(&sim).len()), (&TaskStage::Accepted, 1));
    by(&mut sim, "carol", Command::ApproveAll).expect("any time");
    assert_eq!(open(&sim).len(), 1);
    by(&mut sim, "bob", Command::ApproveAll).expect("any time");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    // A list for the whole workflow holds for what nobody declared too.
    let mut whole = plan("p", vec![task("a").outside("entity"), task("b").approved()]);
    whole.people.by = names(&["bob"]);
    let mut sim = Sim::calm(&whole);
    assert_eq!(sim.run(), End::Waiting);
    assert_eq!(open(&sim).len(), 2);
    assert!(approve(&mut sim, "A-001").is_err(), "it is ann who answers");
    for id in ["A-001", "A-002"] {
        by(&mut sim, "bob", Command::approve(id, None)).expect("bob");
    }
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
}

#[test]
fn an_override_is_for_those_who_may_override_and_needs_a_reason() {
    // Who may override; of the task's approval; of the whole; who overrides; who steers.
    type Case<'a> = (&'a [&'a str], &'a [&'a str], &'a [&'a str], &'a str, &'a str);
    let table: [Case; 4] = [
        (&["lead"], &["ann"], &["bob"], "lead", "ann"),
        (&[], &["ann"], &["bob"], "ann", "ann"),
        (&[], &[], &["bob"], "bob", "bob"),
        (&["lead"], &[], &[], "lead", "anybody"),
    ];
    for (overrides, own, whole, yes, no) in table {
        let sim = || {
            never_good(&[8_000, 8_600], |plan| {
                plan.people.overrides = names(overrides);
                plan.people.by = names(whole);
                if !own.is_empty() {
                    plan.tasks[0] = plan.tasks[0].clone().approved_by(own);
                }
            })
        };
        let mut first = sim();
        for who in ["lead", "ann", "bob", "carol"].into_iter().filter(|who| *who != yes) {
            let refused = by(&mut first, who, Command::approve("A-001", Some("fine")));
            assert!(matches!(refused, Err(Refusal::NotYours { .. })), "{who}: {refused:?}");
        }
        let wordless = by(&mut first, yes, Command::approve("A-001", Some("  ")));
        assert!(matches!(wordless, Err(Refusal::Wordless { .. })), "{wordless:?}");
        by(&mut first, yes, Command::approve("A-001", Some("a spike"))).expect("they may");
        assert_eq!(first.run(), End::Over(RunStatus::Complete));
        let over = &first.state().overrides[0];
        assert_eq!((over.by.as_str(), over.note.as_deref()), (yes, Some("a spike")));
        clean(&first);
        let mut second = sim();
        let asked = second.state().approvals.values().next().map(|a| a.who.clone());
        assert_eq!(asked.as_deref(), Some(yes), "those are asked whose yes counts");
        if no != "anybody" {
            assert!(by(&mut second, "carol", Command::retry("a")).is_err(), "a retry is a no too");
        }
        by(&mut second, no, Command::reject("A-001", Some("use tables"))).expect("they may");
    }
}

#[test]
fn an_answer_holds_for_what_was_shown_and_a_late_one_is_told_what_changed() {
    let mut sim = never_good(&[8_000, 8_600], |_| ());
    let seen = token(&sim, "A-001");
    assert!(seen.as_ref().is_some_and(|t| t.len() == 8), "{seen:?}");
    let answer = |id: &str, seen: Option<String>| Command::Approve {
        approval: id.into(),
        note: Some("fine".into()),
        seen,
        reach: Reach::Call,
    };
    let other = sim.command(answer("A-001", Some("00000000".into()))).expect_err("something else was seen");
    assert!(other.to_string().contains("not those that you were shown"), "{other}");
    sim.command(Command::reject("A-001", Some("say more"))).expect("it is held");
    assert_eq!(sim.run(), End::Waiting);
    // The same task is held once more: what was said of the first hold does not touch it.
    assert_eq!(open(&sim), ["A-002"]);
    assert!(matches!(sim.command(answer("A-001", seen.clone())), Err(Refusal::AlreadyAnswered { .. })));
    assert!(matches!(sim.command(answer("A-002", seen.clone())), Err(Refusal::Stale { .. })));
    let retry = Command::Retry { task: "a".into(), note: None, instead_of: Some("A-001".into()) };
    let late = sim.command(retry).expect_err("that was the first hold");
    assert!(late.to_string().contains("it was about round 2"), "{late}");
    assert!(late.to_string().contains("a is in round 4") && late.to_string().contains("A-002"), "{late}");
    let now = token(&sim, "A-002");
    assert_ne!(now, seen);
    sim.command(answer("A-002", now)).expect("that is what it shows");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
}

#[test]
fn a_no_with_words_grants_rounds_beyond_the_most_and_reaches_the_creator() {
    let mut sim = never_good(&[8_000, 8_600], |_| ());
    assert!(matches!(sim.command(Command::reject("A-001", None)), Err(Refusal::Wordless { .. })));
    assert_eq!(open(&sim), ["A-001"], "nothing changed");
    sim.world.profiles.insert("a".into(), Profile::scores(&[9_500]));
    sim.command(Command::reject("A-001", Some("name your sources"))).expect("it is held");
    let of = |sim: &Sim| sim.state().tasks[0].steering.clone();
    let steered =
        Steering { by: "ann".into(), guidance: Some("name your sources".into()), round: 3, new_set: true };
    assert_eq!(of(&sim), [steered]);
    // What its creator is started with.
    sim.run_until(|s| s.live.keys().any(|a| a.iteration == 3 && a.step == Step::Create));
    let attempt = sim.state().live.keys().next().cloned().expect("a creator");
    let start = start_of(sim.state(), &attempt).expect("it starts");
    assert_eq!(start.guidance, ["name your sources"]);
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    assert_eq!(rounds(&sim, "a").len(), 3);
    assert!(sim.state().overrides.is_empty(), "it passed by itself");
    clean(&sim);

    // `retry` says it too.
    let mut sim = never_good(&[8_000, 8_600], |_| ());
    sim.world.profiles.insert("a".into(), Profile::scores(&[9_500]));
    let note = Some("once more, shorter".to_owned());
    sim.command(Command::Retry { task: "a".into(), note, instead_of: Some("A-001".into()) })
        .expect("it is held");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    assert_eq!(sim.state().tasks[0].guidance().collect::<Vec<_>>(), ["once more, shorter"]);
    clean(&sim);
}

#[test]
fn after_a_pass_a_no_asks_for_another_version_or_ends_it() {
    let plan = plan("p", vec![task("a").judged(1, 1).approved()]);
    let mut sim = Sim::calm(&plan);
    sim.options.approve_all = false;
    sim.run();
    assert!(matches!(sim.command(Command::reject("A-001", None)), Err(Refusal::Wordless { .. })));
    reject(&mut sim, "A-001", "shorter").expect("it is asked");
    sim.run();
    // The most is one round: this one was granted.
    let steering = &sim.state().tasks[0].steering[0];
    assert_eq!((steering.round, steering.new_set, rounds(&sim, "a").len()), (2, true, 2));
    give_up(&mut sim, "A-002").expect("it is asked");
    assert_eq!(sim.run(), End::Over(RunStatus::Failed));
    clean(&sim);
}

#[test]
fn a_held_barrier_makes_its_handoffs_again_with_guidance() {
    let (mut sim, end) = played(&two_way((1, 4)), |sim| sim.world.lost_handoffs = 1);
    assert_eq!(end, End::Waiting);
    assert!(matches!(sim.command(Command::reject("A-001", None)), Err(Refusal::Wordless { .. })));
    reject(&mut sim, "A-001", "both directions, please").expect("it is asked");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    let handoff = &sim.state().tasks[sim.graph().ix(&"meet_a-to-b".into()).expect("a handoff")];
    assert_eq!(handoff.guidance().collect::<Vec<_>>(), ["both directions, please"]);
    assert_eq!(handoff.generation, 2);
    clean(&sim);
}

#[test]
fn a_question_shows_the_two_best_versions_and_what_separates_them() {
    let sim = never_good(&[8_600, 8_000], |_| ());
    let it = &sim.state().tasks[0];
    let apart = apart(it).expect("two versions");
    let second = apart.second.expect("two versions");
    assert_eq!((apart.best.round.iteration, second.round.iteration), (1, 2));
    assert!(!apart.dimensions.is_empty() && apart.dimensions.iter().all(|(_, best, other)| best > other));
    // The same finding keeps its print from round to round; what both have separates nothing.
    let only = |found: &[(String, Severity)]| -> Vec<String> {
        let of_one = found.iter().filter(|(id, _)| id.starts_with("S-002/"));
        of_one.map(|(id, how)| format!("{id} {how:?}")).collect()
    };
    assert_eq!(only(&apart.best.only_here), ["S-002/S-002-002 Major", "S-002/S-002-003 Minor"]);
    assert_eq!(only(&second.only_here), ["S-002/S-002-002 Minor"]);
    let asked = &sim.state().approvals[&ApprovalId::from("A-001")];
    assert!(asked.question.contains("best: round 1") && asked.question.contains("then round 2"), "{asked:?}");
    assert!(matches!(&asked.kind, ApprovalKind::Held { iteration: 1, .. }));
    let view = consort_core::view::model::run_view(sim.state());
    let asked = view.open_approvals().next().expect("it is asked");
    assert_eq!(asked.scores[0].1, "0.86 < 0.92 in round 1", "of the version that is asked about");
    let commands: Vec<&str> = asked.options.iter().map(|(command, _)| command.as_str()).collect();
    let token = token(&sim, "A-001").expect("a token");
    assert_eq!(
        commands,
        [
            "consort override p a --rule below-threshold --reason \"why\"",
            &format!("consort reject p A-001@{token} -m \"what to do differently\""),
            "consort retry p a",
            &format!("consort reject p A-001@{token} --give-up"),
        ]
    );
}
