//! `count`: rows and columns of sums, and totals of plain tables.

use super::Found;
use super::doc::{Doc, Row, Table};
use super::matrix::Matrix;
use super::number::{Number, numbers, only_number, show};
use super::{has_word, norm};

const RULE: &str = "count";

pub(super) fn check(doc: &Doc<'_>, matrices: &[Matrix], found: &mut Found<'_>) {
    for (index, table) in doc.tables.iter().enumerate() {
        if matrices.iter().any(|m| m.table == index && !m.choices.is_empty()) {
            continue;
        }
        rows(table, found);
        columns(table, found);
    }
}

/// True if a label says that its row adds up what stands above it, and nothing else.
pub(super) fn is_total(label: &str) -> bool {
    let label = norm(label);
    let known = ["total", "totals", "sum", "grand", "overall", "all", "summe", "gesamt", "in", "of", "the"];
    !label.is_empty()
        && label.split(' ').all(|w| known.contains(&w))
        && ["total", "totals", "sum", "summe", "gesamt"].iter().any(|w| has_word(&label, w))
}

/// The first cell that says something.
pub(super) fn label(row: &Row) -> &str {
    row.cells.iter().take(2).map(|c| c.text.as_str()).find(|t| !t.is_empty()).unwrap_or_default()
}

/// Sections within a table: a subtotal adds up what is above it up to the last one.
fn rows(table: &Table, found: &mut Found<'_>) {
    let is_sub = |r: &Row| has_word(&norm(label(r)), "subtotal") || norm(label(r)).starts_with("sub total");
    for (at, row) in table.rows.iter().enumerate() {
        let (total, sub) = (is_total(label(row)), is_sub(row));
        if !total && !sub {
            continue;
        }
        let above = &table.rows[..at];
        // Another total above: this one may add up totals.
        if total && above.iter().any(|r| is_total(label(r))) {
            continue;
        }
        let start = above.iter().rposition(is_sub).map_or(0, |p| p + 1);
        let parts: Vec<&Row> = match sub {
            true => above[start..].iter().collect(),
            false => above.iter().filter(|r| !is_sub(r)).collect(),
        };
        if parts.len() >= 2 {
            for column in 1..table.head.len() {
                sum(table, row, &parts, column, found);
            }
        }
    }
}

/// Columns whose numbers are not added up.
fn adds_up(head: &str) -> bool {
    let head = norm(head);
    let never = [
        "avg",
        "average",
        "mean",
        "median",
        "rate",
        "ratio",
        "score",
        "rank",
        "id",
        "no",
        "version",
        "year",
        "date",
        "p50",
        "p90",
        "p95",
        "p99",
        "max",
        "min",
        "percentile",
        "coverage",
        "weight",
        "per",
        "index",
        "cagr",
        "growth",
        "change",
        "price",
        "line",
        "lines",
        "page",
        "port",
        "level",
        "unique",
        "distinct",
        "peak",
        "pass",
        "success",
        "phase",
        "step",
        "sprint",
        "week",
        "day",
        "margin",
        "yield",
        "efficiency",
        "utilization",
        "utilisation",
        "velocity",
        "confidence",
        "roi",
        "latency",
        "age",
        "cumulative",
        "running",
        "order",
        "sr",
        "seq",
    ];
    !never.iter().any(|w| has_word(&head, w))
}

fn sum(table: &Table, total: &Row, parts: &[&Row], column: usize, found: &mut Found<'_>) {
    let head = &table.head[column].text;
    let cell = &total.cells[column];
    let Some(stated) = plain_total(&cell.text) else { return };
    if !adds_up(head) {
        return;
    }
    let mut sum = 0.0;
    let mut digits = 0;
    let mut count = 0;
    let mut wholes = true;
    for row in parts {
        let text = row.cells[column].text.trim();
        if text.is_empty() || matches!(text, "-" | "\u{2013}" | "\u{2014}" | "--") {
            continue;
        }
        let Some(number) = only_number(text).filter(|n| same_unit(&n.unit, &stated.unit)) else { return };
        sum += number.value;
        digits = digits.max(number.digits);
        wholes &= number.digits == 0;
        count += 1;
    }
    if count < 2 {
        return;
    }
    // Rounded parts of a rounded whole.
    let mut slack = if wholes && !stated.is_percent() {
        0.0
    } else {
        0.5 * f64::from(count) * 10f64.powi(-(digits as i32))
    };
    if stated.is_percent() {
        let whole = (sum - 100.0).abs() <= slack.max(1.5) && (stated.value - 100.0).abs() < 1e-9;
        // Percentages are often of different things: only a whole is one.
        if whole
            || !(80.0..=120.0).contains(&sum)
            || (stated.value - 100.0).abs() > 20.0
            || stated.value > 100.0
        {
            return;
        }
    }
    if stated.digits >= digits && digits >= 2 {
        // Money and scores in full are exact.
        slack = 0.0;
    }
    let near = (stated.value - sum).abs()
        <= slack + stated.half() * f64::from(u8::from(stated.digits < digits)) + 1e-6;
    // An average, or a mean of a sort, is no sum.
    let mean = stated.rounds(sum / f64::from(count)) && count >= 2;
    let far = stated.value.abs() < 0.34 * sum.abs() || stated.value.abs() > 3.0 * sum.abs().max(1.0);
    if near || mean || (far && (stated.value - sum).abs() > 20.0) {
        return;
    }
    let name = if head.is_empty() { format!("column {}", column + 1) } else { format!("`{head}`") };
    found.wrong(
        RULE,
        cell.at.clone(),
        format!("the total of {name} is not the sum of its rows"),
        format!("{}{}", show(stated.value, stated.digits), percent(&stated)),
        format!("{}{}", show(sum, digits.min(stated.digits.max(digits))), percent(&stated)),
    );
}

fn percent(number: &Number) -> &'static str {
    if number.is_percent() { "%" } else { "" }
}

/// `14`, `14 findings`, `**14**`.
fn plain_total(text: &str) -> Option<Number> {
    only_number(text).or_else(|| {
        let all = numbers(text);
        let first = all.first().filter(|n| all.len() == 1 && !n.about && n.whole.start == 0)?;
        let tail = text[first.whole.end..].trim();
        (tail.len() <= 20 && tail.chars().all(|c| c.is_alphabetic() || c == ' ')).then(|| first.clone())
    })
}

fn same_unit(a: &str, b: &str) -> bool {
    a == b || a.is_empty() && !b.ends_with('%') || b.is_empty() && !a.ends_with('%')
}

/// A last column `Total` that adds up the numbers left of it, if most rows keep to it.
fn columns(table: &Table, found: &mut Found<'_>) {
    let Some(last) = (2..table.head.len()).rev().find(|c| is_total(&table.head[*c].text)) else { return };
    let numeric = |c: usize| {
        let good = table.rows.iter().filter(|r| only_number(&r.cells[c].text).is_some()).count();
        good > 0 && good * 10 >= table.rows.len() * 8
    };
    let parts: Vec<usize> = (1..last).filter(|c| numeric(*c)).collect();
    if parts.len() < 2 {
        return;
    }
    let mut cells = Vec::new();
    for row in &table.rows {
        let Some(stated) = only_number(&row.cells[last].text) else { continue };
        let values: Option<Vec<Number>> = parts
            .iter()
            .map(|c| match row.cells[*c].text.trim() {
                "" | "-" | "\u{2013}" | "\u{2014}" => only_number("0"),
                text => only_number(text).filter(|n| same_unit(&n.unit, &stated.unit)),
            })
            .collect();
        let Some(values) = values else { continue };
        let sum: f64 = values.iter().map(|v| v.value).sum();
        cells.push((stated, sum, row));
    }
    let right = cells.iter().filter(|(s, sum, _)| s.rounds(*sum)).count();
    if right < 2 || right * 3 < cells.len() * 2 {
        return;
    }
    for (stated, sum, row) in cells {
        if !stated.rounds(sum) {
            let message = format!("the total of the row \"{}\" is not the sum of its cells", label(row));
            found.wrong(
                RULE,
                row.cells[last].at.clone(),
                message,
                show(stated.value, stated.digits),
                show(sum, stated.digits),
            );
        }
    }
}
