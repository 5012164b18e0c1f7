//! What `--json` prints: every output names its shape and is what its published schema says.

use crate::support::{Said, World};
use serde_json::Value;
use std::path::PathBuf;

const NAMES: &[&str] = &[
    "agents",
    "check",
    "checkpoint-diff",
    "checkpoint-list",
    "compare",
    "cost",
    "doctor",
    "events",
    "explain",
    "fork",
    "graph",
    "inbox",
    "integrate",
    "lint",
    "list",
    "outlook",
    "prompt",
    "ps",
    "report",
    "review",
    "roles",
    "rollback",
    "score",
    "show",
    "status",
    "strategies",
    "timeline",
    "transcript",
    "verify",
    "why",
];

fn committed(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/schemas/{name}.json"))
}

#[test]
fn the_committed_schemas_are_current() {
    let world = World::plain();
    for name in NAMES {
        let said = world.consort(&["schema", name]);
        assert_eq!(said.code, 0, "{}", said.stderr);
        if std::env::var_os("CONSORT_SCHEMAS").is_some_and(|v| v == "renew") {
            std::fs::write(committed(name), &said.stdout).unwrap();
        }
        let committed = std::fs::read_to_string(committed(name)).unwrap_or_default();
        assert!(
            committed == said.stdout,
            "docs/schemas/{name}.json is not what `consort schema {name}` prints: run this test with \
             CONSORT_SCHEMAS=renew, and raise the shape's number if a key went away or changed its meaning"
        );
        assert_eq!(said.json()["properties"]["schema"]["const"], format!("consort.{name}/1"));
    }
    let known = world.consort(&["schema", "nonsense"]);
    assert_eq!(known.code, 2);
    let listed = known.stderr.split("possible values: ").nth(1).unwrap_or_default();
    let listed = listed
        .split(']')
        .next()
        .unwrap_or_default()
        .split(", ")
        .filter(|n| !["workflow", "handoff", "tasks"].contains(n));
    assert_eq!(listed.collect::<Vec<_>>(), NAMES, "every shape is in this test");
}

/// No key but those that the schema names: what is printed must be published.
fn closed(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            let flat = map.contains_key("properties") && !map.contains_key("additionalProperties");
            map.values_mut().for_each(closed);
            if flat {
                map.insert("additionalProperties".into(), false.into());
            }
        }
        Value::Array(all) => all.iter_mut().for_each(closed),
        _ => {}
    }
}

/// What is wrong with an output.
fn faults(name: &str, said: &Said) -> Vec<String> {
    let mut all = Vec::new();
    for line in if name == "events" { said.stdout.lines().collect() } else { vec![said.stdout.as_str()] } {
        let value: Value =
            serde_json::from_str(line).unwrap_or_else(|e| panic!("{name}: {e}: {line}{}", said.stderr));
        let mut schema = serde_json::from_str(&std::fs::read_to_string(committed(name)).unwrap()).unwrap();
        closed(&mut schema);
        let validator = jsonschema::validator_for(&schema).unwrap();
        let wrong: Vec<String> =
            validator.iter_errors(&value).map(|e| format!("{}: {e}", e.instance_path())).collect();
        all.extend(wrong.into_iter().map(|wrong| format!("{name} {wrong}")));
    }
    all
}

#[test]
fn outputs_are_what_the_schemas_say() {
    let world = World::waiting();
    let run = "small-20260220-001";
    let json = |args: &[&str]| world.consort(&[args, &["--json"]].concat());
    let mut wrong = faults("inbox", &json(&["inbox"]));
    assert_eq!(world.consort(&["approve", run, "A-001"]).code, 0);
    let resumed = world.consort(&["resume", run]);
    assert_eq!(resumed.code, 0, "{}{}", resumed.stdout, resumed.stderr);
    let again = world.consort(&["run", "workflow.yaml", "--rehearse", "--again", "--approve", "all"]);
    assert_eq!(again.code, 0, "{}{}", again.stdout, again.stderr);
    world.write(
        "poor.md",
        "# Poor\n\n| a | weight |\n|---|---|\n| x | 0.6 |\n| y | 0.6 |\n\nSee [it](gone.md).\n",
    );
    let second = format!("{run}.2");
    let document = ["poor.md", "--rehearse", "--json"];
    for (name, said) in [
        ("status", json(&["status", run])),
        ("list", json(&["list"])),
        ("show", json(&["show", run])),
        ("cost", json(&["cost", run])),
        ("timeline", json(&["timeline", run])),
        ("compare", json(&["compare", run, &second])),
        ("checkpoint-list", json(&["checkpoint", "list", run])),
        ("checkpoint-diff", json(&["checkpoint", "diff", run, "CP-001"])),
        ("check", json(&["check", "workflow.yaml"])),
        ("explain", json(&["explain", "workflow.yaml"])),
        ("doctor", json(&["doctor"])),
        ("agents", json(&["agents"])),
        ("roles", json(&["roles"])),
        ("roles", json(&["roles", "judge"])),
        ("strategies", json(&["strategies"])),
        ("verify", json(&["verify", run])),
        ("ps", json(&["ps"])),
        ("graph", json(&["graph", "workflow.yaml"])),
        ("prompt", json(&["prompt", run, "first"])),
        ("transcript", json(&["transcript", run, "first"])),
        ("rollback", json(&["rollback", run, "CP-001", "--dry-run"])),
        ("fork", json(&["fork", run, "CP-001", "--dry-run"])),
        ("outlook", json(&["resume", run, "--explain"])),
        ("report", json(&["report", run])),
        ("lint", json(&["lint", "poor.md", "gone.md"])),
        ("integrate", json(&["integrate", run, "--dry-run"])),
        ("why", json(&["why", &format!("refs/heads/consort/{run}/run")])),
        ("events", world.consort(&["events", run])),
        ("score", world.consort(&[&["score"], &document[..]].concat())),
        ("review", world.consort(&[&["review", "--strategy", "S-007"], &document[..]].concat())),
    ] {
        wrong.extend(faults(name, &said));
    }
    // A run of the whole original workflow has barriers, crossings, panels and everything else.
    let whole = World::plain();
    assert_eq!(whole.consort(&["demo", "there"]).code, 0);
    let whole = |args: &[&str]| world_at(&whole, args);
    for (name, args) in [
        ("status", &["status"][..]),
        ("show", &["show"]),
        ("report", &["report"]),
        ("cost", &["cost"]),
        ("explain", &["explain", "workflow.yaml"]),
        ("list", &["list"]),
    ] {
        wrong.extend(faults(name, &whole(args)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn world_at(world: &World, args: &[&str]) -> Said {
    let dir = world.repo().join("there");
    world.consort(&[&["-C", dir.to_str().unwrap()], args, &["--json"]].concat())
}
