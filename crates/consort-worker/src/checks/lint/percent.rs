//! `percent`: `x of y (z%)`, and parts that are said to make a whole.

use super::Found;
use super::doc::{Block, Doc, Span};
use super::matrix::Matrix;
use super::number::{Number, numbers, only_number, show};
use super::{has_word, norm};

const RULE: &str = "percent";

pub(super) fn check(doc: &Doc<'_>, matrices: &[Matrix], found: &mut Found<'_>) {
    for block in &doc.blocks {
        for (at, stated, right) in ratios(&block.text) {
            if !block.is_code(&at) {
                tell(found, block.place(&at), &stated, right);
            }
        }
        split(block, found);
    }
    for table in &doc.tables {
        for cell in table.rows.iter().flat_map(|r| &r.cells) {
            if let Some((_, stated, right)) = ratios(&cell.text).into_iter().next() {
                tell(found, cell.at.clone(), &stated, right);
            }
        }
    }
    for (index, table) in doc.tables.iter().enumerate() {
        if matrices.iter().all(|m| m.table != index) {
            shares(table, found);
        }
    }
}

fn tell(found: &mut Found<'_>, at: Span, stated: &Number, right: f64) {
    let message = "the percentage does not follow from the numbers beside it";
    let shown = show((right * 10.0).round() / 10.0, stated.digits);
    found.wrong(RULE, at, message, show(stated.value, stated.digits) + "%", shown + "%");
}

/// Wrong percentages in forms like `12 of 15 (80%)`, `12/15 (80%)`, `80% (12 of 15)`.
fn ratios(text: &str) -> Vec<(Span, Number, f64)> {
    let mut wrong = Vec::new();
    if !text.contains('%') {
        return wrong;
    }
    let all = numbers(text);
    for window in all.windows(3) {
        let [a, b, c] = window else { continue };
        let (part, whole, percent) = match (a.is_percent(), b.is_percent(), c.is_percent()) {
            (false, false, true) => {
                let gap = &text[b.whole.end..c.whole.start];
                if !of(text, a, b) || !opens(gap) || !ends(&text[c.whole.end..]) {
                    continue;
                }
                (a, b, c)
            }
            (true, false, false) => {
                let gap = text[a.whole.end..b.whole.start].trim();
                let tail = &text[c.whole.end..];
                let closed =
                    tail.find(')').is_some_and(|end| end <= 24 && !tail[..end].contains(['(', '.', ';']));
                if !of(text, b, c) || gap != "(" || !closed {
                    continue;
                }
                (b, c, a)
            }
            _ => continue,
        };
        let counts = part.digits == 0 && whole.digits == 0 && whole.value > 0.0 && part.value <= whole.value;
        if !counts || part.about || whole.about || percent.about || part.value < 0.0 {
            continue;
        }
        let right = 100.0 * part.value / whole.value;
        if !percent.nears(right) && !percent.nears(100.0 - right) {
            wrong.push((percent.whole.clone(), percent.clone(), right));
        }
    }
    wrong
}

/// The percentage stands alone, or with a word for what is done.
fn ends(behind: &str) -> bool {
    let word = behind.trim_start().split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    let known = [
        "of",
        "complete",
        "completed",
        "done",
        "coverage",
        "pass",
        "passed",
        "passing",
        "success",
        "closed",
        "rate",
    ];
    word.is_empty() || known.contains(&word) || !behind.starts_with(' ')
}

/// `a of b`, `a out of b`, `a/b`, `a of the b`.
fn of(text: &str, a: &Number, b: &Number) -> bool {
    if a.whole.end > b.whole.start || !a.unit.is_empty() || !b.unit.is_empty() {
        return false;
    }
    let gap = text[a.whole.end..b.whole.start].trim();
    let gap = gap.trim_end_matches(" a total").trim();
    if gap == "/"
        || gap == "of"
        || gap == "out of"
        || gap == "of the"
        || gap == "out of the"
        || gap == "of all"
    {
        return true;
    }
    // `12 tests of 15`
    let mut words = gap.split(' ');
    matches!((words.next(), words.next(), words.next(), words.next()), (Some(w), Some("of" ), None, _) if w.len() > 2 && w.chars().all(char::is_alphabetic))
        || matches!(gap.rsplit_once(' '), Some((w, "of")) if w.ends_with("out") && w.split(' ').count() == 2)
}

/// Between the count and its percentage: a bracket or a dash, with at most a few words.
fn opens(gap: &str) -> bool {
    let gap_text = gap.trim();
    let words = norm(gap_text);
    let count = words.split(' ').filter(|w| !w.is_empty()).count();
    let mark = gap_text.ends_with(['(', '[', '=', ':', '→', '–', '—'])
        || gap_text.ends_with("or")
        || gap_text == ",";
    mark && count <= 4
        && !gap_text.contains(['.', ';'])
        && !["down", "up", "from", "versus", "vs", "target", "was", "by"].iter().any(|w| has_word(&words, w))
}

/// `split 40% / 35% / 20%`: said to be parts of one thing.
fn split(block: &Block, found: &mut Found<'_>) {
    // A split has at least three parts.
    let few = |text: &str| text.bytes().filter(|b| *b == b'%').count() < 3;
    if few(&block.text) {
        return;
    }
    for sentence in super::arithmetic::sentences(&block.text) {
        let text = &block.text[sentence.clone()];
        if few(text) {
            continue;
        }
        let words = norm(text);
        let says = [
            "split",
            "splits",
            "breakdown",
            "divided",
            "allocated",
            "allocation",
            "distribution",
            "distributed",
            "comprises",
            "composed",
            "consists",
        ];
        if !says.iter().any(|w| has_word(&words, w)) {
            continue;
        }
        let all = numbers(text);
        let parts: Vec<&Number> = all.iter().filter(|n| n.is_percent()).collect();
        if parts.len() < 3
            || parts.iter().any(|n| n.about || n.value >= 95.0)
            || ["from", "about", "roughly", "around", "approximately"].iter().any(|w| has_word(&words, w))
        {
            continue;
        }
        let sum: f64 = parts.iter().map(|n| n.value).sum();
        if off_whole(sum, &parts) {
            let at = sentence.start + parts[0].whole.start..sentence.start + parts[parts.len() - 1].whole.end;
            let message = "the parts do not make a whole";
            found.wrong(RULE, block.place(&at), message, show(sum, 0) + "%", "100%");
        }
    }
}

/// Near a whole, and more off than rounding explains.
fn off_whole(sum: f64, parts: &[&Number]) -> bool {
    let slack: f64 = parts.iter().map(|n| n.half()).sum::<f64>().min(3.0);
    let round = parts.iter().all(|n| n.digits == 0 && n.value % 5.0 == 0.0);
    let slack = if round { 0.0 } else { slack.max(parts[0].half() * 2.0) };
    (82.0..118.0).contains(&sum) && (sum - 100.0).abs() > slack + 1e-6
}

/// A column of shares.
fn shares(table: &super::doc::Table, found: &mut Found<'_>) {
    for (column, head) in table.head.iter().enumerate().skip(1) {
        let name = norm(&head.text);
        let whole = ["share", "allocation", "split", "distribution", "proportion", "breakdown", "portion"];
        let said = whole.iter().any(|w| has_word(&name, w))
            || name.contains("of total")
            || name.contains("of budget")
            || name.contains("of all")
            || name.contains("of effort");
        let odd = ["cumulative", "change", "target", "growth", "running"].iter().any(|w| has_word(&name, w));
        if !said || odd || table.rows.len() < 3 {
            continue;
        }
        let rows: Vec<_> =
            table.rows.iter().filter(|r| !super::totals::is_total(super::totals::label(r))).collect();
        let parts: Option<Vec<Number>> = rows.iter().map(|r| only_number(&r.cells[column].text)).collect();
        let Some(parts) = parts.filter(|p| p.len() >= 3) else { continue };
        let percent = parts.iter().all(Number::is_percent)
            || head.text.contains('%') && parts.iter().all(|n| n.unit.is_empty());
        if !percent {
            continue;
        }
        let sum: f64 = parts.iter().map(|n| n.value).sum();
        if off_whole(sum, &parts.iter().collect::<Vec<_>>()) {
            let message = format!("the parts in the column `{}` do not make a whole", head.text);
            found.wrong(RULE, rows[0].cells[column].at.clone(), message, show(sum, 0) + "%", "100%");
        }
    }
}
