//! The file's words for quality: levels, strategies, gates, approvals, limits.

use super::decode::{At, List, Map, section, short_form};
use super::numbers::{Bytes, MicroUsd, Millis, Tokens};
use super::values::{Id, Plain, Strategy};
pub(super) use super::words::BarrierSets;
use super::words::NoGate;
use crate::plan::{Criticality, Then};
use crate::quality::Score;

section! {
    /// A criticality with its reason.
    LevelSpec as "`criticality`" {
        /// C1 to C4.
        level: At<Criticality>,
        /// Why that level.
        rationale: Option<At<Plain>>,
    }
}

short_form! {
    /// How much depends on it: `C2`, or `{level: C2, rationale: ...}`.
    Level = At<Criticality> | LevelSpec, |level| LevelSpec { level, rationale: None, at: 0..0, broken: false }
}

section! {
    /// Ways of reviewing, required and offered.
    StrategySpec as "`strategies`" {
        /// Run in every round. S-003 comes along with S-002, S-010 and S-014 with every gate.
        #[schemars(default)]
        required: List<At<Strategy>>,
        /// Shown, not run.
        #[schemars(default)]
        optional: List<At<Strategy>>,
        /// Run beside those of the level.
        #[schemars(default)]
        add: List<At<Strategy>>,
        /// Not run. One that the level asks for needs `by` and `reason`; status, files and reports show it.
        #[schemars(default)]
        drop: List<Dropped>,
    }
}

section! {
    /// A strategy that does not run here.
    DropSpec as "`drop`" {
        /// Which.
        strategy: At<Strategy>,
        /// Who says so.
        by: Option<At<Plain>>,
        /// Why.
        reason: Option<At<Plain>>,
    }
}

short_form! {
    /// A strategy that the level only offers: `S-003`; or, if it asks for it, `{strategy: S-004, by: ..., reason: ...}`.
    Dropped = At<Strategy> | DropSpec, |strategy| DropSpec { strategy, by: None, reason: None, at: 0..0, broken: false }
}

short_form! {
    /// Ways of reviewing: a list of required ones, or `{required: [...], optional: [...], add: [...], drop: [...]}`. Default: by
    /// criticality.
    Strategies = List<At<Strategy>> | StrategySpec, |required| StrategySpec {
        required,
        optional: List::default(),
        add: List::default(),
        drop: List::default(),
        at: 0..0,
        broken: false,
    }
}

section! {
    /// What differs from the workflow's `quality` here.
    GateSpec as "`gate`" {
        /// Pass at or above.
        threshold: Option<At<Score>>,
        /// Below this a candidate is rejected rather than revised.
        floor: Option<At<Score>>,
        /// Rounds of creator, critics and judge.
        rounds: Option<Rounds>,
        /// `none`: no self-review, no critics, no judge.
        kind: Option<At<NoGate>>,
    }
}

short_form! {
    /// `none` (no self-review, no critics, no judge), or what differs from the workflow's `quality`.
    Gate = At<NoGate> | GateSpec, |kind| GateSpec {
        threshold: None,
        floor: None,
        rounds: None,
        kind: Some(kind),
        at: 0..0,
        broken: false,
    }
}

section! {
    /// Rounds of creator, critics and judge.
    Rounds as "`rounds`" {
        /// At least this many before acceptance, even if the first one passes. Default: 3 at C2 and above, 1 at C1.
        min: Option<At<u32>>,
        /// At most this many; then a person decides. Default: 3, 5, 7, 10 for C1 to C4.
        max: Option<At<u32>>,
        /// An improvement below this is no progress. Default: 0.01.
        plateau_delta: Option<At<Score>>,
        /// That many rounds without progress in a row end the set. Default: 3.
        plateau_window: Option<At<u32>>,
    }
}

section! {
    /// The gate of the workflow: what judges score and what passes.
    Quality as "`quality`" {
        /// `none`: no self-review, no critics, no judge, anywhere.
        gate: Option<At<NoGate>>,
        /// Pass at or above; up to four decimals, compared exactly. Default: 0.92.
        threshold: Option<At<Score>>,
        /// Below this a candidate is rejected rather than revised. Default: 0.85.
        floor: Option<At<Score>>,
        /// Rounds of creator, critics and judge.
        rounds: Option<Rounds>,
        /// Where a barrier declares fewer strategies than its level asks for: `declared` ones run and the others are
        /// shown as left out, or those of the `level` run too. Default: declared.
        barriers: Option<At<BarrierSets>>,
        /// What judges score; the weights add up to 1. Default: completeness, internal consistency, methodological
        /// rigor, evidence quality, actionability, traceability.
        #[schemars(default)]
        dimensions: Map<Dimension>,
    }
}

section! {
    /// Something that a judge scores.
    DimensionSpec as "a dimension" {
        /// Share of the composite.
        weight: At<Score>,
        /// Name for people. Default: made from the key.
        name: Option<At<Plain>>,
        /// What it means; judges read it.
        about: Option<At<Plain>>,
    }
}

short_form! {
    /// A weight, or `{weight: 0.2, name: ..., about: ...}`.
    Dimension = At<Score> | DimensionSpec, |weight| DimensionSpec { weight, name: None, about: None, at: 0..0, broken: false }
}

section! {
    /// Who is asked at a gate.
    ApprovalSpec as "`approval`" {
        /// A person or a group, as text. Default: the names of `by`.
        who: Option<At<Plain>>,
        /// Why they are asked, such as `P-020`.
        reason: Option<At<Plain>>,
        /// Whose answer counts, by name: anyone else's is refused. Default: `by` of `approvals`.
        #[schemars(default)]
        by: List<At<Plain>>,
    }
}

short_form! {
    /// Who is asked: a name, or `{who: ..., reason: ..., by: [...]}`.
    Approval = At<Plain> | ApprovalSpec, |who| ApprovalSpec { who: Some(who), reason: None, by: List::default(), at: 0..0, broken: false }
}

section! {
    /// Who is asked, for many gates at once, and whose answers count.
    Approvals as "`approvals`" {
        /// Whose answers count where nothing else is said, by name. Default: anyone's.
        #[schemars(default)]
        by: List<At<Plain>>,
        /// At every barrier.
        barriers: Option<Approval>,
        /// Before the work of the convergent pipeline is accepted.
        decision: Option<Approval>,
        /// Before the work of any other task is accepted.
        tasks: Option<Approval>,
        /// Before work of C3 or C4 is accepted, where nothing else is said.
        c3: Option<Approval>,
        /// Before work of C4 is accepted, where nothing else is said. Default: as `c3`.
        c4: Option<Approval>,
        /// Who may accept work against its gate's verdict. Default: `by`.
        #[schemars(default)]
        overrides: List<At<Plain>>,
        /// Who may bring the result to a branch. Default: `by`.
        #[schemars(default)]
        integration: List<At<Plain>>,
    }
}

section! {
    /// Numbers that bound a run.
    Limits as "`limits`" {
        /// Agents that may work at once, reviewers included. Default: 4.
        max_concurrent_agents: Option<At<u32>>,
        /// How often a barrier's handoff may start over. Default: 2.
        max_barrier_retries: Option<At<u32>>,
        /// Tries per step before a person is asked. Default: 3.
        max_attempts: Option<At<u32>>,
        /// Waiting time between two tries.
        backoff: Option<Backoff>,
        /// How long a quota is waited for that gives nothing; then a person is asked. Default: 12h.
        patience: Option<At<Millis>>,
        /// Wall time of one try. Default: 1h.
        attempt_timeout: Option<At<Millis>>,
        /// Time between asking a process to end and killing it. Default: 10s.
        grace: Option<At<Millis>>,
        /// Most output of an agent that is kept, of stdout and stderr each. Default: 8MiB.
        output_max: Option<At<Bytes>>,
        /// What the whole run may use up. Default: no limit.
        budget: Option<Budget>,
    }
}

section! {
    /// Doubling waits.
    Backoff as "`backoff`" {
        /// Before the second try. Default: 1s.
        first: Option<At<Millis>>,
        /// Never longer than this. Default: 60s.
        max: Option<At<Millis>>,
    }
}

section! {
    /// What the whole run may use up, and its parts.
    Budget as "`budget`" {
        /// Agent calls, over all resumes.
        agent_calls: Option<At<u32>>,
        /// Cost as reported by agents, in US dollars.
        usd: Option<At<MicroUsd>>,
        /// Tokens as reported by agents, in and out, such as `5M`.
        tokens: Option<At<Tokens>>,
        /// Time since the start, pauses not counted.
        wall: Option<At<Millis>>,
        /// Told once when so much of a limit is used up, such as `0.8`. Default: only its end is told.
        warn_at: Option<At<Score>>,
        /// What follows when a limit is used up. Default: ask.
        then: Option<At<Then>>,
        /// What each task may use up, unless it has a `budget` of its own. Default: no limit.
        per_task: Option<Share>,
        /// What each pipeline may use up, handoffs from it too, unless it has a `budget` of its own. Default: no
        /// limit.
        per_pipeline: Option<Share>,
        /// What all runs in this repository may use up together on one day (UTC), rehearsals not counted. Default:
        /// no limit.
        per_day: Option<Daily>,
    }
}

section! {
    /// What all runs may use up on one day.
    Daily as "`per_day`" {
        /// Agent calls.
        agent_calls: Option<At<u32>>,
        /// Cost as reported by agents, in US dollars.
        usd: Option<At<MicroUsd>>,
        /// Tokens as reported by agents, in and out, such as `5M`.
        tokens: Option<At<Tokens>>,
        /// Told once when so much of a limit is used up. Default: that of `limits: budget`.
        warn_at: Option<At<Score>>,
        /// What follows when a limit is used up: a person is asked (what is asked is moot on the next day), or the run
        /// ends. Default: that of `limits: budget`.
        then: Option<At<Then>>,
    }
}

section! {
    /// What a task or a pipeline may use up.
    Share as "a budget" {
        /// Agent calls, over all resumes.
        agent_calls: Option<At<u32>>,
        /// Cost as reported by agents, in US dollars.
        usd: Option<At<MicroUsd>>,
        /// Tokens as reported by agents, in and out, such as `500k`.
        tokens: Option<At<Tokens>>,
        /// Time that its agents work, added up.
        wall: Option<At<Millis>>,
        /// Told once when so much of a limit is used up. Default: that of `limits: budget`.
        warn_at: Option<At<Score>>,
        /// What follows when a limit is used up: a person is asked, or no agent of it starts any more. Default: that
        /// of `limits: budget`.
        then: Option<At<Then>>,
    }
}

/// Id of a task or barrier.
pub(super) type Reference = At<Id>;
