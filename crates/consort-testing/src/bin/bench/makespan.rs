//! How long runs take beside what they must take at least, in virtual time.

use super::stage::Stage;
use super::table::{Goal, Missed, Table};
use consort_testing::makespan::{CLASSES, Order, Summary};

const GRAPHS: u64 = 1_000;

/// See the module.
pub(crate) fn graphs(_: &Stage, table: &mut Table) -> Result<(), Missed> {
    let orders = [
        ("by rank, told what tasks take", Order::Declared),
        ("by rank, told nothing", Order::Learned),
        ("in plan order, as before", Order::Plan),
    ];
    let times = |n: u64| n as f64 / 10_000.0;
    for (name, order) in orders {
        let found = Summary::of(GRAPHS, order);
        let all = found.figures(None, |f| f.plain);
        table.row(&format!("makespan, mean: {name}"), times(all.mean), None, "", Goal::Most(1.05));
        table.row(&format!("makespan, worst: {name}"), times(all.worst), None, "", Goal::Most(1.25));
        table.note(&format!("{all}"));
        table.note(&format!("beside the closer bound: {}", found.figures(None, |f| f.close)));
        for class in CLASSES {
            table.note(&format!("{class}: {}", found.figures(Some(class), |f| f.plain)));
        }
    }
    Ok(())
}
