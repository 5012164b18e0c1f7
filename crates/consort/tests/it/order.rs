//! Who starts first, through the binary.

use crate::support::World;

/// One agent at a time; the long chain stands last in the file.
const CHAIN: &str = "\
workflow: {id: order-20260220-001, title: Order}
agents:
  default: {argv: [sh, -c, 'cat > /dev/null; for name in small first second; do echo \"# done\" > $name.md; done'], supervise: false}
limits: {max_concurrent_agents: 1}
tasks:
  small: {text: x, path: small.md, gate: none, estimate: 5m}
  first: {text: x, path: first.md, gate: none, estimate: 10m}
  second: {text: y, path: second.md, gate: none, estimate: 80m, needs: first}
";

/// Tasks in the order of their starts.
fn starts(world: &World, run: &str) -> Vec<String> {
    let told = world.consort(&["events", run]).stdout;
    let lines = told.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let task = |line: serde_json::Value| {
        let attempt = line["event"]["attempt_starting"]["attempt"].as_str()?.to_owned();
        Some(attempt.split('/').next()?.to_owned())
    };
    lines.filter_map(task).collect()
}

#[test]
fn the_longest_chain_starts_first_and_is_named_before() {
    let world = World::new(CHAIN);
    let explained = world.consort(&["explain", "workflow.yaml"]);
    assert_eq!(explained.code, 0, "{}", explained.stderr);
    assert!(
        explained.stdout.contains("Longest chain: first > second (1h 30m by estimate)"),
        "{}",
        explained.stdout
    );
    assert!(explained.stdout.contains("estimate    1h 20m"), "{}", explained.stdout);
    assert_eq!(
        world.consort(&["explain", "workflow.yaml", "--json"]).json()["longest_chain"],
        serde_json::json!(["first", "second"])
    );
    let said = world.consort(&["run", "workflow.yaml"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert_eq!(starts(&world, "order-20260220-001"), ["first", "second", "small"]);
    let verified = world.consort(&["verify", "order-20260220-001"]);
    assert_eq!(verified.code, 0, "the order is decided again: {}{}", verified.stdout, verified.stderr);
}

#[test]
fn an_estimate_has_a_unit() {
    let world = World::new(&CHAIN.replace("80m", "80"));
    let said = world.consort(&["check", "workflow.yaml"]);
    assert_eq!(said.code, 2, "{}", said.stdout);
    assert!(said.stderr.contains("`80` has no unit") && said.stderr.contains("80m"), "{}", said.stderr);
}
