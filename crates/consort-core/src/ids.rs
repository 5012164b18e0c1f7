//! Names of things: runs, tasks, attempts, steps, revisions, content.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name! {
    /// One execution of a workflow: the workflow id, then `<id>.2`, `<id>.3` for repeats.
    RunId
}
name! {
    /// A task: `[a-z0-9][a-z0-9_-]*`, unique in the plan. Handoffs are tasks too, named
    /// `<barrier>_<source>-to-<target>` by the engine.
    TaskId
}
name! {
    /// A barrier: `[a-z0-9][a-z0-9_-]*`, unique in the plan.
    BarrierId
}
name! {
    /// A pipeline's key in the workflow file. Its alias, not its key, is in paths.
    PipelineId
}
name! {
    /// A way of reviewing: `S-001` to `S-014`, or a project's own.
    StrategyId
}
name! {
    /// A quality dimension, such as `completeness`.
    DimensionId
}
name! {
    /// A point in the history of the work: a git commit id in a repository, `plain:<sha256>`
    /// of a manifest outside one. Opaque to the core.
    Revision
}
name! {
    /// SHA-256 of some bytes, lower-case hex. The bytes are in the content store.
    ContentHash
}
name! {
    /// `CP-001` and so on, in the order of preparation, never reused within a run.
    CheckpointId
}
name! {
    /// `A-001` and so on: a question that a run asks a person.
    ApprovalId
}

impl Revision {
    /// True for the manifest of a plain directory, false for a git commit.
    pub fn is_plain(&self) -> bool {
        self.0.starts_with("plain:")
    }
}

/// What an attempt is for, within one round of one task.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The creator writes or revises.
    Create,
    /// The creator reviews and mends its own work before anyone else sees it (S-010).
    SelfReview,
    /// A critic applies one strategy to the candidate.
    Review(StrategyId),
    /// A judge scores the dimensions (S-014).
    Judge,
    /// A further judge of the same candidate, from 2, who knows nothing of the others.
    Panel(u8),
}

impl Step {
    /// True where the creator works in the task's workspace, false for a reviewer with a
    /// read-only export.
    pub fn is_creator(&self) -> bool {
        matches!(self, Step::Create | Step::SelfReview)
    }

    /// Which judge this is, from 1; `None` for other steps.
    pub fn judge(&self) -> Option<u8> {
        match self {
            Step::Judge => Some(1),
            Step::Panel(number) => Some(*number),
            _ => None,
        }
    }

    /// The step of a judge, from 1.
    pub fn of_judge(number: u8) -> Step {
        if number <= 1 { Step::Judge } else { Step::Panel(number) }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Create => f.write_str("create"),
            Step::SelfReview => f.write_str("self-review"),
            Step::Review(strategy) => f.write_str(strategy.as_str()),
            Step::Judge => f.write_str("judge"),
            Step::Panel(number) => write!(f, "judge-{number}"),
        }
    }
}

impl FromStr for Step {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "create" => Step::Create,
            "self-review" => Step::SelfReview,
            "judge" => Step::Judge,
            "" => return Err("a step must not be empty".into()),
            panel if panel.starts_with("judge-") => match panel["judge-".len()..].parse() {
                Ok(number) if number > 1 => Step::Panel(number),
                _ => return Err(format!("`{panel}` is no judge: they are numbered from judge-2")),
            },
            other => Step::Review(StrategyId::from(other)),
        })
    }
}

/// One try at one step: `task/generation.iteration.attempt/step`. Numbers are never reused:
/// `attempt` counts over the whole life of the task.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId {
    /// The task that is worked on.
    pub task: TaskId,
    /// Rises with every rollback or amendment, from 1.
    pub generation: u32,
    /// The round of creator, critics and judge, from 1.
    pub iteration: u32,
    /// Counts the task's attempts, from 1.
    pub attempt: u32,
    /// What this attempt does.
    pub step: Step,
}

impl AttemptId {
    /// The id as one path or ref component: no slash, no dot.
    pub fn slug(&self) -> String {
        format!("{}--{}-{}-{}--{}", self.task, self.generation, self.iteration, self.attempt, self.step)
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}.{}.{}/{}", self.task, self.generation, self.iteration, self.attempt, self.step)
    }
}

impl FromStr for AttemptId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not an attempt id (task/generation.iteration.attempt/step)");
        let mut parts = text.splitn(3, '/');
        let (Some(task), Some(numbers), Some(step)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong());
        };
        let numbers: Vec<u32> =
            numbers.split('.').map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
        let [generation, iteration, attempt] = numbers[..] else { return Err(wrong()) };
        Ok(AttemptId { task: task.into(), generation, iteration, attempt, step: step.parse()? })
    }
}

impl Serialize for AttemptId {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AttemptId {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempt_ids_survive_the_round_trip() {
        for text in ["agent-a-001/1.2.7/create", "b_1/1.1.1/self-review", "x/2.3.4/S-003", "x/1.1.2/judge"] {
            let id: AttemptId = text.parse().expect(text);
            assert_eq!(id.to_string(), text);
            assert!(!id.slug().contains(['/', '.']));
        }
        for wrong in ["", "a", "a/1.2/create", "a/1.2.x/create", "a/1.2.3/", "a/1.2.3.4/create"] {
            assert!(wrong.parse::<AttemptId>().is_err(), "{wrong}");
        }
    }
}
