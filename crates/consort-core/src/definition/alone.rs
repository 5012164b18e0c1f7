//! One document that is there already, for a judge or for named critics: a plan that no workflow file
//! can ask for. Its one task has no creator and one round, so that everything that a gate does in a
//! run is done here by the same engine, and nothing has to be left out of a workflow to get it.

use super::diagnostic::{self, Diagnostic};
use super::lower::{lower_alone, outputs::path_fault};
use super::{Checked, PlanOptions};
use crate::ids::ContentHash;
use crate::plan::Criticality;

/// What is asked about one document.
#[derive(Clone, Debug)]
pub struct Alone {
    /// Where it lies, relative to the repository or directory: see [`is_artifact_path`].
    pub path: String,
    /// Its bytes, in the content store.
    pub bytes: ContentHash,
    /// What it was asked for, in words.
    pub about: Option<String>,
    /// By whom.
    pub asked: Asked,
    /// The one agent that does everything; without, those that the workflow has for critics and judges.
    pub agent: Option<String>,
}

/// Who is asked about it.
#[derive(Clone, Debug)]
pub enum Asked {
    /// Checks and judges, as at a gate of this level.
    Score {
        /// At least this level; the rules on paths and kinds may raise it.
        level: Criticality,
        /// The kind of artifact, such as `adr`.
        kind: Option<String>,
    },
    /// Critics by these strategies, and those that must come before them.
    Review {
        /// Ids, in any case.
        strategies: Vec<String>,
    },
}

/// Why there is no plan.
#[derive(Debug)]
pub enum AloneFault {
    /// The workflow file is not right, with warnings behind the mistakes.
    Mistakes(Vec<Diagnostic>),
    /// No critic works by such a strategy.
    NoStrategy {
        /// What was asked for.
        id: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The workflow file declares no such agent.
    NoAgent {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
}

/// For nobody's workflow: no agents, and the defaults for everything else.
const NO_WORKFLOW: &str = "tasks:\n  document: {text: It is there already.}\n";

/// The plan for one document. `workflow` is the name and the text of a workflow file: its agents,
/// catalogue, quality, escalation and limits hold, and nothing else of it does.
///
/// # Errors
/// See [`AloneFault`].
pub fn alone(
    workflow: Option<(&str, &str)>,
    options: &PlanOptions,
    wish: &Alone,
) -> Result<Checked, AloneFault> {
    let (name, text) = workflow.unwrap_or(("", NO_WORKFLOW));
    let (file, mut found) =
        super::decode(text).map_err(|diagnostic| AloneFault::Mistakes(vec![diagnostic]))?;
    let well_formed = found.is_empty();
    let (plan, more) = lower_alone(&file, name, text, options, wish);
    found.extend(more);
    diagnostic::sort(&mut found);
    match plan {
        Ok(Some(plan)) if well_formed => Ok(Checked { plan, warnings: found }),
        Err(fault) if well_formed => Err(fault),
        _ => Err(AloneFault::Mistakes(found)),
    }
}

/// True for what may be the path of an artifact.
pub fn is_artifact_path(path: &str) -> bool {
    path_fault(path).is_none()
}
