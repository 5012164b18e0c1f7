//! Who an agent is and what it heeds: what becomes sentences of its instructions.

use super::Reader;
use super::values::text_of;
use crate::definition::diagnostic::{Diagnostic, Span};
use crate::definition::roles::compose;
use crate::definition::tree::{Node, Value};

impl Reader<'_> {
    pub(super) fn identity(&mut self, value: &Node) {
        self.each(value, |reader, key, value| match key {
            "role" => reader.said.identity = reader.text(value),
            "expertise" => {
                let all = reader.list(value).into_iter().map(|(text, _)| text);
                reader.said.expertise.extend(all);
            }
            "cognitive_mode" => {
                const MODES: [&str; 6] =
                    ["divergent", "convergent", "integrative", "systematic", "forensic", "mixed"];
                match reader.text(value) {
                    Some(text) if compose::mode(&text).is_some() => reader.said.mode = Some(text),
                    Some(_) => reader.word(value, &MODES),
                    None => {}
                }
            }
            _ => {}
        });
    }

    pub(super) fn persona(&mut self, value: &Node) {
        self.each(value, |reader, key, value| {
            if let Some(text) = reader.text(value) {
                reader.said.persona.push((key.to_owned(), text));
            }
        });
    }

    pub(super) fn guardrails(&mut self, value: &Node) {
        self.each(value, |reader, key, value| match key {
            "input_validation" => reader.inputs(value),
            "output_filtering" => {
                let all = reader.list(value).into_iter().map(|(text, _)| text.replace('_', " "));
                reader.said.filters.extend(all);
            }
            "fallback_behavior" => match reader.text(value) {
                Some(text) if text.chars().all(|c| c.is_ascii_lowercase() || c == '_') => {
                    reader.said.fallback = Some(text);
                }
                Some(text) => reader.report(
                    Diagnostic::error("fallback-behavior", format!("`{text}` is not a behaviour"))
                        .at(value.span.clone(), "small letters and `_`")
                        .help("such as `warn_and_retry`, `escalate_to_user` or `persist_and_halt`"),
                ),
                None => {}
            },
            _ => {}
        });
    }

    /// `field: {format, on_invalid: {action, message}}`, or sentences.
    fn inputs(&mut self, value: &Node) {
        if let Value::List(_) | Value::Scalar(_) = &value.value {
            let all = self.list(value).into_iter().map(|(text, _)| text);
            return self.said.inputs.extend(all);
        }
        self.each(value, |reader, field, value| {
            let (mut form, mut rejects, mut message) = (None, false, None);
            if let Value::Map(_) = &value.value {
                reader.each(value, |reader, key, value| match key {
                    "format" => form = reader.text(value),
                    "on_invalid" => reader.each(value, |reader, key, value| match key {
                        "action" => rejects = reader.text(value).as_deref() == Some("reject"),
                        "message" => message = reader.text(value),
                        _ => {}
                    }),
                    _ => {}
                });
            } else {
                form = reader.text(value);
            }
            let mut line = format!("`{field}` is there");
            if let Some(form) = form {
                line += &format!(", of the form `{form}`");
            }
            line += if rejects {
                "; if not, say so in the work and go no further"
            } else {
                "; if not, say so in the work"
            };
            if let Some(message) = message {
                line += &format!(" ({message})");
            }
            reader.said.inputs.push(line);
        });
    }

    pub(super) fn output(&mut self, value: &Node) {
        self.each(value, |reader, key, value| {
            if key != "levels" {
                return;
            }
            let names: Vec<(String, Span)> = match &value.value {
                Value::Map(entries) => entries
                    .iter()
                    .filter_map(|(k, _)| Some((text_of(k)?.to_owned(), k.span.clone())))
                    .collect(),
                _ => reader.list(value),
            };
            for (text, at) in names {
                match text.as_str() {
                    "L0" | "L1" | "L2" => reader.levels.push(text),
                    _ => reader.report(
                        Diagnostic::error("role-level", format!("`{text}` is not an output level"))
                            .at(at, "one of `L0`, `L1` and `L2`"),
                    ),
                }
            }
        });
    }
}
