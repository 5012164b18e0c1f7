//! Reports and explanations: what people read before and after a run.

use crate::support::{SMALL, World};
use consort_worker::store::Store;

#[test]
fn a_report_tells_the_run_and_each_gate() {
    let world = World::new(SMALL);
    let said = world.consort(&["run", "workflow.yaml", "--rehearse", "--approve", "all"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let said = world.consort(&["report"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    for what in [
        "# Report: Small",
        "A rehearsal",
        "| first | accepted |",
        "## Approvals and overrides",
        "# Score report: second",
    ] {
        assert!(said.stdout.contains(what), "{what}: {}", said.stdout);
    }
    let one = world.consort(&["report", "small", "first", "--json"]).json();
    assert_eq!(one["gates"][0]["task"], "first");
    assert_eq!(one["gates"][0]["verdict"], "accepted");
    assert_eq!(world.consort(&["report", "--out", "reports"]).code, 0);
    assert!(
        world.repo().join("reports/README.md").is_file()
            && world.repo().join("reports/gates/second.md").is_file()
    );
    let again = world.consort(&["report", "--out", "reports"]);
    assert_eq!(again.code, 2, "nothing is overwritten: {}", again.stdout);
    assert_eq!(world.consort(&["report", "small", "nobody"]).code, 2);
}

#[test]
fn the_last_checkpoint_holds_reports_and_published_handoffs() {
    let world = World::new(crate::crashes::MEETING);
    let said = world.consort(&["run", "workflow.yaml", "--rehearse", "--approve", "all"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let branch = "consort/meeting-20260220-001/run";
    let base = "orchestration/meeting-20260220-001";
    let of = |path: &str| world.git(&["show", &format!("{branch}:{base}/{path}")]);
    assert!(of("reports/README.md").contains("| meet | b | a | 0.50 |"), "{}", of("reports/README.md"));
    assert!(of("reports/gates/a1.md").contains("# Score report: a1"));
    let json = |path: &str| serde_json::from_str::<serde_json::Value>(&of(path)).unwrap();
    assert_eq!(json("reports/gates/a2.json")["verdict"], "accepted");
    let run = json("reports/run.json");
    let crossing = &run["crossings"][0];
    assert_eq!((&crossing["barrier"], &crossing["answers"][0]["by"]), (&"meet".into(), &"a2".into()));
    assert_eq!(run["calls_by_role"]["creator"]["calls"].as_u64(), Some(run_creations(&run)));

    let handoff = json("cross-pollination/meet/b-to-a/handoff.json");
    let bytes = of("cross-pollination/meet/b-to-a/handoff.md");
    assert_eq!(handoff["sha256"], Store::hash_of(format!("{bytes}\n").as_bytes()).to_string());
    assert_eq!(handoff["sources"][0]["task"], "b1");
    let cited = &handoff["findings"][0]["cites"][0];
    let source = world.git(&["show", &format!("{branch}:{}", cited["path"].as_str().unwrap())]);
    let line = cited["from"].as_u64().unwrap() as usize;
    assert!(!source.lines().nth(line - 1).unwrap().trim().is_empty(), "line {line} of {cited}");
    let schema = world.consort(&["schema", "handoff"]).json();
    let required = schema["required"].as_array().unwrap();
    assert!(required.len() > 10 && required.iter().all(|key| handoff.get(key.as_str().unwrap()).is_some()));

    // Not in the others: they would cost as much as all before them together.
    let earlier = world.git(&["ls-tree", "-r", "--name-only", "refs/consort/meeting-20260220-001/CP-001"]);
    assert!(earlier.contains("state.json") && !earlier.contains("/reports/"), "{earlier}");
    assert_eq!(world.consort(&["verify"]).code, 0);
}

/// Creations that its gates tell of; in this workflow nothing is tried twice.
fn run_creations(run: &serde_json::Value) -> u64 {
    let rounds = run["gates"].as_array().unwrap().iter().flat_map(|g| g["each_round"].as_array().unwrap());
    rounds.filter(|round| round["kind"] == "creation").count() as u64
}

#[test]
fn a_blocker_holds_its_barrier_and_a_person_goes_on_with_it_on_record() {
    let text = crate::crashes::MEETING.replace("create:1:stray-files", "create:*:blocker");
    let world = World::new(&text);
    let said = world.consort(&["run", "workflow.yaml", "--rehearse", "--approve", "all"]);
    assert_eq!(said.code, 3, "{}{}", said.stdout, said.stderr);
    let status = world.consort(&["status"]).stdout;
    assert!(status.contains("b-to-a/BLK-001: a script says so"), "{status}");
    let open = world.consort(&["status", "--json"]).json();
    let approvals = open["approvals"].as_array().unwrap();
    let question = approvals.iter().find(|a| a["answer"].is_null()).unwrap()["id"].as_str().unwrap();
    let note = "there will be one by friday";
    let said = world.consort(&["approve", "meeting-20260220-001", question, "-m", note]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let said = world.consort(&["resume", "--approve", "all"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let report = world.consort(&["report"]).stdout;
    for what in ["meet/b-to-a/BLK-001 stood in the way: a script says so", note] {
        assert!(report.contains(what), "{what}: {report}");
    }
}

#[test]
fn an_explanation_says_what_each_task_goes_through() {
    let seed = include_str!("../../../../examples/multi-instance/workflow.yaml");
    let world = World::new(seed);
    let said = world.consort(&["explain", "workflow.yaml"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    for what in [
        "agent-c-001  document by ps-architect",
        "S-003 Steelman (added: another one comes after it, H-16)",
        "C3 Significant",
        "barrier-2  barrier after a phase 2 and b phase 2",
        "at least 99 agent calls",
    ] {
        assert!(said.stdout.contains(what), "{what}: {}", said.stdout);
    }
    let one = world.consort(&["explain", "workflow.yaml", "agent-a-001", "--json"]).json();
    assert_eq!(one["tasks"][0]["calls"]["least"], 14);
    assert_eq!(world.consort(&["explain", "workflow.yaml", "agent-x"]).code, 2);
}
