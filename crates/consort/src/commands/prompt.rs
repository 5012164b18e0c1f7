//! `consort prompt RUN TASK`

use super::logs::attempts_of;
use super::show::unknown_task;
use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use crate::place::{Place, Run};
use clap::Args;
use consort_core::ids::{AttemptId, Step, TaskId};
use consort_core::plan::{Task, WorkspaceKind};
use consort_core::run::{State, start_of};
use consort_core::view::clean;
use consort_core::view::model::run_view;
use consort_worker::agents::outfit::Desk;
use consort_worker::agents::templates;
use consort_worker::briefing::{self, Told};
use consort_worker::dirs::RunDirs;
use schemars::JsonSchema;
use serde::Serialize;

/// Shows what the agent of a task was told, or will be told, to the letter.
///
/// The last prompt that was sent; before the first one, or for a step that was not taken yet, the prompt as it
/// would be now. Which of the two it is stands on standard error.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  consort prompt review-2026 agent-a-001\n  consort prompt review-2026 agent-a-001 --step S-002 --attempt 4"
)]
pub(crate) struct Prompt {
    /// The run: its id, or the beginning of it; may be left out where there is only one.
    run: Option<String>,
    /// The task.
    task: Option<String>,
    /// This step: `create`, `self-review`, a strategy such as `S-002`, `judge`.
    #[arg(long, value_name = "STEP")]
    step: Option<Step>,
    /// This attempt, by its number, as in `consort show`.
    #[arg(long, value_name = "NUMBER")]
    attempt: Option<u32>,
    /// Prints {schema, attempt, sent, text}.
    #[arg(long)]
    json: bool,
}

/// What an agent was told, or will be told.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Json {
    attempt: String,
    /// False: it is what would be sent now.
    sent: bool,
    /// To the letter.
    text: String,
}

pub(crate) fn run(ctx: &Context, args: &Prompt) -> Result<u8, Failure> {
    let place = ctx.place()?;
    let (run, task) = place.run_and_task(args.run.as_deref(), args.task.as_deref())?;
    let task = task.ok_or_else(|| {
        Failure::invalid("a prompt is of one task")
            .help("consort prompt RUN TASK; `consort status` lists tasks")
    })?;
    let state = place.replay(&run)?.state;
    let view = run_view(&state);
    view.task(&task).ok_or_else(|| unknown_task(&view, &task))?;
    let dirs = place.dirs(&run.id, &place.settings()?)?;
    let all: Vec<AttemptId> =
        attempts_of(&dirs.state.join("attempts"), &task).into_iter().map(|(id, _)| id).collect();
    let of_step = |id: &&AttemptId| args.step.as_ref().is_none_or(|step| id.step == *step);
    let sent = all.iter().filter(of_step).rfind(|id| args.attempt.is_none_or(|n| id.attempt == n));
    match (sent, args.attempt) {
        (Some(attempt), _) => was_sent(ctx, args, &dirs, attempt),
        (None, Some(number)) => Err(no_attempt(&all, &task, number)),
        (None, None) => {
            let next = next(&state, &all, &task, args);
            let text = will_be_sent(&place, &run, &state, &dirs, &next)?;
            if !args.json {
                ctx.out.notice(&format!(
                    "not sent yet: the prompt as {} would get it now; accepted inputs, findings and the attempt's number may change",
                    next.step
                ));
            }
            print(ctx, args, &next, false, text)
        }
    }
}

fn no_attempt(all: &[AttemptId], task: &str, number: u32) -> Failure {
    let failure = Failure::invalid(format!("{task} has no such attempt {number}"));
    let known: Vec<String> = all.iter().map(|id| format!("{} ({})", id.attempt, id.step)).collect();
    match known.is_empty() {
        true => failure
            .why("none of its agents was started yet")
            .help("leave `--attempt` out to see what will be sent"),
        false => failure.why(format!("it has {}", known.join(", "))),
    }
}

fn was_sent(ctx: &Context, args: &Prompt, dirs: &RunDirs, attempt: &AttemptId) -> Result<u8, Failure> {
    let path = dirs.desk(attempt).join("prompt.md");
    let text = std::fs::read_to_string(&path).map_err(|e| {
        Failure::invalid(format!("the prompt of {attempt} is not here any more"))
            .why(format!("{}: {e}", path.display()))
            .help("what its agent did with it: `consort transcript`, `consort logs`")
    })?;
    if !args.json {
        ctx.out.notice(&format!("sent as {attempt}, from {}", path.display()));
    }
    print(ctx, args, attempt, true, text)
}

/// The attempt that would come next for the step that is asked for.
fn next(state: &State, all: &[AttemptId], task: &str, args: &Prompt) -> AttemptId {
    let id = TaskId::from(task);
    let it = state.graph.ix(&id).map(|ix| &state.tasks[ix]);
    AttemptId {
        generation: it.map_or(1, |it| it.generation),
        iteration: it.map_or(1, |it| it.iteration.max(1)),
        attempt: all.iter().map(|id| id.attempt).max().unwrap_or(0) + 1,
        step: args.step.clone().unwrap_or(Step::Create),
        task: id,
    }
}

fn will_be_sent(
    place: &Place,
    run: &Run,
    state: &State,
    dirs: &RunDirs,
    attempt: &AttemptId,
) -> Result<String, Failure> {
    let plan = &state.graph.plan;
    let task = plan.task(&attempt.task);
    let start = start_of(state, attempt);
    let (Some(task), Some(start)) = (task, start) else {
        return Err(Failure::invalid(format!("run {} has no task `{}`", run.id, attempt.task)));
    };
    let steps = steps(task);
    if !steps.contains(&attempt.step) {
        let known: Vec<String> = steps.iter().map(Step::to_string).collect();
        return Err(Failure::invalid(format!("{} has no step {}", task.id, attempt.step))
            .why(format!("its steps are {}", known.join(", "))));
    }
    let cwd = match (attempt.step.is_creator(), task.workspace) {
        (false, _) => dirs.export(attempt),
        (true, WorkspaceKind::None) => dirs.scratch(),
        (true, _) => dirs.workspace(&task.id, attempt.generation),
    };
    let desk = Desk {
        dir: dirs.desk(attempt),
        control: dirs.control(attempt),
        home: dirs.home(attempt),
        cwd,
        root: place.top().to_owned(),
        self_exe: std::env::current_exe().unwrap_or_default(),
        prices: None,
        env: Default::default(),
        try_number: 1,
    };
    let told = Told::load(&place.places.open_store(), &start).map_err(Failure::invalid)?;
    let request = briefing::request(plan, &start, &told, &desk);
    templates::compose(&request)
        .map_err(|why| Failure::invalid("the project's template of this prompt cannot be used").why(why))
}

/// Every step that an agent takes for a task.
fn steps(task: &Task) -> Vec<Step> {
    let mut steps = Vec::new();
    if task.given.is_none() {
        steps.push(Step::Create);
        steps.extend(task.self_review.then_some(Step::SelfReview));
    }
    steps.extend(task.review_groups.iter().flatten().cloned().map(Step::Review));
    if task.judged {
        steps.push(Step::Judge);
        steps.extend((2..=task.judges).map(Step::Panel));
    }
    steps
}

/// To the letter into a pipe; a terminal is not led astray.
fn print(ctx: &Context, args: &Prompt, attempt: &AttemptId, sent: bool, text: String) -> Result<u8, Failure> {
    match ctx.out.stdout_tty {
        _ if args.json => ctx.out.shaped("prompt", &Json { attempt: attempt.to_string(), sent, text })?,
        true => ctx.out.print(&text.lines().map(|line| clean(line) + "\n").collect::<String>())?,
        false => ctx.out.print(&text)?,
    }
    Ok(exit::DONE)
}
