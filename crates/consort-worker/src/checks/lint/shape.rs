//! `table-shape`: rows with more or fewer cells than the head.

use super::Found;
use super::doc::{Doc, What, written_cells};

const RULE: &str = "table-shape";

pub(super) fn check(doc: &Doc<'_>, found: &mut Found<'_>) {
    for table in &doc.tables {
        let wanted = table.head.len();
        let odd = table.rows.iter().filter(|r| r.written != wanted).count();
        // A table that is mostly so is written in a style of its own.
        if odd * 2 > table.rows.len() && table.rows.len() > 2 {
            continue;
        }
        for row in &table.rows {
            // A line without a bar directly under a table is prose that the table swallowed.
            let line = doc.source[row.at.clone()].trim();
            if row.written != wanted && line.contains('|') {
                let start = row.at.start;
                let what = if row.written > wanted { "more" } else { "fewer" };
                found.wrong(
                    RULE,
                    start..start + line.len(),
                    format!("the row has {what} cells than the head of its table"),
                    cells(row.written),
                    cells(wanted),
                );
            }
        }
    }
    broken(doc, found);
}

fn cells(n: usize) -> String {
    if n == 1 { "1 cell".into() } else { format!("{n} cells") }
}

/// A delimiter row that does not fit its head makes no table at all.
fn broken(doc: &Doc<'_>, found: &mut Found<'_>) {
    for element in &doc.flow {
        let What::Block(block) = element.what else { continue };
        let at = &doc.blocks[block].at;
        let source = &doc.source[at.start..at.end.max(at.start)];
        let mut previous: Option<&str> = None;
        let mut from = at.start;
        for line in source.split_inclusive('\n') {
            let bare = line.trim();
            let is_rule = bare.starts_with('|')
                && bare.contains("--")
                && bare.chars().all(|c| matches!(c, '|' | '-' | ':' | ' ' | '\t'));
            if let (true, Some(head)) = (is_rule, previous.filter(|p| p.starts_with('|'))) {
                let (rule, head) = (written_cells(bare), written_cells(head));
                if rule != head {
                    let message = "the line under the head has another number of cells: this is no table";
                    found.wrong(RULE, from..from + bare.len(), message, cells(rule), cells(head));
                }
            }
            previous = Some(bare);
            from += line.len();
        }
    }
}
