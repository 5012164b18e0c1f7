//! What reaches the brain: commands from people, reports from workers, the passing of time.

use super::session::{SessionEnd, SessionNote};
use super::{Command, StopWhy};
use crate::ids::{AttemptId, BarrierId, CheckpointId, ContentHash, DimensionId, Revision, TaskId};
use crate::plan::Criticality;
use crate::quality::Score;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The cause of a journal record.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// A person, or a program on a person's behalf, wants something.
    Command {
        /// Who, as text: a user name.
        by: String,
        /// How it came: `terminal`, `flag`, `inbox`, `signal`.
        via: String,
        /// What.
        command: Command,
    },
    /// A runner opened the journal and looked around. First input of every runner.
    Opened {
        /// This runner, for people.
        runner: String,
        /// What it found of every attempt that was starting or running, in any order.
        found: Vec<Found>,
    },
    /// A worker tells what became of an effect.
    Reported(Report),
    /// Time has passed; deadlines may be due.
    Tick,
    /// The machine slept for so long: work was not done meanwhile.
    Suspended {
        /// Milliseconds.
        for_ms: u64,
    },
    /// What other runs in this repository used up on the present day, where that is limited.
    Elsewhere {
        /// Which day, in UTC: days since 1970-01-01.
        day: i64,
        /// What they used up on it, rehearsals not counted.
        spent: super::state::Spent,
        /// Runs of which that cannot be read, at most 10 names.
        unread: Vec<String>,
        /// What their living agents may still use up.
        #[serde(default, skip_serializing_if = "super::state::Reserved::is_nothing")]
        reserved: super::state::Reserved,
    },
    /// Quotas that other runs in this repository found used up.
    RestsElsewhere {
        /// Each with the time from which it has room again.
        rests: Vec<Rest>,
    },
    /// How many more agents may begin, by what this run holds of the slots that all runs in this repository
    /// share; `None`: they share none.
    Slots {
        /// Held and not yet used.
        free: Option<u32>,
    },
    /// The runner is about to end: start nothing more.
    Closing {
        /// `SIGINT`, `SIGTERM`, `no terminal`.
        why: String,
    },
}

/// A quota that another run found used up.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rest {
    /// Of which pool.
    pub pool: String,
    /// Until then.
    pub until: Timestamp,
    /// Why, in the other run's words.
    pub why: String,
}

/// What a reopening runner found of one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Found {
    /// Which attempt.
    pub attempt: AttemptId,
    /// What was there.
    pub state: FoundState,
}

/// See [`Found`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FoundState {
    /// Its supervisor lives: pid, start time and boot id agree.
    Alive(ProcessIdentity),
    /// Its exit record is there.
    Ended(Ended),
    /// Nobody ever claimed it, and now nobody can: it did not run.
    NoTrace,
    /// It was claimed, and neither process nor record is left: it may have run.
    Vanished,
}

/// A process that cannot be confused with a later one of the same number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// Process id of the supervisor, or of the process itself where there is none.
    pub pid: i32,
    /// Start time in clock ticks since boot, field 22 of /proc/pid/stat.
    pub start_ticks: u64,
    /// Boot id of the kernel.
    pub boot_id: String,
}

/// What workers tell. Every report names its effect by natural key; late and second ones
/// change nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// The workspace stands at its base.
    WorkspaceReady {
        /// Whose.
        task: TaskId,
        /// Which generation.
        generation: u32,
        /// What it was set up from; `None` for tasks without git.
        base: Option<Revision>,
    },
    /// The base does not merge.
    WorkspaceConflicted {
        /// Whose.
        task: TaskId,
        /// Which generation.
        generation: u32,
        /// The two sides, by the names of their tips.
        between: (String, String),
        /// Paths in conflict, at most 20.
        paths: Vec<String>,
    },
    /// An attempt's process exists.
    AttemptStarted {
        /// Which.
        attempt: AttemptId,
        /// Its process.
        process: ProcessIdentity,
    },
    /// An attempt ended.
    AttemptEnded {
        /// Which.
        attempt: AttemptId,
        /// How.
        ended: Ended,
    },
    /// A living session told something.
    SessionNoted {
        /// Whose.
        attempt: AttemptId,
        /// What.
        note: SessionNote,
    },
    /// What was to reach a session lies where it will find it.
    SessionTold {
        /// Whose.
        attempt: AttemptId,
        /// Key of it: see [`super::Told`].
        what: String,
    },
    /// A watched attempt is gone without a record.
    AttemptVanished {
        /// Which.
        attempt: AttemptId,
    },
    /// What the creator made was read, checked and written as a commit.
    CandidateCaptured {
        /// Whose.
        task: TaskId,
        /// Which generation.
        generation: u32,
        /// Which round.
        iteration: u32,
        /// The commit and its contents.
        candidate: Candidate,
        /// What deterministic checks say against it; empty is good. At most 12.
        problems: Vec<Problem>,
        /// Criteria whose command ended well, by their position in the plan.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        passed: Vec<u32>,
        /// What the plan's rules ask for, by the paths that were really changed, if it is more than
        /// the task's level.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        raised: Option<Raised>,
    },
    /// There is nothing to capture: missing, empty, unreadable or outside the declared paths.
    CandidateRefused {
        /// Whose.
        task: TaskId,
        /// Which generation.
        generation: u32,
        /// Which round.
        iteration: u32,
        /// Why.
        why: String,
    },
    /// The accepted commit is on its ref.
    TaskCommitted {
        /// Whose.
        task: TaskId,
        /// The commit.
        revision: Revision,
    },
    /// The barrier's commit exists and holds the handoffs with the hashes that were accepted.
    BarrierMerged {
        /// Which.
        barrier: BarrierId,
        /// How many sets of handoffs were started when it was asked for.
        set: u32,
        /// The commit; in a plain directory a manifest.
        revision: Revision,
        /// Handoffs as they are in that commit.
        handoffs: Vec<Artifact>,
        /// Consumers whose rendered prompt names every handoff they declare with the accepted hash.
        rendered: Vec<TaskId>,
        /// What the handoffs say stands in the way.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        blockers: Vec<String>,
    },
    /// The barrier's commit does not merge.
    BarrierConflicted {
        /// Which.
        barrier: BarrierId,
        /// The two sides.
        between: (String, String),
        /// Paths in conflict, at most 20.
        paths: Vec<String>,
    },
    /// The checkpoint's commit is on its ref.
    CheckpointCommitted {
        /// Which.
        checkpoint: CheckpointId,
        /// The commit.
        revision: Revision,
    },
    /// The checkpoint's tips do not merge: there is none.
    CheckpointConflicted {
        /// Which.
        checkpoint: CheckpointId,
        /// Paths in conflict, at most 20.
        paths: Vec<String>,
    },
    /// The workspace of a finished task is gone; what it held beyond the artifact was salvaged.
    WorkspaceReleased {
        /// Whose.
        task: TaskId,
        /// Which generation.
        generation: u32,
        /// Ref or path of salvaged files, if there were any.
        salvaged: Option<String>,
    },
    /// The result is on the person's branch.
    Integrated {
        /// Full ref name.
        into: String,
        /// Its new value.
        revision: Revision,
    },
    /// The names in git are as they are to be after the rollback of this number.
    RefsRewound {
        /// From 1.
        number: u32,
    },
    /// Whether a task's condition holds.
    ConditionWeighed {
        /// Whose.
        task: TaskId,
        /// Which generation.
        generation: u32,
        /// It holds.
        met: bool,
    },
    /// The list for which a task stands was read, and the plan that it makes is in the content store.
    ListTaken {
        /// The placeholder.
        task: TaskId,
        /// Which generation.
        generation: u32,
        /// The plan that was there.
        from: ContentHash,
        /// The plan that it becomes.
        plan: ContentHash,
        /// How many tasks the list makes.
        count: u32,
        /// What they are called, at most 12 of them.
        names: Vec<String>,
    },
    /// A condition or a list gives no answer.
    Unclear {
        /// Whose.
        task: TaskId,
        /// Which generation.
        generation: u32,
        /// `condition` or `list`.
        what: String,
        /// Why.
        why: String,
    },
    /// What the change of the plan of this number gave up lies under `abandoned/`.
    RefsAbandoned {
        /// From 1.
        number: u32,
    },
    /// An effect failed for a reason outside the agents' work.
    EffectFailed {
        /// Which: the text of its `EffectKey`.
        effect: String,
        /// What went wrong, in a sentence, at most 1,000 characters.
        why: String,
    },
}

/// How an attempt ended, as far as its supervisor and the answer's reader know.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ended {
    /// How the process ended.
    pub exit: Exit,
    /// What it gave, read and validated; only for a clean exit of a step that must give something.
    pub given: Given,
    /// Wall time in milliseconds.
    pub wall_ms: u64,
    /// What it used up, if it says so.
    pub usage: Usage,
    /// Processes that outlived the leader and were killed.
    pub leaked: u32,
    /// The exit record with the tails of its output, in the content store.
    pub record: Option<ContentHash>,
    /// How its session ended, if it was talked to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Box<SessionEnd>>,
    /// What changed meanwhile in the person's checkout and branches, by it or by somebody else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outside: Vec<String>,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// By itself, with a code.
    Code(i32),
    /// By a signal.
    Signal(i32),
    /// Ended by its supervisor because it was told so.
    Stopped(StopWhy),
    /// It could not be started.
    NotStarted(String),
}

/// What a step gave.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Given {
    /// Nothing is expected from this step beyond its files, or it failed.
    Nothing,
    /// A critic's or a self-reviewer's findings.
    Review(Review),
    /// A judge's scores.
    Scores {
        /// One per dimension of the plan, in its order.
        scores: Vec<DimensionScore>,
        /// Whether each criterion of the task is met, in the plan's order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        criteria: Vec<bool>,
        /// The whole answer in the content store.
        answer: ContentHash,
    },
    /// There was an answer, and it is not one: why, at most 500 characters.
    Malformed(String),
}

/// A review, boiled down; the texts are in the content store.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Review {
    /// Id and severity of each finding, at most 40.
    pub findings: Vec<FindingLine>,
    /// The whole answer in the content store.
    pub answer: ContentHash,
    /// Of a self-review: what became of the findings that were asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub responses: Vec<ResponseLine>,
}

/// A creator's answer to one finding, without its text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ResponseLine {
    /// Strategy and id, such as `S-002/DA-001`.
    pub finding: String,
    /// True: mended. False: refused, with a reason.
    pub fixed: bool,
}

/// One finding, without its text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FindingLine {
    /// Such as `DA-001`.
    pub id: String,
    /// How bad.
    pub severity: Severity,
    /// Its quote does not occur in the candidate: it does not count.
    #[serde(default, skip_serializing_if = "crate::plan::is_false")]
    pub void: bool,
    /// The same finding of another round has the same print, whatever its number; empty if unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub print: String,
}

impl FindingLine {
    /// A finding that counts and has no print.
    pub fn new(id: impl Into<String>, severity: Severity) -> Self {
        FindingLine { id: id.into(), severity, void: false, print: String::new() }
    }
}

impl Review {
    /// Findings of this severity that count.
    pub fn count(&self, severity: Severity) -> u32 {
        self.findings.iter().filter(|line| !line.void && line.severity == severity).count() as u32
    }

    /// Findings that do not count: their quotes are invented.
    pub fn dropped(&self) -> u32 {
        self.findings.iter().filter(|line| line.void).count() as u32
    }

    /// A review without responses.
    pub fn new(findings: Vec<FindingLine>, answer: ContentHash) -> Self {
        Review { findings, answer, responses: Vec::new() }
    }
}

/// How bad a finding is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// An improvement.
    Minor,
    /// Weakens the work.
    Major,
    /// Invalidates the core.
    Critical,
}

/// A judge's score for one dimension.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DimensionScore {
    /// Which.
    pub dimension: DimensionId,
    /// Exactly as given.
    pub score: Score,
}

/// What an attempt used up, as reported by the agent itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Usage {
    /// Input tokens.
    pub tokens_in: u64,
    /// Output tokens.
    pub tokens_out: u64,
    /// Millionths of a US dollar; `None` if unknown.
    pub micro_usd: Option<u64>,
}

impl Usage {
    /// Input and output tokens together.
    pub fn tokens(&self) -> u64 {
        self.tokens_in.saturating_add(self.tokens_out)
    }
}

/// A captured state of a creator's work.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Candidate {
    /// The commit: the base with only the declared outputs on top.
    pub revision: Revision,
    /// Declared outputs with their hashes, sorted by path; at most 40 are named, the rest
    /// is covered by the revision.
    pub artifacts: Vec<Artifact>,
    /// Files it wrote elsewhere, which are not in the commit: at most 20 names.
    pub strays: Vec<String>,
}

/// A level that rules ask for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Raised {
    /// The highest of them.
    pub level: Criticality,
    /// Which rules, at most 10.
    pub rules: Vec<String>,
}

/// A declared output with its hash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Artifact {
    /// Relative to the repository.
    pub path: String,
    /// SHA-256 of its bytes.
    pub hash: ContentHash,
}

/// What a deterministic check says against a candidate.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Problem {
    /// Which check, such as `acknowledgement` or `sections`.
    pub check: String,
    /// What is wrong and what would be right, at most 240 characters.
    pub text: String,
}
