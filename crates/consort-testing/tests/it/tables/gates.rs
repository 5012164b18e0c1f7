//! Rounds, verdicts, breakers, overrides, barriers.

use super::*;
use consort_testing::plans::{PlanExt, TaskExt, plan, task, two_way};
use consort_testing::sim::Profile;

fn judged(profile: Profile, min: u32, max: u32) -> (Sim, End) {
    let plan = plan("p", vec![task("a").judged(min, max).critics(&["S-007"])]);
    played(&plan, |sim| drop(sim.world.profiles.insert("a".into(), profile)))
}

#[test]
fn every_verdict() {
    let scores = Profile::scores;
    let table: Vec<(&str, Profile, (u32, u32), &[&str])> = vec![
        ("at the threshold", scores(&[9_200]), (1, 5), &["1 creation 0.92 Accepted"]),
        (
            "confirmations up to the minimum",
            scores(&[9_500]),
            (3, 5),
            &["1 creation 0.95 Confirm", "2 confirmation 0.95 Confirm", "3 confirmation 0.95 Accepted"],
        ),
        (
            "just below it, then above: 0.9199 does not pass",
            scores(&[9_199, 9_300]),
            (2, 5),
            &["1 creation 0.9199 Revise([BelowThreshold])", "2 creation 0.93 Accepted"],
        ),
        (
            "the composite is exact: 0.6 x 0.9200 + 0.4 x 0.9199",
            Profile { lead: 1, ..scores(&[9_199, 9_200]) },
            (1, 5),
            &["1 creation 0.91996 Revise([BelowThreshold])", "2 creation 0.92006 Accepted"],
        ),
        (
            "a weak dimension",
            Profile { lead: 5_000, ..scores(&[5_000, 9_500]) },
            (1, 5),
            &[
                "1 creation 0.80 Revise([BelowThreshold, WeakDimension(\"completeness\"), WeakDimension(\"consistency\")])",
                "2 creation 0.98 Accepted",
            ],
        ),
        (
            "a critical finding",
            Profile { critical: vec![1, 0], ..scores(&[9_500]) },
            (1, 5),
            &["1 creation 0.95 Revise([CriticalFindings(1)])", "2 creation 0.95 Accepted"],
        ),
        (
            "passed with a major finding: revised, not confirmed",
            Profile { major: vec![1, 0], ..scores(&[9_500]) },
            (2, 5),
            &["1 creation 0.95 Revise([])", "2 creation 0.95 Accepted"],
        ),
        (
            "problems end a round without reviewers",
            Profile { problems: vec![2, 0], ..scores(&[9_500]) },
            (2, 5),
            &["1 creation - Revise([Problems(2)])", "2 creation 0.95 Accepted"],
        ),
    ];
    for (what, mut profile, (min, max), expected) in table {
        if what == "a weak dimension" {
            profile.lead = 0;
            let (sim, _) = judged(profile, min, max);
            assert_eq!(
                rounds(&sim, "a"),
                [
                    "1 creation 0.50 Revise([BelowThreshold, WeakDimension(\"completeness\"), \
                     WeakDimension(\"consistency\")])",
                    "2 creation 0.95 Accepted"
                ],
                "{what}"
            );
            continue;
        }
        let (sim, end) = judged(profile, min, max);
        assert_eq!(rounds(&sim, "a"), expected, "{what}");
        assert_eq!(end, End::Over(RunStatus::Complete), "{what}");
    }
}

#[test]
fn breakers_end_with_a_person() {
    // Scores by version, Major findings by version, most rounds, breaker, the best round.
    type Case = (&'static str, &'static [u32], &'static [u32], u32, &'static str, u32);
    let table: [Case; 6] = [
        ("maximum", &[8_000, 8_500, 9_000], &[1], 3, "MaxRounds", 3),
        ("flat", &[9_000, 9_050, 9_060, 9_070], &[1], 9, "NoProgress", 4),
        ("worse and worse", &[8_500, 8_000, 7_000, 6_500], &[1], 9, "Regressing", 1),
        ("up and down", &[9_000, 8_900, 8_950, 8_900], &[1], 9, "NoProgress", 1),
        ("trifles", &[8_000, 9_000, 9_050], &[1, 0], 9, "OnlyNits", 3),
        ("in circles", &[8_000, 8_500, 8_800], &[1, 0, 1], 9, "Oscillating", 3),
    ];
    for (what, scores, major, max, breaker, best) in table {
        let profile = Profile { major: major.to_vec(), ..Profile::scores(scores) };
        let (mut sim, end) = judged(profile.clone(), 1, max);
        assert_eq!(end, End::Waiting, "{what}");
        let last = rounds(&sim, "a").pop().expect("rounds");
        assert!(last.contains(&format!("{breaker} [BelowThreshold]")), "{what}: {last}");

        // Yes accepts the best version against the verdict, on record.
        approve(&mut sim, "A-001").expect("it is asked");
        assert_eq!(sim.run(), End::Over(RunStatus::Complete), "{what}");
        let over = sim.state().overrides.first().expect("an override");
        assert_eq!((over.iteration, over.refusals.as_slice()), (best, &[GateRefusal::BelowThreshold][..]));
        clean(&sim);

        // No gives it up; retry begins a new set.
        let (mut sim, _) = judged(profile.clone(), 1, max);
        give_up(&mut sim, "A-001").expect("it is asked");
        assert_eq!(sim.run(), End::Over(RunStatus::Failed), "{what}");
        clean(&sim);
        let (mut sim, _) = judged(profile, 1, max);
        sim.world.profiles.insert("a".into(), Profile::scores(&[9_500]));
        sim.command(Command::retry("a")).expect("it is held");
        assert!(matches!(approve(&mut sim, "A-001"), Err(Refusal::Stale { .. })));
        assert_eq!(sim.run(), End::Over(RunStatus::Complete), "{what}");
        clean(&sim);
    }
}

#[test]
fn a_change_that_asks_for_a_higher_level_does_its_rounds_and_goes_to_a_person() {
    let profile = Profile { escalated: vec![1], major: vec![1, 0], ..Profile::scores(&[9_500]) };
    let (mut sim, end) = judged(profile, 3, 5);
    assert_eq!(end, End::Waiting);
    let last = rounds(&sim, "a");
    assert_eq!(last.len(), 3, "{last:?}");
    assert_eq!(last[0], "1 creation 0.95 Revise([])");
    assert!(last[2].contains("Escalated [Escalated("), "{last:?}");
    approve(&mut sim, "A-001").expect("it is asked");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);

    // Where something else stands against it too, both are named.
    let (sim, _) = judged(Profile { escalated: vec![1], ..Profile::scores(&[8_000]) }, 1, 2);
    let last = rounds(&sim, "a").pop().expect("rounds");
    assert!(last.contains("[BelowThreshold, Escalated("), "{last}");
}

#[test]
fn what_was_there_already_is_looked_at_once_and_nobody_is_asked_about_it() {
    let judged = || task("a").judged(1, 1).given();
    let reviewed = || task("a").critics(&["S-004"]).given();
    let profile = |critical: u32, major: u32, score: u32| Profile {
        critical: vec![critical],
        major: vec![major],
        ..Profile::scores(&[score])
    };
    for (what, task, profile, status, verdict, begun) in [
        (
            "it passes",
            judged(),
            profile(0, 0, 9_200),
            RunStatus::Complete,
            "0.92 Accepted",
            &["judge", "judge-2"][..],
        ),
        (
            "a hair below",
            judged(),
            profile(0, 0, 9_199),
            RunStatus::Failed,
            "0.9199 NoCreator [BelowThreshold]",
            &["judge", "judge-2"],
        ),
        (
            "no praise, one judge",
            judged(),
            profile(0, 0, 8_000),
            RunStatus::Failed,
            "0.80 NoCreator [BelowThreshold]",
            &["judge"],
        ),
        ("nothing grave", reviewed(), profile(0, 0, 0), RunStatus::Complete, "- Accepted", &["S-004"]),
        (
            "a Major finding",
            reviewed(),
            profile(0, 1, 0),
            RunStatus::Failed,
            "- NoCreator [MajorFindings(1)]",
            &["S-004"],
        ),
        (
            "a Critical finding",
            reviewed(),
            profile(1, 0, 0),
            RunStatus::Failed,
            "- NoCreator [CriticalFindings(1)]",
            &["S-004"],
        ),
    ] {
        let (sim, end) =
            played(&plan("p", vec![task]), |sim| drop(sim.world.profiles.insert("a".into(), profile)));
        assert_eq!(end, End::Over(status), "{what}");
        assert_eq!(rounds(&sim, "a"), [format!("1 creation {verdict}")], "{what}");
        let steps: Vec<String> =
            steps(&sim, "a").iter().map(|s| s.split(' ').nth(1).unwrap_or_default().to_owned()).collect();
        assert_eq!(steps, begun, "{what}");
        assert_eq!(count(&sim, "ApprovalRequested"), 0, "{what}");
    }
    // An answer that never comes is no question either.
    let plan = plan("p", vec![judged()]);
    let (sim, end) = played(&plan, |sim| script(sim, "a", Step::Judge, &[Play::Malformed; 9]));
    assert_eq!((end, count(&sim, "ApprovalRequested")), (End::Over(RunStatus::Failed), 0));
}

#[test]
fn an_override_is_never_given_by_the_flag() {
    let (mut sim, end) = judged(Profile::scores(&[8_000]), 1, 2);
    assert_eq!((end, sim.options.approve_all), (End::Waiting, true));
    sim.command(Command::ApproveAll).expect("any time");
    assert_eq!(open(&sim), ["A-001"]);
}

#[test]
fn passing_rounds_are_no_lack_of_progress_and_a_broken_off_round_is_no_round() {
    let (sim, _) = judged(Profile::scores(&[9_500]), 5, 6);
    assert_eq!(rounds(&sim, "a").len(), 5);

    // Three tries bring no artifact; a person lets it go on; that round does not count.
    let plan = plan("p", vec![task("a").judged(2, 3)]);
    let (mut sim, _) = played(&plan, |sim| script(sim, "a", Step::Create, &[Play::Empty; 3]));
    approve(&mut sim, "A-001").expect("it is asked");
    sim.run();
    assert_eq!(
        rounds(&sim, "a"),
        ["1 creation - broken off", "2 creation 1.00 Confirm", "3 confirmation 1.00 Accepted"]
    );
    clean(&sim);
}

#[test]
fn a_handoff_that_nobody_answers_for_is_a_problem_of_its_consumer() {
    let (sim, end) = played(&two_way((2, 4)), |sim| {
        let profile = Profile { acknowledges_from: 2, ..Profile::default() };
        sim.world.profiles.insert("a2".into(), profile);
    });
    assert_eq!(end, End::Over(RunStatus::Complete));
    assert_eq!(rounds(&sim, "a2"), ["1 creation - Revise([Problems(1)])", "2 creation 1.00 Accepted"]);
}

#[test]
fn a_handoff_starts_new_sets_until_the_barriers_retries_are_used_up() {
    let (mut sim, end) = played(&two_way((1, 2)), |sim| {
        sim.world.profiles.insert("meet_a-to-b".into(), Profile::scores(&[8_000, 8_100, 8_200, 8_300]));
    });
    assert_eq!(end, End::Waiting);
    assert_eq!(count(&sim, "HandoffRestarted"), 2);
    assert_eq!(rounds(&sim, "meet_a-to-b").len(), 6);
    assert_eq!(stage(&sim, "meet_a-to-b"), &TaskStage::Held(HoldWhy::BarrierRetries));
    approve(&mut sim, "A-001").expect("it is asked");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
}

#[test]
fn a_refused_barrier_makes_its_handoffs_again_in_a_new_generation() {
    let mut sim = Sim::calm(&two_way((2, 4)).approved_barriers());
    sim.options.approve_all = false;
    assert_eq!(sim.run(), End::Waiting);
    let first = sim.state().barriers[0].revision.clone();
    reject(&mut sim, "A-001", "say more about limits").expect("it is asked");
    assert!(matches!(approve(&mut sim, "A-001"), Err(Refusal::AlreadyAnswered { .. })));
    assert_eq!(sim.run(), End::Waiting);
    assert_ne!(sim.state().barriers[0].revision, first);
    assert_eq!(sim.state().barriers[0].set, 2);
    assert!(
        sim.world.refs.contains_key("task/meet_a-to-b--1")
            && sim.world.refs.contains_key("task/meet_a-to-b--2")
    );
    approve(&mut sim, "A-002").expect("it is asked");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
}

#[test]
fn a_barrier_that_loses_a_handoff_is_held() {
    let (mut sim, end) = played(&two_way((1, 4)), |sim| sim.world.lost_handoffs = 1);
    assert_eq!(end, End::Waiting);
    assert!(matches!(sim.state().barriers[0].stage, BarrierStage::Held(BarrierHold::HandoffLost { .. })));
    approve(&mut sim, "A-001").expect("it is asked");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);

    let (mut sim, _) = played(&two_way((1, 4)), |sim| sim.world.lost_handoffs = 1);
    give_up(&mut sim, "A-001").expect("it is asked");
    assert_eq!(sim.run(), End::Over(RunStatus::Failed));
    clean(&sim);
}

#[test]
fn a_blocker_in_a_handoff_is_for_a_person() {
    let blocked =
        || played(&two_way((1, 4)), |sim| sim.world.blockers = vec!["a-to-b/BLK-001: no key".into()]);
    let (mut sim, end) = blocked();
    assert_eq!(end, End::Waiting);
    let question = &sim.state().open_approvals().next().expect("a person is asked").1.question;
    assert!(question.contains("BLK-001: no key") && question.contains("on record"), "{question}");
    approve(&mut sim, "A-001").expect("it is asked");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    assert_eq!(sim.state().barriers[0].taken, ["a-to-b/BLK-001: no key"]);
    clean(&sim);

    // However many there are and whatever they are written in, the record has room for the question.
    let many: Vec<String> =
        (1..=40).map(|n| format!("a-to-b/BLK-{n:03}: {}", "鍵がない🗝".repeat(60))).collect();
    let (mut sim, end) = played(&two_way((1, 4)), |sim| sim.world.blockers = many);
    assert_eq!(end, End::Waiting);
    let question = &sim.state().open_approvals().next().expect("a person is asked").1.question;
    assert!(question.contains("BLK-006") && question.contains("and 34 more, in the handoffs"), "{question}");
    approve(&mut sim, "A-001").expect("it is asked");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);

    // With words its handoffs are made once more; these name none.
    let (mut sim, _) = blocked();
    reject(&mut sim, "A-001", "there is a key now").expect("it is asked");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    assert_eq!((sim.state().barriers[0].set, sim.state().barriers[0].taken.len()), (2, 0));
    clean(&sim);

    let (mut sim, _) = blocked();
    give_up(&mut sim, "A-001").expect("it is asked");
    assert_eq!(sim.run(), End::Over(RunStatus::Failed));
    clean(&sim);
}

#[test]
fn what_does_not_merge_waits_for_a_person_and_blocks_nobody_else() {
    let shared = |id: &str| task(id).writes("out/shared.md");
    let tasks = vec![shared("a"), shared("b"), task("c").needs(&["a", "b"]), task("d").needs(&["a"])];
    let (mut sim, end) = played(&plan("p", tasks), |_| ());
    assert_eq!(end, End::Waiting);
    let TaskStage::Held(HoldWhy::Conflict { between, paths }) = stage(&sim, "c") else {
        panic!("{:?}", stage(&sim, "c"));
    };
    assert_eq!((between.0.as_str(), between.1.as_str()), ("a", "b"));
    assert_eq!(paths, &["out/shared.md"]);
    assert_eq!(stage(&sim, "d"), &TaskStage::Accepted);
    // Another look finds the same.
    approve(&mut sim, "A-001").expect("it is asked");
    assert_eq!(sim.run(), End::Waiting);
    give_up(&mut sim, "A-002").expect("it is asked");
    assert_eq!(sim.run(), End::Over(RunStatus::Failed));
    clean(&sim);
}
