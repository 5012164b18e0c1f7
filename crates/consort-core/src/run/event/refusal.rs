//! Why a gate says no, and why somebody waits for a person.

use crate::ids::TaskId;
use crate::quality::Composite;
use crate::run::input::Raised;
use crate::run::session::FailureClass;
use serde::{Deserialize, Serialize};

/// Why a gate says no.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateRefusal {
    /// Composite below the threshold.
    BelowThreshold,
    /// A dimension at 0.50 or below.
    WeakDimension(String),
    /// Open Critical findings, that many.
    CriticalFindings(u32),
    /// Open Major findings, that many, where no judge weighs them: a review of one document alone.
    MajorFindings(u32),
    /// Deterministic checks found problems, that many.
    Problems(u32),
    /// A judge says, with evidence, that this criterion is not met.
    CriterionUnmet(String),
    /// The composites of its judges lie further apart than is allowed.
    JudgesDisagree {
        /// The lowest.
        low: Composite,
        /// The highest.
        high: Composite,
    },
    /// What was really changed asks for a higher level than the gate was made for.
    Escalated(Raised),
}

impl GateRefusal {
    /// The rule's name, as a person types it who overrides it.
    pub fn rule(&self) -> String {
        match self {
            GateRefusal::BelowThreshold => "below-threshold".into(),
            GateRefusal::WeakDimension(id) => format!("weak-dimension:{id}"),
            GateRefusal::CriticalFindings(_) => "critical-findings".into(),
            GateRefusal::MajorFindings(_) => "major-findings".into(),
            GateRefusal::Problems(_) => "problems".into(),
            GateRefusal::CriterionUnmet(name) => {
                format!("criterion:{}", name.replace(char::is_whitespace, "-"))
            }
            GateRefusal::JudgesDisagree { .. } => "judges-disagree".into(),
            GateRefusal::Escalated(_) => "escalated".into(),
        }
    }
}

impl std::fmt::Display for GateRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counted = |n: u32, what: &str| if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") };
        match self {
            GateRefusal::BelowThreshold => f.write_str("below the threshold"),
            GateRefusal::WeakDimension(id) => write!(f, "{id} at 0.50 or below"),
            GateRefusal::CriticalFindings(n) => f.write_str(&counted(*n, "Critical finding")),
            GateRefusal::MajorFindings(n) => f.write_str(&counted(*n, "Major finding")),
            GateRefusal::Problems(n) => write!(f, "{} found by checks", counted(*n, "problem")),
            GateRefusal::CriterionUnmet(name) => write!(f, "criterion `{name}` is not met"),
            GateRefusal::Escalated(Raised { level, rules }) => {
                write!(f, "what it changed asks for {level} ({})", rules.join(", "))
            }
            GateRefusal::JudgesDisagree { low, high } => write!(f, "its judges disagree: {low} to {high}"),
        }
    }
}

/// Why a task or barrier waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldWhy {
    /// The most rounds of one set are used up.
    MaxRounds,
    /// The work was there already, and nobody makes another version of it.
    NoCreator,
    /// The base does not merge.
    Conflict {
        /// The two sides, by the names of their tips.
        between: (String, String),
        /// Paths in conflict.
        paths: Vec<String>,
    },
    /// The composite does not improve.
    NoProgress,
    /// Findings that were gone come back.
    Oscillating,
    /// The composite falls, round after round.
    Regressing,
    /// It does not pass, and reviewers find nothing but trifles.
    OnlyNits,
    /// Its judges disagree too much for a verdict.
    Disagreement,
    /// What it changed asks for a higher level than its gate has: a person decides.
    Escalated,
    /// A handoff has used up its sets.
    BarrierRetries,
    /// A step failed as often as it may.
    Attempts {
        /// The step, as text.
        step: String,
        /// The last failure, in a sentence.
        last: String,
    },
    /// A session of a step failed in a way that no further try helps against, and there is no fallback.
    Agent {
        /// The step, as text.
        step: String,
        /// What would help.
        class: FailureClass,
        /// Why it failed, with the next thing to do.
        why: String,
    },
}

/// Why a barrier waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BarrierHold {
    /// Its commit does not merge.
    Conflict {
        /// The two sides, by the names of their tips.
        between: (String, String),
        /// Paths in conflict.
        paths: Vec<String>,
    },
    /// Its commit lacks a handoff, or holds other bytes than were accepted.
    HandoffLost {
        /// Which paths.
        paths: Vec<String>,
    },
    /// The prompt of a consumer would not name a handoff.
    NotRendered {
        /// Which consumers.
        consumers: Vec<TaskId>,
    },
    /// Its handoffs say what stands in the way of their consumers.
    Blocked {
        /// As the handoffs say it: the first ones, each cut, and how many more there are.
        blockers: Vec<String>,
    },
    /// Its commit could not be made.
    Failed(String),
}
