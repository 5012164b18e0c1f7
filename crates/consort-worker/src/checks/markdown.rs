//! The outline of a Markdown page: headings, tables, list items, with what is inside fences or
//! quotations left out.

use crate::words::one_line;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use std::ops::Range;

/// A page.
#[derive(Clone, Debug)]
pub struct Page {
    text: String,
    /// In order.
    pub headings: Vec<Heading>,
    /// In order.
    pub tables: Vec<Table>,
    /// Items of lists, bulleted and numbered.
    pub items: Vec<Item>,
}

/// A heading outside lists and quotations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// 1 to 6.
    pub level: u8,
    /// Without markup.
    pub text: String,
    /// Bytes of the whole heading.
    pub at: Range<usize>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Bytes of the whole table.
    pub at: Range<usize>,
    /// Cells of the first line.
    pub head: Vec<Cell>,
    /// Cells of the others.
    pub rows: Vec<Vec<Cell>>,
}

/// A cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Without markup.
    pub text: String,
    /// As written, with `\|` as `|`.
    pub raw: String,
}

/// An item of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Without markup.
    pub text: String,
    /// Whether its list is numbered.
    pub numbered: bool,
    /// Bytes of the whole item.
    pub at: Range<usize>,
}

impl Page {
    /// Reads any text; there is no Markdown that is wrong.
    pub fn read(text: &str) -> Self {
        let mut reader = Reader { source: text, ..Reader::default() };
        for (event, at) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            reader.take(event, at);
        }
        Page { text: text.to_owned(), headings: reader.headings, tables: reader.tables, items: reader.items }
    }

    /// The first second-level heading with exactly this text, as a section.
    pub fn section(&self, title: &str) -> Option<Section<'_>> {
        self.section_where(|h| h.level == 2 && h.text == title)
    }

    /// The first heading that fits, as a section.
    pub fn section_where(&self, fits: impl Fn(&Heading) -> bool) -> Option<Section<'_>> {
        let at = self.headings.iter().position(fits)?;
        Some(self.section_at(at))
    }

    /// The section under a heading, by its index: up to the next heading of the same or a
    /// higher level.
    pub fn section_at(&self, index: usize) -> Section<'_> {
        let heading = &self.headings[index];
        let end = self.headings[index + 1..]
            .iter()
            .find(|h| h.level <= heading.level)
            .map_or(self.text.len(), |h| h.at.start);
        Section { page: self, heading, body: heading.at.end..end }
    }

    /// All of it, as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// True if some heading has this text.
    pub fn has_heading(&self, text: &str) -> bool {
        self.headings.iter().any(|h| h.text == text)
    }
}

/// What stands under a heading.
#[derive(Clone, Debug)]
pub struct Section<'a> {
    page: &'a Page,
    /// Its heading.
    pub heading: &'a Heading,
    /// Bytes of what follows it.
    pub body: Range<usize>,
}

impl<'a> Section<'a> {
    /// As written.
    pub fn text(&self) -> &'a str {
        &self.page.text[self.body.clone()]
    }

    /// Tables in it.
    pub fn tables(&self) -> impl Iterator<Item = &'a Table> + use<'a> {
        let (page, body) = (self.page, self.body.clone());
        page.tables.iter().filter(move |t| body.contains(&t.at.start))
    }

    /// Items of lists in it.
    pub fn items(&self) -> impl Iterator<Item = &'a Item> + use<'a> {
        let (page, body) = (self.page, self.body.clone());
        page.items.iter().filter(move |i| body.contains(&i.at.start))
    }

    /// Headings in it, as indexes of the page's headings.
    pub fn headings(&self) -> impl Iterator<Item = usize> + use<'a> {
        let (page, body) = (self.page, self.body.clone());
        page.headings.iter().enumerate().filter(move |(_, h)| body.contains(&h.at.start)).map(|(i, _)| i)
    }
}

#[derive(Default)]
struct Reader<'a> {
    source: &'a str,
    headings: Vec<Heading>,
    tables: Vec<Table>,
    items: Vec<Item>,
    /// Nesting of quotations and list items: headings inside are not the page's.
    depth: usize,
    lists: Vec<bool>,
    /// Open items, by index.
    open: Vec<usize>,
    text: String,
    row: Vec<Cell>,
}

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, at: Range<usize>) {
        match event {
            Event::Start(tag) => self.start(tag, at),
            Event::End(tag) => self.end(tag, at),
            Event::Text(t) | Event::Code(t) => self.add(&t),
            Event::SoftBreak | Event::HardBreak => self.add(" "),
            _ => {}
        }
    }

    fn add(&mut self, text: &str) {
        self.text.push_str(text);
        for at in &self.open {
            self.items[*at].text.push_str(text);
        }
    }

    fn start(&mut self, tag: Tag<'_>, at: Range<usize>) {
        match tag {
            Tag::Heading { .. } | Tag::TableCell => self.text.clear(),
            Tag::BlockQuote(_) => self.depth += 1,
            Tag::List(first) => self.lists.push(first.is_some()),
            Tag::Item => {
                self.depth += 1;
                let numbered = self.lists.last().copied().unwrap_or_default();
                self.open.push(self.items.len());
                self.items.push(Item { text: String::new(), numbered, at });
            }
            Tag::Table(_) => self.tables.push(Table { at, head: Vec::new(), rows: Vec::new() }),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd, at: Range<usize>) {
        match tag {
            TagEnd::Heading(level) if self.depth == 0 => {
                let text = self.text.trim().to_owned();
                self.headings.push(Heading { level: number(level), text, at });
            }
            TagEnd::BlockQuote(_) => self.depth -= 1,
            TagEnd::List(_) => {
                self.lists.pop();
            }
            TagEnd::Item => {
                self.depth -= 1;
                self.open.pop();
            }
            TagEnd::TableCell => {
                let raw = self.source[at].trim_matches(|c: char| c.is_whitespace() || c == '|');
                let raw = raw.replace("\\|", "|");
                self.row.push(Cell { text: self.text.trim().to_owned(), raw });
            }
            TagEnd::TableHead | TagEnd::TableRow => {
                let row = std::mem::take(&mut self.row);
                if let Some(table) = self.tables.last_mut() {
                    match tag {
                        TagEnd::TableHead => table.head = row,
                        _ => table.rows.push(row),
                    }
                }
            }
            _ => {}
        }
    }
}

fn number(level: HeadingLevel) -> u8 {
    level as u8
}

/// The text of a phrase without its markup, as a cell or a heading would show it.
pub fn plain(phrase: &str) -> String {
    let mut text = String::new();
    for event in Parser::new_ext(phrase, Options::ENABLE_TABLES) {
        match event {
            Event::Text(t) | Event::Code(t) => text.push_str(&t),
            Event::SoftBreak | Event::HardBreak => text.push(' '),
            _ => {}
        }
    }
    one_line(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_in_fences_quotations_and_lists_are_not_the_pages() {
        let page =
            Page::read("# A `b`\n\n```\n# no\n```\n\n> # no\n\n- # no\n\n## C\ntext\n\n### D\n\n## E\n");
        let seen: Vec<String> = page.headings.iter().map(|h| format!("{} {}", h.level, h.text)).collect();
        assert_eq!(seen, ["1 A b", "2 C", "3 D", "2 E"]);
        let c = page.section("C").expect("C");
        assert!(c.text().contains("### D") && !c.text().contains("## E"));
        assert_eq!(c.headings().count(), 1);
    }

    #[test]
    fn cells_are_known_with_and_without_markup() {
        let page = Page::read("## T\n\n| a | b |\n|---|---|\n| `x \\| y` | **two** words |\n| only |\n");
        let table = page.section("T").expect("T").tables().next().expect("table");
        assert_eq!(table.rows[0][0], Cell { text: "x | y".into(), raw: "`x | y`".into() });
        assert_eq!(table.rows[0][1].text, "two words");
        assert_eq!(table.rows[1].len(), 2);
        assert_eq!(plain("**two** `words`"), "two words");
    }

    #[test]
    fn items_know_their_kind() {
        let page = Page::read("## L\n\n1. one\n2. two\n   more\n\n- dot\n");
        let items: Vec<_> = page.items.iter().map(|i| (i.numbered, i.text.as_str())).collect();
        assert_eq!(items, [(true, "one"), (true, "two more"), (false, "dot")]);
    }
}
