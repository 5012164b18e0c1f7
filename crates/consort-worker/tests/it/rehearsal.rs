//! Players judged by what DESIGN demands of them.

use crate::plans::{self, id, score};
use crate::stage::{Round, Stage, candidate};
use consort_core::definition;
use consort_core::ids::{Step, TaskId};
use consort_core::plan::{Input, Output, Plan};
use consort_core::run::{Given, Severity};
use consort_worker::agents::rehearsal::misbehave::Misdeed;
use std::collections::BTreeMap;

type Files = Vec<(String, Vec<u8>)>;

/// A task's three rounds, as an engine would run them: creation, creation, confirmation.
struct Played {
    first: Round,
    second: Round,
    third: Round,
    drafts: [Files; 2],
}

fn play(stage: &mut Stage, task: &TaskId) -> Played {
    let one = stage.create(task, 1, None, &[]);
    let first = stage.review(task, 1, &one, &[]);
    let two = stage.create(task, 2, Some(candidate(&one)), &first.findings);
    let second = stage.review(task, 2, &two, &first.findings);
    let third = stage.review(task, 3, &two, &first.findings);
    stage.accept(task, two.clone());
    Played { first, second, third, drafts: [one, two] }
}

fn play_all(plan: Plan) -> (Stage, BTreeMap<TaskId, Played>) {
    let mut stage = Stage::new(plan);
    let mut played = BTreeMap::new();
    while played.len() < stage.plan.tasks.len() {
        let next = stage.plan.tasks.iter().find(|t| !played.contains_key(&t.id) && stage.is_ready(t));
        let next = next.expect("the graph has no cycle").id.clone();
        let one = play(&mut stage, &next);
        played.insert(next, one);
    }
    (stage, played)
}

fn text(files: &Files) -> String {
    String::from_utf8(files[0].1.clone()).unwrap()
}

#[test]
fn first_drafts_fail_and_answered_ones_pass_and_are_confirmed() {
    for plan in [plans::seed(), plans::kinds()] {
        let (_, played) = play_all(plan);
        for (task, p) in &played {
            assert!(p.first.problems.is_empty(), "{task}: {:?}", p.first.problems);
            assert!(!p.first.composite.reaches(score("0.92")), "{task}: {}", p.first.composite);
            assert!(p.first.composite.reaches(score("0.7")), "{task}: {}", p.first.composite);
            assert!(p.second.passes(), "{task}: {}\n{:#?}", p.second.composite, p.second.findings);
            assert!(p.second.composite.reaches(score("0.95")), "{task}: {}", p.second.composite);
            assert_eq!(p.second.count(Severity::Major), 0, "{task}");
            assert_eq!(p.third.composite, p.second.composite, "{task}");
            assert!(p.third.passes(), "{task}");
            assert!(
                p.third.findings.iter().all(|(_, list)| list.is_empty()),
                "{task}: {:?}",
                p.third.findings
            );
        }
    }
}

/// The files of an example's folder, by their path in it.
fn beside(workflow: &std::path::Path) -> BTreeMap<String, String> {
    let top = workflow.parent().unwrap();
    let (mut folders, mut found) = (vec![top.to_owned()], BTreeMap::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(top).unwrap().to_string_lossy().into_owned();
            found.insert(name, std::fs::read_to_string(path).unwrap());
        }
    }
    found
}

/// The plans of all examples, with players for agents.
fn examples() -> Vec<Plan> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
    let files = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path().join("workflow.yaml"));
    let plan = |file: std::path::PathBuf| {
        let text = std::fs::read_to_string(&file).unwrap();
        let options = definition::PlanOptions {
            today: "20261123".into(),
            variables: BTreeMap::new(),
            rehearse: true,
            id: definition::IdChoice::Declared,
            existing_ids: Vec::new(),
            offers: Vec::new(),
            base_files: definition::BaseFiles::Known(beside(&file).into_keys().collect()),
            given: definition::Given {
                parts: beside(&file).into_iter().map(|(name, text)| (name, Ok(text))).collect(),
                lists: BTreeMap::new(),
            },
            library: Default::default(),
        };
        match definition::check("workflow.yaml", &text, &options) {
            Ok(checked) => checked.plan,
            Err(found) => panic!("{}: {found:?}", file.display()),
        }
    };
    files.filter(|f| f.is_file()).map(plan).collect()
}

#[test]
fn every_example_fails_first_and_passes_then_and_not_without_any_part() {
    let mut tried = 0;
    for plan in examples() {
        let (_, played) = play_all(plan.clone());
        for (id, p) in &played {
            let task = plan.task(id).unwrap();
            assert!(p.first.problems.is_empty(), "{id}: {:?}", p.first.problems);
            if task.judged {
                assert!(!p.first.composite.reaches(score("0.92")), "{id}: {}", p.first.composite);
                assert!(p.second.composite.reaches(task.threshold), "{id}: {}", p.second.composite);
                assert!(p.second.passes() && p.third.passes(), "{id}: {}", p.second.composite);
                assert_eq!(p.third.composite, p.second.composite, "{id}");
            }
        }
        tried += ablate(plan);
    }
    assert!(tried > 300, "{tried}");
}

#[test]
fn two_runs_give_the_same_bytes_and_every_artifact_says_what_it_is() {
    for plan in [plans::seed, plans::kinds] {
        let ((one, a), (two, b)) = (play_all(plan()), play_all(plan()));
        assert_eq!(one.accepted, two.accepted);
        for (task, p) in &a {
            assert_eq!(p.drafts, b[task].drafts);
            for (path, bytes) in p.drafts.iter().flatten() {
                let text = String::from_utf8(bytes.clone()).unwrap();
                assert!(text.contains("REHEARSAL"), "{path}");
                assert!(!text.contains("/tmp") && !text.contains("attempt"), "{path}:\n{text}");
                assert!(!text.contains('\u{2014}'), "{path}");
            }
        }
        for (task, p) in &b {
            assert_eq!(p.third.composite, a[task].third.composite);
        }
    }
}

#[test]
fn a_creator_that_died_after_writing_gives_the_same_bytes_when_tried_again() {
    let mut stage = Stage::new(plans::seed());
    let task = id("agent-a-001");
    let one = stage.create(&task, 1, None, &[]);
    assert_eq!(stage.create(&task, 1, None, &[]), one);
    let first = stage.review(&task, 1, &one, &[]);
    let two = stage.create(&task, 2, Some(candidate(&one)), &first.findings);
    assert_eq!(stage.create(&task, 2, Some(candidate(&one)), &first.findings), two);
    assert_ne!(one, two);
}

#[test]
fn a_change_keeps_what_was_in_the_file() {
    let (stage, _) = play_all(plans::kinds());
    let kept = |task: &str| text(&stage.accepted[&id(task)]);
    assert!(kept("existing").starts_with("pub fn lib() {}\n// REHEARSAL BEGIN "), "{}", kept("existing"));
    assert!(kept("config").contains("\"keep\"") && kept("config").contains("\"switch\": false"));
    assert!(kept("left").contains("#[allow(dead_code)]\nconst REHEARSAL_"));
    // The next one to write there leaves what was accepted before it.
    assert_eq!(kept("again-1").matches("REHEARSAL BEGIN").count(), 2);
    assert!(kept("again-1").starts_with(&kept("existing")));
    assert!(!kept("again-1").contains("again-1"), "a candidate does not name its author");
}

/// A candidate's text without one thing, or with one thing wrong.
fn ablations(plan: &Plan, task: &TaskId, good: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let lines: Vec<&str> = good.lines().collect();
    let without = |drop: &dyn Fn(usize, &str) -> bool| -> String {
        let kept = lines.iter().enumerate().filter(|(i, l)| !drop(*i, l));
        kept.map(|(_, l)| format!("{l}\n")).collect()
    };
    let sign = if good.contains("// ## ") { "// " } else { "" };
    let heads: Vec<(usize, &str)> = lines
        .iter()
        .enumerate()
        .filter_map(|(i, l)| Some((i, l.strip_prefix(sign)?.strip_prefix("## ")?)))
        .collect();
    for (n, (start, head)) in heads.iter().enumerate() {
        let end = heads.get(n + 1).map_or(lines.len(), |(e, _)| *e);
        all.push((format!("section {head}"), without(&|i, _| (*start..end).contains(&i))));
        all.push((format!("body of {head}"), without(&|i, _| (start + 1..end).contains(&i))));
        for at in start + 1..end {
            let line = lines[at].strip_prefix(sign).unwrap_or_default();
            let row = line.starts_with("| ") && !lines[at + 1].contains("|---");
            if row && *head != "Risks" && *head != "Next steps" {
                all.push((format!("row {line}"), without(&|i, _| i == at)));
            }
        }
        if ["Sources", "Weighted comparison"].contains(head) {
            all.extend(wrong_numbers(&lines, *start..end));
        }
    }
    for input in &plan.task(task).unwrap().inputs {
        if let Input::Handoff { task } = input {
            let key = task.as_str().replacen('_', "/", 1);
            all.push((format!("handoff {task}"), without(&|_, l| l.contains(&key))));
        }
    }
    all
}

/// Every sum and product of a section, off by one in its last digit.
fn wrong_numbers(lines: &[&str], section: std::ops::Range<usize>) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for at in section {
        let cells: Vec<&str> = lines[at].split('|').collect();
        let weighted = cells.len() > 6;
        let total = lines[at].contains("Total");
        for (n, cell) in cells.iter().enumerate().filter(|(_, c)| c.trim().parse::<f64>().is_ok()) {
            if !(total || weighted && (n == 4 || n == 6)) {
                continue;
            }
            let cell = cell.trim();
            let last = cell.as_bytes()[cell.len() - 1];
            let wrong = format!(
                " {}{} ",
                &cell[..cell.len() - 1],
                if last == b'9' { '0' } else { (last + 1) as char }
            );
            let mut cells: Vec<String> = cells.iter().map(|c| (*c).to_owned()).collect();
            cells[n] = wrong;
            let mut lines: Vec<String> = lines.iter().map(|l| (*l).to_owned()).collect();
            lines[at] = cells.join("|");
            all.push((format!("number {cell} in {}", lines[at]), lines.join("\n") + "\n"));
        }
    }
    all
}

#[test]
fn taking_anything_out_of_passing_work_of_other_kinds_makes_it_fail() {
    let tried = ablate(plans::kinds());
    assert!(tried > 80, "{tried}");
}

fn ablate(plan: Plan) -> usize {
    let mut tried = 0;
    let (mut stage, played) = play_all(plan);
    for (task, p) in &played {
        // Their text stands in JSON, or below the text of an earlier task.
        let elsewhere = ["config", "again-1"].contains(&task.as_str());
        // And what nobody judges cannot fail.
        if elsewhere || !stage.task(task).judged || matches!(&stage.task(task).output, Output::Data { .. }) {
            continue;
        }
        for (what, changed) in ablations(&stage.plan.clone(), task, &text(&p.drafts[1])) {
            let mut files = p.drafts[1].clone();
            files[0].1 = changed.into_bytes();
            let round = judged(&mut stage, task, &files, &p.first);
            assert!(!round.passes(), "{task} without {what} still has {}", round.composite);
            tried += 1;
        }
    }
    tried
}

/// The judge alone, and the checks.
fn judged(stage: &mut Stage, task: &TaskId, files: &Files, first: &Round) -> Round {
    let groups = stage.plan.tasks.iter().find(|t| t.id == *task).unwrap().review_groups.clone();
    let at = stage.plan.tasks.iter().position(|t| t.id == *task).unwrap();
    stage.plan.tasks[at].review_groups.clear();
    let round = stage.review(task, 3, files, &first.findings);
    stage.plan.tasks[at].review_groups = groups;
    Round { problems: Vec::new(), ..round }
}

#[test]
fn work_that_ignores_its_handoffs_is_a_problem_for_the_checks_too() {
    let (mut stage, played) = play_all(plans::seed());
    let task = id("agent-c-001");
    let mut files = played[&task].drafts[1].clone();
    let changed = text(&files).replace("barrier-2/spike-001-to-spike-002/F-001 | used", "x | used");
    files[0].1 = changed.into_bytes();
    let round = stage.review(&task, 3, &files, &[]);
    assert_eq!(round.problems.len(), 2, "{:?}", round.problems);
    assert!(round.count(Severity::Critical) > 0);
}

#[test]
fn steelmen_only_improve_and_every_critic_uses_its_own_prefix() {
    let (_, played) = play_all(plans::seed());
    for p in played.values() {
        for (of, list) in &p.first.findings {
            let prefix = plans::seed().strategy(&of.strategy).prefix;
            assert!(list.iter().all(|f| f.id.starts_with(&prefix)));
            if of.strategy.as_str() == "S-003" {
                assert!(!list.is_empty() && list.iter().all(|f| f.severity == Severity::Minor));
            }
        }
    }
}

#[test]
fn a_creator_mends_what_it_is_asked_for_and_no_more() {
    let mut stage = Stage::new(plans::seed());
    let task = id("agent-b-001");
    let one = stage.create(&task, 1, None, &[]);
    let mut asked = stage.review(&task, 1, &one, &[]).findings;
    asked.retain(|(of, _)| of.strategy.as_str() == "S-002");
    asked[0].1.retain(|f| f.claim.contains("opposite case is not argued") && !f.claim.contains("Beside"));
    assert_eq!(asked[0].1.len(), 1);
    let two = stage.create(&task, 2, Some(candidate(&one)), &asked);
    let features = |files: &Files| consort_worker::agents::rehearsal::features(&text(files));
    let gained: Vec<String> = features(&two).difference(&features(&one)).cloned().collect();
    assert_eq!(gained, ["objections"]);
}

#[test]
fn misdeeds_with_files_and_answers_show_as_what_they_are() {
    let mut stage = Stage::new(plans::seed());
    let task = id("agent-a-001");
    let good = stage.create(&task, 1, None, &[]);
    for (misdeed, says) in [
        (Misdeed::MalformedScore, "not a JSON object"),
        (Misdeed::ScoreAboveOne, "not between 0 and 1"),
        (Misdeed::Nan, "not a JSON object"),
        (Misdeed::WrongNonce, "nonce"),
    ] {
        let _ = stage.reviewer(&task, 1, Step::Judge, &good, &[]);
        let start = stage.start(&task, 1, Step::SelfReview, None);
        let mut judge = start.clone();
        judge.attempt.step = Step::Judge;
        judge.candidate = Some(candidate(&good));
        let desk = stage.desk(&judge);
        std::fs::create_dir_all(&desk.cwd).unwrap();
        std::fs::write(desk.cwd.join("candidate.md"), &good[0].1).unwrap();
        let answer = stage.attempt(&judge, &[], std::slice::from_ref(&misdeed));
        let Given::Malformed(why) = &answer.given else { panic!("{misdeed:?}: {:?}", answer.given) };
        assert!(why.contains(says), "{misdeed:?}: {why}");
        assert!(answer.bytes.is_some());
    }
    let start = stage.start(&task, 1, Step::SelfReview, None);
    assert_eq!(stage.attempt(&start, &[], &[Misdeed::NoAnswer]).given, Given::Nothing);
    let start = stage.start(&task, 1, Step::Create, None);
    stage.attempt(&start, &[], &[Misdeed::StrayFiles, Misdeed::EmptyArtifact]);
    assert!(stage.workspace(&task).join("stray-notes.txt").exists());
    assert_eq!(stage.capture(&task)[0].1, b"");
    std::fs::remove_file(stage.workspace(&task).join(&good[0].0)).unwrap();
    let start = stage.start(&task, 1, Step::Create, None);
    stage.attempt(&start, &[], &[Misdeed::NoArtifact]);
    assert!(!stage.workspace(&task).join(&good[0].0).exists());
}

#[test]
fn liars_are_caught_where_somebody_looks() {
    let mut stage = Stage::new(plans::seed());
    for task in ["agent-a-001", "agent-b-001", "barrier-1_spike-002-to-spike-001"] {
        play(&mut stage, &id(task));
    }
    let task = id("agent-a-002");
    let one = stage.create(&task, 1, None, &[]);
    let first = stage.review(&task, 1, &one, &[]);
    let start = stage.start(&task, 2, Step::Create, Some(candidate(&one)));
    stage.attempt(&start, &first.findings, &[Misdeed::Lie, Misdeed::NoAcknowledgement]);
    let two = stage.capture(&task);
    assert!(text(&two).contains("| DA-001 |"), "it claims to have answered");
    let second = stage.review(&task, 2, &two, &first.findings);
    assert!(!second.passes());
    assert!(second.problems.iter().any(|p| p.check == "acknowledgement"), "{:?}", second.problems);
    for (misdeed, shown) in [(Misdeed::Lie, "1.00"), (Misdeed::Score(score("0.9199")), "0.9199")] {
        let mut judge = stage.start(&task, 2, Step::Judge, Some(candidate(&two)));
        judge.attempt.attempt += 100;
        stage.export(&judge, &two);
        let Given::Scores { scores, .. } = stage.attempt(&judge, &[], &[misdeed]).given else { panic!() };
        assert!(scores.iter().all(|s| s.score.to_string() == shown), "{scores:?}");
    }
}

#[test]
fn data_of_other_tasks_comes_from_the_store() {
    let (mut stage, _) = play_all(plans::kinds());
    let start = stage.start(&id("own"), 1, Step::Judge, None);
    let stored = consort_worker::briefing::stored_inputs(&stage.plan, &start);
    let paths: Vec<&str> = stored.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["out/data.json", "out/raw.txt"]);
}

#[test]
fn a_judge_that_is_not_shown_a_handoff_does_not_pass_the_work() {
    let (mut stage, played) = play_all(plans::seed());
    let task = id("agent-c-001");
    let files = played[&task].drafts[1].clone();
    for missing in [None, Some(0), Some(1), Some(2), Some(3)] {
        let judge = stage.start(&task, 3, Step::Judge, Some(candidate(&files)));
        stage.export(&judge, &files);
        if let Some(input) = missing {
            std::fs::remove_file(stage.desk(&judge).cwd.join(&judge.inputs[input].path)).unwrap();
        }
        let Given::Scores { scores, .. } = stage.attempt(&judge, &[], &[]).given else { panic!() };
        let excellent = scores.iter().all(|s| s.score >= score("0.92"));
        assert_eq!(excellent, missing.is_none(), "{missing:?}: {scores:?}");
        assert_eq!(scores.iter().any(|s| s.score >= score("0.92")), missing.is_none());
    }
}
