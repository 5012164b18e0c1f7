//! Markdown that stays what it was meant to be, whatever texts others put into it.

use super::WIDTH_MAX;
use super::text::{clean, width, wrap};

/// A text of others within a paragraph, a list item or a cell: one line, no HTML, no images, no
/// end of the cell.
pub(super) fn inline(text: &str) -> String {
    let text = clean(text);
    let mut safe = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '<' => safe.push_str("&lt;"),
            '|' => safe.push_str("\\|"),
            '\\' if matches!(chars.peek(), None | Some('|' | '<')) => safe.push_str("\\\\"),
            '!' if chars.peek() == Some(&'[') => safe.push_str("\\!"),
            c => safe.push(c),
        }
    }
    safe
}

/// A path or an id as code.
pub(super) fn code(text: &str) -> String {
    format!("`{}`", clean(text).replace('`', "'").replace('|', "\\|"))
}

/// A document that is written from top to bottom.
pub(super) struct Doc {
    text: String,
}

impl Doc {
    pub(super) fn new() -> Self {
        Doc { text: String::new() }
    }

    /// One line as it is.
    pub(super) fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// An empty line, unless there is one.
    pub(super) fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// `## 1. Title`, with empty lines around it.
    pub(super) fn heading(&mut self, level: usize, title: &str) {
        self.gap();
        self.line(&format!("{} {title}", "#".repeat(level)));
        self.gap();
    }

    /// A rule between sections.
    pub(super) fn rule(&mut self) {
        self.gap();
        self.line("---");
        self.gap();
    }

    /// A paragraph, wrapped.
    pub(super) fn paragraph(&mut self, text: &str) {
        self.gap();
        self.wrapped("", "", text);
        self.gap();
    }

    /// A list item, wrapped; `lead` is `- `, `1. ` or `> `.
    pub(super) fn item(&mut self, lead: &str, text: &str) {
        let indent =
            if lead.trim_start().starts_with('>') { lead.to_owned() } else { " ".repeat(lead.len()) };
        self.wrapped(lead, &indent, text);
    }

    fn wrapped(&mut self, lead: &str, indent: &str, text: &str) {
        for (n, line) in wrap(&glued(text), WIDTH_MAX - indent.len() - 1).iter().enumerate() {
            let lead = if n == 0 { lead } else { indent };
            self.line(&format!("{lead}{}", tame(line).replace(GLUE, " ")));
        }
    }

    /// A fenced block; the fence is longer than any in the text.
    pub(super) fn block(&mut self, text: &str) {
        let longest =
            text.lines().map(|l| l.trim_start().chars().take_while(|c| *c == '`').count()).max().unwrap_or(0);
        let fence = "`".repeat(longest.max(2) + 1);
        self.gap();
        self.line(&fence);
        text.lines().for_each(|l| self.line(l));
        self.line(&fence);
        self.gap();
    }

    /// A table; rows that would be too wide make it a list of the same facts: first cell as the
    /// item, the others below it under their headings.
    pub(super) fn table(&mut self, headings: &[&str], rows: &[Vec<String>]) {
        self.gap();
        if rows.is_empty() {
            self.line("None.");
            self.gap();
            return;
        }
        let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
        if rows.iter().all(|r| width(&line(r)) <= WIDTH_MAX) {
            self.line(&format!("| {} |", headings.join(" | ")));
            self.line(&format!(
                "|{}|",
                headings.iter().map(|h| "-".repeat(h.len() + 2)).collect::<Vec<_>>().join("|")
            ));
            rows.iter().for_each(|r| self.line(&line(r)));
        } else {
            rows.iter().for_each(|r| self.facts(headings, r));
        }
        self.gap();
    }

    fn facts(&mut self, headings: &[&str], row: &[String]) {
        let Some((first, rest)) = row.split_first() else { return };
        self.item("- ", &format!("**{}:** {first}", headings.first().unwrap_or(&"")));
        for (heading, cell) in headings.iter().skip(1).zip(rest).filter(|(_, cell)| !cell.is_empty()) {
            self.item("  - ", &format!("{heading}: {cell}"));
        }
    }

    pub(super) fn into_text(self) -> String {
        self.text.trim_end().to_owned() + "\n"
    }
}

/// Stands for a space at which a line must not break; [`clean`] leaves none in texts of others.
const GLUE: char = '\u{a0}';

/// Commands in backticks stay on one line, so that they can be copied.
fn glued(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    let mut glued = String::with_capacity(text.len());
    for (n, part) in parts.iter().enumerate() {
        let code = n % 2 == 1 && n + 1 < parts.len() && width(part) <= WIDTH_MAX - 20;
        glued.push_str(&if code { part.replace(' ', &GLUE.to_string()) } else { (*part).to_owned() });
        if n + 1 < parts.len() {
            glued.push('`');
        }
    }
    glued
}

/// A wrapped line must not begin like a heading, a list, a quote, a fence or a rule.
fn tame(line: &str) -> String {
    let first = line.split(' ').next().unwrap_or_default();
    let digits = first.trim_end_matches(['.', ')']);
    let numbered =
        digits.len() + 1 == first.len() && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let marks = matches!(first, "-" | "+" | "*") || first.starts_with(['#', '>', '|']);
    let ruled =
        ["---", "***", "___", "===", "```", "~~~", "- -", "=", "\\|"].iter().any(|m| line.starts_with(m));
    match (marks || ruled, numbered) {
        (true, _) if line.starts_with('\\') => line.to_owned(),
        (true, _) => format!("\\{line}"),
        (_, true) => format!("{digits}\\{}", &line[digits.len()..]),
        _ => line.to_owned(),
    }
}

/// Text for a fenced block: lines cut to what fits; a line that is one long path stays whole.
pub(super) fn plain_block(text: &str) -> String {
    let mut shown = String::new();
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let indent_text = " ".repeat(indent);
        for (n, part) in wrap(line.trim_start(), WIDTH_MAX - indent - 4).iter().enumerate() {
            let more = if n > 0 { "    " } else { "" };
            let part = if width(line) <= WIDTH_MAX { line.trim_start() } else { part };
            shown.push_str(&format!("{indent_text}{more}{part}\n"));
            if width(line) <= WIDTH_MAX {
                break;
            }
        }
    }
    shown
}

/// The anchor that a heading gets.
pub(super) fn anchor(heading: &str) -> String {
    let kept = heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .collect::<String>();
    kept.replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_others_stay_in_their_cell() {
        let hostile = "a | b\n| c |\n# head <script>x</script> ![p](http://x) end\\";
        assert_eq!(
            inline(hostile),
            "a \\| b \\| c \\| # head &lt;script>x&lt;/script> \\![p](http://x) end\\\\"
        );
        assert_eq!(inline("\\|"), "\\\\\\|");
        assert_eq!(code("a`b|c"), "`a'b\\|c`");
    }

    #[test]
    fn wrapped_lines_do_not_become_blocks() {
        let mut doc = Doc::new();
        let filler = "x".repeat(116);
        for mark in ["# head", "- item", "1. one", "> quote", "```", "---"] {
            doc.item("- ", &format!("{filler} {mark}"));
        }
        for line in doc.into_text().lines().skip(1).step_by(2) {
            assert!(line.starts_with("  \\") || line.starts_with("  1\\."), "{line}");
        }
    }

    #[test]
    fn a_table_that_would_be_too_wide_is_a_list() {
        let mut doc = Doc::new();
        doc.table(&["Name", "About"], &[vec!["a".into(), "word ".repeat(40)]]);
        let text = doc.into_text();
        assert!(text.starts_with("- **Name:** a\n  - About: word"), "{text}");
        assert!(text.lines().all(|l| width(l) <= WIDTH_MAX));
    }

    #[test]
    fn anchors_are_those_of_the_renderers() {
        assert_eq!(anchor("1. Executive Summary"), "1-executive-summary");
    }
}
