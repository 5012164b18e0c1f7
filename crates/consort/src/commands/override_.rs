//! `consort override RUN TASK --rule RULE --reason TEXT`

use crate::context::Context;
use crate::failure::Failure;
use crate::post;
use clap::Args;
use consort_core::ids::{ApprovalId, TaskId};
use consort_core::run::{ApprovalKind, Command, GateRefusal, Reach, State, refusals_against, shown};

/// Accepts the best version of a held task against the gate, by name and with a reason.
///
/// The record keeps rules, person and reason for ever; status, tracker and report show them.
#[derive(Args)]
#[command(
    after_help = "Example:\n  consort override review-2026 agent-a-001 --rule below-threshold --reason 'good enough for a spike'"
)]
pub(crate) struct Override {
    /// The run: its id, or the beginning of it.
    run: String,
    /// The task that is held.
    task: String,
    /// What is overridden; each rule that stands must be named. Without any they are listed.
    #[arg(long = "rule", value_name = "RULE")]
    rules: Vec<String>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(crate) fn run(ctx: &Context, args: &Override) -> Result<u8, Failure> {
    let place = ctx.place()?;
    let run = place.run(Some(&args.run))?;
    let state = place.replay(&run)?.state;
    let (approval, standing) = held(&state, &args.task)?;
    if args.reason.trim().is_empty() {
        return Err(Failure::invalid("an override needs a reason").help("say why: `--reason TEXT`"));
    }
    let named: Vec<String> = standing.iter().map(GateRefusal::rule).collect();
    let missing: Vec<&str> = named.iter().filter(|r| !args.rules.contains(r)).map(String::as_str).collect();
    let unknown: Vec<&str> = args.rules.iter().filter(|r| !named.contains(r)).map(String::as_str).collect();
    if !missing.is_empty() || !unknown.is_empty() {
        let what = match unknown.is_empty() {
            true => format!("rules that stand against {} are not named: {}", args.task, missing.join(", ")),
            false => format!("nothing of that name stands against {}: {}", args.task, unknown.join(", ")),
        };
        let flags: Vec<String> = named.iter().map(|r| format!("--rule {r}")).collect();
        let why: Vec<String> = standing.iter().map(ToString::to_string).collect();
        return Err(Failure::invalid(what)
            .why(format!("the gate says: {}", why.join(", ")))
            .help(format!("to override all of it: {}", flags.join(" "))));
    }
    let note = Some(format!("{} (overrides {})", args.reason.trim(), named.join(", ")));
    let done = format!("{} is accepted against the gate: {approval} is answered.", args.task);
    let seen = state.approvals.get(&approval).map(|asked| shown(&state, &approval, asked));
    post::give(ctx, &place, &run, &Command::Approve { approval, note, seen, reach: Reach::Call }, &done)
}

/// The open question about a held task that has a version, and what stands against that version.
fn held(state: &State, task: &str) -> Result<(ApprovalId, Vec<GateRefusal>), Failure> {
    let id = TaskId::from(task);
    let asked = state.open_approvals().find_map(|(approval, open)| match &open.kind {
        ApprovalKind::Held { task, iteration, revision: Some(_) } if *task == id => {
            Some((approval.clone(), *iteration))
        }
        _ => None,
    });
    let Some((approval, iteration)) = asked else {
        let failure =
            Failure::invalid(format!("there is no verdict against {task} that could be overridden"));
        return Err(failure.help("`consort status` shows what is held, and why"));
    };
    let standing = refusals_against(state, &id, iteration);
    Ok((approval, standing))
}
