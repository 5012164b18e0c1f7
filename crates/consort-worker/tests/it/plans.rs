//! A plan in the manner of the seed, and others, built by hand.

use consort_core::ids::{PipelineId, StrategyId, TaskId};
use consort_core::plan::{
    AgentSpec, Backoff, Budget, CheckpointFrequency, Constraint, Criterion, Criticality, Dimension, Handoff,
    IdSource, Input, Limits, Output, PLAN_SCHEMA, Plan, Quality, Rounds, Runtime, Task, TaskKind, Workflow,
    WorkspaceKind,
};
use consort_core::quality::{Score, order};
use std::collections::BTreeMap;

pub fn score(text: &str) -> Score {
    Score::parse(text).unwrap()
}

pub fn agent(runtime: Runtime) -> AgentSpec {
    AgentSpec {
        runtime,
        timeout_ms: 60_000,
        env_pass: Vec::new(),
        env_set: BTreeMap::new(),
        supervise: true,
        output_bytes_max: 1_000_000,
        price: None,
        pool: None,
        caps: consort_core::plan::Caps::default(),
        fallbacks: Vec::new(),
        role: None,
    }
}

pub fn player() -> AgentSpec {
    agent(Runtime::Rehearsal { misbehave: Vec::new() })
}

fn strategies(ids: &[&str]) -> Vec<StrategyId> {
    ids.iter().map(|s| StrategyId::from(*s)).collect()
}

/// A document task with the seed's C2 strategies.
pub fn task(id: &str, role: &str, text: &str, path: &str) -> Task {
    let required = strategies(&["S-007", "S-002", "S-014", "S-010"]);
    Task {
        id: id.into(),
        kind: TaskKind::Declared,
        place: None,
        role: role.into(),
        text: text.into(),
        needs: Vec::new(),
        behind: Vec::new(),
        inputs: Vec::new(),
        output: Output::Document { paths: vec![path.into()] },
        levels: Vec::new(),
        form: Default::default(),
        criticality: Criticality::C2,
        criticality_rationale: None,
        escalated_by: Vec::new(),
        review_groups: order(&required),
        required_strategies: required,
        optional_strategies: Vec::new(),
        waived: Vec::new(),
        self_review: true,
        judged: true,
        judges: 1,
        threshold: score("0.92"),
        floor: score("0.85"),
        rounds: Rounds { min: 3, max: 6, plateau_delta: score("0.01"), plateau_window: 3 },
        approval: None,
        criteria: Vec::new(),
        creator: player(),
        critic: player(),
        judge: player(),
        panel: Vec::new(),
        given: None,
        when: None,
        estimate_ms: None,
        workspace: WorkspaceKind::Clone,
    }
}

fn with_strategies(mut task: Task, ids: &[&str]) -> Task {
    task.required_strategies = strategies(ids);
    task.review_groups = order(&task.required_strategies);
    task
}

fn criterion(name: &str, validation: &str) -> Criterion {
    Criterion { name: name.into(), validation: validation.into(), check: None, holds: None }
}

const BASE: &str = "orchestration/multi-instance-20260220-001";

fn handoff(barrier: &str, from: (&str, &str), to: (&str, &str), content: &[&str], source: &str) -> Task {
    let direction = format!("{}-to-{}", from.1, to.1);
    let path = format!("{BASE}/cross-pollination/{barrier}/{direction}/handoff.md");
    let id = format!("{barrier}_{direction}");
    let text = format!("Carry the findings of {} over {barrier} to {}.", from.1, to.1);
    let mut task = with_strategies(task(&id, "handoff", &text, &path), &["S-014", "S-010"]);
    task.kind = TaskKind::Handoff(Handoff {
        barrier: barrier.into(),
        from: PipelineId::from(from.0),
        to: PipelineId::from(to.0),
        aliases: (from.1.into(), to.1.into()),
        key_content: content.iter().map(|c| (*c).to_owned()).collect(),
    });
    task.inputs = vec![Input::Artifact { task: source.into() }];
    task
}

/// The seed's workflow, as far as agents see it.
pub fn seed() -> Plan {
    let a = ("pipeline_a", "spike-001");
    let b = ("pipeline_b", "spike-002");
    let art = |task: &str| Input::Artifact { task: task.into() };
    let hand = |task: &str| Input::Handoff { task: task.into() };
    let path = |rest: &str| format!("{BASE}/{rest}");
    let levels = |mut task: Task| {
        task.levels = ["L0", "L1", "L2"].map(String::from).to_vec();
        task
    };
    let phase_1 = vec![
        criterion("SDK API surface documented", "agent-a-001 artifact lists SDK methods and session APIs"),
        criterion("Worktree workflow documented", "agent-b-001 artifact has the manual process step by step"),
        criterion("Quality gate passed", "All Phase 1 artifacts score >= 0.92 via S-014"),
        criterion("Environment requirements identified", "all artifacts name what they need"),
    ];
    let phase_2 = vec![
        criterion(
            "Trade-off matrix complete",
            "agent-a-002 artifact has all 8 dimensions scored with evidence",
        ),
        criterion(
            "Constraints incorporated",
            "agent-a-002 used worktree constraints; agent-b-002 used capabilities",
        ),
    ];
    let mut a1 = levels(task(
        "agent-a-001",
        "ps-researcher",
        "SDK capabilities audit (session management, tool support) + CLI automation audit: flags, subprocess patterns, print mode.",
        &path("spike-001/phase-1-research/agent-a-001/agent-a-001-research.md"),
    ));
    a1.inputs = vec![
        Input::File { path: "PLAN.md".into() },
        Input::Outside { name: "SPIKE-001 entity".into(), about: None },
    ];
    a1.criteria = phase_1.clone();
    let mut b1 = levels(task(
        "agent-b-001",
        "ps-researcher",
        "Current workflow audit, git worktree API research, environment provisioning requirements.",
        &path("spike-002/phase-1-research/agent-b-001/agent-b-001-research.md"),
    ));
    b1.inputs = vec![Input::File { path: "PLAN.md".into() }];
    b1.criteria = phase_1;
    let h1a = handoff(
        "barrier-1",
        a,
        b,
        &["Instance approach options with capabilities/limitations (SDK API surface, CLI `--print` | flags)"],
        "agent-a-001",
    );
    let h1b = handoff(
        "barrier-1",
        b,
        a,
        &["Worktree constraints and requirements", "Environment provisioning needs", "State coordination"],
        "agent-b-001",
    );
    let mut a2 = levels(task(
        "agent-a-002",
        "ps-analyst",
        "Trade-off scoring on 8 dimensions (Programmatic Control 0.20, Tool Surface 0.20, Session Persistence 0.15, \
         Error Handling 0.10, DX 0.10, Cost 0.10, Jerry Integration 0.10, Scalability 0.05). Informed by worktree \
         constraints.",
        &path("spike-001/phase-2-analysis/agent-a-002/agent-a-002-analysis.md"),
    ));
    a2.inputs = vec![art("agent-a-001"), hand("barrier-1_spike-002-to-spike-001")];
    a2.criteria = phase_2.clone();
    let mut b2 = levels(task(
        "agent-b-002",
        "ps-analyst",
        "Session lifecycle design for both approaches; dispatch and monitoring patterns; merge coordination.",
        &path("spike-002/phase-2-analysis/agent-b-002/agent-b-002-analysis.md"),
    ));
    b2.inputs = vec![art("agent-b-001"), hand("barrier-1_spike-001-to-spike-002")];
    b2.criteria = phase_2;
    let h2a =
        handoff("barrier-2", a, b, &["Scored comparison matrix with weighted recommendation"], "agent-a-002");
    let h2b = handoff("barrier-2", b, a, &["Session lifecycle feasibility per approach"], "agent-b-002");
    let mut c1 = with_strategies(
        levels(task(
            "agent-c-001",
            "ps-architect",
            "Go/no-go ADR synthesis from both pipelines: approach, integration architecture, MVP scope, risks.",
            &path("convergent/phase-3-decision/agent-c-001/agent-c-001-adr.md"),
        )),
        &["S-007", "S-002", "S-004", "S-012", "S-013", "S-014", "S-010"],
    );
    c1.inputs = vec![
        art("agent-a-002"),
        art("agent-b-002"),
        hand("barrier-2_spike-001-to-spike-002"),
        hand("barrier-2_spike-002-to-spike-001"),
    ];
    c1.criteria = vec![criterion("All three approaches evaluated", "ADR covers SDK, CLI and hybrid")];
    plan(vec![a1, b1, h1a, h1b, a2, b2, h2a, h2b, c1])
}

/// A plan of these tasks with the seed's dimensions.
pub fn plan(tasks: Vec<Task>) -> Plan {
    let dimension = |id: &str, name: &str, weight: &str| Dimension {
        id: id.into(),
        name: name.into(),
        weight: score(weight),
        about: Some(format!("What {name} means here")),
    };
    Plan {
        schema: PLAN_SCHEMA,
        workflow: Workflow {
            id: "multi-instance-20260220-001".into(),
            id_source: IdSource::User,
            title: "Multi-instance strategy assessment".into(),
            purpose: "Assess how to run many instances".into(),
            question: Some("SDK, CLI or hybrid?".into()),
            document_id: None,
            version: "2.0".into(),
            project: None,
            disclaimer: None,
            created: "2026-02-20".into(),
            patterns: Vec::new(),
            criticality: Criticality::C2,
            criticality_rationale: None,
            levels: [("L0", "Stakeholders"), ("L1", "Developers"), ("L2", "Orchestrator")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
            base_path: BASE.into(),
        },
        tasks,
        pipelines: Vec::new(),
        barriers: Vec::new(),
        stages: Vec::new(),
        completion: Vec::new(),
        escalation: Vec::new(),
        people: Default::default(),
        strategies: Vec::new(),
        quality: Quality {
            threshold: score("0.92"),
            floor: score("0.85"),
            dimensions: vec![
                dimension("completeness", "Completeness", "0.20"),
                dimension("internal_consistency", "Internal Consistency", "0.20"),
                dimension("methodological_rigor", "Methodological Rigor", "0.20"),
                dimension("evidence_quality", "Evidence Quality", "0.15"),
                dimension("actionability", "Actionability", "0.15"),
                dimension("traceability", "Traceability", "0.10"),
            ],
        },
        limits: Limits {
            max_concurrent_agents: 2,
            max_barrier_retries: 2,
            max_attempts: 3,
            backoff: Backoff { first_ms: 100, max_ms: 1_000 },
            patience_ms: consort_core::plan::PATIENCE_MS,
            attempt_timeout_ms: 60_000,
            grace_ms: 1_000,
            budget: Budget::default(),
            shares: Default::default(),
        },
        checkpoints: CheckpointFrequency::Phase,
        constraints: vec![
            Constraint {
                id: Some("P-003".into()),
                name: "Single nesting".into(),
                enforcement: "an agent never starts another".into(),
                hard: true,
            },
            Constraint {
                id: Some("H-13".into()),
                name: "Quality gate".into(),
                enforcement: "at least 92 % for C2 and above, rejected below .85.".into(),
                hard: true,
            },
        ],
        risks: Vec::new(),
        variables: BTreeMap::new(),
        rehearsal: true,
        roles: Default::default(),
        prompts: Default::default(),
        siblings: Default::default(),
    }
}

/// Work of other kinds: changes to code, data, no critics, no self-review, nothing to read.
pub fn kinds() -> Plan {
    let mut change = task("left", "developer", "Add the left half: parser, printer.", "x");
    change.output = Output::Change { writes: vec!["src/left/**/*.rs".into()] };
    change.criteria = vec![criterion("Lands", "the branch of docs and left lands")];
    let mut config = task("config", "developer", "Turn the switch on; keep the others.", "x");
    config.output = Output::Change { writes: vec!["app.json".into()] };
    config.self_review = false;
    let mut existing = task("existing", "developer", "Extend the library.", "x");
    existing.output = Output::Change { writes: vec!["src/lib.rs".into()] };
    let mut again = task("again-1", "developer", "Extend the library once more.", "x");
    again.output = existing.output.clone();
    again.needs = vec!["existing".into()];
    let mut data = task("data-1", "measurer", "Measure start-up time and memory.", "out/data.json");
    data.output = Output::Data { paths: vec!["out/data.json".into(), "out/raw.txt".into()], tasks: false };
    let mut bare = with_strategies(task("bare", "writer", "Write.", "out/bare.md"), &["S-014"]);
    bare.self_review = false;
    bare.rounds.min = 1;
    let only_steelman =
        with_strategies(task("steel", "writer", "Write about steel.", "out/steel.md"), &["S-003", "S-014"]);
    let mut own = with_strategies(
        task("own", "writer", "Weigh (Cost 0.5, Speed 0.5).", "out/own.md"),
        &["S-101", "S-014"],
    );
    own.inputs = vec![Input::Artifact { task: "bare".into() }, Input::Artifact { task: "data-1".into() }];
    plan(vec![change, config, existing, again, data, bare, only_steelman, own])
}

pub fn id(text: &str) -> TaskId {
    TaskId::from(text)
}
