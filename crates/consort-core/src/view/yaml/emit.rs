//! Writes YAML: maps in the order given, lists, scalars. Small on purpose: the bytes of a file in
//! an old checkpoint are compared with bytes written today, so they must not follow the taste of
//! a library's next version. Every text was cleaned, so it has one line and single spaces.

use super::super::model::When;
use super::super::text::{clean, width, wrap};

/// Texts wider than this are folded.
const FOLD: usize = 88;

/// A value with its keys in order.
#[derive(Clone, Debug)]
pub(in crate::view) enum Node {
    Null,
    Bool(bool),
    Int(u64),
    /// An exact decimal, as it is written.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// The document, without a start marker.
pub(super) fn document(root: &Node) -> String {
    let mut out = String::new();
    block(root, 0, &mut out);
    out
}

/// The entries of a map or list, each on lines of its own at this indentation.
fn block(node: &Node, indent: usize, out: &mut String) {
    let lead = " ".repeat(indent);
    match node {
        Node::Map(entries) => {
            for (key, value) in entries {
                out.push_str(&format!("{lead}{}:", scalar(&clean(key))));
                match value {
                    Node::Map(inner) if !inner.is_empty() => {
                        out.push('\n');
                        block(value, indent + 2, out);
                    }
                    Node::List(inner) if !inner.is_empty() => {
                        out.push('\n');
                        block(value, indent, out);
                    }
                    value => leaf(value, indent + 2, out),
                }
            }
        }
        Node::List(items) => {
            for item in items {
                out.push_str(&format!("{lead}-"));
                match item {
                    Node::Map(inner) if !inner.is_empty() => nested(item, indent, out),
                    Node::List(inner) if !inner.is_empty() => nested(item, indent, out),
                    item => leaf(item, indent + 2, out),
                }
            }
        }
        leaf_node => leaf(leaf_node, indent, out),
    }
}

/// The first entry of a block stands behind the dash of its item.
fn nested(item: &Node, indent: usize, out: &mut String) {
    let mut inner = String::new();
    block(item, indent + 2, &mut inner);
    out.push(' ');
    out.push_str(&inner[indent + 2..]);
}

/// A scalar or something empty, behind a colon or a dash; ends the line.
fn leaf(node: &Node, indent: usize, out: &mut String) {
    let text = match node {
        Node::Null => "null".to_owned(),
        Node::Bool(yes) => yes.to_string(),
        Node::Int(n) => n.to_string(),
        Node::Number(decimal) => decimal.clone(),
        Node::List(_) => "[]".to_owned(),
        Node::Map(_) => "{}".to_owned(),
        Node::Text(text) if width(text) > FOLD => return folded(text, indent, out),
        Node::Text(text) => scalar(text),
    };
    out.push_str(&format!(" {text}\n"));
}

/// Words joined by single spaces: what folding makes of line breaks.
fn folded(text: &str, indent: usize, out: &mut String) {
    out.push_str(" >-\n");
    for line in wrap(text, FOLD) {
        out.push_str(&format!("{}{line}\n", " ".repeat(indent)));
    }
}

/// A text as a plain scalar where no reader could take it for anything else, else quoted.
fn scalar(text: &str) -> String {
    let word =
        |c: char| c.is_alphanumeric() || matches!(c, ' ' | '_' | '.' | '/' | '-' | '(' | ')' | '>' | '=');
    let reserved = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let plain = text.starts_with(char::is_alphabetic)
        && text.chars().all(word)
        && !reserved.contains(&text.to_lowercase().as_str());
    if plain {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Node::Text(clean(text))
    }
}
impl From<String> for Node {
    fn from(text: String) -> Self {
        Node::Text(clean(&text))
    }
}
impl From<&String> for Node {
    fn from(text: &String) -> Self {
        Node::Text(clean(text))
    }
}
impl From<bool> for Node {
    fn from(b: bool) -> Self {
        Node::Bool(b)
    }
}
impl From<u32> for Node {
    fn from(n: u32) -> Self {
        Node::Int(u64::from(n))
    }
}
impl From<u64> for Node {
    fn from(n: u64) -> Self {
        Node::Int(n)
    }
}
impl From<usize> for Node {
    fn from(n: usize) -> Self {
        Node::Int(n as u64)
    }
}
impl From<When> for Node {
    fn from(at: When) -> Self {
        Node::Text(at.to_string())
    }
}
impl From<Vec<Node>> for Node {
    fn from(items: Vec<Node>) -> Self {
        Node::List(items)
    }
}
impl<T: Into<Node>> From<Option<T>> for Node {
    fn from(value: Option<T>) -> Self {
        value.map_or(Node::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_reads_back_as_itself() {
        for text in [
            "plain",
            "",
            "yes",
            "Null",
            "0.92",
            "1e5",
            "2026-02-20",
            "a: b",
            "a #b",
            "- x",
            "? x",
            "'q'",
            "\"q\"",
            "back\\slash",
            "{x}",
            "[x]",
            "*a",
            "&a",
            "!t",
            "%d",
            "@x",
            "`x`",
            "a, b",
            "é",
            "日本",
            ">= 0.92",
            "---",
            "...",
            "~",
            "=",
            "<<",
            "a:",
            "x ",
        ] {
            let long = format!("{text} {}", "word: #and - more ".repeat(12));
            for text in [clean(text), clean(&long)] {
                let root = Node::Map(vec![
                    ("key".into(), Node::Text(text.clone())),
                    (
                        format!("k{text}").chars().take(60).collect(),
                        Node::List(vec![Node::Text(text.clone()), Node::Null]),
                    ),
                ]);
                let yaml = document(&root);
                let back: serde_json::Value =
                    serde_saphyr::from_str(&yaml).unwrap_or_else(|e| panic!("{e}\n{yaml}"));
                assert_eq!(back["key"], text.as_str(), "{yaml}");
                assert!(back.as_object().expect("a map").values().any(|v| v[0] == text.as_str()), "{yaml}");
            }
        }
    }

    #[test]
    fn nests_as_people_write_it() {
        let item =
            Node::Map(vec![("id".into(), Node::Int(1)), ("of".into(), Node::List(vec![Node::Bool(true)]))]);
        let root = Node::Map(vec![
            ("list".into(), Node::List(vec![item.clone(), Node::List(vec![Node::Null]), Node::Map(vec![])])),
            ("map".into(), item),
            ("empty".into(), Node::List(vec![])),
        ]);
        let text =
            "list:\n- id: 1\n  of:\n  - true\n- - null\n- {}\nmap:\n  id: 1\n  of:\n  - true\nempty: []\n";
        assert_eq!(document(&root), text);
    }
}
