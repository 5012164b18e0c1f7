//! Numbers as people write them: percent signs, currencies, thousands, footnote marks. A number
//! keeps how many digits it shows, because a stated value is right if it is a rounding.

use std::ops::Range;

/// A number in a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Number {
    pub(super) value: f64,
    /// Digits shown behind the point.
    pub(super) digits: u32,
    /// `%`, `$`, `ms`, `k`: what stands directly with it. Empty if nothing does.
    pub(super) unit: String,
    /// Bytes of the digits with their sign, without the unit.
    pub(super) at: Range<usize>,
    /// With the unit.
    pub(super) whole: Range<usize>,
    /// `~5`, `5+`, `<5`: not meant exactly.
    pub(super) about: bool,
}

impl Number {
    pub(super) fn is_percent(&self) -> bool {
        self.unit == "%"
    }

    /// The value as a share of one.
    pub(super) fn share(&self) -> f64 {
        if self.is_percent() { self.value / 100.0 } else { self.value }
    }

    /// Half of what the last shown digit is worth.
    pub(super) fn half(&self) -> f64 {
        0.5 * 10f64.powi(-(self.digits as i32))
    }

    /// True if this is `computed` rounded to the shown digits, either way at a tie.
    pub(super) fn rounds(&self, computed: f64) -> bool {
        (self.value - computed).abs() <= self.half() + slack(computed)
    }

    /// True if it is `computed` rounded or cut off at the shown digits.
    pub(super) fn nears(&self, computed: f64) -> bool {
        (self.value - computed).abs() < 2.0 * self.half() + slack(computed)
    }
}

/// What floating point may lose.
pub(super) fn slack(value: f64) -> f64 {
    1e-9 + value.abs() * 1e-11
}

/// A value with at least these digits, without needless ones behind.
pub(super) fn show(value: f64, digits: u32) -> String {
    let long = format!("{value:.6}");
    let short = long.trim_end_matches('0').trim_end_matches('.');
    let have = short.split_once('.').map_or(0, |(_, f)| f.len()) as u32;
    let text = if have < digits { format!("{value:.*}", digits as usize) } else { short.to_owned() };
    if text.trim_start_matches('-').bytes().all(|b| b == b'0' || b == b'.') {
        return text.trim_start_matches('-').to_owned();
    }
    text
}

const CURRENCY: [char; 6] = ['$', '€', '£', '¥', '₹', '₽'];
const CODES: [&str; 6] = ["usd", "eur", "gbp", "chf", "jpy", "inr"];

/// All numbers of a text, in order. What belongs to words, versions, dates or ids is no number.
pub(super) fn numbers(text: &str) -> Vec<Number> {
    let mut found = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let end = run_end(bytes, at);
        let last = found.last().map_or(0, |n: &Number| n.whole.end);
        if let Some(number) = number_at(text, at, end).filter(|n| n.at.start >= last) {
            at = number.whole.end.max(end);
            found.push(number);
        } else {
            at = word_end(text, end);
        }
    }
    found
}

/// The end of a run of digits with separators between them.
fn run_end(bytes: &[u8], from: usize) -> usize {
    let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    let mut at = from;
    loop {
        while digit(at) {
            at += 1;
        }
        let separator = bytes.get(at).is_some_and(|b| matches!(b, b'.' | b',' | b'_' | b'\''));
        if separator && digit(at + 1) {
            at += 1;
        } else if thin_space(bytes, at) > 0 && group(bytes, at + thin_space(bytes, at)) {
            at += thin_space(bytes, at);
        } else {
            return at;
        }
    }
}

/// Bytes of a no-break or thin space.
fn thin_space(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at..) {
        Some([0xc2, 0xa0, ..]) => 2,
        Some([0xe2, 0x80, 0xaf | 0x89, ..]) => 3,
        _ => 0,
    }
}

/// Exactly three digits.
fn group(bytes: &[u8], at: usize) -> bool {
    let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    digit(at) && digit(at + 1) && digit(at + 2) && !digit(at + 3)
}

fn word_end(text: &str, from: usize) -> usize {
    let rest = &text[from..];
    from + rest.find(|c: char| !c.is_alphanumeric() && c != '.' && c != '-' && c != '_').unwrap_or(rest.len())
}

fn number_at(text: &str, start: usize, end: usize) -> Option<Number> {
    let (value, digits) = value(&text[start..end])?;
    let before = &text[..start];
    let mut from = start;
    let mut negative = false;
    let mut unit = String::new();
    let mut about = false;
    let mut head = before.chars().rev().peekable();
    // A sign or a currency stands directly before.
    for _ in 0..3 {
        match head.peek().copied() {
            Some(c) if CURRENCY.contains(&c) => {
                unit = c.to_string();
                from -= c.len_utf8();
                head.next();
            }
            Some(c @ ('-' | '\u{2212}')) if !negative => {
                let mut more = head.clone();
                more.next();
                // A hyphen after a letter or digit joins, it does not negate.
                match more.peek() {
                    Some(p) if p.is_alphanumeric() || *p == ')' || *p == '-' => return None,
                    _ => {}
                }
                negative = true;
                from -= c.len_utf8();
                head.next();
            }
            Some('+') => {
                from -= 1;
                head.next();
                break;
            }
            Some('~' | '≈' | '<' | '>' | '≤' | '≥' | '±') => {
                about = true;
                break;
            }
            Some(':') if head.clone().nth(1).is_some_and(|c| c.is_ascii_digit()) => return None,
            Some(c) if c.is_alphabetic() || matches!(c, '_' | '#' | '^' | '@' | '.' | '\\') => return None,
            _ => break,
        }
    }
    let (unit, whole_end, plus) = unit_after(text, end, unit)?;
    let value = if negative { -value } else { value };
    Some(Number { value, digits, unit, at: from..end, whole: from..whole_end, about: about || plus })
}

/// The unit behind a number: what follows without a space, or a percent sign or currency code
/// after one. `None` if the digits are part of a word, a version or a date.
fn unit_after(text: &str, end: usize, unit: String) -> Option<(String, usize, bool)> {
    let rest = &text[end..];
    let mut chars = rest.chars();
    match chars.next() {
        Some('%') => Some((unit + "%", end + 1, false)),
        Some('+') if !chars.next().is_some_and(|c| c.is_ascii_digit()) => Some((unit, end + 1, true)),
        Some(c) if CURRENCY.contains(&c) => Some((c.to_string(), end + c.len_utf8(), false)),
        Some('-' | '\u{2013}' | '\u{2011}') if next_is_word(rest) => None,
        Some(':') if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => None,
        Some('/') if rest[1..].starts_with(|c: char| c.is_ascii_digit()) && date_like(text, end) => None,
        Some('.') if rest[1..].starts_with(|c: char| c.is_alphanumeric()) => None,
        Some(c) if c.is_alphabetic() || c == '°' || c == '_' => {
            let stop =
                rest.find(|c: char| !c.is_alphanumeric() && c != '°' && c != '_').unwrap_or(rest.len());
            let word = &rest[..stop];
            let fine = word.len() <= 5 && word.chars().all(|c| c.is_alphabetic() || c == '°');
            let ordinal = matches!(word, "st" | "nd" | "rd" | "th");
            if !fine || ordinal {
                return None;
            }
            Some((unit + word, end + stop, false))
        }
        Some(' ') => {
            let word = rest[1..].split(|c: char| !c.is_alphanumeric() && c != '%').next().unwrap_or_default();
            match word {
                "%" => Some((unit + "%", end + 2, false)),
                w if CODES.iter().any(|c| c.eq_ignore_ascii_case(w)) => {
                    Some((w.to_uppercase(), end + 1 + w.len(), false))
                }
                _ => Some((unit, end, false)),
            }
        }
        _ => Some((unit, end, false)),
    }
}

/// `3-5` and `3-day` are no single number; `3 - 5` is two.
fn next_is_word(rest: &str) -> bool {
    rest.chars().nth(1).is_some_and(char::is_alphanumeric)
}

fn date_like(text: &str, end: usize) -> bool {
    let rest = &text[end + 1..];
    let run: String = rest.chars().take_while(char::is_ascii_digit).collect();
    rest[run.len()..].starts_with('/')
}

/// The value of digits with separators, and the digits behind the point.
fn value(text: &str) -> Option<(f64, u32)> {
    if text.len() > 24 {
        return None;
    }
    let points = text.bytes().filter(|b| *b == b'.').count();
    if points <= 1 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        let digits = text.split_once('.').map_or(0, |(_, f)| f.len());
        return Some((text.parse().ok()?, digits as u32));
    }
    let plain: String =
        text.chars().filter(|c| !matches!(c, '_' | '\'' | '\u{a0}' | '\u{202f}' | '\u{2009}')).collect();
    let (points, commas) = (plain.matches('.').count(), plain.matches(',').count());
    let groups = |t: &str, sign: char| {
        let mut parts = t.split(sign);
        parts.next().is_some_and(|p| (1..=3).contains(&p.len()) && p != "0") && parts.all(|p| p.len() == 3)
    };
    let number = match (points, commas) {
        (0, 0) => plain,
        (1, 0) => plain,
        (0, _) if groups(&plain, ',') => plain.replace(',', ""),
        (0, 1) => plain.replace(',', "."),
        (1, _) if plain.rfind(',') < plain.find('.') => {
            let (whole, fraction) = plain.split_once('.')?;
            if !groups(whole, ',') {
                return None;
            }
            whole.replace(',', "") + "." + fraction
        }
        // 1.234,5
        (1, 1) if groups(plain.split(',').next()?, '.') => plain.replace('.', "").replace(',', "."),
        (_, 1) if plain.find(',') > plain.rfind('.') => plain.replace('.', "").replace(',', "."),
        // A version, an address.
        _ => return None,
    };
    let digits = number.split_once('.').map_or(0, |(_, f)| f.len());
    Some((number.parse().ok()?, digits as u32))
}

/// A text that is one number and nothing else but its unit, marks and emphasis.
pub(super) fn only_number(text: &str) -> Option<Number> {
    let text = text.trim();
    if text.is_empty() || text.len() > 40 || !text.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut all = numbers(text).into_iter();
    let number = all.next()?;
    let mut rest = text[..number.whole.start].chars().chain(text[number.whole.end..].chars());
    let fine = rest.all(|c| c.is_whitespace() || is_mark(c));
    // `[1]`, `(a)` behind it is a note.
    let tail = text[number.whole.end..].trim();
    let note = all.next().is_none() && fine
        || (number.whole.start == 0 && tail.starts_with('[') && tail.ends_with(']') && tail.len() <= 5);
    let parenthesised = text.starts_with('(');
    (note && !number.about && !parenthesised).then_some(number)
}

/// Marks that people set beside numbers.
fn is_mark(c: char) -> bool {
    matches!(
        c,
        '*' | '†'
            | '‡'
            | '¹'
            | '²'
            | '³'
            | '⁴'
            | '⁵'
            | '✓'
            | '✔'
            | '✅'
            | '🏆'
            | '⭐'
            | '★'
            | '🥇'
            | '🥈'
            | '🥉'
            | '▲'
            | '▼'
            | '↑'
            | '↓'
            | '←'
            | '`'
            | '_'
    ) || c == '\u{fe0f}'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        let seen =
            |text: &str| numbers(text).into_iter().map(|n| (n.value, n.digits, n.unit)).collect::<Vec<_>>();
        let one = |text: &str, value: f64, digits: u32, unit: &str| {
            assert_eq!(seen(text), [(value, digits, unit.to_owned())], "{text}");
        };
        one("8.70", 8.7, 2, "");
        one("$1,234.50", 1234.5, 2, "$");
        one("-$5", -5.0, 0, "$");
        one("1\u{a0}200", 1200.0, 0, "");
        one("8,70", 8.7, 2, "");
        one("1.234,5", 1234.5, 1, "");
        one("40 %", 40.0, 0, "%");
        one("12ms", 12.0, 0, "ms");
        one("0.05", 0.05, 2, "");
        assert_eq!(seen("v1.2.3 F-001 2026-02-03 3-day abc12 10:30 1.2.3 C4 1st"), []);
        assert_eq!(seen("8 (1.6)").len(), 2);
        assert_eq!(seen("3/5").len(), 2);
    }

    #[test]
    fn a_cell_with_one_number_is_that_number() {
        for text in ["8.7", "**8.7**", "8.7*", "8.7 [1]", "✅ 8.7", "8.7 🏆"] {
            assert_eq!(only_number(text).map(|n| n.value), Some(8.7), "{text}");
        }
        for text in ["", "8 or 9", "~8", "8+", "A8", "8-9", "(8)", "n/a", "8/10"] {
            assert_eq!(only_number(text), None, "{text}");
        }
    }

    #[test]
    fn a_rounding_is_right_either_way() {
        let stated = |text: &str| only_number(text).expect("number");
        assert!(stated("1.13").rounds(1.125) && stated("1.12").rounds(1.125));
        assert!(!stated("1.14").rounds(1.125));
        assert!(stated("66").nears(66.67) && !stated("66").rounds(66.67) && !stated("65").nears(66.67));
        assert_eq!(show(8.175, 2), "8.175");
        assert_eq!(show(8.7, 2), "8.70");
        assert_eq!(show(-0.0, 0), "0");
    }
}
