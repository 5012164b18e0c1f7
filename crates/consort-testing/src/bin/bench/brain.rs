//! What the brain costs per event, whatever the size of the plan.

use super::stage::{Stage, TIMES};
use super::table::{Goal, Missed, Table, median};
use consort_testing::cost::{Shape, per_event};

const SIZES: [usize; 3] = [100, 1_000, 10_000];

/// See the module.
pub(crate) fn fan_and_chain(_: &Stage, table: &mut Table) -> Result<(), Missed> {
    for (name, shape) in [("fan-out", Shape::Fan), ("chain", Shape::Chain)] {
        let mut of_size = SIZES.map(|_| Vec::new());
        for _ in 0..TIMES {
            for (size, all) in SIZES.into_iter().zip(&mut of_size) {
                // A small plan is over before the clock has ticked much: as many events for each.
                let runs = SIZES[2] / size;
                let costs = (0..runs).map(|_| per_event(shape, size).total_ns());
                all.push(costs.sum::<f64>() / runs as f64 / 1_000.0);
            }
        }
        let [small, middle, large] = of_size.map(median);
        let title = format!("brain per event, {name}: 10,000 to 100 tasks");
        table.row(&title, large, Some(small), "us", Goal::Ratio(2.0));
        table.note(&format!(
            "1,000 tasks: {middle:.2} us; by function at 10,000: {}",
            per_event(shape, SIZES[2])
        ));
    }
    Ok(())
}
