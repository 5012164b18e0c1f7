//! `sections`: what must be there, numbers without gaps, a table of contents that fits.

use super::doc::Doc;
use super::{Found, Options, norm};
use std::collections::BTreeMap;

const RULE: &str = "sections";

pub(super) fn check(doc: &Doc<'_>, options: &Options, found: &mut Found<'_>) {
    required(doc, options, found);
    levels(doc, found);
    numbering(doc, found);
    contents(doc, found);
}

fn required(doc: &Doc<'_>, options: &Options, found: &mut Found<'_>) {
    for wanted in &options.required_sections {
        let wanted_norm = norm(wanted);
        let fits = |text: &str| {
            let text = norm(text);
            let bare = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
            [text.as_str(), bare]
                .iter()
                .any(|t| *t == wanted_norm || t.starts_with(&format!("{wanted_norm} ")))
        };
        match doc.headings.iter().position(|h| fits(&h.text)) {
            None => found.add(RULE, 0..0, format!("there is no section \"{wanted}\"")),
            Some(at) if empty(doc, at) => {
                found.add(RULE, doc.headings[at].at.clone(), format!("the section \"{wanted}\" is empty"));
            }
            Some(_) => {}
        }
    }
}

fn empty(doc: &Doc<'_>, heading: usize) -> bool {
    doc.source[doc.headings[heading].at.end..doc.section_end(heading)].trim().is_empty()
}

/// Who uses two of the levels L0, L1, L2 uses all three.
fn levels(doc: &Doc<'_>, found: &mut Found<'_>) {
    let has = |level: &str| {
        doc.headings.iter().position(|h| h.level <= 3 && super::super::begins_with_word(&h.text, level))
    };
    let all = ["L0", "L1", "L2"].map(has);
    if all.iter().flatten().count() != 2 {
        return;
    }
    // A document for two audiences says so by leaving the last one out.
    for (level, at) in ["L0", "L1", "L2"].iter().zip(all) {
        if at.is_none() {
            let near = all.iter().flatten().next().map_or(0..0, |h| doc.headings[*h].at.clone());
            found.add(RULE, near, format!("there is no section {level} beside the other levels"));
        }
    }
}

/// A heading that begins with a number or with a word and a number.
#[derive(Debug, PartialEq)]
struct Numbered {
    /// What stands before the last number: `2.`, `Phase `, empty.
    stem: String,
    number: u32,
}

fn numbered(text: &str) -> Option<Numbered> {
    let text = text.trim();
    let mut words = text.split(|c: char| c.is_whitespace());
    let first = words.next()?;
    let bare = first.trim_end_matches([':', ')', '.', '-', '\u{2014}']);
    let parts: Vec<&str> = bare.split('.').collect();
    let digits = |p: &&str| !p.is_empty() && p.len() <= 2 && p.bytes().all(|b| b.is_ascii_digit());
    if parts.len() <= 4 && parts.iter().all(digits) {
        let marked = bare.len() < first.len() || parts.len() > 1;
        let rest = text[first.len()..].trim_start();
        // `3 ways to ...` is no number of a section; `1. Ways` and `1 Ways` are.
        let titled = rest.starts_with(|c: char| {
            c.is_uppercase() || c == '`' || c == '(' || c == '"' || c == '-' || c == ':'
        });
        if !(marked && !rest.is_empty() || titled) {
            return None;
        }
        let stem = parts[..parts.len() - 1].iter().map(|p| format!("{p}.")).collect();
        return Some(Numbered { stem, number: parts.last()?.parse().ok()? });
    }
    let kinds = [
        "Phase",
        "Step",
        "Section",
        "Part",
        "Chapter",
        "Stage",
        "Appendix",
        "Finding",
        "Task",
        "Milestone",
        "Iteration",
    ];
    let number = words.next()?.trim_end_matches([':', '.', ')', '-', '\u{2014}', ',']);
    let fits = kinds.contains(&first) && digits(&number) && !number.is_empty();
    fits.then(|| Numbered { stem: format!("{first} "), number: number.parse().unwrap_or(0) })
}

/// Numbers of headings of one level under one heading follow one another.
fn numbering(doc: &Doc<'_>, found: &mut Found<'_>) {
    // By the heading above, the level and the stem: headings with their numbers.
    type Key = (Option<usize>, u8, String);
    let mut groups: BTreeMap<Key, Vec<(usize, u32)>> = BTreeMap::new();
    let mut parents: Vec<usize> = Vec::new();
    for (at, heading) in doc.headings.iter().enumerate() {
        while parents.last().is_some_and(|p| doc.headings[*p].level >= heading.level) {
            parents.pop();
        }
        if let Some(numbered) = numbered(&heading.text) {
            let key = (parents.last().copied(), heading.level, numbered.stem);
            groups.entry(key).or_default().push((at, numbered.number));
        }
        parents.push(at);
    }
    for ((_, _, stem), all) in groups {
        sequence(doc, &stem, &all, found);
    }
}

fn sequence(doc: &Doc<'_>, stem: &str, all: &[(usize, u32)], found: &mut Found<'_>) {
    let first = all[0].1;
    if all.len() < 3 || first > 1 {
        return;
    }
    // Versions and years go down, or jump all the time.
    let breaks: Vec<usize> = (1..all.len()).filter(|i| all[*i].1 != all[i - 1].1 + 1).collect();
    if breaks.is_empty() || breaks.len() > 2 || breaks.len() * 3 > all.len() {
        return;
    }
    for at in breaks {
        let (heading, number) = all[at];
        let right = all[at - 1].1 + 1;
        // Starting over is a new list.
        if number <= 1 && number + 1 != right {
            continue;
        }
        // After a doubled or skipped number the next one fits again: told once.
        if at + 1 < all.len() && number + 1 != all[at + 1].1 && all[at + 1].1 == right + 1
            || number > right
            || number == right - 1
        {
            let place = doc.headings[heading].at.clone();
            let end = doc.source[place.clone()].trim_end().len() + place.start;
            let what = if number < right { "repeats or goes back" } else { "leaves a gap" };
            let message = format!("the number of this heading {what}");
            found.wrong(RULE, place.start..end, message, format!("{stem}{number}"), format!("{stem}{right}"));
            return;
        }
    }
}

/// Entries of a table of contents are headings, in their words; and no heading of their level
/// is left out.
fn contents(doc: &Doc<'_>, found: &mut Found<'_>) {
    let is_toc = |text: &str| {
        let text = norm(text);
        ["table of contents", "contents", "toc", "document sections", "navigation", "sections", "index"]
            .contains(&text.as_str())
    };
    let Some(toc) = doc.headings.iter().position(|h| is_toc(&h.text)) else { return };
    let end = doc.section_end(toc).min(doc.headings.get(toc + 1).map_or(usize::MAX, |h| h.at.start));
    let body = doc.headings[toc].at.end..end;
    let links: Vec<_> =
        doc.links.iter().filter(|l| body.contains(&l.at.start) && l.target.starts_with('#')).collect();
    if links.len() < 3 {
        return;
    }
    let slugs = super::links::slugs(doc);
    let linked: Vec<usize> =
        links.iter().filter_map(|l| slugs.iter().position(|s| *s == l.target[1..].to_lowercase())).collect();
    // All others of a level are there: the one that is not was forgotten.
    let level = doc.headings[toc].level;
    let later: Vec<usize> =
        (toc + 1..doc.headings.len()).filter(|h| doc.headings[*h].level == level).collect();
    let missing: Vec<usize> = later.iter().filter(|h| !linked.contains(h)).copied().collect();
    let (have, lack) = (later.len() - missing.len(), missing.len());
    if lack == 1 && have >= 4 {
        let heading = &doc.headings[missing[0]];
        let end = heading.at.start + doc.source[heading.at.clone()].trim_end().len();
        let numbered_ones = linked.iter().filter(|h| numbered(&doc.headings[**h].text).is_some()).count();
        // Whoever leaves out the licence or an appendix means it.
        let usual = [
            "license",
            "licence",
            "changelog",
            "acknowledg",
            "contribut",
            "credits",
            "references",
            "appendix",
            "authors",
        ];
        let named = norm(&heading.text);
        // Only where all are numbered a missing one is certain.
        let meant = usual.iter().any(|w| named.contains(w))
            || numbered_ones < have
            || numbered(&heading.text).is_none();
        if !meant {
            found.add(RULE, heading.at.start..end, "the table of contents leaves this heading out");
        }
    }
    for link in links {
        if let Some(at) = slugs.iter().position(|s| *s == link.target[1..].to_lowercase()) {
            let (entry, heading) = (numbered(&link.text), numbered(&doc.headings[at].text));
            if let (Some(entry), Some(heading)) = (entry, heading)
                && entry != heading
            {
                let shown = |n: &Numbered| format!("{}{}", n.stem, n.number);
                let message = "the entry has another number than its heading";
                found.wrong(RULE, link.at.clone(), message, shown(&entry), shown(&heading));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_headings_are_read() {
        let read = |text: &str| numbered(text).map(|n| (n.stem, n.number));
        assert_eq!(read("1. Scope"), Some((String::new(), 1)));
        assert_eq!(read("2.3 Method"), Some(("2.".into(), 3)));
        assert_eq!(read("4 Results"), Some((String::new(), 4)));
        assert_eq!(read("Phase 2: Build"), Some(("Phase ".into(), 2)));
        assert_eq!(read("3 ways out"), None);
        assert_eq!(read("2026"), None);
        assert_eq!(read("v1.2"), None);
    }
}
