//! `arithmetic` in prose: `a + b = c`, `(0.3 x 8) + (0.7 x 6) = 6.6`.

use super::Found;
use super::doc::{Doc, Span};
use super::number::{Number, numbers, show, slack};

const RULE: &str = "arithmetic";

pub(super) fn check(doc: &Doc<'_>, found: &mut Found<'_>) {
    for block in &doc.blocks {
        for (at, stated, right) in equations(&block.text) {
            let message = "the calculation does not give what stands behind the equals sign";
            found.wrong(RULE, block.place(&at), message, stated, right);
        }
    }
    for table in &doc.tables {
        for cell in table.rows.iter().flat_map(|r| &r.cells) {
            if let Some((_, stated, right)) = equations(&cell.text).into_iter().next() {
                let message = "the calculation does not give what stands behind the equals sign";
                found.wrong(RULE, cell.at.clone(), message, stated, right);
            }
        }
    }
}

/// The sentences of a text: a full stop, question or exclamation mark before a blank ends one.
pub(super) fn sentences(text: &str) -> Vec<Span> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut start = 0;
    for at in 0..bytes.len() {
        let end = matches!(bytes[at], b'.' | b'!' | b'?')
            && bytes.get(at + 1).is_none_or(|b| matches!(b, b' ' | b'\n'))
            && !abbreviation(&text[start..at]);
        if end {
            found.push(start..at + 1);
            start = at + 1;
        }
    }
    if start < text.len() {
        found.push(start..text.len());
    }
    found
}

fn abbreviation(before: &str) -> bool {
    let word = before.rsplit([' ', '(']).next().unwrap_or_default();
    matches!(word, "e.g" | "i.e" | "vs" | "approx" | "etc" | "cf" | "No" | "no" | "incl" | "resp" | "ca")
}

#[derive(Clone, Debug)]
enum Token {
    Number(Number),
    Op(char),
    Open,
    Close,
    Equals,
    Word(Span),
    Other,
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut at = 0;
    for number in numbers(text) {
        gap(text, at..number.whole.start, &mut tokens);
        at = number.whole.end;
        tokens.push(Token::Number(number));
    }
    gap(text, at..text.len(), &mut tokens);
    tokens
}

fn gap(text: &str, range: Span, tokens: &mut Vec<Token>) {
    let mut chars = text[range.clone()].char_indices().peekable();
    let spaced = |at: usize, c: char| {
        let at = range.start + at;
        let before = text[..at].chars().next_back();
        let after = text[at + c.len_utf8()..].chars().next();
        let loose =
            |c: Option<char>| c.is_none_or(|c| c.is_whitespace() || matches!(c, '$' | '€' | '£' | '(' | ')'));
        loose(before) && loose(after)
    };
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, c)| *c);
        let token = match c {
            c if c.is_whitespace() => continue,
            '+' if next == Some('/') => Token::Other,
            '+' | '*' | '/' => Token::Op(c),
            '×' | '·' | '⋅' | '✕' | '⨯' => Token::Op('*'),
            '÷' => Token::Op('/'),
            '-' | '\u{2212}' | '\u{2013}' if spaced(at, c) => Token::Op('-'),
            'x' | 'X' if spaced(at, c) => Token::Op('*'),
            '(' | '[' => Token::Open,
            ')' | ']' => Token::Close,
            '=' if next == Some('=') || next == Some('>') => {
                chars.next();
                Token::Other
            }
            '=' => Token::Equals,
            '!' | '<' | '>' | ':' | '≠' if next == Some('=') => {
                chars.next();
                Token::Other
            }
            c if c.is_alphabetic() => {
                let start = range.start + at;
                let mut end = start + c.len_utf8();
                while let Some((more, c)) = chars.peek().copied() {
                    if !c.is_alphanumeric() && c != '-' && c != '_' && c != '\'' {
                        break;
                    }
                    end = range.start + more + c.len_utf8();
                    chars.next();
                }
                Token::Word(start..end)
            }
            _ => Token::Other,
        };
        tokens.push(token);
    }
}

/// A value read two ways: with percentages as numbers and as shares.
#[derive(Clone, Copy, Debug)]
struct Both {
    plain: f64,
    share: f64,
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    ops: usize,
    divides: bool,
    times: bool,
    /// What the shown digits leave open.
    loose: f64,
    depth: usize,
    units: Vec<String>,
    text: &'a str,
    last: Option<&'a Number>,
}

impl<'a> Reader<'a> {
    fn sum(&mut self) -> Option<Both> {
        let mut left = self.product()?;
        while let Some(Token::Op(op @ ('+' | '-'))) = self.tokens.get(self.at) {
            self.at += 1;
            self.ops += 1;
            let right = self.product()?;
            let sign = if *op == '+' { 1.0 } else { -1.0 };
            left = Both { plain: left.plain + sign * right.plain, share: left.share + sign * right.share };
        }
        Some(left)
    }

    fn product(&mut self) -> Option<Both> {
        let mut left = self.factor()?;
        while let Some(Token::Op(op @ ('*' | '/'))) = self.tokens.get(self.at) {
            self.at += 1;
            self.ops += 1;
            let right = self.factor()?;
            left = match op {
                '*' => Both { plain: left.plain * right.plain, share: left.share * right.share },
                _ => Both { plain: left.plain / right.plain, share: left.share / right.share },
            };
            self.divides |= *op == '/';
            self.times = true;
        }
        Some(left)
    }

    fn factor(&mut self) -> Option<Both> {
        match self.tokens.get(self.at)? {
            // 2x: a variable.
            Token::Number(n) if !n.about && !matches!(n.unit.as_str(), "x" | "y" | "z" | "n") => {
                self.at += 1;
                self.last = Some(n);
                self.loose += n.half();
                if !n.unit.is_empty() {
                    self.units.push(n.unit.to_lowercase());
                }
                self.unit_words();
                Some(Both { plain: n.value, share: n.share() })
            }
            Token::Open if self.depth < 8 => {
                self.depth += 1;
                self.at += 1;
                let inner = self.sum()?;
                let Some(Token::Close) = self.tokens.get(self.at) else { return None };
                self.at += 1;
                self.depth -= 1;
                self.unit_words();
                Some(inner)
            }
            _ => None,
        }
    }

    /// `4 developers x ...`, `3 (base) + ...`: words that only name a number.
    fn unit_words(&mut self) {
        let mut at = self.at;
        let open = matches!(self.tokens.get(at), Some(Token::Open));
        at += usize::from(open);
        let start = at;
        while at - start < 4 && matches!(self.tokens.get(at), Some(Token::Word(_))) {
            at += 1;
        }
        if at == start {
            return;
        }
        let end = at;
        if open {
            let Some(Token::Close) = self.tokens.get(at) else { return };
            at += 1;
        }
        let joined = matches!(self.tokens.get(at), Some(Token::Op(_) | Token::Equals | Token::Close));
        if joined || open {
            if !open {
                for token in &self.tokens[start..end] {
                    if let Token::Word(word) = token {
                        self.units.push(self.text[word.clone()].to_lowercase());
                    }
                }
            }
            self.at = at;
        }
    }
}

/// Wrong equations: the place of the result, what is stated, what is right.
fn equations(text: &str) -> Vec<(Span, String, String)> {
    if !text.contains('=') {
        return Vec::new();
    }
    let tokens = tokens(text);
    let mut wrong = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let starts = matches!(tokens[at], Token::Number(_) | Token::Open);
        let joined = at > 0 && matches!(tokens[at - 1], Token::Op(_));
        if !starts || joined {
            at += 1;
            continue;
        }
        match equation(text, &tokens, at) {
            Some((next, fault)) => {
                wrong.extend(fault);
                at = next.max(at + 1);
            }
            None => at += 1,
        }
    }
    wrong
}

fn reader<'a>(text: &'a str, tokens: &'a [Token], at: usize) -> Reader<'a> {
    Reader {
        tokens,
        at,
        ops: 0,
        divides: false,
        times: false,
        loose: 0.0,
        depth: 0,
        units: Vec::new(),
        text,
        last: None,
    }
}

/// The number behind the equals sign, if a stroke follows it.
fn first_of(tokens: &[Token], at: usize) -> Option<&Number> {
    match (tokens.get(at), tokens.get(at + 1)) {
        (Some(Token::Number(n)), Some(Token::Op('/'))) => Some(n),
        _ => None,
    }
}

type Wrong = Option<(Span, String, String)>;

/// The equation that begins at a token: where the next may begin, and what is wrong.
fn equation(text: &str, tokens: &[Token], at: usize) -> Option<(usize, Wrong)> {
    let mut left = reader(text, tokens, at);
    let value = left.sum()?;
    if left.ops == 0 || !matches!(tokens.get(left.at), Some(Token::Equals)) {
        return None;
    }
    let next = left.at + 1;
    let mut right = reader(text, tokens, next);
    let stated = right.sum()?;
    if let Some(Token::Word(word)) = tokens.get(right.at) {
        let unit = text[word.clone()].to_lowercase();
        right.units.extend(TURNING.contains(&unit.as_str()).then_some(unit));
    }
    let goes_on = matches!(tokens.get(right.at), Some(Token::Op(_)));
    let last = right.last?;
    if goes_on || !comparable(&left, &right) {
        return Some((next, None));
    }
    let fits = |v: f64, s: f64| match right.ops {
        0 => last.rounds(v) || (left.divides && last.nears(v)),
        // `31 + 4 = 35/40`: so many of so many.
        _ => {
            (v.abs() - s.abs()).abs() <= left.loose + right.loose + slack(v)
                || first_of(tokens, next).is_some_and(|n| n.rounds(v))
        }
    };
    let fine = fits(value.plain, stated.plain)
        || fits(value.share, stated.share)
        || fits(value.share, stated.plain)
        || fits(value.plain * 100.0, stated.plain) && last.is_percent()
        || (right.ops > 0 && left.times && !value.plain.is_finite());
    if fine || !value.plain.is_finite() {
        return Some((next, None));
    }
    let percent = left.units.iter().any(|u| u.contains('%'));
    let right_value = match percent && left.times && !last.is_percent() {
        true => value.share,
        false if last.is_percent() && left.divides && !percent => value.plain * 100.0,
        false => value.plain,
    };
    // 3 Major + 2 Minor = 0.81: not the sum that is meant.
    let named = left.units.iter().any(|u| u.chars().all(char::is_alphabetic));
    let far = named && last.digits > 0 && !(0.25..4.0).contains(&(stated.plain / right_value).abs());
    if far || !right_value.is_finite() {
        return Some((next, None));
    }
    let sign = if last.is_percent() { "%" } else { "" };
    let shown = text[last.whole.clone()].to_owned();
    let shown = if right.ops == 0 { shown } else { show(stated.plain, 0) };
    Some((next, Some((last.whole.clone(), shown, show(right_value, last.digits) + sign))))
}

/// Units that turn into one another: a result in another one is not compared.
const TURNING: [&str; 47] = [
    "ms", "s", "sec", "secs", "second", "seconds", "min", "mins", "minute", "minutes", "h", "hr", "hrs",
    "hour", "hours", "d", "day", "days", "week", "weeks", "month", "months", "year", "years", "b", "kb",
    "mb", "gb", "tb", "kib", "mib", "gib", "k", "m", "bn", "mm", "cm", "km", "g", "kg", "byte", "bytes",
    "bits", "bit", "ns", "us", "sprints",
];

fn comparable(left: &Reader<'_>, right: &Reader<'_>) -> bool {
    let turning = |units: &[String]| {
        let mut found: Vec<String> = units
            .iter()
            .map(|u| u.trim_start_matches(['$', '€', '£']).to_owned())
            .filter(|u| TURNING.contains(&u.as_str()))
            .collect();
        found.sort();
        found.dedup();
        found
    };
    let (l, r) = (turning(&left.units), turning(&right.units));
    // No unit on one side is all right unless the unit is a magnitude.
    let magnitude = |all: &[String]| all.iter().any(|u| matches!(u.as_str(), "k" | "m" | "b" | "bn"));
    let same = l == r || (l.is_empty() && !magnitude(&r)) || (r.is_empty() && !magnitude(&l));
    let per =
        |u: &String| ["wpm", "rpm", "bpm", "fps", "rps", "qps", "kbps", "mbps", "gbps"].contains(&u.as_str());
    let mixed = l.len() > 1 || r.len() > 1 || left.units.iter().chain(&right.units).any(per);
    // Per second in, per minute out.
    let rate = left.divides && !l.is_empty() && l != r;
    same && !mixed && !rate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_results_are_found() {
        for (text, right) in [
            ("3 + 4 = 8", "7"),
            ("so 4 developers × 10 days = 45 person-days", "40"),
            ("(0.3 × 8) + (0.7 × 6) = 6.7", "6.60"),
            ("30% × 8 = 2.5", "2.4"),
            ("$5 + $10 = $16", "15"),
            ("40% + 35% + 20% = 100%", "95%"),
            ("5 x 8h = 41h", "40"),
            ("120 / 150 = 85%", "80%"),
            ("9 - 4 = 6 open", "5"),
            ("1.80 + 2.00 + 1.35 = 5.25", "5.15"),
            ("3 (base) + 4 (extra) = 8", "7"),
        ] {
            let found = equations(text);
            assert_eq!(found.len(), 1, "{text}");
            assert!(
                found[0].2.starts_with(right.trim_end_matches('0').trim_end_matches('.')),
                "{text}: {found:?}"
            );
        }
    }

    #[test]
    fn what_is_right_or_no_calculation_is_silent() {
        for text in [
            "3 + 4 = 7",
            "n + 3 = 8",
            "60 s × 5 = 5 min",
            "100 / 3 = 33",
            "100 / 3 = 33.3",
            "x = 5",
            "2 + 2 == 5",
            "30% × 8 = 2.4",
            "0.2 × 8 + 0.8 × 6 = 1.6 + 4.8 = 6.4",
            "3 weeks + 2 days = 17 days",
            "v1.2 + 3 = 9",
            "512 MB × 4 = 2 GB",
            "2k × 3 = 6,000",
            "12/15 = 80%",
        ] {
            assert_eq!(equations(text), [], "{text}");
        }
    }
}
