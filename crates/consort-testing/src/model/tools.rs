//! Which tool of an agent is meant, and what an answer looks like once that is known.

use super::reply::{Call, Reply, Tokens};
use super::request::{ModelRequest, Role};
use consort_worker::judges::content_hash;
use serde_json::{Value, json};

/// The tool by which Claude Code takes a structured answer.
const STRUCTURED: &str = "StructuredOutput";

/// A reply for one request: nothing abstract is left.
pub(super) struct Answer {
    /// Empty: none.
    pub(super) thinking: String,
    /// May be empty.
    pub(super) text: String,
    pub(super) calls: Vec<Called>,
    pub(super) flood_bytes: u64,
    pub(super) usage: Tokens,
    pub(super) model: String,
    /// For ids: the same for the same request.
    pub(super) seed: String,
}

/// A call of a tool that the agent has.
pub(super) struct Called {
    /// Unique within the conversation.
    pub(super) id: String,
    pub(super) name: String,
    /// An object, or a string for a tool that takes free text.
    pub(super) args: Value,
}

impl Called {
    /// The arguments as a text.
    pub(super) fn args_text(&self) -> String {
        self.args.as_str().map_or_else(|| self.args.to_string(), str::to_owned)
    }
}

impl Answer {
    pub(super) fn of(reply: &Reply, request: &ModelRequest) -> Self {
        let (mut text, mut calls) = (reply.text.clone(), reply.calls.clone());
        if let Some(value) = &reply.structured {
            match structured_tool(request) {
                Some(tool) => calls.push(Call { tool, args: value.clone() }),
                None => text.push_str(&value.to_string()),
            }
        }
        let named = calls.into_iter().enumerate().map(|(at, call)| {
            let (name, args) = concrete(&call, &request.tools);
            let id = content_hash(format!("{} {at}", request.seed).as_bytes()).as_str()[..20].to_owned();
            Called { id, name, args }
        });
        Answer {
            thinking: reply.thinking.clone(),
            text,
            calls: named.collect(),
            flood_bytes: reply.flood_bytes,
            usage: reply.usage,
            model: request.model.clone(),
            seed: request.seed[..20].to_owned(),
        }
    }
}

/// True if the client has a tool that takes a structured answer.
pub(super) fn takes_structured(request: &ModelRequest) -> bool {
    request.forced_tool.is_some() || request.offers(STRUCTURED)
}

/// The tool that takes a structured answer, unless it has taken one since the last prompt.
fn structured_tool(request: &ModelRequest) -> Option<String> {
    let offered = request.offers(STRUCTURED).then(|| STRUCTURED.to_owned());
    let tool = request.forced_tool.clone().or(offered)?;
    let since = &request.messages[request.prompt_at().unwrap_or(0)..];
    let taken = since.iter().any(|m| m.role == Role::Assistant && m.calls.contains(&tool));
    (!taken).then_some(tool)
}

/// A call by kind becomes one of a tool that is offered; where none fits, one of the shell.
fn concrete(call: &Call, tools: &[String]) -> (String, Value) {
    let text = |key: &str| call.args[key].as_str().unwrap_or_default().to_owned();
    let offered = |name: &str| tools.iter().any(|t| t == name);
    match call.tool.as_str() {
        "@write" => {
            let (path, content) = (text("path"), text("content"));
            for (name, key) in [("Write", "file_path"), ("write_file", "file_path"), ("write", "filePath")] {
                if offered(name) {
                    return (name.to_owned(), json!({ key: path, "content": content }));
                }
            }
            if offered("apply_patch") {
                let lines: String = content.lines().map(|l| format!("+{l}\n")).collect();
                let patch = format!("*** Begin Patch\n*** Add File: {path}\n{lines}*** End Patch");
                return ("apply_patch".into(), Value::String(patch));
            }
            let folder = path.rsplit_once('/').map(|(folder, _)| folder).filter(|f| !f.is_empty());
            let folder = folder.map(|f| format!("mkdir -p {} && ", quoted(f))).unwrap_or_default();
            shell(&format!("{folder}printf %s {} > {}", quoted(&content), quoted(&path)), &offered)
        }
        "@read" => {
            let path = text("path");
            for (name, key) in [("Read", "file_path"), ("read_file", "file_path"), ("read", "filePath")] {
                if offered(name) {
                    let mut args = json!({ key: path });
                    if let Some(lines) = call.args.get("lines") {
                        args["limit"] = lines.clone();
                    }
                    return (name.to_owned(), args);
                }
            }
            let program =
                call.args["lines"].as_u64().map_or("cat".into(), |lines| format!("head -n {lines}"));
            shell(&format!("{program} {}", quoted(&path)), &offered)
        }
        "@shell" => shell(&text("command"), &offered),
        name => (name.to_owned(), call.args.clone()),
    }
}

fn shell(command: &str, offered: &dyn Fn(&str) -> bool) -> (String, Value) {
    let said = "scripted";
    for name in ["Bash", "bash", "run_shell_command"] {
        if offered(name) {
            return (name.to_owned(), json!({ "command": command, "description": said }));
        }
    }
    if offered("exec_command") {
        return ("exec_command".into(), json!({ "cmd": command }));
    }
    if offered("shell_command") {
        return ("shell_command".into(), json!({ "command": command }));
    }
    if offered("shell") {
        return ("shell".into(), json!({ "command": ["bash", "-lc", command] }));
    }
    // The agent will say that it has no such tool: that is a test, too.
    ("bash".into(), json!({ "command": command, "description": said }))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(tool: &str, args: Value, tools: &[&str]) -> (String, Value) {
        let tools: Vec<String> = tools.iter().map(|t| (*t).to_owned()).collect();
        concrete(&Call { tool: tool.into(), args }, &tools)
    }

    #[test]
    fn a_kind_becomes_the_tool_that_is_offered() {
        let write = json!({ "path": "d/it's", "content": "x" });
        assert_eq!(made("@write", write.clone(), &["Bash", "Write"]).0, "Write");
        assert_eq!(made("@write", write.clone(), &["bash", "write"]).1["filePath"], "d/it's");
        let (name, args) = made("@write", write, &["exec_command"]);
        assert_eq!(name, "exec_command");
        assert_eq!(args["cmd"], "mkdir -p 'd' && printf %s 'x' > 'd/it'\\''s'");
        assert_eq!(made("@read", json!({ "path": "a" }), &["read_file"]).1["file_path"], "a");
        assert_eq!(made("@read", json!({ "path": "a", "lines": 1 }), &["Read"]).1["limit"], 1);
        assert_eq!(
            made("@read", json!({ "path": "a", "lines": 2 }), &["Bash"]).1["command"],
            "head -n 2 'a'"
        );
        assert_eq!(made("@shell", json!({ "command": "ls" }), &["shell"]).1["command"][2], "ls");
        assert_eq!(made("Own", json!({ "a": 1 }), &[]), ("Own".into(), json!({ "a": 1 })));
    }
}
