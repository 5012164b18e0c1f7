//! `count` of what stands beside it: "three options:" before a list, "Findings (5)" as its heading,
//! "12 of 15 done" over check boxes.

use super::count::{LOOSE, NAMED, RULE, distinct, plural, rows, whole, words};
use super::doc::{Doc, Span, What};
use super::{Found, arithmetic, norm};

pub(super) fn check(doc: &Doc<'_>, found: &mut Found<'_>) {
    introductions(doc, found);
    headings(doc, found);
    boxes(doc, found);
}

/// Words that may stand between the noun and the colon.
const TAIL: [&str; 44] = [
    "here",
    "below",
    "now",
    "today",
    "apply",
    "exist",
    "remain",
    "follow",
    "are",
    "were",
    "as",
    "follows",
    "in",
    "total",
    "considered",
    "evaluated",
    "identified",
    "found",
    "compared",
    "open",
    "needed",
    "required",
    "planned",
    "proposed",
    "available",
    "supported",
    "have",
    "been",
    "we",
    "consider",
    "stand",
    "out",
    "is",
    "listed",
    "order",
    "of",
    "priority",
    "examined",
    "to",
    "choose",
    "from",
    "assessed",
    "reviewed",
    "there",
];

struct Claim {
    count: usize,
    at: Span,
    noun: String,
}

/// The count that a sentence which ends with a colon announces.
fn announced(sentence: &str) -> Option<Claim> {
    let text = sentence.trim_end();
    let body = text.strip_suffix(':')?;
    let words = words(body);
    let word = |i: usize| &body[words[i].clone()];
    let mut claims = Vec::new();
    let mut counts = 0;
    for at in 0..words.len() {
        let Some(count) = whole(word(at)).filter(|c| (2..=60).contains(c)) else { continue };
        // Up to two words may stand before the noun.
        let noun = (at + 1..words.len().min(at + 4)).find(|i| plural(word(*i)));
        let Some(noun) = noun else { continue };
        let apart = body[words[at].end..words[noun].end].contains([',', ';', '(', '.', '/', '+', '%', ':']);
        let before = at.checked_sub(1).map(|i| word(i).to_lowercase()).unwrap_or_default();
        let further = at.checked_sub(2).map(|i| word(i).to_lowercase()).unwrap_or_default();
        let article = ["the", "these", "those", "all"].contains(&before.as_str());
        let raw = at.checked_sub(1).map(word).unwrap_or_default();
        let determiner =
            ["these", "those", "the", "all", "found", "identified", "have", "following", "are", "our"];
        let title = raw.starts_with(char::is_uppercase)
            && word(at).starts_with(|c: char| c.is_ascii_digit())
            && !determiner.contains(&before.as_str());
        let named = title || NAMED.contains(&before.as_str());
        let of = before == "of" && ["minimum", "maximum", "limit", "set"].contains(&further.as_str());
        let partly = article && ["of", "over", "than"].contains(&further.as_str());
        let loose = named
            || of
            || partly
            || LOOSE.contains(&before.as_str())
            || article && LOOSE.contains(&further.as_str()) && further != "to";
        if apart
            || loose
            || body[..words[at].start]
                .ends_with(['.', '-', '/', '#', '$', '~', '(', '<', '>', '=', ',', '\u{2013}', '\u{2014}'])
        {
            return None;
        }
        counts += 1;
        let tail = (noun + 1..words.len()).all(|i| TAIL.contains(&word(i).to_lowercase().as_str()));
        let following = before == "following" || further == "following" && article;
        if (tail || following) && !body[words[noun].end..].contains(['(', ',']) {
            claims.push(Claim { count, at: words[at].clone(), noun: word(noun).to_lowercase() });
        }
    }
    (claims.len() == 1 && counts == 1).then(|| claims.remove(0))
}

fn introductions(doc: &Doc<'_>, found: &mut Found<'_>) {
    for (index, element) in doc.flow.iter().enumerate() {
        let What::Block(at) = element.what else { continue };
        let block = &doc.blocks[at];
        if block.heading || !block.text.trim_end().ends_with(':') {
            continue;
        }
        let Some(sentence) = arithmetic::sentences(&block.text).pop() else { continue };
        let Some(claim) = announced(&block.text[sentence.clone()]) else { continue };
        // The list within the item, or the one that follows.
        let next = doc.after(index).next().map(|e| e.what);
        let (counts, what) = match next {
            Some(What::List(list)) => (list_counts(doc, list, index), "listed"),
            Some(What::Table(table)) => (table_counts(doc, table), "in the table"),
            _ => continue,
        };
        // Something else is listed where the numbers are far apart.
        let far = counts.first().is_some_and(|n| n * 2 < claim.count || *n > claim.count * 3);
        if counts.is_empty() || far || counts.contains(&claim.count) {
            continue;
        }
        let at = sentence.start + claim.at.start..sentence.start + claim.at.end;
        let message = format!("{} {} are announced, {} {what}", claim.count, claim.noun, counts[0]);
        found.wrong(RULE, block.place(&at), message, claim.count.to_string(), counts[0].to_string());
    }
}

/// How many a list may be said to have: its items, or with those of the lists right after it.
fn list_counts(doc: &Doc<'_>, list: usize, from: usize) -> Vec<usize> {
    let first = doc.lists[list].items.len();
    let mut counts = vec![first];
    let mut sum = first;
    let parent = doc.flow[from].parent;
    let lists = doc.flow[from + 1..].iter().filter(|e| e.parent == parent).skip(1);
    for element in lists.take(12) {
        match element.what {
            What::List(more) => {
                sum += doc.lists[more].items.len();
                counts.push(sum);
            }
            What::Block(b) if doc.blocks[b].heading => break,
            _ => {}
        }
    }
    // Items of items are sometimes what is meant.
    let nested: usize = doc
        .lists
        .iter()
        .filter(|l| l.parent.is_some_and(|p| doc.lists[list].items.contains(&p)))
        .map(|l| l.items.len())
        .sum();
    if nested > 0 {
        counts.push(nested);
        counts.push(first + nested);
    }
    // Items that begin with numbers are groups of what is counted.
    let item = |i: &usize| doc.items[*i].block.map_or("", |b| doc.blocks[b].text.as_str());
    let groups =
        doc.lists[list].items.iter().filter(|i| item(i).starts_with(|c: char| c.is_ascii_digit())).count();
    if first == 1 || groups == first { Vec::new() } else { counts }
}

fn table_counts(doc: &Doc<'_>, table: usize) -> Vec<usize> {
    let table = &doc.tables[table];
    let groups = distinct(table);
    vec![rows(table), table.head.len().saturating_sub(1), table.head.len(), table.rows.len(), groups]
}

/// `Findings (5)`, `Three options`: against the only list, table or row of headings below.
fn headings(doc: &Doc<'_>, found: &mut Found<'_>) {
    for (index, heading) in doc.headings.iter().enumerate() {
        let Some((count, at)) = heading_count(&heading.text) else { continue };
        let body = heading.at.end..doc.section_end(index);
        let sub = doc.headings[index + 1..].iter().take_while(|h| h.level > heading.level);
        let subs = sub.filter(|h| h.level == heading.level + 1).count();
        let own_end = doc.headings.get(index + 1).map_or(usize::MAX, |h| h.at.start).min(body.end);
        let own = body.start..own_end;
        let tables: Vec<_> =
            doc.tables.iter().enumerate().filter(|(_, t)| own.contains(&t.at.start)).collect();
        let lists: Vec<_> =
            doc.lists.iter().filter(|l| own.contains(&l.at.start) && l.parent.is_none()).collect();
        let counts = match (tables.as_slice(), lists.as_slice(), subs) {
            ([(table, _)], [], _) => table_counts(doc, *table).into_iter().take(1).chain([subs]).collect(),
            ([], [list], _) => vec![list.items.len(), subs],
            ([], [], n) if n >= 2 => vec![n],
            _ => Vec::new(),
        };
        let Some(first) = counts.first().copied() else { continue };
        if first >= 1 && first * 2 >= count && !counts.contains(&count) {
            let block = &doc.blocks[heading.block];
            let message = format!("the heading says {count}, there are {first}");
            found.wrong(RULE, block.place(&at), message, count.to_string(), first.to_string());
        }
    }
}

fn heading_count(text: &str) -> Option<(usize, Span)> {
    let trimmed = text.trim_end();
    let words = words(trimmed);
    let word = |i: usize| &trimmed[words[i].clone()];
    if let Some(open) = trimmed.rfind('(')
        && trimmed.ends_with(')')
    {
        let inner = &trimmed[open + 1..trimmed.len() - 1];
        let mut parts = inner.split_whitespace();
        let count = whole(parts.next()?).filter(|c| *c <= 100)?;
        let unit = parts.next().unwrap_or("items").to_lowercase();
        let things = ["items", "findings", "total", "risks", "tasks", "issues", "entries", "open", "options"]
            .contains(&unit.as_str());
        let before = words.iter().rposition(|w| w.end <= open)?;
        let digits = inner.starts_with(|c: char| c.is_ascii_digit());
        if things && parts.next().is_none() && plural(word(before)) && digits && count > 0 {
            return Some((count, open + 1..open + 1 + inner.len()));
        }
        return None;
    }
    // `Three options`: digits in front are the number of the section.
    let first = words.first()?;
    let count = whole(&trimmed[first.clone()]).filter(|c| (2..=20).contains(c))?;
    let alphabetic = trimmed[first.clone()].chars().all(char::is_alphabetic);
    let noun = words.len() <= 4 && plural(word(words.len() - 1));
    (alphabetic && noun && words.len() >= 2).then(|| (count, first.clone()))
}

/// `3 of 5 done` in a section with check boxes.
fn boxes(doc: &Doc<'_>, found: &mut Found<'_>) {
    let mut by_section: std::collections::BTreeMap<Option<usize>, (usize, usize)> =
        std::collections::BTreeMap::new();
    for item in &doc.items {
        if let Some(done) = item.checked {
            let section = doc.lists[item.list].section;
            let entry = by_section.entry(section).or_default();
            entry.0 += usize::from(done);
            entry.1 += 1;
        }
    }
    if by_section.is_empty() {
        return;
    }
    let all = by_section.values().fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    let ticked: Vec<usize> =
        doc.items.iter().filter(|i| i.checked.is_some()).filter_map(|i| i.block).collect();
    for (index, block) in doc.blocks.iter().enumerate() {
        if ticked.contains(&index) {
            continue;
        }
        for (done, of, at) in fractions(&block.text) {
            let own = by_section.get(&block.section).copied();
            // A heading speaks for its section, what stands before all for the whole document.
            let scope = match own {
                Some(own) => vec![own, all],
                None if by_section.len() == 1
                    || doc.under(block.section, &["summary", "status", "progress", "overview"]) =>
                {
                    vec![all]
                }
                None => continue,
            };
            let (is_done, total) = scope[0];
            if total < 2 || is_done == 0 || scope.contains(&(done, of)) {
                continue;
            }
            // One of the two numbers says that these boxes are meant.
            let next = doc
                .flow
                .iter()
                .position(|e| e.what == What::Block(index))
                .and_then(|at| doc.flow.get(at + 1));
            let before = matches!(next, Some(e) if matches!(e.what, What::List(l) if doc.lists[l].items.iter().any(|i| doc.items[*i].checked.is_some())));
            if of == total || before && done == is_done && of > 1 {
                let message = "the boxes that are ticked say something else";
                found.wrong(
                    RULE,
                    block.place(&at),
                    message,
                    format!("{done} of {of}"),
                    format!("{is_done} of {total}"),
                );
            }
        }
    }
}

const DONE: [&str; 12] = [
    "done",
    "complete",
    "completed",
    "checked",
    "finished",
    "progress",
    "tasks",
    "items",
    "closed",
    "ticked",
    "met",
    "steps",
];

/// `3 of 5`, `3/5` in a sentence about what is done.
fn fractions(text: &str) -> Vec<(usize, usize, Span)> {
    let lower = norm(text);
    if !DONE.iter().any(|w| super::has_word(&lower, w)) {
        return Vec::new();
    }
    let all = super::number::numbers(text);
    let pair = |two: &[super::number::Number]| {
        let (a, b) = (&two[0], &two[1]);
        let gap = text.get(a.whole.end..b.whole.start)?.trim();
        let fits = matches!(gap, "of" | "/" | "out of" | "of the") && a.unit.is_empty() && b.unit.is_empty();
        let whole = a.digits == 0 && b.digits == 0 && !a.about && a.value <= b.value && b.value < 1000.0;
        (fits && whole).then_some((a.value as usize, b.value as usize, a.whole.start..b.whole.end))
    };
    all.windows(2).filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announcements_are_read() {
        let read = |text: &str| announced(text).map(|c| c.count);
        for (text, count) in [
            ("We looked at three options:", 3),
            ("The following 7 risks were found by the team:", 7),
            ("There are four open questions:", 4),
            ("It consists of five parts:", 5),
        ] {
            assert_eq!(read(text), Some(count), "{text}");
        }
        for text in [
            "At least three options:",
            "It takes 5 minutes:",
            "The three nodes have these settings:",
            "For two backends:",
            "Version 2 adds:",
            "Options:",
            "up to 3 retries:",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn counts_in_headings_are_read() {
        assert_eq!(heading_count("Findings (5)").map(|c| c.0), Some(5));
        assert_eq!(heading_count("Three options").map(|c| c.0), Some(3));
        assert_eq!(heading_count("3 Options"), None);
        assert_eq!(heading_count("Release (2026)"), None);
    }
}
