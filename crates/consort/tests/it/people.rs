//! Who may answer what, what an answer is bound to, and what a no with words does: real processes.

use crate::probes::{CREATOR, POOR};
use crate::real::look::{audited, records};
use crate::support::{SMALL, Said, World};
use consort_core::run::{Command, EventKind as E, HoldWhy, Input, Reach};
use consort_local::inbox::Inbox;
use std::fs;

const SMALL_RUN: &str = "small-20260220-001";
const HELD_RUN: &str = "held-20260220-001";

/// As somebody else than the one who is signed in.
fn by(world: &World, user: &str, args: &[&str]) -> Said {
    Said::of(world.command(args).env("USER", user).output().unwrap())
}

fn events(world: &World, run: &str) -> Vec<E> {
    let records = records(&world.repo().join(".consort/runs").join(run));
    records.into_iter().flat_map(|r| r.events).map(|e| e.kind).collect()
}

fn given(world: &World, run: &str) -> usize {
    events(world, run).iter().filter(|e| matches!(e, E::ApprovalGiven { .. })).count()
}

#[test]
fn only_those_who_are_named_are_heard() {
    let world = World::new(
        &SMALL.replace("{who: user, reason: P-020}", "{who: the owner, by: [bob, eve], reason: P-020}"),
    );
    let explained = world.consort(&["explain", "workflow.yaml"]).stdout;
    assert!(explained.contains("the owner (P-020); only what bob or eve says counts"), "{explained}");
    // The flag is ada's: it cannot answer for bob.
    let said = world.consort(&["run", "workflow.yaml", "--rehearse", "--approve", "all"]);
    assert_eq!(said.code, 3, "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("only what these say: bob or eve"), "{}", said.stdout);
    let refused = world.consort(&["approve", "small", "A-001"]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("A-001 is for bob or eve to say, and not for ada"), "{}", refused.stderr);
    let dir = world.repo().join(".consort/runs").join(SMALL_RUN);
    assert!(Inbox::of(&dir).take().unwrap().posted.is_empty(), "it was not even left for the runner");
    // Left there by hand, it is refused when it is taken.
    let at = records(&dir).last().unwrap().now;
    Inbox::of(&dir).post("ada", "terminal", at, &Command::approve("A-001", None)).unwrap();
    assert_eq!(world.consort(&["resume"]).code, 3);
    assert_eq!(given(&world, SMALL_RUN), 0);
    for file in ["ORCHESTRATION_PLAN.md", "ORCHESTRATION_WORKTRACKER.md", "ORCHESTRATION.yaml"] {
        let text = fs::read_to_string(dir.join(file)).unwrap();
        assert!(text.contains("bob or eve"), "{file}: {text}");
    }
    assert!(!world.consort(&["--as", "bob (typed by eve)", "approve", "small", "1"]).stderr.is_empty());
    let said = world.consort(&["--as", "bob", "approve", "small", "second"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    // Two answers wait for nobody: the second one is told who was first, whoever gives it.
    for (who, args) in [("eve", ["reject", "small", "A-001"]), ("ada", ["approve", "small", "second"])] {
        let second = by(&world, who, &args);
        assert_eq!(second.code, 2);
        let first = "already answered: approved by bob (typed by ada)";
        assert!(second.stderr.contains(first) || who == "ada", "{}", second.stderr);
    }
    assert_eq!(world.consort(&["resume"]).code, 0);
    let late = by(&world, "eve", &["reject", "small", "second", "-m", "no"]);
    assert!(late.stderr.contains("approved by bob (typed by ada)"), "{}", late.stderr);
    let status = world.consort(&["status", "--json"]).json();
    assert_eq!(status["approvals"][0]["answer"]["by"], "bob (typed by ada)");
    assert_eq!(status["approvals"][0]["by"], serde_json::json!(["bob", "eve"]));
    assert_eq!(world.consort(&["verify"]).code, 0);
    assert!(audited(&world, SMALL_RUN, &[]).is_empty());
}

#[test]
fn people_are_named_or_nobody_is_asked_about() {
    for (approval, code) in [
        ("{by: []}", "nobody-may-answer"),
        ("{reason: P-020}", "approval-of-nobody"),
        ("{by: ['bob (x)']}", "wrong-value"),
    ] {
        let world = World::new(&SMALL.replace("{who: user, reason: P-020}", approval));
        let said = world.consort(&["check", "workflow.yaml"]);
        assert_eq!(said.code, 2, "{approval}: {}", said.stdout);
        assert!(said.stderr.contains(code), "{approval}: {}", said.stderr);
    }
}

/// A task that never passes; what its creator was told is in `prompts`.
fn held(people: &str) -> World {
    let world = World::new(&format!(
        "workflow: {{id: {HELD_RUN}, title: Held}}\ncriticality: C2\napprovals: {people}\n\
         quality: {{rounds: {{min: 3, max: 3}}}}\n\
         agents:\n  default: {{argv: [sh, tools/creator.sh]}}\n  critic: {{runtime: rehearsal}}\n  judge: {{runtime: rehearsal}}\n\
         tasks:\n  report: {{text: Compare two options., path: out/report.md}}\n"
    ));
    let prompts = format!("cat >> '{}'", world.path("prompts").display());
    world.write("tools/creator.sh", &CREATOR.replace("cat > /dev/null", &prompts));
    world.write("tools/draft.md", POOR);
    world.git(&["add", "-A"]);
    world.git(&["commit", "-q", "-m", "Tools"]);
    let said = world.consort(&["run", "workflow.yaml", "--approve", "all"]);
    assert_eq!(said.code, 3, "{}{}", said.stdout, said.stderr);
    world
}

#[test]
fn a_no_with_words_reaches_the_creator_and_an_override_stays_in_sight() {
    let world = held("{by: [ada], overrides: [lead]}");
    let told = || fs::read_to_string(world.path("prompts")).unwrap().matches("name your sources").count();
    let status = world.consort(&["status", HELD_RUN]).stdout;
    for what in ["yes: lead; no: ada", "version   round 3", "version   round 2", "consort override held"] {
        assert!(status.contains(what), "{what}: {status}");
    }
    let wordless = world.consort(&["reject", HELD_RUN, "report"]);
    assert_eq!(wordless.code, 2);
    assert!(wordless.stderr.contains("--give-up"), "{}", wordless.stderr);
    let seen = world.consort(&["status", HELD_RUN, "--json"]).json()["approvals"][0]["shown"].clone();
    let seen = seen.as_str().unwrap();
    let other = world.consort(&["reject", HELD_RUN, "A-001@00000000", "-m", "x"]);
    assert!(other.stderr.contains("not those that you were shown"), "{}", other.stderr);
    assert_eq!(told(), 0);
    let question = format!("A-001@{seen}");
    assert_eq!(world.consort(&["reject", HELD_RUN, &question, "-m", "name your sources"]).code, 0);
    assert_eq!(world.consort(&["resume", HELD_RUN]).code, 3, "three more rounds, and it is held again");
    assert!(told() >= 3, "in the prompt of each further creation: {}", told());
    let shown = world.consort(&["show", HELD_RUN, "report"]).stdout;
    assert!(shown.contains("round 6, 3 of 3..3 in a new set"), "{shown}");
    assert!(shown.contains("ada, before round 4, a new set of rounds: name your sources"), "{shown}");

    // What was said of the first hold does not touch the second.
    let dir = world.repo().join(".consort/runs").join(HELD_RUN);
    let at = records(&dir).last().unwrap().now;
    let late = Command::Retry { task: "report".into(), note: None, instead_of: Some("A-001".into()) };
    Inbox::of(&dir).post("ada", "terminal", at, &late).unwrap();
    let stale = Command::Approve {
        approval: "A-002".into(),
        note: Some("x".into()),
        seen: Some(seen.into()),
        reach: Reach::Call,
    };
    Inbox::of(&dir).post("lead", "terminal", at, &stale).unwrap();
    assert_eq!(world.consort(&["resume", HELD_RUN]).code, 3);
    assert_eq!(given(&world, HELD_RUN), 1);
    let ours = |cause: &Input| matches!(cause, Input::Command { command, .. } if *command == late || *command == stale);
    let refused = records(&dir).into_iter().filter(|r| ours(&r.cause) && r.events.is_empty());
    assert_eq!(refused.count(), 2, "on record as refused");

    let rule = ["override", HELD_RUN, "report", "--rule", "below-threshold", "--reason", "only a spike"];
    let refused = world.consort(&rule);
    assert!(refused.stderr.contains("A-002 is for lead to say, and not for ada"), "{}", refused.stderr);
    assert_eq!(by(&world, "lead", &rule).code, 0);
    assert_eq!(world.consort(&["resume", HELD_RUN]).code, 0);
    let mut texts =
        vec![world.consort(&["status", HELD_RUN]).stdout, world.consort(&["report", HELD_RUN]).stdout];
    texts.push(world.consort(&["why", "out/report.md"]).stdout);
    for file in ["ORCHESTRATION_WORKTRACKER.md", "ORCHESTRATION.yaml"] {
        let text = fs::read_to_string(dir.join(file)).unwrap();
        assert!(text.contains("name your sources"), "{file}: {text}");
        texts.push(text);
    }
    assert!(texts[1].contains("Guidance for report: ada, before round 4"), "{}", texts[1]);
    for text in &texts {
        assert!(text.contains("lead") && text.contains("only a spike"), "{text}");
        assert!(text.contains("below-threshold") || text.contains("below the threshold"), "{text}");
    }
    assert_eq!(world.consort(&["verify", HELD_RUN]).code, 0);
    assert!(audited(&world, HELD_RUN, &[]).is_empty());
}

#[test]
fn a_held_task_is_given_up_only_when_that_is_said() {
    let world = held("{by: [ada]}");
    let said = world.consort(&["reject", HELD_RUN, "report", "--give-up", "-m", "not worth it"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(world.consort(&["resume", HELD_RUN]).code, 1);
    let why = |e: &E| matches!(e, E::TaskFailed { why, .. } if why == "given up by ada: not worth it");
    assert!(events(&world, HELD_RUN).iter().any(why));
}

/// The yes was given for one commit; before it takes effect the ref is at another one.
#[test]
fn a_yes_for_a_commit_that_moved_on_accepts_nothing() {
    let world = World::new(&format!("limits: {{backoff: {{first: 10ms, max: 20ms}}}}\n{SMALL}"));
    assert_eq!(world.consort(&["run", "workflow.yaml", "--rehearse"]).code, 3);
    assert_eq!(world.consort(&["approve", "small", "A-001", "-m", "fine"]).code, 0);
    let name = format!("refs/consort/{SMALL_RUN}/task/second");
    let other = world.git(&["rev-parse", "HEAD"]);
    world.git(&["update-ref", &name, &other]);
    let said = world.consort(&["resume"]);
    assert_eq!(said.code, 3, "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("was accepted already with another commit"), "{}", said.stdout);
    let all = events(&world, SMALL_RUN);
    let accepted = |e: &E| matches!(e, E::TaskAccepted { task, .. } if task.as_str() == "second");
    assert!(!all.iter().any(accepted));
    let held =
        |e: &E| matches!(e, E::TaskHeld { why: HoldWhy::Attempts { step, .. }, .. } if step == "commit");
    assert!(all.iter().any(held), "a person looks");
    assert_eq!(world.git(&["rev-parse", &name]), other, "what stands there was not overwritten");
    // With the way clear it goes on from there, and asks again.
    world.git(&["update-ref", "-d", &name]);
    assert_eq!(world.consort(&["approve", "small", "A-002"]).code, 0);
    let asked = world.consort(&["resume"]);
    assert_eq!(asked.code, 3, "the first yes is used up: {}", asked.stdout);
    assert_eq!(world.consort(&["approve", "small", "A-003"]).code, 0);
    assert_eq!(world.consort(&["resume"]).code, 0);
    assert_eq!(world.consort(&["verify"]).code, 0);
}

/// Two people answer at the same moment while the run goes on.
#[test]
fn of_two_answers_at_once_one_counts_and_the_other_is_told() {
    let flow = "\
workflow: {id: two, title: Two}
criticality: C1
agents:
  default: {argv: [sh, -c, 'cat > /dev/null; mkdir -p out; echo \"# done\" > out/a.md']}
  slow: {argv: [sh, -c, 'cat > /dev/null; sleep 6; mkdir -p out; echo \"# done\" > out/b.md']}
tasks:
  a: {text: Be quick., path: out/a.md, gate: none, approval: user}
  b: {text: Take your time., path: out/b.md, gate: none, agent: slow}
";
    let world = World::new(flow);
    let mut runner = world.spawn_quiet(&["run", "workflow.yaml", "--approve", "none"]);
    world.until("two", "A-001 asked of");
    let start = |user: &str, args: &[&str]| {
        let mut command = world.command(args);
        command.env("USER", user).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        command.spawn().unwrap()
    };
    let (ann, bob) =
        (start("ann", &["approve", "two", "A-001"]), start("bob", &["reject", "two", "1", "-m", "no"]));
    let said = [ann, bob].map(|child| Said::of(child.wait_with_output().unwrap()));
    let mut codes = [said[0].code, said[1].code];
    codes.sort_unstable();
    assert_eq!(codes, [0, 2], "{} {}", said[0].stderr, said[1].stderr);
    let (first, second) = if said[0].code == 0 { ("ann", &said[1]) } else { ("bob", &said[0]) };
    assert!(second.stderr.contains(&format!("ed by {first}")), "{}", second.stderr);
    runner.wait().unwrap();
    assert_eq!(given(&world, "two"), 1);
}
