//! Texts of several files as one: places in parts lie behind those of the main file.

use crate::definition::diagnostic::{Diagnostic, Foreign, Label};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Contents that a workflow asks for, handed in: nothing here reads a file. `Err` says why one is not
/// there; what is not in a map was not asked for yet.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Parts, by their path relative to the folder of the workflow file.
    pub parts: BTreeMap<String, Result<String, String>>,
    /// Lists, by their path relative to the repository, as they are where a run begins.
    pub lists: BTreeMap<String, Result<String, String>>,
}

/// Something that a workflow asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A part: see [`Given::parts`].
    Part(String),
    /// A list: see [`Given::lists`].
    List(String),
}

/// The main file and its parts.
#[derive(Debug)]
pub(in crate::definition) struct Sources {
    /// All texts, one after another.
    pub text: String,
    main: usize,
    parts: Vec<(usize, Arc<Foreign>)>,
}

impl Sources {
    pub(in crate::definition) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), main: text.len(), parts: vec![] }
    }

    /// Where the places of a part begin.
    pub(super) fn add(&mut self, name: &str, text: &str) -> usize {
        if let Some((start, _)) = self.parts.iter().find(|(_, file)| file.name == name) {
            return *start;
        }
        self.text.push('\n');
        let start = self.text.len();
        self.text.push_str(text);
        self.parts.push((start, Arc::new(Foreign { name: name.to_owned(), text: text.to_owned() })));
        start
    }

    fn part(&self, at: usize) -> Option<&(usize, Arc<Foreign>)> {
        self.parts.iter().rev().find(|(start, _)| at >= *start).filter(|_| at > self.main)
    }

    /// Puts each diagnostic into the file of its place; labels in other files are told as help.
    pub(in crate::definition) fn locate(&self, found: &mut [Diagnostic]) {
        if self.parts.is_empty() {
            return;
        }
        for diagnostic in found.iter_mut().filter(|d| d.file.is_none()) {
            let Some(first) = diagnostic.labels.first() else { continue };
            let home = self.part(first.span.start).map(|(start, _)| *start);
            let (own, others): (Vec<Label>, Vec<Label>) = std::mem::take(&mut diagnostic.labels)
                .into_iter()
                .partition(|label| self.part(label.span.start).map(|(start, _)| *start) == home);
            for other in others {
                diagnostic.help.push(self.told(&other));
            }
            let start = home.unwrap_or(0);
            diagnostic.labels = own
                .into_iter()
                .map(|label| Label {
                    span: label.span.start - start..label.span.end.max(start) - start,
                    ..label
                })
                .collect();
            diagnostic.file = home.and_then(|home| self.part(home)).map(|(_, file)| file.clone());
        }
    }

    /// A label of another file in a line.
    fn told(&self, label: &Label) -> String {
        let (start, name, text) = match self.part(label.span.start) {
            Some((start, file)) => (*start, file.name.as_str(), file.text.as_str()),
            None => (0, "the workflow", &self.text[..self.main]),
        };
        let place = Diagnostic::error("", "").at(label.span.start - start..label.span.start - start, "");
        let (line, column) = place.position(text);
        format!("{name}:{line}:{column}: {}", label.text)
    }
}
