//! What is really there, whatever a runner believes.

mod repository;
mod talk;

pub use talk::{Heard, Line, Talks, shell};

use super::chance::{hash, mix};
use super::players::{Play, Plays, Profile, Quota, Spends};
use consort_core::ids::{AttemptId, ContentHash, Revision, Step, TaskId};
use consort_core::plan::{Plan, Task};
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
    Ended(Box<Ended>),
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
    /// How it was to begin, where one can see that.
    pub begun: Option<Begun>,
}

/// In which session an attempt was to go on, and by which agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// The session; `None`: a new one.
    pub resume: Option<String>,
    /// As a copy.
    pub fork: bool,
    /// 0 is the plan's own agent, then its fallbacks.
    pub fallback: u8,
}

#[derive(Clone, Debug)]
struct Attempt {
    process: Process,
    play: Play,
    /// What it uses up if it comes to its end.
    spends: Usage,
    start: Start,
    session: Option<talk::Session>,
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
    /// What attempts use up.
    pub spends: Spends,
    /// Quotas that are used up, by pool: who talks to such a vendor is told so at the end.
    pub quotas: BTreeMap<String, Quota>,
    /// What sessions do on their way.
    pub talks: Talks,
    /// What sessions were told and have heard, in order.
    pub heard: Vec<Heard>,
    /// Effects that fail, by the start of their key: how often still.
    pub failing: BTreeMap<String, u32>,
    /// Handoffs that merges lose, how often still.
    pub lost_handoffs: u32,
    /// What handoffs of a first set say stands in the way.
    pub blockers: Vec<String>,
    /// Findings by the answer that holds them.
    found: BTreeMap<ContentHash, Vec<String>>,
    attempts: BTreeMap<AttemptId, Attempt>,
    workspaces: BTreeMap<(TaskId, u32), Option<ContentHash>>,
    plan: Plan,
    /// Tasks whose condition does not hold.
    pub unmet: BTreeSet<TaskId>,
    /// How many items the list of a placeholder has; 2 where nothing is said.
    pub lists: BTreeMap<TaskId, u32>,
    /// Plans that may follow it.
    pub later: BTreeMap<ContentHash, Plan>,
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
    /// What sessions have heard.
    pub heard: Vec<Heard>,
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
            spends: Spends::default(),
            quotas: BTreeMap::new(),
            talks: Talks::default(),
            heard: Vec::new(),
            failing: BTreeMap::new(),
            lost_handoffs: 0,
            blockers: Vec::new(),
            found: BTreeMap::new(),
            attempts: BTreeMap::new(),
            workspaces: BTreeMap::new(),
            plan: plan.clone(),
            unmet: BTreeSet::new(),
            lists: BTreeMap::new(),
            later: BTreeMap::new(),
        };
        let tree = BTreeMap::from([("README.md".to_owned(), content_id("readme"))]);
        world.commits.insert(World::base(), Commit { parents: Vec::new(), tree });
        world
    }

    /// A task of whichever plan has it; what a world does with it is the same in all.
    pub(super) fn task(&self, id: &TaskId) -> Option<&Task> {
        self.plan.task(id).or_else(|| self.later.values().find_map(|plan| plan.task(id)))
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
            heard: self.heard.clone(),
        }
    }

    /// Attempts that are alive and would end by themselves.
    pub fn ending(&self) -> impl Iterator<Item = &AttemptId> {
        let through = |a: &Attempt| a.session.as_ref().is_none_or(talk::Session::is_through);
        let ends = move |a: &Attempt| a.process == Process::Alive && a.play != Play::Hang && through(a);
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
            Some(Process::Ended(ended)) => FoundState::Ended(Ended::clone(ended)),
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
            responses: None,
            refused: None,
            resume: None,
            fork: false,
            fallback: 0,
            nonce: String::new(),
        };
        let spends = Usage::default();
        let claimed = Attempt { process: Process::Claimed, play: Play::Well, spends, start, session: None };
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
        let nth = before.count();
        let play = self.plays.of(&attempt, nth, self.talks_to(start));
        let begun = Some(Begun { resume: start.resume.clone(), fork: start.fork, fallback: start.fallback });
        self.ledger.push(Started { attempt: attempt.clone(), durable, begun });
        let session = self.begin_session(start, nth);
        let caps = self.agent_of(start).map(|agent| agent.caps).unwrap_or_default();
        let spends = self.spends.of(&attempt, nth, caps);
        let mut there = Attempt { process: Process::Alive, play, spends, start: start.clone(), session };
        if play == Play::NotStarted {
            let ended = ended(Exit::NotStarted("no such program".into()), Given::Nothing, Usage::default());
            there.process = Process::Ended(ended.clone().into());
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
        let play = self.closed(&there).unwrap_or(there.play);
        let mut process = match play {
            Play::Vanish => Process::Vanished,
            Play::Exit(code) => Process::Ended(ended(Exit::Code(code), Given::Nothing, there.spends).into()),
            Play::Fails(_) => Process::Ended(ended(Exit::Code(1), Given::Nothing, there.spends).into()),
            // Nothing was given, nothing is paid.
            Play::Limited(_) => {
                let nothing = Usage { micro_usd: Some(0), ..Usage::default() };
                Process::Ended(ended(Exit::Code(1), Given::Nothing, nothing).into())
            }
            play => {
                let given = self.give(&there.start, play);
                Process::Ended(ended(Exit::Code(0), given, there.spends).into())
            }
        };
        if let Process::Ended(ended) = &mut process {
            ended.session = talk::session_end(&there, play, self.now);
        }
        if let Some(there) = self.attempts.get_mut(attempt) {
            there.process = process;
        }
    }

    /// Ends an attempt; one that never started never will.
    pub fn stop(&mut self, attempt: &AttemptId, why: StopWhy) -> Vec<Report> {
        match self.process(attempt) {
            Some(Process::Alive) => {
                if let Some(there) = self.attempts.get_mut(attempt) {
                    let ended = ended(Exit::Stopped(why), Given::Nothing, there.spends);
                    there.process = Process::Ended(ended.into());
                }
            }
            None => self.claim(attempt),
            _ => {}
        }
        self.watch(attempt, u32::MAX)
    }

    /// What its session says beyond so many notes, else what became of an attempt, if it is over.
    pub fn watch(&self, attempt: &AttemptId, known: u32) -> Vec<Report> {
        let notes = self.notes(attempt, known);
        if !notes.is_empty() {
            return notes;
        }
        let attempt = attempt.clone();
        match self.process(&attempt) {
            Some(Process::Alive) => Vec::new(),
            Some(Process::Ended(ended)) => vec![Report::AttemptEnded { attempt, ended: Ended::clone(ended) }],
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
            (Step::SelfReview, _) => {
                let mut responses: Vec<_> = start.findings.iter().flat_map(|of| self.responses(of)).collect();
                // And of much that nobody asked.
                let unasked =
                    |n| ResponseLine { finding: format!("S-000/{}{n}", "x".repeat(90)), fixed: true };
                responses.extend((0..60).map(unasked));
                Given::Review(Review { findings: Vec::new(), answer, responses })
            }
            (Step::Review(strategy), _) => {
                let found = self.profile(task).findings(self.version(start.candidate.as_ref()));
                let line = |(n, severity): (usize, Severity)| {
                    let print = format!("{severity:?} {n}");
                    FindingLine { print, ..FindingLine::new(format!("{strategy}-{:03}", n + 1), severity) }
                };
                let findings: Vec<FindingLine> = found.into_iter().enumerate().map(line).collect();
                let ids = findings.iter().map(|f| format!("{strategy}/{}", f.id)).collect();
                self.found.insert(answer.clone(), ids);
                Given::Review(Review::new(findings, answer))
            }
            (Step::Judge | Step::Panel(_), play) => {
                let version = self.version(start.candidate.as_ref());
                let criteria = self.task(task).map_or(0, |t| t.criteria.len());
                let scores = self.scores(task, version, play);
                Given::Scores { scores, criteria: vec![true; criteria], answer }
            }
        }
    }

    /// A creator says of all that it was asked that it is fixed.
    fn responses(&self, of: &FindingsRef) -> Vec<ResponseLine> {
        let ids = self.found.get(&of.answer).into_iter().flatten();
        ids.map(|id| ResponseLine { finding: id.clone(), fixed: true }).collect()
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
}

fn identity(attempt: &AttemptId) -> ProcessIdentity {
    let draw = hash(&attempt.to_string());
    ProcessIdentity { pid: (draw % 30_000) as i32 + 2, start_ticks: draw >> 20, boot_id: "boot".into() }
}

fn ended(exit: Exit, given: Given, usage: Usage) -> Ended {
    Ended { exit, given, wall_ms: 10, usage, leaked: 0, record: None, session: None, outside: vec![] }
}

/// Two sides that do not merge, and the paths.
type Clash = ((String, String), Vec<String>);
