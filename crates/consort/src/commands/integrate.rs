//! `consort integrate RUN`

use crate::context::Context;
use crate::drive::{Approve, Driver, short};
use crate::exit;
use crate::failure::Failure;
use crate::follow::now;
use crate::place::Place;
use crate::terminal;
use clap::Args;
use consort_core::ids::{Revision, RunId};
use consort_core::run::{Command, Integration, RunStatus, State};
use consort_core::view::{clean, run_word};
use consort_local::host;
use consort_worker::workspace::{DryRun, IntegrateError, Repo, integrate_dry_run};

/// Commits and paths that are listed before the rest is only counted.
const LISTED: usize = 30;

/// Brings the result of a COMPLETE run to a branch of yours.
///
/// Asks first: `--approve all` does not answer this. A branch that is checked out must be clean.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  consort integrate review-2026 --dry-run\n  consort integrate review-2026 --into main"
)]
pub(crate) struct Integrate {
    /// The run: its id, or the beginning of it; may be left out where there is only one.
    run: Option<String>,
    /// The branch; the one that is checked out if it is left out.
    #[arg(long, value_name = "BRANCH")]
    into: Option<String>,
    /// Shows commits, paths and conflicts; changes nothing.
    #[arg(long)]
    dry_run: bool,
    /// Does it without asking.
    #[arg(long, short)]
    yes: bool,
    /// With --dry-run: prints {run, into, from, result, commits: [{id, subject}], paths: [{status, path}], obstacle}.
    #[arg(long, requires = "dry_run")]
    json: bool,
}

/// What is to be brought where.
struct Wish {
    run: RunId,
    into: String,
    result: Revision,
    plan: DryRun,
}

pub(crate) fn run(ctx: &Context, args: &Integrate) -> Result<u8, Failure> {
    let (mut place, mut repo) = Place::with_repo(&ctx.dir)?;
    let mut run = place.run(args.run.as_deref())?;
    let mut state = place.replay(&run)?.state;
    if let (false, Some(open)) = (args.dry_run, unfinished(&state)) {
        finish(ctx, place, repo, &run.id, open)?;
        (place, repo) = Place::with_repo(&ctx.dir)?;
        run = place.run(Some(run.id.as_str()))?;
        state = place.replay(&run)?.state;
    }
    let repo = repo.ok_or_else(|| {
        let failure = Failure::invalid("there is no git repository here to integrate into");
        failure.help(format!("the files of the run's result are in {}", run.dir.display()))
    })?;
    let wish = look(&repo, &run.id, &state, args.into.as_deref())?;
    if args.json {
        return json(ctx, &wish);
    }
    ctx.out.print(&described(&wish))?;
    if let Some(obstacle) = &wish.plan.obstacle {
        // Contained already: nothing is wrong, and nothing is left to do.
        let contained = wish.plan.commits.is_empty();
        if !contained {
            return Err(refused(obstacle));
        }
        let into = wish.into.trim_start_matches("refs/heads/");
        ctx.out.print(&format!("{into} contains it already: nothing is left to do."))?;
        return Ok(exit::DONE);
    }
    if args.dry_run {
        return Ok(exit::DONE);
    }
    if !(args.yes || agreed(ctx, &wish)?) {
        ctx.out.print("Nothing was changed.")?;
        return Ok(exit::DONE);
    }
    let lock = place.places.take_run(&run.id, "integrate")?;
    let driver = Driver::new(ctx, place, Some(repo), run.id, Some(Approve::None))?;
    let order = Command::Integrate { into: wish.into.clone(), expected: wish.plan.from.clone() };
    let via = if args.yes { "flag" } else { "terminal" };
    let (_, state) = driver.drive(lock, vec![(via, order)], host::reopen)?;
    told(ctx, &state, &wish)
}

/// An integration that was approved and interrupted: whether it took effect is not known yet.
fn unfinished(state: &State) -> Option<&Integration> {
    state.integration.as_ref().filter(|i| i.revision.is_none() && i.failed.is_none())
}

/// It was agreed to once and is not asked again; doing it twice changes nothing.
fn finish(
    ctx: &Context,
    place: Place,
    repo: Option<Repo>,
    run: &RunId,
    open: &Integration,
) -> Result<(), Failure> {
    let into = open.into.trim_start_matches("refs/heads/");
    ctx.out.print(&format!("Bringing run {run} to {into} was interrupted: finishing it first.\n"))?;
    let lock = place.places.take_run(run, "integrate")?;
    let driver = Driver::new(ctx, place, repo, run.clone(), Some(Approve::None))?;
    let (_, state) = driver.drive(lock, vec![], host::reopen)?;
    if let Some(why) = state.integration.as_ref().and_then(|i| i.failed.as_ref()) {
        ctx.out.print(&format!("That came to nothing: {why}\n"))?;
    }
    Ok(())
}

fn look(repo: &Repo, run: &RunId, state: &State, into: Option<&str>) -> Result<Wish, Failure> {
    if state.status != RunStatus::Complete {
        return Err(Failure::invalid(format!(
            "run {run} is {}: only a COMPLETE run is integrated",
            run_word(state.status)
        ))
        .help(format!("`consort status {run}` says what is missing")));
    }
    let last = state.checkpoints.iter().rev().find(|c| c.last).and_then(|c| c.revision.clone());
    let result = last.ok_or_else(|| {
        let failure = Failure::invalid(format!("the last checkpoint of run {run} is not there yet"));
        failure.help(format!("`consort resume {run}` makes it"))
    })?;
    if result.is_plain() {
        return Err(Failure::invalid(format!(
            "run {run} worked outside git: it has no commits to integrate"
        )));
    }
    let into = match into {
        Some(name) if name.starts_with("refs/") => name.to_owned(),
        Some(name) => format!("refs/heads/{name}"),
        None => repo.head_branch().map(str::to_owned).ok_or_else(|| {
            let failure = Failure::invalid("no branch is checked out here (HEAD is detached)");
            failure.help("say which one: `--into BRANCH`")
        })?,
    };
    let plan = integrate_dry_run(repo, run, &into, &result, now()).map_err(failed)?;
    Ok(Wish { run: run.clone(), into, result, plan })
}

fn described(wish: &Wish) -> String {
    let DryRun { from, commits, paths, .. } = &wish.plan;
    let into = wish.into.trim_start_matches("refs/heads/");
    let mut text = format!(
        "Run {} ({}) into {into} (at {}): {} commits, {} paths\n",
        wish.run,
        short(wish.result.as_str()),
        short(from.as_str()),
        commits.len(),
        paths.len()
    );
    for (id, subject) in commits.iter().take(LISTED) {
        text += &format!("  {} {}\n", short(id), clean(subject));
    }
    if commits.len() > LISTED {
        text += &format!("  … and {} more\n", commits.len() - LISTED);
    }
    for (status, path) in paths.iter().take(LISTED) {
        text += &format!("  {status} {}\n", clean(path));
    }
    if paths.len() > LISTED {
        text += &format!("  … and {} more\n", paths.len() - LISTED);
    }
    text
}

fn json(ctx: &Context, wish: &Wish) -> Result<u8, Failure> {
    let DryRun { from, commits, paths, obstacle } = &wish.plan;
    let commits: Vec<_> =
        commits.iter().map(|(id, subject)| serde_json::json!({ "id": id, "subject": subject })).collect();
    let paths: Vec<_> =
        paths.iter().map(|(status, path)| serde_json::json!({ "status": status, "path": path })).collect();
    ctx.out.shaped(
        "integrate",
        &serde_json::json!({
            "run": wish.run, "into": wish.into, "from": from, "result": wish.result,
            "commits": commits, "paths": paths, "obstacle": obstacle,
        }),
    )?;
    Ok(if obstacle.is_some() { exit::FAILED } else { exit::DONE })
}

fn agreed(ctx: &Context, wish: &Wish) -> Result<bool, Failure> {
    if !ctx.out.can_ask {
        return Err(Failure::new_waiting(format!(
            "integrating run {} is asked of a person, and nobody is at a terminal",
            wish.run
        ))
        .help("give the answer with the command: `--yes`")
        .help("or look first: `--dry-run`"));
    }
    let into = wish.into.trim_start_matches("refs/heads/");
    let answer = terminal::ask_line(&format!("Bring it to {into}? [y/N] "));
    Ok(answer.is_some_and(|a| matches!(a.to_ascii_lowercase().as_str(), "y" | "yes")))
}

fn told(ctx: &Context, state: &State, wish: &Wish) -> Result<u8, Failure> {
    let into = wish.into.trim_start_matches("refs/heads/");
    let done = state.integration.as_ref().filter(|i| i.into == wish.into);
    match done.map(|i| (i.revision.as_ref(), i.failed.as_ref())) {
        Some((Some(revision), _)) => {
            ctx.out.print(&format!("Integrated: {into} is at {} now.\n", short(revision.as_str())))?;
            Ok(exit::DONE)
        }
        Some((None, Some(why))) => Err(refused(why)),
        _ => {
            Err(Failure::failed(format!("{into} was not changed"))
                .help("`consort status` says more; try again"))
        }
    }
}

fn refused(why: &str) -> Failure {
    Failure::invalid("the result was not integrated; nothing was changed").why(why)
}

fn failed(error: IntegrateError) -> Failure {
    match error {
        IntegrateError::Git(error) => error.into(),
        IntegrateError::Plane(error) => error.into(),
        other => Failure::told(exit::INVALID, &other),
    }
}
