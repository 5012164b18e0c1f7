//! A few lines at the bottom of a terminal that are drawn again in place. Lines above them scroll
//! away as usual and stay readable. Nothing is hidden, so nothing has to be brought back.

use std::io::{self, Write};

/// What was drawn last.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    /// Width of each line that stands there, in columns.
    widths: Vec<usize>,
    last: Vec<String>,
}

impl Screen {
    /// Prints lines that stay, then draws the frame below them. `columns` and `rows` are the
    /// terminal's present size; the frame is cut to it.
    pub(crate) fn draw(
        &mut self,
        stay: &[String],
        frame: Vec<String>,
        (columns, rows): (usize, usize),
    ) -> io::Result<()> {
        let frame = fit(frame, columns, rows);
        if stay.is_empty() && frame == self.last {
            return Ok(());
        }
        let mut text = self.wiped(columns);
        for line in stay {
            text += line;
            text.push('\n');
        }
        for line in &frame {
            text += line;
            text.push('\n');
        }
        self.widths = frame.iter().map(|line| columns_of(line)).collect();
        self.last = frame;
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }

    /// Back to where the frame began, and everything from there on cleared. A terminal that became
    /// narrower has wrapped the lines that stood there: each counts as often as it is wide.
    fn wiped(&self, columns: usize) -> String {
        let rows: usize = self.widths.iter().map(|w| w.div_ceil(columns.max(1)).max(1)).sum();
        if rows == 0 { String::new() } else { format!("\r\u{1b}[{rows}A\u{1b}[J") }
    }
}

/// At most as many lines as fit under a line that stays; none wider than the terminal.
fn fit(mut frame: Vec<String>, columns: usize, rows: usize) -> Vec<String> {
    let most = rows.saturating_sub(1).max(1);
    if frame.len() > most {
        // The end says what waits for a person: the middle is what can be missed.
        let head = most.saturating_sub(1) / 2;
        let tail = most.saturating_sub(head + 1);
        let left_out = frame.len() - head - tail;
        let mut short: Vec<String> = frame.drain(..head).collect();
        short.push(format!("  … {left_out} more lines (`consort status` shows all)"));
        short.extend(frame.drain(frame.len() - tail..));
        frame = short;
    }
    frame.into_iter().map(|line| cut(&line, columns)).collect()
}

/// Columns of a line, escape sequences not counted.
fn columns_of(line: &str) -> usize {
    let mut columns = 0;
    let mut escape = false;
    for c in line.chars() {
        match (escape, c) {
            (false, '\u{1b}') => escape = true,
            (true, 'm') => escape = false,
            (true, _) => {}
            (false, c) => columns += wide(c),
        }
    }
    columns
}

/// Cut to so many columns, with colours switched off at the end if there were any.
fn cut(line: &str, columns: usize) -> String {
    if columns_of(line) <= columns {
        return line.to_owned();
    }
    let (mut text, mut used, mut escape, mut painted) = (String::new(), 0, false, false);
    for c in line.chars() {
        match (escape, c) {
            (false, '\u{1b}') => {
                escape = true;
                painted = true;
            }
            (true, 'm') => escape = false,
            (true, _) => {}
            (false, c) => {
                if used + wide(c) > columns.saturating_sub(1) {
                    break;
                }
                used += wide(c);
            }
        }
        text.push(c);
    }
    text.push('…');
    if painted {
        text += "\u{1b}[0m";
    }
    text
}

/// Wide characters of East Asia and pictures take two columns. Roughly: what is wrong by one here
/// is cut one column too early.
fn wide(c: char) -> usize {
    match u32::from(c) {
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f => 2,
        0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff | 0x20000..=0x3fffd => 2,
        0x300..=0x36f | 0x200b..=0x200f => 0,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_never_leaves_the_terminal() {
        let frame: Vec<String> = (0..40).map(|n| format!("line {n} {}", "x".repeat(200))).collect();
        for (columns, rows) in [(80, 24), (20, 5), (1, 1), (0, 0), (300, 100)] {
            let fitted = fit(frame.clone(), columns, rows);
            assert!(fitted.len() <= rows.saturating_sub(1).max(1), "{columns}x{rows}: {}", fitted.len());
            assert!(fitted.iter().all(|l| columns_of(l) <= columns.max(1)), "{columns}x{rows}");
        }
    }

    #[test]
    fn colours_take_no_columns_and_are_ended() {
        let line = "\u{1b}[32mgreen\u{1b}[0m and more";
        assert_eq!(columns_of(line), 14);
        assert_eq!(cut(line, 20), line);
        assert_eq!(cut(line, 8), "\u{1b}[32mgreen\u{1b}[0m a…\u{1b}[0m");
    }

    #[test]
    fn a_narrower_terminal_has_wrapped_what_stood_there() {
        let screen = Screen { widths: vec![100, 0, 60], last: Vec::new() };
        assert_eq!(screen.wiped(120), "\r\u{1b}[3A\u{1b}[J");
        assert_eq!(screen.wiped(50), "\r\u{1b}[5A\u{1b}[J");
        assert_eq!(Screen::default().wiped(50), "");
    }
}
