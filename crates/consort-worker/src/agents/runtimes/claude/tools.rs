//! Claude Code's tools in the port's words.

use crate::agents::session::port::Action;
use crate::words::{cut, one_line};
use consort_core::plan::Tool;
use serde_json::Value;

/// Tools that change nothing outside the conversation.
const HARMLESS: [&str; 12] = [
    "TodoWrite",
    "StructuredOutput",
    "TaskCreate",
    "TaskGet",
    "TaskList",
    "TaskOutput",
    "TaskStop",
    "TaskUpdate",
    "BashOutput",
    "KillShell",
    "Skill",
    "ToolSearch",
];

/// What kind of tool this is.
pub(super) fn kind(name: &str) -> Tool {
    match name {
        "Read" | "NotebookRead" => Tool::Read,
        "Write" | "Edit" | "MultiEdit" | "NotebookEdit" => Tool::Write,
        "Glob" | "Grep" | "LS" => Tool::Search,
        "Bash" => Tool::Shell,
        "WebFetch" => Tool::Fetch,
        "WebSearch" => Tool::WebSearch,
        "Task" | "Agent" | "Workflow" | "SendMessage" => Tool::Delegate,
        other => Tool::Other(other.to_owned()),
    }
}

/// What it is to do.
pub(super) fn action(name: &str, input: &Value) -> Action {
    let text = |key: &str| input.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let some = |path: String| if path.is_empty() { Vec::new() } else { vec![path] };
    match name {
        "Write" | "Edit" | "MultiEdit" => Action::Write(vec![text("file_path")]),
        "NotebookEdit" => Action::Write(vec![text("notebook_path")]),
        "Read" => Action::Read(some(text("file_path"))),
        "NotebookRead" => Action::Read(some(text("notebook_path"))),
        "Glob" | "Grep" | "LS" => Action::Read(some(text("path"))),
        "Bash" => Action::Command(text("command")),
        "WebFetch" => Action::Host(host(&text("url"))),
        "WebSearch" => Action::Host("the web".into()),
        "Task" | "Agent" | "Workflow" | "SendMessage" => Action::Delegate(text("description")),
        "AskUserQuestion" => Action::Question(question(input)),
        other if HARMLESS.contains(&other) => Action::Other(String::new()),
        _ => Action::Other(cut(&input.to_string(), 200)),
    }
}

/// In a line, for people.
pub(super) fn about(name: &str, input: &Value) -> String {
    let text = match action(name, input) {
        Action::Write(paths) | Action::Read(paths) => paths.join(" "),
        Action::Command(text) | Action::Host(text) | Action::Question(text) | Action::Delegate(text) => text,
        Action::Other(text) => text,
    };
    cut(&one_line(&text), 400)
}

fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    host.split(':').next().unwrap_or_default().to_ascii_lowercase()
}

/// Its questions with their options, as one text.
fn question(input: &Value) -> String {
    let mut text = Vec::new();
    for question in input.get("questions").and_then(Value::as_array).into_iter().flatten() {
        let words = question.get("question").and_then(Value::as_str).unwrap_or_default();
        let options = question.get("options").and_then(Value::as_array).into_iter().flatten();
        let labels: Vec<&str> = options.filter_map(|o| o.get("label")?.as_str()).collect();
        text.push(if labels.is_empty() {
            words.to_owned()
        } else {
            format!("{words} ({})", labels.join(", "))
        });
    }
    text.join(" ")
}

/// The answer to its questions, in its own form: the same words for each of them.
pub(super) fn answered(input: &Value, words: &str) -> Value {
    let mut input = input.clone();
    let asked = input.get("questions").and_then(Value::as_array).cloned().unwrap_or_default();
    let answers: serde_json::Map<String, Value> = asked
        .iter()
        .filter_map(|q| Some((q.get("question")?.as_str()?.to_owned(), Value::from(words))))
        .collect();
    if let Some(object) = input.as_object_mut() {
        object.insert("answers".into(), Value::Object(answers));
    }
    input
}
