//! What `score` and `review` have in common: one document that is there already, a plan of one task
//! without a creator, and a run of it like any other.

use super::planning::{self, Source};
use super::run::{Facts, said};
use crate::context::Context;
use crate::drive::{Approve, Driver};
use crate::exit;
use crate::failure::Failure;
use crate::person;
use crate::place::Place;
use crate::report::alone as result;
use clap::Args;
use consort_core::definition::{self, Alone, AloneFault, Asked, IdChoice};
use consort_core::ids::RunId;
use consort_core::plan::{AgentSpec, Plan, Runtime, Task};
use consort_core::view::clean;
use consort_local::host::{self, Begin};
use consort_local::lock::{LockError, RunLock};
use consort_local::places::PlacesError;
use consort_worker::agents::roles;
use consort_worker::checks::DOCUMENT_BYTES_MAX;
use consort_worker::store::Store;
use std::path::{Path, PathBuf};

/// What both verbs are told.
#[derive(Args)]
pub(crate) struct Common {
    /// The document: UTF-8, its content now, whether or not it is committed.
    file: PathBuf,
    /// Takes agents, catalogue, quality, escalation and limits from this workflow file.
    #[arg(long, value_name = "FILE")]
    workflow: Option<PathBuf>,
    /// The agent of that file that does everything; else its `critic`, `judge`, `judge-2` or `default`.
    #[arg(long, value_name = "NAME", requires = "workflow")]
    agent: Option<String>,
    /// Players stand in for all agents: no model, no key, no cost, and no real result.
    #[arg(long)]
    rehearse: bool,
    /// What the document was asked for; reviewers are told.
    #[arg(long, value_name = "TEXT")]
    about: Option<String>,
    /// A value for a variable of the workflow file.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = planning::variable, requires = "workflow")]
    variables: Vec<(String, String)>,
    /// Prints one value at the end: {run, kind, file, sha256, rehearsal, verdict, why, refusals, problems, score: {composite, threshold, floor, band, judges, dimensions}, strategies, findings, agent_calls}.
    #[arg(long)]
    json: bool,
}

/// The verb as it was typed, for commands to offer.
pub(crate) struct Typed {
    /// `score` or `review`.
    pub verb: &'static str,
    /// What must be typed besides the file: ` --strategy S-004`.
    pub more: String,
}

/// Looks at one document and shows what came of it.
pub(crate) fn run(ctx: &Context, common: &Common, asked: Asked, typed: &Typed) -> Result<u8, Failure> {
    let text = document(ctx, common)?;
    let workflow = common.workflow.as_ref().map(|file| Source::read(ctx, file)).transpose()?;
    let place = Place::find(&ctx.dir)?;
    let wish = Alone {
        path: path_of(ctx, &place, &common.file),
        bytes: Store::hash_of(text.as_bytes()),
        about: common.about.clone(),
        asked,
        agent: common.agent.clone(),
    };
    let plan = planned(ctx, common, workflow.as_ref(), &place, &wish, typed)?;
    // What is wrong with them is said before anything is made.
    place.settings()?;
    let (run, lock) = take_id(&place, &plan)?;
    place.places.open_store().put(text.as_bytes()).map_err(std::io::Error::from)?;
    let out = if common.json { ctx.out.quietly() } else { ctx.out };
    let quiet = Context { dir: ctx.dir.clone(), out };
    // No branches and no commits: a document that is only looked at does not touch the repository.
    let driver = Driver::new(&quiet, place, None, run.clone(), Some(Approve::None))?;
    driver.set_aside(&lock)?;
    if !common.json {
        ctx.out.print(&announcement(&plan, &run, common, text.len(), &driver))?;
    }
    let start = Facts::default().start(run, false)?;
    let begin = Begin {
        plan,
        kept: None,
        source: None,
        resumed: None,
        start,
        by: person::name(),
        via: "terminal".into(),
    };
    let (outcome, state) = driver.drive(lock, Vec::new(), |opening| host::begin(opening, begin))?;
    if common.json {
        ctx.out.shaped(typed.verb, &result::result(&state, &driver.place.places.open_store()))?;
        return Ok(exit::of(outcome));
    }
    driver.report(outcome, &state)
}

/// The document's text; what is no document is refused before anything is made.
fn document(ctx: &Context, common: &Common) -> Result<String, Failure> {
    let help = "check the path";
    let text = planning::read_text(ctx, &common.file, "document", DOCUMENT_BYTES_MAX as u64, help)?;
    if text.trim().is_empty() {
        let name = common.file.display();
        return Err(Failure::invalid(format!("{name} is empty: there is nothing to judge"))
            .help("give a document with something in it"));
    }
    Ok(text)
}

/// Where the document lies, as the run calls it: below the place if it is there, else by its name alone.
fn path_of(ctx: &Context, place: &Place, file: &Path) -> String {
    let path = ctx.path(file);
    let dir = path.parent().and_then(|dir| std::fs::canonicalize(dir).ok());
    let whole = dir.zip(path.file_name()).map(|(dir, name)| dir.join(name));
    let below = whole.as_ref().and_then(|whole| whole.strip_prefix(place.top()).ok());
    let name = path.file_name().map(Path::new);
    let fit = |path: &Path| path.to_str().filter(|p| definition::is_artifact_path(p)).map(str::to_owned);
    let named = [below, name].into_iter().flatten().find_map(fit);
    // The kind of a document decides which checks there are.
    named.unwrap_or_else(|| match path.extension().and_then(|e| e.to_str()) {
        Some("md") => "document.md".into(),
        _ => "document.txt".into(),
    })
}

fn planned(
    ctx: &Context,
    common: &Common,
    workflow: Option<&Source>,
    place: &Place,
    wish: &Alone,
    typed: &Typed,
) -> Result<Plan, Failure> {
    // Of the workflow only its agents and rules are used, and nothing in the repository is changed.
    let variables = common.variables.iter().cloned().collect();
    let mut options = planning::options(
        variables,
        common.rehearse,
        definition::BaseFiles::none(),
        roles::library(place.top()),
    );
    options.id = IdChoice::Auto;
    options.existing_ids = place.places.list_runs()?.into_iter().map(|id| id.0).collect();
    let of_file = workflow.map(|source| (source.name.as_str(), source.text.as_str()));
    let plan = match definition::alone(of_file, &options, wish) {
        Ok(checked) => checked.plan,
        Err(AloneFault::Mistakes(found)) => {
            match workflow {
                Some(source) => source.show(ctx, &found),
                None => found.iter().for_each(|d| crate::out::err(&format!("error: {}\n", d.message))),
            }
            return Err(Failure::said(exit::INVALID));
        }
        Err(AloneFault::NoStrategy { id, known }) => return Err(no_strategy(&id, &known, common)),
        Err(AloneFault::NoAgent { name, known }) => {
            let source = workflow.map(|w| w.name.as_str()).unwrap_or_default();
            let failure = Failure::invalid(format!("{source} has no agent `{name}`"));
            return Err(failure.help(match known.is_empty() {
                true => "declare it there under `agents`".to_owned(),
                false => format!("it has {}", known.join(", ")),
            }));
        }
    };
    planning::refuse_without_agent(&plan).map_err(|failure| {
        let same = format!("consort {} {}{}", typed.verb, common.file.display(), typed.more);
        let failure = match workflow {
            Some(_) => failure,
            None => failure.help(format!("and name that file here: `{same} --workflow workflow.yaml`")),
        };
        failure.help(format!("or rehearse it without agents: `{same} --rehearse`"))
    })?;
    Ok(plan)
}

fn no_strategy(id: &str, known: &[String], common: &Common) -> Failure {
    let failure = Failure::invalid(format!("no critic works by the strategy `{id}`"));
    let failure = match id.to_ascii_uppercase().as_str() {
        "S-010" => failure.why("S-010 is how a creator reviews its own work, and here is no creator"),
        "S-014" => failure
            .why("S-014 is how a judge scores")
            .help(format!("ask the judge: `consort score {}`", common.file.display())),
        _ => failure,
    };
    failure.help(format!("there are {}; `consort strategies` says what each does", known.join(", ")))
}

/// The id of the run, and the right to drive it: of two that begin at once, one is the second.
fn take_id(place: &Place, plan: &Plan) -> Result<(RunId, RunLock), Failure> {
    let id = &plan.workflow.id;
    match place.places.begin_run(id, "run") {
        Ok(lock) => Ok((id.clone(), lock)),
        Err(PlacesError::RunExists(_) | PlacesError::Lock(LockError::Held { .. })) => {
            Ok(place.places.begin_next_run(id.as_str(), "run")?)
        }
        Err(error) => Err(error.into()),
    }
}

/// What a person reads before any agent is called.
fn announcement(plan: &Plan, run: &RunId, common: &Common, bytes: usize, driver: &Driver) -> String {
    let out = &driver.out;
    let Some(task) = plan.tasks.first() else { return String::new() };
    let mut text = said(out, "run", &out.stdout.bold(run.as_str()));
    let sha256 = task.given.as_ref().map(|hash| hash.to_string()).unwrap_or_default();
    let sha256 = crate::drive::short(&sha256);
    text += &said(out, "document", &format!("{} ({bytes} bytes, sha256 {sha256})", common.file.display()));
    text += &match task.judged {
        true => said(out, "gate", &gate(task)),
        false => said(out, "critics", &critics(plan, task)),
    };
    text += &said(out, "agents", &agents(task).join(", "));
    text += &said(out, "forecast", &calls(task));
    text += &said(out, "cost", &planning::cost(plan));
    text.push('\n');
    text
}

fn gate(task: &Task) -> String {
    let raised = match task.escalated_by.as_slice() {
        [] => String::new(),
        rules => format!(", raised by {}", rules.join(", ")),
    };
    let judges = if task.judges > 1 { "then 2 judges" } else { "then a judge" };
    format!("{}{raised}: checks first, {judges}; passes at {}", task.criticality, task.threshold)
}

fn critics(plan: &Plan, task: &Task) -> String {
    let named = |id: &consort_core::ids::StrategyId| {
        let asked = task.required_strategies.contains(id);
        let why = if asked { "" } else { " (another one comes after it)" };
        format!("{id} {}{why}", clean(&plan.strategy(id).name))
    };
    task.review_groups.iter().flatten().map(named).collect::<Vec<_>>().join(", ")
}

/// Who is called, each once.
fn agents(task: &Task) -> Vec<String> {
    let called: Vec<&AgentSpec> = match task.judged {
        true => std::iter::once(&task.judge).chain(&task.panel).collect(),
        false => vec![&task.critic],
    };
    let mut named: Vec<String> = Vec::new();
    for agent in called {
        let name = match &agent.runtime {
            Runtime::Command { argv, .. } => clean(&argv.join(" ")),
            Runtime::Rehearsal { .. } => "players of the rehearsal".into(),
            Runtime::Session(session) => match &session.model {
                Some(model) => format!("{} ({model})", clean(&session.runtime)),
                None => clean(&session.runtime),
            },
            Runtime::Missing => continue,
        };
        if !named.contains(&name) {
            named.push(name);
        }
    }
    named
}

fn calls(task: &Task) -> String {
    let calls = task.calls();
    let word = if calls.least == 1 { "agent call" } else { "agent calls" };
    match calls.most > calls.least {
        true => format!(
            "{} {word}, {} if the first judge goes above 0.85; more only if something fails",
            calls.least, calls.most
        ),
        false => format!("{} {word}; more only if something fails", calls.least),
    }
}
