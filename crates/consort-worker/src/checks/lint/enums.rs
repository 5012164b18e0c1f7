//! `enum`: values outside what is declared or kept to.

use super::doc::{Doc, Span, Table};
use super::{Found, has_word, norm};
use std::collections::BTreeMap;

const RULE: &str = "enum";

pub(super) fn check(doc: &Doc<'_>, found: &mut Found<'_>) {
    let declared = declared(doc);
    for (index, table) in doc.tables.iter().enumerate() {
        for column in 0..table.head.len() {
            let head = norm(&table.head[column].text);
            if head.is_empty() || table.rows.len() < 2 {
                continue;
            }
            match declared.iter().find(|d| d.name == head && d.table != Some(index)) {
                Some(legend) => outside(table, column, legend, found),
                None => kept(table, column, &head, found),
            }
        }
    }
}

/// Values that a legend allows.
struct Legend {
    name: String,
    values: Vec<String>,
    table: Option<usize>,
}

/// `Status: one of A, B, C`, `Legend: ...`, and tables `Status | Meaning`.
fn declared(doc: &Doc<'_>) -> Vec<Legend> {
    let mut all = Vec::new();
    for block in doc.blocks.iter().filter(|b| !b.heading) {
        all.extend(sentence_legend(&block.text));
    }
    for (index, table) in doc.tables.iter().enumerate() {
        let [first, second, ..] = table.head.as_slice() else { continue };
        let meaning = norm(&second.text);
        if !["meaning", "definition", "means"].iter().any(|w| has_word(&meaning, w)) {
            continue;
        }
        let first_name = norm(&first.text);
        let named = GRADED
            .iter()
            .chain(&["symbol", "code", "label", "rating", "grade", "tag", "verdict", "decision"]);
        let graded = named.into_iter().any(|w| has_word(&first_name, w));
        if graded && table.rows.len() >= 2 {
            let values = table.rows.iter().map(|r| norm(&r.cells[0].text)).collect();
            all.push(Legend { name: norm(&first.text), values, table: Some(index) });
        }
    }
    all
}

fn sentence_legend(text: &str) -> Option<Legend> {
    // Each of the forms below has one of these in it.
    let ascii = text.to_ascii_lowercase();
    if !["one of", "values", "statuses", "legend:", "must be"].iter().any(|w| ascii.contains(w)) {
        return None;
    }
    let lower = text.to_lowercase();
    let named_first =
        ["allowed values", "valid values", "possible values", "allowed statuses", "valid statuses"];
    let starts = [
        "one of",
        "allowed values",
        "valid values",
        "values:",
        "legend:",
        "statuses:",
        "is one of",
        "must be",
    ];
    let listed = named_first.iter().find_map(|s| lower.find(s)).and_then(|at| {
        let colon = lower[at..].find(':').filter(|c| *c <= 60)?;
        Some(at + colon + 1)
    });
    let at = listed.or_else(|| starts.iter().find_map(|s| lower.find(s).map(|at| at + s.len())))?;
    if !text.is_char_boundary(at) || lower.len() != text.len() {
        return None;
    }
    let before = norm(&text[..at]);
    let names = [
        "status",
        "severity",
        "priority",
        "criticality",
        "state",
        "risk",
        "likelihood",
        "impact",
        "confidence",
        "decision",
        "verdict",
    ];
    let name = names.iter().find(|n| {
        before
            .split(' ')
            .any(|w| w == **n || w.strip_suffix("es") == Some(n) || w.strip_suffix('s') == Some(n))
    })?;
    let list = text[at..].trim_start_matches([':', ' ', '(']);
    let end = list.find(['.', ';', '\n', ')']).unwrap_or(list.len());
    let parts =
        list[..end].split([',', '|', '/']).flat_map(|p| p.split(" or ").flat_map(|q| q.split(" and ")));
    let values: Vec<String> = parts
        .map(|p| norm(p.split(" (").next().unwrap_or(p).split('=').next().unwrap_or(p)))
        .map(|p| p.trim_start_matches("or ").trim_start_matches("and ").to_owned())
        .filter(|p| !p.is_empty())
        .collect();
    let short = values.iter().all(|v| v.split(' ').count() <= 3);
    (values.len() >= 2 && short).then(|| Legend { name: (*name).to_owned(), values, table: None })
}

fn value(text: &str) -> String {
    norm(text.split(" (").next().unwrap_or(text))
}

fn outside(table: &Table, column: usize, legend: &Legend, found: &mut Found<'_>) {
    let cells: Vec<_> = table
        .rows
        .iter()
        .filter(|r| !super::totals::is_total(super::totals::label(r)))
        .map(|r| &r.cells[column])
        .filter(|c| !value(&c.text).is_empty())
        .collect();
    let fits = |text: &str| legend.values.contains(&value(text));
    let inside = cells.iter().filter(|c| fits(&c.text)).count();
    if inside < 2 || inside * 3 < cells.len() * 2 {
        return;
    }
    for cell in cells {
        if !fits(&cell.text) && value(&cell.text).split(' ').count() <= 3 {
            let message = format!("`{}` is none of the values declared for {}", cell.text, legend.name);
            found.wrong(RULE, place(cell), message, &cell.text, legend.values.join(", "));
        }
    }
}

fn place(cell: &super::doc::Cell) -> Span {
    cell.at.clone()
}

/// Sets of values that people keep to.
const SETS: [&[&str]; 7] = [
    &["c1", "c2", "c3", "c4"],
    &["h", "m", "l"],
    &[
        "high",
        "medium",
        "low",
        "critical",
        "very high",
        "very low",
        "none",
        "med",
        "moderate",
        "negligible",
        "minimal",
        "severe",
        "extreme",
        "info",
        "informational",
        "minor",
        "major",
        "blocker",
        "trivial",
        "catastrophic",
        "significant",
        "medium high",
        "low medium",
        "medium low",
        "n a",
        "unknown",
        "tbd",
        "high medium",
        "low high",
        "mid",
        "normal",
        "urgent",
        "certain",
        "likely",
        "possible",
        "unlikely",
        "rare",
        "resolved",
        "mitigated",
        "mandatory",
        "optional",
        "low to medium",
        "medium to high",
    ],
    &["p0", "p1", "p2", "p3", "p4", "p5"],
    &[
        "critical",
        "major",
        "minor",
        "blocker",
        "trivial",
        "nit",
        "info",
        "observation",
        "none",
        "suggestion",
        "moderate",
        "note",
        "high",
        "medium",
        "low",
    ],
    &["s", "m", "l", "xl", "xs", "xxl", "xxs"],
    &[
        "yes",
        "no",
        "partial",
        "partially",
        "n a",
        "unknown",
        "maybe",
        "planned",
        "optional",
        "limited",
        "sometimes",
        "mixed",
        "depends",
        "some",
        "experimental",
        "native",
        "manual",
        "via plugin",
        "plugin",
    ],
];

/// States that everybody knows: one of them is meant where a letter is off.
const STATES: [&str; 24] = [
    "open",
    "closed",
    "blocked",
    "done",
    "pending",
    "complete",
    "completed",
    "in progress",
    "not started",
    "planned",
    "active",
    "draft",
    "accepted",
    "approved",
    "rejected",
    "resolved",
    "deferred",
    "cancelled",
    "high",
    "medium",
    "low",
    "critical",
    "major",
    "minor",
];

/// Columns whose cells are graded, not told.
const GRADED: [&str; 15] = [
    "severity",
    "priority",
    "criticality",
    "likelihood",
    "impact",
    "probability",
    "risk",
    "effort",
    "confidence",
    "level",
    "status",
    "state",
    "urgency",
    "complexity",
    "size",
];

fn kept(table: &Table, column: usize, head: &str, found: &mut Found<'_>) {
    let graded = GRADED.iter().any(|w| has_word(head, w));
    if !graded {
        return;
    }
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for row in &table.rows {
        let value = value(&row.cells[column].text);
        if !value.is_empty() {
            *counts.entry(value).or_default() += 1;
        }
    }
    let filled: usize = counts.values().sum();
    for row in &table.rows {
        let cell = &row.cells[column];
        let value = value(&cell.text);
        if value.is_empty() || counts.get(&value) != Some(&1) {
            continue;
        }
        // One letter off a value that others have.
        let meant = counts
            .iter()
            .find(|(other, n)| {
                (**n >= 2 || STATES.contains(&other.as_str()))
                    && typo(&value, other)
                    && !STATES.contains(&value.as_str())
            })
            .map(|(other, _)| other.clone());
        if let Some(meant) = meant {
            found.wrong(
                RULE,
                place(cell),
                format!("`{}` is no value that the other rows of the column have", cell.text),
                &cell.text,
                meant,
            );
            continue;
        }
        let set = SETS.iter().find(|set| {
            let inside =
                counts.iter().filter(|(v, _)| set.contains(&v.as_str())).map(|(_, n)| n).sum::<usize>();
            inside + 1 == filled && inside >= 3
        });
        let short = value.len() <= 12 && value.split(' ').count() == 1;
        let code = |set: &[&str]| set[0].len() == 2 && set[0].ends_with(|c: char| c.is_ascii_digit());
        let alike = |set: &[&str]| match code(set) {
            true => value.len() == 2 && value.as_bytes()[0] == set[0].as_bytes()[0],
            false => near_known(&value, set) || (set[0] == "h" && value.len() == 1),
        };
        if let Some(set) = set.filter(|set| short && !set.contains(&value.as_str()) && alike(set)) {
            found.wrong(
                RULE,
                place(cell),
                format!("`{}` is no value that the other rows of the column keep to", cell.text),
                &cell.text,
                set.iter().take(5).copied().collect::<Vec<_>>().join(", "),
            );
        }
    }
}

fn near_known(value: &str, set: &[&str]) -> bool {
    set.iter().any(|known| typo(value, known))
}

/// At most two letters off, in words that are long enough for that to be no accident.
fn typo(a: &str, b: &str) -> bool {
    let (long, least) = (a.len().max(b.len()), a.len().min(b.len()));
    let digits = |t: &str| t.bytes().any(|c| c.is_ascii_digit());
    if a == b || least < 4 || digits(a) || digits(b) || a.contains(b) || b.contains(a) {
        // A letter left out at the end is one too.
        let cut = a != b
            && least >= 4
            && long - least == 1
            && (a.starts_with(b) || b.starts_with(a))
            && !a.ends_with('s')
            && !b.ends_with('s')
            && !a.ends_with('d')
            && !b.ends_with('d');
        return cut && !digits(a);
    }
    distance(a, b) <= if long >= 8 { 2 } else { 1 }
}

/// Edits with swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 2 || a.len() > 40 {
        return 9;
    }
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let change = usize::from(a[i - 1] != b[j - 1]);
                let mut best = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + change);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(rows[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_told_from_other_words() {
        for (a, b) in [
            ("complte", "complete"),
            ("in progess", "in progress"),
            ("hihg", "high"),
            ("medim", "medium"),
            ("blcked", "blocked"),
        ] {
            assert!(typo(a, b), "{a}");
        }
        for (a, b) in [
            ("done", "gone to"),
            ("low", "now"),
            ("complete", "completed"),
            ("pending", "ending soon"),
            ("started", "not started"),
            ("v 1", "v 2"),
        ] {
            assert!(!typo(a, b), "{a}");
        }
    }
}
