//! Budgets through the binary: what ends a run or keeps it waiting, what the next command is, and what
//! other runs of the same day used up.

use crate::support::World;

/// Two tasks without a gate, one after the other; the budget is filled in.
fn workflow(budget: &str, price: &str) -> String {
    format!(
        "workflow: {{id: paid-20260220-001}}\n\
         agents:\n  default: {{argv: [sh, -c, 'cat > /dev/null; test -e a.md && echo \"# b\" > b.md || echo \"# a\" > a.md'], supervise: false{price}}}\n\
         limits: {{budget: {budget}}}\n\
         tasks:\n  a: {{text: x, path: a.md, gate: none}}\n  b: {{text: y, path: b.md, gate: none, needs: a}}\n"
    )
}

/// Days since 1970-01-01, in UTC.
fn today() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() / 86_400
}

#[test]
fn what_other_runs_used_up_today_counts_and_an_answer_lets_it_go_on() {
    let began = today();
    let world = World::new(&workflow("{per_day: {agent_calls: 3}}", ""));
    let first = world.consort(&["run", "workflow.yaml"]);
    assert_eq!(first.code, 0, "{}{}", first.stdout, first.stderr);

    // A rehearsal is not counted, whatever it calls.
    let rehearsed = world.consort(&["run", "workflow.yaml", "--again", "--rehearse", "--approve", "all"]);
    assert_eq!(rehearsed.code, 0, "{}{}", rehearsed.stdout, rehearsed.stderr);

    let second = world.consort(&["run", "workflow.yaml", "--again"]);
    if today() != began {
        return; // Midnight has passed on the way: another day has room of its own.
    }
    assert_eq!(second.code, 4, "{}{}", second.stdout, second.stderr);
    assert!(second.stdout.contains("agent_calls of all runs on "), "{}", second.stdout);
    assert!(
        second.stdout.contains("is used up (3 of 3)"),
        "two of the first run, one of its own: {}",
        second.stdout
    );
    let run = "paid-20260220-001.3";
    assert_eq!(world.consort(&["resume", run]).code, 4, "it still waits");
    assert_eq!(world.consort(&["approve", run, "A-001"]).code, 0);
    let resumed = world.consort(&["resume", run]);
    assert_eq!(resumed.code, 0, "{}{}", resumed.stdout, resumed.stderr);
    let verified = world.consort(&["verify", run]);
    assert_eq!(
        verified.code, 0,
        "what came from outside is replayed: {}{}",
        verified.stdout, verified.stderr
    );
}

#[test]
fn a_journal_that_cannot_be_read_is_named_and_not_counted() {
    let world = World::new(&workflow("{per_day: {agent_calls: 3}}", ""));
    std::fs::create_dir_all(world.repo().join(".consort/runs/broken")).unwrap();
    std::fs::write(world.repo().join(".consort/runs/broken/journal.db"), "this is no journal").unwrap();
    let said = world.consort(&["run", "workflow.yaml"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("what these runs used up today cannot be read: broken"), "{}", said.stdout);
}

#[test]
fn a_budget_that_stops_ends_the_run_and_says_what_helps() {
    let world = World::new(&workflow("{agent_calls: 1, then: stop, warn_at: 0.8}", ""));
    let said = world.consort(&["run", "workflow.yaml"]);
    assert_eq!(said.code, 4, "{}{}", said.stdout, said.stderr);
    for words in
        ["the budget agent_calls is used up", "then: stop", "raise it under `limits: budget`", "--again"]
    {
        assert!(said.stdout.contains(words), "`{words}` is missing: {}", said.stdout);
    }
    assert!(world.consort(&["status"]).stdout.contains("ended: its budget is used up"));
    assert!(world.consort(&["status"]).stdout.contains("\nthe budget agent_calls: 1 of 1 are used up\n"));
    let near = &world.consort(&["status", "--json"]).json()["nearly_used_up"];
    assert_eq!(
        (near[0]["limit"].as_str(), near[0]["used"].as_u64()),
        (Some("agent_calls"), Some(1)),
        "{near}"
    );
    assert_eq!(world.consort(&["verify"]).code, 0);
}

#[test]
fn unknown_prices_are_said_before_and_asked_about_where_money_is_limited() {
    let world = World::new(&workflow("{usd: 5}", ", price: unknown"));
    let checked = world.consort(&["check", "workflow.yaml"]);
    assert_eq!(checked.code, 0, "{}", checked.stderr);
    assert!(checked.stdout.contains("nobody knows what calls of sh cost"), "{}", checked.stdout);
    let said = world.consort(&["run", "workflow.yaml", "--yes"]);
    assert_eq!(said.code, 4, "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("nobody knows what calls of sh cost"), "{}", said.stdout);
    assert!(said.stdout.contains("nobody knows what 1 call cost"), "{}", said.stdout);
    let run = "paid-20260220-001";
    assert_eq!(world.consort(&["approve", run, "A-001"]).code, 0);
    assert_eq!(world.consort(&["resume", run]).code, 0, "once, and not again");

    let free = World::new(&workflow("{usd: 5}", ", price: 0.5"));
    assert!(!free.consort(&["check", "workflow.yaml"]).stdout.contains("nobody knows"));
    let said = free.consort(&["run", "workflow.yaml", "--yes"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let cost = free.consort(&["status", "--json"]).json()["cost"]["micro_usd"].as_u64();
    assert_eq!(cost, Some(1_000_000), "the price of a call counts where nothing is reported");
}
