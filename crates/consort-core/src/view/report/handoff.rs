//! A handoff as programs read it, and what became of its findings.

use schemars::JsonSchema;
use serde::Serialize;

/// A handoff, with where it comes from. Published as JSON beside each handoff in a checkpoint's tree;
/// `consort schema handoff` prints the schema.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(title = "consort handoff")]
pub struct Handoff {
    /// `consort.handoff/1`; the number rises with every change that an old reader would not understand.
    pub schema: &'static str,
    /// The run.
    pub run: String,
    /// True if players stood in for the agents.
    pub rehearsal: bool,
    /// The barrier that it crosses.
    pub barrier: String,
    /// Alias of the pipeline that it comes from.
    pub from: String,
    /// Alias of the pipeline that it goes to.
    pub to: String,
    /// The document, relative to the repository.
    pub path: String,
    /// SHA-256 of its accepted bytes, in hexadecimal.
    pub sha256: String,
    /// The commit in which it was accepted; `plain:...` outside a repository.
    pub revision: String,
    /// Who made it.
    pub made_by: MadeBy,
    /// C1 to C4: the level of its gate.
    pub criticality: String,
    /// Its score, from 0 to 1, unrounded, as text; absent if no judge scored it.
    pub composite: Option<String>,
    /// The accepted work that it rests on.
    pub sources: Vec<Source>,
    /// How sure its author is.
    pub confidence: Option<Confidence>,
    /// What keeps its receivers from going on.
    pub blockers: Vec<Numbered>,
    /// In order, at most 100.
    pub findings: Vec<Finding>,
    /// What was expected, and the findings that treat it.
    pub key_content: Vec<Crossed>,
    /// Whatever its author wrote for programs: the object under `## Data`.
    pub data: Option<serde_json::Value>,
}

/// Who made a handoff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MadeBy {
    /// The engine's task.
    pub task: String,
    /// Its role.
    pub role: String,
    /// The round that was accepted, from 1.
    pub round: u32,
}

/// Accepted work of another task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Source {
    /// Whose.
    pub task: String,
    /// Relative to the repository.
    pub path: String,
    /// SHA-256 of its accepted bytes, in hexadecimal.
    pub sha256: String,
}

/// How sure an author is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Confidence {
    /// From 0 to 1, a decimal as text.
    pub value: String,
    /// Why.
    pub reason: String,
}

/// A numbered text, such as `BLK-001`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Numbered {
    /// Its number.
    pub id: String,
    /// Its text.
    pub text: String,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// `F-001` and so on.
    pub id: String,
    /// Its heading.
    pub title: String,
    /// What stands under it, as Markdown.
    pub text: String,
    /// Lines of sources on which it rests.
    pub cites: Vec<Citation>,
}

/// Lines of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Citation {
    /// Relative to the repository.
    pub path: String,
    /// The first line, from 1.
    pub from: usize,
    /// The last line.
    pub to: usize,
}

/// Expected content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Crossed {
    /// As the workflow words it.
    pub content: String,
    /// Ids of findings.
    pub findings: Vec<String>,
}

/// A handoff and what its consumers said of it.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Crossing {
    /// The handoff.
    pub handoff: Handoff,
    /// Of accepted work alone.
    pub answers: Vec<Answered>,
}

/// What a consumer said of a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Answered {
    /// The consumer's task.
    pub by: String,
    /// `F-001`
    pub finding: String,
    /// Whether it is used; else it is declined.
    pub used: bool,
    /// The heading where it is used, or why it is declined.
    pub note: String,
}

/// What became of a finding on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Some consumer uses it.
    Used,
    /// Nobody uses it, and somebody says why not.
    Declined,
    /// Nobody says anything.
    Lost,
}

impl Crossing {
    /// Its findings, in order, and what became of each.
    pub fn fates(&self) -> impl Iterator<Item = (&Finding, Fate)> {
        self.handoff.findings.iter().map(|finding| {
            let mut said = self.answers.iter().filter(|a| a.finding == finding.id).peekable();
            let fate = match (said.peek().is_some(), said.any(|a| a.used)) {
                (false, _) => Fate::Lost,
                (true, true) => Fate::Used,
                (true, false) => Fate::Declined,
            };
            (finding, fate)
        })
    }
}

/// The JSON Schema of [`Handoff`], indented, with a line break at its end.
pub fn schema() -> String {
    crate::definition::schema_of::<Handoff>()
}
