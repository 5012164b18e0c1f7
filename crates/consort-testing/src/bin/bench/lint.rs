//! Deterministic checks of documents: 1,000 artifacts of 20 kB on one core.

use super::stage::{Stage, TIMES};
use super::table::{Goal, Missed, Table, median};
use consort_worker::checks::lint;
use std::time::Instant;

const ARTIFACTS: usize = 1_000;
const BYTES: usize = 20_000;

/// See the module.
pub(crate) fn artifacts(_: &Stage, table: &mut Table) -> Result<(), Missed> {
    let texts: Vec<String> = (0..ARTIFACTS).map(artifact).collect();
    let mut times = Vec::new();
    let mut faults = 0;
    for _ in 0..TIMES {
        let begun = Instant::now();
        faults = texts.iter().map(|t| lint::lint(t, &lint::Options::default()).len()).sum();
        times.push(begun.elapsed().as_secs_f64());
    }
    let bytes: usize = texts.iter().map(String::len).sum();
    table.row("lint of 1,000 artifacts of 20 kB", median(times), None, "s", Goal::Most(2.0));
    table.note(&format!(
        "{:.1} MB on one core; {faults} faults in them, one in each tenth artifact",
        bytes as f64 / 1e6
    ));
    Ok(())
}

/// A decision record with matrices, counts, dates and prose; each tenth has a wrong total.
fn artifact(number: usize) -> String {
    let mut text = format!("# Decision {number}\n\nStatus: Accepted\n\n");
    let mut section = 0;
    while text.len() < BYTES {
        section += 1;
        let scores = |seed: usize| (0..4).map(move |i| 3 + (number + section * 7 + seed * 5 + i * 3) % 7);
        let weights = [40, 30, 20, 10];
        let total = |seed: usize| scores(seed).zip(weights).map(|(s, w)| s * w).sum::<usize>();
        let dec = |n: usize| format!("{}.{:02}", n / 100, n % 100);
        let wrong = usize::from(number.is_multiple_of(10) && section == 1) * 15;
        text += &format!(
            "## {section}. Comparison\n\nThree options were compared on 2026-03-{:02}:\n\n",
            1 + section % 28
        );
        text += "- Alpha, which is in use today\n- Beta, which a vendor runs\n- Gamma, which does not exist yet\n\n";
        text += "| Criterion | Weight | Alpha | Beta | Gamma |\n|---|---|---|---|---|\n";
        for (row, name) in ["Cost", "Speed", "Safety", "Fit"].iter().enumerate() {
            let cells: Vec<String> = (0..3).map(|s| scores(s).nth(row).unwrap_or(0).to_string()).collect();
            text += &format!("| {name} | {} | {} |\n", dec(weights[row]), cells.join(" | "));
        }
        text += &format!(
            "| **Total** | **1.00** | {} | {} | {} |\n\n",
            dec(total(0) + wrong),
            dec(total(1)),
            dec(total(2))
        );
        text += "The review took 3 + 4 = 7 days; 12 of 15 questions (80%) were answered. What is left is small, and nobody \
                 expects it to change the order. See [the start](#1-comparison) for the method, which was agreed before.\n\n";
    }
    text
}
