//! What one attempt asks of an agent, as data: `request.json` beside the prompt.

use consort_core::plan::{Constraint, Criterion, Form};
use serde::{Deserialize, Serialize};

/// Raised when the shape changes.
pub const REQUEST_VERSION: u32 = 2;

/// One request. What a reviewer must not know (who wrote the candidate, in which round, where
/// the threshold lies, what others scored, how dimensions weigh) is not in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// [`REQUEST_VERSION`].
    pub version: u32,
    /// What is to be done.
    pub purpose: Purpose,
    /// What the work is about. For a reviewer: what its creator was asked.
    pub task: TaskBrief,
    /// What there is to read in the working directory.
    pub inputs: Vec<RequestInput>,
    /// Inputs that a person declared to be dispensable or present elsewhere: not in the directory.
    pub declared: Vec<String>,
    /// What is reviewed, or the creator's own last version; paths in the working directory.
    pub candidate: Vec<RequestFile>,
    /// What the creator makes; empty for reviewers.
    pub outputs: Outputs,
    /// Levels that the artifact must have, with their audiences.
    pub levels: Vec<Level>,
    /// What else its form must be.
    #[serde(default, skip_serializing_if = "Form::is_empty")]
    pub form: Form,
    /// What must be true of the work.
    pub criteria: Vec<Criterion>,
    /// For work that carries findings over a barrier.
    pub handoff: Option<HandoffBrief>,
    /// Findings of earlier reviews that are open: a creator answers each, a reviewer looks whether it did.
    pub open_findings: Vec<OpenFinding>,
    /// What deterministic checks said against the last version.
    pub problems: Vec<RequestProblem>,
    /// What people said about it, oldest first.
    pub guidance: Vec<String>,
    /// Why the last answer to this very request was refused, if it was.
    pub refused: Option<String>,
    /// Rules of the workflow.
    pub constraints: Vec<Constraint>,
    /// Where and how to answer; `None` if no answer is needed beyond the outputs.
    pub answer: Option<AnswerBrief>,
    /// Directory for temporary files.
    pub scratch: String,
    /// What the agent is there for, in the words of its role's file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleBrief>,
    /// The item that the task is for: one of several tasks that are alike but for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemBrief>,
    /// For work that is a list of tasks: what the list may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<ListBrief>,
    /// The project's own template of the prompt: for whoever renders it, not for the agent.
    #[serde(skip)]
    pub template: Option<String>,
}

/// An item of a list, as data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemBrief {
    /// From 1, in the order of the list.
    pub number: u32,
    /// As JSON.
    pub json: String,
}

/// What a list of tasks may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListBrief {
    /// Most tasks.
    pub max: u32,
    /// Roles that a task may name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

/// What an agent is there for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleBrief {
    /// Such as `researcher`.
    pub name: String,
    /// In Markdown.
    pub instructions: String,
    /// What must never happen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbidden: Vec<String>,
}

/// What one attempt is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Purpose {
    /// Write or revise the outputs.
    Create,
    /// Review and mend the outputs before anyone else sees them.
    SelfReview {
        /// How.
        strategy: StrategyBrief,
    },
    /// Review the candidate by one strategy.
    Review {
        /// How.
        strategy: StrategyBrief,
    },
    /// Score the candidate's dimensions.
    Judge {
        /// How.
        strategy: StrategyBrief,
    },
}

/// One way of reviewing, in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StrategyBrief {
    /// Such as `S-002`.
    pub id: String,
    /// Human name.
    pub name: String,
    /// In one line.
    pub purpose: String,
    /// Findings are `<prefix>-001` and so on.
    pub prefix: String,
    /// Steps.
    pub protocol: Vec<String>,
    /// What makes a finding critical, major, minor; may be empty.
    pub severity: Vec<String>,
}

/// The task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskBrief {
    /// Title of the workflow that the task belongs to.
    pub workflow: String,
    /// The question that the workflow answers, if it has one.
    pub question: Option<String>,
    /// The task's id; withheld from reviewers.
    pub id: Option<String>,
    /// What its agent is there for.
    pub role: String,
    /// The task in words.
    pub text: String,
    /// `document`, `change`, `data`, `tasks` or `handoff`.
    pub produces: String,
}

/// Something to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestInput {
    /// Relative to the working directory.
    pub path: String,
    /// Where it comes from.
    pub kind: InputKind,
    /// SHA-256 of the accepted bytes; `None` for a file of the repository.
    pub sha256: Option<String>,
}

/// Where an input comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// Accepted work of another task.
    Artifact,
    /// Accepted findings that crossed a barrier: each must be answered for.
    Handoff,
    /// A file of the repository.
    File,
}

/// A file in the working directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestFile {
    /// Relative to the working directory.
    pub path: String,
    /// SHA-256 of its bytes; `None` for a diff.
    pub sha256: Option<String>,
}

/// What a creator makes. Exactly one of the lists is filled, none for a reviewer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outputs {
    /// Files to write; the first one is judged.
    pub paths: Vec<String>,
    /// Globs within which files may change.
    pub writes: Vec<String>,
}

/// A level of the artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// `L0`, `L1`, `L2`.
    pub id: String,
    /// Who reads it.
    pub audience: Option<String>,
}

/// What a handoff is between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandoffBrief {
    /// The barrier it crosses.
    pub barrier: String,
    /// Alias of the source pipeline.
    pub from: String,
    /// Alias of the target pipeline.
    pub to: String,
    /// What it must say something about, item by item.
    pub key_content: Vec<String>,
}

/// A finding that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenFinding {
    /// Such as `DA-001`.
    pub id: String,
    /// By which strategy.
    pub strategy: String,
    /// `critical`, `major`, `minor`.
    pub severity: String,
    /// Where.
    pub location: String,
    /// What is wrong.
    pub claim: String,
    /// The words it is about; may be empty.
    pub quote: String,
    /// What would be right.
    pub remedy: String,
    /// For a reviewer: what its creator says became of it.
    pub response: Option<String>,
}

/// What a deterministic check says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestProblem {
    /// Which check.
    pub check: String,
    /// What is wrong and what would be right.
    pub text: String,
}

/// How to answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerBrief {
    /// Absolute path of the answer file; its directory exists.
    pub path: String,
    /// True: the last message is the answer, and nobody writes the file but whoever reads that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_reply: bool,
    /// To be echoed.
    pub nonce: String,
    /// Dimensions: what a finding may name, what a judge scores.
    pub dimensions: Vec<DimensionBrief>,
}

/// A quality dimension without its weight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DimensionBrief {
    /// Key.
    pub id: String,
    /// Human name.
    pub name: String,
    /// What it means.
    pub about: Option<String>,
    /// What 0.90 and above, 0.70 to 0.89, 0.50 to 0.69 and below 0.50 mean; for a judge.
    pub rubric: Vec<String>,
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// Why the text is not a request of this version.
    pub fn parse(text: &str) -> Result<Self, String> {
        let request: Request = serde_json::from_str(text).map_err(|e| format!("not a request: {e}"))?;
        if request.version != REQUEST_VERSION {
            return Err(format!("request version {} (this build knows {REQUEST_VERSION})", request.version));
        }
        Ok(request)
    }

    /// The same bytes for the same request.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("strings and lists always serialise");
        text.push('\n');
        text
    }

    /// Handoffs among the inputs.
    pub fn handoffs(&self) -> impl Iterator<Item = &RequestInput> {
        self.inputs.iter().filter(|i| i.kind == InputKind::Handoff)
    }
}
