//! `mismatch`: the same quantity with different values in two places: shares of the weight, and
//! rows of tables that the prose names again.

use super::doc::{Block, Doc, Span};
use super::matrix::Matrix;
use super::number::{Number, numbers, only_number, show};
use super::{Found, arithmetic, count, norm, scenario};
use std::collections::BTreeMap;

const RULE: &str = "mismatch";
/// More labelled quantities than a person repeats.
const FACTS_MAX: usize = 2_000;

pub(super) fn check(doc: &Doc<'_>, matrices: &[Matrix], found: &mut Found<'_>) {
    shares(doc, matrices, found);
    repeated(doc, matrices, found);
}

/// `the top three dimensions carry 55% of the weight`.
fn shares(doc: &Doc<'_>, matrices: &[Matrix], found: &mut Found<'_>) {
    let weighted = matrices.iter().find(|m| m.shares().is_some() && m.criteria.len() >= 3);
    let mut said: Vec<(usize, Number, Span)> = Vec::new();
    for block in doc.blocks.iter().filter(|b| b.text.contains('%')) {
        for sentence in arithmetic::sentences(&block.text) {
            let text = &block.text[sentence.clone()];
            let words = norm(text);
            if !words.contains("weight") && !words.contains("dimensions") && !words.contains("criteria") {
                continue;
            }
            let all = numbers(text);
            let percents: Vec<&Number> = all.iter().filter(|n| n.is_percent() && !n.about).collect();
            let [percent] = percents.as_slice() else { continue };
            let behind = norm(&text[percent.whole.end..]);
            let of_weight = [
                "of the total weight",
                "of total weight",
                "of the weight",
                "of weight",
                "of all weight",
                "of the overall weight",
                "of the weighting",
                "weight",
            ]
            .iter()
            .any(|s| behind.starts_with(s));
            let top = top(&words);
            let place =
                block.place(&(sentence.start + percent.whole.start..sentence.start + percent.whole.end));
            if let (Some(matrix), true) = (weighted, of_weight)
                && let Some(right) = share(matrix, text, top)
            {
                if !percent.rounds(right) {
                    let message = "the share of the weight is not what the weights give";
                    found.wrong(RULE, place, message, show(percent.value, 0) + "%", show(right, 0) + "%");
                }
                continue;
            }
            if let (Some(top), true) = (top, of_weight || words.contains("dimensions")) {
                said.push((top, (*percent).clone(), place));
            }
        }
    }
    for (at, (top, number, place)) in said.iter().enumerate() {
        let first = said[..at].iter().find(|(t, ..)| t == top);
        if let Some((_, before, _)) = first.filter(|(_, b, _)| (b.value - number.value).abs() > 1e-9) {
            let message = format!("the top {top} have another share elsewhere in the text");
            found.wrong(
                RULE,
                place.clone(),
                message,
                show(number.value, 0) + "%",
                show(before.value, 0) + "%",
            );
        }
    }
}

/// `top three`, `top-3`, `three highest-weighted`.
fn top(words: &str) -> Option<usize> {
    let all: Vec<&str> = words.split(' ').collect();
    let number = |w: Option<&&str>| w.and_then(|w| count::whole(w)).filter(|n| (2..=9).contains(n));
    all.iter().enumerate().find_map(|(at, w)| match *w {
        "top" => number(all.get(at + 1)),
        "highest" | "heaviest" => number(at.checked_sub(1).and_then(|i| all.get(i))),
        _ => None,
    })
}

/// The share of the criteria that a sentence names, else of the heaviest ones.
fn share(matrix: &Matrix, text: &str, top: Option<usize>) -> Option<f64> {
    let whole = matrix.shares()?;
    let named = scenario::named(text, matrix);
    let weights = matrix.weights();
    if named.len() >= 2 && top.is_none_or(|t| t == named.len()) {
        return Some(named.iter().map(|i| weights[*i]).sum::<f64>() / whole * 100.0);
    }
    let top = top.filter(|t| *t < weights.len() && named.is_empty())?;
    let mut sorted = weights;
    sorted.sort_by(|a, b| b.total_cmp(a));
    Some(sorted[..top].iter().sum::<f64>() / whole * 100.0)
}

/// A labelled quantity of a table.
struct Fact {
    words: Vec<String>,
    numbers: Vec<Number>,
}

/// Words between a label and its value.
const LINKS: [&str; 16] = [
    "is",
    "was",
    "of",
    "at",
    "the",
    "total",
    "now",
    "stands",
    "currently",
    "reached",
    "a",
    "equals",
    "amounts",
    "to",
    "came",
    "totals",
];
/// Words around a label that make it another quantity.
const OTHER: [&str; 39] = [
    "target",
    "goal",
    "limit",
    "threshold",
    "previous",
    "old",
    "baseline",
    "max",
    "maximum",
    "minimum",
    "min",
    "expected",
    "planned",
    "required",
    "if",
    "original",
    "under",
    "below",
    "above",
    "previously",
    "median",
    "average",
    "peak",
    "per",
    "initial",
    "estimated",
    "would",
    "could",
    "next",
    "prior",
    "budgeted",
    "least",
    "most",
    "before",
    "up",
    "down",
    "from",
    "default",
    "for",
];

fn facts(doc: &Doc<'_>, matrices: &[Matrix]) -> Vec<Fact> {
    let mut all: Vec<Fact> = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (index, table) in doc.tables.iter().enumerate() {
        if matrices.iter().any(|m| m.table == index) || table.head.len() > 5 {
            continue;
        }
        for row in &table.rows {
            let label = norm(row.cells[0].text.split('(').next().unwrap_or_default());
            *seen.entry(label.clone()).or_default() += 1;
            let numbers: Vec<Number> = row.cells[1..].iter().filter_map(|c| only_number(&c.text)).collect();
            let words: Vec<String> = label.split(' ').map(str::to_owned).collect();
            let telling =
                words.len() >= 2 || (label.len() >= 6 && numbers.iter().any(|n| !n.unit.is_empty()));
            if !numbers.is_empty()
                && telling
                && words.len() <= 6
                && all.len() < FACTS_MAX
                && !super::matrix_read::is_summary(&label)
            {
                all.push(Fact { words, numbers });
            }
        }
    }
    all.retain(|f| seen.get(&f.words.join(" ")) == Some(&1));
    all
}

fn repeated(doc: &Doc<'_>, matrices: &[Matrix], found: &mut Found<'_>) {
    let facts = facts(doc, matrices);
    let mut by_word: BTreeMap<&str, Vec<&Fact>> = BTreeMap::new();
    for fact in &facts {
        by_word.entry(&fact.words[0]).or_default().push(fact);
    }
    if facts.is_empty() {
        return;
    }
    for block in doc.blocks.iter().filter(|b| !b.heading) {
        if block.text.bytes().any(|b| b.is_ascii_digit()) {
            in_block(block, &by_word, found);
        }
    }
}

fn in_block(block: &Block, by_word: &BTreeMap<&str, Vec<&Fact>>, found: &mut Found<'_>) {
    for sentence in arithmetic::sentences(&block.text) {
        let text = &block.text[sentence.clone()];
        let spans = count::words(text);
        let lower: Vec<String> = spans.iter().map(|s| text[s.clone()].to_lowercase()).collect();
        let mut all: Option<Vec<Number>> = None;
        for at in 0..spans.len() {
            let Some(facts) = by_word.get(lower[at].as_str()) else { continue };
            let fits = |f: &&&Fact| {
                lower[at..].len() >= f.words.len() && lower[at..at + f.words.len()] == f.words[..]
            };
            // The longest label that stands here.
            let Some(fact) = facts.iter().filter(fits).max_by_key(|f| f.words.len()) else { continue };
            let end = spans[at + fact.words.len() - 1].end;
            let all = all.get_or_insert_with(|| numbers(text));
            let Some(number) = all.iter().find(|n| n.whole.start >= end) else { continue };
            let gap = &text[end..number.whole.start];
            let linked = norm(gap).split(' ').filter(|w| !w.is_empty()).all(|w| LINKS.contains(&w));
            let plain = gap.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | ':' | '=' | '*'));
            let joined = !gap.trim().is_empty();
            // Up to the second word behind the number.
            let behind = spans.iter().position(|s| s.start >= number.whole.end).unwrap_or(spans.len());
            let behind = (behind + 2).clamp(at + fact.words.len(), spans.len());
            let mut around =
                lower[at.saturating_sub(4)..at].iter().chain(&lower[at + fact.words.len()..behind]);
            let other = around.any(|w| OTHER.contains(&w.as_str()));
            if !(linked && plain && joined)
                || other
                || gap.len() > 40
                || number.about
                || !differs(number, fact, all)
            {
                continue;
            }
            let right = &fact.numbers[0];
            let place =
                block.place(&(sentence.start + number.whole.start..sentence.start + number.whole.end));
            let label = fact.words.join(" ");
            let message = format!("\"{label}\" has another value in its table");
            let shown = text[number.whole.clone()].to_owned();
            found.wrong(RULE, place, message, shown, with_unit(right));
        }
    }
}

fn with_unit(number: &Number) -> String {
    let value = show(number.value, number.digits);
    match number.unit.as_str() {
        unit if unit.starts_with(['$', '€', '£']) => format!("{unit}{value}"),
        unit => format!("{value}{unit}"),
    }
}

/// Another value in the same unit; nothing else in the sentence is the value of the table.
fn differs(number: &Number, fact: &Fact, others: &[Number]) -> bool {
    let same_unit: Vec<&Number> = fact.numbers.iter().filter(|n| n.unit == number.unit).collect();
    let same = |a: &Number, b: &Number| a.rounds(b.value) || b.rounds(a.value);
    let hit = fact.numbers.iter().any(|f| others.iter().any(|o| same(f, o)));
    let plain = number.unit.is_empty() && number.digits == 0 && number.value < 10.0;
    !same_unit.is_empty() && !hit && !plain && fact.numbers.len() <= 2
}
