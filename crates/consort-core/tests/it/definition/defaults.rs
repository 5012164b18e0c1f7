//! What a plan says where the file says nothing, and whose word wins where it says much.

use super::planned;
use consort_core::plan::{
    Backoff, CompletionBy, Criticality, Input, Output, Plan, PromptBy, Runtime, Task, TaskKind, WorkspaceKind,
};

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|i| i.to_string()).collect::<Vec<_>>().join(" ")
}

fn task<'a>(plan: &'a Plan, id: &str) -> &'a Task {
    plan.tasks.iter().find(|t| t.id.as_str() == id).unwrap_or_else(|| panic!("no task {id}"))
}

#[test]
fn the_smallest_file_has_every_default() {
    let (plan, warnings) = planned("tasks: {draft: {text: Write it}}\n");
    assert_eq!(warnings, "");
    assert_eq!(
        (plan.workflow.title.as_str(), plan.workflow.id.as_str()),
        ("Workflow", "workflow-20261123-001")
    );
    let limits = &plan.limits;
    assert_eq!((limits.max_concurrent_agents, limits.max_barrier_retries, limits.max_attempts), (4, 2, 3));
    assert_eq!(limits.backoff, Backoff { first_ms: 1_000, max_ms: 60_000 });
    assert_eq!((limits.attempt_timeout_ms, limits.grace_ms), (3_600_000, 10_000));
    assert_eq!(plan.quality.dimensions.len(), 6);
    assert_eq!(plan.quality.dimensions.iter().map(|d| d.weight.ten_thousandths()).sum::<u32>(), 10_000);
    let draft = &plan.tasks[0];
    assert_eq!(draft.criticality, Criticality::C2);
    assert_eq!((draft.rounds.min, draft.rounds.max, draft.rounds.plateau_window), (3, 5, 3));
    assert_eq!(
        (draft.rounds.plateau_delta.to_string(), draft.threshold.to_string()),
        ("0.01".into(), "0.92".into())
    );
    assert_eq!(list(&draft.required_strategies), "S-007 S-002 S-014 S-010");
    assert!(draft.optional_strategies.is_empty());
    assert!(draft.judged && draft.self_review);
    assert_eq!((draft.role.as_str(), draft.workspace), ("creator", WorkspaceKind::Clone));
    let path = "orchestration/workflow-20261123-001/draft/draft-document.md";
    assert_eq!(draft.output, Output::Document { paths: vec![path.into()] });
    assert_eq!((&draft.creator.runtime, draft.creator.supervise), (&Runtime::Missing, true));
    assert_eq!(draft.creator.output_bytes_max, 8 << 20);
}

#[test]
fn levels_decide_about_strategies_judges_and_rounds() {
    let of = |level: &str| {
        planned(&format!("criticality: {level}\ntasks: {{a: {{text: x}}}}\n")).0.tasks.remove(0)
    };
    let c1 = of("C1");
    assert_eq!((list(&c1.required_strategies), c1.judged, c1.self_review), ("S-010".into(), false, true));
    assert_eq!((c1.rounds.min, c1.rounds.max), (1, 3));
    let c3 = of("C3");
    assert_eq!(list(&c3.required_strategies), "S-007 S-002 S-014 S-004 S-012 S-013 S-010");
    let c4 = of("{level: C4, rationale: Irreversible}");
    assert_eq!((c4.review_groups.iter().flatten().count(), c4.rounds.max), (8, 10));
}

#[test]
fn a_critic_brings_a_judge_along_and_no_gate_brings_nobody() {
    let text = "criticality: C1
tasks:
  reviewed: {text: x, strategies: [S-002]}
  bare: {text: x, gate: none}
  high: {text: x, criticality: C3, gate: none}
";
    let (plan, _) = planned(text);
    let reviewed = task(&plan, "reviewed");
    assert_eq!(
        (reviewed.judged, list(reviewed.review_groups.iter().flatten())),
        (true, "S-003 S-002".into())
    );
    for id in ["bare", "high"] {
        let task = task(&plan, id);
        assert!(!task.judged && !task.self_review && task.review_groups.is_empty());
        assert_eq!((task.rounds.min, list(&task.required_strategies)), (1, String::new()));
    }
}

#[test]
fn said_further_in_wins_and_levels_only_rise() {
    let text = "quality: {threshold: 0.95, rounds: {max: 6}}
pipelines:
  p:
    phases:
      - name: One
        criticality: C3
        gate: {threshold: 0.90, rounds: {min: 4}}
        approval: lead
        criteria: [Of the phase]
        tasks:
          plain: {text: x}
          own: {text: x, criticality: {level: C4, rationale: Public}, gate: {threshold: 0.99}, approval: {who: boss, reason: R-1}, criteria: [Its own]}
";
    let (plan, _) = planned(text);
    let (plain, own) = (task(&plan, "plain"), task(&plan, "own"));
    assert_eq!((plain.criticality, plain.threshold.to_string()), (Criticality::C3, "0.90".into()));
    assert_eq!((plain.rounds.min, plain.rounds.max), (4, 6));
    assert_eq!((own.criticality, own.threshold.to_string()), (Criticality::C4, "0.99".into()));
    assert_eq!((own.rounds.min, own.criticality_rationale.as_deref()), (4, Some("Public")));
    assert_eq!(plain.approval.as_ref().map(|a| a.who.as_str()), Some("lead"));
    assert_eq!(own.approval.as_ref().and_then(|a| a.reason.as_deref()), Some("R-1"));
    assert_eq!(list(own.criteria.iter().map(|c| &c.name)), "Of the phase Its own");
}

#[test]
fn agents_are_found_by_task_role_purpose_and_default() {
    let text = "agents:
  default: {argv: [general, --model, '{{ model }}'], prompt: file, timeout: 90s, output_max: 1MiB}
  judge: {argv: [court]}
  writer: {argv: [pen], env: {INK: blue}, pass_env: [HOME], supervise: false}
  special: {runtime: rehearsal, misbehave: [hang]}
variables: {model: small}
tasks:
  a: {text: x}
  b: {text: x, role: writer}
  c: {text: x, role: writer, agent: special}
  d: {text: x, agent: {argv: [own]}}
";
    let (plan, _) = planned(text);
    let argv = |spec: &consort_core::plan::AgentSpec| match &spec.runtime {
        Runtime::Command { argv, .. } => argv.join(" "),
        other => format!("{other:?}"),
    };
    let a = task(&plan, "a");
    assert_eq!(argv(&a.creator), "general --model small");
    assert!(matches!(&a.creator.runtime, Runtime::Command { prompt: PromptBy::File, .. }));
    assert_eq!((a.creator.timeout_ms, a.creator.output_bytes_max), (90_000, 1 << 20));
    assert_eq!((argv(&a.critic), argv(&a.judge)), ("general --model small".into(), "court".into()));
    let b = &task(&plan, "b").creator;
    assert_eq!(
        (argv(b), b.env_pass.as_slice(), b.supervise),
        ("pen".into(), &["HOME".to_owned()][..], false)
    );
    assert_eq!(b.env_set.get("INK").map(String::as_str), Some("blue"));
    assert_eq!(task(&plan, "c").creator.runtime, Runtime::Rehearsal { misbehave: vec!["hang".into()] });
    assert_eq!(argv(&task(&plan, "d").creator), "own");
    assert!(!plan.rehearsal);
}

#[test]
fn needs_may_name_barriers_and_pipelines_may_be_out_of_step() {
    let text = "pipelines:
  a: {phases: [{name: One, tasks: {a1: {text: x}, a1b: {text: x}}}, {name: Two, tasks: {a2: {text: x}}}]}
  b: {phases: [{name: One, tasks: {b1: {text: x, inputs: [{handoff: meet}], needs: [meet]}}}]}
barriers:
  meet: {after: {a: 1}, handoffs: [{from: a, to: b}]}
convergent: {phases: [{name: End, tasks: {c: {text: x}}}]}
tasks:
  aside: {text: x, needs: [a1, meet], produces: data, path: out.csv}
";
    let (plan, _) = planned(text);
    assert_eq!(list(&task(&plan, "b1").behind), "meet");
    assert_eq!(list(&task(&plan, "a2").behind), "meet");
    let c = task(&plan, "c");
    assert_eq!((list(&c.needs), list(&c.behind)), ("a2 b1".into(), String::new()));
    assert_eq!(c.place.as_ref().map(|p| p.1), Some(3));
    let aside = task(&plan, "aside");
    assert_eq!((list(&aside.needs), list(&aside.behind)), ("a1".into(), "meet".into()));
    assert_eq!(list(&task(&plan, "meet_a-to-b").needs), "a1 a1b");
    assert_eq!(
        list(plan.tasks.iter().map(|t| &t.id)),
        "a1 a1b meet_a-to-b a2 b1 aside c",
        "handoffs behind their source, tasks without pipeline before the convergent one"
    );
    assert_eq!(
        plan.stages.iter().map(|s| s.subject.as_str()).collect::<Vec<_>>(),
        ["a phase 1", "phase 2", "b phase 1", "phase 3"]
    );
}

#[test]
fn a_barrier_carries_what_its_handoffs_need() {
    let text = include_str!("../../../../../examples/overlapping-barriers/workflow.yaml");
    let (plan, _) = planned(text);
    assert_eq!(list(&task(&plan, "plan-frontend").behind), "api-contract flows");
    assert_eq!(list(&task(&plan, "plan-backend").behind), "api-contract");
    assert_eq!(
        plan.stages.iter().map(|s| format!("{}: {}", s.subject, list(&s.tasks))).collect::<Vec<_>>(),
        [
            "phase 1: design-api design-screens",
            "docs phase 1: audit-docs",
            "backend phase 2: plan-backend",
            "frontend phase 2: plan-frontend",
            "docs phase 2: outline-guide",
            "phase 3: release-plan",
        ]
    );
    let handoff = task(&plan, "flows_docs-to-frontend");
    let TaskKind::Handoff(of) = &handoff.kind else { panic!("not a handoff") };
    assert_eq!((of.barrier.as_str(), list(&of.key_content)), ("flows", "What people ask most".into()));
    assert_eq!(handoff.inputs, [Input::Artifact { task: "audit-docs".into() }]);
}

#[test]
fn changes_fan_out_and_in() {
    let text = include_str!("../../../../../examples/fan-out-changes/workflow.yaml");
    let (plan, warnings) = planned(text);
    assert_eq!(warnings, "");
    assert_eq!(list(&plan.workflow.patterns), "SEQUENTIAL CONCURRENT HIERARCHICAL FAN_OUT FAN_IN");
    assert_eq!(task(&plan, "change-api").output, Output::Change { writes: vec!["src/api/**".into()] });
    assert_eq!(list(&task(&plan, "join-logging").needs), "change-api change-store change-worker");
    assert!(plan.stages.is_empty());
}

#[test]
fn the_other_examples_are_sound() {
    let (plan, warnings) = planned(include_str!("../../../../../examples/sequential/workflow.yaml"));
    assert_eq!(warnings, "");
    assert_eq!(plan.completion[1].by, CompletionBy::Artifact("docs/release-2.0.md".into()));
    assert_eq!(list(plan.stages.iter().map(|s| s.subject.replace(' ', "-"))), "phase-1 phase-2 phase-3");
    let (plan, warnings) = planned(include_str!("../../../../../examples/first-real-run/workflow.yaml"));
    assert_eq!(warnings, "");
    assert!(plan.tasks.iter().all(|t| !t.judged && matches!(t.creator.runtime, Runtime::Command { .. })));
    // Without a gate nobody reviews: one call for each task.
    assert_eq!(plan.forecast_calls(), (2, 2));
}

/// `b` is declared first and reads what `a` found: the level goes the way of the findings.
#[test]
fn a_level_goes_over_barriers_and_is_said_to() {
    let text = "pipelines:
  b:
    phases:
      - {name: One, tasks: {b1: {text: x}}}
      - {name: Two, tasks: {b2: {text: x, inputs: [{handoff: meet}]}, beside: {text: x}}}
  a:
    phases:
      - {name: One, tasks: {a1: {text: x, type: adr}, a0: {text: x, criticality: C1}}}
      - {name: Two, tasks: {a2: {text: x, inputs: [{handoff: meet}]}}}
barriers:
  meet: {after: {a: 1, b: 1}, handoffs: [{from: a, to: b, key_content: [It]}, {from: b, to: a, key_content: [It]}]}
";
    let bare = text.replace("b2: {text: x,", "b2: {text: x, gate: none,");
    let found = consort_core::definition::check("x.yaml", &bare, &super::options()).expect_err("no gate");
    let found: Vec<String> = found.into_iter().map(|d| d.message).collect();
    assert_eq!(found[0], "`b2` has no gate, and `meet_a-to-b`, whose findings it carries on, is C3");

    let (plan, warnings) = planned(text);
    let of = |id: &str| {
        let task = task(&plan, id);
        format!("{} {}", task.criticality, task.escalated_by.join(" "))
    };
    assert_eq!(
        (of("a1"), of("meet_a-to-b"), of("b2")),
        ("C3 AE-003".into(), "C3 CP-04".into(), "C3 CP-04".into())
    );
    for calm in ["b1", "meet_b-to-a", "a2", "beside", "a0"] {
        assert_eq!(of(calm), "C2 ", "{calm}");
    }
    assert_eq!(task(&plan, "b2").rounds.max, 7, "the gate is that of the level");
    assert!(warnings.contains("`b2` is raised from C2 to C3: so is `meet_a-to-b`"), "{warnings}");

    let (plan, warnings) =
        planned(&format!("{text}escalation: {{CP-04: {{off: b reads it for a summary}}}}\n"));
    assert_eq!(task(&plan, "b2").criticality, Criticality::C2);
    assert!(warnings.contains("the rule CP-04 raises nothing here: b reads it for a summary"), "{warnings}");
}

#[test]
fn a_level_says_who_approves_where_nothing_else_does() {
    let text = "approvals: {c3: lead, c4: {by: [ann, bob]}}
tasks:
  usual: {text: x}
  record: {text: x, type: adr}
  rules: {text: x, type: constitution}
  own: {text: x, criticality: C4, approval: boss}
";
    let (plan, _) = planned(text);
    let who = |id: &str| task(&plan, id).approval.as_ref().map_or("nobody", |a| a.who.as_str());
    let all = ["usual", "record", "rules", "own"].map(who);
    assert_eq!(all, ["nobody", "lead", "ann or bob", "boss"], "levels that rules raised count");
    let (plan, _) = planned(&text.replace(", c4: {by: [ann, bob]}", ""));
    assert_eq!(task(&plan, "rules").approval.as_ref().map(|a| a.who.as_str()), Some("lead"));
    let (plan, _) = planned(&text.replace("{c3", "{tasks: everyone, c3"));
    assert_eq!(task(&plan, "rules").approval.as_ref().map(|a| a.who.as_str()), Some("everyone"));
}
