//! `count`: stated counts against what is listed. Here: numbers and nouns as words, and counts of
//! what the document lists elsewhere, "a total of 14 risks" over a table of risks. Counts that stand
//! beside what they count are in [`super::announced`].

use super::doc::{Doc, Span, Table};
use super::{Found, announced, arithmetic, norm};

pub(super) const RULE: &str = "count";

pub(super) fn check(doc: &Doc<'_>, found: &mut Found<'_>) {
    announced::check(doc, found);
    sets(doc, found);
}

const WORDS: [&str; 21] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];

/// A whole number as a word or in digits.
pub(super) fn whole(word: &str) -> Option<usize> {
    // No other letter begins one of them.
    let begins = |b: &u8| matches!(b.to_ascii_lowercase(), b'e' | b'f' | b'n' | b'o' | b's' | b't' | b'z');
    let number = || WORDS.iter().position(|w| w.eq_ignore_ascii_case(word));
    word.as_bytes().first().filter(|b| begins(b)).and_then(|_| number()).or_else(|| {
        let digits = !word.is_empty() && word.len() <= 3 && word.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| word.parse().ok())?
    })
}

/// Words of a text with their places; a hyphen joins.
pub(super) fn words(text: &str) -> Vec<Span> {
    let mut all = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        let inner = c.is_alphanumeric() || matches!(c, '-' | '\'' | '_');
        match (inner, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                all.push(from..at);
                start = None;
            }
            _ => {}
        }
    }
    all
}

/// What is measured, not listed.
const MEASURES: [&str; 41] = [
    "minutes",
    "hours",
    "days",
    "weeks",
    "months",
    "years",
    "seconds",
    "bytes",
    "times",
    "lines",
    "characters",
    "spaces",
    "bits",
    "digits",
    "users",
    "people",
    "developers",
    "engineers",
    "sprints",
    "milliseconds",
    "percent",
    "points",
    "pages",
    "words",
    "requests",
    "runs",
    "cores",
    "threads",
    "is",
    "this",
    "was",
    "has",
    "its",
    "as",
    "sides",
    "dimensions",
    "copies",
    "less",
    "units",
    "tabs",
    "dollars",
];

pub(super) fn plural(word: &str) -> bool {
    let word = word.to_lowercase();
    let irregular =
        ["criteria", "people", "phenomena", "hypotheses", "analyses", "indices"].contains(&word.as_str());
    (word.ends_with('s') && !word.ends_with("ss") && word.len() > 3 || irregular)
        && !MEASURES.contains(&word.as_str())
}

/// Before the number: not an exact count of the list.
pub(super) const LOOSE: [&str; 32] = [
    "across",
    "among",
    "within",
    "between",
    "from",
    "against",
    "through",
    "least",
    "most",
    "than",
    "to",
    "about",
    "over",
    "around",
    "roughly",
    "nearly",
    "almost",
    "other",
    "another",
    "next",
    "per",
    "for",
    "in",
    "on",
    "by",
    "every",
    "each",
    "additional",
    "more",
    "approximately",
    "some",
    "under",
];

/// A number behind one of these is a name.
pub(super) const NAMED: [&str; 30] = [
    "phase",
    "step",
    "section",
    "level",
    "tier",
    "version",
    "figure",
    "table",
    "iteration",
    "round",
    "group",
    "priority",
    "barrier",
    "gate",
    "part",
    "chapter",
    "pipeline",
    "option",
    "scenario",
    "task",
    "day",
    "week",
    "sprint",
    "stage",
    "class",
    "category",
    "epic",
    "appendix",
    "item",
    "top",
];

/// Rows that do not sum up others.
pub(super) fn rows(table: &Table) -> usize {
    table.rows.iter().filter(|r| !super::matrix_read::is_summary(super::totals::label(r))).count()
}

/// Different first cells: a table may have several rows for one thing.
pub(super) fn distinct(table: &Table) -> usize {
    let mut all: Vec<String> =
        table.rows.iter().map(|r| norm(&r.cells[0].text)).filter(|t| !t.is_empty()).collect();
    all.sort();
    all.dedup();
    all.len()
}

/// A set of things that a document lists once: rows of a table, or headings with ids.
struct Set {
    noun: String,
    /// Index of the table that lists them.
    table: usize,
}

fn singular(noun: &str) -> String {
    match noun {
        "criteria" => "criterion".to_owned(),
        n if n.ends_with("ies") => format!("{}y", &n[..n.len() - 3]),
        n if n.ends_with("xes") || n.ends_with("sses") || n.ends_with("ches") => n[..n.len() - 2].to_owned(),
        n => n.strip_suffix('s').unwrap_or(n).to_owned(),
    }
}

fn listed_sets(doc: &Doc<'_>) -> Vec<Set> {
    let mut sets = Vec::new();
    for (index, table) in doc.tables.iter().enumerate() {
        let first = norm(&table.head[0].text);
        let second = table.head.get(1).map(|c| norm(&c.text)).unwrap_or_default();
        let name = match first.as_str() {
            "id" | "no" | "" | "nr" => second,
            other => other.trim_end_matches(" id").trim_end_matches(" name").to_owned(),
        };
        let mut names = vec![name];
        if let Some(section) = table.section {
            let heading = norm(&doc.headings[section].text);
            names.extend(heading.split(' ').next_back().filter(|w| plural(w)).map(singular));
            if heading.ends_with(" register")
                || heading.ends_with(" log")
                || heading.ends_with(" list")
                || heading.ends_with(" summary")
            {
                names.extend(
                    heading
                        .split(' ')
                        .rev()
                        .nth(1)
                        .map(|w| if plural(w) { singular(w) } else { w.to_owned() }),
                );
            }
        }
        names.retain(|n| !n.is_empty() && !n.contains(' '));
        names.sort();
        names.dedup();
        sets.extend(names.into_iter().map(|noun| Set { noun, table: index }));
    }
    sets
}

/// `a total of 14 risks`, `14 risks were identified`, where one table lists the risks.
fn sets(doc: &Doc<'_>, found: &mut Found<'_>) {
    let sets = listed_sets(doc);
    if sets.is_empty() {
        return;
    }
    for block in doc.blocks.iter().filter(|b| !b.heading) {
        for sentence in arithmetic::sentences(&block.text) {
            let text = &block.text[sentence.clone()];
            // What introduces a list counts that.
            if text.trim_end().ends_with(':') {
                continue;
            }
            for (count, noun, at) in told(text) {
                let fitting: Vec<&Set> = sets.iter().filter(|s| s.noun == noun).collect();
                let [set] = fitting.as_slice() else { continue };
                let table = &doc.tables[set.table];
                let rows = rows(table);
                // Things of that sort that stand elsewhere too make it uncertain.
                let other = doc.lists.iter().any(|l| l.items.len() == count && l.section == block.section);
                let near = block.section == table.section || doc.path(block.section).len() <= 2;
                if rows != count && distinct(table) != count && rows >= 2 && near && !other {
                    let at = sentence.start + at.start..sentence.start + at.end;
                    let message =
                        format!("{count} of the sort \"{noun}\" are stated, the table lists {rows}");
                    found.wrong(RULE, block.place(&at), message, count.to_string(), rows.to_string());
                }
            }
        }
    }
}

/// Counts that are told of a whole set.
fn told(sentence: &str) -> Vec<(usize, String, Span)> {
    let words = words(sentence);
    let word = |i: usize| sentence[words[i].clone()].to_lowercase();
    let mut all = Vec::new();
    for at in 0..words.len().saturating_sub(1) {
        let Some(count) = whole(&sentence[words[at].clone()]).filter(|c| *c >= 2) else { continue };
        if !plural(&word(at + 1)) || sentence[words[at].end..words[at + 1].start].trim() != "" {
            continue;
        }
        let back = |n: usize| at.checked_sub(n).map(word).unwrap_or_default();
        let next = |n: usize| words.get(at + 1 + n).map(|_| word(at + 1 + n)).unwrap_or_default();
        let total = back(1) == "of" && back(2) == "total" && back(3) == "a"
            || next(1) == "in" && next(2) == "total"
            || back(1) == "total";
        let verb = [
            "identified",
            "lists",
            "listed",
            "identifies",
            "records",
            "contains",
            "tracks",
            "recorded",
            "found",
            "covers",
            "registers",
            "documents",
        ]
        .contains(&back(1).as_str());
        let passive = ["were", "are", "have"].contains(&next(1).as_str())
            && [
                "identified",
                "listed",
                "recorded",
                "found",
                "tracked",
                "been",
                "registered",
                "documented",
                "open",
                "known",
            ]
            .contains(&next(2).as_str());
        let end = sentence[words[at + 1].end..].trim_start();
        let closed = end.is_empty()
            || end.starts_with(['.', ',', ';', ':', '('])
            || end.starts_with("and ")
            || end.starts_with("in total")
            || end.starts_with("across");
        if (total || verb && closed || passive) && !LOOSE.contains(&back(1).as_str()) {
            all.push((count, singular(&word(at + 1)), words[at].start..words[at + 1].end));
        }
    }
    all
}
