//! The file's words for agents that are talked to: runtimes, names, policies.

use super::decode::{At, List, section};
use super::diagnostic::closest;
use super::numbers::Millis;
use super::values::{Fault, ScalarValue, id_fault, wrong};
use super::words::{word, words};
use crate::plan::{Criticality, Decision, Effort, Grip, Rule, Tool};
use schemars::{Schema, SchemaGenerator, json_schema};

/// How we talk to an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RuntimeWord {
    /// Any program.
    Command,
    /// A player that needs no model.
    Rehearsal,
    /// The first one of this build that can be used here.
    Auto,
    /// One of this build, by its name.
    Named(String),
}

impl ScalarValue for RuntimeWord {
    const WHAT: &'static str = "a runtime";
    fn parse(text: &str, _: &str) -> Result<Self, Fault> {
        match text {
            "command" => Ok(RuntimeWord::Command),
            "rehearsal" => Ok(RuntimeWord::Rehearsal),
            "auto" => Ok(RuntimeWord::Auto),
            _ if id_fault(text).is_some() || text.is_empty() => Err(wrong(Self::WHAT, text)
                .help("`auto`, `command`, `rehearsal`, or one of those that `consort agents` lists")),
            _ => Ok(RuntimeWord::Named(text.to_owned())),
        }
    }
    fn stand_in() -> Self {
        RuntimeWord::Rehearsal
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "const": "auto", "description": "The first runtime that can be used on this machine. The default where `argv` is absent." },
            { "const": "command", "description": "Any program: `argv`, never a shell line. The default where `argv` is given." },
            { "const": "rehearsal", "description": "A player that needs no model, no key and no network." },
            { "type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$", "description": "A runtime of this build: `consort agents` lists them." }
        ] })
    }
}

/// A key of `agents`: a role or a purpose, for all levels or from one level on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct AgentName {
    /// All of it.
    pub(crate) text: String,
    /// The part before `@`.
    pub(crate) of: String,
    /// From this level on.
    pub(crate) from: Option<Criticality>,
}

impl AsRef<str> for AgentName {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl ScalarValue for AgentName {
    const WHAT: &'static str = "the name of an agent";
    fn parse(text: &str, _: &str) -> Result<Self, Fault> {
        let (of, level) = text.split_once('@').map_or((text, None), |(of, level)| (of, Some(level)));
        if let Some(why) = id_fault(of).or(of.is_empty().then_some("it is empty")) {
            return Err(wrong(Self::WHAT, text).help(why));
        }
        let from = match level {
            None => None,
            Some("C1") => Some(Criticality::C1),
            Some("C2") => Some(Criticality::C2),
            Some("C3") => Some(Criticality::C3),
            Some("C4") => Some(Criticality::C4),
            Some(_) => {
                return Err(wrong(Self::WHAT, text)
                    .help("behind `@` stands the level from which on it counts: C1 to C4"));
            }
        };
        Ok(Self { text: text.to_owned(), of: of.to_owned(), from })
    }
    fn stand_in() -> Self {
        Self { text: "x".into(), of: "x".into(), from: None }
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*(@C[1-4])?$" })
    }
}

words!(Effort, "an effort (`low`, `medium`, `high` or `max`)", stand_in Effort::Medium, [
    "low" => Effort::Low, "Little.";
    "medium" => Effort::Medium, "Some. The default at C2.";
    "high" => Effort::High, "Much. The default at C3.";
    "max" => Effort::Max, "As much as it can. The default at C4.";
]);

words!(Decision, "a decision (`allow`, `deny` or `ask`)", stand_in Decision::Deny, [
    "allow" => Decision::Allow, "It is granted.";
    "deny" => Decision::Deny, "It is refused.";
    "ask" => Decision::Ask, "A person decides.";
]);

section! {
    /// What an agent may do. `deny` comes before `ask`, `ask` before `allow`. Writes outside the workspace and
    /// other agents are refused whatever stands here.
    Policy as "a policy" {
        /// Always. Such as `shell(cargo test)`, `write(docs/**)`, `fetch(docs.rs)`, `web_search`, `mcp__context7__*`.
        #[schemars(default)]
        allow: List<At<RuleText>>,
        /// A person decides: `consort inbox` shows it, `consort approve` answers.
        #[schemars(default)]
        ask: List<At<RuleText>>,
        /// Never.
        #[schemars(default)]
        deny: List<At<RuleText>>,
        /// Where no rule fits. Default: what stays in the workspace is allowed, everything else denied.
        otherwise: Option<At<Decision>>,
        /// How long a person is waited for; then it is denied. Default: 10m.
        ask_timeout: Option<At<Millis>>,
    }
}

/// One rule in its short form: a tool, and in brackets what exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RuleText(pub(crate) Rule);

/// Tools by their words.
const TOOLS: [(&str, Tool); 6] = [
    ("read", Tool::Read),
    ("write", Tool::Write),
    ("search", Tool::Search),
    ("shell", Tool::Shell),
    ("fetch", Tool::Fetch),
    ("web_search", Tool::WebSearch),
];

impl ScalarValue for RuleText {
    const WHAT: &'static str = "a rule such as `shell(git status)` or `write(docs/**)`";
    fn parse(text: &str, _: &str) -> Result<Self, Fault> {
        let (word, inside) = match text.split_once('(') {
            Some((word, rest)) => {
                let inside = rest.strip_suffix(')').map(str::trim).filter(|inside| !inside.is_empty());
                (
                    word.trim(),
                    Some(inside.ok_or_else(|| {
                        wrong(Self::WHAT, text).help("close the bracket behind what it is about")
                    })?),
                )
            }
            None => (text.trim(), None),
        };
        let known = TOOLS.iter().find(|(name, _)| *name == word).map(|(_, tool)| tool.clone());
        let tool = match known {
            Some(tool) => tool,
            // A server's tool, or one that only a runtime knows: by its own name.
            None if word.contains("__") || word.starts_with(|c: char| c.is_ascii_uppercase()) => {
                Tool::Other(word.to_owned())
            }
            None => {
                let fault = Fault::new("unknown-tool", format!("there is no tool `{word}`"), "");
                let names = TOOLS.map(|(name, _)| name);
                let label = match closest(word, names) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("one of {}, or a tool's own name", names.join(", ")),
                };
                return Err(Fault { label, ..fault });
            }
        };
        let grip = match (inside, &tool) {
            (None, _) => None,
            (Some(words), Tool::Shell) => {
                Some(Grip::Command(words.trim_end_matches([':', '*', ' ']).to_owned()))
            }
            (Some(path), Tool::Read | Tool::Write | Tool::Search) => Some(Grip::Path(path.to_owned())),
            (Some(host), Tool::Fetch) => Some(Grip::Host(host.trim_start_matches("*.").to_owned())),
            (Some(_), _) => {
                return Err(Fault::new(
                    "rule-detail",
                    format!("`{word}` takes nothing in brackets"),
                    "only the tool",
                ));
            }
        };
        Ok(Self(Rule { tool: Some(tool), grip }))
    }
    fn stand_in() -> Self {
        Self(Rule { tool: Some(Tool::Read), grip: None })
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}
