//! `count` of values: "5 Critical, 2 Major" against the rows that have those values, and parts
//! in brackets against their sum.

use super::doc::{Block, Doc, Row, Span, Table};
use super::number::{Number, numbers, only_number};
use super::{Found, has_word, norm};
use std::collections::BTreeMap;

const RULE: &str = "count";

pub(super) fn check(doc: &Doc<'_>, found: &mut Found<'_>) {
    for block in &doc.blocks {
        parts(block, found);
    }
    let columns = columns(doc);
    if columns.is_empty() {
        return;
    }
    for block in doc.blocks.iter() {
        let pairs = pairs(&block.text, &columns);
        let claims: Vec<Claim> = pairs
            .into_iter()
            .map(|(value, n, at)| Claim { value, stated: n, at: block.place(&at) })
            .collect();
        judge(&columns, &claims, block.section, None, found);
    }
    for (index, table) in doc.tables.iter().enumerate() {
        if let Some(claims) = summary(table, &columns) {
            judge(&columns, &claims, table.section, Some(index), found);
        }
    }
    lists(doc, &columns, found);
}

/// A column with values that repeat.
struct Column {
    table: usize,
    section: Option<usize>,
    head: String,
    counts: BTreeMap<String, usize>,
}

fn clean(text: &str) -> String {
    norm(text.split(['(', ':', ';', '—']).next().unwrap_or(text))
}

fn columns(doc: &Doc<'_>) -> Vec<Column> {
    let mut all = Vec::new();
    for (index, table) in doc.tables.iter().enumerate() {
        if table.rows.len() < 3 || table.rows.len() > 2_000 {
            continue;
        }
        let rows: Vec<&Row> =
            table.rows.iter().filter(|r| !super::totals::is_total(super::totals::label(r))).collect();
        for column in 0..table.head.len() {
            let head = norm(&table.head[column].text);
            let Some(counts) = counts(&rows, column).filter(|_| !head.is_empty()) else { continue };
            let filled: usize = counts.values().sum();
            let named = [
                "severity",
                "status",
                "priority",
                "state",
                "verdict",
                "result",
                "decision",
                "category",
                "type",
                "outcome",
                "level",
                "action",
                "criticality",
                "risk",
            ];
            let repeated = counts.len() * 10 <= filled * 7
                || named.iter().any(|n| has_word(&head, n)) && counts.len() < filled;
            if filled >= 3 && counts.len() >= 2 && repeated {
                all.push(Column { table: index, section: table.section, head, counts });
            }
        }
    }
    all
}

/// How often each value of a column is there; `None` if one is no short name.
fn counts(rows: &[&Row], column: usize) -> Option<BTreeMap<String, usize>> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for value in rows.iter().map(|r| clean(&r.cells[column].text)).filter(|v| !v.is_empty()) {
        let name =
            value.split(' ').count() <= 3 && value.len() <= 24 && !value.bytes().all(|b| b.is_ascii_digit());
        if !name {
            return None;
        }
        *counts.entry(value).or_default() += 1;
    }
    Some(counts)
}

struct Claim {
    value: String,
    stated: usize,
    at: Span,
}

/// `5 Critical`, `Critical: 5`, `Critical (5)`, `5x Critical` of values that some column has.
fn pairs(text: &str, columns: &[Column]) -> Vec<(String, usize, Span)> {
    if !text.bytes().any(|b| b.is_ascii_digit()) {
        return Vec::new();
    }
    let known = |w: &str| columns.iter().any(|c| c.counts.contains_key(w));
    let spans = super::count::words(text);
    let mut all: Vec<(String, usize, Span)> = Vec::new();
    let mut used = 0;
    let mut at = 0;
    while at < spans.len() {
        let value_at = |from: usize| {
            (1..=3)
                .rev()
                .filter_map(|n| {
                    let last = spans.get(from + n - 1)?;
                    let value = norm(&text[spans[from].start..last.end]);
                    known(&value).then_some((value, from + n))
                })
                .next()
        };
        let number = |i: usize| {
            spans.get(i).filter(|s| text[(*s).clone()].starts_with(|c: char| c.is_ascii_digit())).and_then(
                |s| super::count::whole(text[s.clone()].trim_end_matches(['x', '×'])).map(|n| (n, s.clone())),
            )
        };
        if let Some((n, place)) = number(at)
            && !quoted(text, place.start)
            && let Some((value, next)) = (at + 1 < spans.len()).then(|| value_at(at + 1)).flatten()
            && matches!(text[place.end..spans[at + 1].start].trim(), "" | "×" | "x" | "*")
            && !text[..place.start].ends_with(['.', '#', '-', '/', ',', '$'])
        {
            all.push((value, n, place.start..spans[next - 1].end));
            at = next;
            used = at;
            continue;
        }
        if at >= used
            && (at + 1..=at + 3).any(|i| number(i).is_some())
            && let Some((value, next)) = value_at(at)
            && let Some((n, place)) = number(next)
        {
            let gap = text[spans[next - 1].end..place.start].trim();
            let closed = gap != "(" || text[place.end..].trim_start().starts_with(')');
            let after = text[place.end..].chars().next();
            let whole = !matches!(after, Some('%' | '/' | '.'))
                || text[place.end..].starts_with(". ")
                || text[place.end..] == *".";
            if matches!(gap, ":" | "(" | "=" | "×" | "x") && closed && whole {
                all.push((value, n, spans[at].start..place.end));
                at = next + 1;
                used = at;
                continue;
            }
        }
        at += 1;
    }
    all
}

/// Within quotation marks: said by somebody else.
fn quoted(text: &str, at: usize) -> bool {
    text[..at].matches(['"', '\u{201c}', '\u{201d}']).count() % 2 == 1
}

/// A table `Severity | Count`.
fn summary(table: &Table, columns: &[Column]) -> Option<Vec<Claim>> {
    let count = table.head.iter().skip(1).position(|h| {
        let head = norm(&h.text);
        matches!(
            head.as_str(),
            "count"
                | "number"
                | "n"
                | "total"
                | "findings"
                | "tasks"
                | "items"
                | "risks"
                | "issues"
                | "qty"
                | "occurrences"
                | "stories"
                | "bugs"
                | "tests"
                | "results"
        ) || head.starts_with("number of")
            || has_word(&head, "count")
    })? + 1;
    let mut claims = Vec::new();
    for row in &table.rows {
        let value = clean(&row.cells[0].text);
        if columns.iter().any(|c| c.counts.contains_key(&value))
            && let Some(number) = only_number(&row.cells[count].text)
                .filter(|n| n.digits == 0 && n.unit.is_empty() && n.value >= 0.0)
        {
            claims.push(Claim { value, stated: number.value as usize, at: row.cells[count].at.clone() });
        }
    }
    (claims.len() >= 2).then_some(claims)
}

/// Items `- Critical: 5` of one list.
fn lists(doc: &Doc<'_>, columns: &[Column], found: &mut Found<'_>) {
    for list in &doc.lists {
        let mut claims = Vec::new();
        for block in list.items.iter().take(50).filter_map(|i| doc.items[*i].block).map(|b| &doc.blocks[b]) {
            let pairs = pairs(&block.text, columns);
            if let [(value, n, at)] = pairs.as_slice()
                && at.start == 0
            {
                claims.push(Claim { value: value.clone(), stated: *n, at: block.place(at) });
            }
        }
        judge(columns, &claims, list.section, None, found);
    }
}

/// Two or more claims about values of one column are about that column.
fn judge(
    columns: &[Column],
    claims: &[Claim],
    section: Option<usize>,
    own: Option<usize>,
    found: &mut Found<'_>,
) {
    let mut values: Vec<&str> = claims.iter().map(|c| c.value.as_str()).collect();
    values.sort_unstable();
    let doubled = values.windows(2).any(|w| w[0] == w[1]);
    if claims.len() < 2 || doubled {
        return;
    }
    let fitting: Vec<&Column> = columns
        .iter()
        .filter(|c| {
            Some(c.table) != own
                && claims.iter().filter(|k| c.counts.contains_key(&k.value)).count() == claims.len()
        })
        .collect();
    if fitting.is_empty() {
        return;
    }
    let matches = |counts: &BTreeMap<String, usize>| {
        claims.iter().filter(|k| counts.get(&k.value) == Some(&k.stated)).count()
    };
    // All tables with that column together, if there are several of it.
    let mut sums: BTreeMap<String, usize> = BTreeMap::new();
    for column in columns.iter().filter(|c| Some(c.table) != own && fitting.iter().any(|f| f.head == c.head))
    {
        for (value, n) in &column.counts {
            *sums.entry(value.clone()).or_default() += n;
        }
    }
    if matches(&sums) == claims.len() || fitting.iter().any(|c| matches(&c.counts) == claims.len()) {
        return;
    }
    let heads: Vec<&str> = fitting.iter().map(|c| c.head.as_str()).collect();
    if heads.iter().any(|h| *h != heads[0]) && fitting.len() > 1 {
        return;
    }
    let near: Vec<&&Column> = fitting.iter().filter(|c| c.section == section).collect();
    let several = columns.iter().filter(|c| Some(c.table) != own && c.head == heads[0]).count() > 1;
    let counts = match near.as_slice() {
        [one] => &one.counts,
        _ if several => &sums,
        _ => &fitting[0].counts,
    };
    // Something must say that these rows are meant: one count that fits, or all together.
    let total: usize = claims.iter().map(|k| k.stated).sum();
    let rows: usize = claims.iter().filter_map(|k| counts.get(&k.value)).sum();
    // Some of the values only: two must fit.
    let covers = claims.len() >= counts.len();
    let off = claims.len() - matches(counts);
    if (matches(counts) == 0 || off > 1 || !covers && matches(counts) < 2) && total != rows {
        return;
    }
    for claim in claims {
        let right = counts.get(&claim.value).copied().unwrap_or(0);
        if right != claim.stated {
            let message =
                format!("{} rows with \"{}\" are stated, the table has {right}", claim.stated, claim.value);
            found.wrong(RULE, claim.at.clone(), message, claim.stated.to_string(), right.to_string());
        }
    }
}

/// Words that split a number of things into kinds.
const KINDS: [&str; 52] = [
    "critical",
    "major",
    "minor",
    "high",
    "medium",
    "low",
    "open",
    "closed",
    "done",
    "passed",
    "failed",
    "skipped",
    "blocked",
    "pending",
    "complete",
    "completed",
    "new",
    "fixed",
    "resolved",
    "accepted",
    "rejected",
    "deferred",
    "warnings",
    "errors",
    "info",
    "ignored",
    "passing",
    "failing",
    "succeeded",
    "started",
    "planned",
    "active",
    "in",
    "not",
    "must",
    "should",
    "could",
    "mitigated",
    "approved",
    "cancelled",
    "canceled",
    "trivial",
    "moderate",
    "informational",
    "optional",
    "required",
    "backlog",
    "todo",
    "unresolved",
    "merged",
    "wontfix",
    "review",
];

/// `14 findings (5 critical, 3 major, 6 minor)` and `14 findings: 5 critical, ...`.
fn parts(block: &Block, found: &mut Found<'_>) {
    let text = &block.text;
    let all = numbers(text);
    // A whole and two parts.
    if all.len() < 3 {
        return;
    }
    let whole = |n: &Number| n.digits == 0 && n.unit.is_empty() && !n.about && n.value >= 0.0;
    for (index, total) in all.iter().enumerate() {
        if !whole(total) || total.value < 2.0 {
            continue;
        }
        let rest = &text[total.whole.end..];
        // `Phase 2 artifacts (6 planned)`: a name.
        let before = text[..total.whole.start].trim_end().rsplit(' ').next().unwrap_or_default();
        if super::count::NAMED.contains(&before.to_lowercase().as_str()) {
            continue;
        }
        let Some(open) = rest.find(['(', ':', '—']).filter(|o| *o <= 40) else { continue };
        let noun = norm(&rest[..open]);
        let words = noun.split(' ').filter(|w| !w.is_empty()).count();
        if !(1..=4).contains(&words) || rest[..open].contains([',', '.', ';', '/', '%']) {
            continue;
        }
        let sign = rest[open..].chars().next().map_or(1, char::len_utf8);
        let start = total.whole.end + open + sign;
        let close = if rest[open..].starts_with('(') { ")" } else { "." };
        let end = text[start..].find(close).map_or(text.len(), |e| start + e);
        let listed: Vec<&Number> = all[index + 1..].iter().take_while(|n| n.whole.end <= end).collect();
        if listed.len() < 2
            || listed.len() > 8
            || !listed.iter().all(|n| whole(n))
            || listed[0].whole.start != start + text[start..].len() - text[start..].trim_start().len()
        {
            continue;
        }
        let stops: Vec<usize> = listed.iter().skip(1).map(|n| n.whole.start).chain([end]).collect();
        let kind = |n: &Number, stop: usize| {
            let words = norm(&text[n.whole.end..stop]);
            let first = words.split(' ').next().unwrap_or_default().to_owned();
            let few = words.trim_end_matches(" and").split(' ').count() <= 4;
            few && KINDS.contains(&first.as_str())
        };
        if !listed.iter().zip(&stops).all(|(n, stop)| kind(n, *stop)) {
            continue;
        }
        let sum: f64 = listed.iter().map(|n| n.value).sum();
        // Another number of the same sentence may be the whole.
        let start = text[..total.whole.start].rfind(". ").map_or(0, |p| p + 2);
        let other = all[..index].iter().any(|n| n.at.start >= start && (n.value - sum).abs() < 0.5);
        if (sum - total.value).abs() > 0.5 && !other {
            let message = "the parts do not add up to the whole";
            found.wrong(
                RULE,
                block.place(&total.whole),
                message,
                format!("{}", total.value),
                format!("{sum}"),
            );
            return;
        }
    }
}
