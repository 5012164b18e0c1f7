//! What the brain wants of one attempt, in an agent's terms: `Start` in, request and outfit out.
//! What a reviewer must not know is left out here and nowhere else.

use crate::agents::outfit::{self, Desk, Outfit, OutfitError};
use crate::agents::request::{
    AnswerBrief, DimensionBrief, HandoffBrief, InputKind, ItemBrief, Level, ListBrief, OpenFinding, Outputs,
    Purpose, REQUEST_VERSION, Request, RequestFile, RequestInput, RequestProblem, RoleBrief, StrategyBrief,
    TaskBrief,
};
use crate::agents::{strategies, templates};
use crate::checks::list;
use crate::dirs::RunDirs;
use crate::judges::{self, Finding, Response, Rules, Shown, nonce};
use crate::store::Store;
use consort_core::ids::{AttemptId, ContentHash, DimensionId, Step, StrategyId};
use consort_core::plan::growth::EACH_MAX;
use consort_core::plan::{
    AgentSpec, Names, Output, Plan, Reads, Runtime, Strategy, Task, TaskKind, judged_criteria,
};
use consort_core::run::{Candidate, FindingsRef, Severity, Start};

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
    /// Data of another task, which is in the content store and not in git: a declared input.
    Stored(ContentHash),
}

/// What a reviewer sees, under neutral names for the candidate and repository paths for inputs.
pub fn exhibits(plan: &Plan, start: &Start) -> Vec<Exhibit> {
    let task = plan.task(&start.attempt.task).expect("the brain only starts tasks of its plan");
    let mut all: Vec<Exhibit> = match &task.output {
        Output::Change { .. } => vec![Exhibit { source: ExhibitSource::Diff, to: "candidate.diff".into() }],
        Output::Document { paths } | Output::Data { paths, .. } => paths
            .iter()
            .enumerate()
            .map(|(at, path)| Exhibit {
                source: ExhibitSource::Candidate(path.clone()),
                to: neutral_name(path, at),
            })
            .collect(),
    };
    if !reads(plan, &start.attempt.step, Reads::Inputs) {
        return all;
    }
    let stored = stored_inputs(plan, start);
    all.extend(seen_inputs(start).map(|input| Exhibit {
        source: match stored.iter().find(|(path, _)| *path == input.path) {
            Some((_, hash)) => ExhibitSource::Stored(hash.clone()),
            None => ExhibitSource::Base(input.path.clone()),
        },
        to: input.path.clone(),
    }));
    all
}

/// Inputs that are data of other tasks, with their paths: a creator's workspace gets them from
/// the content store before each of its attempts, for they are not in its base.
pub fn stored_inputs(plan: &Plan, start: &Start) -> Vec<(String, ContentHash)> {
    let data = |input: &&consort_core::run::InputRef| {
        let maker = input.task.as_ref().and_then(|task| plan.task(task));
        maker.is_some_and(|task| matches!(task.output, Output::Data { .. }))
    };
    let stored = seen_inputs(start).filter(data);
    stored.filter_map(|input| Some((input.path.clone(), input.hash.clone()?))).collect()
}

/// Inputs that are there: without those that a person declared.
fn seen_inputs(start: &Start) -> impl Iterator<Item = &consort_core::run::InputRef> {
    start.inputs.iter().filter(|input| !start.declared.contains(&input.path))
}

/// Whether whoever does a step is shown this. Creators are shown everything.
fn reads(plan: &Plan, step: &Step, what: Reads) -> bool {
    match step {
        Step::Create | Step::SelfReview => true,
        Step::Review(strategy) => plan.strategy(strategy).reads.contains(&what),
        Step::Judge | Step::Panel(_) => plan.strategy(&StrategyId::from("S-014")).reads.contains(&what),
    }
}

/// `candidate.md`, then `candidate-2.md`.
fn neutral_name(path: &str, at: usize) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map_or("txt", |(_, e)| e);
    if at == 0 { format!("candidate.{extension}") } else { format!("candidate-{}.{extension}", at + 1) }
}

/// What earlier attempts said, with its texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The open reviews of `start.findings`: see `judges::findings_of`.
    pub findings: Vec<(FindingsRef, Vec<Finding>)>,
    /// What the creator of the candidate says became of earlier findings.
    pub responses: Vec<Response>,
}

impl Told {
    /// What an attempt is told of what others said, from the content store.
    ///
    /// # Errors
    /// In a sentence: something is not in the store, or is no review.
    pub fn load(store: &Store, start: &Start) -> Result<Self, String> {
        let get = |hash: &ContentHash, what: &str| {
            let bytes = store.get(hash).map_err(|e| e.to_string())?;
            bytes.ok_or_else(|| format!("the {what} {hash} is not in the content store"))
        };
        let review = |of: &FindingsRef| {
            Ok((of.clone(), judges::findings_of(&of.strategy, &get(&of.answer, "review")?)?))
        };
        let findings = start.findings.iter().map(review).collect::<Result<_, String>>()?;
        let responses = match &start.responses {
            Some(answer) => judges::responses_of(&get(answer, "self-review")?)?,
            None => Vec::new(),
        };
        Ok(Self { findings, responses })
    }
}

/// What one attempt asks.
pub fn request(plan: &Plan, start: &Start, told: &Told, desk: &Desk) -> Request {
    let step = &start.attempt.step;
    let task = plan.task(&start.attempt.task).expect("the brain only starts tasks of its plan");
    let names = Names { plan, task, creator: step.is_creator() };
    Request {
        version: REQUEST_VERSION,
        purpose: purpose(plan, step),
        task: TaskBrief {
            workflow: plan.workflow.title.clone(),
            question: plan.workflow.question.clone(),
            id: step.is_creator().then(|| task.id.to_string()),
            role: task.role.clone(),
            text: names.hide(&task.text),
            produces: produces(task).to_owned(),
        },
        inputs: seen_inputs(start)
            .filter(|_| reads(plan, step, Reads::Inputs))
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
        form: task.form.clone(),
        criteria: names.criteria(),
        handoff: handoff(task),
        open_findings: told
            .findings
            .iter()
            .filter(|_| reads(plan, step, Reads::OpenFindings))
            .flat_map(|(of, list)| list.iter().map(|f| open(of, f, step.is_creator(), &told.responses)))
            .collect(),
        problems: start
            .problems
            .iter()
            .map(|p| RequestProblem { check: p.check.clone(), text: p.text.clone() })
            .collect(),
        refused: start.refused.clone(),
        guidance: if step.is_creator() { start.guidance.clone() } else { Vec::new() },
        constraints: plan
            .constraints
            .iter()
            .filter(|c| step.is_creator() || !names.tells_the_gate(&[&c.name, &c.enforcement]))
            .cloned()
            .collect(),
        answer: answer(plan, start, desk),
        scratch: desk.temporary().display().to_string(),
        role: role(plan, task.agent_of(step, start.fallback)),
        item: item(task),
        list: tasks(plan, task),
        template: plan.prompts.get(templates::name(step)).cloned(),
    }
}

fn item(task: &Task) -> Option<ItemBrief> {
    match &task.kind {
        TaskKind::Grown(grown) => Some(ItemBrief { number: grown.number, json: grown.item.clone() }),
        _ => None,
    }
}

/// The narrowest of what is made of its list.
fn tasks(plan: &Plan, task: &Task) -> Option<ListBrief> {
    let Output::Data { tasks: true, .. } = &task.output else { return None };
    let wanted = list::wanted(plan, task);
    let max = wanted.iter().map(|growth| growth.max).min().unwrap_or(EACH_MAX);
    let roles = wanted.first().into_iter().flat_map(|growth| growth.choices.keys());
    let everywhere = |role: &&String| wanted.iter().all(|growth| growth.choices.contains_key(*role));
    Some(ListBrief { max, roles: roles.filter(everywhere).cloned().collect() })
}

fn role(plan: &Plan, agent: &AgentSpec) -> Option<RoleBrief> {
    let role = plan.roles.get(agent.role.as_ref()?)?;
    Some(RoleBrief {
        name: role.name.clone(),
        instructions: role.instructions.clone(),
        forbidden: role.forbidden.clone(),
    })
}

/// What the answer of one attempt is measured by, owned: see [`Rules`].
pub struct Measure {
    strategy: Strategy,
    dimensions: Vec<DimensionId>,
    nonce: String,
    criteria: Vec<bool>,
}

/// The measure of an attempt, from the plan and the run's nonce.
pub fn measure(plan: &Plan, attempt: &AttemptId, run_nonce: &str) -> Measure {
    Measure {
        strategy: plan.strategy(&judges::strategy_of(&attempt.step)),
        dimensions: plan.quality.dimensions.iter().map(|d| d.id.clone()).collect(),
        nonce: nonce(run_nonce, attempt),
        criteria: plan.task(&attempt.task).map_or_else(Vec::new, |task| judged_criteria(plan, task)),
    }
}

impl Measure {
    /// As rules; `shown` is the candidate's text, if quotations are to be looked up.
    pub fn rules<'a>(&'a self, shown: Option<&'a Shown>) -> Rules<'a> {
        Rules {
            strategy: Some(&self.strategy),
            dimensions: &self.dimensions,
            nonce: &self.nonce,
            criteria: &self.criteria,
            shown,
        }
    }
}

/// Everything an attempt's process needs, ready to be written and started. Deterministic.
///
/// # Errors
/// The agent's program cannot be found, or nothing is configured.
pub fn outfit(plan: &Plan, start: &Start, told: &Told, desk: &Desk) -> Result<Outfit, OutfitError> {
    let request = request(plan, start, told, desk);
    let task = plan.task(&start.attempt.task).expect("the brain only starts tasks of its plan");
    outfit::outfit(&request, task.agent_of(&start.attempt.step, start.fallback), start, desk)
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

fn purpose(plan: &Plan, step: &Step) -> Purpose {
    let brief = |id: StrategyId| {
        let s = plan.strategy(&id);
        StrategyBrief {
            id: id.to_string(),
            name: s.name,
            purpose: s.purpose,
            prefix: s.prefix,
            protocol: s.protocol,
            severity: s.severity,
        }
    };
    match step {
        Step::Create => Purpose::Create,
        Step::SelfReview => Purpose::SelfReview { strategy: brief("S-010".into()) },
        Step::Review(strategy) => Purpose::Review { strategy: brief(strategy.clone()) },
        Step::Judge | Step::Panel(_) => Purpose::Judge { strategy: brief("S-014".into()) },
    }
}

fn produces(task: &Task) -> &'static str {
    match task.kind {
        TaskKind::Handoff(_) => "handoff",
        _ => task.output.word(),
    }
}

fn outputs(task: &Task) -> Outputs {
    match &task.output {
        Output::Document { paths } | Output::Data { paths, .. } => {
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
        Output::Document { paths } | Output::Data { paths, .. } => {
            paths.iter().enumerate().map(|(at, path)| file(at, path)).collect()
        }
        Output::Change { .. } => candidate.artifacts.iter().map(|a| file(0, &a.path)).collect(),
    }
}

fn handoff(task: &Task) -> Option<HandoffBrief> {
    match &task.kind {
        TaskKind::Handoff(handoff) => Some(HandoffBrief {
            barrier: handoff.barrier.to_string(),
            from: handoff.aliases.0.clone(),
            to: handoff.aliases.1.clone(),
            key_content: handoff.key_content.clone(),
        }),
        _ => None,
    }
}

fn open(of: &FindingsRef, finding: &Finding, creator: bool, responses: &[Response]) -> OpenFinding {
    // The severity of a judge's finding follows from its score, which other reviewers do not see.
    let veiled = !creator && of.strategy.as_str() == "S-014";
    OpenFinding {
        id: finding.id.clone(),
        strategy: of.strategy.to_string(),
        severity: severity(if veiled { Severity::Major } else { finding.severity }).to_owned(),
        location: finding.location.clone(),
        claim: finding.claim.clone(),
        quote: finding.quote.clone(),
        remedy: finding.remedy.clone(),
        response: response(of, finding, responses).filter(|_| !creator),
    }
}

fn response(of: &FindingsRef, finding: &Finding, responses: &[Response]) -> Option<String> {
    let id = format!("{}/{}", of.strategy, finding.id);
    let said = responses.iter().find(|r| r.finding == id)?;
    Some(format!("{}: {}", if said.fixed { "fixed" } else { "refused" }, said.text))
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
    let judge = start.attempt.step.judge().is_some();
    let task = plan.task(&start.attempt.task)?;
    let runtime = &task.agent_of(&start.attempt.step, start.fallback).runtime;
    (start.attempt.step != Step::Create).then(|| AnswerBrief {
        path: desk.answer().display().to_string(),
        by_reply: matches!(runtime, Runtime::Session(_)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_have_neutral_names() {
        assert_eq!(neutral_name("x/agent-a-001-research.md", 0), "candidate.md");
        assert_eq!(neutral_name("x/b.json", 1), "candidate-2.json");
        assert_eq!(neutral_name("x.y/Makefile", 0), "candidate.txt");
    }
}
