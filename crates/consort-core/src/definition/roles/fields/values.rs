//! Values as role files write them, and what is said of those that are none.

use super::Reader;
use crate::definition::decode::listed;
use crate::definition::diagnostic::{Diagnostic, Span, closest};
use crate::definition::roles::tools;
use crate::definition::tree::{Node, Value};

impl Reader<'_> {
    /// Each key of a mapping.
    pub(super) fn each(&mut self, value: &Node, mut visit: impl FnMut(&mut Self, &str, &Node)) {
        match &value.value {
            Value::Map(entries) => {
                for (key, value) in entries {
                    match text_of(key) {
                        Some(name) => visit(self, name, value),
                        None => self.wrong("a key", key),
                    }
                }
            }
            Value::Null => {}
            _ => self.wrong("a mapping", value),
        }
    }

    pub(super) fn text(&mut self, value: &Node) -> Option<String> {
        match &value.value {
            Value::Scalar(scalar) => Some(scalar.text.trim().to_owned()),
            Value::Null => None,
            _ => {
                self.wrong("a text", value);
                None
            }
        }
    }

    /// A list, or one line with commas.
    pub(super) fn list(&mut self, value: &Node) -> Vec<(String, Span)> {
        match &value.value {
            Value::Null => Vec::new(),
            Value::Scalar(scalar) => {
                let at = |begin: usize, part: &str| {
                    let start = (value.span.start + begin).min(value.span.end);
                    start..(start + part.len()).min(value.span.end)
                };
                tools::parts(&scalar.text)
                    .into_iter()
                    .map(|(b, part)| (part.to_owned(), at(b, part)))
                    .collect()
            }
            Value::List(items) => items
                .iter()
                .filter_map(|item| match &item.value {
                    // A sentence with a colon is a mapping for YAML.
                    Value::Map(_) => Some((sentence(item, &self.file.text), item.span.clone())),
                    _ => Some((self.text(item)?, item.span.clone())),
                })
                .filter(|(text, _)| !text.is_empty())
                .collect(),
            Value::Map(_) => {
                self.wrong("a list, or names with commas", value);
                Vec::new()
            }
        }
    }

    pub(super) fn wrong(&mut self, what: &str, node: &Node) {
        self.report(
            Diagnostic::error("wrong-type", format!("expected {what}, found {}", node.value.kind()))
                .at(node.span.clone(), format!("expected {what}")),
        );
    }

    pub(super) fn word(&mut self, value: &Node, known: &[&str]) {
        let text = text_of(value).unwrap_or_default();
        let said = match closest(text, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("one of {}", listed(known)),
        };
        self.report(
            Diagnostic::error("unknown-word", format!("`{text}` is not known here"))
                .at(value.span.clone(), said),
        );
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic.in_file(self.file.clone()));
    }
}

pub(super) fn text_of(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar(scalar) => Some(scalar.text.as_str()),
        _ => None,
    }
}

fn sentence(node: &Node, text: &str) -> String {
    match &node.value {
        Value::Map(entries) => {
            let side = |node: &Node| text.get(node.span.clone()).unwrap_or_default().trim().to_owned();
            entries.iter().map(|(k, v)| format!("{}: {}", side(k), side(v))).collect::<Vec<_>>().join(", ")
        }
        _ => text_of(node).unwrap_or_default().to_owned(),
    }
}

/// As JSON: numbers and truth values keep their kind.
pub(super) fn json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Scalar(scalar) if scalar.kind == "a text" => scalar.text.clone().into(),
        Value::Scalar(scalar) => {
            serde_json::from_str(&scalar.text).unwrap_or_else(|_| scalar.text.clone().into())
        }
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(entries) => {
            entries.iter().map(|(k, v)| (text_of(k).unwrap_or_default().to_owned(), json(v))).collect()
        }
    }
}
