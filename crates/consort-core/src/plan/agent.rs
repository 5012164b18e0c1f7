//! Who does a step, and how: everything about one agent that does not change from attempt to attempt.

use super::{Price, is_false};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How an agent is run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentSpec {
    /// What kind of program, and how to start it.
    pub runtime: Runtime,
    /// Wall time of one attempt, in milliseconds.
    pub timeout_ms: u64,
    /// Names of environment variables that are handed on from the runner's environment.
    pub env_pass: Vec<String>,
    /// Environment variables that are set.
    pub env_set: BTreeMap<String, String>,
    /// False: run directly by the runner, for commands that are harmless to repeat.
    pub supervise: bool,
    /// Cap of stdout and of stderr each, in bytes; the rest is counted and dropped.
    pub output_bytes_max: u64,
    /// What a call costs, where the workflow says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// Whose quota it uses: agents of one pool rest together when one of them is limited. `None`: it
    /// has no quota that anybody knows of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// What one attempt may use up.
    #[serde(default, skip_serializing_if = "Caps::is_empty")]
    pub caps: Caps,
    /// Who takes over, in this order, when this one cannot work at all. Their own lists are empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallbacks: Vec<AgentSpec>,
    /// The role that it is told, by its name in the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// How we talk to an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Runtime {
    /// Nothing is configured: such a plan is refused at start.
    Missing,
    /// Any program: an argument vector, never a shell line.
    Command {
        /// Program and arguments; the program is looked up in PATH unless it has a slash.
        argv: Vec<String>,
        /// How it gets its prompt.
        prompt: PromptBy,
    },
    /// A player that needs no model, with its script of misbehaviour, empty for good behaviour.
    Rehearsal {
        /// What to do wrong, by the number of the attempt: see the rehearsal runtime.
        misbehave: Vec<String>,
    },
    /// An agent that is talked to: it has sessions, turns, tools, and asks for permission.
    Session(Box<Session>),
}

/// How a command gets its prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PromptBy {
    /// On standard input, which is then closed.
    Stdin,
    /// In the file that CONSORT_PROMPT names; standard input is empty.
    File,
}

/// An agent that is talked to. Its runtime is a word that only the worker understands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Which of the worker's runtimes.
    pub runtime: String,
    /// Its program, if it is not found by its usual name: a name in PATH, or a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// Further arguments of its program.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// Which model; `None`: the runtime's own choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How much the model is to think; `None`: its own default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
    /// Which wire the model speaks, for runtimes that speak several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wire: Option<String>,
    /// Where the model is served, if not at its vendor's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Name of the environment variable that holds the key; it is handed on to this agent alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_env: Option<String>,
    /// What it is there for, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// What it may do.
    #[serde(default, skip_serializing_if = "Policy::is_empty")]
    pub policy: Policy,
    /// A revision starts a session of its own instead of going on in the creator's last one.
    #[serde(default, skip_serializing_if = "is_false")]
    pub forget: bool,
}

/// How much a model is to think.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// As much as it can.
    Max,
}

/// What one attempt may use up. `None`: no cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caps {
    /// Calls of the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns_max: Option<u32>,
    /// Input and output tokens together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_max: Option<u64>,
    /// Millionths of a US dollar. Reserved before the attempt starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micro_usd_max: Option<u64>,
    /// Longest time without any sign of life, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_ms: Option<u64>,
    /// Longest time without progress (a tool that ended, a text, a changed file), in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_progress_ms: Option<u64>,
}

impl Caps {
    /// True if nothing is capped.
    pub fn is_empty(&self) -> bool {
        *self == Caps::default()
    }
}

/// What an agent is there for: a file of instructions with what it needs and must not do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Such as `researcher`.
    pub name: String,
    /// When to use it, in a sentence.
    pub description: String,
    /// Where it came from: `built in`, or a path relative to the repository.
    pub source: String,
    /// What it is told, in Markdown. Empty in a session's own copy: the plan keeps the words once.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub instructions: String,
    /// Tools that it needs; empty: whatever its runtime offers by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    /// Servers of further tools (Model Context Protocol), by name, with their configuration as JSON;
    /// `None`: configured with the runtime.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub servers: BTreeMap<String, Option<String>>,
    /// Skills that it needs, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<String>,
    /// What must never happen: told to the agent, and refused where a tool can be told from it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbidden: Vec<String>,
}

/// A tool by what it does; each runtime has its own name for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tool {
    /// Reads files.
    Read,
    /// Creates and changes files.
    Write,
    /// Looks for files and in them.
    Search,
    /// Runs commands.
    Shell,
    /// Fetches a page.
    Fetch,
    /// Searches the web.
    WebSearch,
    /// Starts other agents: never granted to a worker.
    Delegate,
    /// One of a server's tools, or one that only a runtime knows: by its own name.
    Other(String),
}

/// What an agent may do. The first rule that fits decides, `deny` before `ask` before `allow`; where
/// none fits, `otherwise`. Writes outside the workspace and other agents are refused before any rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Never.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<Rule>,
    /// A person decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ask: Vec<Rule>,
    /// Always.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<Rule>,
    /// Where no rule fits; `None`: allow inside the workspace, deny everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<Decision>,
    /// How long a person is waited for, in milliseconds; then it is denied. `None`: ten minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask_timeout_ms: Option<u64>,
}

/// So long a person is waited for where a policy says nothing, in milliseconds.
const ASK_TIMEOUT_MS: u64 = 600_000;

impl Policy {
    /// How long a person is waited for, in milliseconds; then the answer is no.
    pub fn ask_timeout(&self) -> u64 {
        self.ask_timeout_ms.unwrap_or(ASK_TIMEOUT_MS)
    }

    /// True if nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Policy::default()
    }
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It is granted.
    Allow,
    /// It is refused.
    Deny,
    /// A person decides.
    Ask,
}

/// Which requests a rule is about: all of what is said must fit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rule {
    /// Which tool; `None`: every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<Tool>,
    /// What exactly; `None`: whatever it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grip: Option<Grip>,
}

impl std::fmt::Display for Tool {
    /// What whoever uses it does: `run a command`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Tool::Read => f.write_str("read a file"),
            Tool::Write => f.write_str("write a file"),
            Tool::Search => f.write_str("search files"),
            Tool::Shell => f.write_str("run a command"),
            Tool::Fetch => f.write_str("fetch a page"),
            Tool::WebSearch => f.write_str("search the web"),
            Tool::Delegate => f.write_str("start another agent"),
            Tool::Other(name) => write!(f, "use {name}"),
        }
    }
}

impl std::fmt::Display for Rule {
    /// What whoever it allows may do: `run a command: npm install …`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.tool {
            Some(tool) => write!(f, "{tool}")?,
            None => f.write_str("use any tool")?,
        }
        match &self.grip {
            Some(Grip::Command(words)) => write!(f, ": {words} …"),
            Some(Grip::Path(glob)) => write!(f, ": {glob}"),
            Some(Grip::Host(host)) => write!(f, ": {host}"),
            None => Ok(()),
        }
    }
}

/// The part of a request that a rule looks at.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grip {
    /// A command line begins with these words. A line that holds several commands fits only if each does.
    Command(String),
    /// A path lies within this glob, relative to the workspace or absolute.
    Path(String),
    /// A host or one below it.
    Host(String),
}
