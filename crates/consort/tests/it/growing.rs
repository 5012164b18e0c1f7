//! Work that grows while it runs, with the real binary: lists that a task makes, conditions, who agrees, deaths on
//! the way, another plan afterwards.

use super::crashes::{Ended, ended, undisturbed};
use super::examples::{self, examples};
use super::real::look::{audited, records};
use super::support::World;
use consort_core::run::EventKind as E;
use consort_worker::drill::{CRASH_AT, CRASH_ONCE};

const RUN: &str = "audit-20260220-001";

/// `audit` becomes two tasks; of the others one is to run and one is not. Every agent notes that it ran.
const AUDIT: &str = r#"
workflow: {id: audit-20260220-001, title: Audit}
criticality: C1
quality: {gate: none}
tasks:
  triage:
    text: Split it.
    produces: tasks
    path: list.json
    agent: {argv: [sh, -c, 'echo "{\"tasks\": [{\"id\": \"parser\", \"text\": \"Look at *it*.\"}, {\"text\": \"Printer.\"}]}" > list.json']}
  audit:
    text: Do the piece that your item describes.
    for_each: {artifact: triage, max: 3, side_by_side: 1, approval: Ada, budget: {agent_calls: 9}}
    agent: {argv: [sh, -c, "id=${CONSORT_ATTEMPT%%--*}; to=orchestration/audit-20260220-001/$id; mkdir -p $to; { echo '# Piece'; sed 's/^#/=/'; } > $to/$id-document.md"]}
  deeper:
    text: Look between them.
    needs: [triage]
    when: tasks.triage.data.tasks | length > 1
    path: out/deeper.txt
    agent: {argv: [sh, -c, "mkdir -p out; echo deeper > out/deeper.txt"]}
  widest:
    text: Look at everything.
    needs: [triage]
    when: tasks.triage.data.tasks | length > 2
    path: out/widest.txt
    agent: {argv: [sh, -c, "mkdir -p out; echo widest > out/widest.txt"]}
  verdict:
    text: Sum up.
    needs: [audit, deeper, widest]
    inputs: [{artifact: audit}]
    path: out/verdict.txt
    agent: {argv: [sh, -c, "mkdir -p out; cat > out/verdict.txt"]}
"#;

fn right() -> Ended {
    undisturbed(AUDIT, RUN, false)
}

fn to_the_end(world: &World, about: &str) {
    let said = world.consort(&["resume", RUN, "--approve", "all"]);
    assert_eq!(said.code, 0, "{about}: {}", said.all(world));
    is_in_order(world, about);
}

fn is_in_order(world: &World, about: &str) {
    let verified = world.consort(&["verify", RUN]);
    assert_eq!(verified.code, 0, "{about}: {}", verified.stdout);
    assert_eq!(audited(world, RUN, &[]), [], "{about}");
    assert_eq!(world.git(&["status", "--porcelain"]), "", "{about}");
}

fn show(world: &World, path: &str) -> String {
    world.git(&["show", &format!("consort/{RUN}/run:{path}")])
}

/// What the agent of a task of the list was told: it hands that on.
fn told(world: &World, task: &str) -> String {
    show(world, &format!("orchestration/{RUN}/{task}/{task}-document.md"))
}

/// Below the lines with times.
fn end_of(world: &World, said: &str) -> String {
    world
        .redact(said.rsplit_once("\n\n").map_or(said, |_| &said[said.find("\n\n").unwrap()..]))
        .lines()
        .skip_while(|line| line.is_empty() || line.get(2..3) == Some(":"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Agent calls of each task.
fn begun(world: &World) -> Vec<String> {
    let all = records(&world.repo().join(".consort/runs").join(RUN)).into_iter().flat_map(|r| r.events);
    let mut tasks: Vec<String> = all
        .filter_map(|e| match e.kind {
            E::AttemptStarting { attempt, .. } => Some(attempt.task.to_string()),
            _ => None,
        })
        .collect();
    tasks.sort();
    tasks
}

#[test]
fn a_list_becomes_tasks_and_conditions_choose() {
    let world = World::new(AUDIT);
    let said = world.consort(&["run", "workflow.yaml"]);
    assert_eq!(said.code, 3, "a person has to agree to the list: {}", said.all(&world));
    insta::assert_snapshot!("list_asks", end_of(&world, &said.stdout));
    assert!(!begun(&world).iter().any(|task| task.starts_with("audit")), "nothing of it has begun");
    let said = world.consort(&["approve", RUN, "A-001"]);
    assert_eq!(said.code, 0, "{}", said.all(&world));
    to_the_end(&world, "agreed");
    assert_eq!(begun(&world), ["audit-1", "audit-2", "deeper", "triage", "verdict"]);
    let (one, verdict) = (told(&world, "audit-1"), show(&world, "out/verdict.txt"));
    assert!(one.contains("data item 1") && one.contains("Look at *it*."), "{one}");
    assert!(told(&world, "audit-2").contains("Printer."));
    assert!(
        verdict.contains("audit-1-document.md` (accepted")
            && verdict.contains("audit-2-document.md` (accepted"),
        "{verdict}"
    );
    let status = world.consort(&["status", RUN]);
    let tasks = status.stdout.split_once("\ntasks\n").map_or("", |(_, tasks)| tasks);
    let tasks = tasks.split_once("\n\n").map_or("", |(tasks, _)| tasks);
    insta::assert_snapshot!("list_is_done", world.redact(tasks));
    assert_eq!(ended(&world, RUN).tasks, right().tasks);
}

#[test]
fn a_list_that_is_refused_makes_nothing() {
    let world = World::new(AUDIT);
    assert_eq!(world.consort(&["run", "workflow.yaml"]).code, 3);
    let said = world.consort(&["reject", RUN, "A-001", "-m", "too coarse"]);
    assert_eq!(said.code, 0, "{}", said.all(&world));
    let said = world.consort(&["resume", RUN]);
    assert_ne!(said.code, 0, "{}", said.all(&world));
    insta::assert_snapshot!("list_refused", end_of(&world, &said.stdout));
    assert!(!begun(&world).iter().any(|task| task.starts_with("audit")));
    is_in_order(&world, "refused");
}

/// Dies at this passage of a site, if there are so many.
fn killed(site: &str, passage: u32) -> Option<World> {
    let world = World::new(AUDIT);
    let once = world.path("crashed");
    let mut command = world.command(&["run", "workflow.yaml", "--approve", "all"]);
    command.env(CRASH_AT, format!("{site}:{passage}")).env(CRASH_ONCE, &once).output().unwrap();
    once.exists().then_some(world)
}

#[test]
fn killed_wherever_the_list_grows_it_comes_to_the_same_end() {
    let right = right();
    let mut died = 0;
    for site in ["journal.append.before", "journal.append.after"] {
        for passage in (2..).step_by(3) {
            let Some(world) = killed(site, passage) else { break };
            let about = format!("{site}:{passage}");
            to_the_end(&world, &about);
            assert_eq!(ended(&world, RUN).tasks, right.tasks, "{about}");
            let calls = begun(&world);
            let once = |task: &str| calls.iter().filter(|of| *of == task).count();
            assert!(["triage", "deeper", "verdict"].iter().all(|task| once(task) <= 2), "{about}: {calls:?}");
            assert_eq!(once("widest") + once("audit-3"), 0, "{about}");
            died += 1;
        }
    }
    assert!(died >= 12, "{died}");
    let before = died;
    for site in ["store.put.before", "store.put.after"] {
        for passage in 1..=8 {
            let Some(world) = killed(site, passage) else { break };
            // Its first files are put before there is a run.
            if world.consort(&["status", RUN]).code == 2 {
                continue;
            }
            to_the_end(&world, &format!("{site}:{passage}"));
            assert_eq!(ended(&world, RUN).tasks, right.tasks, "{site}:{passage}");
            died += 1;
        }
    }
    assert!(died >= before + 4, "{died}");
}

#[test]
fn another_plan_keeps_the_tasks_of_a_list_that_is_as_before() {
    let world = World::new(AUDIT);
    let said = world.consort(&["run", "workflow.yaml", "--approve", "all"]);
    assert_eq!(said.code, 0, "{}", said.all(&world));
    world.write("other.yaml", &AUDIT.replace("text: Sum up.", "text: Sum up in one sentence."));
    world.git(&["add", "-A"]);
    world.git(&["commit", "-qm", "another workflow"]);
    let dry = world.consort(&["amend", RUN, "other.yaml", "--dry-run"]);
    insta::assert_snapshot!("list_stays", world.redact(&dry.stdout));
    assert_eq!(world.consort(&["amend", RUN, "other.yaml", "--yes"]).code, 0);
    to_the_end(&world, "amended");
    assert_eq!(begun(&world), ["audit-1", "audit-2", "deeper", "triage", "verdict", "verdict"]);
    assert!(show(&world, "out/verdict.txt").contains("in one sentence"));
    // And with the piece of work changed, its tasks begin anew, out of the same list.
    world.write("third.yaml", &AUDIT.replace("Do the piece", "Do well the piece"));
    world.git(&["add", "-A"]);
    world.git(&["commit", "-qm", "a third one"]);
    assert_eq!(world.consort(&["amend", RUN, "third.yaml", "--yes"]).code, 0);
    to_the_end(&world, "amended again");
    assert!(told(&world, "audit-2").contains("Do well the piece"));
    let triages = begun(&world).iter().filter(|task| *task == "triage").count();
    assert_eq!(triages, 1, "its list was read again, not made again");
}

/// Each example of work that grows, as it is: killed at some places, it ends as it does undisturbed.
#[test]
fn the_examples_that_grow_are_killed_and_end_the_same() {
    let grow = ["delegation", "map-files", "until-passes"];
    let all: Vec<_> = examples().into_iter().filter(|(name, _)| grow.contains(&name.as_str())).collect();
    assert_eq!(all.len(), grow.len());
    for (name, file) in all {
        let begin = ["run", "workflow.yaml", "--rehearse", "--approve", "all"];
        let world = examples::world(&file);
        let said = world.consort(&begin);
        assert_eq!(said.code, 0, "{name}: {}", said.all(&world));
        let run = world.consort(&["list", "--json"]).json()["runs"][0]["run"].as_str().unwrap().to_owned();
        let right = ended(&world, &run);
        for site in [
            "journal.append.before:9",
            "journal.append.after:14",
            "journal.append.before:19",
            "git.accept.after:1",
        ] {
            let world = examples::world(&file);
            let once = world.path("crashed");
            world.command(&begin).env(CRASH_AT, site).env(CRASH_ONCE, &once).output().unwrap();
            assert!(once.exists(), "{name}: {site} was never passed");
            let about = format!("{name}, {site}");
            let said = world.consort(&["resume", &run, "--approve", "all"]);
            assert_eq!(said.code, 0, "{about}: {}", said.all(&world));
            assert_eq!(ended(&world, &run), right, "{about}");
            assert_eq!(world.consort(&["verify", &run]).code, 0, "{about}");
            assert_eq!(audited(&world, &run, &[]), [], "{about}");
        }
    }
}
