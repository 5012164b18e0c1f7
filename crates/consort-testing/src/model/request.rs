//! What a client asked of the model, the same for every wire.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The language that a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wire {
    /// Anthropic Messages.
    Anthropic,
    /// OpenAI Chat Completions; Ollama and llama.cpp speak it too.
    Chat,
    /// OpenAI Responses.
    Responses,
    /// Gemini `generateContent`.
    Gemini,
}

/// One request, in order of arrival.
#[derive(Clone, Debug)]
pub struct ModelRequest {
    /// Counts the model requests of this server, from 1.
    pub number: u64,
    /// Which language.
    pub wire: Wire,
    /// The model as named by the client.
    pub model: String,
    /// True if the answer is to come piece by piece.
    pub stream: bool,
    /// System prompt, instructions, developer and mid-conversation system messages.
    pub system: String,
    /// The conversation, oldest first, without what stands in `system`.
    pub messages: Vec<Message>,
    /// Names of the tools that the client offers.
    pub tools: Vec<String>,
    /// The tool that the client insists on.
    pub forced_tool: Option<String>,
    /// The schema that the answer's text must have.
    pub answer_schema: Option<Value>,
    /// The same for all requests of one conversation: what the client says, else the hash of the first message.
    pub conversation: String,
    /// Headers, names in small letters. A key of the client is among them: never print this.
    pub headers: BTreeMap<String, String>,
    /// The body as it came.
    pub body: Value,
    /// Hash of the body's bytes and how often they came: what ids in the answer are made of.
    pub seed: String,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Whose.
    pub role: Role,
    /// Its text; of a user's message without the reminders that an agent puts around it.
    pub text: String,
    /// Names of the tools that an assistant's message calls.
    pub calls: Vec<String>,
    /// A tool's result that says that it failed.
    pub failed: bool,
}

/// Who said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Whoever asks.
    User,
    /// The model.
    Assistant,
    /// A tool: its result.
    Tool,
}

impl ModelRequest {
    /// Where the newest message of a user stands.
    pub fn prompt_at(&self) -> Option<usize> {
        self.messages.iter().rposition(|m| m.role == Role::User)
    }

    /// The newest message of a user; empty if there is none.
    pub fn prompt(&self) -> &str {
        self.prompt_at().map_or("", |at| &self.messages[at].text)
    }

    /// How often the model has answered since the newest message of a user, from 0.
    pub fn turn(&self) -> usize {
        self.prompt_at().map_or(0, |at| answers(&self.messages[at..]))
    }

    /// The newest result of a tool since the newest message of a user.
    pub fn tool_result(&self) -> Option<&Message> {
        let at = self.prompt_at()?;
        self.messages[at..].iter().rfind(|m| m.role == Role::Tool)
    }

    /// Everything that was said, without the system prompt.
    pub fn whole(&self) -> String {
        self.messages.iter().map(|m| m.text.as_str()).collect::<Vec<_>>().join("\n")
    }

    /// True if the client offers this tool.
    pub fn offers(&self, tool: &str) -> bool {
        self.tools.iter().any(|t| t == tool)
    }

    /// The working directory of an agent, as far as its prompts tell.
    pub fn cwd(&self) -> Option<String> {
        const SIGNS: [&str; 3] = ["<cwd>", "orking directory: ", "orkspace directory: "];
        let texts =
            std::iter::once(self.system.as_str()).chain(self.messages.iter().map(|m| m.text.as_str()));
        texts.flat_map(|text| SIGNS.iter().map(move |sign| (text, sign))).find_map(|(text, sign)| {
            let from = text.find(sign)? + sign.len();
            let path = text[from..].split(['\n', '<']).next()?.trim();
            path.starts_with('/').then(|| path.to_owned())
        })
    }
}

/// How many answers of the model stand among these messages.
pub fn answers(messages: &[Message]) -> usize {
    messages.iter().filter(|m| m.role == Role::Assistant).count()
}

/// What a wire's reader finds in a body.
#[derive(Default)]
pub(super) struct Talk {
    pub(super) model: String,
    pub(super) stream: bool,
    pub(super) system: String,
    pub(super) messages: Vec<Message>,
    pub(super) tools: Vec<String>,
    pub(super) forced_tool: Option<String>,
    pub(super) answer_schema: Option<Value>,
    /// The client's own id of the conversation.
    pub(super) conversation: Option<String>,
}

impl Talk {
    /// Adds to what the model is told once and for all.
    pub(super) fn told(&mut self, text: &str) {
        if !text.is_empty() {
            self.system.push_str(text);
            self.system.push('\n');
        }
    }

    /// Adds a message of a user, unless it holds nothing but an agent's reminders.
    pub(super) fn user(&mut self, text: &str) {
        let text = without_reminders(text);
        if !text.is_empty() {
            self.messages.push(Message { role: Role::User, text, calls: Vec::new(), failed: false });
        }
    }

    /// Adds to the model's answer: what follows an answer directly belongs to it.
    pub(super) fn assistant(&mut self, text: &str, calls: Vec<String>) {
        match self.messages.last_mut() {
            Some(last) if last.role == Role::Assistant => {
                last.text.push_str(text);
                last.calls.extend(calls);
            }
            _ => self.messages.push(Message {
                role: Role::Assistant,
                text: text.to_owned(),
                calls,
                failed: false,
            }),
        }
    }

    /// Adds a tool's result.
    pub(super) fn tool(&mut self, text: String, failed: bool) {
        self.messages.push(Message { role: Role::Tool, text, calls: Vec::new(), failed });
    }
}

/// The text of any shape of content that the wires know.
pub(super) fn flat(content: &Value) -> String {
    match content {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(flat).collect::<Vec<_>>().join("\n"),
        Value::Object(part) => {
            let known = ["text", "content", "output", "parts"].iter().find_map(|key| part.get(*key));
            known.map_or_else(|| content.to_string(), flat)
        }
        other => other.to_string(),
    }
}

/// Names in a list of objects, at a path of keys in each.
pub(super) fn names(list: &Value, path: &str) -> Vec<String> {
    let all = list.as_array().into_iter().flatten();
    all.filter_map(|item| Some(item.pointer(path)?.as_str()?.to_owned())).collect()
}

/// Agents put reminders of their own beside what a person said.
fn without_reminders(text: &str) -> String {
    const PAIRS: [(&str, &str); 2] =
        [("<system-reminder>", "</system-reminder>"), ("<session_context>", "</session_context>")];
    let mut text = text.to_owned();
    for (open, close) in PAIRS {
        while let Some(start) = text.find(open) {
            let Some(end) = text[start..].find(close) else { break };
            text.replace_range(start..start + end + close.len(), "");
        }
    }
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reminders_are_no_prompts_and_a_turn_is_an_answer() {
        let mut talk = Talk::default();
        talk.user("<system-reminder>\nthe date\n</system-reminder>\n");
        talk.user("first <system-reminder>x</system-reminder>");
        talk.assistant("a", vec!["Write".into()]);
        talk.assistant("b", vec![]);
        talk.tool("done".into(), false);
        let texts: Vec<&str> = talk.messages.iter().map(|m| m.text.as_str()).collect();
        assert_eq!(texts, ["first", "ab", "done"]);
        assert_eq!(answers(&talk.messages), 1);
    }
}
