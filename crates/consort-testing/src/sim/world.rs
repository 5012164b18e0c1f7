//! What is really there, whatever a runner believes.

use super::chance::{hash, mix};
use super::players::{Play, Plays, Profile};
use consort_core::ids::{AttemptId, BarrierId, CheckpointId, ContentHash, Revision, Step, TaskId};
use consort_core::plan::{Plan, Task, TaskKind};
use consort_core::planted::Bug;
use consort_core::run::*;
use std::collections::{BTreeMap, BTreeSet};

/// A commit: parents and tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its parents.
    pub parents: Vec<Revision>,
    /// Path to content.
    pub tree: BTreeMap<String, ContentHash>,
}

/// A file's content, boiled down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Who wrote it.
    pub task: TaskId,
    /// Which version of its work.
    pub version: u32,
    /// Whether it answers for every handoff.
    pub acknowledged: bool,
}

/// How an attempt stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Process {
    /// It runs.
    Alive,
    /// It left a record.
    Ended(Ended),
    /// It is gone without one.
    Vanished,
    /// A runner made sure that it never starts.
    Claimed,
}

/// One start of an attempt, in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// Which.
    pub attempt: AttemptId,
    /// Records that were durable at that moment.
    pub durable: u64,
}

#[derive(Clone, Debug)]
struct Attempt {
    process: Process,
    play: Play,
    start: Start,
}

/// The outside world of one run.
#[derive(Clone, Debug)]
pub struct World {
    /// True time in milliseconds: it never goes back.
    pub now: i64,
    /// Commits by id.
    pub commits: BTreeMap<Revision, Commit>,
    /// Contents by hash.
    pub contents: BTreeMap<ContentHash, Content>,
    /// Refs by name.
    pub refs: BTreeMap<String, Revision>,
    /// Every change of a ref: name, old value, new value.
    pub reflog: Vec<(String, Option<Revision>, Revision)>,
    /// Every start, in order.
    pub ledger: Vec<Started>,
    /// How good each task's work is.
    pub profiles: BTreeMap<TaskId, Profile>,
    /// Which attempt goes how.
    pub plays: Plays,
    /// Effects that fail, by the start of their key: how often still.
    pub failing: BTreeMap<String, u32>,
    /// Handoffs that merges lose, how often still.
    pub lost_handoffs: u32,
    attempts: BTreeMap<AttemptId, Attempt>,
    workspaces: BTreeMap<(TaskId, u32), Option<ContentHash>>,
    plan: Plan,
}

/// What an onlooker sees of it.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Every start.
    pub ledger: Vec<Started>,
    /// Refs by name.
    pub refs: BTreeMap<String, Revision>,
    /// Every change of a ref.
    pub reflog: Vec<(String, Option<Revision>, Revision)>,
    /// Trees by commit.
    pub trees: BTreeMap<Revision, BTreeMap<String, ContentHash>>,
    /// Attempts that are alive.
    pub alive: Vec<AttemptId>,
}

/// An id for this text, as long as a git commit's.
pub fn commit_id(text: &str) -> Revision {
    let (a, b) = (hash(text), mix(hash(text) ^ 0x5bd1_e995));
    Revision(format!("{a:016x}{b:016x}{:08x}", (a ^ b) as u32))
}

/// A content hash for this text.
pub fn content_id(text: &str) -> ContentHash {
    let first = hash(text);
    ContentHash((0..4).map(|n| format!("{:016x}", mix(first ^ n))).collect())
}

impl World {
    /// A world with one commit, in which these agents work on this plan.
    pub fn new(plan: &Plan) -> Self {
        let mut world = World {
            now: 1_771_545_600_000,
            commits: BTreeMap::new(),
            contents: BTreeMap::new(),
            refs: BTreeMap::new(),
            reflog: Vec::new(),
            ledger: Vec::new(),
            profiles: BTreeMap::new(),
            plays: Plays::default(),
            failing: BTreeMap::new(),
            lost_handoffs: 0,
            attempts: BTreeMap::new(),
            workspaces: BTreeMap::new(),
            plan: plan.clone(),
        };
        let tree = BTreeMap::from([("README.md".to_owned(), content_id("readme"))]);
        world.commits.insert(World::base(), Commit { parents: Vec::new(), tree });
        world
    }

    /// The commit that runs start from.
    pub fn base() -> Revision {
        commit_id("base")
    }

    /// What an onlooker sees.
    pub fn seen(&self) -> Seen {
        let alive = self.attempts.iter().filter(|(_, a)| a.process == Process::Alive);
        Seen {
            ledger: self.ledger.clone(),
            refs: self.refs.clone(),
            reflog: self.reflog.clone(),
            trees: self.commits.iter().map(|(id, c)| (id.clone(), c.tree.clone())).collect(),
            alive: alive.map(|(id, _)| id.clone()).collect(),
        }
    }

    /// Attempts that are alive and would end by themselves.
    pub fn ending(&self) -> impl Iterator<Item = &AttemptId> {
        let ends = |a: &Attempt| a.process == Process::Alive && a.play != Play::Hang;
        self.attempts.iter().filter(move |(_, a)| ends(a)).map(|(id, _)| id)
    }

    /// Attempts that are alive.
    pub fn alive(&self) -> impl Iterator<Item = &AttemptId> {
        self.attempts.iter().filter(|(_, a)| a.process == Process::Alive).map(|(id, _)| id)
    }

    /// How this attempt stands; `None`: nobody ever started or claimed it.
    pub fn process(&self, attempt: &AttemptId) -> Option<&Process> {
        self.attempts.get(attempt).map(|a| &a.process)
    }

    /// The machine went down: nothing runs any more, and no records are written.
    pub fn reboot(&mut self) {
        for attempt in self.attempts.values_mut().filter(|a| a.process == Process::Alive) {
            attempt.process = Process::Vanished;
        }
    }

    /// What a runner that opens the journal finds of this attempt. What never started is
    /// claimed, so that it never will.
    pub fn look(&mut self, attempt: &AttemptId) -> FoundState {
        match self.process(attempt) {
            Some(Process::Alive) => FoundState::Alive(identity(attempt)),
            Some(Process::Ended(ended)) => FoundState::Ended(ended.clone()),
            Some(Process::Vanished) => FoundState::Vanished,
            Some(Process::Claimed) => FoundState::NoTrace,
            None => {
                self.claim(attempt);
                FoundState::NoTrace
            }
        }
    }

    fn claim(&mut self, attempt: &AttemptId) {
        let start = Start {
            attempt: attempt.clone(),
            at: Default::default(),
            base: None,
            candidate: None,
            inputs: Vec::new(),
            declared: Vec::new(),
            findings: Vec::new(),
            problems: Vec::new(),
            guidance: Vec::new(),
            nonce: String::new(),
        };
        let claimed = Attempt { process: Process::Claimed, play: Play::Well, start };
        self.attempts.insert(attempt.clone(), claimed);
    }

    /// Starts an attempt, unless somebody claimed it before.
    pub fn start(&mut self, start: &Start, durable: u64) -> Vec<Report> {
        let attempt = start.attempt.clone();
        if matches!(self.process(&attempt), Some(Process::Claimed)) {
            return vec![Report::AttemptVanished { attempt }];
        }
        let before = self.ledger.iter().filter(|s| {
            s.attempt.task == attempt.task && s.attempt.step == attempt.step && s.attempt != attempt
        });
        let play = self.plays.of(&attempt, before.count());
        self.ledger.push(Started { attempt: attempt.clone(), durable });
        let mut there = Attempt { process: Process::Alive, play, start: start.clone() };
        if play == Play::NotStarted {
            let ended = ended(Exit::NotStarted("no such program".into()), Given::Nothing);
            there.process = Process::Ended(ended.clone());
            self.attempts.insert(attempt.clone(), there);
            return vec![Report::AttemptEnded { attempt, ended }];
        }
        self.attempts.insert(attempt.clone(), there);
        vec![Report::AttemptStarted { process: identity(&attempt), attempt }]
    }

    /// A live attempt ends by itself.
    pub fn finish(&mut self, attempt: &AttemptId) {
        let Some(there) = self.attempts.get(attempt).filter(|a| a.process == Process::Alive).cloned() else {
            return;
        };
        let process = match there.play {
            Play::Vanish => Process::Vanished,
            Play::Exit(code) => Process::Ended(ended(Exit::Code(code), Given::Nothing)),
            play => {
                let given = self.give(&there.start, play);
                Process::Ended(ended(Exit::Code(0), given))
            }
        };
        if let Some(there) = self.attempts.get_mut(attempt) {
            there.process = process;
        }
    }

    /// Ends an attempt; one that never started never will.
    pub fn stop(&mut self, attempt: &AttemptId, why: StopWhy) -> Vec<Report> {
        match self.process(attempt) {
            Some(Process::Alive) => {
                let ended = ended(Exit::Stopped(why), Given::Nothing);
                if let Some(there) = self.attempts.get_mut(attempt) {
                    there.process = Process::Ended(ended);
                }
            }
            None => self.claim(attempt),
            _ => {}
        }
        self.watch(attempt)
    }

    /// What became of an attempt, if it is over.
    pub fn watch(&self, attempt: &AttemptId) -> Vec<Report> {
        let attempt = attempt.clone();
        match self.process(&attempt) {
            Some(Process::Alive) => Vec::new(),
            Some(Process::Ended(ended)) => vec![Report::AttemptEnded { attempt, ended: ended.clone() }],
            Some(Process::Vanished | Process::Claimed) | None => vec![Report::AttemptVanished { attempt }],
        }
    }

    /// What an attempt leaves in its workspace, and its answer.
    fn give(&mut self, start: &Start, play: Play) -> Given {
        let task = &start.attempt.task;
        let answer = content_id(&format!("{} {:?}", start.attempt, start.candidate));
        match (&start.attempt.step, play) {
            (Step::Create, play) => {
                let workspace = (task.clone(), start.attempt.generation);
                let content = (play != Play::Empty).then(|| self.write(start));
                self.workspaces.insert(workspace, content);
                Given::Nothing
            }
            (_, Play::Silent | Play::Empty) => Given::Nothing,
            (_, Play::Malformed) => Given::Malformed("it is not JSON".into()),
            (Step::SelfReview, _) => Given::Review(Review { findings: Vec::new(), answer }),
            (Step::Review(strategy), _) => {
                let found = self.profile(task).findings(self.version(start.candidate.as_ref()));
                let line = |(n, severity): (usize, Severity)| FindingLine {
                    id: format!("{strategy}-{:03}", n + 1),
                    severity,
                };
                Given::Review(Review { findings: found.into_iter().enumerate().map(line).collect(), answer })
            }
            (Step::Judge, play) => {
                let version = self.version(start.candidate.as_ref());
                Given::Scores { scores: self.scores(task, version, play), answer }
            }
        }
    }

    fn scores(&self, task: &TaskId, version: u32, play: Play) -> Vec<DimensionScore> {
        let profile = self.profile(task);
        let plain = Profile::at(&profile.scores, version, 10_000);
        let dimensions = self.plan.quality.dimensions.iter().enumerate();
        let score = |(n, d): (usize, &consort_core::plan::Dimension)| DimensionScore {
            dimension: if play == Play::OtherDimensions { "other".into() } else { d.id.clone() },
            score: crate::plans::score((plain + if n == 0 { profile.lead } else { 0 }).min(10_000)),
        };
        dimensions.map(score).collect()
    }

    /// Writes the next version: it depends on what the creator was given and on nothing else.
    fn write(&mut self, start: &Start) -> ContentHash {
        let task = &start.attempt.task;
        let old = self.version(start.candidate.as_ref());
        let version = if start.candidate.is_some() { old + 1 } else { 1 };
        let read: Vec<_> = start.inputs.iter().map(|i| format!("{}={:?}", i.path, i.hash)).collect();
        let content = Content {
            task: task.clone(),
            version,
            acknowledged: version >= self.profile(task).acknowledges_from,
        };
        let hash = content_id(&format!("{content:?} {read:?} {:?}", start.guidance));
        self.contents.insert(hash.clone(), content);
        hash
    }

    fn version(&self, candidate: Option<&Candidate>) -> u32 {
        let first = candidate.and_then(|c| c.artifacts.first());
        first.and_then(|a| self.contents.get(&a.hash)).map_or(0, |c| c.version)
    }

    fn profile(&self, task: &TaskId) -> Profile {
        self.profiles.get(task).cloned().unwrap_or_default()
    }

    /// Makes it so.
    /// `tips` are those of a checkpoint.
    pub fn ensure(&mut self, wish: &Ensure, key: &str, tips: &[Tip]) -> Vec<Report> {
        let failing =
            self.failing.iter_mut().find(|(start, left)| key.starts_with(start.as_str()) && **left > 0);
        if let Some((_, left)) = failing {
            *left -= 1;
            return vec![Report::EffectFailed { effect: key.to_owned(), why: "the disk is full".into() }];
        }
        match wish {
            Ensure::Workspace { task, generation, tips, .. } => self.workspace(task, *generation, tips),
            Ensure::Candidate { .. } => self.capture(wish),
            Ensure::Committed { task, generation, candidate, .. } => {
                self.commit_task(task, *generation, candidate, key)
            }
            Ensure::BarrierCommit { .. } => self.commit_barrier(wish),
            Ensure::Checkpoint { checkpoint, .. } => self.checkpoint(checkpoint.clone(), tips),
            Ensure::Released { task, generation, .. } => {
                self.workspaces.remove(&(task.clone(), *generation));
                vec![Report::WorkspaceReleased {
                    task: task.clone(),
                    generation: *generation,
                    salvaged: None,
                }]
            }
            Ensure::Integrated { into, result, .. } => {
                vec![Report::Integrated { into: into.clone(), revision: result.clone() }]
            }
        }
    }

    fn commit(
        &mut self,
        about: &str,
        parents: Vec<Revision>,
        tree: BTreeMap<String, ContentHash>,
    ) -> Revision {
        let id = commit_id(&format!("{about} {parents:?} {tree:?}"));
        self.commits.insert(id.clone(), Commit { parents, tree });
        id
    }

    fn checkpoint(&mut self, checkpoint: CheckpointId, tips: &[Tip]) -> Vec<Report> {
        let mut tree = match self.merge(tips) {
            Ok(tree) => tree,
            Err((_, paths)) => return vec![Report::CheckpointConflicted { checkpoint, paths }],
        };
        if Bug::CheckpointWithoutArtifact.is_planted() {
            tree.pop_last();
        }
        let parents = tips.iter().map(|t| t.revision.clone()).collect();
        let revision = self.commit(&format!("checkpoint {checkpoint}"), parents, tree);
        self.set_ref(&format!("checkpoint/{checkpoint}"), &revision);
        vec![Report::CheckpointCommitted { checkpoint, revision }]
    }

    /// Merges trees; a path on which two sides differ, and neither is the base's, is in conflict.
    fn merge(&self, tips: &[Tip]) -> Result<BTreeMap<String, ContentHash>, Clash> {
        let base = self.commits.get(&World::base()).map(|c| c.tree.clone()).unwrap_or_default();
        let mut merged = base.clone();
        let mut from: BTreeMap<String, &str> = BTreeMap::new();
        for tip in tips {
            let Some(commit) = self.commits.get(&tip.revision) else { continue };
            for (path, hash) in &commit.tree {
                let there = merged.get(path);
                if there == Some(hash) || base.get(path) == Some(hash) {
                    continue;
                }
                if there.is_some() && there != base.get(path) {
                    let other = from.get(path).copied().unwrap_or("base");
                    return Err(((other.to_owned(), tip.name.clone()), vec![path.clone()]));
                }
                merged.insert(path.clone(), hash.clone());
                from.insert(path.clone(), &tip.name);
            }
        }
        Ok(merged)
    }

    fn workspace(&mut self, task: &TaskId, generation: u32, tips: &[Tip]) -> Vec<Report> {
        let task = task.clone();
        match self.merge(tips) {
            Ok(tree) => {
                let parents = tips.iter().map(|t| t.revision.clone()).collect();
                let base = self.commit("base", parents, tree);
                self.workspaces.entry((task.clone(), generation)).or_insert(None);
                vec![Report::WorkspaceReady { task, generation, base: Some(base) }]
            }
            Err((between, paths)) => vec![Report::WorkspaceConflicted { task, generation, between, paths }],
        }
    }

    fn capture(&mut self, wish: &Ensure) -> Vec<Report> {
        let Ensure::Candidate { task, generation, iteration, base, handoffs, .. } = wish else {
            return Vec::new();
        };
        let (task, generation, iteration) = (task.clone(), *generation, *iteration);
        let written = self.workspaces.get(&(task.clone(), generation)).cloned().flatten();
        let Some(hash) = written else {
            let why = "its artifact is not there".to_owned();
            return vec![Report::CandidateRefused { task, generation, iteration, why }];
        };
        let paths: Vec<String> = self.plan.task(&task).map(|t| t.output.paths().to_vec()).unwrap_or_default();
        let mut tree =
            base.as_ref().and_then(|b| self.commits.get(b)).map(|c| c.tree.clone()).unwrap_or_default();
        let mut artifacts = Vec::new();
        for path in paths {
            tree.insert(path.clone(), hash.clone());
            artifacts.push(Artifact { path, hash: hash.clone() });
        }
        let mut revision = self.commit(&format!("{task} {generation}"), base.iter().cloned().collect(), tree);
        if base.is_none() {
            revision = Revision(format!("plain:{revision}"));
        }
        let problems = self.problems(&task, &hash, handoffs);
        let candidate = Candidate { revision, artifacts, strays: Vec::new() };
        vec![Report::CandidateCaptured { task, generation, iteration, candidate, problems }]
    }

    fn problems(&self, task: &TaskId, hash: &ContentHash, handoffs: &[InputRef]) -> Vec<Problem> {
        let Some(content) = self.contents.get(hash) else { return Vec::new() };
        let found = Profile::at(&self.profile(task).problems, content.version, 0);
        let mut problems: Vec<Problem> = (0..found)
            .map(|n| Problem { check: "sections".into(), text: format!("section {n} is missing") })
            .collect();
        if !content.acknowledged {
            problems.extend(handoffs.iter().map(|h| Problem {
                check: "acknowledgement".into(),
                text: format!("nothing is said about {}", h.path),
            }));
        }
        problems
    }

    fn commit_task(
        &mut self,
        task: &TaskId,
        generation: u32,
        candidate: &Candidate,
        key: &str,
    ) -> Vec<Report> {
        let name = format!("task/{task}--{generation}");
        let there = self.refs.get(&name);
        let other = there.is_some_and(|old| *old != candidate.revision);
        if other && !Bug::CompareAndSwapDropped.is_planted() {
            let why = format!("{name} is at another commit");
            return vec![Report::EffectFailed { effect: key.to_owned(), why }];
        }
        self.set_ref(&name, &candidate.revision);
        vec![Report::TaskCommitted { task: task.clone(), revision: candidate.revision.clone() }]
    }

    fn commit_barrier(&mut self, wish: &Ensure) -> Vec<Report> {
        let Ensure::BarrierCommit { barrier, set, tips, handoffs, consumers, .. } = wish else {
            return Vec::new();
        };
        let barrier = barrier.clone();
        let mut tree = match self.merge(tips) {
            Ok(tree) => tree,
            Err((between, paths)) => return vec![Report::BarrierConflicted { barrier, between, paths }],
        };
        if self.lost_handoffs > 0 || Bug::HandoffLostInMerge.is_planted() {
            self.lost_handoffs = self.lost_handoffs.saturating_sub(1);
            if let Some(first) = handoffs.first() {
                tree.remove(&first.path);
            }
        }
        let there = |a: &&Artifact| tree.get(&a.path) == Some(&a.hash);
        let kept: Vec<Artifact> = handoffs.iter().filter(there).cloned().collect();
        let rendered =
            consumers.iter().filter(|c| self.renders(c, &barrier)).map(|c| c.attempt.task.clone()).collect();
        let parents = tips.iter().map(|t| t.revision.clone()).collect();
        let revision = self.commit(&format!("{barrier} {set}"), parents, tree);
        vec![Report::BarrierMerged { barrier, set: *set, revision, handoffs: kept, rendered }]
    }

    /// A prompt names every handoff over this barrier that its task declares.
    fn renders(&self, start: &Start, barrier: &BarrierId) -> bool {
        let Some(task) = self.plan.task(&start.attempt.task) else { return false };
        let named: BTreeSet<&TaskId> = start.inputs.iter().filter_map(|i| i.task.as_ref()).collect();
        let over = |t: &&Task| matches!(&t.kind, TaskKind::Handoff(h) if h.barrier == *barrier);
        self.plan.handoffs_into(task).filter(over).all(|h| named.contains(&h.id))
    }

    /// Somebody else makes a ref where this task's accepted work is to go.
    pub fn occupy(&mut self, task: &TaskId) {
        self.set_ref(&format!("task/{task}--1"), &World::base());
    }

    /// Points a ref at a commit and notes it.
    pub fn set_ref(&mut self, name: &str, to: &Revision) {
        let old = self.refs.insert(name.to_owned(), to.clone());
        if old.as_ref() != Some(to) {
            self.reflog.push((name.to_owned(), old, to.clone()));
        }
    }
}

fn identity(attempt: &AttemptId) -> ProcessIdentity {
    let draw = hash(&attempt.to_string());
    ProcessIdentity { pid: (draw % 30_000) as i32 + 2, start_ticks: draw >> 20, boot_id: "boot".into() }
}

fn ended(exit: Exit, given: Given) -> Ended {
    let usage = Usage { tokens_in: 100, tokens_out: 10, micro_usd: Some(1_000) };
    Ended { exit, given, wall_ms: 10, usage, leaked: 0, record: None }
}

/// Two sides that do not merge, and the paths.
type Clash = ((String, String), Vec<String>);
