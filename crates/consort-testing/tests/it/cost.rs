//! The cost of an event does not depend on the number of tasks.

use consort_testing::cost::per_event;

/// A rough guard for every build; the benchmark measures release builds up to 10,000 tasks.
#[test]
fn an_event_costs_much_the_same_in_a_large_plan() {
    let best = |tasks| (0..3).map(|_| per_event(tasks)).min().expect("three");
    let (small, large) = (best(100), best(3_000));
    println!("100 tasks: {small:?} per event, 3,000 tasks: {large:?}");
    assert!(large < small * 4, "{large:?} per event with 3,000 tasks, {small:?} with 100");
}
