//! `arithmetic` of tables: a column that is the product, sum, difference or share of others.

use super::Found;
use super::doc::{Doc, Row, Table};
use super::matrix::Matrix;
use super::number::{Number, numbers, only_number, show};
use super::{has_word, norm};

const RULE: &str = "arithmetic";

pub(super) fn check(doc: &Doc<'_>, matrices: &[Matrix], found: &mut Found<'_>) {
    for (index, table) in doc.tables.iter().enumerate() {
        let weighed = matrices.iter().any(|m| m.table == index && !m.choices.is_empty());
        if weighed || table.head.len() < 3 || table.head.len() > 30 {
            continue;
        }
        if !risk_numbers(table, found) {
            relations(table, found);
        }
    }
}

fn column(table: &Table, names: &[&str]) -> Option<usize> {
    table.head.iter().position(|h| {
        let head = norm(&h.text);
        let first = head.split(' ').next().unwrap_or_default();
        names.iter().any(|n| head == *n || (n.len() > 1 && first == *n && head.len() < n.len() + 14))
    })
}

/// Severity x occurrence x detection.
fn risk_numbers(table: &Table, found: &mut Found<'_>) -> bool {
    let (Some(s), Some(o), Some(d), Some(rpn)) = (
        column(table, &["s", "sev", "severity"]),
        column(table, &["o", "occ", "occurrence"]),
        column(table, &["d", "det", "detection", "detectability"]),
        column(table, &["rpn", "risk priority number"]),
    ) else {
        return false;
    };
    for row in &table.rows {
        let value = |c: usize| only_number(&row.cells[c].text);
        if let (Some(s), Some(o), Some(d), Some(stated)) =
            (value(s), value(o), value(d), first_number(row, rpn))
        {
            let right = s.value * o.value * d.value;
            if !stated.rounds(right) {
                wrong(table, row, rpn, &stated, right, "severity x occurrence x detection", found);
            }
        }
    }
    true
}

/// `20`, `20 (High)`.
fn first_number(row: &Row, column: usize) -> Option<Number> {
    let text = row.cells[column].text.trim();
    only_number(text).or_else(|| {
        let all = numbers(text);
        let first = all.first().filter(|n| all.len() == 1 && n.whole.start == 0 && !n.about)?;
        let tail = text[first.whole.end..].trim();
        let worded = tail.is_empty()
            || tail.starts_with('(') && tail.ends_with(')')
            || !tail.starts_with(|c: char| c.is_ascii());
        (worded && first.unit.is_empty()).then(|| first.clone())
    })
}

fn wrong(
    table: &Table,
    row: &Row,
    column: usize,
    stated: &Number,
    right: f64,
    how: &str,
    found: &mut Found<'_>,
) {
    let head = &table.head[column].text;
    found.wrong(
        RULE,
        row.cells[column].at.clone(),
        format!("`{head}` of the row \"{}\" is not {how}", super::totals::label(row)),
        show(stated.value, stated.digits) + if stated.is_percent() { "%" } else { "" },
        show(right, stated.digits) + if stated.is_percent() { "%" } else { "" },
    );
}

/// How one column comes from two others.
#[derive(Clone, Copy, PartialEq)]
enum Op {
    Times,
    Minus,
    Share,
    Plus,
    Change,
}

impl Op {
    fn of(self, a: f64, b: f64) -> Option<f64> {
        let value = match self {
            Op::Times => a * b,
            Op::Minus => a - b,
            Op::Plus => a + b,
            Op::Share => 100.0 * a / b,
            Op::Change => 100.0 * (b - a) / a,
        };
        value.is_finite().then_some(value)
    }

    fn words(self, a: &str, b: &str) -> String {
        match self {
            Op::Times => format!("`{a}` x `{b}`"),
            Op::Minus => format!("`{a}` - `{b}`"),
            Op::Plus => format!("`{a}` + `{b}`"),
            Op::Share => format!("`{a}` as a share of `{b}`"),
            Op::Change => format!("the change from `{a}` to `{b}` in percent"),
        }
    }
}

/// What the head of a result column is called.
fn hinted(head: &str) -> &'static [Op] {
    let head = norm(head);
    let has = |words: &[&str]| words.iter().any(|w| has_word(&head, w));
    if has(&[
        "rpn", "score", "risk", "exposure", "rating", "amount", "cost", "subtotal", "extended", "product",
        "value", "price",
    ]) || head == "total"
        || has_word(&head, "total")
    {
        return &[Op::Times, Op::Plus, Op::Share];
    }
    if has(&[
        "diff",
        "difference",
        "delta",
        "variance",
        "change",
        "gap",
        "remaining",
        "balance",
        "net",
        "left",
        "open",
        "savings",
        "profit",
        "margin",
        "failed",
        "improvement",
        "reduction",
    ]) || head.contains('δ')
    {
        return &[Op::Minus, Op::Change];
    }
    if has(&[
        "share",
        "percent",
        "percentage",
        "rate",
        "coverage",
        "progress",
        "complete",
        "completion",
        "done",
        "used",
        "utilization",
        "pct",
        "pass",
    ]) || head.is_empty()
    {
        return &[Op::Share];
    }
    &[]
}

/// What rounding leaves open: whole numbers are exact.
fn open(number: &Number) -> f64 {
    if number.digits == 0 { 0.0 } else { number.half() / if number.is_percent() { 100.0 } else { 1.0 } }
}

/// A relation holds if most rows, and at least two, keep to it and it is not trivial.
fn relations(table: &Table, found: &mut Found<'_>) {
    let rows: Vec<&Row> =
        table.rows.iter().filter(|r| !super::totals::is_total(super::totals::label(r))).take(500).collect();
    if rows.len() < 3 {
        return;
    }
    let numbers: Vec<Vec<Option<Number>>> =
        (0..table.head.len()).map(|c| rows.iter().map(|r| first_number(r, c)).collect()).collect();
    let numeric: Vec<usize> = (0..table.head.len())
        .filter(|c| numbers[*c].iter().flatten().count() * 10 >= rows.len() * 7)
        .filter(|c| *c > 0 || numbers[0].iter().flatten().any(|n| n.digits > 0))
        .collect();
    if numeric.len() < 3 || numeric.len() > 12 {
        return;
    }
    for target in &numeric {
        let percent_head = table.head[*target].text.contains('%');
        let ops: &[Op] =
            if percent_head { &[Op::Share, Op::Change] } else { hinted(&table.head[*target].text) };
        relation(table, &rows, &numbers, &numeric, *target, ops, found);
    }
}

fn relation(
    table: &Table,
    rows: &[&Row],
    numbers: &[Vec<Option<Number>>],
    numeric: &[usize],
    target: usize,
    ops: &[Op],
    found: &mut Found<'_>,
) {
    for op in ops {
        for a in numeric.iter().filter(|a| **a != target) {
            for b in numeric.iter().filter(|b| **b != target && *b != a) {
                let percent = numbers[target].iter().flatten().any(Number::is_percent);
                let unfit =
                    *op == Op::Minus && percent && !numbers[*a].iter().flatten().any(Number::is_percent)
                        || *op == Op::Plus && numeric.len() > 3;
                if unfit || matches!(op, Op::Times | Op::Plus) && a > b {
                    continue;
                }
                let mut fits = 0;
                let mut telling = 0;
                let mut off = Vec::new();
                for (at, row) in rows.iter().enumerate() {
                    let (Some(x), Some(y), Some(z)) =
                        (&numbers[*a][at], &numbers[*b][at], &numbers[target][at])
                    else {
                        continue;
                    };
                    let (p, q) = match op {
                        Op::Times => (x.share(), y.share()),
                        _ => (x.value, y.value),
                    };
                    let Some(right) = op.of(p, q) else { continue };
                    // Rounded operands give a range of results.
                    let spread = match op {
                        Op::Times if x.digits + y.digits > 0 => {
                            (open(x) * q.abs() + open(y) * p.abs()).min(right.abs() * 0.02)
                        }
                        Op::Minus | Op::Plus if x.digits.max(y.digits) > 0 => x.half() + y.half(),
                        _ => 0.0,
                    };
                    let exact = x.digits + y.digits == 0 || z.digits >= x.digits.max(y.digits);
                    let spread = if exact && matches!(op, Op::Minus | Op::Plus) { 0.0 } else { spread };
                    let fine = z.nears(right) && matches!(op, Op::Share | Op::Change)
                        || z.rounds(right)
                        || (z.value - right).abs() <= spread + z.half() * f64::from(u8::from(spread > 0.0));
                    if fine {
                        fits += 1;
                        let trivial = match op {
                            Op::Times => p == 0.0 || q == 0.0 || p == 1.0 || q == 1.0,
                            Op::Share | Op::Minus | Op::Change => p == 0.0 || q == 0.0 || p == q,
                            _ => p == 0.0 || q == 0.0,
                        };
                        telling += usize::from(!trivial);
                    } else {
                        off.push((*row, z, right));
                    }
                }
                let enough = fits >= 2 && telling >= 2 && fits >= 2 * off.len() && off.len() <= 3;
                if enough && !off.is_empty() {
                    // Another reading may explain the odd ones too: only near misses of few are told.
                    let how = op.words(&table.head[*a].text, &table.head[*b].text);
                    for (row, stated, right) in off {
                        wrong(table, row, target, stated, right, &how, found);
                    }
                    return;
                }
                if enough {
                    return;
                }
            }
        }
    }
}
