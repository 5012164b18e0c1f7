//! What the brain wants of one attempt, in an agent's terms: `Start` in, request and outfit out.
//! What a reviewer must not know is left out here and nowhere else.

use crate::agents::outfit::{self, Desk, Outfit, OutfitError};
use crate::agents::request::{
    AnswerBrief, DimensionBrief, HandoffBrief, InputKind, Level, OpenFinding, Outputs, Purpose,
    REQUEST_VERSION, Request, RequestFile, RequestInput, RequestProblem, StrategyBrief, TaskBrief,
};
use crate::agents::{prompt, strategies};
use crate::dirs::RunDirs;
use crate::judges::{Finding, nonce};
use consort_core::ids::{AttemptId, ContentHash, Step, StrategyId, TaskId};
use consort_core::plan::{AgentSpec, Criterion, Output, Plan, Task, TaskKind};
use consort_core::run::{Artifact, Candidate, FindingsRef, Severity, Start};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One file of a reviewer's working directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exhibit {
    /// What it is.
    pub source: ExhibitSource,
    /// Where it lies, relative to the working directory.
    pub to: String,
}

/// Where an exhibit comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExhibitSource {
    /// A file of the candidate's commit.
    Candidate(String),
    /// The difference between the base and the candidate's commit, within the declared globs.
    Diff,
    /// A file of the base's commit: a declared input.
    Base(String),
}

/// What a reviewer sees, under neutral names for the candidate and repository paths for inputs.
pub fn exhibits(task: &Task, start: &Start) -> Vec<Exhibit> {
    let mut all: Vec<Exhibit> = match &task.output {
        Output::Change { .. } => vec![Exhibit { source: ExhibitSource::Diff, to: "candidate.diff".into() }],
        Output::Document { paths } | Output::Data { paths } => paths
            .iter()
            .enumerate()
            .map(|(at, path)| Exhibit {
                source: ExhibitSource::Candidate(path.clone()),
                to: neutral_name(path, at),
            })
            .collect(),
    };
    let seen: Vec<Exhibit> = seen_inputs(start)
        .map(|input| Exhibit { source: ExhibitSource::Base(input.path.clone()), to: input.path.clone() })
        .collect();
    all.extend(seen);
    all
}

/// Inputs that are there: without those that a person declared.
fn seen_inputs(start: &Start) -> impl Iterator<Item = &consort_core::run::InputRef> {
    start.inputs.iter().filter(|input| !start.declared.contains(&input.path))
}

/// `candidate.md`, then `candidate-2.md`.
fn neutral_name(path: &str, at: usize) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map_or("txt", |(_, e)| e);
    if at == 0 { format!("candidate.{extension}") } else { format!("candidate-{}.{extension}", at + 1) }
}

/// What one attempt asks. `findings` are the open reviews of `start.findings` with their texts
/// (see `judges::findings_of`).
pub fn request(plan: &Plan, start: &Start, findings: &[(FindingsRef, Vec<Finding>)], desk: &Desk) -> Request {
    let step = &start.attempt.step;
    let task = plan.task(&start.attempt.task).expect("the brain only starts tasks of its plan");
    let names = Names { plan, task, creator: step.is_creator() };
    Request {
        version: REQUEST_VERSION,
        purpose: purpose(step),
        task: TaskBrief {
            workflow: plan.workflow.title.clone(),
            question: plan.workflow.question.clone(),
            id: step.is_creator().then(|| task.id.to_string()),
            role: task.role.clone(),
            text: names.hide(&task.text),
            produces: produces(task).to_owned(),
        },
        inputs: seen_inputs(start)
            .map(|input| RequestInput {
                path: input.path.clone(),
                kind: match (input.handoff, &input.task) {
                    (true, _) => InputKind::Handoff,
                    (false, Some(_)) => InputKind::Artifact,
                    (false, None) => InputKind::File,
                },
                sha256: input.hash.as_ref().map(ContentHash::to_string),
            })
            .collect(),
        declared: start.declared.clone(),
        candidate: candidate(task, step, start.candidate.as_ref()),
        outputs: if step.is_creator() { outputs(task) } else { Outputs::default() },
        levels: task
            .levels
            .iter()
            .map(|id| Level { id: id.clone(), audience: plan.workflow.levels.get(id).cloned() })
            .collect(),
        criteria: names.criteria(),
        handoff: handoff(task),
        open_findings: findings
            .iter()
            .flat_map(|(of, list)| list.iter().map(|f| open(of, f, step.is_creator())))
            .collect(),
        problems: start
            .problems
            .iter()
            .map(|p| RequestProblem { check: p.check.clone(), text: p.text.clone() })
            .collect(),
        guidance: if step.is_creator() { start.guidance.clone() } else { Vec::new() },
        constraints: plan.constraints.clone(),
        answer: answer(plan, start, desk),
        scratch: desk.temporary().display().to_string(),
    }
}

/// Everything an attempt's process needs, ready to be written and started. Deterministic.
///
/// # Errors
/// The agent's program cannot be found, or nothing is configured.
pub fn outfit(
    plan: &Plan,
    start: &Start,
    findings: &[(FindingsRef, Vec<Finding>)],
    desk: &Desk,
) -> Result<Outfit, OutfitError> {
    let request = request(plan, start, findings, desk);
    let task = plan.task(&start.attempt.task).expect("the brain only starts tasks of its plan");
    outfit::outfit(&request, spec(task, &start.attempt.step), &start.attempt, desk)
}

/// What is wrong with how a consumer's prompt renders handoffs, in sentences: each one among its
/// inputs must be named with the hash that was accepted. `consumer` is how it would be started.
pub fn unrendered_handoffs(plan: &Plan, consumer: &Start, accepted: &[Artifact]) -> Vec<String> {
    let nowhere = Desk {
        dir: PathBuf::new(),
        cwd: PathBuf::new(),
        root: PathBuf::new(),
        self_exe: PathBuf::new(),
        env: BTreeMap::new(),
        try_number: 1,
    };
    let prompt = prompt::render(&request(plan, consumer, &[], &nowhere));
    let declared: Vec<&TaskId> = plan
        .task(&consumer.attempt.task)
        .map(|task| plan.handoffs_into(task).map(|h| &h.id).collect())
        .unwrap_or_default();
    let known = |artifact: &&Artifact| {
        let makes = |id: &&&TaskId| plan.task(id).is_some_and(|t| t.output.paths().contains(&artifact.path));
        declared.iter().any(|id| makes(&id))
    };
    let missing =
        |artifact: &&Artifact| !prompt::renders_handoff(&prompt, &artifact.path, artifact.hash.as_str());
    let wrong = accepted.iter().filter(known).filter(missing);
    wrong
        .map(|a| format!("the prompt of {} does not name {} with its hash", consumer.attempt.task, a.path))
        .collect()
}

/// Consumers whose prompt names every handoff they declare with its accepted hash.
pub fn rendered(plan: &Plan, consumers: &[Start], accepted: &[Artifact]) -> Vec<TaskId> {
    let right = |c: &&Start| unrendered_handoffs(plan, c, accepted).is_empty();
    consumers.iter().filter(right).map(|c| c.attempt.task.clone()).collect()
}

/// Which try at its step an attempt is, over the life of its task, from 1: what scripts of
/// misbehaviour count. Earlier tries are known by their directories.
pub fn try_number(dirs: &RunDirs, attempt: &AttemptId) -> u32 {
    let here = dirs.attempt(attempt);
    let Some(entries) = here.parent().and_then(|all| std::fs::read_dir(all).ok()) else { return 1 };
    let (start, end) = (format!("{}--", attempt.task), format!("--{}", attempt.step));
    let earlier = |name: &str| {
        let numbers = name.strip_prefix(&start)?.strip_suffix(&end)?;
        let number: u32 = numbers.rsplit('-').next()?.parse().ok()?;
        (number < attempt.attempt).then_some(())
    };
    let names = entries.filter_map(|e| e.ok()?.file_name().into_string().ok());
    1 + names.filter(|name| earlier(name).is_some()).count() as u32
}

/// Who does a step of a task.
pub fn spec<'a>(task: &'a Task, step: &Step) -> &'a AgentSpec {
    match step {
        Step::Create | Step::SelfReview => &task.creator,
        Step::Review(_) => &task.critic,
        Step::Judge => &task.judge,
    }
}

fn purpose(step: &Step) -> Purpose {
    let brief = |id: StrategyId| {
        let s = strategies::of(&id);
        StrategyBrief {
            id: id.to_string(),
            name: s.name.into(),
            purpose: s.purpose.into(),
            prefix: s.prefix.into(),
            protocol: s.protocol.iter().map(|p| (*p).to_owned()).collect(),
        }
    };
    match step {
        Step::Create => Purpose::Create,
        Step::SelfReview => Purpose::SelfReview { strategy: brief("S-010".into()) },
        Step::Review(strategy) => Purpose::Review { strategy: brief(strategy.clone()) },
        Step::Judge => Purpose::Judge { strategy: brief("S-014".into()) },
    }
}

fn produces(task: &Task) -> &'static str {
    match task.kind {
        TaskKind::Handoff(_) => "handoff",
        TaskKind::Declared => task.output.word(),
    }
}

fn outputs(task: &Task) -> Outputs {
    match &task.output {
        Output::Document { paths } | Output::Data { paths } => {
            Outputs { paths: paths.clone(), writes: Vec::new() }
        }
        Output::Change { writes } => Outputs { paths: Vec::new(), writes: writes.clone() },
    }
}

/// A creator finds its last version under its own paths, a reviewer under neutral names.
fn candidate(task: &Task, step: &Step, candidate: Option<&Candidate>) -> Vec<RequestFile> {
    let Some(candidate) = candidate else { return Vec::new() };
    if !step.is_creator() && matches!(task.output, Output::Change { .. }) {
        return vec![RequestFile { path: "candidate.diff".into(), sha256: None }];
    }
    let named = |at: usize, path: &str| match step.is_creator() {
        true => path.to_owned(),
        false => neutral_name(path, at),
    };
    let file = |at: usize, path: &str| RequestFile {
        path: named(at, path),
        sha256: candidate.artifacts.iter().find(|a| a.path == path).map(|a| a.hash.to_string()),
    };
    match &task.output {
        Output::Document { paths } | Output::Data { paths } => {
            paths.iter().enumerate().map(|(at, path)| file(at, path)).collect()
        }
        Output::Change { .. } => candidate.artifacts.iter().map(|a| file(0, &a.path)).collect(),
    }
}

fn handoff(task: &Task) -> Option<HandoffBrief> {
    match &task.kind {
        TaskKind::Declared => None,
        TaskKind::Handoff(handoff) => Some(HandoffBrief {
            barrier: handoff.barrier.to_string(),
            from: handoff.aliases.0.clone(),
            to: handoff.aliases.1.clone(),
            key_content: handoff.key_content.clone(),
        }),
    }
}

fn open(of: &FindingsRef, finding: &Finding, creator: bool) -> OpenFinding {
    // The severity of a judge's finding follows from its score, which other reviewers do not see.
    let veiled = !creator && of.strategy.as_str() == "S-014";
    OpenFinding {
        id: finding.id.clone(),
        strategy: of.strategy.to_string(),
        severity: severity(if veiled { Severity::Major } else { finding.severity }).to_owned(),
        location: finding.location.clone(),
        claim: finding.claim.clone(),
        remedy: finding.remedy.clone(),
    }
}

/// As in an answer file.
fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::Major => "major",
        Severity::Minor => "minor",
    }
}

fn answer(plan: &Plan, start: &Start, desk: &Desk) -> Option<AnswerBrief> {
    let judge = start.attempt.step == Step::Judge;
    (start.attempt.step != Step::Create).then(|| AnswerBrief {
        path: desk.answer().display().to_string(),
        nonce: nonce(&start.nonce, &start.attempt),
        dimensions: plan
            .quality
            .dimensions
            .iter()
            .map(|d| DimensionBrief {
                id: d.id.to_string(),
                name: d.name.clone(),
                about: d.about.clone(),
                rubric: match judge {
                    true => strategies::rubric(d.id.as_str()).map(str::to_owned).to_vec(),
                    false => Vec::new(),
                },
            })
            .collect(),
    })
}

/// Texts of the workflow that name tasks. A phase's criteria may be about another task of the
/// phase; and a reviewer learns no task's id.
struct Names<'a> {
    plan: &'a Plan,
    task: &'a Task,
    creator: bool,
}

impl Names<'_> {
    /// Criteria about this task, or about no task in particular.
    fn criteria(&self) -> Vec<Criterion> {
        let about =
            |text: &str, task: &Task| is_name(&task.id) && find_word(text, task.id.as_str()).is_some();
        self.task
            .criteria
            .iter()
            .filter(|c| {
                about(&c.validation, self.task) || !self.plan.tasks.iter().any(|t| about(&c.validation, t))
            })
            .map(|c| Criterion { name: self.hide(&c.name), validation: self.hide(&c.validation) })
            .collect()
    }

    /// For reviewers: the text with task ids replaced.
    fn hide(&self, text: &str) -> String {
        if self.creator {
            return text.to_owned();
        }
        self.plan.tasks.iter().filter(|t| is_name(&t.id)).fold(text.to_owned(), |text, task| {
            let stand_in = if task.id == self.task.id { "the candidate's" } else { "another task's" };
            replace_word(&text, task.id.as_str(), stand_in)
        })
    }
}

/// An id that cannot be an ordinary word of the text, such as `agent-a-001`; `docs` might be one.
fn is_name(id: &TaskId) -> bool {
    id.as_str().contains(|c: char| c.is_ascii_digit() || c == '-' || c == '_')
}

fn replace_word(text: &str, word: &str, by: &str) -> String {
    let (mut done, mut rest) = (String::new(), text);
    while let Some(at) = find_word(rest, word) {
        done.push_str(&rest[..at]);
        done.push_str(by);
        rest = &rest[at + word.len()..];
    }
    done + rest
}

/// Where `word` stands in `text`, not as a part of a longer name.
fn find_word(text: &str, word: &str) -> Option<usize> {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '_');
    text.match_indices(word)
        .find(|(at, _)| {
            !part(text[..*at].chars().next_back()) && !part(text[at + word.len()..].chars().next())
        })
        .map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_names_are_replaced_and_parts_of_longer_ones_are_not() {
        assert_eq!(replace_word("a-1 and a-10, (a-1)", "a-1", "X"), "X and a-10, (X)");
        assert_eq!(replace_word("xa-1 a-1", "a-1", "X"), "xa-1 X");
        assert_eq!(find_word("agent-a-001", "a-001"), None);
    }

    #[test]
    fn candidates_have_neutral_names() {
        assert_eq!(neutral_name("x/agent-a-001-research.md", 0), "candidate.md");
        assert_eq!(neutral_name("x/b.json", 1), "candidate-2.json");
        assert_eq!(neutral_name("x.y/Makefile", 0), "candidate.txt");
    }
}
