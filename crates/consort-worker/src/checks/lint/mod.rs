//! Deterministic checks of documents: what is computed, counted or named twice is compared with
//! what is stated. Text in, faults out: no file, clock or network is touched.
//!
//! Reading is tolerant (any of the usual ways to write a weighted table), judging is strict: a
//! rule speaks only where the structure is certain.

mod announced;
mod arithmetic;
mod claims;

mod columns;
mod count;

mod data;
mod dates;
mod doc;
mod enums;
mod front;
mod links;
mod matrix;
mod matrix_read;
mod mismatch;

mod number;
mod percent;
mod placeholder;
mod scenario;

mod sections;
mod sensitivity;

mod shape;
mod tally;

mod totals;
mod weighted;
mod words;

use doc::{Doc, Span};
pub use links::{Lookup, Nowhere};

/// Largest text that is read, in bytes.
pub const BYTES_MAX: usize = super::DOCUMENT_BYTES_MAX;
/// Most faults of one text; more would not help.
pub const FAULTS_MAX: usize = 200;

/// The rules, by their stable names.
pub const RULES: [&str; 17] = [
    "weighted-table",
    "sensitivity",
    "count",
    "mismatch",
    "sections",
    "front-matter",
    "links",
    "dates",
    "enum",
    "percent",
    "arithmetic",
    "table-shape",
    "placeholder",
    "word-budget",
    "json",
    "yaml",
    "text",
];

/// One thing that is wrong, at one place.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// One of [`RULES`].
    pub rule: &'static str,
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// What the text says.
    pub stated: Option<String>,
    /// What it would say if it were right.
    pub computed: Option<String>,
    /// Bytes of the text that the fault is about.
    #[serde(skip)]
    pub at: std::ops::Range<usize>,
}

/// What a text is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Prose with tables.
    #[default]
    Markdown,
    /// A JSON file.
    Json,
    /// A YAML file.
    Yaml,
}

impl Kind {
    /// By the end of a file's name; what is not known is Markdown.
    pub fn of(path: &str) -> Self {
        match path.rsplit_once('.').map_or("", |(_, e)| e).to_ascii_lowercase().as_str() {
            "json" => Kind::Json,
            "yaml" | "yml" => Kind::Yaml,
            _ => Kind::Markdown,
        }
    }
}

/// What is asked of a text beyond what holds for every one.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What the text is.
    pub kind: Kind,
    /// Only these rules; all if empty.
    pub rules: Vec<String>,
    /// Words of prose at most.
    pub words_max: Option<usize>,
    /// Headings that must be there, by their text or its beginning.
    pub required_sections: Vec<String>,
    /// Keys that the front matter must have.
    pub required_keys: Vec<String>,
    /// A JSON Schema for a JSON or YAML file, or for the front matter of a Markdown file.
    pub schema: Option<serde_json::Value>,
}

/// What a file holds as data: JSON, YAML, or the front matter of Markdown; `None` where it has none.
pub fn data_of(path: &str, text: &str) -> Option<serde_json::Value> {
    if text.len() > BYTES_MAX {
        return None;
    }
    match Kind::of(path) {
        Kind::Json => serde_json::from_str(text).ok(),
        Kind::Yaml => data::read_yaml(text).ok(),
        Kind::Markdown => {
            let front = doc::Doc::read(text).front?;
            data::read_yaml(&text[front]).ok()
        }
    }
}

/// All faults of a text, in its order, at most [`FAULTS_MAX`]. Links to other files are not
/// followed; see [`lint_with`].
pub fn lint(text: &str, options: &Options) -> Vec<Fault> {
    lint_with(text, options, &Nowhere)
}

/// Like [`lint`]; `lookup` says which files there are.
pub fn lint_with(text: &str, options: &Options, lookup: &dyn Lookup) -> Vec<Fault> {
    let mut found = Found { text, faults: Vec::new() };
    if text.len() > BYTES_MAX {
        let message = format!("the text has {} bytes; at most {BYTES_MAX} are read", text.len());
        found.add("text", 0..0, message);
    } else if let Some(at) = text.find('\0') {
        found.add("text", at..at + 1, "there is a NUL byte in the text".to_owned());
    } else {
        match options.kind {
            Kind::Markdown => markdown(text, options, lookup, &mut found),
            Kind::Json => data::json(text, options, &mut found),
            Kind::Yaml => data::yaml(text, options, &mut found),
        }
    }
    found.finish(options)
}

fn markdown(text: &str, options: &Options, lookup: &dyn Lookup, found: &mut Found<'_>) {
    let doc = Doc::read(text);
    front::check(&doc, options, found);
    sections::check(&doc, options, found);
    links::check(&doc, lookup, found);
    shape::check(&doc, found);
    let matrices = matrix_read::all(&doc);
    weighted::check(&doc, &matrices, found);
    sensitivity::check(&doc, &matrices, found);
    claims::check(&doc, &matrices, found);
    columns::check(&doc, &matrices, found);
    totals::check(&doc, &matrices, found);
    count::check(&doc, found);
    tally::check(&doc, found);
    mismatch::check(&doc, &matrices, found);
    percent::check(&doc, &matrices, found);
    arithmetic::check(&doc, found);
    dates::check(&doc, found);
    enums::check(&doc, found);
    placeholder::check(&doc, found);
    words::check(&doc, options, found);
}

/// Where rules put what they find.
struct Found<'a> {
    text: &'a str,
    faults: Vec<(Span, Fault)>,
}

impl Found<'_> {
    fn add(&mut self, rule: &'static str, at: Span, message: impl Into<String>) {
        self.put(rule, at, message.into(), None, None);
    }

    /// With what is stated and what is right.
    fn wrong(
        &mut self,
        rule: &'static str,
        at: Span,
        message: impl Into<String>,
        stated: impl Into<String>,
        computed: impl Into<String>,
    ) {
        self.put(rule, at, message.into(), Some(stated.into()), Some(computed.into()));
    }

    fn put(
        &mut self,
        rule: &'static str,
        at: Span,
        message: String,
        stated: Option<String>,
        computed: Option<String>,
    ) {
        // One place is wrong once: the first rule that says so wins.
        let overlaps = |(s, f): &&(Span, Fault)| {
            !at.is_empty()
                && s.start < at.end
                && at.start < s.end
                && (f.computed.is_some() == computed.is_some())
        };
        if self.faults.len() >= 4 * FAULTS_MAX || self.faults.iter().any(|f| overlaps(&f)) {
            return;
        }
        let message = clip(&message, 300);
        let fault = Fault { line: 0, column: 0, rule, message, stated, computed, at: at.clone() };
        self.faults.push((at, fault));
    }

    fn finish(self, options: &Options) -> Vec<Fault> {
        let mut faults: Vec<Fault> = self.faults.into_iter().map(|(_, f)| f).collect();
        faults.retain(|f| options.rules.is_empty() || options.rules.iter().any(|r| r == f.rule));
        faults.sort_by_key(|f| (f.at.start, f.at.end));
        faults.truncate(FAULTS_MAX);
        let (mut line, mut line_start, mut seen) = (1, 0, 0);
        for fault in &mut faults {
            let mut start = fault.at.start.min(self.text.len());
            while !self.text.is_char_boundary(start) {
                start -= 1;
            }
            let passed = &self.text[seen..start];
            line += passed.bytes().filter(|b| *b == b'\n').count();
            if let Some(last) = passed.rfind('\n') {
                line_start = seen + last + 1;
            }
            seen = start;
            fault.line = line;
            fault.column = self.text[line_start..start].chars().count() + 1;
        }
        faults
    }
}

fn clip(text: &str, max: usize) -> String {
    match text.chars().count() > max {
        true => text.chars().take(max - 3).chain("...".chars()).collect(),
        false => text.to_owned(),
    }
}

/// A phrase for comparing: lower case, letters and digits, single blanks.
fn norm(text: &str) -> String {
    if text.is_ascii() {
        return norm_ascii(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() {
            out.extend(c.to_lowercase());
        } else if !out.ends_with(' ') && !out.is_empty() && c != '\'' && c != '\u{2019}' {
            out.push(' ');
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// The same for what most texts are: byte by byte, because every rule asks for it all the time.
fn norm_ascii(text: &str) -> String {
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    let mut blank = true;
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() {
            out.push(b.to_ascii_lowercase());
            blank = false;
        } else if b != b'\'' && !blank {
            out.push(b' ');
            blank = true;
        }
    }
    if blank {
        out.pop();
    }
    String::from_utf8(out).unwrap_or_default()
}

/// The words of a normalised phrase.
fn has_word(phrase: &str, word: &str) -> bool {
    let (phrase, word) = (phrase.as_bytes(), word.as_bytes());
    let mut at = 0;
    loop {
        let rest = &phrase[at..];
        if rest.starts_with(word) && matches!(rest.get(word.len()), None | Some(b' ')) {
            return true;
        }
        match rest.iter().position(|b| *b == b' ') {
            Some(blank) => at += blank + 1,
            None => return false,
        }
    }
}
