//! Front matter: YAML between two lines `---` at the top. People write descriptions into it that are
//! no YAML (`Use it when: ...`), and the programs that they wrote them for do not mind; so a plain
//! value that cannot be read is taken as the text that it is.

use crate::definition::diagnostic::{Diagnostic, Span};
use crate::definition::tree::{self, Node};

/// What stands between the two lines, and where the rest begins.
pub(super) type Parts = (Option<Span>, Span);

/// Front matter and body of a text.
pub(super) fn split(text: &str) -> Result<Parts, Diagnostic> {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut at = start;
    let mut lines = text[start..].split_inclusive('\n');
    match lines.next() {
        Some(first) if first.trim_end() == "---" => at += first.len(),
        _ => return Ok((None, start..text.len())),
    }
    let begin = at;
    for line in lines {
        if line.trim_end() == "---" {
            return Ok((Some(begin..at), at + line.len()..text.len()));
        }
        at += line.len();
    }
    Err(Diagnostic::error("front-matter-open", "the front matter has no end")
        .at(start..start + 3, "it begins here")
        .help("close it with a line `---` before the instructions"))
}

/// The tree of a part of the text; `true` if some of its values were taken as they stand.
pub(super) fn parse(text: &str, part: &Span) -> Result<(Node, bool), Diagnostic> {
    // Blanks keep every place where it is in the whole file.
    let head: String = text[..part.start]
        .chars()
        .map(|c| if c == '\n' { "\n".into() } else { " ".repeat(c.len_utf8()) })
        .collect();
    let strict = tree::parse(&format!("{head}{}", &text[part.clone()]));
    let Err(mistake) = strict else { return strict.map(|node| (node, false)) };
    let (quoted, moved) = quoted(&text[part.clone()]);
    match tree::parse(&format!("{head}{quoted}")) {
        Ok(mut node) => {
            place_back(&mut node, &moved, part.start);
            Ok((node, true))
        }
        Err(_) => Err(mistake),
    }
}

/// How many bytes were put in before a byte of the quoted text.
type Moved = Vec<(usize, usize)>;

/// The same with the plain values of its own keys in quotes.
fn quoted(part: &str) -> (String, Moved) {
    let (mut out, mut moved, mut added) = (String::new(), Moved::new(), 0);
    for line in part.split_inclusive('\n') {
        let (words, end) = line.split_at(line.trim_end().len());
        let plain = words.split_once(": ").filter(|(key, value)| {
            !key.is_empty()
                && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
                && !value.trim().is_empty()
                && !value.trim_start().starts_with(['"', '\'', '[', '{', '|', '>', '&', '*', '#'])
        });
        match plain {
            Some((key, value)) => {
                out.push_str(key);
                out.push_str(": '");
                added += 1;
                moved.push((out.len(), added));
                let safe = value.replace('\'', "''");
                added += safe.len() - value.len() + 1;
                out.push_str(&safe);
                out.push('\'');
                moved.push((out.len(), added));
                out.push_str(end);
            }
            None => out.push_str(line),
        }
    }
    (out, moved)
}

/// Spans of the quoted text as spans of the file.
fn place_back(node: &mut Node, moved: &Moved, start: usize) {
    let back = |at: usize| {
        let local = at.saturating_sub(start);
        let added = moved.iter().take_while(|(from, _)| *from <= local).last().map_or(0, |(_, added)| *added);
        start + local.saturating_sub(added)
    };
    node.span = back(node.span.start)..back(node.span.end).max(back(node.span.start));
    match &mut node.value {
        tree::Value::List(items) => items.iter_mut().for_each(|item| place_back(item, moved, start)),
        tree::Value::Map(entries) => entries.iter_mut().for_each(|(key, value)| {
            place_back(key, moved, start);
            place_back(value, moved, start);
        }),
        tree::Value::Null | tree::Value::Scalar(_) => {}
    }
}
