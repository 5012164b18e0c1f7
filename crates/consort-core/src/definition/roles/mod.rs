//! Roles: Markdown with front matter that says what an agent is there for, what it needs and what it
//! must not do. The form is the one that people keep in their repositories for agents of the command
//! line; what else may stand in the front matter, or in a file of governance beside it, is used here too.
//!
//! Nothing here reads a file: the texts are handed in as a [`Library`], first wins.

mod compose;
mod fields;
mod front;
mod tools;

pub use tools::read_rule;

use super::diagnostic::{Diagnostic, Foreign, Span};
use crate::plan::{Effort, Role, Rule, Tool};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Largest role file, in bytes.
pub const ROLE_BYTES_MAX: usize = 128 * 1024;
/// More tools than this are hard to choose from: a warning.
pub const TOOLS_MAX: usize = 15;

/// A file that was read, or why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleText {
    /// By what name it is looked for: the file's name without its ending.
    pub name: String,
    /// Where it is: `built in`, or a path relative to the repository.
    pub source: String,
    /// Its content, or why it cannot be read.
    pub text: Result<String, String>,
    /// A file of governance beside it: its path and content.
    pub governance: Option<(String, Result<String, String>)>,
}

/// Everything that a repository says about how its agents are told things.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Library {
    /// In the order in which they are looked for: the first one of a name counts.
    pub roles: Vec<RoleText>,
    /// Configuration of the repository's servers of tools, as JSON, by name.
    pub servers: BTreeMap<String, String>,
    /// Templates of prompts that replace the built-in form, by purpose.
    pub prompts: BTreeMap<String, String>,
    /// What is wrong with the templates.
    pub found: Vec<Diagnostic>,
}

/// What people put before a role's name to say which skill it comes from.
const PREFIXES: [&str; 3] = ["ps-", "nse-", "orch-"];

impl Library {
    /// The role that a word means: by its full name, or without the prefix of a skill.
    pub fn find(&self, word: &str) -> Option<&RoleText> {
        let named = |name: &str| self.roles.iter().find(|role| role.name == name);
        named(word).or_else(|| PREFIXES.iter().find_map(|p| word.strip_prefix(p)).and_then(named))
    }

    /// Those that count, by name.
    pub fn effective(&self) -> BTreeMap<&str, &RoleText> {
        let mut all = BTreeMap::new();
        for role in &self.roles {
            all.entry(role.name.as_str()).or_insert(role);
        }
        all
    }
}

/// A role file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleFile {
    /// What goes into the plan.
    pub role: Role,
    /// Output levels that its artifacts have where the task says none.
    pub levels: Vec<String>,
    /// Its model, in the words of whoever wrote the file; `None`: nobody's in particular.
    pub model: Option<String>,
    /// How much the model is to think.
    pub effort: Option<Effort>,
    /// T1 to T5, if it says so.
    pub tier: Option<u8>,
    /// What is refused, whatever else is allowed.
    pub deny: Vec<Rule>,
    /// What is allowed beyond the usual.
    pub allow: Vec<Rule>,
    /// What was read and has no effect here, for people who wonder.
    pub notes: Vec<String>,
    /// Where it says so, for messages about the whole.
    pub places: Places,
}

impl RoleFile {
    /// False if its tools are listed and none of them creates a file.
    pub fn may_create(&self) -> bool {
        let tools = &self.role.tools;
        tools.is_empty() || tools.contains(&Tool::Write) || tools.contains(&Tool::Shell)
    }

    /// A place in its file, for a message of its user.
    pub fn locate(&self, diagnostic: Diagnostic, place: &Span, text: &str) -> Diagnostic {
        diagnostic.at(place.clone(), text).in_file(self.places.file.clone())
    }
}

/// Lines of a role file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The file.
    pub file: Arc<Foreign>,
    /// `tools`, else the first line.
    pub tools: Span,
    /// `mcpServers`, else that of the tools.
    pub servers: Span,
    /// `skills`, else the first line.
    pub skills: Span,
}

/// Reads a role. Everything that is found: mistakes, and remarks that stop nobody. There is a role
/// only if there are no mistakes.
pub fn read_role(text: &RoleText) -> (Option<RoleFile>, Vec<Diagnostic>) {
    let file = match foreign(&text.source, &text.text) {
        Ok(file) => file,
        Err(found) => return (None, vec![found]),
    };
    let mut reader = fields::Reader::new(&text.name, &file);
    let body = front::split(&file.text).map(|(front, body)| {
        if let Some(front) = front {
            reader.front(&front);
        }
        &file.text[body]
    });
    let body = match body {
        Ok(body) => body,
        Err(found) => return (None, vec![found.in_file(file)]),
    };
    if let Some((source, governance)) = &text.governance {
        match foreign(source, governance) {
            Ok(file) => reader.governance(&file),
            Err(found) => reader.found.push(found),
        }
    }
    reader.finish(body)
}

fn foreign(source: &str, text: &Result<String, String>) -> Result<Arc<Foreign>, Diagnostic> {
    let empty = || Arc::new(Foreign { name: source.to_owned(), text: String::new() });
    let text = text.as_ref().map_err(|why| {
        Diagnostic::error("role-unreadable", format!("the role file {source} cannot be read: {why}"))
            .in_file(empty())
    })?;
    if text.len() > ROLE_BYTES_MAX {
        let message = format!("the role file has {} bytes; at most {ROLE_BYTES_MAX} are read", text.len());
        return Err(Diagnostic::error("role-too-large", message)
            .at(0..0, "here it starts")
            .help("keep what every call needs, and let the role name files to read for the rest")
            .in_file(empty()));
    }
    Ok(Arc::new(Foreign { name: source.to_owned(), text: text.clone() }))
}
