//! `just bench`: what consort costs beside what the same work costs without it.
//!
//! Each line prints ours, the floor, their ratio, the goal and whether it is met; all from the same
//! run of this program, ours and the floor taking turns. It never fails: a missed goal is a number,
//! not an error. `bench NAME…` measures some, `bench generate` writes the files in `bench/` again.

mod agents;
mod brain;
mod children;
mod cold;
mod gate;
mod git;
mod lint;
mod makespan;
mod memory;
mod prompts;
mod reopen;
mod stage;
mod table;
mod whole;
mod workflows;

use stage::Stage;
use table::{Missed, Table};

type Measure = fn(&Stage, &mut Table) -> Result<(), Missed>;

const ALL: &[(&str, Measure)] = &[
    ("chain", whole::chain),
    ("fan", whole::fan),
    ("git", git::fan),
    ("gate", gate::critics),
    ("brain", brain::fan_and_chain),
    ("reopen", reopen::reopen),
    ("makespan", makespan::graphs),
    ("lint", lint::artifacts),
    ("status", cold::status),
    ("memory", memory::waiting),
    ("prompts", prompts::seed),
    ("agents", agents::first_request),
    ("children", children::quiet),
    ("flood", children::flood),
];

fn main() {
    if git::is_recorder() {
        git::record();
    }
    let names: Vec<String> = std::env::args().skip(1).collect();
    if names.iter().any(|name| name == "generate") {
        workflows::write_all();
        return;
    }
    let stage = match Stage::open() {
        Ok(stage) => stage,
        Err(missed) => return eprintln!("nothing could be measured: {missed}"),
    };
    let mut table = Table::begin();
    for (name, measure) in ALL {
        if !names.is_empty() && !names.iter().any(|n| n == name) {
            continue;
        }
        if let Err(missed) = measure(&stage, &mut table) {
            table.failed(name, &missed);
        }
    }
}
