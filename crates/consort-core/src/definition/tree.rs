//! The one door to the YAML reader: text in, a tree with byte positions out.
//!
//! Scalars keep the text as it was written, so that a score is never read through a float.
//! Duplicate keys stay in the tree: the decoder reports them with everything else. Aliases,
//! depth and size are bounded by the reader's budget before anything is built.

use super::diagnostic::{Diagnostic, Span};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Location, Spanned};
use std::fmt;

/// Largest workflow file, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
const MAX_DEPTH: usize = 24;
const MAX_NODES: usize = 300_000;
const MAX_REPLAYED: usize = 50_000;

/// A value with its place in the text.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// What it is.
    pub value: Value,
    /// Where it is used: for an alias, the `*name`.
    pub span: Span,
}

/// A YAML value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// Nothing, `null` or `~`.
    Null,
    /// Any scalar.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in file order, duplicates included.
    Map(Vec<(Node, Node)>),
}

/// A scalar: its text and whether YAML reads it as text.
#[derive(Clone, Debug)]
pub(super) struct Scalar {
    /// As written, without quotes.
    pub text: String,
    /// `a list`, `a number`, ...: for messages.
    pub kind: &'static str,
}

impl Value {
    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Scalar(scalar) => scalar.kind,
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// Reads a whole file. At most one diagnostic: the reader stops at the first syntax error.
pub(super) fn parse(text: &str) -> Result<Node, Diagnostic> {
    if text.len() > MAX_BYTES {
        return Err(Diagnostic::error(
            "too-large",
            format!("the file has {} bytes; a workflow has at most {MAX_BYTES}", text.len()),
        )
        .at(0..0, "here it starts")
        .help("split the work into several workflows, or move long texts into files that tasks read"));
    }
    // A mark at the start is legal, and the reader drops it without counting it.
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let offset = text.len() - body.len();
    let raw: Spanned<Raw> = serde_saphyr::from_str_with_options(body, options()).map_err(|error| {
        let place = error.location().map_or(0..0, |at| range(body, at, offset));
        explain(error.without_snippet(), text, place)
    })?;
    Ok(build(raw, body, offset))
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: 4 * MAX_NODES,
            max_documents: 1,
            max_aliases: 2_000,
            max_anchors: 1_000,
            max_merge_keys: 1_000,
            max_total_scalar_bytes: 4 * MAX_BYTES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_REPLAYED,
            max_replay_stack_depth: 16,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        strict_booleans: true,
    }
}

/// The reader's words, and what to do about the usual causes.
fn explain(error: &serde_saphyr::Error, text: &str, place: Span) -> Diagnostic {
    let said = error.to_string();
    let bounded = ["budget", "limit", "exceeded", "too deep"].iter().any(|word| said.contains(word));
    let message = strip_position(&said);
    if said.contains("Documents") {
        return Diagnostic::error("documents", "a workflow file holds one document")
            .at(place, "here a second one starts")
            .help("put each workflow into a file of its own");
    }
    if bounded {
        return Diagnostic::error("too-complex", format!("this file is too complex: {message}"))
            .at(place, "here the limit was passed")
            .help(format!("a workflow has at most {MAX_DEPTH} levels, {MAX_NODES} values, and aliases that repeat at most {MAX_REPLAYED} of them"));
    }
    let diagnostic =
        Diagnostic::error("syntax", format!("this is not YAML: {message}")).at(place.clone(), "");
    let line_start = text[..place.start.min(text.len())].rfind('\n').map_or(0, |at| at + 1);
    let line = text[line_start..].lines().next().unwrap_or("");
    if line.trim_start_matches(' ').starts_with('\t') {
        return diagnostic.help("indent with spaces: YAML does not allow tabs");
    }
    if line.contains("{{") && !line.contains('"') && !line.contains('\'') {
        return diagnostic.help("a value that starts with `{{` needs quotes: \"{{ name }}\"");
    }
    if said.contains("unknown anchor") {
        return diagnostic.help("a text that starts with `*` needs quotes");
    }
    if said.contains("mapping values") && line.matches(": ").count() > 1 {
        return diagnostic.help("a text with `: ` in it needs quotes");
    }
    diagnostic
}

fn strip_position(said: &str) -> String {
    let first = said.lines().next().unwrap_or(said);
    let cut = first.find(" at line ").unwrap_or(first.len());
    first[..cut].trim_end_matches([':', ',', ' ']).to_owned()
}

/// A reader's location as bytes of the text. Always within it, at character borders.
fn range(body: &str, at: Location, offset: usize) -> Span {
    let floor = |index: usize| {
        let mut index = index.min(body.len());
        while !body.is_char_boundary(index) {
            index -= 1;
        }
        index
    };
    let span = at.span();
    let (start, len) = match (span.byte_offset(), span.byte_len()) {
        (Some(start), Some(len)) => (start as usize, len as usize),
        _ => (by_line(body, at), 0),
    };
    let start = floor(start);
    let end = floor(start.saturating_add(len)).max(start);
    start + offset..end + offset
}

fn by_line(body: &str, at: Location) -> usize {
    let line = usize::try_from(at.line()).unwrap_or(1).saturating_sub(1);
    let column = usize::try_from(at.column()).unwrap_or(1).saturating_sub(1);
    let start: usize = body.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = &body[start.min(body.len())..];
    start + rest.char_indices().nth(column).map_or(rest.lines().next().map_or(0, str::len), |(at, _)| at)
}

fn build(raw: Spanned<Raw>, body: &str, offset: usize) -> Node {
    let span = trimmed(body, range(body, raw.referenced, offset), offset);
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Text(text) => Value::Scalar(Scalar { text, kind: "a text" }),
        Raw::Literal(kind, fallback) => {
            let at = range(body, raw.defined, 0);
            let written = body[at].trim();
            let text = if written.is_empty() { fallback } else { written.to_owned() };
            Value::Scalar(Scalar { text, kind })
        }
        Raw::List(items) => Value::List(items.into_iter().map(|item| build(item, body, offset)).collect()),
        Raw::Map(entries) => Value::Map(
            entries.into_iter().map(|(k, v)| (build(k, body, offset), build(v, body, offset))).collect(),
        ),
    };
    Node { value, span }
}

/// Without the white space at its end: carets under a line break help nobody.
fn trimmed(body: &str, span: Span, offset: usize) -> Span {
    let inside = &body[span.start - offset..span.end - offset];
    span.start..span.start + inside.trim_end().len()
}

enum Raw {
    Null,
    Text(String),
    /// A number or a truth value: its text is taken from the file, if it has a place there.
    Literal(&'static str, String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }
    fn visit_unit<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_none<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Raw, D::Error> {
        Raw::deserialize(from)
    }
    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Literal("a truth value", value.to_string()))
    }
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Literal("a number", value.to_string()))
    }
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Literal("a number", value.to_string()))
    }
    fn visit_i128<E: de::Error>(self, value: i128) -> Result<Raw, E> {
        Ok(Raw::Literal("a number", value.to_string()))
    }
    fn visit_u128<E: de::Error>(self, value: u128) -> Result<Raw, E> {
        Ok(Raw::Literal("a number", value.to_string()))
    }
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Literal("a number", value.to_string()))
    }
    fn visit_str<E: de::Error>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }
    fn visit_string<E: de::Error>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Text(value))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = from.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = from.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(node: &Node, text: &str) -> String {
        match &node.value {
            Value::Null => "null".into(),
            Value::Scalar(s) => format!("{}@{:?}", s.text, &text[node.span.clone()]),
            Value::List(items) => {
                format!("[{}]", items.iter().map(|n| show(n, text)).collect::<Vec<_>>().join(", "))
            }
            Value::Map(entries) => {
                let each = entries.iter().map(|(k, v)| format!("{} => {}", show(k, text), show(v, text)));
                format!("{{{}}}", each.collect::<Vec<_>>().join(", "))
            }
        }
    }

    fn shown(text: &str) -> String {
        show(&parse(text).expect("parses"), text)
    }

    #[test]
    fn scalars_keep_their_text_and_place() {
        assert_eq!(
            shown("a: 0.9199999999999999999\nb: 'ü'\nc: yes\nd: true\ne: ~\n"),
            r#"{a@"a" => 0.9199999999999999999@"0.9199999999999999999", b@"b" => ü@"'ü'", c@"c" => yes@"yes", d@"d" => true@"true", e@"e" => null}"#
        );
        assert_eq!(shown("\u{feff}ä: [1, 0x1F]"), r#"{ä@"ä" => [1@"1", 0x1F@"0x1F"]}"#);
        assert_eq!(shown("a: 1\r\nb: two words\r\n"), r#"{a@"a" => 1@"1", b@"b" => two words@"two words"}"#);
    }

    #[test]
    fn aliases_and_duplicates_are_kept() {
        assert_eq!(
            shown("a: &x 0.50\nb: *x\nb: 2\n"),
            r#"{a@"a" => 0.50@"0.50", b@"b" => 0.50@"*x", b@"b" => 2@"2"}"#
        );
    }

    #[test]
    fn block_scalars_have_a_place() {
        let text = "a: |\n  one {{ x }}\n  two\nb: 1\n";
        let shown = shown(text);
        assert!(shown.contains("one {{ x }}"), "{shown}");
    }
}
