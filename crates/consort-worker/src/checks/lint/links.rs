//! `links`: anchors, references and footnotes are defined; files that are linked or cited exist.

use super::Found;
use super::doc::{Doc, Link, Span};

const RULE: &str = "links";

/// Says which files there are. Paths are as written, relative to the text.
pub trait Lookup {
    /// Whether there is such a file or directory; `None` if that cannot be known.
    fn exists(&self, path: &str) -> Option<bool>;
    /// The text of a file, for its anchors; `None` if it cannot be had.
    fn text(&self, path: &str) -> Option<String>;
    /// Whether a path that is only mentioned is there, seen from the text or from the top of its
    /// repository; `None` if that cannot be known.
    fn cited(&self, path: &str) -> Option<bool>;
}

/// Knows of no files.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nowhere;

impl Lookup for Nowhere {
    fn exists(&self, _: &str) -> Option<bool> {
        None
    }
    fn text(&self, _: &str) -> Option<String> {
        None
    }
    fn cited(&self, _: &str) -> Option<bool> {
        None
    }
}

pub(super) fn check(doc: &Doc<'_>, lookup: &dyn Lookup, found: &mut Found<'_>) {
    let anchors = anchors(doc);
    let away = away(doc, lookup);
    for link in doc.links.iter().filter(|l| !l.auto) {
        if let Some(anchor) = link.target.strip_prefix('#') {
            inner(anchor, link, &anchors, found);
        } else if !away {
            outer(link, lookup, found);
        }
    }
    undefined(doc, found);
    footnotes(doc, found);
    citations(doc, found);
    cited(doc, lookup, found);
}

/// The anchor that a heading gets: lower case, blanks as hyphens, other signs dropped.
fn slug(text: &str) -> String {
    let mut out = String::new();
    for c in text.trim().chars() {
        match c {
            ' ' | '-' => out.push('-'),
            '_' => out.push('_'),
            c if c.is_alphanumeric() => out.extend(c.to_lowercase()),
            _ => {}
        }
    }
    out
}

/// Anchors of the headings, in their order; a repeated one gets a number.
pub(super) fn slugs(doc: &Doc<'_>) -> Vec<String> {
    let mut seen: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    let one = |h: &super::doc::Heading| {
        let slug = slug(&h.text);
        let n = seen.entry(slug.clone()).or_default();
        *n += 1;
        if *n == 1 { slug } else { format!("{slug}-{}", *n - 1) }
    };
    doc.headings.iter().map(one).collect()
}

fn anchors(doc: &Doc<'_>) -> std::collections::BTreeSet<String> {
    let given = doc.anchors.iter().map(|a| a.to_lowercase());
    // Other tools keep dots, or squeeze hyphens: both are taken.
    let mut all: std::collections::BTreeSet<String> = slugs(doc).into_iter().chain(given).collect();
    for heading in &doc.headings {
        let attribute = heading.text.rsplit_once("{#").map(|(_, id)| id.trim_end_matches('}').to_lowercase());
        all.extend(attribute);
    }
    let squeezed: Vec<String> = all.iter().map(|s| squeeze(s)).collect();
    all.extend(squeezed);
    all
}

fn squeeze(slug: &str) -> String {
    slug.split('-').filter(|p| !p.is_empty()).collect::<Vec<_>>().join("-")
}

fn inner(anchor: &str, link: &Link, anchors: &std::collections::BTreeSet<String>, found: &mut Found<'_>) {
    let wanted = percent_decoded(anchor).to_lowercase();
    // Line numbers and the top of a page are no headings; `#method.x` is made by other tools.
    let made = wanted.is_empty()
        || wanted == "top"
        || wanted.starts_with("method.")
        || wanted.starts_with("user-content")
        || wanted.starts_with("fn")
        || wanted.contains(['/', '=', '!', ':', '.'])
        || wanted.starts_with('l') && wanted[1..].bytes().all(|b| b.is_ascii_digit());
    if made || anchors.contains(&wanted) || anchors.contains(&squeeze(&wanted)) {
        return;
    }
    let message = format!("there is no heading for the anchor `#{anchor}`");
    let near = anchors
        .iter()
        .filter(|a| !a.is_empty() && (a.contains(&wanted) || wanted.contains(a.as_str())))
        .min_by_key(|a| a.len().abs_diff(wanted.len()));
    found.put(RULE, link.at.clone(), message, Some(format!("#{anchor}")), near.map(|a| format!("#{a}")));
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let hex = more
            .get(..2)
            .and_then(|h| std::str::from_utf8(h).ok())
            .and_then(|h| u8::from_str_radix(h, 16).ok());
        match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &more[2..];
            }
            _ => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A text none of whose links to files leads anywhere was taken from its place: nothing can be
/// known of what it links to. One link that leads nowhere is a fault where there is a repository.
fn away(doc: &Doc<'_>, lookup: &dyn Lookup) -> bool {
    let mut targets: Vec<String> =
        doc.links.iter().filter(|l| !l.auto).filter_map(|l| local(&l.target)).map(|(path, _)| path).collect();
    targets.sort();
    targets.dedup();
    let there = targets.iter().take(200).any(|t| lookup.exists(t) == Some(true));
    !there && (targets.len() != 1 || lookup.cited(&targets[0]).is_none())
}

/// The path and the anchor of a link to a file beside the text.
fn local(target: &str) -> Option<(String, &str)> {
    let scheme = target.split_once(':').is_some_and(|(s, _)| {
        s.len() > 1 && s.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'.' | b'-'))
    });
    // Templates and item paths of other tools are no files.
    let other = target.is_empty()
        || target.starts_with(['/', '#'])
        || target.contains(['{', '<', '$', '*', '?', '\n', '['])
        || target.contains("::");
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    (!scheme && !other).then(|| (percent_decoded(path), anchor))
}

fn outer(link: &Link, lookup: &dyn Lookup, found: &mut Found<'_>) {
    let target = link.target.as_str();
    let Some((path, anchor)) = local(target) else { return };
    match lookup.exists(&path) {
        Some(false) => {
            let message =
                format!("the {} `{path}` is not there", if link.image { "image" } else { "linked file" });
            found.put(RULE, link.at.clone(), message, Some(target.to_owned()), None);
        }
        Some(true) if !anchor.is_empty() && path.ends_with(".md") => {
            let Some(text) = lookup.text(&path) else { return };
            let other = Doc::read(&text);
            let anchors = anchors(&other);
            inner(anchor, link, &anchors, found);
        }
        _ => {}
    }
}

fn undefined(doc: &Doc<'_>, found: &mut Found<'_>) {
    for (name, at) in &doc.undefined {
        let shown = &doc.source[at.clone()];
        // Only `[text][name]`: what stands in single brackets is often just text.
        let full =
            shown.contains("][") && !shown.contains("::") && !name.is_empty() && !name.starts_with('^');
        let index = name.bytes().all(|b| b.is_ascii_digit() || matches!(b, b' ' | b':' | b',' | b'.'));
        let word = name.len() >= 3
            && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ' | '.'));
        let rust = shown.contains('`') || doc.definitions == 0;
        // `[R1-21][R1-25]` are two citations.
        let digit = |t: &str| t.bytes().any(|b| b.is_ascii_digit());
        let rust = rust || digit(name) && digit(shown.split("][").next().unwrap_or_default());
        if full && word && !index && !rust {
            found.put(
                RULE,
                at.clone(),
                format!("the reference `[{name}]` is not defined"),
                Some(shown.to_owned()),
                None,
            );
        }
    }
}

/// `[^1]` that stays text has no note.
fn footnotes(doc: &Doc<'_>, found: &mut Found<'_>) {
    for block in &doc.blocks {
        for (at, _) in block.text.match_indices("[^") {
            let rest = &block.text[at + 2..];
            let Some(end) = rest.find(']').filter(|e| (1..=20).contains(e)) else { continue };
            let name = &rest[..end];
            let piece = at..at + 2 + end + 1;
            let plain = name.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
            // A pattern such as `[^a-z]` is no note.
            let note =
                plain && (name.bytes().all(|b| b.is_ascii_digit()) || name.len() >= 3 && !name.contains('-'));
            if note && !block.is_code(&piece) {
                let place = block.place(&piece);
                found.put(
                    RULE,
                    place,
                    format!("the footnote `[^{name}]` is not defined"),
                    Some(format!("[^{name}]")),
                    None,
                );
            }
        }
    }
}

const SOURCES: [&str; 5] = ["references", "sources", "bibliography", "citations", "works cited"];

/// `[7]` where the list of sources ends at 6.
fn citations(doc: &Doc<'_>, found: &mut Found<'_>) {
    let is_sources = |text: &str| {
        let text = super::norm(text);
        let bare = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        SOURCES.contains(&bare)
    };
    let Some(heading) = doc.headings.iter().rposition(|h| is_sources(&h.text)) else { return };
    let body = doc.headings[heading].at.end..doc.section_end(heading);
    let Some(known) = known_sources(doc, &body) else { return };
    for block in doc.blocks.iter().filter(|b| !body.contains(&b.at.start)) {
        for (at, number) in bracketed(&block.text) {
            if !known.contains(&number) && !block.is_code(&at) {
                let most = known.iter().max().copied().unwrap_or(0);
                let message = "the cited source is not in the list of sources";
                found.wrong(
                    RULE,
                    block.place(&at),
                    message,
                    format!("[{number}]"),
                    format!("[1] to [{most}]"),
                );
            }
        }
    }
}

/// Numbers in square brackets.
fn bracketed(text: &str) -> Vec<(Span, u32)> {
    let mut all = Vec::new();
    for (at, _) in text.match_indices('[') {
        let rest = &text[at + 1..];
        let Some(end) = rest.find(']').filter(|e| (1..=3).contains(e)) else { continue };
        // Indexing is no citation.
        let indexed = text[..at].ends_with(|c: char| c.is_alphanumeric() || c == ']' || c == '_' || c == ')');
        if let (Ok(number), false) = (rest[..end].parse(), indexed) {
            all.push((at..at + end + 2, number));
        }
    }
    all
}

/// The numbers of a list of sources: of its items, or in brackets in front. `None` if it is in
/// another form.
fn known_sources(doc: &Doc<'_>, body: &Span) -> Option<Vec<u32>> {
    let list = doc.lists.iter().find(|l| l.numbered && body.contains(&l.at.start));
    let front = |text: &str| bracketed(text).into_iter().find(|(at, _)| at.start == 0).map(|(_, n)| n);
    let blocks = doc.blocks.iter().filter(|b| body.contains(&b.at.start) && !b.heading);
    let cells = doc.tables.iter().filter(|t| body.contains(&t.at.start)).flat_map(|t| &t.rows);
    let marked: Vec<u32> = blocks
        .flat_map(|b| bracketed(&b.text).into_iter().map(|(_, n)| n).collect::<Vec<_>>())
        .chain(
            cells
                .filter_map(|r| r.cells.first())
                .filter_map(|c| front(&c.text).or_else(|| c.text.trim().parse().ok())),
        )
        .collect();
    if marked.len() >= 2 {
        return Some(marked);
    }
    let list = list.filter(|l| l.items.len() >= 2)?;
    Some((1..=list.items.len() as u32).collect())
}

/// Files that a section of sources or inputs names as code.
fn cited(doc: &Doc<'_>, lookup: &dyn Lookup, found: &mut Found<'_>) {
    let words = ["references", "sources", "inputs", "artifacts", "evidence", "related documents", "cited"];
    for block in &doc.blocks {
        if block.code.is_empty() || !doc.under(block.section, &words) {
            continue;
        }
        for piece in &block.code {
            let path = block.text[piece.clone()].trim().trim_end_matches(':');
            if is_path(path) && lookup.cited(path) == Some(false) {
                let message = format!("the cited file `{path}` is not there");
                found.put(RULE, block.place(piece), message, Some(path.to_owned()), None);
            }
        }
    }
}

/// A relative path with a folder and a usual ending.
fn is_path(text: &str) -> bool {
    let fine = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
    let ending = text.rsplit_once('.').is_some_and(|(_, e)| {
        matches!(
            e,
            "md" | "yaml" | "yml" | "json" | "toml" | "rs" | "py" | "ts" | "js" | "go" | "txt" | "csv"
        )
    });
    text.contains('/')
        && ending
        && !text.starts_with('/')
        && text.chars().all(fine)
        && !text.contains("...")
        && !text.contains("NNN")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_made_as_usual() {
        assert_eq!(slug("L0: Executive Summary"), "l0-executive-summary");
        assert_eq!(slug("1. Scope & Goals"), "1-scope--goals");
        assert_eq!(slug("What's `new`?"), "whats-new");
        assert_eq!(slug("a_b-c"), "a_b-c");
    }
}
