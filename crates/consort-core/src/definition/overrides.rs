//! Values set in a workflow file's own terms: `agents.judge.model=small`, `tasks.notes.text=…`.
//!
//! The text is changed, and nothing else: what comes out is a workflow file like any other, is checked like any other, and
//! its diagnostics show lines that are there. A path is the keys that lead to a value; an element of a list is meant by
//! its `name` or its number, from 1; `tasks.<id>` means that task wherever it stands.

use super::decode::listed;
use super::diagnostic::closest;
use super::tree::{self, Node, Scalar, Value};

/// Why a value cannot be set. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// It is not of the form `path=value`.
    #[error("`{0}` is not of the form PATH=VALUE, such as `agents.judge.model=small`")]
    Form(String),
    /// The text is no YAML.
    #[error("the workflow file cannot be read: {0}")]
    Unread(String),
    /// A part of the path leads nowhere.
    #[error("{path}: there is no `{part}` in {place}{}", near(.meant.as_deref(), .known))]
    Unknown {
        /// As it was given.
        path: String,
        /// What leads nowhere.
        part: String,
        /// In what.
        place: String,
        /// What may be meant.
        meant: Option<String>,
        /// What there is.
        known: Vec<String>,
    },
    /// A part of the path is a value already.
    #[error(
        "{path}: {place} is {kind}, and has nothing in it that could be set. Set it whole: {place}={{…}}"
    )]
    Whole {
        /// As it was given.
        path: String,
        /// What it is about.
        place: String,
        /// Such as `a text`.
        kind: &'static str,
    },
    /// A value that others share.
    #[error(
        "{path}: {place} is an alias, and what it stands for is used elsewhere too. Set it whole: {place}={{…}}"
    )]
    Alias {
        /// As it was given.
        path: String,
        /// What it is about.
        place: String,
    },
    /// A value that is written as a list or a mapping and is none.
    #[error("{path}: `{value}` cannot be read: {why}")]
    Value {
        /// As it was given.
        path: String,
        /// As it was given.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// The place is written in a way that cannot be changed like this.
    #[error("{0} cannot be set in this file. Change the file itself")]
    Place(String),
}

fn near(meant: Option<&str>, known: &[String]) -> String {
    match (meant, known) {
        (Some(meant), _) => format!("; did you mean `{meant}`?"),
        (None, []) => String::new(),
        (None, known) => format!("; there is {}", listed(&known[..known.len().min(12)])),
    }
}

/// `path=value`, cut at the first equals sign.
///
/// # Errors
/// There is none, or a part of the path is empty.
pub fn parse(text: &str) -> Result<(String, String), SetError> {
    match text.split_once('=') {
        Some((path, value)) if path.trim().split('.').all(|part| !part.is_empty()) => {
            Ok((path.trim().to_owned(), value.to_owned()))
        }
        _ => Err(SetError::Form(text.to_owned())),
    }
}

/// The text with these values set, one after the other.
///
/// # Errors
/// See [`SetError`]; the first one that cannot be set.
pub fn set(text: &str, sets: &[(String, String)]) -> Result<String, SetError> {
    sets.iter().try_fold(text.to_owned(), |text, (path, value)| set_one(&text, path, value))
}

fn set_one(text: &str, path: &str, value: &str) -> Result<String, SetError> {
    let unread = |diagnostic: super::Diagnostic| SetError::Unread(diagnostic.message);
    let root = tree::parse(text).map_err(unread)?;
    let parts: Vec<&str> = path.split('.').collect();
    let written = written(path, value)?;
    let found = Walk { text, path, root: &root }.to(&parts)?;
    let new = match found {
        Spot::There(node) => replaced(text, node, &written),
        Spot::Missing { within, rest } => {
            let (first, inner) = rest.split_first().ok_or_else(|| SetError::Place(path.to_owned()))?;
            let nested = inner.iter().rev().fold(written.clone(), |value, key| format!("{{{key}: {value}}}"));
            added(text, within, first, &nested)
        }
    }
    .ok_or_else(|| SetError::Place(path.to_owned()))?;
    // What was written is what is read, and nothing else became otherwise.
    let again = tree::parse(&new).map_err(|_| SetError::Place(path.to_owned()))?;
    let wanted = tree::parse(&format!("x: {written}\n")).map_err(|_| SetError::Place(path.to_owned()))?;
    let wanted = entries(&wanted).first().map(|(_, node)| node);
    let there = match (Walk { text: &new, path, root: &again }).to(&parts) {
        Ok(Spot::There(node)) => Some(node),
        _ => None,
    };
    match (there, wanted) {
        (Some(there), Some(wanted)) if same(there, wanted) && only(&root, &again, &parts, there) => Ok(new),
        _ => Err(SetError::Place(path.to_owned())),
    }
}

/// The value as YAML on one line.
fn written(path: &str, value: &str) -> Result<String, SetError> {
    if value.starts_with(['{', '[']) {
        let why = match tree::parse(&format!("x: {value}\n")) {
            Ok(_) if !value.contains('\n') => return Ok(value.to_owned()),
            Ok(_) => "it has more than one line".to_owned(),
            Err(diagnostic) => diagnostic.message,
        };
        return Err(SetError::Value { path: path.to_owned(), value: value.to_owned(), why });
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '+' | '-' | '$');
    let first = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '$');
    if value.starts_with(first) && value.chars().all(plain) {
        return Ok(value.to_owned());
    }
    // A JSON string is a YAML string.
    Ok(serde_json::Value::from(value).to_string())
}

/// Where a path leads.
enum Spot<'n> {
    There(&'n Node),
    /// Into this mapping; these keys are not there.
    Missing {
        within: &'n Node,
        rest: Vec<String>,
    },
}

struct Walk<'a> {
    text: &'a str,
    path: &'a str,
    root: &'a Node,
}

/// Mappings whose keys are names that somebody chose: none of them is made up here.
const NAMED: &[&str] = &["agents", "tasks", "pipelines", "barriers"];

impl<'a> Walk<'a> {
    fn to(&self, parts: &[&str]) -> Result<Spot<'a>, SetError> {
        let (mut node, mut done) = (self.root, 0);
        if let ["tasks", id, ..] = parts
            && entry(self.root, "tasks").and_then(|tasks| entry(tasks, id)).is_none()
            && let Some(task) = task(self.root, id)
        {
            (node, done) = (task, 2);
        } else if let ["tasks", id, _, ..] = parts
            && task(self.root, id).is_none()
        {
            let mut known = Vec::new();
            tasks(self.root, &mut known);
            let meant = closest(id, known.iter().map(String::as_str)).map(str::to_owned);
            let (path, part) = (self.path.to_owned(), (*id).to_owned());
            return Err(SetError::Unknown { path, part, place: "`tasks`".into(), meant, known });
        }
        while done < parts.len() {
            let place = || {
                if done == 0 { "the workflow".to_owned() } else { format!("`{}`", parts[..done].join(".")) }
            };
            let whole =
                |kind| SetError::Whole { path: self.path.to_owned(), place: parts[..done].join("."), kind };
            if self.text[node.span.clone()].starts_with('*') {
                return Err(SetError::Alias { path: self.path.to_owned(), place: parts[..done].join(".") });
            }
            let part = parts[done];
            let next = match &node.value {
                Value::Map(_) => entry(node, part),
                Value::List(items) => element(items, part),
                Value::Null if done > 0 => None,
                Value::Null => return Err(whole("nothing")),
                Value::Scalar(scalar) => return Err(whole(scalar.kind)),
            };
            match next {
                Some(next) => node = next,
                None => {
                    let known = known(node);
                    let meant = closest(part, known.iter().map(String::as_str)).map(str::to_owned);
                    let chosen =
                        parts.iter().take(done).any(|part| NAMED.contains(part)) && done + 1 < parts.len();
                    let may = matches!(node.value, Value::Map(_)) && !chosen && (meant.is_none() || done > 0);
                    if may && !(done + 1 < parts.len() && meant.is_some()) {
                        let rest = parts[done..].iter().map(|part| (*part).to_owned()).collect();
                        return Ok(Spot::Missing { within: node, rest });
                    }
                    let (path, part) = (self.path.to_owned(), part.to_owned());
                    return Err(SetError::Unknown { path, part, place: place(), meant, known });
                }
            }
            done += 1;
        }
        Ok(Spot::There(node))
    }
}

fn entries(node: &Node) -> &[(Node, Node)] {
    match &node.value {
        Value::Map(entries) => entries,
        _ => &[],
    }
}

fn key(node: &Node) -> &str {
    match &node.value {
        Value::Scalar(Scalar { text, .. }) => text,
        _ => "",
    }
}

fn entry<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    entries(node).iter().find(|(known, _)| key(known) == name).map(|(_, value)| value)
}

/// By its `name`, else by its number.
fn element<'n>(items: &'n [Node], part: &str) -> Option<&'n Node> {
    let named = items.iter().find(|item| entry(item, "name").is_some_and(|name| key(name) == part));
    let number = || part.parse::<usize>().ok().and_then(|number| items.get(number.checked_sub(1)?));
    named.or_else(number)
}

fn known(node: &Node) -> Vec<String> {
    match &node.value {
        Value::Map(entries) => entries.iter().map(|(known, _)| key(known).to_owned()).collect(),
        Value::List(items) => items
            .iter()
            .enumerate()
            .map(|(at, item)| entry(item, "name").map_or((at + 1).to_string(), |name| key(name).to_owned()))
            .collect(),
        _ => Vec::new(),
    }
}

/// A task of this id in any mapping called `tasks`.
fn task<'n>(node: &'n Node, id: &str) -> Option<&'n Node> {
    match &node.value {
        Value::Map(entries) => entries.iter().find_map(|(name, value)| {
            let own = (key(name) == "tasks").then(|| entry(value, id)).flatten();
            own.or_else(|| task(value, id))
        }),
        Value::List(items) => items.iter().find_map(|item| task(item, id)),
        _ => None,
    }
}

/// Ids of all tasks.
fn tasks(node: &Node, found: &mut Vec<String>) {
    match &node.value {
        Value::Map(entries) => entries.iter().for_each(|(name, value)| match key(name) {
            "tasks" => found.extend(known(value)),
            _ => tasks(value, found),
        }),
        Value::List(items) => items.iter().for_each(|item| tasks(item, found)),
        _ => {}
    }
}

/// The text with another value in a node's place.
fn replaced(text: &str, node: &Node, value: &str) -> Option<String> {
    let before = text.get(..node.span.start)?;
    let rest = text.get(end_of(text, node)..)?;
    // What stands on lines of its own is written behind the key, or the dash, that it belongs to.
    let head = match &node.value {
        Value::Map(_) | Value::List(_) if node.span.is_empty() => before.trim_end(),
        Value::Null if node.span.is_empty() => before.trim_end_matches(' '),
        Value::Scalar(_) => match before.trim_end().trim_end_matches(['+', '-']) {
            head if before.trim_end_matches(' ').ends_with('\n') && head.ends_with(['|', '>']) => {
                head[..head.len() - 1].trim_end()
            }
            _ => return Some(format!("{before}{value}{rest}")),
        },
        _ => return Some(format!("{before}{value}{rest}")),
    };
    Some(format!("{head} {value}{rest}"))
}

/// Where a node ends: the reader tells of lists and mappings only where they begin.
fn end_of(text: &str, node: &Node) -> usize {
    let own = &text[node.span.start..];
    let end = match &node.value {
        Value::Map(_) | Value::List(_) if own.starts_with(['{', '[']) => bracket_end(text, node.span.start),
        Value::Map(entries) => entries.last().map(|(key, value)| end_of(text, value).max(key.span.end)),
        Value::List(items) => items.last().map(|item| end_of(text, item)),
        _ => None,
    };
    end.unwrap_or(node.span.end).max(node.span.end)
}

/// Behind the bracket that closes the one here.
fn bracket_end(text: &str, start: usize) -> Option<usize> {
    let mut open = 0_usize;
    let mut chars = text[start..].char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '{' | '[' => open += 1,
            '}' | ']' => {
                open = open.checked_sub(1)?;
                if open == 0 {
                    return Some(start + at + 1);
                }
            }
            '"' => {
                while let Some((_, c)) = chars.next() {
                    match c {
                        '\\' => {
                            let _ = chars.next();
                        }
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '\'' if text[..start + at].ends_with([' ', '[', '{', ',']) => {
                let _ = chars.find(|(_, c)| *c == '\'');
            }
            '#' if text[..start + at].ends_with([' ', '\n']) => {
                let _ = chars.find(|(_, c)| *c == '\n');
            }
            _ => {}
        }
    }
    None
}

/// The text with one more key in a mapping, before its first one.
fn added(text: &str, within: &Node, name: &str, value: &str) -> Option<String> {
    let name = match name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')) {
        true => name.to_owned(),
        false => serde_json::Value::from(name).to_string(),
    };
    let own = text.get(within.span.start..)?;
    let Some((first, _)) = entries(within).first() else {
        let end = own.starts_with('{').then(|| bracket_end(text, within.span.start)).flatten()?;
        return Some(format!("{}{{{name}: {value}}}{}", &text[..within.span.start], &text[end..]));
    };
    let at = first.span.start;
    let (before, after) = (text.get(..at)?, text.get(at..)?);
    if own.starts_with('{') {
        return Some(format!("{before}{name}: {value}, {after}"));
    }
    let line = before.rsplit('\n').next().unwrap_or("");
    // Below a dash the next key stands under the first one.
    let indent: String = line.chars().map(|_| ' ').collect();
    Some(format!("{before}{name}: {value}\n{indent}{after}"))
}

/// The same value, wherever it stands.
fn same(one: &Node, other: &Node) -> bool {
    match (&one.value, &other.value) {
        (Value::Null, Value::Null) => true,
        (Value::Scalar(one), Value::Scalar(other)) => one.text == other.text && one.kind == other.kind,
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Map(one), Value::Map(other)) => {
            let pair = |((k, v), (l, w)): (&(Node, Node), &(Node, Node))| same(k, l) && same(v, w);
            one.len() == other.len() && one.iter().zip(other).all(pair)
        }
        _ => false,
    }
}

/// Everything but the value that was set, and keys that lead to it, is as it was.
fn only(before: &Node, after: &Node, parts: &[&str], set: &Node) -> bool {
    if std::ptr::eq(after, set) || same(before, after) {
        return true;
    }
    match (&before.value, &after.value) {
        (Value::Map(before), Value::Map(after)) => {
            let known =
                |name: &Node| before.iter().find(|(known, _)| same(known, name)).map(|(_, value)| value);
            let kept = before.iter().all(|(name, _)| after.iter().any(|(known, _)| same(known, name)));
            let new = after.len() - before.len().min(after.len());
            kept && new <= 1
                && after.iter().all(|(name, value)| match known(name) {
                    Some(known) => only(known, value, parts, set),
                    None => parts.contains(&key(name)),
                })
        }
        (Value::List(before), Value::List(after)) => {
            before.len() == after.len()
                && before.iter().zip(after).all(|(before, after)| only(before, after, parts, set))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# A comment that stays.
workflow: {id: w-20260220-001}
limits: {max_attempts: 3}
agents:
  default: &any {argv: [sh]}   # the usual one
  judge:
    model: large
    argv: [sh, -c, 'true']
  critic: *any
pipelines:
  a:
    phases:
      - name: One
        tasks:
          notes:
            text: |
              Two lines
              of it.
            gate: none
      - {name: Two, tasks: {more: {text: x}}}
";

    fn with(path: &str, value: &str) -> String {
        match set(FILE, &[(path.into(), value.into())]) {
            Ok(text) => {
                let old: Vec<&str> = FILE.lines().collect();
                let new: Vec<&str> = text.lines().collect();
                let gone = old.iter().filter(|line| !new.contains(line)).map(|line| format!("-{line}\n"));
                let come = new.iter().filter(|line| !old.contains(line)).map(|line| format!("+{line}\n"));
                gone.chain(come).collect()
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn only_the_value_is_changed() {
        assert_eq!(with("agents.judge.model", "small"), "-    model: large\n+    model: small\n");
        assert_eq!(
            with("limits.max_attempts", "5"),
            "-limits: {max_attempts: 3}\n+limits: {max_attempts: 5}\n"
        );
        assert_eq!(
            with("agents.judge.argv", "[cat, -n]"),
            "-    argv: [sh, -c, 'true']\n+    argv: [cat, -n]\n"
        );
        assert_eq!(
            with("tasks.notes.text", "Say: \"it\""),
            "-            text: |\n-              Two lines\n-              of it.\n+            text: \"Say: \\\"it\\\"\"\n"
        );
        assert_eq!(
            with("pipelines.a.phases.One.tasks.notes.gate", "C1"),
            "-            gate: none\n+            gate: C1\n"
        );
        assert!(with("pipelines.a.phases.2.tasks.more.text", "y").contains("{text: y}"));
        assert_eq!(
            with("agents.judge", "{model: small}"),
            "-  judge:\n-    model: large\n-    argv: [sh, -c, 'true']\n+  judge: {model: small}\n"
        );
        assert_eq!(with("agents.critic", "{argv: [cat]}"), "-  critic: *any\n+  critic: {argv: [cat]}\n");
    }

    #[test]
    fn what_is_not_there_is_added_where_it_belongs() {
        assert_eq!(with("agents.judge.timeout", "5s"), "+    timeout: 5s\n");
        assert_eq!(
            with("limits.budget.usd", "2.5"),
            "-limits: {max_attempts: 3}\n+limits: {budget: {usd: 2.5}, max_attempts: 3}\n"
        );
        assert_eq!(with("quality.threshold", "0.9"), "+quality: {threshold: 0.9}\n");
        assert_eq!(with("tasks.notes.criticality", "C3"), "+            criticality: C3\n");
    }

    #[test]
    fn what_leads_nowhere_is_said_with_what_is_near() {
        assert_eq!(
            with("agents.jugde.model", "x"),
            "agents.jugde.model: there is no `jugde` in `agents`; did you mean `judge`?"
        );
        assert_eq!(
            with("agents.writer.model", "x"),
            "agents.writer.model: there is no `writer` in `agents`; there is `default`, `judge` and `critic`"
        );
        assert_eq!(
            with("limit.max_attempts", "5"),
            "limit.max_attempts: there is no `limit` in the workflow; did you mean `limits`?"
        );
        assert_eq!(
            with("pipelines.a.phases.Three.gate", "x"),
            "pipelines.a.phases.Three.gate: there is no `Three` in `pipelines.a.phases`; there is `One` and `Two`"
        );
        assert!(with("tasks.nots.text", "x").contains("there is no `"), "{}", with("tasks.nots.text", "x"));
        assert!(with("agents.judge.model.name", "x").contains("agents.judge.model is a text"));
        assert!(with("agents.critic.argv", "[x]").contains("agents.critic is an alias"));
        assert!(with("limits.max_attempts", "[5").contains("cannot be read"));
        assert!(parse("no value").is_err() && parse("a..b=c").is_err());
        assert_eq!(parse("a.b=c=d"), Ok(("a.b".into(), "c=d".into())));
    }
}
