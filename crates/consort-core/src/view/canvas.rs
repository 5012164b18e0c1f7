//! A grid of characters to draw boxes and lines on.

use super::text::width;
use unicode_width::UnicodeWidthChar;

/// Cells of one column each; a wide character takes its own and an empty one.
pub(super) struct Canvas {
    rows: Vec<Vec<String>>,
}

/// Corners and edges: top left, top right, bottom left, bottom right, across, down.
pub(super) type Border = [char; 6];

pub(super) const SINGLE: Border = ['┌', '┐', '└', '┘', '─', '│'];
pub(super) const DOUBLE: Border = ['╔', '╗', '╚', '╝', '═', '║'];

impl Canvas {
    pub(super) fn new() -> Self {
        Canvas { rows: Vec::new() }
    }

    /// Writes a text from this cell to the right, over what is there.
    pub(super) fn put(&mut self, x: usize, y: usize, text: &str) {
        if self.rows.len() <= y {
            self.rows.resize(y + 1, Vec::new());
        }
        let row = &mut self.rows[y];
        let mut at = x;
        for c in text.chars() {
            let columns = c.width().unwrap_or(0);
            if columns == 0 {
                continue;
            }
            if row.len() < at + columns {
                row.resize(at + columns, " ".to_owned());
            }
            row[at] = c.to_string();
            (1..columns).for_each(|n| row[at + n] = String::new());
            at += columns;
        }
    }

    /// Draws a frame with these lines inside, one column of space on each side.
    pub(super) fn frame(&mut self, x: usize, y: usize, columns: usize, border: Border, lines: &[String]) {
        let [tl, tr, bl, br, across, down] = border;
        let edge = across.to_string().repeat(columns.saturating_sub(2));
        self.put(x, y, &format!("{tl}{edge}{tr}"));
        for (row, line) in lines.iter().enumerate() {
            debug_assert!(width(line) + 4 <= columns, "too wide for its box: {line}");
            self.put(x, y + 1 + row, &down.to_string());
            self.put(x + 2, y + 1 + row, line);
            self.put(x + columns - 1, y + 1 + row, &down.to_string());
        }
        self.put(x, y + 1 + lines.len(), &format!("{bl}{edge}{br}"));
    }

    /// All rows, without spaces at their ends.
    pub(super) fn into_text(self) -> String {
        let rows = self.rows.into_iter().map(|row| row.concat().trim_end().to_owned() + "\n");
        rows.collect()
    }
}
