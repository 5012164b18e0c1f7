//! The file's words for work that grows: lists, conditions, loops, parts.

use super::decode::{At, Decode, Decoder, List, Map, section};
use super::file_gates::{Approval, Reference, Share};
use super::file_work::Task;
use super::numbers::Millis;
use super::tree::{Node, Value};
use super::values::{Given, Id, Plain};
use super::words::InputType;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

section! {
    /// A list, one task for each of its items. Exactly one of `values`, `files`, `file`, `artifact`. In the texts and
    /// paths of the task `{{ item }}`, `{{ item.key }}` and `{{ index }}` stand for the item and its number, but
    /// not where a task makes the list: what an agent wrote is data, and the agent gets it as such.
    ForEach as "`for_each`" {
        /// The items themselves: texts, numbers, or mappings.
        #[schemars(default)]
        values: List<Raw>,
        /// Patterns of paths: one task for each file that is in the repository when the run is planned.
        #[schemars(default)]
        files: List<At<Plain>>,
        /// A JSON or YAML file of the repository that holds a list.
        file: Option<At<Plain>>,
        /// The task that makes the list when it runs: it produces tasks, or data that is a JSON list.
        artifact: Option<Reference>,
        /// Most items; with more nothing is made. Default: 50, at most 1000.
        max: Option<At<u32>>,
        /// So many of them at once. Default: no limit of its own.
        side_by_side: Option<At<u32>>,
        /// What all of them may use up together.
        budget: Option<Share>,
        /// Who agrees to a list that a task makes, before anything of it is made.
        approval: Option<Approval>,
        /// Roles that an item of `produces: tasks` may choose from, beside that of this task.
        #[schemars(default)]
        roles: List<At<Id>>,
    }
}

section! {
    /// When a task is done. One of `expr` and `check`.
    Until as "`until`" {
        /// True of what it makes, such as `data.open == 0` (for a document `data` is its front matter), or of
        /// `round`.
        expr: Option<At<Plain>>,
        /// A command that ends with 0, as a list of words: see a criterion's `check`.
        #[schemars(default)]
        check: List<At<Plain>>,
        /// Most rounds; then a person decides.
        max: At<u32>,
        /// Most time for the command. Default: 10m.
        timeout: Option<At<Millis>>,
    }
}

section! {
    /// Tasks of another workflow file, under this name.
    Use as "a use of a part" {
        /// The file, relative to this one.
        uses: At<Plain>,
        /// Values for its `inputs`.
        #[schemars(default)]
        with: Map<At<Given>>,
        /// Tasks and barriers that come first.
        #[schemars(default)]
        needs: List<Reference>,
    }
}

section! {
    /// Something that a part takes.
    PartInput as "an input of a part" {
        /// What it is. Default: text.
        r#type: Option<At<InputType>>,
        /// Its value where none is given; without a default it must be given.
        default: Option<At<Given>>,
        /// What it is for.
        about: Option<At<Plain>>,
    }
}

/// Under `tasks`: a task, or the use of a part.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// A task.
    Task(Box<Task>),
    /// The tasks of another file.
    Use(Box<Use>),
}

impl Decode for Entry {
    fn decode(node: &Node, d: &mut Decoder) -> Option<Self> {
        let key = |(key, _): &(Node, Node)| matches!(&key.value, Value::Scalar(s) if s.text == "uses");
        match &node.value {
            Value::Map(entries) if entries.iter().any(key) => Decode::decode(node, d).map(Entry::Use),
            _ => Decode::decode(node, d).map(Entry::Task),
        }
    }
    fn broken() -> Self {
        Entry::Task(Box::new(Task::broken()))
    }
}

impl JsonSchema for Entry {
    fn schema_name() -> Cow<'static, str> {
        "Entry".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (task, part) = (generator.subschema_for::<Task>(), generator.subschema_for::<Use>());
        json_schema!({
            "description": "A task, or `{uses: part.yaml}` for those of another file.",
            "if": { "required": ["uses"] }, "then": part, "else": task,
        })
    }
}

impl Map<Entry> {
    /// The tasks, where all uses were replaced by what they stand for.
    pub(crate) fn tasks(&self) -> impl Iterator<Item = (&At<Id>, &Task)> {
        self.iter().filter_map(|(key, entry)| match entry {
            Entry::Task(task) => Some((key, task.as_ref())),
            Entry::Use(_) => None,
        })
    }
}

/// Any value, as JSON.
#[derive(Clone, Debug)]
pub(crate) struct Raw {
    pub value: serde_json::Value,
}

impl Raw {
    /// A value of the file; numbers as they are written where JSON has such.
    pub(super) fn of(node: &Node) -> serde_json::Value {
        match &node.value {
            Value::Null => serde_json::Value::Null,
            Value::Scalar(scalar) if scalar.kind == "a text" => scalar.text.clone().into(),
            Value::Scalar(scalar) => {
                serde_json::from_str(&scalar.text).unwrap_or_else(|_| scalar.text.clone().into())
            }
            Value::List(all) => all.iter().map(Raw::of).collect(),
            Value::Map(all) => {
                let key = |node: &Node| match &node.value {
                    Value::Scalar(scalar) => scalar.text.clone(),
                    _ => String::new(),
                };
                all.iter().map(|(name, value)| (key(name), Raw::of(value))).collect()
            }
        }
    }
}

impl Decode for Raw {
    fn decode(node: &Node, _: &mut Decoder) -> Option<Self> {
        Some(Self { value: Raw::of(node) })
    }
    fn broken() -> Self {
        Self { value: serde_json::Value::Null }
    }
}

impl JsonSchema for Raw {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "a value".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean", "object"] })
    }
}
