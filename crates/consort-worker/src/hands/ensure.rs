//! Idempotent effects on workspaces and refs.

use super::attempt::remove_tree;
use super::growth::List;
use super::{CheckpointContent, Hands};
use crate::agents::outfit::Desk;
use crate::agents::{prompt, session, templates};
use crate::judges::Finding;
use crate::remote::{checkpoint_message, resume_line};
use crate::workspace::{Captured, Plane, PlaneError, Rewind, integrate};
use crate::{briefing, checks};
use consort_core::definition::escalation::{Changed, Rules, level_of};
use consort_core::ids::{BarrierId, CheckpointId, Revision, TaskId};
use consort_core::plan::{Input, Output, Task};
use consort_core::planted::Bug;
use consort_core::run::{
    Artifact, Candidate, Effect, Ensure, FindingsRef, InputRef, Problem, Raised, Report, Start, Tip,
};
use consort_core::time::Timestamp;
use consort_core::view::VIEW_VERSION;

/// What a capture is measured by.
pub(super) struct Capture<'a> {
    pub(super) generation: u32,
    pub(super) iteration: u32,
    pub(super) base: Option<&'a Revision>,
    pub(super) inputs: &'a [InputRef],
    /// Findings that this version was asked to answer.
    pub(super) asked: &'a [FindingsRef],
    /// The version in which they were found.
    pub(super) last: Option<&'a Candidate>,
    pub(super) at: Timestamp,
}

impl Hands {
    pub(super) fn ensure(&self, ensure: Ensure) -> Vec<Report> {
        let key = Effect::Ensure(ensure.clone()).key().0;
        let failed = |why: String| vec![Report::EffectFailed { effect: key.clone(), why }];
        match ensure {
            Ensure::Told(told) => match session::tell(&self.bench.dirs.control(&told.attempt), &told.what) {
                Ok(()) => {
                    vec![Report::SessionTold { attempt: told.attempt, what: told.what.to_string() }]
                }
                Err(error) => failed(format!("a word for {} cannot be written: {error}", told.attempt)),
            },
            Ensure::Workspace { task, generation, tips, at } => self.workspace(&task, generation, &tips, at),
            Ensure::Candidate { task, generation, iteration, base, inputs, asked, last, at } => {
                let wish = Capture {
                    generation,
                    iteration,
                    base: base.as_ref(),
                    inputs: &inputs,
                    asked: &asked,
                    last: last.as_ref(),
                    at,
                };
                vec![self.capture(&task, &wish)]
            }
            Ensure::Committed { task, generation, candidate, at } => {
                match self.bench.plane.commit_task(&task, generation, &candidate, self.label(&task), at) {
                    Ok(()) => vec![Report::TaskCommitted { task, revision: candidate.revision }],
                    Err(error) => failed(error.to_string()),
                }
            }
            Ensure::BarrierCommit { barrier, set, tips, handoffs, consumers, at } => {
                self.barrier(&barrier, set, &tips, &handoffs, &consumers, at)
            }
            Ensure::Checkpoint { .. } => failed("a checkpoint needs its content".into()),
            Ensure::Rewound { number, to, kept, labels, at } => {
                match self.bench.plane.rewind(&Rewind { to: &to, kept: &kept, labels: &labels, at }) {
                    Ok(()) => vec![Report::RefsRewound { number }],
                    Err(error) => failed(error.to_string()),
                }
            }
            Ensure::Condition { task, generation, expr, facts } => {
                vec![self.condition(&task, generation, &expr, &facts)]
            }
            Ensure::List { task, generation, artifact, revision, from } => {
                let (task, artifact, revision, from) = (&task, &artifact, &revision, &from);
                match self.list(&List { task, generation, artifact, revision, from }) {
                    Ok(report) => vec![report],
                    Err(why) => failed(why),
                }
            }
            Ensure::Abandoned { number, gone, at } => match self.bench.plane.abandon(&gone, at) {
                Ok(()) => vec![Report::RefsAbandoned { number }],
                Err(error) => failed(error.to_string()),
            },
            Ensure::Released { task, generation, salvage, at } => {
                self.release(&task, generation, salvage, at)
            }
            Ensure::Integrated { into, expected, result, at } => {
                match self.integrate(&into, &expected, &result, at) {
                    Ok(revision) => vec![Report::Integrated { into, revision }],
                    Err(why) => failed(why),
                }
            }
        }
    }

    fn integrate(
        &self,
        into: &str,
        expected: &Revision,
        result: &Revision,
        at: Timestamp,
    ) -> Result<Revision, String> {
        let Plane::Git(plane) = &self.bench.plane else {
            return Err("there is no repository, and so no branch to bring the result to; its files are in the last checkpoint".into());
        };
        let done = integrate(plane.repo(), &self.bench.run, into, expected, result, at);
        done.map(|done| done.revision).map_err(|e| e.to_string())
    }

    fn workspace(&self, id: &TaskId, generation: u32, tips: &[Tip], at: Timestamp) -> Vec<Report> {
        let effect = format!("workspace/{id}/{generation}");
        let Some(task) = self.plan().task(id) else { return Vec::new() };
        let task_id = id.clone();
        vec![match self.bench.plane.prepare(task, generation, tips, at) {
            Ok(prepared) => Report::WorkspaceReady { task: task_id, generation, base: prepared.base },
            Err(PlaneError::Conflict { between, paths }) => {
                Report::WorkspaceConflicted { task: task_id, generation, between, paths }
            }
            Err(error) => Report::EffectFailed { effect, why: error.to_string() },
        }]
    }

    /// Reads, checks and commits what a creator made.
    pub(super) fn capture(&self, id: &TaskId, wish: &Capture<'_>) -> Report {
        let Capture { generation, iteration, base, inputs, at, .. } = *wish;
        let effect = format!("candidate/{id}/{generation}.{iteration}");
        let task = id.clone();
        let Some(plan) = self.plan().task(id) else {
            return Report::EffectFailed { effect, why: format!("the plan has no task {id}") };
        };
        if let Some(hash) = &plan.given
            && let Err(why) = self.lay_given(plan, hash)
        {
            return Report::EffectFailed { effect, why };
        }
        let captured = match self.bench.plane.capture(plan, generation, iteration, base, at) {
            Ok(captured) => captured,
            Err(PlaneError::Refused(why)) => {
                return Report::CandidateRefused { task, generation, iteration, why };
            }
            Err(error) => return Report::EffectFailed { effect, why: error.to_string() },
        };
        let texts = match self.texts(base, inputs) {
            Ok(texts) => texts,
            Err(why) => return Report::EffectFailed { effect, why },
        };
        let files: Vec<(String, Vec<u8>)> = captured
            .contents
            .iter()
            .map(|(artifact, bytes)| (artifact.path.clone(), bytes.clone()))
            .collect();
        let mut problems = checks::check_candidate(plan, &files, &texts);
        match self.schema(plan, base) {
            Ok(schema) => {
                let rehearsal = self.plan().rehearsal;
                problems.extend(checks::form::check(plan, &files, schema.as_deref(), rehearsal));
            }
            Err(why) => return Report::EffectFailed { effect, why },
        }
        problems.extend(checks::list::check(self.plan(), plan, &files));
        if plan.given.is_some() && !plan.judged {
            // Named critics and nothing else: whoever asked them has `consort lint` for the rest.
            problems.clear();
        }
        match self.deleted(plan, &files, wish) {
            Ok(more) => problems.extend(more),
            Err(why) => return Report::EffectFailed { effect, why },
        }
        // What is wrong in itself need not be built or tested.
        let commanded = match problems.is_empty() {
            true => self.measured(plan, &captured.candidate.revision, &files, wish),
            false => Ok(Default::default()),
        };
        let passed = match commanded {
            Ok(commanded) => {
                problems.extend(commanded.problems);
                commanded.passed
            }
            Err(why) => return Report::EffectFailed { effect, why },
        };
        problems.truncate(checks::PROBLEMS_MAX);
        let raised = match self.raised(plan, &captured, base) {
            Ok(raised) => raised,
            Err(why) => return Report::EffectFailed { effect, why },
        };
        if let Err(why) = self.keep(plan, &captured.contents) {
            return Report::EffectFailed { effect, why };
        }
        Report::CandidateCaptured {
            task,
            generation,
            iteration,
            candidate: captured.candidate,
            problems,
            passed,
            raised,
        }
    }

    /// The schema that a task's form names, as it is at its base: its agent cannot loosen it.
    fn schema(&self, task: &Task, base: Option<&Revision>) -> Result<Option<String>, String> {
        let (Some(path), false) = (&task.form.schema, self.plan().rehearsal) else { return Ok(None) };
        let base = base.ok_or("a task without a base has no schema to be measured by")?;
        let bytes = self.bench.plane.read(base, path).map_err(|e| e.to_string())?;
        let bytes = bytes.ok_or_else(|| {
            format!("the schema `{path}` is not in the base of this task: commit it and begin again")
        })?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// What the plan's rules ask for by what a change really touched, deletions among it. Documents
    /// were measured by their declared paths before the run.
    fn raised(
        &self,
        task: &Task,
        captured: &Captured,
        base: Option<&Revision>,
    ) -> Result<Option<Raised>, String> {
        if !matches!(task.output, Output::Change { .. }) {
            return Ok(None);
        }
        let rules = Rules::new(&self.plan().escalation);
        let kept = captured.contents.iter().map(|(artifact, _)| (&artifact.path, false));
        let touched = kept.chain(captured.gone.iter().map(|path| (path, true)));
        let mut files: Vec<Changed> =
            touched.map(|(path, deleted)| Changed { path: path.clone(), deleted, existed: false }).collect();
        if let Plane::Git(plane) = &self.bench.plane
            && let Some(base) = self.bench.base.as_ref().or(base)
        {
            // Of the run, not of the task: what this run itself made is not there for others yet.
            let mut asked: Vec<_> = files.iter_mut().filter(|file| rules.want_to_know_of(file)).collect();
            let paths: Vec<String> = asked.iter().map(|file| file.path.clone()).collect();
            let before = match paths.is_empty() {
                true => Vec::new(),
                false => plane.repo().are_files(base, &paths).map_err(|e| e.to_string())?,
            };
            asked.iter_mut().zip(before).for_each(|(file, existed)| file.existed = existed);
        }
        let Some((level, mut rules)) = level_of(&rules.changed(&files)) else { return Ok(None) };
        rules.truncate(10);
        Ok((level > task.criticality).then_some(Raised { level, rules }))
    }

    /// Sections that findings are about and that are gone.
    fn deleted(
        &self,
        task: &Task,
        files: &[(String, Vec<u8>)],
        wish: &Capture<'_>,
    ) -> Result<Vec<Problem>, String> {
        let (Output::Document { paths }, Some(last), false) =
            (&task.output, wish.last, wish.asked.is_empty())
        else {
            return Ok(Vec::new());
        };
        let Some((path, after)) = paths.first().and_then(|p| files.iter().find(|(path, _)| path == p)) else {
            return Ok(Vec::new());
        };
        let Some(before) = self.read(&last.revision, path, last)? else { return Ok(Vec::new()) };
        let named = |(of, list): (FindingsRef, Vec<Finding>)| {
            list.into_iter().map(move |finding| (of.strategy.to_string(), finding))
        };
        let critics: Vec<FindingsRef> =
            wish.asked.iter().filter(|of| of.strategy.as_str() != "S-014").cloned().collect();
        let findings: Vec<_> = self.findings(&critics)?.into_iter().flat_map(named).collect();
        let text = String::from_utf8_lossy;
        let gone = checks::deleted::check(&text(&before), &text(after), &findings);
        Ok(gone.into_iter().map(|text| checks::problem("findings", text)).collect())
    }

    /// Data lives in the content store and nowhere else.
    fn keep(&self, task: &Task, contents: &[(Artifact, Vec<u8>)]) -> Result<(), String> {
        if matches!(task.output, Output::Data { .. }) {
            for (_, bytes) in contents {
                self.bench.store.put(bytes).map_err(|e| e.to_string())?;
            }
        }
        Ok(())
    }

    /// Accepted texts of inputs; those that are nowhere in git are in the content store.
    fn texts(&self, base: Option<&Revision>, inputs: &[InputRef]) -> Result<Vec<(InputRef, String)>, String> {
        let read = |input: &InputRef| {
            let base = base.ok_or("a task without a base cannot have inputs of other tasks")?;
            let mut bytes = self.bench.plane.read(base, &input.path).map_err(|e| e.to_string())?;
            if let (None, Some(hash)) = (&bytes, &input.hash) {
                bytes = self.bench.store.get(hash).map_err(|e| e.to_string())?;
            }
            if bytes.is_none() && input.handoff {
                return Err(format!("`{}` is not in the base of this task", input.path));
            }
            // A source may be gone: a change that deleted it is an input, too.
            let text = String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
            Ok((input.clone(), text))
        };
        inputs.iter().map(read).collect()
    }

    fn barrier(
        &self,
        barrier: &BarrierId,
        set: u32,
        tips: &[Tip],
        handoffs: &[Artifact],
        consumers: &[Start],
        at: Timestamp,
    ) -> Vec<Report> {
        let mut tips = tips.to_vec();
        if Bug::HandoffLostInMerge.is_planted() {
            tips.pop();
        }
        let barrier_id = barrier.clone();
        vec![match self.bench.plane.barrier(barrier, set, &tips, handoffs, at) {
            Ok((revision, handoffs)) => {
                let blockers = match self.blockers(&revision, &handoffs) {
                    Ok(blockers) => blockers,
                    Err(why) => {
                        let effect = format!("barrier/{barrier}/{set}");
                        return vec![Report::EffectFailed { effect, why }];
                    }
                };
                let rendered = consumers
                    .iter()
                    .filter(|s| self.names_its_handoffs(barrier, s))
                    .map(|s| s.attempt.task.clone());
                let rendered = rendered.collect();
                Report::BarrierMerged { barrier: barrier_id, set, revision, handoffs, rendered, blockers }
            }
            Err(PlaneError::Conflict { between, paths }) => {
                Report::BarrierConflicted { barrier: barrier_id, between, paths }
            }
            Err(error) => {
                Report::EffectFailed { effect: format!("barrier/{barrier}/{set}"), why: error.to_string() }
            }
        }]
    }

    /// What the handoffs of a barrier say stands in the way, such as `a-to-b/BLK-001: no key`.
    fn blockers(&self, revision: &Revision, handoffs: &[Artifact]) -> Result<Vec<String>, String> {
        let mut all = Vec::new();
        for handoff in handoffs {
            let bytes = self.bench.plane.read(revision, &handoff.path).map_err(|e| e.to_string())?;
            let text = String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
            let direction = handoff.path.rsplit('/').nth(1).unwrap_or_default();
            let named = checks::envelope::parse_envelope(&text).blockers.into_iter();
            all.extend(named.map(|(id, text)| format!("{direction}/{id}: {text}")));
        }
        Ok(all)
    }

    /// True if the prompt of this consumer names every handoff of this barrier that it declares,
    /// with the accepted hash. Handoffs of other barriers are those barriers' business.
    fn names_its_handoffs(&self, barrier: &BarrierId, start: &Start) -> bool {
        let (Some(task), Some(plan)) = (self.plan().task(&start.attempt.task), self.plan().barrier(barrier))
        else {
            return false;
        };
        let dirs = &self.bench.dirs;
        let desk = Desk {
            dir: dirs.desk(&start.attempt),
            control: dirs.control(&start.attempt),
            home: dirs.home(&start.attempt),
            cwd: dirs.workspace(&start.attempt.task, start.attempt.generation),
            prices: None,
            root: self.bench.root.clone(),
            self_exe: self.bench.self_exe.clone(),
            env: Default::default(),
            try_number: 1,
        };
        let request = briefing::request(self.plan(), start, &briefing::Told::default(), &desk);
        // A template that gives no prompt shows no handoff.
        let text = templates::compose(&request).unwrap_or_default();
        let named = |handoff: &TaskId| {
            let input = start.inputs.iter().find(|i| i.handoff && i.task.as_ref() == Some(handoff));
            input.is_some_and(|i| {
                i.hash.as_ref().is_some_and(|hash| prompt::renders_handoff(&text, &i.path, hash.as_str()))
            })
        };
        let mut declared = task.inputs.iter().filter_map(|input| match input {
            Input::Handoff { task } if plan.handoffs.contains(task) => Some(task),
            _ => None,
        });
        declared.all(named)
    }

    pub(super) fn make_checkpoint(
        &self,
        id: &CheckpointId,
        content: CheckpointContent,
        at: Timestamp,
    ) -> Vec<Report> {
        let resume = resume_line(&content.files);
        let CheckpointContent { mut tips, files, journal_head, seq } = content;
        if Bug::CheckpointWithoutArtifact.is_planted() {
            tips.pop();
        }
        let checkpoint = id.clone();
        let moment = (seq, journal_head.as_str());
        let message = checkpoint_message(&self.bench.run, id, moment, &VIEW_VERSION.to_string(), &resume);
        vec![match self.bench.plane.checkpoint(id, &tips, &files, &message, at) {
            Ok(revision) => Report::CheckpointCommitted { checkpoint, revision },
            Err(PlaneError::Conflict { paths, .. }) => Report::CheckpointConflicted { checkpoint, paths },
            Err(error) => Report::EffectFailed { effect: format!("checkpoint/{id}"), why: error.to_string() },
        }]
    }

    /// The branch that follows a task's acceptance: its pipeline's.
    fn label(&self, task: &TaskId) -> Option<&str> {
        let (pipeline, _) = self.plan().task(task)?.place.as_ref()?;
        Some(self.plan().pipeline(pipeline)?.alias.as_str())
    }

    fn release(&self, id: &TaskId, generation: u32, salvage: bool, at: Timestamp) -> Vec<Report> {
        let Some(task) = self.plan().task(id) else { return Vec::new() };
        match self.bench.plane.release(task, generation, salvage, at) {
            Ok(salvaged) => {
                // Nobody comes back to its sessions.
                let _ = remove_tree(&self.bench.dirs.home_of(id, generation));
                vec![Report::WorkspaceReleased { task: id.clone(), generation, salvaged }]
            }
            Err(error) => {
                vec![Report::EffectFailed {
                    effect: format!("released/{id}/{generation}"),
                    why: error.to_string(),
                }]
            }
        }
    }
}
