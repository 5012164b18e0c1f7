//! Plans for tests. A [`task`] has defaults that fit one quick test; [`TaskExt`] changes them by
//! name; [`plan`] puts tasks together, [`PlanExt`] adds barriers and limits.

use consort_core::definition::{BaseFiles, IdChoice, PlanOptions, check};
use consort_core::ids::{DimensionId, PipelineId, StrategyId, TaskId};
use consort_core::plan::*;
use consort_core::quality::{Score, order};
use std::collections::BTreeMap;

/// A score in ten-thousandths.
///
/// # Panics
/// Above 10,000.
pub fn score(ten_thousandths: u32) -> Score {
    Score::from_ten_thousandths(ten_thousandths).expect("at most 1")
}

fn agent() -> AgentSpec {
    AgentSpec {
        runtime: Runtime::Rehearsal { misbehave: Vec::new() },
        timeout_ms: 60_000,
        env_pass: Vec::new(),
        env_set: BTreeMap::new(),
        supervise: true,
        output_bytes_max: 1 << 20,
        price: None,
        pool: None,
        caps: consort_core::plan::Caps::default(),
        fallbacks: Vec::new(),
        role: None,
    }
}

/// A document at `out/<id>.md`, C1, no critics, no judge, in a clone.
pub fn task(id: &str) -> Task {
    Task {
        id: id.into(),
        kind: TaskKind::Declared,
        place: None,
        role: "author".into(),
        text: format!("write {id}"),
        needs: Vec::new(),
        behind: Vec::new(),
        inputs: Vec::new(),
        output: Output::Document { paths: vec![format!("out/{id}.md")] },
        levels: Vec::new(),
        form: Default::default(),
        criticality: Criticality::C1,
        criticality_rationale: None,
        escalated_by: Vec::new(),
        required_strategies: Vec::new(),
        optional_strategies: Vec::new(),
        waived: Vec::new(),
        review_groups: Vec::new(),
        self_review: false,
        judged: false,
        judges: 1,
        threshold: score(9_200),
        floor: score(8_500),
        rounds: Rounds { min: 1, max: 5, plateau_delta: score(100), plateau_window: 3 },
        approval: None,
        criteria: Vec::new(),
        creator: agent(),
        critic: agent(),
        judge: agent(),
        panel: Vec::new(),
        given: None,
        when: None,
        estimate_ms: None,
        workspace: WorkspaceKind::Clone,
    }
}

/// Changes to a task, by name.
pub trait TaskExt: Sized {
    /// Needs these tasks directly and reads what they make.
    fn needs(self, tasks: &[&str]) -> Self;
    /// Is directly behind this barrier.
    fn behind(self, barrier: &str) -> Self;
    /// Reads a handoff.
    fn takes(self, handoff: &str) -> Self;
    /// Reads a file of the repository.
    fn reads(self, path: &str) -> Self;
    /// Reads a thing outside the repository.
    fn outside(self, name: &str) -> Self;
    /// Is scored, in so many rounds.
    fn judged(self, min: u32, max: u32) -> Self;
    /// Is reviewed by its creator first.
    fn self_reviewed(self) -> Self;
    /// Is reviewed by these critics, in the order of their groups.
    fn critics(self, strategies: &[&str]) -> Self;
    /// Is approved by a person.
    fn approved(self) -> Self;
    /// Is approved by one of these people, and by nobody else.
    fn approved_by(self, names: &[&str]) -> Self;
    /// Works in the scratch directory of the run.
    fn scratch(self) -> Self;
    /// Is there already.
    fn given(self) -> Self;
    /// Belongs to a phase.
    fn at(self, pipeline: &str, phase: u32) -> Self;
    /// All its attempts may take so long, in milliseconds.
    fn timeout(self, ms: u64) -> Self;
    /// Writes this path instead of its own.
    fn writes(self, path: &str) -> Self;
    /// Its agents are talked to, and have so many fallbacks each.
    fn talked(self, fallbacks: u8) -> Self;
    /// Its creator starts a session of its own for every round.
    fn forgetful(self) -> Self;
    /// All its agents, fallbacks too, use the quota of this pool.
    fn pooled(self, pool: &str) -> Self;
    /// One attempt of its agents may use up so many millionths of a US dollar and so many tokens.
    fn capped(self, micro_usd: Option<u64>, tokens: Option<u64>) -> Self;
}

/// Everybody who may work at this task: creator, critic, judge and their fallbacks.
fn each_agent(task: &mut Task, change: impl Fn(&mut AgentSpec)) {
    for agent in [&mut task.creator, &mut task.critic, &mut task.judge] {
        change(agent);
        agent.fallbacks.iter_mut().for_each(&change);
    }
}

impl TaskExt for Task {
    fn needs(mut self, tasks: &[&str]) -> Self {
        for id in tasks {
            self.needs.push(TaskId::from(*id));
            self.inputs.push(Input::Artifact { task: TaskId::from(*id) });
        }
        self
    }
    fn behind(mut self, barrier: &str) -> Self {
        self.behind.push(barrier.into());
        self
    }
    fn takes(mut self, handoff: &str) -> Self {
        self.inputs.push(Input::Handoff { task: handoff.into() });
        self
    }
    fn reads(mut self, path: &str) -> Self {
        self.inputs.push(Input::File { path: path.into() });
        self
    }
    fn outside(mut self, name: &str) -> Self {
        self.inputs.push(Input::Outside { name: name.into(), about: None });
        self
    }
    fn judged(mut self, min: u32, max: u32) -> Self {
        self.judged = true;
        self.rounds.min = min;
        self.rounds.max = max;
        self.criticality = Criticality::C2;
        self
    }
    fn self_reviewed(mut self) -> Self {
        self.self_review = true;
        self
    }
    fn critics(mut self, strategies: &[&str]) -> Self {
        let asked: Vec<StrategyId> = strategies.iter().map(|s| StrategyId::from(*s)).collect();
        self.review_groups = order(&asked);
        self.required_strategies = asked;
        self
    }
    fn approved(mut self) -> Self {
        self.approval = Some(ApprovalAt { who: "user".into(), reason: None, by: Vec::new() });
        self
    }
    fn approved_by(mut self, names: &[&str]) -> Self {
        let by = names.iter().map(|n| (*n).to_owned()).collect();
        self.approval = Some(ApprovalAt { who: "user".into(), reason: None, by });
        self
    }
    fn scratch(mut self) -> Self {
        self.workspace = WorkspaceKind::None;
        self
    }
    fn given(mut self) -> Self {
        self.given = Some(consort_core::ids::ContentHash("0".repeat(64)));
        self.rounds = Rounds { min: 1, max: 1, ..self.rounds };
        self.self_review = false;
        self.scratch()
    }
    fn at(mut self, pipeline: &str, phase: u32) -> Self {
        self.place = Some((pipeline.into(), phase));
        self
    }
    fn timeout(mut self, ms: u64) -> Self {
        for agent in [&mut self.creator, &mut self.critic, &mut self.judge] {
            agent.timeout_ms = ms;
        }
        self
    }
    fn writes(mut self, path: &str) -> Self {
        self.output = Output::Document { paths: vec![path.into()] };
        self
    }
    fn talked(mut self, fallbacks: u8) -> Self {
        for agent in [&mut self.creator, &mut self.critic, &mut self.judge] {
            agent.runtime = Runtime::Session(Box::default());
            agent.fallbacks = vec![agent.clone(); usize::from(fallbacks)];
        }
        self
    }
    fn pooled(mut self, pool: &str) -> Self {
        each_agent(&mut self, |agent| agent.pool = Some(pool.to_owned()));
        self
    }
    fn capped(mut self, micro_usd: Option<u64>, tokens: Option<u64>) -> Self {
        each_agent(&mut self, |agent| {
            agent.caps = Caps { micro_usd_max: micro_usd, tokens_max: tokens, ..agent.caps };
        });
        self
    }
    fn forgetful(mut self) -> Self {
        if let Runtime::Session(session) = &mut self.creator.runtime {
            session.forget = true;
        }
        self
    }
}

/// A plan of these tasks: two dimensions (0.6 and 0.4), two at once, three tries, checkpoints
/// by phase. Pipelines and stages follow from the tasks' places.
pub fn plan(id: &str, tasks: Vec<Task>) -> Plan {
    let mut plan = Plan {
        schema: PLAN_SCHEMA,
        workflow: workflow(id),
        tasks,
        pipelines: Vec::new(),
        barriers: Vec::new(),
        stages: Vec::new(),
        completion: Vec::new(),
        escalation: Vec::new(),
        people: Default::default(),
        strategies: Vec::new(),
        quality: Quality {
            threshold: score(9_200),
            floor: score(8_500),
            dimensions: vec![dimension("completeness", 6_000), dimension("consistency", 4_000)],
        },
        limits: Limits {
            max_concurrent_agents: 2,
            max_barrier_retries: 2,
            max_attempts: 3,
            backoff: Backoff { first_ms: 1_000, max_ms: 8_000 },
            patience_ms: consort_core::plan::PATIENCE_MS,
            attempt_timeout_ms: 60_000,
            grace_ms: 1_000,
            budget: Budget::default(),
            shares: Default::default(),
        },
        checkpoints: CheckpointFrequency::Phase,
        constraints: Vec::new(),
        risks: Vec::new(),
        variables: BTreeMap::new(),
        rehearsal: true,
        roles: Default::default(),
        prompts: Default::default(),
        siblings: Default::default(),
    };
    place(&mut plan);
    plan
}

fn workflow(id: &str) -> Workflow {
    Workflow {
        id: id.into(),
        id_source: IdSource::User,
        title: id.into(),
        purpose: "a test".into(),
        question: None,
        document_id: None,
        version: "1".into(),
        project: None,
        disclaimer: None,
        created: "2026-02-20".into(),
        patterns: Vec::new(),
        criticality: Criticality::C2,
        criticality_rationale: None,
        levels: BTreeMap::new(),
        base_path: format!("orchestration/{id}"),
    }
}

fn dimension(id: &str, weight: u32) -> Dimension {
    Dimension { id: DimensionId::from(id), name: id.into(), weight: score(weight), about: None }
}

/// Pipelines, phases and stages from the places of tasks; a stage is one phase number.
fn place(plan: &mut Plan) {
    let mut phases: BTreeMap<PipelineId, BTreeMap<u32, Vec<TaskId>>> = BTreeMap::new();
    let mut stages: BTreeMap<u32, Stage> = BTreeMap::new();
    for task in &plan.tasks {
        let (Some((pipeline, number)), TaskKind::Declared) = (&task.place, &task.kind) else { continue };
        phases.entry(pipeline.clone()).or_default().entry(*number).or_default().push(task.id.clone());
        let stage = stages.entry(*number).or_insert_with(|| Stage {
            subject: format!("phase {number}"),
            phases: Vec::new(),
            tasks: Vec::new(),
        });
        let phase = (pipeline.clone(), *number);
        if !stage.phases.contains(&phase) {
            stage.phases.push(phase);
        }
        stage.tasks.push(task.id.clone());
    }
    plan.stages = stages.into_values().collect();
    plan.pipelines = phases.into_iter().map(|(id, phases)| pipeline(id, phases)).collect();
}

fn pipeline(id: PipelineId, phases: BTreeMap<u32, Vec<TaskId>>) -> Pipeline {
    let phase = |(number, tasks): (u32, Vec<TaskId>)| Phase {
        number,
        name: format!("Phase {number}"),
        path_id: format!("phase-{number}"),
        purpose: None,
        tasks,
        criticality: Criticality::C2,
        criticality_rationale: None,
        criteria: Vec::new(),
        required_strategies: Vec::new(),
        optional_strategies: Vec::new(),
    };
    Pipeline {
        name: id.to_string(),
        alias: id.to_string(),
        alias_source: "workflow".into(),
        skill: None,
        convergent: false,
        phases: phases.into_iter().map(phase).collect(),
        id,
    }
}

/// So many tasks at most, made of what `list` gives, each like `like`.
pub fn each(list: &str, like: Task, max: u32) -> Task {
    let growth = Growth {
        list: list.into(),
        tasks: false,
        max,
        side_by_side: 0,
        budget: Budget::default(),
        approval: None,
        choices: BTreeMap::new(),
    };
    Task { kind: TaskKind::Each(Box::new(growth)), ..like.needs(&[list]) }
}

/// The bounds of a placeholder.
pub fn growth(task: &mut Task) -> &mut Growth {
    match &mut task.kind {
        TaskKind::Each(growth) => growth,
        other => panic!("{other:?} stands for no list"),
    }
}

/// It runs only if its condition holds, which reads these tasks.
pub fn only_when(task: Task, reads: &[&str]) -> Task {
    let when = Condition { expr: "true".into(), reads: reads.iter().map(|id| (*id).into()).collect() };
    Task { when: Some(when), ..task }
}

/// Changes to a plan, by name.
pub trait PlanExt: Sized {
    /// Ends this phase of these pipelines at a barrier. Handoffs in each direction follow the
    /// pattern, which is made into tasks `<barrier>_<from>-to-<to>`.
    fn barrier(self, id: &str, phase: u32, pipelines: &[&str], handoffs: &[(&str, &str)], like: Task)
    -> Self;
    /// The barriers are approved by a person.
    fn approved_barriers(self) -> Self;
    /// So many attempts at once.
    fn at_once(self, agents: u32) -> Self;
    /// A criterion that only a person can vouch for.
    fn vouched(self, name: &str) -> Self;
}

impl PlanExt for Plan {
    fn barrier(
        mut self,
        id: &str,
        phase: u32,
        pipelines: &[&str],
        handoffs: &[(&str, &str)],
        like: Task,
    ) -> Self {
        let of = |pipeline: &str| -> Vec<TaskId> {
            let member =
                |t: &&Task| t.place == Some((pipeline.into(), phase)) && t.kind == TaskKind::Declared;
            self.tasks.iter().filter(member).map(|t| t.id.clone()).collect()
        };
        let waits_for = pipelines.iter().flat_map(|p| of(p)).collect();
        let made: Vec<Task> = handoffs
            .iter()
            .map(|(from, to)| {
                let mut task = like.clone();
                task.id = TaskId(format!("{id}_{from}-to-{to}"));
                task.needs = of(from);
                task.inputs = task.needs.iter().map(|t| Input::Artifact { task: t.clone() }).collect();
                task.place = Some(((*from).into(), phase));
                task.output =
                    Output::Document { paths: vec![format!("cross/{id}/{from}-to-{to}/handoff.md")] };
                task.kind = TaskKind::Handoff(Handoff {
                    barrier: id.into(),
                    from: (*from).into(),
                    to: (*to).into(),
                    aliases: ((*from).to_owned(), (*to).to_owned()),
                    key_content: Vec::new(),
                });
                task
            })
            .collect();
        self.barriers.push(Barrier {
            id: id.into(),
            after: pipelines.iter().map(|p| ((*p).into(), phase)).collect(),
            waits_for,
            handoffs: made.iter().map(|t| t.id.clone()).collect(),
            criticality: Criticality::C2,
            criticality_rationale: None,
            approval: None,
            required_strategies: Vec::new(),
            optional_strategies: Vec::new(),
            threshold: score(9_200),
        });
        // Behind the tasks of the phase they come from.
        let at = self.tasks.iter().rposition(|t| t.place.as_ref().is_some_and(|(_, n)| *n <= phase));
        let at = at.map_or(self.tasks.len(), |at| at + 1);
        self.tasks.splice(at..at, made);
        self
    }
    fn approved_barriers(mut self) -> Self {
        for barrier in &mut self.barriers {
            barrier.approval =
                Some(ApprovalAt { who: "user".into(), reason: Some("P-020".into()), by: Vec::new() });
        }
        self
    }
    fn at_once(mut self, agents: u32) -> Self {
        self.limits.max_concurrent_agents = agents;
        self
    }
    fn vouched(mut self, name: &str) -> Self {
        self.completion.push(Completion {
            name: name.into(),
            validation: format!("{name} is true"),
            by: CompletionBy::Person,
        });
        self
    }
}

/// Two pipelines, one barrier with a handoff in each direction, two consumers.
pub fn two_way(rounds: (u32, u32)) -> Plan {
    let judged = |id: &str| task(id).judged(rounds.0, rounds.1);
    plan(
        "two-way",
        vec![
            judged("a1").at("a", 1),
            judged("b1").at("b", 1),
            judged("a2").at("a", 2).behind("meet").takes("meet_b-to-a"),
            judged("b2").at("b", 2).behind("meet").takes("meet_a-to-b"),
        ],
    )
    .barrier("meet", 1, &["a", "b"], &[("a", "b"), ("b", "a")], judged("handoff").self_reviewed())
}

/// One after another.
pub fn chain(length: usize) -> Plan {
    let tasks = (1..=length).map(|n| {
        let it = task(&format!("t{n}")).at("line", n as u32);
        if n > 1 { it.needs(&[&format!("t{}", n - 1)]) } else { it }
    });
    plan("chain", tasks.collect())
}

/// All side by side, then one that needs them all.
pub fn fan(width: usize) -> Plan {
    let ids: Vec<String> = (1..=width).map(|n| format!("t{n}")).collect();
    let mut tasks: Vec<Task> = ids.iter().map(|id| task(id).at("fan", 1)).collect();
    let all: Vec<&str> = ids.iter().map(String::as_str).collect();
    tasks.push(task("join").at("fan", 2).needs(&all));
    plan("fan", tasks)
}

/// Three pipelines and two barriers that share one of them, so that both are in flight at once.
pub fn overlapping() -> Plan {
    let judged = |id: &str| task(id).judged(2, 5).critics(&["S-002", "S-007"]);
    let like = task("handoff").judged(2, 5).self_reviewed();
    plan(
        "overlapping",
        vec![
            judged("a1").at("a", 1),
            judged("b1").at("b", 1),
            judged("c1").at("c", 1),
            judged("a2").at("a", 2).behind("left").takes("left_b-to-a"),
            judged("b2").at("b", 2).behind("left").takes("left_a-to-b").behind("right").takes("right_c-to-b"),
            judged("c2").at("c", 2).behind("right").takes("right_b-to-c"),
        ],
    )
    .barrier("left", 1, &["a", "b"], &[("a", "b"), ("b", "a")], like.clone())
    .barrier("right", 1, &["b", "c"], &[("b", "c"), ("c", "b")], like)
    .at_once(3)
}

/// The seed's workflow, as its example says it, with players for agents.
///
/// # Panics
/// If the example is wrong.
pub fn seed_plan() -> Plan {
    const SEED: &str = include_str!("../../../examples/multi-instance/workflow.yaml");
    let options = PlanOptions {
        today: "20260220".into(),
        variables: BTreeMap::new(),
        rehearse: true,
        id: IdChoice::Declared,
        existing_ids: Vec::new(),
        offers: Vec::new(),
        base_files: BaseFiles::none(),
        given: Default::default(),
        library: Default::default(),
    };
    match check("workflow.yaml", SEED, &options) {
        Ok(checked) => checked.plan,
        Err(found) => panic!("the seed's example does not check: {found:?}"),
    }
}
