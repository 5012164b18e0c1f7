//! What is wrong with a file, where, why, and what to write instead.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::ops::Range;
use std::sync::Arc;

/// Bytes of the file's text.
pub type Span = Range<usize>;

/// At most this many are shown in full; the rest is counted.
const SHOWN_MAX: usize = 50;

/// Whether the file can be run as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is accepted; something in it is probably not meant.
    Warning,
}

/// A part of the text with a remark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Bytes of the text.
    pub span: Span,
    /// What there is to say about it; may be empty.
    pub text: String,
}

/// Another file than the one that is checked, such as a role's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// Its path, as people know it.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// One mistake or warning. The first label is the place of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// A stable short name, such as `unknown-key`.
    pub code: &'static str,
    /// What is wrong and why.
    pub message: String,
    /// Where; the first one is the place of the mistake, the others explain.
    pub labels: Vec<Label>,
    /// What to write instead.
    pub help: Vec<String>,
    /// The file that the labels are in, if it is not the one that is checked.
    pub file: Option<Arc<Foreign>>,
}

impl Diagnostic {
    /// A mistake: the file is refused.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { severity: Severity::Error, code, message, labels: vec![], help: vec![], file: None }
    }

    /// A remark: the file is accepted.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Adds a place; the first one is where the mistake is.
    #[must_use]
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Adds what to write instead.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// Says that the labels are in another file.
    #[must_use]
    pub fn in_file(mut self, file: Arc<Foreign>) -> Self {
        self.file = Some(file);
        self
    }

    /// The path of the file that it is about; `name` is that of the one that is checked.
    pub fn file_name<'a>(&'a self, name: &'a str) -> &'a str {
        self.file.as_ref().map_or(name, |file| &file.name)
    }

    /// The place of the mistake as line and column, both from 1, in characters.
    pub fn position(&self, text: &str) -> (usize, usize) {
        let text = self.file.as_ref().map_or(text, |file| &file.text);
        let start = self.labels.first().map_or(0, |label| label.span.start).min(text.len());
        let before = text.get(..start).unwrap_or("");
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }
}

/// The closest of `known` to `word`, if it is close enough to be meant.
pub(super) fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let far = (word.chars().count() / 3).max(1);
    let word = word.to_lowercase();
    known
        .into_iter()
        .filter(|k| k.len().abs_diff(word.len()) <= 4 * far)
        .map(|k| (strsim::damerau_levenshtein(&word, &k.to_lowercase()), k))
        .filter(|(distance, k)| *distance <= far && *distance < k.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k)
}

/// Mistakes first, each kind in the order of the file.
pub(super) fn sort(diagnostics: &mut Vec<Diagnostic>) {
    let file = |d: &Diagnostic| d.file.as_ref().map(|file| file.name.clone());
    let start = |d: &Diagnostic| d.labels.first().map_or(0, |label| label.span.start);
    diagnostics.sort_by_key(|d| (d.severity, file(d), start(d)));
    let mut seen = std::collections::HashSet::new();
    diagnostics.retain(|d| {
        seen.insert((d.code, d.message.clone(), d.labels.first().map(|label| label.span.clone()), file(d)))
    });
}

/// Renders diagnostics as rustc does: message, `file:line:column`, the line with a caret, help.
/// `name` is shown as the file's path. Colour is the caller's choice: a terminal wants it, a
/// pipe does not.
pub fn render(diagnostics: &[Diagnostic], name: &str, text: &str, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let name = printable(name);
    // Control characters would move the caret, or the terminal.
    let shown_text = tame(text);
    let mut out = String::new();
    for diagnostic in diagnostics.iter().take(SHOWN_MAX) {
        out.push_str(&match &diagnostic.file {
            None => renderer.render(&[group(diagnostic, &name, &shown_text)]),
            Some(file) => renderer.render(&[group(diagnostic, &printable(&file.name), &tame(&file.text))]),
        });
        out.push_str("\n\n");
    }
    out.push_str(&tally(diagnostics));
    out
}

fn group<'a>(diagnostic: &'a Diagnostic, name: &'a str, text: &'a str) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(printable(&diagnostic.message)).id(diagnostic.code);
    let (window, line) = window(diagnostic, text);
    let mut snippet = Snippet::source(&text[window.clone()]).path(name).line_start(line);
    for (number, label) in diagnostic.labels.iter().enumerate() {
        let kind = if number == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        let mut annotation = {
            let span = first_line(text, &label.span);
            kind.span(span.start - window.start..span.end - window.start)
        };
        if !label.text.is_empty() {
            annotation = annotation.label(printable(&label.text));
        }
        snippet = snippet.annotation(annotation);
    }
    let mut group =
        if diagnostic.labels.is_empty() { Group::with_title(title) } else { title.element(snippet) };
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(printable(help)));
    }
    group
}

/// The lines that the labels are on, and the number of the first: the renderer looks at all
/// of what it gets.
fn window(diagnostic: &Diagnostic, text: &str) -> (Span, usize) {
    let spans = || diagnostic.labels.iter().map(|label| first_line(text, &label.span));
    let start = spans().map(|s| s.start).min().unwrap_or(0);
    let end = spans().map(|s| s.end).max().unwrap_or(0);
    let start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[end..].find('\n').map_or(text.len(), |at| end + at + 1);
    (start..end, text[..start].matches('\n').count() + 1)
}

fn tally(diagnostics: &[Diagnostic]) -> String {
    let count = |wanted| diagnostics.iter().filter(|d| d.severity == wanted).count();
    let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    let parts: Vec<String> = [(count(Severity::Error), "error"), (count(Severity::Warning), "warning")]
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| plural(n, word))
        .collect();
    let hidden = diagnostics.len().saturating_sub(SHOWN_MAX);
    match (parts.is_empty(), hidden) {
        (true, _) => String::new(),
        (false, 0) => format!("{}\n", parts.join(", ")),
        (false, hidden) => format!("{}; {hidden} of them not shown\n", parts.join(", ")),
    }
}

/// A span that ends on its first line and lies within the text at character borders.
fn first_line(text: &str, span: &Span) -> Span {
    let mut start = span.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = span.end.clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let end = text[start..end].find(['\n', '\r']).map_or(end, |at| start + at);
    start..end
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// The same text with control characters replaced by something of the same length in bytes.
fn tame(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' | '\r' => c,
            c if c.is_control() && c.len_utf8() == 1 => '?',
            '\u{80}'..='\u{9f}' => '\u{b7}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_are_close() {
        assert_eq!(closest("thresold", ["threshold", "floor"]), Some("threshold"));
        assert_eq!(closest("Phases", ["phases"]), Some("phases"));
        assert_eq!(closest("banana", ["threshold", "floor"]), None);
        assert_eq!(closest("x", ["y"]), None);
    }

    #[test]
    fn spans_outside_the_text_do_no_harm() {
        let text = "ä: \u{1b}[31m\n";
        let far = Diagnostic::error("x", "a\u{7}b").at(1..999, "here").at(Span { start: 7, end: 3 }, "there");
        let shown = render(&[far], "na\nme", text, false);
        assert!(!shown.contains('\u{1b}') && !shown.contains('\u{7}'), "{shown}");
    }
}
