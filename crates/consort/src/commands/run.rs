//! `consort run FILE`

pub(crate) mod agree;

pub(crate) use agree::Agreement;

use super::planning::{self, Source};
use crate::context::Context;
use crate::detach;
use crate::drive::{Approve, Driver, short};
use crate::exit;
use crate::failure::Failure;
use crate::out::Out;
use crate::person;
use crate::place::Place;
use clap::Args;
use consort_core::definition::IdChoice;
use consort_core::ids::{ContentHash, RunId};
use consort_core::plan::{IdSource, Input, Output, Plan};
use consort_core::run::{StartRun, Written};
use consort_local::host::{self, Begin};
use consort_local::lock::RunLock;
use consort_local::places::PlacesError;
use consort_local::settings::Given;
use consort_worker::agents::roles;
use consort_worker::workspace::Repo;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Uncommitted files that are named.
const UNSEEN_MAX: usize = 5;

/// Runs a workflow to its end, or until a person must answer.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  consort run workflow.yaml --rehearse --approve all\n  consort run workflow.yaml --var topic=caching\n  consort run workflow.yaml --detach"
)]
pub(crate) struct Run {
    /// The workflow file: its content now, whether or not it is committed.
    file: PathBuf,
    /// Players stand in for all agents: no model, no key, no cost.
    #[arg(long)]
    rehearse: bool,
    /// Answers every approval with yes, or asks nobody here. Without it a person at this terminal is asked.
    #[arg(long, value_enum, value_name = "WHO")]
    approve: Option<Approve>,
    /// A value for a variable of the workflow.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = planning::variable)]
    variables: Vec<(String, String)>,
    /// Runs a workflow once more that has been run: as <id>.2, .3 and so on.
    #[arg(long, conflicts_with = "id")]
    again: bool,
    /// Starts it without asking, however many agent calls it takes and whatever they cost.
    #[arg(long, short)]
    yes: bool,
    /// Asks before a run that takes more agent calls than this [default: 50, or the setting of that name].
    #[arg(long, value_name = "NUMBER")]
    ask_above_calls: Option<u32>,
    /// Goes on in the background: returns when a runner of its own drives the run.
    #[arg(long, short)]
    detach: bool,
    /// So many agents work at once in all runs of this repository together [default: no such limit, or the setting].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    max_agents: Option<u32>,
    /// Where the run's id comes from: `auto` generates one, whatever the file says.
    #[arg(long, value_enum, value_name = "HOW")]
    id: Option<Id>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Id {
    /// A new one: {purpose}-{date}-{number}.
    Auto,
}

pub(crate) fn run(ctx: &Context, args: &Run) -> Result<u8, Failure> {
    let source = Source::read(ctx, &args.file)?;
    let (place, repo) = Place::with_repo(&ctx.dir)?;
    if let Some(note) = repo.as_ref().and_then(|repo| repo.git().note()) {
        ctx.out.notice(note);
    }
    let plan = frozen(ctx, args, &source, &place, repo.as_ref())?;
    let flags = Given { ask_above_calls: args.ask_above_calls, ..Given::default() };
    let agreement = Agreement {
        yes: args.yes,
        calls: place.settings_with(flags)?.ask_above_calls,
        may_ask: ctx.out.can_ask && args.approve != Some(Approve::None),
    };
    let written = source.written(&args.variables);
    let wanted = Wanted {
        again: args.again,
        approve: args.approve,
        agreement,
        source: written,
        detach: args.detach,
        max_agents: args.max_agents,
    };
    let typed = if args.rehearse { format!("{} --rehearse", source.name) } else { source.name };
    start(ctx, place, repo, plan, wanted).map_err(|failure| failure.naming(&typed))
}

/// How a run is to begin, beyond its plan.
pub(crate) struct Wanted {
    pub again: bool,
    pub approve: Option<Approve>,
    pub agreement: Agreement,
    /// What the plan was made from.
    pub source: Written,
    /// A runner of its own goes on with it.
    pub detach: bool,
    pub max_agents: Option<u32>,
}

fn frozen(
    ctx: &Context,
    args: &Run,
    source: &Source,
    place: &Place,
    repo: Option<&Repo>,
) -> Result<Plan, Failure> {
    let base_files = planning::base_files(place.top(), repo);
    let library = roles::library(place.top());
    let variables = args.variables.iter().cloned().collect();
    let mut options = planning::options(variables, args.rehearse, base_files, library);
    options.existing_ids = place.places.list_runs()?.into_iter().map(|id| id.0).collect();
    if args.id == Some(Id::Auto) {
        options.id = IdChoice::Auto;
    }
    let plan = source.plan(ctx, &options, false)?;
    let rehearse = format!("or rehearse it without agents: `consort run {} --rehearse`", source.name);
    planning::refuse_without_agent(&plan).map_err(|failure| failure.help(rehearse))?;
    Ok(plan)
}

/// Begins a run of this plan and drives it.
pub(crate) fn start(
    ctx: &Context,
    place: Place,
    repo: Option<Repo>,
    plan: Plan,
    wanted: Wanted,
) -> Result<u8, Failure> {
    if repo.is_none() {
        without_git(ctx, &place, &plan)?;
    }
    // What is wrong with them is said before anything is made.
    place.settings()?;
    let facts = Facts::look(&place, repo.as_ref(), &plan)?;
    if !wanted.again && plan.workflow.id_source == IdSource::User {
        // A run that cannot be is refused before anybody is asked whether it may be.
        place.places.may_begin(&plan.workflow.id)?;
    }
    if !agree::agreed(ctx, &plan, &wanted.agreement)? {
        return Ok(exit::FAILED);
    }
    let (run, lock) = take_id(&place, &plan, wanted.again)?;
    let driver = Driver::new(ctx, place, repo, run.clone(), wanted.approve)?;
    let driver = driver.apart(wanted.detach, wanted.max_agents);
    driver.set_aside(&lock)?;
    let start = facts.start(run, wanted.approve == Some(Approve::All))?;
    if let Some(base) = &start.base {
        let started = driver.plane()?.start(base, crate::follow::now());
        started.map_err(|e| Failure::from(e).help("`consort doctor` looks at this repository"))?;
    }
    ctx.out.print(&announcement(&plan, &start, &driver, &facts))?;
    let by = person::name();
    let via = if wanted.approve.is_some() { "flag" } else { "terminal" };
    let begin =
        Begin { plan, kept: None, source: Some(wanted.source), resumed: None, start, by, via: via.into() };
    if wanted.detach {
        host::lay_down(&lock, &driver.place.places.open_store(), begin)?;
        return detach::go_on(ctx, &driver, lock, wanted.approve);
    }
    let (outcome, state) = driver.drive(lock, Vec::new(), |opening| host::begin(opening, begin))?;
    driver.report(outcome, &state)
}

/// Says what a plain directory cannot do; refuses a plan that needs it.
fn without_git(ctx: &Context, place: &Place, plan: &Plan) -> Result<(), Failure> {
    let top = place.top().display();
    let change = plan.tasks.iter().find(|t| matches!(t.output, Output::Change { .. }));
    if let Some(task) = change {
        return Err(Failure::invalid(format!(
            "this workflow needs git, and {top} is not in a git repository"
        ))
        .why(format!("task `{}` produces a change, and only git can merge changes", task.id))
        .help("make it a repository: `git init && git add -A && git commit -m 'First commit'`"));
    }
    ctx.out.notice(&format!("{top} is not in a git repository: the run works in plain directories"));
    crate::out::err("      without branches, merging or `consort integrate`\n");
    Ok(())
}

/// The id of the run, and the right to drive it.
fn take_id(place: &Place, plan: &Plan, again: bool) -> Result<(RunId, RunLock), Failure> {
    let id = &plan.workflow.id;
    if again {
        return Ok(place.places.begin_next_run(id.as_str(), "run")?);
    }
    match place.places.begin_run(id, "run") {
        Ok(lock) => Ok((id.clone(), lock)),
        // Someone took a generated id a moment ago.
        Err(PlacesError::RunExists(_)) if plan.workflow.id_source == IdSource::Auto => {
            Err(Failure::failed(format!("another process has just begun run {id}")).help("try again"))
        }
        Err(error) => Err(error.into()),
    }
}

/// 32 hex digits that nobody can guess.
pub(crate) fn nonce() -> Result<String, Failure> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|e| Failure::failed("the system gives no random numbers").why(e))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What a run finds when it begins; the default is what one finds that looks at nothing.
#[derive(Default)]
pub(crate) struct Facts {
    base: Option<consort_core::ids::Revision>,
    branch: Option<String>,
    absent: Vec<String>,
    unseen: Vec<String>,
}

impl Facts {
    /// The first command of a run.
    pub(crate) fn start(&self, run: RunId, approve_all: bool) -> Result<StartRun, Failure> {
        Ok(StartRun {
            run,
            // Filled in where the plan is stored.
            plan: ContentHash(String::new()),
            base: self.base.clone(),
            nonce: nonce()?,
            approve_all,
            absent: self.absent.clone(),
            unseen: self.unseen.clone(),
            from: None,
            source: None,
        })
    }

    fn look(place: &Place, repo: Option<&Repo>, plan: &Plan) -> Result<Self, Failure> {
        let files: BTreeSet<&String> = plan
            .tasks
            .iter()
            .flat_map(|t| &t.inputs)
            .filter_map(|input| if let Input::File { path } = input { Some(path) } else { None })
            .collect();
        let there = |path: &str| -> Result<bool, Failure> {
            Ok(match repo {
                Some(repo) => repo.exists_at(repo.head(), path)?,
                None => place.top().join(path).exists(),
            })
        };
        schemas(plan, &there)?;
        let mut absent = Vec::new();
        for path in files {
            if !there(path)? {
                absent.push(path.clone());
            }
        }
        let mut unseen = Vec::new();
        if let Some(repo) = repo {
            let (count, names) = repo.dirty(UNSEEN_MAX)?;
            let more = count.saturating_sub(names.len());
            unseen = names;
            if more > 0 {
                unseen.push(format!("and {more} more"));
            }
        }
        let branch =
            repo.and_then(|r| r.head_branch()).map(|b| b.trim_start_matches("refs/heads/").to_owned());
        Ok(Self { base: repo.map(|r| r.head().clone()), branch, absent, unseen })
    }
}

/// Schemas that forms name are in the base, or some task makes them.
fn schemas(plan: &Plan, there: &dyn Fn(&str) -> Result<bool, Failure>) -> Result<(), Failure> {
    for task in plan.tasks.iter().filter(|_| !plan.rehearsal) {
        let Some(path) = &task.form.schema else { continue };
        let made = plan.tasks.iter().any(|t| t.output.paths().contains(path));
        if !made && !there(path)? {
            return Err(Failure::invalid(format!(
                "the form of the task `{}` names the schema `{path}`, which is not in the base of this run",
                task.id
            ))
            .help(format!(
                "commit it: `git add {path} && git commit`, or correct its path in the workflow"
            )));
        }
    }
    Ok(())
}

/// What the walls around agents hold off today.
pub(crate) const BOUNDARY: &str = "accidents: yes, attacks: no (agents run as you; writes outside their workspace and other agents are refused)";

/// What a person reads before any work starts.
fn announcement(plan: &Plan, start: &StartRun, driver: &Driver, facts: &Facts) -> String {
    let out = &driver.out;
    let mut text = String::new();
    let mut say = |name: &str, what: &str| text += &said(out, name, what);
    say("run", &out.stdout.bold(start.run.as_str()));
    say("workflow", &plan.workflow.title);
    if let Some(base) = &start.base {
        let on = facts.branch.as_ref().map(|b| format!(" on {b}")).unwrap_or_default();
        say("base", &format!("{}{on}", short(base.as_str())));
    }
    say("plan", &planning::size(plan));
    if let Some(who) = planning::who(plan) {
        say("agents", &who);
        say("boundary", BOUNDARY);
    }
    say("roles", &planning::roles_of_files(plan).unwrap_or_default());
    say("prompts", &plan.prompts.keys().map(|name| format!("own {name}")).collect::<Vec<_>>().join(", "));
    say("forecast", &planning::calls(plan));
    say("cost", &planning::cost(plan));
    say("budget", &planning::unknown_cost(plan).unwrap_or_default());
    say("approvals", &asked(plan, start, driver));
    say("absent", &facts.absent.join(", "));
    if !facts.unseen.is_empty() {
        say("not seen", &format!("{} (not committed: agents work from the base)", facts.unseen.join(", ")));
    }
    text.push('\n');
    text
}

/// One line of an announcement; none if there is nothing to say.
pub(crate) fn said(out: &Out, name: &str, what: &str) -> String {
    if what.is_empty() {
        return String::new();
    }
    format!("{} {what}\n", out.stdout.dim(&format!("{name:10}")))
}

fn asked(plan: &Plan, start: &StartRun, driver: &Driver) -> String {
    let tasks = plan.tasks.iter().filter(|t| t.approval.is_some()).map(|t| t.id.to_string());
    let barriers = plan.barriers.iter().filter(|b| b.approval.is_some()).map(|b| b.id.to_string());
    let at: Vec<String> = barriers.chain(tasks).collect();
    let at = if at.is_empty() { String::new() } else { format!(" at {}", at.join(", ")) };
    match (start.approve_all, driver.ask) {
        (true, _) => "answered yes by --approve all; the record says so".to_owned(),
        (false, _) if at.is_empty() && start.absent.is_empty() => String::new(),
        (false, true) => format!("asked here{at}"),
        (false, false) if driver.stays => {
            format!("the run waits for them{at}: `consort attach` or `consort approve` answers")
        }
        (false, false) => format!("nobody is asked here{at}: the run waits and ends with code 3"),
    }
}
