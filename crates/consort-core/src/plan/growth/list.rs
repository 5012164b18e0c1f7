//! A list that an agent or a file gives, read within bounds: what it may look like is known before it
//! is looked at, and every mistake is told with its position.

use super::Growth;
use serde::Deserializer as _;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fmt;

/// Longest list, in bytes.
pub const LIST_BYTES_MAX: usize = 2 << 20;
/// Longest item, as compact JSON, in bytes.
pub const ITEM_BYTES_MAX: usize = 16 << 10;
/// How deep values may lie in each other within an item.
const DEPTH_MAX: usize = 6;
/// Mistakes that are told; the others are counted.
const TOLD_MAX: usize = 20;
const ID_CHARS_MAX: usize = 40;
const TITLE_CHARS_MAX: usize = 200;
const TEXT_BYTES_MAX: usize = 8_000;

/// The JSON Schema of what a task with `produces: tasks` writes.
pub const TASKS_SCHEMA: &str = include_str!("tasks.schema.json");

/// One entry of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// A name of its own: small letters, digits, `-` and `_`.
    pub id: Option<String>,
    /// In a few words.
    pub title: Option<String>,
    /// What is to be done.
    pub text: Option<String>,
    /// The role that does it, one of the choices.
    pub role: Option<String>,
    /// All of it, as compact JSON.
    pub json: String,
}

/// Reads a list for a placeholder. Nothing of it is taken if anything is wrong.
///
/// # Errors
/// Every mistake, with the number of its item from 1; at most 20, the rest is counted.
pub fn items(json: &[u8], growth: &Growth) -> Result<Vec<Item>, Vec<String>> {
    let known: Vec<&str> = growth.choices.keys().map(String::as_str).collect();
    read(json, growth.max, growth.tasks.then_some(known.as_slice()))
}

/// The same for a list that is known when the plan is made; `roles` only where it is in the schema of tasks.
pub(crate) fn read(json: &[u8], max: u32, roles: Option<&[&str]>) -> Result<Vec<Item>, Vec<String>> {
    if json.len() > LIST_BYTES_MAX {
        return Err(vec![format!(
            "the list has {} bytes, at most {LIST_BYTES_MAX} are read; at most {max} items are allowed",
            json.len()
        )]);
    }
    let (values, count) = parse(json, max as usize, roles.is_some()).map_err(|why| vec![why])?;
    if count > max as usize {
        return Err(vec![format!("the list has {count} items, at most {max} are allowed (max)")]);
    }
    let mut found = Found::default();
    let mut all = Vec::with_capacity(values.len());
    for (index, value) in values.into_iter().enumerate() {
        let place = format!("item {}", index + 1);
        let item = match roles {
            Some(roles) => found.task(&place, &value, roles),
            None => found.datum(&place, &value),
        };
        if let Some(id) = &item.id
            && !found.ids.insert(id.clone())
        {
            found.say(&place, format!("the id `{id}` is taken by an earlier one"));
        }
        all.push(item);
    }
    if found.count == 0 {
        return Ok(all);
    }
    let hidden = found.count.saturating_sub(TOLD_MAX);
    if hidden > 0 {
        found.told.push(format!("and {hidden} more"));
    }
    Err(found.told)
}

/// What is wrong with a list.
#[derive(Default)]
struct Found {
    told: Vec<String>,
    count: usize,
    ids: BTreeSet<String>,
}

impl Found {
    fn say(&mut self, place: &str, what: impl fmt::Display) {
        self.count += 1;
        if self.told.len() < TOLD_MAX {
            self.told.push(format!("{place}: {what}"));
        }
    }

    /// The compact form; what is too long or too deep or no text is told.
    fn compact(&mut self, place: &str, value: &Value) -> String {
        if depth(value) > DEPTH_MAX {
            self.say(place, format_args!("values lie deeper in each other than {DEPTH_MAX}"));
        }
        if let Some(c) = control(value) {
            self.say(place, format_args!("a text has the control character U+{:04X}", c as u32));
        }
        let json = value.to_string();
        if json.len() > ITEM_BYTES_MAX {
            self.say(place, format_args!("it has {} bytes, at most {ITEM_BYTES_MAX}", json.len()));
            return String::new();
        }
        json
    }

    /// An item of plain data.
    fn datum(&mut self, place: &str, value: &Value) -> Item {
        let json = self.compact(place, value);
        match value {
            Value::Null | Value::Array(_) => {
                self.say(place, "expected a text, a number, a truth value or an object");
                Item::default()
            }
            Value::Object(fields) => {
                let text = |key: &str| fields.get(key).and_then(Value::as_str).map(str::to_owned);
                Item {
                    id: text("id").filter(|id| id_fault(id).is_none()),
                    title: text("title"),
                    json,
                    ..Item::default()
                }
            }
            _ => Item { json, ..Item::default() },
        }
    }

    /// An item in the schema of tasks.
    fn task(&mut self, place: &str, value: &Value, roles: &[&str]) -> Item {
        let json = self.compact(place, value);
        let Value::Object(fields) = value else {
            self.say(place, format_args!("expected an object with a `text`, found {}", kind(value)));
            return Item::default();
        };
        for key in fields.keys() {
            self.key(place, key);
        }
        let id = self.text(place, fields, "id");
        if let Some(why) = id.as_deref().and_then(id_fault) {
            self.say(place, format_args!("`{}` cannot be an id: {why}", shown(id.as_deref().unwrap_or(""))));
        }
        let title = self.text(place, fields, "title");
        if title.as_ref().is_some_and(|t| t.chars().count() > TITLE_CHARS_MAX || t.contains('\n')) {
            self.say(place, format_args!("a title is one line of at most {TITLE_CHARS_MAX} characters"));
        }
        let text = self.text(place, fields, "text");
        match &text {
            None if !fields.contains_key("text") => self.say(place, "`text` is missing: what is to be done?"),
            Some(text) if text.trim().is_empty() => self.say(place, "`text` is empty: what is to be done?"),
            Some(text) if text.len() > TEXT_BYTES_MAX => {
                self.say(place, format_args!("`text` has {} bytes, at most {TEXT_BYTES_MAX}", text.len()));
            }
            _ => {}
        }
        let role = self.text(place, fields, "role");
        if let Some(role) = role.as_deref().filter(|role| !roles.contains(role)) {
            let known = match roles {
                [] => "no item may name one".to_owned(),
                roles => format!("the roles here are {}", roles.join(", ")),
            };
            self.say(place, format_args!("there is no role `{}`: {known}", shown(role)));
        }
        Item { id, title, text, role, json }
    }

    fn key(&mut self, place: &str, key: &str) {
        match key {
            "id" | "title" | "text" | "role" | "data" => {}
            "tasks" | "for_each" | "produces" | "uses" | "delegate" | "subtasks" | "spawn" => self.say(
                place,
                format_args!(
                    "`{key}` asks to delegate further: the tasks of a list make no tasks themselves (P-003)"
                ),
            ),
            _ => self.say(
                place,
                format_args!("there is no key `{}`: the keys are id, title, text, role, data", shown(key)),
            ),
        }
    }

    fn text(&mut self, place: &str, fields: &Map<String, Value>, key: &str) -> Option<String> {
        match fields.get(key) {
            None => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(other) => {
                self.say(place, format_args!("`{key}` is to be a text, found {}", kind(other)));
                None
            }
        }
    }
}

fn id_fault(id: &str) -> Option<&'static str> {
    match id.chars().next() {
        None => return Some("it is empty"),
        Some(c) if !(c.is_ascii_lowercase() || c.is_ascii_digit()) => {
            return Some("it must start with a small letter or a digit");
        }
        Some(_) => {}
    }
    if id.chars().any(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'))) {
        return Some("it may hold small letters, digits, `-` and `_`");
    }
    (id.len() > ID_CHARS_MAX).then_some("it may have at most 40 characters")
}

fn shown(text: &str) -> String {
    text.chars().take(40).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn bounded(text: &str) -> String {
    let cut: String = text.chars().take(300).collect();
    if cut.len() < text.len() { cut + " ..." } else { cut }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// How deep values lie in each other; the reader stops at 128.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(all) => 1 + all.iter().map(depth).max().unwrap_or(0),
        Value::Object(all) => 1 + all.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// A control character in any text or key, line breaks and tabs aside.
fn control(value: &Value) -> Option<char> {
    let bad = |text: &str| text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r'));
    match value {
        Value::String(text) => bad(text),
        Value::Array(all) => all.iter().find_map(control),
        Value::Object(all) => all.iter().find_map(|(key, value)| bad(key).or_else(|| control(value))),
        _ => None,
    }
}

/// The items that are wanted, and how many there are.
fn parse(json: &[u8], max: usize, tasks: bool) -> Result<(Vec<Value>, usize), String> {
    let text = std::str::from_utf8(json)
        .map_err(|e| format!("the list is not UTF-8: byte {} cannot be read as text", e.valid_up_to()))?;
    if text.trim().is_empty() {
        return Err("the file is empty: an empty list is written []".into());
    }
    if let (Some(c), false) = (text.trim_start().chars().next(), text.trim_start().starts_with(['[', '{'])) {
        return Err(format!(
            "expected a list in JSON, such as [\"a\", \"b\"]: it begins with `{}`",
            shown(&c.to_string())
        ));
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = reader.deserialize_any(Root { max, tasks }).and_then(|read| reader.end().map(|()| read));
    read.map_err(|e| match e.classify() {
        // What was found there is part of the message, however long it is.
        serde_json::error::Category::Data => bounded(&e.to_string()),
        _ => format!("the list is not JSON: {e}"),
    })
}

/// The list as a whole: bare, or under `tasks`.
struct Root {
    max: usize,
    tasks: bool,
}

impl<'de> Visitor<'de> for Root {
    type Value = (Vec<Value>, usize);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tasks { "a list of tasks, bare or as {\"tasks\": [...]}" } else { "a list" })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Self::Value, A::Error> {
        let (mut values, mut count) = (Vec::new(), 0);
        // What is too much is counted and not kept.
        while values.len() < self.max {
            match all.next_element::<Value>()? {
                Some(value) => values.push(value),
                None => return Ok((values, count)),
            }
            count += 1;
        }
        while all.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok((values, count))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut all: A) -> Result<Self::Value, A::Error> {
        use serde::de::Error;
        let mut found = None;
        while let Some(key) = all.next_key::<String>()? {
            if key != "tasks" || !self.tasks {
                let expected = if self.tasks {
                    "the only key is `tasks`"
                } else {
                    "a list is expected, such as [\"a\", \"b\"]"
                };
                return Err(A::Error::custom(format!("there is no key `{}` here: {expected}", shown(&key))));
            }
            if found.is_some() {
                return Err(A::Error::custom("`tasks` is here twice"));
            }
            found = Some(all.next_value_seed(Root { ..self })?);
        }
        found.ok_or_else(|| A::Error::custom("expected {\"tasks\": [...]}, found an empty object"))
    }
}

impl<'de> DeserializeSeed<'de> for Root {
    type Value = (Vec<Value>, usize);

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_seq(self)
    }
}
