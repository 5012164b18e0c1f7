//! What agents ask, what they are told, how far a yes reaches.

use super::*;
use consort_core::plan::Rule;
use consort_testing::plans::{PlanExt, TaskExt, plan, task};
use consort_testing::sim::{Heard, Line, People, drill, shell};

fn may(words: &str) -> Line {
    Line::Asks(AskKind::Permission, Some(shell(words)))
}

fn says(sim: &mut Sim, task: &str, step: Step, lines: &[&[Line]]) {
    let lines = lines.iter().map(|lines| lines.to_vec()).collect();
    sim.world.talks.scripted.insert((TaskId::from(task), step), lines);
}

/// A run of this plan up to the first question of an agent that says these lines.
fn asking(plan: &Plan, lines: &[Line]) -> Sim {
    let mut sim = Sim::calm(plan);
    sim.options.approve_all = false;
    says(&mut sim, "a", Step::Create, &[lines]);
    assert!(sim.run_until(|s| s.open_approvals().next().is_some()), "nothing is asked");
    sim
}

fn one() -> Plan {
    plan("p", vec![task("a").talked(0)])
}

fn yes(sim: &mut Sim, id: &str, reach: Reach) -> Result<bool, Refusal> {
    sim.command(Command::Approve { approval: id.into(), note: None, seen: None, reach })
}

fn answers(sim: &Sim) -> Vec<String> {
    let shown = |h: &Heard| match &h.what {
        TellKind::Answer { ask, yes, note } => {
            format!("{}: {ask} {yes} {}", h.attempt.task, note.as_deref().unwrap_or("-"))
        }
        TellKind::Turn { number, text, .. } => format!("{}: turn {number} {text}", h.attempt.task),
    };
    sim.world.heard.iter().map(shown).collect()
}

fn question<'s>(sim: &'s Sim, id: &str) -> &'s Approval {
    sim.state().approvals.get(id).expect(id)
}

#[test]
fn an_agents_request_waits_for_a_person_and_nobody_else_does() {
    let mut sim = asking(&plan("p", vec![task("a").talked(0), task("b")]), &[may("npm install")]);
    let asked = question(&sim, "A-001").clone();
    assert!(asked.question.starts_with("a, create: may its agent run a command? "), "{}", asked.question);
    sim.run_until(|s| s.tasks[1].stage == TaskStage::Accepted);
    assert_eq!(open(&sim), ["A-001"]);
    assert!(sim.state().live.keys().any(|a| a.task.as_str() == "a"));
    yes(&mut sim, "A-001", Reach::Call).expect("it waits");
    let told = |s: &State| wanted(s).iter().any(|e| e.key().0 == "told/a/1.1.1/create/answer/1");
    assert!(told(sim.state()), "from the answer on it is to be told: {:?}", wanted(sim.state()));
    assert!(matches!(yes(&mut sim, "A-001", Reach::Call), Err(Refusal::AlreadyAnswered { .. })));
    sim.run_until(|s| !told(s));
    assert_eq!(count(&sim, "SessionTold"), 1);
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    assert_eq!(answers(&sim), ["a: 1 true -"]);
    clean(&sim);
}

#[test]
fn a_no_may_say_what_to_do_instead_and_a_question_wants_words() {
    let lines =
        [may("rm -r target"), Line::Asks(AskKind::Question, None), Line::Asks(AskKind::Question, None)];
    let mut sim = asking(&one(), &lines);
    reject(&mut sim, "A-001", "use cargo clean").expect("it waits");
    sim.run_until(|s| s.approvals.len() == 2 && s.open_approvals().next().is_some());
    assert!(question(&sim, "A-002").question.starts_with("a, create: its agent asks: "));
    let wordless = yes(&mut sim, "A-002", Reach::Call).expect_err("a question wants words");
    assert!(
        matches!(&wordless, Refusal::Wordless { why, .. } if why.contains("consort answer")),
        "{wordless}"
    );
    sim.command(Command::approve("A-002", Some("the second"))).expect("it waits");
    sim.run_until(|s| s.approvals.len() == 3);
    reject(&mut sim, "A-003", "nobody knows").expect("a no needs nothing else");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    assert_eq!(
        answers(&sim),
        ["a: 1 false use cargo clean", "a: 2 true the second", "a: 3 false nobody knows"]
    );
    clean(&sim);
}

#[test]
fn a_yes_for_the_task_answers_its_like_and_nothing_else() {
    let lines = [may("npm install"), may("npm install"), may("npm publish")];
    let mut sim = asking(&plan("p", vec![task("a").talked(0), task("b").needs(&["a"]).talked(0)]), &lines);
    says(&mut sim, "b", Step::Create, &[&[may("npm install")]]);
    yes(&mut sim, "A-001", Reach::Task).expect("it waits");
    sim.run_until(|s| s.approvals.len() == 2);
    assert_eq!((count(&sim, "PermissionGranted"), count(&sim, "AskAnswered")), (1, 1));
    let Some(ApprovalKind::Permission { ask: 3, rule: Some(rule), .. }) =
        sim.state().approvals.get("A-002").map(|a| &a.kind)
    else {
        panic!("the third request has another rule")
    };
    assert_eq!(*rule, shell("npm publish"));
    reject(&mut sim, "A-002", "no").expect("it waits");
    // Another task's agents are not meant.
    assert!(sim.run_until(|s| s.approvals.len() == 3));
    yes(&mut sim, "A-003", Reach::Run).expect("it waits");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
}

#[test]
fn a_yes_for_the_run_reaches_only_where_its_speaker_counts() {
    let tasks = vec![
        task("a").talked(0).approved_by(&["ann"]),
        task("b").talked(0).approved_by(&["bob"]),
        task("c").talked(0),
    ];
    let mut sim = Sim::calm(&plan("p", tasks).at_once(3));
    sim.options.approve_all = false;
    for id in ["a", "b", "c"] {
        says(&mut sim, id, Step::Create, &[&[may("npm install")]]);
    }
    sim.run_until(|s| s.open_approvals().count() == 3);
    let of = |sim: &Sim, task: &str| {
        let found = sim.state().open_approvals().find(|(_, a)| a.kind.subject() == task);
        found.map(|(id, _)| id.to_string())
    };
    let (a, b) = (of(&sim, "a").expect("asked"), of(&sim, "b").expect("asked"));
    assert!(matches!(yes(&mut sim, &b, Reach::Call), Err(Refusal::NotYours { .. })));
    yes(&mut sim, &a, Reach::Run).expect("it waits");
    // What was open and is like it is answered too, but not for Bob.
    assert_eq!((of(&sim, "b"), of(&sim, "c")), (Some(b), None));
    clean(&sim);
}

#[test]
fn what_has_no_rule_cannot_be_granted_for_more_than_once() {
    let long = Rule { grip: Some(consort_core::plan::Grip::Command("x".repeat(300))), ..shell("x") };
    for line in [
        Line::Asks(AskKind::Permission, None),
        Line::Asks(AskKind::Permission, Some(long)),
        Line::Asks(AskKind::Question, Some(shell("npm"))),
    ] {
        let mut sim = asking(&one(), &[line]);
        let refused = yes(&mut sim, "A-001", Reach::Run).expect_err("there is no rule");
        assert!(matches!(refused, Refusal::NoReach { .. }), "{refused}");
        assert_eq!(open(&sim), ["A-001"]);
        approve(&mut sim, "A-001").expect("once");
        assert_eq!(sim.run(), End::Over(RunStatus::Complete));
        clean(&sim);
    }
    let mut sim = Sim::calm(&plan("p", vec![task("a").approved()]));
    sim.options.approve_all = false;
    sim.run();
    assert!(matches!(yes(&mut sim, "A-001", Reach::Run), Err(Refusal::NoReach { .. })));
}

#[test]
fn no_flag_answers_an_agent() {
    let mut sim = asking(&one(), &[may("npm install")]);
    sim.command(Command::ApproveAll).expect("the run goes on");
    assert_eq!(open(&sim), ["A-001"]);
    let mut sim = Sim::calm(&one());
    says(&mut sim, "a", Step::Create, &[&[may("npm install")]]);
    assert!(sim.run_until(|s| s.open_approvals().next().is_some()), "asked in spite of the flag");
    // Nobody is there: after its time the answer is no.
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    let why = question(&sim, "A-001").void.clone().expect("it is moot");
    assert!(why.contains("default, no"), "{why}");
    assert!(matches!(approve(&mut sim, "A-001"), Err(Refusal::Over(_))));
    assert!(answers(&sim).is_empty());
    clean(&sim);
}

#[test]
fn the_end_of_an_attempt_takes_its_questions_with_it() {
    let mut sim = asking(&plan("p", vec![task("a").talked(0), task("z")]), &[may("npm install")]);
    sim.world.reboot();
    sim.crash();
    sim.run_until(|s| s.approvals["A-001"].void.is_some());
    let late = approve(&mut sim, "A-001").expect_err("its agent is gone");
    assert!(late.to_string().contains("does not wait for it any more"), "{late}");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
}

#[test]
fn waiting_for_a_person_is_not_work() {
    let mut sim = asking(&one(), &[may("npm install")]);
    let left = |s: &State| s.live.values().next().map(|l| l.deadline.0 - l.since.0);
    // While it waits, its limit is moved by as much as it may wait.
    assert_eq!(left(sim.state()), Some(60_000 + 600_000));
    let asked = question(&sim, "A-001").asked_at;
    sim.world.now += 400_000;
    sim.input(&Input::Tick).expect("no command");
    assert_eq!(count(&sim, "AttemptStopping"), 0);
    approve(&mut sim, "A-001").expect("it waits");
    let waited = sim.state().now.0 - asked.0;
    assert_eq!(left(sim.state()), Some(60_000 + waited), "then by as much as it did");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
}

#[test]
fn what_the_machine_slept_through_is_given_back_once() {
    let mut sim = asking(&one(), &[may("npm install")]);
    let left = |s: &State| s.live.values().next().map(|l| l.deadline.0 - l.since.0);
    sim.world.now += 100_000;
    sim.input(&Input::Suspended { for_ms: 100_000 }).expect("no command");
    approve(&mut sim, "A-001").expect("it waits");
    assert!(left(sim.state()).is_some_and(|ms| (160_000..161_000).contains(&ms)), "{:?}", left(sim.state()));
}

#[test]
fn whoever_asks_without_end_is_told_no() {
    let mut sim = Sim::calm(&one());
    sim.people = People::kind();
    let lines: Vec<Line> = (0..103).map(|_| Line::Asks(AskKind::Permission, None)).collect();
    says(&mut sim, "a", Step::Create, &[&lines]);
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    assert_eq!((sim.state().approvals.len(), count(&sim, "AskAnswered")), (100, 3));
    assert!(answers(&sim)[102].starts_with("a: 103 false it asks more"));
    clean(&sim);
}

#[test]
fn a_word_reaches_the_living_session_or_the_next_creator() {
    let steer = |sim: &mut Sim, text: &str| {
        sim.command(Command::Steer { task: "a".into(), text: text.into(), now: false })
    };
    let plan = plan("p", vec![task("a").judged(2, 3).talked(0), task("z").needs(&["a"])]);
    let mut sim = asking(&plan, &[may("npm install")]);
    steer(&mut sim, " use the figures of 2026 ").expect("it lives");
    steer(&mut sim, "and say so").expect("it lives");
    assert!(steer(&mut sim, "  ").is_err(), "no words");
    assert!(matches!(
        sim.command(Command::Steer { task: "q".into(), text: "x".into(), now: false }),
        Err(Refusal::NoTask(_))
    ));
    approve(&mut sim, "A-001").expect("it waits");
    sim.run_until(|s| s.live.keys().any(|a| a.step == Step::Judge));
    assert!(answers(&sim)[1..].iter().all(|said| said.contains("turn")), "{:?}", answers(&sim));
    assert_eq!(sim.state().tasks[0].guidance().count(), 0, "it was heard");
    steer(&mut sim, "shorter").expect("there is another round");
    assert_eq!(sim.state().tasks[0].guidance().collect::<Vec<_>>(), ["shorter"]);
    sim.run_until(|s| s.tasks[0].stage == TaskStage::Accepted);
    let over = steer(&mut sim, "too late").expect_err("it is accepted");
    assert!(over.to_string().contains("is over"), "{over}");
    sim.run();
    assert!(count(&sim, "SessionSteered") == 2 && count(&sim, "TaskSteered") == 1);
    clean(&sim);
}

#[test]
fn a_word_that_was_not_heard_is_not_lost() {
    let mut sim = asking(&one(), &[may("npm install")]);
    sim.command(Command::Steer { task: "a".into(), text: "in metres".into(), now: true }).expect("it lives");
    sim.run_until(|s| s.live.values().any(|l| l.talk.tells.iter().any(|t| t.lies)));
    sim.world.reboot();
    sim.crash();
    sim.run();
    assert_eq!(sim.state().tasks[0].guidance().collect::<Vec<_>>(), ["in metres"]);
    clean(&sim);
}

#[test]
fn killed_anywhere_the_answers_reach_the_agents_once() {
    let tasks =
        vec![task("a").judged(2, 3).self_reviewed().critics(&["S-007"]).talked(1), task("b").talked(0)];
    let places = drill(&plan("p", tasks), false, false, |sim| {
        sim.people = People::kind();
        says(sim, "a", Step::Create, &[&[may("npm install"), Line::Asks(AskKind::Permission, None)]]);
        says(sim, "b", Step::Create, &[&[Line::Asks(AskKind::Permission, None), may("npm install")]]);
        script(sim, "a", Step::Judge, &[Play::Fails(FailureClass::OtherRuntime)]);
    });
    assert!(places.expect("nothing differs") > 60);
}
