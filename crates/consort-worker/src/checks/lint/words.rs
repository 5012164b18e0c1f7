//! `word-budget`: more words than were asked for.

use super::doc::Doc;
use super::{Found, Options};

pub(super) fn check(doc: &Doc<'_>, options: &Options, found: &mut Found<'_>) {
    let Some(max) = options.words_max else { return };
    let words = |text: &str| text.split_whitespace().filter(|w| w.contains(char::is_alphanumeric)).count();
    let prose: usize = doc.blocks.iter().map(|b| words(&b.text)).sum();
    let cells = |t: &super::doc::Table| -> usize {
        let rows = t.rows.iter().flat_map(|r| &r.cells);
        t.head.iter().chain(rows).map(|c| words(&c.text)).sum()
    };
    let count = prose + doc.tables.iter().map(cells).sum::<usize>();
    if count > max {
        let message = "there are more words than the budget allows";
        found.wrong("word-budget", 0..0, message, format!("{count} words"), format!("at most {max} words"));
    }
}
