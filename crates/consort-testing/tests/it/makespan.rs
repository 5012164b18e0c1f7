//! How long runs take beside what they must take at least. Everything is in virtual time and from fixed seeds.

use consort_testing::makespan::{CLASSES, Found, Order, Summary};

const GRAPHS: u64 = 1_000;

fn said(name: &str, found: &Summary) {
    println!(
        "{name}: {}\n  beside the closer bound: {}",
        found.figures(None, plain),
        found.figures(None, close)
    );
    for class in CLASSES {
        println!("  {class}: {}", found.figures(Some(class), plain));
    }
}

fn plain(found: &Found) -> u64 {
    found.plain
}

fn close(found: &Found) -> u64 {
    found.close
}

#[test]
fn told_what_tasks_take_runs_are_hardly_longer_than_they_must_be() {
    let found = Summary::of(GRAPHS, Order::Declared);
    said("told", &found);
    let all = found.figures(None, plain);
    assert!(all.mean <= 10_500, "{all}");
    // The plain bound knows nothing of one task that all others wait for. Beside the closer one all are below 1.25.
    assert!(found.figures(None, close).worst <= 12_500, "{}", found.figures(None, close));
    // Of those that miss the goal beside the plain bound no schedule could keep it, except for a single graph.
    let missed: Vec<&Found> = found.found.values().flatten().filter(|f| f.plain > 12_500).collect();
    println!("{missed:?}");
    let within_reach: Vec<_> = missed.iter().filter(|f| f.least <= 12_500).map(|f| f.plain).collect();
    assert!(missed.len() <= 7 && within_reach.len() <= 1, "{missed:?}");
    assert!(within_reach.iter().all(|plain| *plain <= 12_600), "{missed:?}");
    let many = found.found.values().flatten().find(|f| f.open > 2 * f.limit as usize + 2);
    assert_eq!(many, None, "what began is finished, not kept open");
}

#[test]
fn told_nothing_they_are_shorter_than_in_plan_order() {
    let (learned, before) = (Summary::of(GRAPHS, Order::Learned), Summary::of(GRAPHS, Order::Plan));
    said("told nothing", &learned);
    said("in plan order", &before);
    let (learned, before) = (learned.figures(None, plain), before.figures(None, plain));
    assert!(learned.mean <= 10_500, "{learned}");
    assert!(learned.mean < before.mean && learned.over * 2 < before.over, "{learned}, before {before}");
}
