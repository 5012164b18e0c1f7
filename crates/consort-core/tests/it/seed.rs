//! A plan like the seed's, made in code: two pipelines of two phases, two barriers in both
//! directions, a convergent decision.

use consort_core::ids::{BarrierId, PipelineId, StrategyId, TaskId};
use consort_core::plan::*;
use consort_core::quality::{Score, order};
use std::collections::BTreeMap;

const ID: &str = "multi-instance-20260220-001";

fn score(text: &str) -> Score {
    Score::parse(text).expect(text)
}

fn strategies(ids: &[&str]) -> Vec<StrategyId> {
    ids.iter().map(|s| StrategyId::from(*s)).collect()
}

fn agent() -> AgentSpec {
    AgentSpec {
        runtime: Runtime::Rehearsal { misbehave: Vec::new() },
        timeout_ms: 600_000,
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

fn who() -> ApprovalAt {
    ApprovalAt { who: "project owner".into(), reason: Some("P-020".into()), by: Vec::new() }
}

struct Made {
    id: &'static str,
    role: &'static str,
    text: &'static str,
    place: (&'static str, u32),
    path: String,
    required: &'static [&'static str],
    criticality: Criticality,
}

fn task(made: Made, kind: TaskKind) -> Task {
    let required = strategies(made.required);
    Task {
        id: made.id.into(),
        kind,
        place: Some((made.place.0.into(), made.place.1)),
        role: made.role.into(),
        text: made.text.into(),
        needs: Vec::new(),
        behind: Vec::new(),
        inputs: Vec::new(),
        output: Output::Document { paths: vec![made.path] },
        levels: vec!["L0".into(), "L1".into(), "L2".into()],
        form: Default::default(),
        criticality: made.criticality,
        criticality_rationale: None,
        escalated_by: Vec::new(),
        review_groups: order(&required),
        self_review: true,
        judged: true,
        judges: 1,
        required_strategies: required,
        optional_strategies: strategies(&["S-003"]),
        waived: Vec::new(),
        threshold: score("0.92"),
        floor: score("0.85"),
        rounds: Rounds { min: 3, max: 5, plateau_delta: score("0.01"), plateau_window: 3 },
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

fn declared(
    id: &'static str,
    role: &'static str,
    place: (&'static str, u32),
    folder: &str,
    kind: &str,
    text: &'static str,
) -> Task {
    let path = format!("orchestration/{ID}/{folder}/{id}/{id}-{kind}.md");
    let (required, criticality): (&'static [&'static str], _) = match place.1 {
        3 => (&["S-007", "S-002", "S-004", "S-012", "S-013", "S-014", "S-010"], Criticality::C3),
        _ => (&["S-007", "S-002", "S-014", "S-010"], Criticality::C2),
    };
    task(Made { id, role, text, place, path, required, criticality }, TaskKind::Declared)
}

fn handoff(id: &'static str, barrier: &str, from: &'static str, phase: u32, content: &[&str]) -> Task {
    let (to, aliases) = match from {
        "a" => ("b", ("spike-001", "spike-002")),
        _ => ("a", ("spike-002", "spike-001")),
    };
    let path =
        format!("orchestration/{ID}/cross-pollination/{barrier}/{}-to-{}/handoff.md", aliases.0, aliases.1);
    let kind = TaskKind::Handoff(Handoff {
        barrier: barrier.into(),
        from: from.into(),
        to: to.into(),
        aliases: (aliases.0.into(), aliases.1.into()),
        key_content: content.iter().map(|c| (*c).into()).collect(),
    });
    let made = Made {
        id,
        role: "handoff",
        text: "Carry the findings of one pipeline to the other.",
        place: (from, phase),
        path,
        required: &["S-014", "S-010"],
        criticality: Criticality::C2,
    };
    task(made, kind)
}

fn criterion(name: &str, validation: &str) -> Criterion {
    Criterion { name: name.into(), validation: validation.into(), check: None, holds: None }
}

fn phase(number: u32, name: &str, purpose: &str, task: &str, criteria: Vec<Criterion>) -> Phase {
    let c3 = number == 3;
    Phase {
        number,
        name: name.into(),
        path_id: format!("phase-{number}-{}", name.to_lowercase()),
        purpose: Some(purpose.into()),
        tasks: vec![task.into()],
        criticality: if c3 { Criticality::C3 } else { Criticality::C2 },
        criticality_rationale: Some(if c3 { "AE-003" } else { "a handful of documents" }.into()),
        criteria,
        required_strategies: strategies(if c3 {
            &["S-007", "S-002", "S-004", "S-012", "S-013", "S-014"]
        } else {
            &["S-007", "S-002", "S-014"]
        }),
        optional_strategies: strategies(&["S-003", "S-010"]),
    }
}

fn pipeline(id: &str, name: &str, alias: &str, convergent: bool, phases: Vec<Phase>) -> Pipeline {
    Pipeline {
        id: id.into(),
        name: name.into(),
        alias: alias.into(),
        alias_source: "workflow".into(),
        skill: Some("problem-solving".into()),
        convergent,
        phases,
    }
}

fn barrier(id: &str, phase: u32, waits: [&str; 2], handoffs: [&str; 2]) -> Barrier {
    Barrier {
        id: id.into(),
        after: vec![("a".into(), phase), ("b".into(), phase)],
        waits_for: waits.map(TaskId::from).into(),
        handoffs: handoffs.map(TaskId::from).into(),
        criticality: Criticality::C2,
        criticality_rationale: Some("carries findings across".into()),
        approval: Some(who()),
        required_strategies: strategies(&["S-014", "S-010"]),
        optional_strategies: strategies(&["S-003"]),
        threshold: score("0.92"),
    }
}

fn artifact(task: &str) -> Input {
    Input::Artifact { task: task.into() }
}

fn over(task: &str) -> Input {
    Input::Handoff { task: task.into() }
}

fn tasks() -> Vec<Task> {
    let [b1ab, b1ba] = ["barrier-1_spike-001-to-spike-002", "barrier-1_spike-002-to-spike-001"];
    let [b2ab, b2ba] = ["barrier-2_spike-001-to-spike-002", "barrier-2_spike-002-to-spike-001"];
    let mut a1 = declared(
        "agent-a-001",
        "ps-researcher",
        ("a", 1),
        "spike-001/phase-1-research",
        "research",
        "Audit what the SDK and the CLI can do. Cover methods, flags, sessions and the print mode.",
    );
    a1.inputs = vec![
        Input::File { path: "PLAN.md".into() },
        Input::Outside { name: "SPIKE-001 entity".into(), about: None },
    ];
    let mut b1 = declared(
        "agent-b-001",
        "ps-researcher",
        ("b", 1),
        "spike-002/phase-1-research",
        "research",
        "Document how worktrees are made by hand today, and which interfaces could do it.",
    );
    b1.inputs = vec![
        Input::File { path: "PLAN.md".into() },
        Input::Outside { name: "SPIKE-002 entity".into(), about: None },
    ];
    let mut h1 = handoff(b1ab, "barrier-1", "a", 1, &["instance options", "capabilities and limits of each"]);
    h1.needs = vec!["agent-a-001".into()];
    h1.inputs = vec![artifact("agent-a-001")];
    let mut h2 = handoff(b1ba, "barrier-1", "b", 1, &["worktree constraints", "what provisioning needs"]);
    h2.needs = vec!["agent-b-001".into()];
    h2.inputs = vec![artifact("agent-b-001")];
    let mut a2 = declared(
        "agent-a-002",
        "ps-analyst",
        ("a", 2),
        "spike-001/phase-2-analysis",
        "analysis",
        "Score the options on eight dimensions, with evidence for each cell.",
    );
    a2.needs = vec!["agent-a-001".into()];
    a2.behind = vec!["barrier-1".into()];
    a2.inputs = vec![artifact("agent-a-001"), over(b1ba)];
    let mut b2 = declared(
        "agent-b-002",
        "ps-analyst",
        ("b", 2),
        "spike-002/phase-2-analysis",
        "analysis",
        "Design the life of a session for both approaches: start, watch, merge, clean up.",
    );
    b2.needs = vec!["agent-b-001".into()];
    b2.behind = vec!["barrier-1".into()];
    b2.inputs = vec![artifact("agent-b-001"), over(b1ab)];
    let mut h3 = handoff(b2ab, "barrier-2", "a", 2, &["scored matrix", "weighted recommendation"]);
    h3.needs = vec!["agent-a-002".into()];
    h3.inputs = vec![artifact("agent-a-002")];
    let mut h4 = handoff(b2ba, "barrier-2", "b", 2, &["how feasible each approach is over its life"]);
    h4.needs = vec!["agent-b-002".into()];
    h4.inputs = vec![artifact("agent-b-002")];
    let mut c1 = declared(
        "agent-c-001",
        "ps-architect",
        ("c", 3),
        "convergent/phase-3-decision",
        "adr",
        "Write the decision record: go or no-go, which approach, what first, which risks.",
    );
    c1.needs = vec!["agent-a-002".into(), "agent-b-002".into()];
    c1.behind = vec!["barrier-2".into()];
    c1.inputs = vec![artifact("agent-a-002"), artifact("agent-b-002"), over(b2ab), over(b2ba)];
    c1.approval = Some(who());
    vec![a1, b1, h1, h2, a2, b2, h3, h4, c1]
}

fn dimensions() -> Vec<Dimension> {
    [
        ("completeness", "Completeness", "0.20", "All required aspects are there"),
        ("internal_consistency", "Internal Consistency", "0.20", "Nothing contradicts anything else"),
        ("methodological_rigor", "Methodological Rigor", "0.20", "Found in a way that can be trusted"),
        ("evidence_quality", "Evidence Quality", "0.15", "Claims can be checked"),
        ("actionability", "Actionability", "0.15", "It is clear what to do next"),
        ("traceability", "Traceability", "0.10", "Leads back to what was asked"),
    ]
    .map(|(id, name, weight, about)| Dimension {
        id: id.into(),
        name: name.into(),
        weight: score(weight),
        about: Some(about.into()),
    })
    .into()
}

fn pipelines() -> Vec<Pipeline> {
    let research_a = phase(
        1,
        "Research",
        "Find out what both interfaces can do: methods, flags, tools, sessions, subprocess patterns",
        "agent-a-001",
        vec![criterion("SDK surface documented", "agent-a-001 lists methods, tools and sessions")],
    );
    let analysis_a = phase(
        2,
        "Analysis",
        "Weigh the options on eight dimensions, with the constraints that came over barrier-1",
        "agent-a-002",
        vec![criterion("Matrix complete", "agent-a-002 scores all 8 dimensions with evidence")],
    );
    let research_b = phase(
        1,
        "Research",
        "See how worktrees are made today and what could make them by program",
        "agent-b-001",
        vec![criterion("Manual way documented", "agent-b-001 has every step of the present way")],
    );
    let analysis_b = phase(
        2,
        "Analysis",
        "Design the life of a session under both approaches",
        "agent-b-002",
        vec![criterion("Both designs there", "agent-b-002 covers SDK and CLI")],
    );
    let decision = phase(
        3,
        "Decision",
        "Join both lines of work into one decision record",
        "agent-c-001",
        vec![criterion("Pre-mortem applied", "S-004 is documented")],
    );
    vec![
        pipeline("a", "SDK vs CLI Comparison", "spike-001", false, vec![research_a, analysis_a]),
        pipeline("b", "Worktree & Session Lifecycle", "spike-002", false, vec![research_b, analysis_b]),
        pipeline("c", "Convergent Decision", "convergent", true, vec![decision]),
    ]
}

fn stage(subject: &str, phases: &[(&str, u32)], tasks: &[&str]) -> Stage {
    Stage {
        subject: subject.into(),
        phases: phases.iter().map(|(p, n)| (PipelineId::from(*p), *n)).collect(),
        tasks: tasks.iter().map(|t| TaskId::from(*t)).collect(),
    }
}

fn workflow() -> Workflow {
    Workflow {
        id: ID.into(),
        id_source: IdSource::User,
        title: "Multi-instance strategy".into(),
        purpose: "Find out how many instances of an agent are best run at once, each in its own worktree."
            .into(),
        question: Some("SDK, CLI, or both?".into()),
        document_id: Some("PROJ-006-ORCH-PLAN".into()),
        version: "2.0".into(),
        project: Some("PROJ-006-multi-instance".into()),
        disclaimer: Some("Check it against the project's own plan before it is run.".into()),
        created: "2026-02-20".into(),
        patterns: vec!["CROSS_POLLINATED".into(), "FAN_IN".into()],
        criticality: Criticality::C2,
        criticality_rationale: Some("reversible within a day, no code is changed".into()),
        levels: BTreeMap::from([
            ("L0".into(), "Stakeholders".into()),
            ("L1".into(), "Developers".into()),
            ("L2".into(), "Orchestrator".into()),
        ]),
        base_path: format!("orchestration/{ID}"),
    }
}

pub(crate) fn plan() -> Plan {
    let constraint = |id: &str, name: &str, enforcement: &str| Constraint {
        id: Some(id.into()),
        name: name.into(),
        enforcement: enforcement.into(),
        hard: true,
    };
    let completion = |name: &str, validation: &str, by| Completion {
        name: name.into(),
        validation: validation.into(),
        by,
    };
    let adr = format!("orchestration/{ID}/convergent/phase-3-decision/agent-c-001/agent-c-001-adr.md");
    Plan {
        schema: PLAN_SCHEMA,
        workflow: workflow(),
        tasks: tasks(),
        pipelines: pipelines(),
        barriers: vec![
            barrier(
                "barrier-1",
                1,
                ["agent-a-001", "agent-b-001"],
                ["barrier-1_spike-001-to-spike-002", "barrier-1_spike-002-to-spike-001"],
            ),
            barrier(
                "barrier-2",
                2,
                ["agent-a-002", "agent-b-002"],
                ["barrier-2_spike-001-to-spike-002", "barrier-2_spike-002-to-spike-001"],
            ),
        ],
        stages: vec![
            stage("phase 1", &[("a", 1), ("b", 1)], &["agent-a-001", "agent-b-001"]),
            stage("phase 2", &[("a", 2), ("b", 2)], &["agent-a-002", "agent-b-002"]),
            stage("phase 3", &[("c", 3)], &["agent-c-001"]),
        ],
        completion: vec![
            completion("All phases complete", "every task is accepted", CompletionBy::Phases),
            completion("All barriers synced", "every barrier is COMPLETE", CompletionBy::Barriers),
            completion("Final ADR created", "its path exists", CompletionBy::Artifact(adr)),
            completion("SPIKE-001 entity updated", "the tracker says so", CompletionBy::Person),
        ],
        strategies: Vec::new(),
        escalation: Vec::new(),
        people: Default::default(),
        quality: Quality { threshold: score("0.92"), floor: score("0.85"), dimensions: dimensions() },
        limits: Limits {
            max_concurrent_agents: 2,
            max_barrier_retries: 2,
            max_attempts: 3,
            backoff: Backoff { first_ms: 1_000, max_ms: 60_000 },
            patience_ms: consort_core::plan::PATIENCE_MS,
            attempt_timeout_ms: 600_000,
            grace_ms: 10_000,
            budget: Budget::default(),
            shares: Default::default(),
        },
        checkpoints: CheckpointFrequency::Phase,
        constraints: vec![
            constraint("P-003", "Single agent nesting", "the engine starts agents, agents start nobody"),
            constraint("P-020", "User authority", "a person approves gates"),
            Constraint {
                id: None,
                name: "Language".into(),
                enforcement: "Everything is written in English | no exceptions".into(),
                hard: false,
            },
        ],
        risks: vec![
            Risk {
                risk: "The SDK is not enough to manage instances".into(),
                likelihood: "M".into(),
                impact: "H".into(),
                mitigation: "Phase 1 looks at the real interface; the CLI is the way back".into(),
            },
            Risk {
                risk: "A handoff loses what matters".into(),
                likelihood: "L".into(),
                impact: "M".into(),
                mitigation: "Every handoff has a gate of its own".into(),
            },
        ],
        variables: BTreeMap::new(),
        rehearsal: true,
        roles: Default::default(),
        prompts: Default::default(),
        siblings: Default::default(),
    }
}

/// A plan with `n` pipelines that all meet at one barrier, and one in three phases.
pub(crate) fn wide(n: usize) -> Plan {
    let mut plan = plan();
    let template = plan.pipelines[0].clone();
    plan.pipelines.clear();
    plan.barriers[0].after.clear();
    plan.barriers.truncate(1);
    for i in 0..n {
        let id = format!("p{i}");
        let mut pipeline = template.clone();
        pipeline.id = PipelineId(id.clone());
        pipeline.alias = format!("line-{i}");
        plan.barriers[0].after.push((PipelineId(id), 1));
        plan.pipelines.push(pipeline);
    }
    plan
}

/// Three pipelines and two overlapping barriers: x and y meet, then y and z.
pub(crate) fn overlapping() -> Plan {
    let mut plan = wide(3);
    let ids = ["p0", "p1", "p2"].map(PipelineId::from);
    plan.barriers[0].after = vec![(ids[0].clone(), 1), (ids[1].clone(), 1)];
    let mut second = plan.barriers[0].clone();
    second.id = BarrierId::from("barrier-2");
    second.after = vec![(ids[1].clone(), 2), (ids[2].clone(), 1)];
    plan.barriers.push(second);
    plan
}
