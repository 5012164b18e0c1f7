//! Whether a quotation stands in what a reviewer was shown.
//!
//! Reviewers are asked for the words as they stand. What a reader would not call another wording is
//! let pass: line breaks, runs of white space, marks of emphasis, typographic quotes and dashes, and
//! words left out at an ellipsis.

/// A quotation shorter than this, in characters, could stand anywhere: it is no evidence, unless
/// it is a whole line.
pub const EVIDENCE_CHARS_MIN: usize = 12;
/// The same for a piece between two ellipses.
const PIECE_CHARS_MIN: usize = 8;

/// The text of a candidate, ready to be searched.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    text: String,
    lines: std::collections::HashSet<String>,
}

impl Shown {
    /// From the files of a candidate.
    pub fn of<'a>(files: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut shown = Shown::default();
        for bytes in files {
            let text = String::from_utf8_lossy(bytes);
            shown.lines.extend(text.lines().map(plain).filter(|line| !line.is_empty()));
            // Between two files stands what no quotation holds.
            shown.text += &plain(&text);
            shown.text.push('\n');
        }
        shown
    }

    /// The words of a difference may be quoted with or without the signs in front of its lines.
    pub fn of_diff(diff: &[u8]) -> Self {
        let text = String::from_utf8_lossy(diff);
        let bare: String = text
            .lines()
            .map(|l| l.strip_prefix(['+', '-', ' ']).unwrap_or(l))
            .fold(String::new(), |all, l| all + l + "\n");
        Shown::of([diff, bare.as_bytes()])
    }

    /// True if the quotation stands there; an empty one does not.
    pub fn holds(&self, quote: &str) -> bool {
        let quote = bare(quote);
        if quote.is_empty() {
            return false;
        }
        if self.text.contains(&quote) {
            return true;
        }
        let quote = quote.replace('…', "...");
        let pieces: Vec<&str> = quote.split("...").map(str::trim).filter(|p| !p.is_empty()).collect();
        if pieces.len() < 2 || pieces.iter().any(|p| p.chars().count() < PIECE_CHARS_MIN) {
            return false;
        }
        let mut from = 0;
        pieces.iter().all(|piece| match self.text[from..].find(piece) {
            Some(at) => {
                from += at + piece.len();
                true
            }
            None => false,
        })
    }

    /// True if the quotation stands there and is long enough to show something.
    pub fn proves(&self, quote: &str) -> bool {
        let plain = bare(quote);
        let long = plain.chars().filter(|c| !c.is_whitespace()).count() >= EVIDENCE_CHARS_MIN;
        (long || self.lines.contains(&plain)) && self.holds(quote)
    }
}

/// How many of these quotations say something that none of the others does.
pub(super) fn distinct(quotes: &[String]) -> usize {
    let plain: Vec<String> = quotes.iter().map(|q| bare(q)).collect();
    let own = |at: &usize| {
        let said = |(other, text): (usize, &String)| {
            other != *at && text.contains(&plain[*at]) && (text.len() > plain[*at].len() || other < *at)
        };
        !plain.iter().enumerate().any(said)
    };
    (0..plain.len()).filter(own).count()
}

/// Without what surrounds a quotation rather than belongs to it.
fn bare(quote: &str) -> String {
    let plain = plain(quote);
    let marks = |c: char| matches!(c, '"' | '\'' | ' ');
    plain.trim_matches(marks).trim_start_matches("...").trim_end_matches("...").trim_matches(marks).to_owned()
}

/// One line, without marks of emphasis, with plain quotes and dashes.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        let before = plain.len();
        if before > 0 {
            plain.push(' ');
        }
        let began = plain.len();
        for c in word.chars() {
            match c {
                '*' | '_' | '`' | '|' | '#' | '>' | '\\' => {}
                '“' | '”' | '„' | '«' | '»' => plain.push('"'),
                '‘' | '’' | '‚' => plain.push('\''),
                '–' | '—' | '−' | '‑' => plain.push('-'),
                '…' => plain.push_str("..."),
                other => plain.push(other),
            }
        }
        if plain.len() == began {
            plain.truncate(before);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# A title\n\n**Cost** is the\nmain driver — not “speed”.\n\n| Option | Score |\n|---|---|\n| CLI | 7.70 |\n";

    fn shown() -> Shown {
        Shown::of([TEXT.as_bytes()])
    }

    #[test]
    fn words_are_found_however_they_are_wrapped_or_marked() {
        for quote in [
            "Cost is the main driver",
            "**Cost** is the\n main driver",
            "\"main driver - not 'speed'.\"".replace('\'', "\"").as_str(),
            "... is the main driver",
            "Cost is the ... not \"speed\"",
            "| CLI | 7.70 |",
            "CLI 7.70",
            "# A title",
        ] {
            assert!(shown().holds(quote), "{quote}");
        }
    }

    #[test]
    fn other_words_are_not() {
        for quote in [
            "",
            "  ",
            "\"\"",
            "Cost is a main driver",
            "not speed",
            "CLI 8.70",
            "driver ... Cost is",
            "...",
            "a ... b",
        ] {
            assert!(!shown().holds(quote), "{quote}");
        }
    }

    #[test]
    fn a_word_that_could_stand_anywhere_proves_nothing() {
        assert!(shown().holds("the") && !shown().proves("the"));
        assert!(shown().proves("A title"), "a whole line");
        assert!(shown().proves("is the main driver"));
        assert!(!shown().proves("is the minor driver"));
    }

    #[test]
    fn the_same_words_count_once() {
        let quotes =
            ["is the main driver", "**is the** main driver", "the main driver", "7.70"].map(str::to_owned);
        assert_eq!(distinct(&quotes), 2);
        assert_eq!(distinct(&[]), 0);
    }

    #[test]
    fn a_difference_may_be_quoted_without_its_signs() {
        let shown = Shown::of_diff(b"--- a/x\n+++ b/x\n+fn main() {\n+    run()\n");
        assert!(shown.holds("fn main() { run()") && shown.holds("+fn main() {"));
    }
}
