//! How one version of a task's work came to be: who made it, from what, and by whose judgement it
//! counts. Only what journal and plan say.

use super::gate;
use consort_core::ids::{AttemptId, Revision, Step, StrategyId};
use consort_core::plan::{AgentSpec, Input, Runtime};
use consort_core::run::{Review, Round, RoundKind, Severity, State};
use consort_core::view::clean;
use consort_core::view::model::{ApprovalView, OverrideView, RunView, WaivedView, When};
use consort_core::view::origin::{Merge, MergeKind, Origins, RecordRef, Version};
use serde::Serialize;

/// Stands where a program would that made the work: nobody made it in this run.
pub(crate) const GIVEN: &str = "given";

/// The story of one version.
#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Story {
    pub run: String,
    pub title: String,
    pub rehearsal: bool,
    pub run_status: &'static str,
    pub task: String,
    pub role: String,
    /// `a-->b over barrier-1`, if it is a handoff.
    pub handoff: Option<String>,
    pub pipeline: Option<String>,
    pub phase: Option<u32>,
    pub phase_name: Option<String>,
    pub agent: Agent,
    /// What became of it, in words.
    pub standing: String,
    /// The round whose verdict counts for it.
    pub round: u32,
    /// The creator's attempts: the one that made it, and the one that looked over it.
    pub attempt: Option<String>,
    pub at: When,
    pub revision: String,
    pub base: Option<String>,
    pub artifacts: Vec<File>,
    pub inputs: Vec<Source>,
    pub self_review: Option<Reviewed>,
    pub reviews: Vec<Reviewed>,
    pub judges: Vec<Judge>,
    pub composite: Option<String>,
    pub threshold: String,
    pub criteria: Vec<Met>,
    /// Problems that deterministic checks found.
    pub problems: u32,
    pub approvals: Vec<ApprovalView>,
    pub overrides: Vec<OverrideView>,
    /// Strategies that its level asks for and that the workflow left out.
    pub left_out: Vec<WaivedView>,
    pub checkpoints: Vec<Carrier>,
    pub barriers: Vec<Carrier>,
    pub integrations: Vec<Carrier>,
    pub record: Position,
    pub head: Position,
    /// The file that was asked for, compared with the checkout.
    pub file: Option<Compared>,
}

/// A program that did something.
#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Agent {
    pub runtime: String,
    pub argv: Vec<String>,
}

/// A file that was captured.
#[derive(Clone, Serialize, schemars::JsonSchema)]
pub(crate) struct File {
    pub path: String,
    pub sha256: String,
}

/// Something that the creator was given.
#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Source {
    /// `artifact`, `handoff`, `file` or `outside`.
    pub kind: &'static str,
    pub task: Option<String>,
    pub path: String,
    pub revision: Option<String>,
    pub sha256: Option<String>,
    /// Who vouched for it, if a person had to.
    pub declared: Option<String>,
}

/// A review with the number of its findings.
#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Reviewed {
    pub strategy: String,
    pub name: String,
    pub critical: u32,
    pub major: u32,
    pub minor: u32,
    /// Findings whose quotations are not in the work.
    pub dropped: u32,
    pub attempt: Option<String>,
    pub agent: Agent,
}

/// What a judge said.
#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Judge {
    pub judge: u8,
    pub composite: String,
    pub attempt: Option<String>,
    pub agent: Agent,
}

/// A criterion; `met` is null if nothing judged it here.
#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Met {
    pub name: String,
    pub met: Option<bool>,
}

/// A commit that holds it.
#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Carrier {
    pub name: String,
    pub revision: String,
    /// Who brought it there, if a person did.
    pub by: Option<String>,
}

/// A place in the journal.
#[derive(Clone, Serialize, schemars::JsonSchema)]
pub(crate) struct Position {
    pub seq: u64,
    pub hash: String,
}

/// A file in the checkout beside the accepted one.
#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Compared {
    pub path: String,
    pub accepted_sha256: String,
    pub checkout_sha256: Option<String>,
    pub says: String,
}

impl From<&RecordRef> for Position {
    fn from(record: &RecordRef) -> Self {
        Self { seq: record.seq, hash: record.hash.clone() }
    }
}

impl Agent {
    pub(crate) fn of(spec: &AgentSpec) -> Self {
        let (runtime, argv) = match &spec.runtime {
            Runtime::Missing => ("missing", Vec::new()),
            Runtime::Command { argv, .. } => ("command", argv.clone()),
            Runtime::Rehearsal { .. } => ("rehearsal", Vec::new()),
            Runtime::Session(session) => (session.runtime.as_str(), Vec::new()),
        };
        Self { runtime: runtime.to_owned(), argv }
    }
}

/// One run as it is told: its state, how people see it, what its records say.
pub(crate) struct Told<'a> {
    pub state: &'a State,
    pub view: &'a RunView,
    pub origins: &'a Origins,
    pub head: &'a Position,
}

impl Told<'_> {
    /// The story of a version that was captured, and accepted or not.
    pub(crate) fn story(&self, version: &Version, accepted: bool) -> Story {
        let (state, task) = (self.state, self.state.graph.task(version.task));
        let round = self.round(version, accepted);
        let made = self.made_in(version);
        let attempt = made.and_then(|r| self.origins.attempt(&task.id, r.iteration, &Step::Create));
        let phase = task.place.as_ref().and_then(|(p, n)| {
            let pipeline = state.graph.plan.pipeline(p)?;
            pipeline.phases.iter().find(|phase| phase.number == *n)
        });
        let carried = |kind: MergeKind| self.carriers(version, kind);
        Story {
            run: self.view.id.clone(),
            title: self.view.title.clone(),
            rehearsal: self.view.rehearsal,
            run_status: self.view.status,
            task: task.id.to_string(),
            role: clean(&task.role),
            handoff: self
                .view
                .task(task.id.as_str())
                .and_then(|t| Some(format!("{} over {}", t.direction.as_ref()?, t.handoff_of.as_ref()?))),
            pipeline: task.place.as_ref().map(|(p, _)| p.to_string()),
            phase: task.place.as_ref().map(|(_, n)| *n),
            phase_name: phase.map(|p| clean(&p.name)),
            agent: match &task.given {
                Some(_) => Agent { runtime: GIVEN.to_owned(), argv: Vec::new() },
                None => {
                    let round = made.map_or(version.iteration, |r| r.iteration);
                    Agent::of(self.origins.agent(task, round, &Step::Create))
                }
            },
            standing: self.standing(version, accepted, round),
            round: round.map_or(version.iteration, |r| r.iteration),
            attempt: attempt.map(AttemptId::to_string),
            at: When(version.record.at),
            revision: version.candidate.revision.to_string(),
            base: version.base.as_ref().map(Revision::to_string),
            artifacts: version.candidate.artifacts.iter().map(File::of).collect(),
            inputs: self.inputs(version),
            self_review: made.and_then(|r| {
                let review = r.self_review.as_ref()?;
                Some(self.reviewed(version.task, r, &Step::SelfReview, &"S-010".into(), review))
            }),
            reviews: round.map(|r| self.reviews(version.task, r)).unwrap_or_default(),
            judges: round.map(|r| self.judges(version.task, r)).unwrap_or_default(),
            composite: round.and_then(|r| r.composite).map(|c| c.to_string()),
            threshold: task.threshold.to_string(),
            criteria: round.map(|r| criteria(state, version.task, r)).unwrap_or_default(),
            problems: made.map_or(0, |r| r.problems),
            approvals: self.approvals(version),
            overrides: self.view.overrides.iter().filter(|o| o.task == task.id.as_str()).cloned().collect(),
            left_out: self.view.waived.iter().filter(|w| w.task == task.id.as_str()).cloned().collect(),
            checkpoints: carried(MergeKind::Checkpoint),
            barriers: carried(MergeKind::Barrier),
            integrations: carried(MergeKind::Integration),
            record: Position::from(&version.record),
            head: self.head.clone(),
            file: None,
        }
    }

    /// The round by whose verdict it stands: of a version that was not accepted, the last that saw it.
    fn round(&self, version: &Version, accepted: bool) -> Option<&Round> {
        let rounds = &self.state.tasks[version.task].rounds;
        let saw = |r: &&Round| r.revision.as_ref() == Some(&version.candidate.revision);
        match accepted {
            true => rounds.iter().find(|r| r.iteration == version.iteration),
            false => rounds.iter().rev().find(saw),
        }
    }

    /// The round in which its creator made it: a confirmation shows the same bytes again.
    fn made_in(&self, version: &Version) -> Option<&Round> {
        let rounds = &self.state.tasks[version.task].rounds;
        rounds.iter().rev().find(|r| {
            r.kind == RoundKind::Creation
                && r.iteration <= version.iteration
                && r.revision.as_ref() == Some(&version.candidate.revision)
        })
    }

    fn standing(&self, version: &Version, accepted: bool, round: Option<&Round>) -> String {
        let it = &self.state.tasks[version.task];
        if !accepted {
            let said = self.view.tasks[version.task].rounds.iter();
            let said = said.filter(|r| round.is_some_and(|round| round.iteration == r.number));
            let verdict = said.filter_map(|r| r.verdict.clone()).next();
            return format!("not accepted: {}", verdict.unwrap_or_else(|| "its round is not decided".into()));
        }
        let id = &self.state.graph.task(version.task).id;
        let against = self.state.overrides.iter().any(|o| o.task == *id && o.iteration == version.iteration);
        if let Some(task) = self.state.graph.plan.task(id).filter(|task| task.given.is_some()) {
            let asked = if task.judged { "score" } else { "review" };
            return format!("passed a {asked} by itself, in no workflow");
        }
        let word = if against { "accepted against the verdict" } else { "accepted" };
        match it.generation == version.generation {
            true => word.into(),
            false => format!("{word}, and given up since: a person sent its barrier back"),
        }
    }

    /// What the creator was given. What is accepted stays as it was while somebody builds on it.
    fn inputs(&self, version: &Version) -> Vec<Source> {
        let graph = &self.state.graph;
        let mut all = Vec::new();
        for input in &graph.task(version.task).inputs {
            let (kind, task) = match input {
                Input::Artifact { task } => ("artifact", task),
                Input::Handoff { task } => ("handoff", task),
                Input::File { path: name } | Input::Outside { name, .. } => {
                    let file = matches!(input, Input::File { .. });
                    let declared = self.state.declared_inputs.get(name).map(|who| clean(who));
                    let base = version.base.as_ref().filter(|_| file && declared.is_none());
                    all.push(Source {
                        kind: if file { "file" } else { "outside" },
                        task: None,
                        path: clean(name),
                        revision: base.map(Revision::to_string),
                        sha256: None,
                        declared,
                    });
                    continue;
                }
            };
            let made = graph.ix(task).and_then(|ix| self.state.tasks[ix].accepted());
            all.extend(made.into_iter().flat_map(|c| c.artifacts.iter().map(|a| (a, &c.revision))).map(
                |(artifact, revision)| Source {
                    kind,
                    task: Some(task.to_string()),
                    path: clean(&artifact.path),
                    revision: Some(revision.to_string()),
                    sha256: Some(artifact.hash.to_string()),
                    declared: None,
                },
            ));
        }
        all
    }

    fn reviews(&self, ix: usize, round: &Round) -> Vec<Reviewed> {
        let one = |(strategy, review): &(StrategyId, Review)| {
            self.reviewed(ix, round, &Step::Review(strategy.clone()), strategy, review)
        };
        round.reviews.iter().map(one).collect()
    }

    fn reviewed(
        &self,
        ix: usize,
        round: &Round,
        step: &Step,
        strategy: &StrategyId,
        review: &Review,
    ) -> Reviewed {
        let task = self.state.graph.task(ix);
        Reviewed {
            strategy: strategy.to_string(),
            name: clean(&self.state.graph.plan.strategy(strategy).name),
            critical: review.count(Severity::Critical),
            major: review.count(Severity::Major),
            minor: review.count(Severity::Minor),
            dropped: review.dropped(),
            attempt: self.origins.attempt(&task.id, round.iteration, step).map(AttemptId::to_string),
            agent: Agent::of(self.origins.agent(task, round.iteration, step)),
        }
    }

    fn judges(&self, ix: usize, round: &Round) -> Vec<Judge> {
        let task = self.state.graph.task(ix);
        let one = |number: u8, composite: String| {
            let step = Step::of_judge(number);
            let attempt = self.origins.attempt(&task.id, round.iteration, &step);
            let attempt = attempt.map(AttemptId::to_string);
            Judge {
                judge: number,
                composite,
                attempt,
                agent: Agent::of(self.origins.agent(task, round.iteration, &step)),
            }
        };
        if round.judged.is_empty() {
            return round.composite.map(|c| one(1, c.to_string())).into_iter().collect();
        }
        round.judged.iter().map(|j| one(j.judge, j.composite.to_string())).collect()
    }

    /// Questions about the task and about the barriers that carry this version.
    fn approvals(&self, version: &Version) -> Vec<ApprovalView> {
        let task = &self.state.graph.task(version.task).id;
        let carriers = self.carriers(version, MergeKind::Barrier);
        let about = |a: &&ApprovalView| {
            (a.subject == task.as_str() && matches!(a.kind, "task" | "held task"))
                || (a.kind == "barrier" && carriers.iter().any(|c| c.name == a.subject))
        };
        self.view.approvals.iter().filter(about).cloned().collect()
    }

    fn carriers(&self, version: &Version, kind: MergeKind) -> Vec<Carrier> {
        let task = &self.state.graph.task(version.task).id;
        let held = |m: &&Merge| {
            m.kind == kind && m.holds.iter().any(|(t, r)| t == task && *r == version.candidate.revision)
        };
        let by = |m: &Merge| {
            let done = self.view.integration.as_ref()?;
            (m.kind == MergeKind::Integration && done.revision.as_deref() == Some(m.revision.as_str()))
                .then(|| done.by.clone())
        };
        let one = |m: &Merge| Carrier { name: clean(&m.name), revision: m.revision.to_string(), by: by(m) };
        self.origins.merges.iter().filter(held).map(one).collect()
    }
}

impl File {
    fn of(artifact: &consort_core::run::Artifact) -> Self {
        Self { path: clean(&artifact.path), sha256: artifact.hash.to_string() }
    }
}

fn criteria(state: &State, ix: usize, round: &Round) -> Vec<Met> {
    gate::met(state, ix, round).into_iter().map(|(name, met)| Met { name: clean(name), met }).collect()
}
