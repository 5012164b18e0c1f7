//! Work that grows: tasks that a list makes, and tasks that only run when something is true.
//!
//! A workflow declares one task that stands for many. Where the list is known when the plan is made,
//! the tasks stand in the plan from the start. Where another task makes the list, the plan has a
//! placeholder ([`super::TaskKind::Each`]) until the list is accepted; [`expanded`] is the plan
//! that it then becomes. How long such a list may be, who agrees to it and what its tasks may use up
//! together is in the plan before anything starts.

mod expand;
mod list;

pub use expand::expanded;
pub(crate) use list::read;
pub use list::{ITEM_BYTES_MAX, Item, LIST_BYTES_MAX, TASKS_SCHEMA, items};

use super::{AgentSpec, ApprovalAt, Budget, is_zero};
use crate::ids::TaskId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most tasks that one list may make, whatever a workflow says.
pub const EACH_MAX: u32 = 1_000;
/// As many where a workflow says nothing.
pub const EACH_DEFAULT: u32 = 50;

/// What must be true when the turn of a task comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Condition {
    /// As it stands in the file; see `definition::expr`.
    pub expr: String,
    /// Tasks that it names, all among those that come first, in plan order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<TaskId>,
}

/// A placeholder: what a list will make, and within which bounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Growth {
    /// The task whose accepted data is the list; it is among the needs.
    pub list: TaskId,
    /// The list is in the schema of tasks, not just data.
    #[serde(default, skip_serializing_if = "super::is_false")]
    pub tasks: bool,
    /// A list with more items is refused; at most [`EACH_MAX`].
    pub max: u32,
    /// So many of them at once; 0: no limit of its own.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub side_by_side: u32,
    /// What all of them together may use up.
    #[serde(default, skip_serializing_if = "Budget::is_unlimited")]
    pub budget: Budget,
    /// Who agrees to the list before anything of it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalAt>,
    /// Roles that an item may name, the placeholder's own among them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub choices: BTreeMap<String, Choice>,
}

/// Who does an item that names this role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What the agent is there for, as in a task's `role`.
    pub role: String,
    /// Who does it.
    pub creator: AgentSpec,
}

/// One task of several that are alike but for their item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grown {
    /// The entry of the file that it comes from.
    pub of: TaskId,
    /// From 1, in the order of the list.
    pub number: u32,
    /// The item's own id, else its number.
    pub key: String,
    /// The item as compact JSON: data, whoever wrote it.
    pub item: String,
}

/// The tasks that one entry of the file became, and what bounds them together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Siblings {
    /// In the order of the list; none if it was empty.
    pub tasks: Vec<TaskId>,
    /// The task that made the list; `None`: it was known when the plan was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<TaskId>,
    /// So many of them at once; 0: no limit of its own.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub side_by_side: u32,
    /// What all of them together may use up.
    #[serde(default, skip_serializing_if = "Budget::is_unlimited")]
    pub budget: Budget,
}

/// Longest name of an item where people see it, in characters.
const NAME_CHARS_MAX: usize = 80;

impl Grown {
    /// What to call its item, in a line: its title, its text, or itself where it is just a word.
    pub fn name(&self) -> String {
        let item: serde_json::Value = serde_json::from_str(&self.item).unwrap_or_default();
        let part = |key: &str| item.get(key).and_then(|text| text.as_str());
        let named = part("title").or_else(|| part("id")).or_else(|| part("text")).or_else(|| item.as_str());
        let line = named.map_or_else(|| self.item.clone(), str::to_owned);
        let tame = line.chars().map(|c| if c.is_control() { ' ' } else { c });
        tame.take(NAME_CHARS_MAX).collect()
    }
}

/// The name of one of many: `<each>-<n>`, as wide as the highest number that is possible.
pub fn name_of(each: &str, number: u32, max: u32) -> String {
    let width = max.max(1).to_string().len();
    format!("{each}-{number:0width$}")
}

/// A path of the entry `each` for one of its tasks: where the file or its folder is named like the entry, or
/// begins with its name, the task's name stands there; else the number stands before the ending.
pub fn path_of(path: &str, each: &str, task: &str) -> String {
    let mut found = false;
    let depth = path.split('/').count();
    let parts: Vec<String> = path
        .split('/')
        .enumerate()
        .map(|(at, part)| match part.strip_prefix(each) {
            // Folders above may be named alike by chance: that of the workflow, for one.
            Some(rest) if at + 2 >= depth && (rest.is_empty() || rest.starts_with(['-', '.', '_'])) => {
                found = true;
                format!("{task}{rest}")
            }
            _ => part.to_owned(),
        })
        .collect();
    let joined = parts.join("/");
    if found {
        return joined;
    }
    let number = task.strip_prefix(each).unwrap_or(task);
    let file = joined.rfind('/').map_or(0, |slash| slash + 1);
    match joined[file..].rfind('.').filter(|dot| *dot > 0) {
        Some(dot) => format!("{}{number}{}", &joined[..file + dot], &joined[file + dot..]),
        None => format!("{joined}{number}"),
    }
}
