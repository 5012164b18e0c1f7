//! A document as the rules see it: prose with places, tables with every cell's place, lists,
//! headings, links. What is fenced, commented out or struck through is not there.

use pulldown_cmark::{BrokenLink, CowStr, Event, LinkType, Options, Parser, Tag, TagEnd};
use std::cell::RefCell;
use std::ops::Range;

/// Bytes of the text.
pub(super) type Span = Range<usize>;

/// A text that was read.
#[derive(Debug, Default)]
pub(super) struct Doc<'a> {
    /// All of it.
    pub(super) source: &'a str,
    /// Bytes between the lines `---` at the start.
    pub(super) front: Option<Span>,
    pub(super) blocks: Vec<Block>,
    pub(super) headings: Vec<Heading>,
    pub(super) tables: Vec<Table>,
    pub(super) lists: Vec<List>,
    pub(super) items: Vec<Item>,
    pub(super) links: Vec<Link>,
    /// References without a definition: the text and its place.
    pub(super) undefined: Vec<(String, Span)>,
    /// How many references are defined.
    pub(super) definitions: usize,
    /// What can be linked to beside headings.
    pub(super) anchors: Vec<String>,
    /// Blocks, tables and lists as they follow one another.
    pub(super) flow: Vec<Element>,
}

/// Something in the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) what: What,
    /// The item that it stands in.
    pub(super) parent: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Block(usize),
    Table(usize),
    List(usize),
    Other,
}

/// A paragraph, a heading, or the text of an item.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    /// Without markup.
    pub(super) text: String,
    /// Where pieces of `text` begin, in the text and in the source.
    map: Vec<(usize, usize)>,
    /// Pieces of `text` that are code.
    pub(super) code: Vec<Span>,
    /// Pieces of `text` that are strong.
    pub(super) strong: Vec<Span>,
    pub(super) at: Span,
    /// The last heading before it.
    pub(super) section: Option<usize>,
    pub(super) heading: bool,
}

impl Block {
    /// Where a piece of the text stands in the source.
    pub(super) fn place(&self, piece: &Span) -> Span {
        let start = self.source_of(piece.start);
        let end = match piece.end > piece.start {
            true => self.source_of(piece.end - 1) + 1,
            false => start,
        };
        start..end.max(start)
    }

    fn source_of(&self, at: usize) -> usize {
        let n = self.map.partition_point(|(text, _)| *text <= at);
        match n.checked_sub(1).and_then(|i| self.map.get(i)) {
            Some((text, source)) => source + (at - text),
            None => self.at.start,
        }
    }

    pub(super) fn is_code(&self, piece: &Span) -> bool {
        self.code.iter().any(|c| c.start < piece.end && piece.start < c.end)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Heading {
    pub(super) level: u8,
    pub(super) text: String,
    /// The block of the same text.
    pub(super) block: usize,
    pub(super) at: Span,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    /// Without markup, trimmed.
    pub(super) text: String,
    /// Pieces of it that are code.
    pub(super) code: Vec<String>,
    pub(super) at: Span,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    /// As many as the head has: what is missing is empty, what is too much is left out.
    pub(super) cells: Vec<Cell>,
    /// As many as are written.
    pub(super) written: usize,
    pub(super) at: Span,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) head: Vec<Cell>,
    pub(super) rows: Vec<Row>,
    pub(super) at: Span,
    pub(super) section: Option<usize>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct List {
    pub(super) items: Vec<usize>,
    pub(super) parent: Option<usize>,
    pub(super) at: Span,
    pub(super) section: Option<usize>,
    pub(super) numbered: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Item {
    pub(super) checked: Option<bool>,
    /// Its first block.
    pub(super) block: Option<usize>,
    pub(super) list: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) target: String,
    pub(super) text: String,
    pub(super) image: bool,
    pub(super) at: Span,
    /// `<https://...>` or a mail address.
    pub(super) auto: bool,
}

impl<'a> Doc<'a> {
    /// Reads any text.
    pub(super) fn read(source: &'a str) -> Self {
        let front = front_matter(source);
        let start = front.as_ref().map_or(0, |f| body_start(source, f.end));
        let mut reader = Reader { doc: Doc { source, front, ..Doc::default() }, ..Reader::default() };
        let undefined = RefCell::new(Vec::new());
        let broken = |link: BrokenLink<'_>| -> Option<(CowStr<'a>, CowStr<'a>)> {
            let full = matches!(link.link_type, LinkType::Reference | LinkType::Collapsed);
            if full && undefined.borrow().len() < 1_000 {
                undefined.borrow_mut().push((link.reference.to_string(), link.span));
            }
            None
        };
        let options = Options::ENABLE_TABLES
            | Options::ENABLE_STRIKETHROUGH
            | Options::ENABLE_TASKLISTS
            | Options::ENABLE_FOOTNOTES;
        let body = &source[start..];
        let parser = Parser::new_with_broken_link_callback(body, options, Some(broken));
        reader.doc.definitions = parser.reference_definitions().iter().count();
        for (event, at) in parser.into_offset_iter() {
            reader.take(event, at.start + start..at.end + start);
        }
        let mut doc = reader.doc;
        let moved = |(name, at): (String, Span)| (name, at.start + start..at.end + start);
        doc.undefined = undefined.into_inner().into_iter().map(moved).collect();
        doc
    }

    /// Where the section under a heading ends.
    pub(super) fn section_end(&self, heading: usize) -> usize {
        let level = self.headings[heading].level;
        let next = self.headings[heading + 1..].iter().find(|h| h.level <= level);
        next.map_or(self.source.len(), |h| h.at.start)
    }

    /// The heading that something stands under and those above it, innermost first.
    pub(super) fn path(&self, section: Option<usize>) -> Vec<usize> {
        let mut all = Vec::new();
        let Some(mut at) = section else { return all };
        all.push(at);
        let mut level = self.headings[at].level;
        while at > 0 && level > 1 {
            at -= 1;
            if self.headings[at].level < level {
                level = self.headings[at].level;
                all.push(at);
            }
        }
        all
    }

    /// True if something stands in a section whose heading, or one above it, has one of the words.
    pub(super) fn under(&self, section: Option<usize>, words: &[&str]) -> bool {
        self.path(section).iter().any(|h| {
            let text = self.headings[*h].text.to_lowercase();
            words.iter().any(|w| text.contains(w))
        })
    }

    /// The elements after one, within the same item or at the top.
    pub(super) fn after(&self, at: usize) -> impl Iterator<Item = Element> + '_ {
        let parent = self.flow[at].parent;
        self.flow[at + 1..].iter().take(400).filter(move |e| e.parent == parent).copied()
    }
}

/// The bytes between two lines `---` at the very start.
fn front_matter(source: &str) -> Option<Span> {
    let body = source.strip_prefix('\u{feff}').unwrap_or(source);
    let offset = source.len() - body.len();
    let rest = body.strip_prefix("---\n").or_else(|| body.strip_prefix("---\r\n"))?;
    let start = offset + body.len() - rest.len();
    // A line may be a rule between paragraphs: keys must follow.
    let first = rest.lines().map(str::trim).find(|l| !l.is_empty() && !l.starts_with('#'))?;
    let (key, value) = first.split_once(':')?;
    let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ' | '"' | '\'' | '.');
    let keyed = !key.is_empty()
        && key.len() <= 60
        && key.chars().all(word)
        && (value.is_empty() || value.starts_with(' '));
    let open: Vec<&str> = rest.lines().take_while(|l| l.trim_end() != "---").take(400).collect();
    let plain = |l: &&&str| l.starts_with(char::is_alphabetic);
    let key_line = |l: &&&str| l.split_once(':').is_some_and(|(k, _)| k.len() <= 60 && k.chars().all(word));
    let lines = open.iter().filter(plain).count();
    if !keyed || open.iter().filter(plain).filter(key_line).count() * 2 < lines {
        return None;
    }
    let mut at = start;
    for line in rest.split_inclusive('\n') {
        let bare = line.trim_end();
        if bare == "---" || bare == "..." {
            return Some(start..at);
        }
        at += line.len();
    }
    None
}

fn body_start(source: &str, end: usize) -> usize {
    source[end..].find('\n').map_or(source.len(), |at| end + at + 1)
}

#[derive(Default)]
struct Reader<'a> {
    doc: Doc<'a>,
    /// The open block.
    block: Option<Block>,
    cell: Option<Cell>,
    row: Vec<Cell>,
    open_items: Vec<usize>,
    open_lists: Vec<usize>,
    quotes: usize,
    /// Struck through, or inside code or a comment.
    hidden: usize,
    strong: Vec<usize>,
    link: Vec<(Link, usize)>,
    skipped: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, event: Event<'a>, at: Span) {
        match event {
            Event::Start(tag) => self.start(tag, at),
            Event::End(tag) => self.end(tag, at),
            Event::Text(text) => self.add(&text, at.start, false),
            Event::Code(text) => {
                let ticks = self.doc.source[at.clone()].bytes().take_while(|b| *b == b'`').count();
                self.add(&text, at.start + ticks, true);
            }
            Event::SoftBreak | Event::HardBreak => self.add(" ", at.start, false),
            Event::TaskListMarker(done) => {
                if let Some(item) = self.open_items.last() {
                    self.doc.items[*item].checked = Some(done);
                }
            }
            Event::Html(text) | Event::InlineHtml(text) => {
                self.html(&text);
                if text.eq_ignore_ascii_case("<br>") || text.eq_ignore_ascii_case("<br/>") {
                    self.add(" ", at.start, false);
                }
            }
            _ => {}
        }
    }

    fn html(&mut self, text: &str) {
        for name in [" id=", " name="] {
            for (at, _) in text.match_indices(name) {
                let rest = text[at + name.len()..].trim_start_matches(['"', '\'']);
                let id = rest.split(['"', '\'', '>', ' ']).next().unwrap_or_default();
                if !id.is_empty() && self.doc.anchors.len() < 10_000 {
                    self.doc.anchors.push(id.to_owned());
                }
            }
        }
    }

    fn section(&self) -> Option<usize> {
        self.doc.headings.len().checked_sub(1)
    }

    fn add(&mut self, text: &str, at: usize, code: bool) {
        if self.hidden > 0 || self.skipped > 0 {
            return;
        }
        if let Some(cell) = &mut self.cell {
            if code {
                cell.code.push(text.to_owned());
            }
            cell.text.push_str(text);
            return;
        }
        if self.block.is_none() && !self.open_items.is_empty() {
            self.open_block(at..at, false);
        }
        if let Some(block) = &mut self.block {
            block.map.push((block.text.len(), at));
            if code {
                block.code.push(block.text.len()..block.text.len() + text.len());
            }
            block.text.push_str(text);
            block.at.end = block.at.end.max(at + text.len());
        }
    }

    fn open_block(&mut self, at: Span, heading: bool) {
        self.close_block();
        self.block = Some(Block { at, heading, section: self.section(), ..Block::default() });
    }

    fn close_block(&mut self) {
        let Some(block) = self.block.take() else { return };
        self.strong.clear();
        if block.text.trim().is_empty() && !block.heading {
            return;
        }
        let index = self.doc.blocks.len();
        if let Some(item) = self.open_items.last() {
            self.doc.items[*item].block.get_or_insert(index);
        }
        self.doc.blocks.push(block);
        self.push(What::Block(index));
    }

    fn push(&mut self, what: What) {
        let parent = self.open_items.last().copied();
        self.doc.flow.push(Element { what, parent });
    }

    fn start(&mut self, tag: Tag<'a>, at: Span) {
        match tag {
            Tag::Paragraph => self.open_block(at, false),
            Tag::Heading { id, .. } => {
                if let Some(id) = id {
                    self.doc.anchors.push(id.to_string());
                }
                self.open_block(at, true);
            }
            Tag::CodeBlock(_) | Tag::HtmlBlock => {
                self.close_block();
                self.push(What::Other);
                self.skipped += 1;
                if matches!(tag, Tag::HtmlBlock) {
                    self.skipped -= 1;
                    self.hidden += 1;
                }
            }
            Tag::FootnoteDefinition(_) => self.close_block(),
            Tag::BlockQuote(_) => {
                self.close_block();
                self.quotes += 1;
            }
            Tag::List(first) => {
                self.close_block();
                let index = self.doc.lists.len();
                self.push(What::List(index));
                self.doc.lists.push(List {
                    parent: self.open_items.last().copied(),
                    at,
                    section: self.section(),
                    numbered: first.is_some(),
                    items: Vec::new(),
                });
                self.open_lists.push(index);
            }
            Tag::Item => {
                let list = self.open_lists.last().copied().unwrap_or_default();
                let index = self.doc.items.len();
                self.doc.items.push(Item { list, ..Item::default() });
                if let Some(list) = self.doc.lists.get_mut(list) {
                    list.items.push(index);
                }
                self.open_items.push(index);
            }
            Tag::Table(_) => {
                self.close_block();
                self.push(What::Table(self.doc.tables.len()));
                let section = self.section();
                self.doc.tables.push(Table { at, section, ..Table::default() });
            }
            Tag::TableCell => self.cell = Some(Cell { at, ..Cell::default() }),
            Tag::Strikethrough => self.hidden += 1,
            Tag::Strong => self.strong.push(self.block.as_ref().map_or(0, |b| b.text.len())),
            Tag::Link { dest_url, link_type, .. } => {
                let auto = matches!(link_type, LinkType::Autolink | LinkType::Email);
                self.open_link(dest_url.to_string(), false, auto, at);
            }
            Tag::Image { dest_url, .. } => {
                self.open_link(dest_url.to_string(), true, false, at);
                self.hidden += 1;
            }
            _ => {}
        }
    }

    fn open_link(&mut self, target: String, image: bool, auto: bool, at: Span) {
        let from = match (&self.cell, &self.block) {
            (Some(cell), _) => cell.text.len(),
            (None, Some(block)) => block.text.len(),
            _ => 0,
        };
        self.link.push((Link { target, text: String::new(), image, at, auto }, from));
    }

    fn end(&mut self, tag: TagEnd, at: Span) {
        match tag {
            TagEnd::Paragraph => self.close_block(),
            TagEnd::Heading(level) => {
                let block = self.doc.blocks.len();
                let text = self.block.as_ref().map_or("", |b| b.text.trim()).to_owned();
                self.close_block();
                // Headings in quotations and items are not the page's.
                if self.quotes == 0 && self.open_items.is_empty() {
                    self.doc.headings.push(Heading { level: level as u8, text, block, at });
                }
            }
            TagEnd::CodeBlock => self.skipped = self.skipped.saturating_sub(1),
            TagEnd::HtmlBlock | TagEnd::Strikethrough => self.hidden = self.hidden.saturating_sub(1),
            TagEnd::BlockQuote(_) => {
                self.close_block();
                self.quotes = self.quotes.saturating_sub(1);
            }
            TagEnd::FootnoteDefinition => self.close_block(),
            TagEnd::List(_) => {
                self.open_lists.pop();
            }
            TagEnd::Item => {
                self.close_block();
                self.open_items.pop();
            }
            TagEnd::TableCell => {
                if let Some(mut cell) = self.cell.take() {
                    if cell.text.trim().len() < cell.text.len() {
                        cell.text = cell.text.trim().to_owned();
                    }
                    self.row.push(cell);
                }
            }
            TagEnd::TableHead => {
                let head = std::mem::take(&mut self.row);
                if let Some(table) = self.doc.tables.last_mut() {
                    table.head = head;
                }
            }
            TagEnd::TableRow => {
                let cells = std::mem::take(&mut self.row);
                let written = written_cells(&self.doc.source[at.clone()]);
                if let Some(table) = self.doc.tables.last_mut() {
                    table.rows.push(Row { cells, written, at });
                }
            }
            TagEnd::Strong => self.end_strong(),
            TagEnd::Link | TagEnd::Image => self.end_link(matches!(tag, TagEnd::Image)),
            _ => {}
        }
    }

    fn end_strong(&mut self) {
        if let (Some(from), Some(block)) = (self.strong.pop(), &mut self.block)
            && from < block.text.len()
        {
            block.strong.push(from..block.text.len());
        }
    }

    fn end_link(&mut self, image: bool) {
        if image {
            self.hidden = self.hidden.saturating_sub(1);
        }
        let Some((mut link, from)) = self.link.pop() else { return };
        let text = match (&self.cell, &self.block) {
            (Some(cell), _) => cell.text.get(from..),
            (None, Some(block)) => block.text.get(from..),
            _ => None,
        };
        link.text = text.unwrap_or_default().to_owned();
        self.doc.links.push(link);
    }
}

/// How many cells are written in a line of a table.
pub(super) fn written_cells(line: &str) -> usize {
    let line = line.trim();
    let line = line.strip_prefix('|').unwrap_or(line);
    let mut bars = 0;
    let mut escaped = false;
    let mut last_is_bar = false;
    for byte in line.bytes() {
        last_is_bar = byte == b'|' && !escaped;
        bars += usize::from(last_is_bar);
        escaped = byte == b'\\' && !escaped;
    }
    bars + usize::from(!last_is_bar)
}
