//! What a plan says about judging: strategies, rules, criteria, dimensions, who is asked.

use super::Criticality;
use crate::ids::{DimensionId, StrategyId};
use crate::quality::{Group, Score};
use serde::{Deserialize, Serialize};

/// A strategy that a level asks for and that the workflow leaves out: shown wherever the run is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Waived {
    /// What is left out.
    pub strategy: StrategyId,
    /// Who says so; nobody where a barrier just declares other strategies.
    pub by: Option<String>,
    /// Why.
    pub reason: String,
}

/// One way of reviewing, in full: editing a file never changes a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Strategy {
    /// Such as `S-002`.
    pub id: StrategyId,
    /// Human name.
    pub name: String,
    /// Findings are `<prefix>-001` and so on.
    pub prefix: String,
    /// When it is applied.
    pub group: Group,
    /// In one line.
    pub purpose: String,
    /// What to do, in order.
    pub protocol: Vec<String>,
    /// What makes a finding critical, major, minor, in this order; may be empty.
    pub severity: Vec<String>,
    /// What must have been applied before.
    pub after: Vec<StrategyId>,
    /// What its reviewer is shown.
    pub reads: Vec<Reads>,
    /// How its own score is counted, if it has one.
    pub deductions: Option<Deductions>,
    /// Bands of risk numbers, if it has them.
    pub risk_numbers: Option<RiskNumbers>,
}

/// What raises the criticality of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct EscalationRule {
    /// Such as `AE-003`.
    pub id: String,
    /// The level that it asks for.
    pub at_least: Criticality,
    /// Patterns of paths, relative to the repository.
    pub paths: Vec<String>,
    /// Kinds of artifacts, such as `adr`.
    pub types: Vec<String>,
    /// Only files that were in the repository when the run began count.
    #[serde(default, skip_serializing_if = "is_false")]
    pub existing: bool,
    /// Only files that are deleted count.
    #[serde(default, skip_serializing_if = "is_false")]
    pub deleted: bool,
    /// It holds where more files than this count.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub files_above: u32,
    /// Why.
    pub about: String,
    /// Why this workflow switched it off: it raises nothing, and that is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off: Option<String>,
}

/// For what is only written where it is true.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
pub(crate) fn is_false(value: &bool) -> bool {
    !value
}

/// For what is only written where it is something.
pub(crate) fn is_zero<N: Default + PartialEq>(value: &N) -> bool {
    *value == N::default()
}

/// What a reviewer may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reads {
    /// The candidate.
    Candidate,
    /// The declared inputs, handoffs among them.
    Inputs,
    /// Findings that are open, with what the creator says became of them.
    OpenFindings,
}

impl Reads {
    /// All of it.
    pub const ALL: [Reads; 3] = [Reads::Candidate, Reads::Inputs, Reads::OpenFindings];
}

/// What a finding costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Deductions {
    /// For each critical one.
    pub critical: Score,
    /// For each major one.
    pub major: Score,
    /// For each minor one.
    pub minor: Score,
}

impl Deductions {
    /// What is left of 1 after so many findings; never below 0.
    pub fn left(&self, critical: u32, major: u32, minor: u32) -> Score {
        let cost = |score: Score, n: u32| score.ten_thousandths().saturating_mul(n);
        let lost = cost(self.critical, critical)
            .saturating_add(cost(self.major, major))
            .saturating_add(cost(self.minor, minor));
        Score::from_ten_thousandths(10_000_u32.saturating_sub(lost)).unwrap_or(Score::ZERO)
    }
}

/// From which risk number (severity x occurrence x detection) a finding is critical or major.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RiskNumbers {
    /// Critical from here on.
    pub critical: u32,
    /// Major from here on.
    pub major: u32,
}

/// Who is asked at a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ApprovalAt {
    /// A person or a group, as text.
    pub who: String,
    /// Why they are asked, such as `P-020`.
    pub reason: Option<String>,
    /// Whose answer counts, by name; empty: that of whoever may answer anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
}

/// Whose word counts, by name. A list that is empty leaves it to the next wider one, and the widest
/// one to everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct People {
    /// Where nothing else is said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
    /// Who may accept work against a verdict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<String>,
    /// Who may bring the result to a branch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub integration: Vec<String>,
}

impl People {
    /// Nobody is named.
    pub fn is_empty(&self) -> bool {
        *self == People::default()
    }

    /// This list, or else the widest one; empty: anyone.
    pub fn or_any<'a>(&'a self, own: &'a [String]) -> &'a [String] {
        if own.is_empty() { &self.by } else { own }
    }
}

/// Something that must be true of a phase or an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Criterion {
    /// Short name.
    pub name: String,
    /// How one sees it.
    pub validation: String,
    /// A command that decides it; without, a judge does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<CommandCheck>,
    /// An expression about the candidate that decides it; see `definition::expr`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds: Option<String>,
}

impl Criterion {
    /// True if a machine sees it: nobody is asked for an opinion.
    pub fn is_measured(&self) -> bool {
        self.check.is_some() || self.holds.is_some()
    }
}

/// A command that shows whether a criterion is met: it ends with 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CommandCheck {
    /// Program and arguments, never a shell line.
    pub argv: Vec<String>,
    /// Wall time, in milliseconds.
    pub timeout_ms: u64,
}

/// What an artifact must have, as far as a machine can see it without opinion.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Form {
    /// Headings that must be there with something under them, by their text or its beginning.
    #[serde(default)]
    pub sections: Vec<String>,
    /// Keys that the front matter must have.
    #[serde(default)]
    pub front_matter: Vec<String>,
    /// Words of prose at most. Not measured in a rehearsal: players are wordy.
    #[serde(default)]
    pub words_max: Option<u32>,
    /// A JSON Schema in the repository, as it is at the task's base: for JSON and YAML files, and for
    /// the front matter of Markdown. Not applied in a rehearsal: players know no schema.
    #[serde(default)]
    pub schema: Option<String>,
}

impl Form {
    /// True if nothing is asked.
    pub fn is_empty(&self) -> bool {
        *self == Form::default()
    }
}

/// Something that must hold before the run is COMPLETE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Completion {
    /// Short name.
    pub name: String,
    /// How one sees it.
    pub validation: String,
    /// Who checks it.
    pub by: CompletionBy,
}

/// Who checks a completion criterion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CompletionBy {
    /// The engine: every task is accepted.
    Phases,
    /// The engine: every barrier is COMPLETE.
    Barriers,
    /// The engine: this path is among the accepted artifacts.
    Artifact(String),
    /// A person says so, by an approval.
    Person,
}

/// What a judge scores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Dimension {
    /// Key, such as `internal_consistency`.
    pub id: DimensionId,
    /// Human name.
    pub name: String,
    /// Share of the composite.
    pub weight: Score,
    /// What it means.
    pub about: Option<String>,
}
