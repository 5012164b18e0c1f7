//! Criteria that a command decides.

use crate::real::look::{audited, records};
use crate::support::World;
use consort_core::run::EventKind as E;

const RUN: &str = "command-20260220-001";

/// The agent writes the right number once it is told that it is missing, and tries to bribe the test.
const WORKFLOW: &str = r#"
workflow: {id: command-20260220-001, title: Command}
criticality: C1
limits: {max_attempts: 2, backoff: {first: 10ms, max: 20ms}}
quality: {gate: none}
agents:
  default: {argv: [sh, -c, 'mkdir -p out; echo "exit 0" > tools/check.sh; n=41; grep -q "What checks found wrong" && n=42; echo "$n" > out/number.txt']}
constraints:
  hard:
    - {id: R-1, name: no secrets, enforcement: nobody commits a key, check: [sh, -c, '! grep -rq SECRET out']}
tasks:
  number:
    text: Write the number.
    writes: [out/**, tools/**]
    criteria:
      - {name: the number is right, validation: it is 42, check: [sh, tools/check.sh], timeout: 20s}
"#;

fn world(workflow: &str) -> World {
    let world = World::new(workflow);
    world.write(
        "tools/check.sh",
        "test \"$(cat out/number.txt)\" = 42 || { echo \"it is $(cat out/number.txt)\"; exit 3; }\n",
    );
    world.git(&["add", "-A"]);
    world.git(&["commit", "-q", "-m", "Tools"]);
    world
}

fn events(world: &World) -> Vec<E> {
    let records = records(&world.repo().join(".consort/runs").join(RUN));
    records.into_iter().flat_map(|r| r.events).map(|e| e.kind).collect()
}

#[test]
fn a_command_of_the_base_decides_and_not_what_the_agent_made_of_it() {
    let world = world(WORKFLOW);
    let said = world.consort(&["run", "workflow.yaml"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("cost unknown: no agent reports its cost"), "{}", said.stdout);
    let report = world.consort(&["report", RUN]).stdout;
    assert!(report.contains("cost unknown: no agent reports its cost."), "{report}");
    let events = events(&world);
    let problems: Vec<String> = events
        .iter()
        .filter_map(|e| match e {
            E::ProblemsFound { problems, .. } => Some(problems[0].text.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(problems, ["`the number is right`: `sh tools/check.sh` ended with 3: it is 41"]);
    let passed = |e: &E| matches!(e, E::CandidateCaptured { iteration: 2, passed, .. } if *passed == [0, 1]);
    assert!(events.iter().any(passed), "both commands are on record");
    assert!(audited(&world, RUN, &[]).is_empty());
    let dotted =
        self::world(&WORKFLOW.replace("check: [sh, tools/check.sh]", "check: [sh, ./tools/check.sh]"));
    assert_eq!(dotted.consort(&["run", "workflow.yaml"]).code, 0);
    let refused = |e: &E| matches!(e, E::ProblemsFound { .. });
    assert!(self::events(&dotted).iter().any(refused), "the agent's own script would have passed it");
    assert_eq!(world.consort(&["verify", RUN]).code, 0);
    let left = std::fs::read_dir(world.path("state")).unwrap().flatten().count();
    assert!(left > 0, "the state directory is where it was looked for");
}

#[test]
fn a_policy_is_a_criterion_of_every_task_and_a_command_that_hangs_is_ended() {
    let leaky = world(&WORKFLOW.replace("echo \"$n\"", "echo SECRET > out/key; echo 42"));
    let said = leaky.consort(&["run", "workflow.yaml"]);
    assert_eq!(said.code, 3, "{}{}", said.stdout, said.stderr);
    let status = leaky.consort(&["status", RUN]);
    assert!(status.stdout.contains("no secrets"), "{}", status.stdout);
    let slow = world(&WORKFLOW.replace("sh, tools/check.sh", "sleep, '60'").replace("20s", "1s"));
    assert_eq!(slow.consort(&["run", "workflow.yaml"]).code, 3);
    let told = |e: &E| matches!(e, E::ProblemsFound { problems, .. } if problems[0].text.contains("longer than 1 s"));
    assert!(events(&slow).iter().any(told));
    let missing = world(&WORKFLOW.replace("sh, tools/check.sh", "no-such-program-here"));
    let said = missing.consort(&["run", "workflow.yaml"]);
    assert_eq!(said.code, 3, "{}{}", said.stdout, said.stderr);
    assert!(missing.consort(&["status", RUN]).stdout.contains("no-such-program-here"));
}

/// The first version lacks what the form asks for; the agent loosens the schema, which changes nothing.
const FORM: &str = r###"
workflow: {id: form-20260220-001, title: Form}
criticality: C1
agents:
  default:
    argv: [sh, -c, 'cat > prompt; mkdir -p out; printf "# D\n\n" > out/d.md; echo "{}" > s.json; if test -e tried; then printf -- "---\nowner: me\n---\n# D\n\n## Risks\n\nNone known.\n" > out/d.md; else touch tried; fi']
  data:
    argv: [sh, -c, 'cat > prompt; mkdir -p out; echo "{}" > s.json; if test -e tried; then echo "{\"n\": 3}" > out/x.json; else touch tried; echo "{\"n\": \"three\"}" > out/x.json; fi']
tasks:
  d: {text: Write., path: out/d.md, gate: none, form: {sections: [Risks], front_matter: [owner], words_max: 20}}
  x: {text: Count., path: out/x.json, produces: data, agent: data, gate: none, form: {schema: s.json}}
"###;

#[test]
fn a_form_is_checked_before_anyone_looks_and_by_the_schema_of_the_base() {
    let world = World::new(FORM);
    world.write(
        "s.json",
        r#"{"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}"#,
    );
    world.git(&["add", "-A"]);
    world.git(&["commit", "-q", "-m", "A schema"]);
    let said = world.consort(&["run", "workflow.yaml"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let told = world.consort(&["logs"]).stdout;
    for what in ["d 2 problems found by checks", "there is no front matter", "`n` is not of type integer"] {
        assert!(told.contains(what), "{what}: {told}");
    }
    let made = world.git(&["show", "consort/form-20260220-001/run:out/d.md"]);
    assert!(made.contains("## Risks"), "{made}");
    let verified = world.consort(&["verify"]);
    assert_eq!(verified.code, 0, "{}", verified.stdout);
    let explained = world.consort(&["explain", "workflow.yaml"]).stdout;
    for what in ["form        sections Risks", "at most 20 words", "JSON Schema s.json"] {
        assert!(explained.contains(what), "{what}: {explained}");
    }
    let said = world.consort(&["run", "workflow.yaml", "--again", "--rehearse"]);
    assert_eq!(said.code, 0, "players keep sections and front matter: {}{}", said.stdout, said.stderr);
    let verified = world.consort(&["verify", "form-20260220-001.2"]);
    assert_eq!(verified.code, 0, "and are measured as they were: {}", verified.stdout);
}

#[test]
fn a_schema_that_is_not_there_and_a_form_of_a_change_are_said_to_be_wrong() {
    let world = World::new(FORM);
    let said = world.consort(&["run", "workflow.yaml"]);
    assert_eq!(said.code, 2, "{}{}", said.stdout, said.stderr);
    assert!(said.stderr.contains("s.json") && said.stderr.contains("commit it"), "{}", said.stderr);
    let change = FORM.replace("path: out/d.md, ", "writes: ['out/**'], ");
    let said = World::new(&change).consort(&["check", "workflow.yaml"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("a change has no form") || said.stdout.contains("a change has no form"));
}
