//! `consort explain FILE [TASK]`

use super::planning::{self, Source};
use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use clap::Args;
use consort_core::plan::{Barrier, Budget, Form, Growth, Plan, Task, TaskKind};
use consort_core::run::critical_path;
use consort_core::time::duration_text;
use consort_core::view::who_counts;
use std::path::PathBuf;

/// Says before a run what each task, phase and barrier will go through, and why; runs nothing.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  consort explain workflow.yaml\n  consort explain workflow.yaml agent-c-001"
)]
pub(crate) struct Explain {
    /// The workflow file.
    file: PathBuf,
    /// Only this task.
    task: Option<String>,
    /// A value for a variable of the workflow.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = planning::variable)]
    variables: Vec<(String, String)>,
    /// Prints {tasks: [{id, criticality, escalated_by, strategies, judges, rounds, threshold, floor, when, kind, form, criteria, approval, calls, estimate_ms}], calls, forecast: {calls, unpriced, micro_usd}, people: {by, overrides, integration}, longest_chain: [task]}.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(ctx: &Context, args: &Explain) -> Result<u8, Failure> {
    let source = Source::read(ctx, &args.file)?;
    let options = planning::options_here(ctx, &args.variables);
    let plan = source.plan(ctx, &options, false)?;
    let chosen: Vec<&Task> = match &args.task {
        None => plan.tasks.iter().collect(),
        Some(id) => {
            let one = plan.tasks.iter().find(|t| t.id.as_str() == id);
            let known = || plan.tasks.iter().map(|t| t.id.as_str()).collect::<Vec<_>>().join(", ");
            let missing = || {
                Failure::invalid(format!("there is no task `{id}`")).help(format!("there are {}", known()))
            };
            vec![one.ok_or_else(missing)?]
        }
    };
    if args.json {
        let (least, likely) = plan.forecast_calls();
        let tasks: Vec<_> = chosen.iter().map(|task| json(task)).collect();
        let chain: Vec<_> = critical_path(&plan).into_iter().map(|(ix, _)| &plan.tasks[ix].id).collect();
        ctx.out.shaped(
            "explain",
            &serde_json::json!({
                "tasks": tasks, "calls": { "least": least, "likely": likely }, "forecast": plan.forecast(),
                "people": plan.people, "longest_chain": chain,
            }),
        )?;
        return Ok(exit::DONE);
    }
    let mut text = String::new();
    for task in &chosen {
        text += &explained(&plan, task);
        text.push('\n');
    }
    if args.task.is_none() {
        text += &transitions(&plan);
        plan.barriers.iter().for_each(|barrier| text += &meeting(barrier));
        for rule in &plan.escalation {
            let off = rule.off.iter().map(|why| format!("{}  switched off here: {why}\n", rule.id));
            text.extend(off);
        }
        for (what, names) in who_counts(&plan) {
            text += &format!("counts  {what}: only what {names} says\n");
        }
        text += &format!("\nIn all: {}; cost {}\n", planning::calls(&plan), planning::cost(&plan));
        text += &longest_chain(&plan);
    }
    ctx.out.print(&text)?;
    Ok(exit::DONE)
}

fn explained(plan: &Plan, task: &Task) -> String {
    let mut text = format!("{}  {}\n", task.id, what(task));
    let mut say = |name: &str, what: String| text += &format!("  {name:11} {what}\n");
    if let Some(when) = &task.when {
        say("runs if", format!("`{}`; else it is skipped", when.expr));
    }
    if let TaskKind::Each(growth) = &task.kind {
        for what in bounds(growth) {
            say("list", what);
        }
    }
    say("level", level(task));
    if !task.self_review && !task.judged {
        say("gate", "none: nobody reviews; checks and commands of criteria decide".into());
    }
    if task.self_review {
        say("review A", "S-010, by the creator, before anyone else sees it (H-15)".into());
    }
    for group in &task.review_groups {
        let why = |id: &consort_core::ids::StrategyId| {
            let required = task.required_strategies.contains(id);
            let reason = if required { "" } else { " (added: another one comes after it, H-16)" };
            format!("{id} {}{reason}", plan.strategy(id).name)
        };
        let letter =
            group.first().map_or_else(String::new, |id| format!("review {:?}", plan.strategy(id).group));
        say(&letter, group.iter().map(why).collect::<Vec<_>>().join(", "));
    }
    for waived in &task.waived {
        let by = waived.by.as_deref().unwrap_or("nobody by name");
        say(
            "left out",
            format!("{}, which {} asks for; {by}: {}", waived.strategy, task.criticality, waived.reason),
        );
    }
    if task.judged {
        let judges = match task.judges {
            0 | 1 => "one judge, a fresh second one if the first draft scores above 0.85".to_owned(),
            n => format!("{n} judges who know nothing of each other; the lower median counts"),
        };
        say("review F", format!("S-014, always last (H-17): {judges}"));
        say(
            "passes at",
            format!("{} and no Critical finding; below {} it is rejected", task.threshold, task.floor),
        );
    }
    say("rounds", format!("{} to {}, then a person decides", task.rounds.min.max(1), task.rounds.max));
    for asked in form(&task.form) {
        say("form", asked);
    }
    for criterion in &task.criteria {
        let command = criterion.check.as_ref().map(|c| c.argv.join(" ")).or_else(|| criterion.holds.clone());
        let how = command.map_or("judged".to_owned(), |how| format!("`{how}`"));
        say("criterion", format!("{} ({how})", criterion.name));
    }
    if let Some(approval) = &task.approval {
        let reason = approval.reason.as_ref().map(|r| format!(" ({r})")).unwrap_or_default();
        let may = plan.people.or_any(&approval.by).join(" or ");
        let may = if may.is_empty() { may } else { format!("; only what {may} says counts") };
        say("approval", format!("{}{reason}{may}", approval.who));
    }
    if let Some(ms) = task.estimate_ms {
        say(
            "estimate",
            format!("{} from its first step to its acceptance, when it never waits", duration_text(ms)),
        );
    }
    let calls = task.calls();
    say(
        "agent calls",
        format!(
            "{} at least, {} likely, {} at most in one set of rounds",
            calls.least, calls.likely, calls.most
        ),
    );
    text
}

/// What takes the run so long, however many agents may work: it starts first.
fn longest_chain(plan: &Plan) -> String {
    let path = critical_path(plan);
    if path.len() < 2 {
        return String::new();
    }
    let declared = path.iter().any(|(ix, _)| plan.tasks[*ix].estimate_ms.is_some());
    let takes = if declared {
        format!("{} by estimate", duration_text(path.iter().map(|(_, ms)| ms).sum()))
    } else {
        format!(
            "{} agent calls one after the other",
            path.iter().map(|(ix, _)| in_a_row(&plan.tasks[*ix])).sum::<u32>()
        )
    };
    let names: Vec<&str> = path.iter().map(|(ix, _)| plan.tasks[*ix].id.as_str()).collect();
    format!("Longest chain: {} ({takes})\n", names.join(" > "))
}

/// Likely calls of a task of which none can begin before the one before it is done.
fn in_a_row(task: &Task) -> u32 {
    let (creations, rounds) = task.likely_rounds();
    let creation = if task.given.is_some() { 0 } else { 1 + u32::from(task.self_review) };
    creations * creation + rounds * (task.review_groups.len() as u32 + u32::from(task.judged))
}

fn form(form: &Form) -> Vec<String> {
    let mut all = Vec::new();
    if !form.sections.is_empty() {
        all.push(format!("sections {}", form.sections.join(", ")));
    }
    if !form.front_matter.is_empty() {
        all.push(format!("front matter with {}", form.front_matter.join(", ")));
    }
    all.extend(form.words_max.map(|most| format!("at most {most} words (not in a rehearsal)")));
    all.extend(form.schema.as_ref().map(|path| format!("JSON Schema {path} (not in a rehearsal)")));
    all
}

fn what(task: &Task) -> String {
    match &task.kind {
        TaskKind::Handoff(handoff) => format!("handoff over {}", handoff.barrier),
        TaskKind::Each(growth) => format!(
            "up to {} tasks, one for each item that {} lists; each a {} by {}: {}",
            growth.max,
            growth.list,
            task.output.word(),
            task.role,
            task.output.paths().join(", ")
        ),
        TaskKind::Grown(grown) => format!(
            "{} by {} for `{}`: {}",
            task.output.word(),
            task.role,
            grown.name(),
            task.output.paths().join(", ")
        ),
        TaskKind::Declared => {
            format!("{} by {}: {}", task.output.word(), task.role, task.output.paths().join(", "))
        }
    }
}

/// What bounds a list that a task makes.
fn bounds(growth: &Growth) -> Vec<String> {
    let mut all = vec![format!("made by {}; more than {} items are refused", growth.list, growth.max)];
    let roles: Vec<&str> = growth.choices.keys().map(String::as_str).collect();
    if roles.len() > 1 {
        all.push(format!("an item may name its role: {}", roles.join(", ")));
    }
    if growth.side_by_side > 0 {
        all.push(format!("{} at once", growth.side_by_side));
    }
    if !growth.budget.is_unlimited() {
        all.push(format!("together {}", spent(&growth.budget)));
    }
    let agree = growth
        .approval
        .as_ref()
        .map(|approval| format!("{} agrees to it before anything is made", approval.who));
    all.extend(agree);
    all
}

fn spent(budget: &Budget) -> String {
    let parts = [
        budget.agent_calls_max.map(|n| format!("{n} agent calls")),
        budget.micro_usd_max.map(|usd| format!("${}.{:02}", usd / 1_000_000, usd % 1_000_000 / 10_000)),
        budget.tokens_max.map(|n| format!("{n} tokens")),
        budget.wall_ms_max.map(|ms| format!("{} s of work", ms / 1_000)),
    ];
    format!("at most {}", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

/// What grows when it runs, a line each.
pub(super) fn lists(plan: &Plan) -> String {
    let each = plan.tasks.iter().filter_map(|task| match &task.kind {
        TaskKind::Each(growth) => {
            Some(format!("  `{}` becomes up to {} tasks, listed by `{}`\n", task.id, growth.max, growth.list))
        }
        _ => None,
    });
    each.collect()
}

fn level(task: &Task) -> String {
    let name = task.criticality.name();
    let why = match (task.escalated_by.as_slice(), &task.criticality_rationale) {
        ([], Some(rationale)) => format!("declared: {rationale}"),
        ([], None) => "declared, or that of the workflow".to_owned(),
        (rules, _) => format!("raised by {}", rules.join(", ")),
    };
    format!("{} {name}: {why}", task.criticality)
}

/// What it takes to leave each phase.
fn transitions(plan: &Plan) -> String {
    let mut text = String::new();
    for pipeline in &plan.pipelines {
        for phase in &pipeline.phases {
            let gates = phase.tasks.iter().filter_map(|id| plan.task(id)).map(|task| match task.judged {
                true => format!("{} accepted at {}", task.id, task.threshold),
                false => format!("{} accepted", task.id),
            });
            let met = |b: &&Barrier| b.after.contains(&(pipeline.id.clone(), phase.number));
            let then = plan.barriers.iter().filter(met).map(|b| format!("{} COMPLETE", b.id));
            let all: Vec<String> = gates.chain(then).collect();
            text += &format!(
                "{} phase {} {}  ends with: {}\n",
                pipeline.alias,
                phase.number,
                phase.name,
                all.join(", ")
            );
        }
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

fn meeting(barrier: &Barrier) -> String {
    let after: Vec<String> =
        barrier.after.iter().map(|(pipeline, phase)| format!("{pipeline} phase {phase}")).collect();
    let approval = barrier.approval.as_ref().map(|a| format!("; {} is asked", a.who)).unwrap_or_default();
    let handoffs = match barrier.handoffs.len() {
        1 => "1 handoff with a gate".to_owned(),
        n => format!("{n} handoffs, each with a gate"),
    };
    format!(
        "{}  barrier after {}: {handoffs} of its own at {}{approval}\n",
        barrier.id,
        after.join(" and "),
        barrier.threshold
    )
}

fn json(task: &Task) -> serde_json::Value {
    serde_json::json!({
        "id": task.id, "criticality": task.criticality, "escalated_by": task.escalated_by,
        "self_review": task.self_review, "strategies": task.review_groups, "waived": task.waived, "judges": if task.judged { task.judges } else { 0 },
        "rounds": { "min": task.rounds.min, "max": task.rounds.max },
        "threshold": task.threshold.to_string(), "floor": task.floor.to_string(),
        "when": task.when, "kind": task.kind, "form": task.form, "criteria": task.criteria, "approval": task.approval, "calls": task.calls(),
        "estimate_ms": task.estimate_ms,
    })
}
