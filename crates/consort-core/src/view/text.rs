//! Text that is fit to be shown: cleaned of what a terminal or a reader could be tricked with,
//! measured in columns, wrapped, cut.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What others wrote, on one line: control characters and escape sequences are taken out, line
/// breaks and tabs become spaces, and characters that reorder or hide text are dropped.
pub fn clean(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut space = true;
    for c in text.chars() {
        let c = match c {
            '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
            _ if c.is_control() || is_hidden(c) => continue,
            c if c.is_whitespace() => ' ',
            c => c,
        };
        if c != ' ' || !space {
            shown.push(c);
        }
        space = c == ' ';
    }
    shown.truncate(shown.trim_end().len());
    shown
}

/// Characters that change the order of others, or that nobody can see.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

/// Columns that this text takes up.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// At most so many columns; what was cut is marked.
pub(super) fn cut(text: &str, max: usize) -> String {
    match max {
        _ if width(text) <= max => text.to_owned(),
        0 => String::new(),
        1..3 => head(text, max).to_owned(),
        3..8 => head(text, max - 2).trim_end().to_owned() + "..",
        _ => head(text, max - 3).trim_end().to_owned() + "...",
    }
}

/// As much of the beginning as fits into so many columns, at least one character.
fn head(text: &str, max: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > max && at > 0 {
            return &text[..at];
        }
    }
    text
}

/// Exactly so many columns: cut, or filled up with spaces.
pub(super) fn fit(text: &str, columns: usize) -> String {
    let mut text = cut(text, columns);
    let missing = columns.saturating_sub(width(&text));
    text.extend(std::iter::repeat_n(' ', missing));
    text
}

/// Breaks at spaces so that no line is wider than `max`; a word that is wider stands alone.
pub fn wrap(text: &str, max: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        if !line.is_empty() && width(&line) + 1 + width(word) > max {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// As [`wrap`], but words that are wider than a line are broken, and no more than `lines`
/// lines come back; what was cut is marked.
pub(super) fn boxed(text: &str, max: usize, lines: usize) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for line in wrap(text, max) {
        let mut rest = line.as_str();
        while width(rest) > max && rest.chars().count() > 1 {
            let first = head(rest, max);
            all.push(first.to_owned());
            rest = &rest[first.len()..];
        }
        all.push(rest.to_owned());
    }
    if all.len() > lines {
        all.truncate(lines);
        if let Some(last) = all.last_mut() {
            *last = head(last, max.saturating_sub(3)).trim_end().to_owned() + "...";
        }
    }
    all
}

/// The first sentence of a text, for places where there is no room for all of it.
pub(super) fn first_sentence(text: &str) -> String {
    let text = clean(text);
    let end = text.find(". ").map_or(text.len(), |at| at);
    text[..end].trim_end_matches(['.', ':']).to_owned()
}

/// `1 task`, `2 tasks`.
pub(super) fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// `[######----]`, readable without Unicode.
pub(super) fn bar(done: usize, total: usize, columns: usize) -> String {
    let filled = (done * columns).checked_div(total).unwrap_or(0).min(columns);
    format!("[{}{}]", "#".repeat(filled), "-".repeat(columns - filled))
}

/// Whole percent, rounded down: 100 only of all.
pub(super) fn percent(done: usize, total: usize) -> usize {
    (done * 100).checked_div(total).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_survives() {
        let hostile = "a\u{1b}[31mred\u{7}\u{9b}2J\r\nline\u{202e}desrever\u{2069}\u{200b}\u{feff}\t end ";
        assert_eq!(clean(hostile), "a[31mred2J linedesrever end");
        assert!(clean(hostile).chars().all(|c| !c.is_control()));
    }

    #[test]
    fn cuts_and_fills_by_columns_not_by_characters() {
        assert_eq!(cut("abcdefghij", 8), "abcde...");
        assert_eq!(width(&fit("日本語日本語", 9)), 9);
        assert_eq!(fit("ab", 4), "ab  ");
        assert_eq!(cut("abcdef", 4), "ab..");
        assert_eq!(cut("abcdef", 2), "ab");
    }

    #[test]
    fn boxes_have_no_line_that_is_too_wide() {
        let lines = boxed("a very-long-word-that-does-not-fit and some more text that goes on", 12, 4);
        assert_eq!(lines.len(), 4);
        assert!(lines.iter().all(|l| width(l) <= 12), "{lines:?}");
        assert!(lines[3].ends_with("..."), "{lines:?}");
        assert_eq!(boxed("short", 12, 2), ["short"]);
    }

    #[test]
    fn a_hundred_percent_is_all_of_it() {
        assert_eq!(percent(999, 1000), 99);
        assert_eq!(percent(0, 0), 0);
        assert_eq!(bar(1, 2, 10), "[#####-----]");
        assert_eq!(bar(0, 0, 4), "[----]");
    }
}
