//! The file's words for work: agents, pipelines, phases, tasks, barriers.

use super::decode::{At, Decode, Decoder, List, Map, section, short_form};
use super::file_agents::{AgentName, Policy, RuntimeWord};
use super::file_gates::{Approval, Gate, Level, Reference, Share, Strategies};
use super::file_grow::{Entry, ForEach, Until};
use super::numbers::{Bytes, MicroUsd, Millis, Tokens};
use super::tree::{Node, Value};
use super::values::{EnvName, Id, LevelName, Made, Plain};
use super::words::{Complete, Degree, Produces};
use crate::plan::{Effort, Price, PromptBy, WorkspaceKind};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

section! {
    /// A variable.
    Variable as "a variable" {
        /// Its value unless `--var` gives one; without a default it must be given.
        default: Option<At<Plain>>,
        /// What it is for.
        about: Option<At<Plain>>,
    }
}

short_form! {
    /// A default value, or `{default: ..., about: ...}`. Without a default the value must be given by `--var`.
    VariableForm = At<Plain> | Variable, |default| Variable { default: Some(default), about: None, at: 0..0, broken: false }
}

section! {
    /// A program that does work, and how to start it.
    Agent as "an agent" {
        /// How it is talked to: `auto` (the default where `argv` is absent), `command` (the default where `argv` is
        /// given), `rehearsal`, or a runtime of this build.
        runtime: Option<At<RuntimeWord>>,
        /// Which model. Default: the runtime's own choice.
        model: Option<At<Plain>>,
        /// How much the model is to think. Default: by criticality, nothing at C1.
        effort: Option<At<Effort>>,
        /// Which wire the model speaks, for runtimes that speak several. Default: by the model's name.
        wire: Option<At<Plain>>,
        /// Where the model is served. Default: at its vendor's.
        url: Option<At<Plain>>,
        /// The environment variable that holds the key; it is handed on to this agent alone.
        key: Option<At<EnvName>>,
        /// The program of the runtime: a name in PATH or a path. Default: its usual name.
        program: Option<At<Plain>>,
        /// Further arguments of that program.
        #[schemars(default)]
        arguments: List<At<Plain>>,
        /// Agents of one pool share a quota: when one of them is limited, all wait. Default: runtime, key and url.
        pool: Option<At<Plain>>,
        /// Calls of the model in one attempt.
        max_turns: Option<At<u32>>,
        /// Tokens of one attempt, in and out.
        max_tokens: Option<At<Tokens>>,
        /// US dollars of one attempt. Reserved before it starts.
        max_cost: Option<At<MicroUsd>>,
        /// Longest time without a sign of life.
        idle: Option<At<Millis>>,
        /// Longest time without progress: a text, a tool that is done and was not called the same way just before.
        no_progress: Option<At<Millis>>,
        /// Agents that take over, in this order, when this one cannot work at all.
        #[schemars(default)]
        fallbacks: List<At<AgentName>>,
        /// true: a revision starts a session of its own. Default: false, the creator's session goes on.
        forget: Option<At<bool>>,
        /// The file of instructions that it is told: `consort roles` lists them. Default: the task's role; `critic` and
        /// `judge` for those who review and score.
        role: Option<At<Id>>,
        /// What it may do.
        policy: Option<Policy>,
        /// Program and arguments, never a shell line.
        #[schemars(default)]
        argv: List<At<Plain>>,
        /// How the program gets its prompt. Default: stdin.
        prompt: Option<At<PromptBy>>,
        /// Environment variables to set. No secrets here: see `pass_env`.
        #[schemars(default)]
        env: Map<At<Plain>, EnvName>,
        /// Names of environment variables that are handed on, such as ANTHROPIC_API_KEY.
        #[schemars(default)]
        pass_env: List<At<EnvName>>,
        /// false: run directly, for commands that are harmless to repeat. Default: true.
        supervise: Option<At<bool>>,
        /// Wall time of one try. Default: the limit `attempt_timeout`.
        timeout: Option<At<Millis>>,
        /// Most output that is kept, of stdout and stderr each. Default: the limit `output_max`.
        output_max: Option<At<Bytes>>,
        /// What one call costs in US dollars, such as `0.25`; `unknown` where nobody can say: then `consort run` asks
        /// before it starts. Default: 0, but unknown where `pass_env` names HOME or a variable that ends with KEY,
        /// TOKEN, SECRET, PASSWORD or CREDENTIALS. Say it for a program that finds its log-ins by itself.
        price: Option<At<Price>>,
        /// What the rehearsal's player does wrong, to test the workflow.
        #[schemars(default)]
        misbehave: List<At<Plain>>,
    }
}

/// Who does a task: the name of an agent, or an agent of its own.
#[derive(Clone, Debug)]
pub(crate) enum AgentChoice {
    /// A key of `agents`.
    Named(At<Id>),
    /// Described in place.
    Inline(Box<Agent>),
}

impl Decode for AgentChoice {
    fn decode(node: &Node, d: &mut Decoder) -> Option<Self> {
        match &node.value {
            Value::Map(_) => Decode::decode(node, d).map(AgentChoice::Inline),
            _ => Decode::decode(node, d).map(AgentChoice::Named),
        }
    }
    fn broken() -> Self {
        AgentChoice::Named(At::broken())
    }
}

impl JsonSchema for AgentChoice {
    fn schema_name() -> Cow<'static, str> {
        "AgentChoice".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (name, own) = (generator.subschema_for::<At<Id>>(), generator.subschema_for::<Agent>());
        json_schema!({ "description": "The name of an agent, or an agent of its own.", "anyOf": [name, own] })
    }
}

section! {
    /// Tasks in phases that follow one another.
    Pipeline as "a pipeline" {
        /// Name for people. Default: the key.
        name: Option<At<Plain>>,
        /// In paths and branch names. Default: the skill's short name, else the key.
        alias: Option<At<Id>>,
        /// The skill its roles come from, such as `problem-solving`.
        skill: Option<At<Id>>,
        /// What it may use up. Default: `limits: budget: per_pipeline`, key by key.
        budget: Option<Share>,
        /// In order; each starts when the one before it is done, or behind a barrier.
        phases: List<Phase>,
    }
}

section! {
    /// The pipeline that joins the others. Its phases go on counting where theirs ended.
    Convergent as "`convergent`" {
        /// Name for people. Default: Convergent.
        name: Option<At<Plain>>,
        /// In paths and branch names. Default: convergent.
        alias: Option<At<Id>>,
        /// The skill its roles come from.
        skill: Option<At<Id>>,
        /// What it may use up. Default: `limits: budget: per_pipeline`, key by key.
        budget: Option<Share>,
        /// Barriers and tasks that it waits for. Default: the barriers that end the last phases of the pipelines,
        /// and the tasks of last phases that no barrier ends.
        #[schemars(default)]
        needs: List<Reference>,
        /// In order.
        phases: List<Phase>,
    }
}

section! {
    /// A step of a pipeline.
    Phase as "a phase" {
        /// Name for people and, as `phase-1-research`, for paths.
        name: At<Plain>,
        /// What it is for.
        purpose: Option<At<Plain>>,
        /// How much depends on its artifacts. Default: the workflow's.
        criticality: Option<Level>,
        /// Ways of reviewing its artifacts. Default: by criticality.
        strategies: Option<Strategies>,
        /// What differs from the workflow's `quality`.
        gate: Option<Gate>,
        /// Who is asked before its work is accepted.
        approval: Option<Approval>,
        /// What must be true at its end; creators, critics and judges read it.
        #[schemars(default)]
        criteria: List<Criterion>,
        /// Its tasks, side by side unless `needs` orders them.
        tasks: Map<Entry>,
    }
}

section! {
    /// One unit of work by one agent.
    Task as "a task" {
        /// The task in words.
        text: At<Plain>,
        /// What the agent is there for, such as `researcher`. Default: creator.
        role: Option<At<Id>>,
        /// Who does it: the name of an agent, or an agent of its own. Default: by role, `creator`, `default`.
        agent: Option<AgentChoice>,
        /// Tasks and barriers that come first, beyond those that its phase implies.
        #[schemars(default)]
        needs: List<Reference>,
        /// What it reads.
        #[schemars(default)]
        inputs: List<Input>,
        /// One task for each item of a list: `{values: [...]}`, `{files: "docs/**/*.md"}`, `{file: list.yaml}`, or
        /// `{artifact: task}` for what a task lists when it runs.
        for_each: Option<ForEach>,
        /// Runs only if this is true when its turn comes, such as `tasks.triage.data.risk == "high"`; else it is
        /// skipped. Tasks that it names come first.
        when: Option<At<Plain>>,
        /// Goes on in rounds until this is true of what it makes.
        until: Option<Until>,
        /// What it makes. Default: document, or change where `writes` is given.
        produces: Option<At<Produces>>,
        /// Last part of the artifact's file name: `<task>-<type>.md`. Default: document.
        r#type: Option<At<Id>>,
        /// Where its files go, instead of the default path. The first one is judged.
        #[schemars(default)]
        path: List<At<Plain>>,
        /// Globs that a change must stay within, such as `src/parser/**`.
        #[schemars(default)]
        writes: List<At<Plain>>,
        /// Output levels that its artifact must have a section for.
        #[schemars(default)]
        levels: List<At<LevelName>>,
        /// What else its artifact must have; checked before anyone reviews it.
        form: Option<Form>,
        /// How much depends on its artifact; never below its phase's.
        criticality: Option<Level>,
        /// Ways of reviewing it. Default: its phase's, else by criticality.
        strategies: Option<Strategies>,
        /// What differs from its phase's gate.
        gate: Option<Gate>,
        /// Who is asked before its work is accepted.
        approval: Option<Approval>,
        /// What must be true of its artifact.
        #[schemars(default)]
        criteria: List<Criterion>,
        /// Where its creator works. Default: the workflow's.
        workspace: Option<At<WorkspaceKind>>,
        /// What it may use up: its agents of every round together. Default: `limits: budget: per_task`, key by key.
        budget: Option<Share>,
        /// How long it takes, all its rounds together, when its agents never wait: `20m`. The longest chain of work
        /// starts first. Default: by what its steps take in this run.
        estimate: Option<At<Millis>>,
    }
}

section! {
    /// What an artifact must have, as far as a machine can see it. In a rehearsal players are held to sections and
    /// front matter only.
    Form as "a form" {
        /// Headings that must be there with something under them, by their text or its beginning.
        #[schemars(default)]
        sections: List<At<Plain>>,
        /// Keys that the front matter must have.
        #[schemars(default)]
        front_matter: List<At<Plain>>,
        /// Words of prose at most.
        words_max: Option<At<u32>>,
        /// A JSON Schema in the repository, for JSON and YAML files and for the front matter of Markdown. What counts is
        /// the file as it is before the task begins.
        schema: Option<At<Plain>>,
    }
}

section! {
    /// One thing that a task reads. Exactly one of `artifact`, `handoff`, `file`, `outside`.
    Input as "an input" {
        /// The output of a task that comes first: all of them of a `for_each`, or of a part; `part.output` for one.
        artifact: Option<At<Made>>,
        /// Handoffs over this barrier: those into the task's own pipeline, for a task of another one all.
        handoff: Option<Reference>,
        /// Only handoffs from this pipeline.
        from: Option<At<Id>>,
        /// Only handoffs to this pipeline.
        to: Option<At<Id>>,
        /// A file of the repository.
        file: Option<At<Plain>>,
        /// A thing outside the repository: a person says that it is there.
        outside: Option<At<Plain>>,
        /// What the outside thing is, for the person who is asked.
        about: Option<At<Plain>>,
    }
}

section! {
    /// Something that must be true.
    CriterionSpec as "a criterion" {
        /// Short name.
        name: At<Plain>,
        /// How one sees it. Default: the name.
        validation: Option<At<Plain>>,
        /// A command that shows it, as a list of words: run on the candidate in a clean directory, it ends with 0.
        /// Files that it names are taken from the run's base, so that no agent can change them. Without a command a
        /// judge decides.
        #[schemars(default)]
        check: List<At<Plain>>,
        /// Most time for the command. Default: 10m.
        timeout: Option<At<Millis>>,
    }
}

short_form! {
    /// A sentence, or `{name: ..., validation: how one sees it}`.
    Criterion = At<Plain> | CriterionSpec, |name| CriterionSpec {
        name,
        validation: None,
        check: List { items: vec![], broken: false, present: false },
        timeout: None,
        at: 0..0,
        broken: false,
    }
}

section! {
    /// Where pipelines meet: nobody goes on before all have arrived and the handoffs have passed.
    Barrier as "a barrier" {
        /// Pipelines that meet, each with the number of the phase that ends here.
        after: Map<At<u32>>,
        /// Findings that cross, one entry for each direction.
        #[schemars(default)]
        handoffs: List<Handoff>,
        /// How much depends on its handoffs. Default: the workflow's.
        criticality: Option<Level>,
        /// Ways of reviewing its handoffs. Default: by criticality.
        strategies: Option<Strategies>,
        /// What differs from the workflow's `quality`.
        gate: Option<Gate>,
        /// Who is asked before it opens.
        approval: Option<Approval>,
        /// What must be true of its handoffs.
        #[schemars(default)]
        criteria: List<Criterion>,
    }
}

section! {
    /// One direction over a barrier.
    Handoff as "a handoff" {
        /// Source pipeline.
        from: At<Id>,
        /// Target pipeline.
        to: At<Id>,
        /// What it must say something about, item by item.
        #[schemars(default)]
        key_content: List<At<Plain>>,
    }
}

section! {
    /// Rules of the workflow.
    Constraints as "`constraints`" {
        /// Never waived.
        #[schemars(default)]
        hard: List<Constraint>,
        /// May give way for a reason.
        #[schemars(default)]
        soft: List<Constraint>,
    }
}

section! {
    /// A rule.
    Constraint as "a constraint" {
        /// Such as `P-003`.
        id: Option<At<Plain>>,
        /// Short name.
        name: At<Plain>,
        /// What it demands and who enforces it.
        enforcement: At<Plain>,
        /// A command that shows whether a candidate keeps to it: see a criterion's `check`. Run for every task.
        #[schemars(default)]
        check: List<At<Plain>>,
        /// Most time for the command. Default: 10m.
        timeout: Option<At<Millis>>,
    }
}

section! {
    /// One thing that must hold at the end. Exactly one of `phases`, `barriers`, `artifact`, `declared`.
    Completion as "a completion criterion" {
        /// `complete`: every task is accepted.
        phases: Option<At<Complete>>,
        /// `complete`: every barrier is open.
        barriers: Option<At<Complete>>,
        /// This artifact is accepted: the task that makes it, or its path.
        artifact: Option<At<Plain>>,
        /// A person says that this is so.
        declared: Option<At<Plain>>,
        /// Short name. Default: by kind.
        name: Option<At<Plain>>,
        /// How one sees it. Default: by kind.
        validation: Option<At<Plain>>,
    }
}

section! {
    /// A known risk.
    Risk as "a risk" {
        /// What might happen.
        risk: At<Plain>,
        /// L, M or H.
        likelihood: At<Degree>,
        /// L, M or H.
        impact: At<Degree>,
        /// What is done about it.
        mitigation: At<Plain>,
    }
}
