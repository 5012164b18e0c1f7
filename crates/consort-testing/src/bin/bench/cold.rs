//! `consort status` of a finished run, beside a program that does nothing.
#![allow(clippy::disallowed_types, reason = "a benchmark starts the programs that it compares")]

use super::stage::{Stage, ms, timed};
use super::table::{Goal, Missed, Table, median};
use super::whole;
use std::process::Command;

/// One start of each is short: more of them.
const STARTS: usize = 41;

/// See the module.
pub(crate) fn status(stage: &Stage, table: &mut Table) -> Result<(), Missed> {
    let dir = stage.fresh("status")?;
    whole::ours(stage, &dir, "fan-200.yaml")?;
    let (mut ours, mut floor) = (vec![], vec![]);
    for _ in 0..STARTS {
        ours.push(ms(timed(&mut stage.consort(&dir, &["status"]))?.wall));
        floor.push(ms(timed(&mut Command::new("/bin/true"))?.wall));
    }
    table.row(
        "status of fan-200, from a cold start",
        median(ours),
        Some(median(floor)),
        "ms",
        Goal::Above(15.0),
    );
    Ok(())
}
