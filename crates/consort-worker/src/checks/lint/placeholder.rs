//! `placeholder`: what was to be filled in and was not.

use super::doc::{Block, Cell, Doc, Span, What};
use super::{Found, has_word, norm};

const RULE: &str = "placeholder";

pub(super) fn check(doc: &Doc<'_>, found: &mut Found<'_>) {
    let is_template = is_template(doc.source);
    for element in &doc.flow {
        if let What::Block(at) = element.what {
            block(&doc.blocks[at], is_template, found);
        }
    }
    for table in &doc.tables {
        for row in &table.rows {
            // What is still to come may be open.
            let pending = || row.cells.iter().any(|c| is_pending(&norm(&c.text)));
            for cell in &row.cells {
                let bare = || bare(&cell.text).filter(|_| !pending());
                let Some(mark) = mark(&cell.text, is_template).or_else(bare) else { continue };
                let shown = &cell.text[mark];
                if !cell.code.iter().any(|c| c.contains(shown)) {
                    tell(found, place(doc, cell), shown);
                }
            }
        }
        unscored(table, found);
    }
}

fn place(doc: &Doc<'_>, cell: &Cell) -> Span {
    let raw = &doc.source[cell.at.clone()];
    let start = cell.at.start + (raw.len() - raw.trim_start_matches([' ', '|']).len());
    start..start.max(cell.at.start + raw.trim_end_matches([' ', '|']).len())
}

fn tell(found: &mut Found<'_>, at: Span, shown: &str) {
    let shown = super::clip(shown, 60);
    found.put(RULE, at, format!("\"{shown}\" was left to be filled in"), Some(shown), None);
}

fn block(block: &Block, is_template: bool, found: &mut Found<'_>) {
    if let Some(at) = mark(&block.text, is_template).filter(|at| !block.is_code(at)) {
        tell(found, block.place(&at), &block.text[at.clone()]);
        return;
    }
    // `Owner: TBD`
    let Some((label, value)) = block.text.split_once(':') else { return };
    let offset = label.len() + 1;
    if label.len() <= 40
        && let Some(at) = bare(value)
    {
        let at = at.start + offset..at.end + offset;
        if !block.is_code(&at) {
            tell(found, block.place(&at), &block.text[at.clone()]);
        }
    }
}

/// Marks that nobody leaves on purpose, wherever they stand.
fn mark(text: &str, is_template: bool) -> Option<Span> {
    // A number is none of them.
    if text.len() < 3 || !text.bytes().any(|b| b.is_ascii_alphabetic() || b == b'{') {
        return None;
    }
    // Each mark has a bracket, a run of capitals or one of these words.
    let bytes = text.as_bytes();
    let capitals =
        bytes.windows(3).any(|w| w.iter().all(u8::is_ascii_uppercase) && matches!(w[0], b'T' | b'F'));
    let bracket = bytes.iter().any(|b| matches!(b, b'[' | b'<' | b'{'));
    // The shortest of the words has five letters.
    if !(capitals || bracket || text.len() >= 5) {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    if !(capitals || bracket || ["lorem", "populated", "xx.xx"].iter().any(|w| lower.contains(w))) {
        return None;
    }
    if let Some(at) = lower.find("lorem ipsum") {
        return Some(at..at + 11);
    }
    for word in ["TODO:", "TODO(", "FIXME:", "FIXME ", "TBD:", "[TBD]", "[TODO]", "<TBD>", "<TODO>", "TKTK"] {
        let hit = text.match_indices(word).find(|(at, _)| {
            !text[..*at]
                .ends_with(|c: char| c.is_alphanumeric() || matches!(c, '`' | '"' | '\'' | '\u{201c}' | '/'))
        });
        if let Some((at, _)) = hit {
            return Some(at..at + word.trim_end().len());
        }
    }
    let template = if is_template { None } else { template(text) };
    template.or_else(|| {
        let phrases = ["to be populated", "[insert ", "<insert ", "[your ", "xx.xx", "[to be ", "<to be "];
        let hit = |p: &&str| lower.find(*p).filter(|at| !text[..*at].ends_with(['"', '\'', '`', '\u{201c}']));
        phrases.iter().find_map(|p| hit(p).map(|at| at..at + p.trim_end().len()))
    })
}

/// `{{name}}` with nothing but a name in it.
fn template(text: &str) -> Option<Span> {
    for (at, _) in text.match_indices("{{") {
        let rest = &text[at + 2..];
        let Some(end) = rest.find("}}").filter(|e| *e <= 60) else { continue };
        let name = rest[..end].trim();
        let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
        let expression = text[..at].ends_with(['$', '`', '"', '\'']);
        if !name.is_empty() && name.chars().all(word) && !expression {
            return Some(at..at + 2 + end + 2);
        }
    }
    None
}

/// A whole value that says that it is missing.
fn bare(value: &str) -> Option<Span> {
    let trimmed = value.trim().trim_end_matches('.');
    let start = value.len() - value.trim_start().len();
    let known = ["TBD", "TBC", "TODO", "FIXME", "???", "T.B.D", "TBA", "XXX", "<fill in>", "[fill in]"];
    let said = ["to be determined", "to be decided", "to be defined"]
        .iter()
        .any(|said| trimmed.eq_ignore_ascii_case(said));
    (known.contains(&trimmed) || said).then(|| start..start + trimmed.len())
}

const PENDING: [&str; 14] = [
    "pending",
    "planned",
    "open",
    "blocked",
    "todo",
    "draft",
    "future",
    "proposed",
    "upcoming",
    "scheduled",
    "started",
    "backlog",
    "ready",
    "waiting",
];

fn is_pending(words: &str) -> bool {
    PENDING.iter().any(|w| has_word(words, w))
}

/// A text full of names in braces is there to be filled in.
fn is_template(text: &str) -> bool {
    let mut names: Vec<&str> = text
        .match_indices("{{")
        .filter_map(|(at, _)| text[at + 2..].split("}}").next())
        .filter(|n| n.len() <= 60)
        .take(2_000)
        .collect();
    names.sort_unstable();
    names.dedup();
    names.len() >= 5
}

const DONE: [&str; 9] =
    ["complete", "completed", "done", "passed", "pass", "closed", "accepted", "approved", "final"];

/// A score of `--` where the row or the document says that it is complete.
fn unscored(table: &super::doc::Table, found: &mut Found<'_>) {
    let heads: Vec<String> = table.head.iter().map(|h| norm(&h.text)).collect();
    let of = |word: &str| heads.iter().position(|head| has_word(head, word) && head.len() < 24);
    let status = heads.iter().position(|head| has_word(head, "status"));
    let score = of("score").or_else(|| of("composite")).or_else(|| of("gate"));
    let (Some(score), Some(status)) = (score, status) else { return };
    for row in &table.rows {
        let state = norm(&row.cells[status].text);
        let value = row.cells[score].text.trim();
        let empty = matches!(value, "--" | "-" | "\u{2014}" | "\u{2013}" | "TBD")
            || value.starts_with("--/")
            || value.starts_with("-- /");
        if empty && DONE.iter().any(|w| has_word(&state, w)) && !has_word(&state, "not") {
            let message =
                format!("there is no score where the status says {}", row.cells[status].text.trim());
            found.put(RULE, row.cells[score].at.clone(), message, Some(value.to_owned()), None);
        }
    }
}
