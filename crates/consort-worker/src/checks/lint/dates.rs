//! `dates`: days that do not exist, wrong weekdays, ends before starts.

use super::doc::{Block, Doc, Span, What};
use super::{Found, has_word, norm};
use jiff::civil::Date;

const RULE: &str = "dates";

pub(super) fn check(doc: &Doc<'_>, found: &mut Found<'_>) {
    for block in &doc.blocks {
        let days = days(&block.text);
        for day in &days {
            if block.is_code(&day.at) {
                continue;
            }
            single(day, &block.text, block.place(&day.at), found);
        }
        ranges(block, &days, found);
    }
    for table in &doc.tables {
        for cell in table.rows.iter().flat_map(|r| &r.cells) {
            for day in days(&cell.text) {
                single(&day, &cell.text, cell.at.clone(), found);
            }
        }
        columns(table, found);
    }
    if let Some(front) = &doc.front {
        let text = &doc.source[front.clone()];
        for day in days(text) {
            single(&day, text, front.start + day.at.start..front.start + day.at.end, found);
        }
        let moved = |(l, d, s): (String, Date, Span)| (l, d, s.start + front.start..s.end + front.start);
        order(labelled(text).into_iter().map(moved).collect(), found);
    }
    scopes(doc, found);
}

/// A day in a text; `None` if there is no such day.
struct Day {
    at: Span,
    date: Option<Date>,
    /// The name of a month is written: `30 February 2026`.
    worded: bool,
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

fn month(word: &str) -> Option<i8> {
    let word = word.trim_end_matches('.').to_lowercase();
    if word.len() < 3 {
        return None;
    }
    let fits = |m: &&str| **m == word || (word.len() <= 4 && m.starts_with(&word));
    MONTHS.iter().position(fits).map(|i| i as i8 + 1)
}

fn days(text: &str) -> Vec<Day> {
    // `May 1 2026` is the shortest, and each has a year.
    let year = |w: &[u8]| w.iter().all(u8::is_ascii_digit);
    if text.len() < 10 || !text.as_bytes().windows(4).any(year) {
        return Vec::new();
    }
    let mut found = iso_days(text);
    // The first three letters of each month, in one pass over the words.
    let month_like =
        |w: &str| w.get(..3).is_some_and(|w| MONTHS.iter().any(|m| m[..3].eq_ignore_ascii_case(w)));
    if text.split(|c: char| !c.is_alphabetic()).any(month_like) {
        found.extend(worded_days(text));
    }
    found.sort_by_key(|d| d.at.start);
    found
}

fn iso_days(text: &str) -> Vec<Day> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let digits =
        |from: usize, n: usize| (from..from + n).all(|i| bytes.get(i).is_some_and(u8::is_ascii_digit));
    for (at, _) in text.match_indices('-') {
        let Some(start) = at.checked_sub(4) else { continue };
        let shape =
            digits(start, 4) && digits(at + 1, 2) && bytes.get(at + 3) == Some(&b'-') && digits(at + 4, 2);
        let joins = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/' | b'.');
        let end = at + 6;
        let loose_before = start == 0 || !joins(bytes[start - 1]);
        let after = bytes.get(end).copied();
        let loose_after = after.is_none_or(|b| !joins(b) || b == b'T')
            || (after == Some(b'.') && bytes.get(end + 1).is_none_or(|b| !b.is_ascii_alphanumeric()));
        if !(shape && loose_before && loose_after) {
            continue;
        }
        let number = |from: usize, n: usize| text[from..from + n].parse::<i16>().unwrap_or(0);
        let (year, month, day) = (number(start, 4), number(at + 1, 2), number(at + 4, 2));
        if (1900..=2100).contains(&year) {
            found.push(Day {
                at: start..end,
                date: Date::new(year, month as i8, day as i8).ok(),
                worded: false,
            });
        }
    }
    found
}

/// `February 30, 2026` and `30 February 2026`.
fn worded_days(text: &str) -> Vec<Day> {
    let mut words: Vec<Span> = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (c.is_alphanumeric(), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                words.push(from..at);
                start = None;
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    for three in words.windows(3) {
        let [a, b, c] = [0, 1, 2].map(|i| &text[three[i].clone()]);
        let plain = |from: usize, to: usize| text[from..to].chars().all(|c| matches!(c, ' ' | ',' | '.'));
        if !plain(three[0].end, three[1].start) || !plain(three[1].end, three[2].start) {
            continue;
        }
        let ordinal = |w: &str| {
            w.trim_end_matches(|c: char| "stndrh".contains(c))
                .parse::<i8>()
                .ok()
                .filter(|d| (1..=99).contains(d))
        };
        let year = c.parse::<i16>().ok().filter(|y| (1900..=2100).contains(y) && c.len() == 4);
        let (Some(year), Some((month, day))) =
            (year, month(a).zip(day_of(b, &ordinal)).or_else(|| month(b).zip(day_of(a, &ordinal))))
        else {
            continue;
        };
        found.push(Day {
            at: three[0].start..three[2].end,
            date: Date::new(year, month, day).ok(),
            worded: true,
        });
    }
    found
}

fn day_of(word: &str, ordinal: &dyn Fn(&str) -> Option<i8>) -> Option<i8> {
    (word.len() <= 4).then(|| ordinal(word)).flatten()
}

fn single(day: &Day, text: &str, place: Span, found: &mut Found<'_>) {
    let shown = &text[day.at.clone()];
    let Some(date) = day.date else {
        found.wrong(RULE, place, "there is no such day", shown, "a day of the calendar");
        return;
    };
    let before = text[..day.at.start].trim_end_matches([' ', ',', '(', '.']);
    let after = text[day.at.end..].trim_start_matches([' ', ',', '(']);
    let near = [
        before.rsplit(|c: char| !c.is_alphabetic()).next(),
        after.split(|c: char| !c.is_alphabetic()).next(),
    ];
    let gap = text[before.len()..day.at.start].len() <= 2;
    let names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let right = names[date.weekday().to_monday_zero_offset() as usize];
    for (at, word) in near.into_iter().flatten().enumerate() {
        let lower = word.to_lowercase();
        let is_name = |n: &&&str| {
            ***n == lower
                || (lower.len() == 3 && n.starts_with(&lower) && word.starts_with(char::is_uppercase))
        };
        let bracketed = text[day.at.end..].trim_start().starts_with('(');
        let Some(name) = names.iter().find(|n| is_name(n)) else { continue };
        if (at == 0 && !gap) || (at == 1 && !bracketed) || (lower == "sun" && at == 1) || *name == right {
            continue;
        }
        found.wrong(RULE, place.clone(), format!("{shown} is another day of the week"), word, right);
    }
}

/// `2026-03-01 to 2026-02-01`.
fn ranges(block: &Block, days: &[Day], found: &mut Found<'_>) {
    for pair in days.windows(2) {
        let (Some(from), Some(to)) = (pair[0].date, pair[1].date) else { continue };
        if pair[0].at.end > pair[1].at.start || from <= to || pair[0].worded != pair[1].worded {
            continue;
        }
        let gap = block.text[pair[0].at.end..pair[1].at.start].trim().to_lowercase();
        let before = norm(&block.text[..pair[0].at.start]);
        let moved = [
            "moved",
            "changed",
            "rescheduled",
            "shifted",
            "pulled",
            "brought",
            "corrected",
            "postponed",
            "back",
            "changes",
        ];
        let last: Vec<&str> = before.split(' ').rev().take(8).collect();
        if matches!(gap.as_str(), "to" | "-" | "\u{2013}" | "\u{2014}" | "until" | "through" | "till" | "..")
            && !moved.iter().any(|w| last.contains(w))
            && !block.text[pair[1].at.end..].trim_start().starts_with('=')
        {
            let at = pair[0].at.start..pair[1].at.end;
            let shown = block.text[at.clone()].to_owned();
            found.wrong(
                RULE,
                block.place(&at),
                "the end is before the start",
                shown,
                format!("an end on or after {from}"),
            );
        }
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Side {
    Start,
    End,
}

fn side(label: &str) -> Option<Side> {
    let label = norm(label);
    let words = label.split(' ').filter(|w| !w.is_empty()).count();
    if words == 0 || words > 4 {
        return None;
    }
    let has = |all: &[&str]| all.iter().any(|w| has_word(&label, w));
    if has(&[
        "next",
        "previous",
        "review",
        "reviewed",
        "supersedes",
        "target",
        "expected",
        "baseline",
        "support",
        "retrieved",
        "accessed",
    ]) {
        return None;
    }
    if has(&[
        "start", "started", "starts", "begin", "begins", "began", "from", "created", "opened", "filed",
        "reported", "detected", "raised", "kickoff",
    ]) {
        return Some(Side::Start);
    }
    let ends = [
        "end",
        "ended",
        "ends",
        "finish",
        "finished",
        "completed",
        "closed",
        "resolved",
        "until",
        "updated",
        "done",
        "fixed",
        "mitigated",
        "to",
        "modified",
        "due",
        "deadline",
        "complete",
        "completion",
        "finishes",
    ];
    has(&ends).then_some(Side::End)
}

/// What stands before a date in its line, with a colon.
fn labelled(text: &str) -> Vec<(String, Date, Span)> {
    let days = days(text);
    let mut found = Vec::new();
    let mut from = 0;
    for day in days {
        let between = &text[from..day.at.start];
        from = day.at.end;
        let line = between.rsplit(['\n', '|', ';', '·', ',']).next().unwrap_or_default().trim();
        let quoted = line.trim_end_matches(['"', '\'']).trim_end();
        let Some(label) = quoted.strip_suffix(':') else { continue };
        let label = label.trim_matches(|c: char| !c.is_alphanumeric());
        let label = label.rsplit(['.', ')', '—']).next().unwrap_or_default();
        if let Some(date) = day.date {
            found.push((label.trim().to_owned(), date, day.at));
        }
    }
    found
}

/// Start and end with the same other words, each once in its scope.
fn order(all: Vec<(String, Date, Span)>, found: &mut Found<'_>) {
    let sides: Vec<_> = all.iter().filter_map(|(l, d, s)| side(l).map(|x| (x, l, d, s))).collect();
    let of = |wanted: Side| -> Vec<_> { sides.iter().filter(|s| s.0 == wanted).collect() };
    let (starts, ends) = (of(Side::Start), of(Side::End));
    let [start] = starts.as_slice() else { return };
    // Several ends, such as updated and completed: each after the one start.
    let mut labels: Vec<&String> = ends.iter().map(|e| e.1).collect();
    labels.sort();
    labels.dedup();
    if labels.len() != ends.len() || ends.len() > 3 {
        return;
    }
    for end in ends {
        if end.2 < start.2 {
            let message = format!("`{}` is before `{}`", end.1, start.1);
            found.wrong(RULE, end.3.clone(), message, end.2.to_string(), format!("{} or later", start.2));
        }
    }
}

/// Labelled dates of a block, of a list, or of rows `key | value`.
fn scopes(doc: &Doc<'_>, found: &mut Found<'_>) {
    let of_block = |block: &Block| -> Vec<(String, Date, Span)> {
        labelled(&block.text).into_iter().map(|(l, d, s)| (l, d, block.place(&s))).collect()
    };
    for element in &doc.flow {
        match element.what {
            What::Block(at) => {
                let all = of_block(&doc.blocks[at]);
                if all.len() >= 2 {
                    order(all, found);
                }
            }
            What::List(at) => {
                let blocks = doc.lists[at].items.iter().take(200).filter_map(|i| doc.items[*i].block);
                let all: Vec<_> = blocks
                    .flat_map(|b| {
                        of_block(&doc.blocks[b]).into_iter().take(1).filter(move |(label, ..)| {
                            doc.blocks[b].text.trim_start().starts_with(label.as_str())
                        })
                    })
                    .collect();
                order(all, found);
            }
            What::Table(at) => {
                let table = &doc.tables[at];
                if table.head.len() == 2
                    || (table.head.len() == 3 && norm(&table.head[0].text).starts_with("field"))
                {
                    let rows =
                        std::iter::once(&table.head[..]).chain(table.rows.iter().map(|r| &r.cells[..]));
                    let pair = |row: &[super::doc::Cell]| {
                        let day = days(&row[1].text).into_iter().next()?;
                        let whole = day.at.start == 0 || row[1].text[..day.at.start].trim().is_empty();
                        whole.then(|| Some((row[0].text.clone(), day.date?, row[1].at.clone())))?
                    };
                    order(rows.take(200).filter_map(pair).collect(), found);
                }
            }
            What::Other => {}
        }
    }
}

/// A column of starts and one of ends.
fn columns(table: &super::doc::Table, found: &mut Found<'_>) {
    let sides: Vec<Option<Side>> = table.head.iter().map(|h| side(&h.text)).collect();
    let of = |wanted: Side| -> Vec<(usize, String)> {
        let heads = table.head.iter().enumerate();
        heads.filter(|(i, _)| sides[*i] == Some(wanted)).map(|(i, h)| (i, qualifier(&h.text))).collect()
    };
    let (starts, ends) = (of(Side::Start), of(Side::End));
    for (start, qualified) in &starts {
        let same: Vec<_> = ends.iter().filter(|(_, q)| q == qualified).collect();
        let lone = starts.len() == 1 && ends.len() == 1;
        let end = match (same.as_slice(), lone) {
            ([one], _) => one.0,
            (_, true) => ends[0].0,
            _ => continue,
        };
        for row in &table.rows {
            let day = |c: usize| days(&row.cells[c].text).into_iter().find_map(|d| d.date);
            if let (Some(from), Some(to)) = (day(*start), day(end))
                && to < from
            {
                let label = super::totals::label(row);
                let message = format!(
                    "`{}` is before `{}` in the row \"{label}\"",
                    table.head[end].text, table.head[*start].text
                );
                found.wrong(
                    RULE,
                    row.cells[end].at.clone(),
                    message,
                    to.to_string(),
                    format!("{from} or later"),
                );
            }
        }
    }
}

/// A head without the word that makes it a start or an end.
fn qualifier(head: &str) -> String {
    let words = ["planned", "actual", "estimated", "original", "revised", "scheduled"];
    words.iter().find(|w| has_word(&norm(head), w)).map_or(String::new(), |w| (*w).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_in_usual_forms() {
        let seen = |text: &str| days(text).into_iter().map(|d| d.date.is_some()).collect::<Vec<_>>();
        assert_eq!(seen("on 2026-02-28 and 2026-02-30, 2026-13-01"), [true, false, false]);
        assert_eq!(seen("February 30, 2026"), [false]);
        assert_eq!(seen("31 April 2026 and 1st May 2026"), [false, true]);
        assert_eq!(seen("CVE-2026-99-99 a-2026-02-30-b file_2026-02-30.md"), [] as [bool; 0]);
        assert_eq!(seen("2026-02-30T10:00:00Z."), [false]);
    }
}
