//! A stage: plays the rounds of tasks in real directories through the functions that real
//! attempts use, without processes. What an engine does around them is done here by hand.

use crate::plans::score;
use consort_core::ids::{AttemptId, Step, StrategyId, TaskId};
use consort_core::plan::{Input, Output, Plan, Task};
use consort_core::quality::Composite;
use consort_core::run::{Artifact, Candidate, FindingsRef, Given, InputRef, Problem, Severity, Start};
use consort_core::time::Timestamp;
use consort_worker::agents::outfit::Desk;
use consort_worker::agents::rehearsal::misbehave::Misdeed;
use consort_worker::agents::rehearsal::perform;
use consort_worker::agents::request::Request;
use consort_worker::briefing::{self, ExhibitSource};
use consort_worker::judges::{self, Answer, Finding, content_hash};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub const RUN_NONCE: &str = "00112233445566778899aabbccddeeff";

pub struct Stage {
    pub plan: Plan,
    root: tempfile::TempDir,
    /// Accepted files by task.
    pub accepted: BTreeMap<TaskId, Vec<(String, Vec<u8>)>>,
    attempts: u32,
}

/// What one round gave.
pub struct Round {
    pub composite: Composite,
    pub findings: Vec<(FindingsRef, Vec<Finding>)>,
    pub problems: Vec<Problem>,
}

impl Round {
    pub fn passes(&self) -> bool {
        self.problems.is_empty()
            && self.composite.reaches(score("0.92"))
            && self.count(Severity::Critical) == 0
    }

    pub fn count(&self, severity: Severity) -> usize {
        // The judge's own findings do not count: they follow from its scores.
        let reviews = self.findings.iter().filter(|(of, _)| of.strategy.as_str() != "S-014");
        reviews.flat_map(|(_, list)| list).filter(|f| f.severity == severity).count()
    }
}

/// The candidate in an export.
fn shown(export: &Path) -> judges::Shown {
    let all = std::fs::read_dir(export).unwrap().flatten();
    let candidate = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with("candidate");
    let files: Vec<Vec<u8>> =
        all.filter(|f| candidate(&f.file_name())).map(|f| std::fs::read(f.path()).unwrap()).collect();
    match export.join("candidate.diff").exists() {
        true => judges::Shown::of_diff(&files[0]),
        false => judges::Shown::of(files.iter().map(Vec::as_slice)),
    }
}

impl Stage {
    pub fn new(plan: Plan) -> Self {
        let root = tempfile::tempdir().unwrap();
        Stage { plan, root, accepted: BTreeMap::new(), attempts: 0 }
    }

    pub fn task(&self, id: &TaskId) -> &Task {
        self.plan.task(id).unwrap()
    }

    /// True if all that a task needs is accepted.
    pub fn is_ready(&self, task: &Task) -> bool {
        let read = |input: &Input| match input {
            Input::Artifact { task } | Input::Handoff { task } => self.accepted.contains_key(task),
            Input::File { .. } | Input::Outside { .. } => true,
        };
        task.needs.iter().all(|n| self.accepted.contains_key(n)) && task.inputs.iter().all(read)
    }

    /// Files of the repository at the run's base.
    fn base_files() -> Vec<(String, Vec<u8>)> {
        vec![
            ("PLAN.md".into(), b"# The plan\n\n## Scope\n\nText.\n\n## Questions\n".to_vec()),
            ("app.json".into(), b"{\"switch\": false, \"keep\": [1, 2]}\n".to_vec()),
            ("src/lib.rs".into(), b"pub fn lib() {}\n".to_vec()),
        ]
    }

    pub fn workspace(&self, task: &TaskId) -> PathBuf {
        let dir = self.root.path().join("workspaces").join(task.as_str());
        if !dir.exists() {
            for (path, bytes) in
                Self::base_files().into_iter().chain(self.accepted.values().flatten().cloned())
            {
                write(&dir.join(path), &bytes);
            }
        }
        dir
    }

    pub fn start(
        &mut self,
        task: &TaskId,
        iteration: u32,
        step: Step,
        candidate: Option<Candidate>,
    ) -> Start {
        self.attempts += 1;
        let inputs = self.task(task).inputs.iter().flat_map(|input| match input {
            Input::Artifact { task } | Input::Handoff { task } => self.accepted[task]
                .iter()
                .map(|(path, bytes)| InputRef {
                    task: Some(task.clone()),
                    handoff: matches!(input, Input::Handoff { .. }),
                    path: path.clone(),
                    hash: Some(content_hash(bytes)),
                })
                .collect(),
            Input::File { path } if !at_base(path) => Vec::new(),
            Input::File { path } => {
                vec![InputRef { task: None, handoff: false, path: path.clone(), hash: None }]
            }
            Input::Outside { .. } => Vec::new(),
        });
        let inputs = inputs.collect();
        Start {
            attempt: AttemptId { task: task.clone(), generation: 1, iteration, attempt: self.attempts, step },
            at: Timestamp(0),
            base: None,
            candidate,
            inputs,
            declared: self.task(task).inputs.iter().filter_map(outside).collect(),
            findings: Vec::new(),
            problems: Vec::new(),
            guidance: Vec::new(),
            responses: None,
            refused: None,
            resume: None,
            fork: false,
            fallback: 0,
            nonce: RUN_NONCE.into(),
        }
    }

    pub fn desk(&self, start: &Start) -> Desk {
        let name = consort_worker::dirs::neutral(&start.attempt);
        let cwd = match start.attempt.step.is_creator() {
            true => self.workspace(&start.attempt.task),
            false => self.root.path().join("exports").join(&name),
        };
        Desk {
            dir: self.root.path().join("desks").join(&name),
            control: self.root.path().join("control").join(&name),
            home: self.root.path().join("homes").join(name),
            cwd,
            prices: None,
            root: self.root.path().to_owned(),
            self_exe: "/opt/consort".into(),
            env: BTreeMap::new(),
            try_number: 1,
        }
    }

    /// Plays one attempt and reads its answer.
    pub fn attempt(
        &self,
        start: &Start,
        findings: &[(FindingsRef, Vec<Finding>)],
        misdeeds: &[Misdeed],
    ) -> Answer {
        let desk = self.desk(start);
        let told = briefing::Told { findings: findings.to_vec(), responses: Vec::new() };
        let request = briefing::request(&self.plan, start, &told, &desk);
        let json = request.to_json();
        let request = Request::parse(&json).unwrap();
        assert_eq!(request.to_json(), json);
        std::fs::create_dir_all(&desk.dir).unwrap();
        perform(request, &desk.cwd, misdeeds).unwrap();
        let shown = (!start.attempt.step.is_creator()).then(|| shown(&desk.cwd));
        let measure = briefing::measure(&self.plan, &start.attempt, &start.nonce);
        judges::read(&start.attempt.step, &desk.answer(), &measure.rules(shown.as_ref()))
    }

    /// The declared outputs in a workspace; for a change, what lies within its globs.
    pub fn capture(&self, task: &TaskId) -> Vec<(String, Vec<u8>)> {
        let dir = self.workspace(task);
        let paths: Vec<String> = match &self.task(task).output {
            Output::Document { paths } | Output::Data { paths, .. } => paths.clone(),
            Output::Change { .. } => self.changed(&dir),
        };
        paths.into_iter().map(|p| (p.clone(), std::fs::read(dir.join(&p)).unwrap_or_default())).collect()
    }

    /// The directory of a reviewer that sees these files as the candidate.
    pub fn export(&self, start: &Start, files: &[(String, Vec<u8>)]) {
        let dir = self.desk(start).cwd;
        for exhibit in briefing::exhibits(&self.plan, start) {
            let bytes = match &exhibit.source {
                ExhibitSource::Candidate(path) => files.iter().find(|f| f.0 == *path).unwrap().1.clone(),
                ExhibitSource::Diff => self.diff(&start.attempt.task, files).into_bytes(),
                ExhibitSource::Stored(hash) => {
                    let all = self.accepted.values().flatten();
                    all.map(|f| f.1.clone()).find(|bytes| content_hash(bytes) == *hash).unwrap()
                }
                ExhibitSource::Base(path) => {
                    let mut known =
                        Self::base_files().into_iter().chain(self.accepted.values().flatten().cloned());
                    known.rfind(|f| f.0 == *path).unwrap().1
                }
            };
            write(&dir.join(&exhibit.to), &bytes);
        }
    }

    /// Critics group by group, then the judge, on these bytes; `asked` is what the creator was asked.
    pub fn review(
        &mut self,
        task: &TaskId,
        iteration: u32,
        files: &[(String, Vec<u8>)],
        asked: &[(FindingsRef, Vec<Finding>)],
    ) -> Round {
        let mut found: Vec<(FindingsRef, Vec<Finding>)> = Vec::new();
        for group in self.task(task).review_groups.clone() {
            let before: Vec<_> = asked.iter().chain(&found).cloned().collect();
            for strategy in group {
                let answer = self.reviewer(task, iteration, Step::Review(strategy.clone()), files, &before);
                found.push(self.findings(strategy, iteration, answer));
            }
        }
        let before: Vec<_> = asked.iter().chain(&found).cloned().collect();
        let composite = match self.task(task).judged {
            true => {
                let answer = self.reviewer(task, iteration, Step::Judge, files, &before);
                let Given::Scores { scores, .. } = &answer.given else { panic!("{:?}", answer.given) };
                let weights = self.plan.quality.dimensions.iter().map(|d| d.weight);
                let composite = Composite::of(weights.zip(scores.iter().map(|s| s.score))).unwrap();
                found.push(self.findings("S-014".into(), iteration, answer));
                composite
            }
            false => Composite::of([(score("1"), score("1"))]).unwrap(),
        };
        let handoffs = self.handoffs(task);
        let problems = consort_worker::checks::check_candidate(self.task(task), files, &handoffs);
        Round { composite, findings: found, problems }
    }

    pub fn reviewer(
        &mut self,
        task: &TaskId,
        iteration: u32,
        step: Step,
        files: &[(String, Vec<u8>)],
        findings: &[(FindingsRef, Vec<Finding>)],
    ) -> Answer {
        let start = self.start(task, iteration, step, Some(candidate(files)));
        self.export(&start, files);
        self.attempt(&start, findings, &[])
    }

    fn findings(&self, strategy: StrategyId, iteration: u32, answer: Answer) -> (FindingsRef, Vec<Finding>) {
        let bytes = answer.bytes.unwrap_or_else(|| panic!("{strategy}: {:?}", answer.given));
        if let Given::Malformed(why) = answer.given {
            panic!("{strategy}: {why}\n{}", String::from_utf8_lossy(&bytes));
        }
        let list = judges::findings_of(&strategy, &bytes).unwrap();
        (FindingsRef { strategy, iteration, answer: content_hash(&bytes) }, list)
    }

    /// Consumed handoffs with their accepted texts.
    pub fn handoffs(&mut self, task: &TaskId) -> Vec<(InputRef, String)> {
        let inputs = self.start(task, 1, Step::Create, None).inputs;
        let texts = inputs.into_iter().filter(|i| i.handoff).map(|input| {
            let files = &self.accepted[input.task.as_ref().unwrap()];
            let bytes = files.iter().find(|f| f.0 == input.path).unwrap().1.clone();
            (input, String::from_utf8(bytes).unwrap())
        });
        texts.collect()
    }

    /// One round with a creation.
    pub fn create(
        &mut self,
        task: &TaskId,
        iteration: u32,
        last: Option<Candidate>,
        asked: &[(FindingsRef, Vec<Finding>)],
    ) -> Vec<(String, Vec<u8>)> {
        let start = self.start(task, iteration, Step::Create, last.clone());
        assert_eq!(self.attempt(&start, asked, &[]).given, Given::Nothing);
        if self.task(task).self_review {
            let start = self.start(task, iteration, Step::SelfReview, last);
            let answer = self.attempt(&start, asked, &[]);
            assert!(matches!(&answer.given, Given::Review(r) if r.findings.is_empty()), "{:?}", answer.given);
        }
        self.capture(task)
    }

    /// Files that differ from what the workspace began with.
    fn changed(&self, dir: &Path) -> Vec<String> {
        let (mut found, mut open) = (Vec::new(), vec![dir.to_owned()]);
        while let Some(next) = open.pop() {
            for entry in std::fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    found.push(path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        let known: Vec<_> =
            Self::base_files().into_iter().chain(self.accepted.values().flatten().cloned()).collect();
        found.retain(|p| !known.contains(&(p.clone(), std::fs::read(dir.join(p)).unwrap())));
        found.sort();
        found
    }

    /// What a change adds to and takes from its base.
    fn diff(&self, task: &TaskId, files: &[(String, Vec<u8>)]) -> String {
        let needed = self.task(task).needs.iter().filter_map(|n| self.accepted.get(n)).flatten().cloned();
        let base: Vec<_> = Self::base_files().into_iter().chain(needed).collect();
        let one = |(path, new): &(String, Vec<u8>)| {
            let old = base.iter().rev().find(|f| f.0 == *path).map(|f| f.1.clone()).unwrap_or_default();
            diff(path, &String::from_utf8_lossy(&old), &String::from_utf8_lossy(new))
        };
        files.iter().map(one).collect()
    }

    /// Accepts a task's files, for the inputs of others.
    pub fn accept(&mut self, task: &TaskId, files: Vec<(String, Vec<u8>)>) {
        self.accepted.insert(task.clone(), files);
    }
}

fn at_base(path: &str) -> bool {
    Stage::base_files().iter().any(|f| f.0 == path)
}

/// What a person declares: things outside, and files that do not exist.
fn outside(input: &Input) -> Option<String> {
    match input {
        Input::File { path } if !at_base(path) => Some(path.clone()),
        Input::Outside { name, .. } => Some(name.clone()),
        _ => None,
    }
}

pub fn candidate(files: &[(String, Vec<u8>)]) -> Candidate {
    let artifacts =
        files.iter().map(|(path, bytes)| Artifact { path: path.clone(), hash: content_hash(bytes) });
    Candidate { revision: "c0ffee".into(), artifacts: artifacts.collect(), strays: Vec::new() }
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// Like a diff of one hunk: what is the same at both ends of a file is left out.
fn diff(path: &str, old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = (old[head..].iter().rev()).zip(new[head..].iter().rev());
    let tail = rest.take_while(|(a, b)| a == b).count();
    let gone: String = old[head..old.len() - tail].iter().map(|l| format!("-{l}\n")).collect();
    let come: String = new[head..new.len() - tail].iter().map(|l| format!("+{l}\n")).collect();
    format!("diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n{gone}{come}")
}
