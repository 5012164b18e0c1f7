//! A plan as a picture: text for terminals and documents, Mermaid and DOT for other tools.

mod ascii;
mod links;

use crate::ids::{BarrierId, TaskId};
use crate::plan::Plan;

/// How a plan is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Boxes and lines, at most 120 columns wide.
    Ascii,
    /// A Mermaid flowchart.
    Mermaid,
    /// Graphviz.
    Dot,
}

/// Something in the picture that can have a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A declared task, or a handoff.
    Task(&'a TaskId),
    /// A barrier.
    Barrier(&'a BarrierId),
}

/// Draws a plan. Ends with a line break.
pub fn graph(plan: &Plan, format: Format) -> String {
    match format {
        Format::Ascii => ascii(plan, |_| None),
        Format::Mermaid => links::mermaid(plan),
        Format::Dot => links::dot(plan),
    }
}

/// The text picture with a status in every box: `status` gives the word, or `None` for no line.
pub fn ascii(plan: &Plan, status: impl Fn(Item<'_>) -> Option<String>) -> String {
    ascii::draw(plan, &status)
}
