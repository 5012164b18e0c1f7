//! From a workflow file to a plan, with every mistake shown where it is.

use super::files;
use crate::context::Context;
use crate::drive;
use crate::exit;
use crate::failure::Failure;
use crate::place::Place;
use consort_core::definition::Offer;
use consort_core::definition::roles::Library;
use consort_core::definition::{self, BaseFiles, Checked, Diagnostic, IdChoice, PlanOptions, Severity};
use consort_core::plan::{AgentSpec, Forecast, Limits, Plan, Runtime, Task, TaskKind, Then};
use consort_core::run::Written;
use consort_worker::agents::offers::{self, Found};
use consort_worker::agents::prices::{PRICES, Prices};
use consort_worker::agents::roles;
use consort_worker::workspace::Repo;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A file that was read, and how it is called in messages.
pub(crate) struct Source {
    /// As it was typed.
    pub name: String,
    /// Its content; nothing looks at the file again.
    pub text: String,
    /// Where parts that it names are looked for.
    pub folder: PathBuf,
}

impl Source {
    /// Reads a file whole, if it is not too large to be a workflow.
    pub(crate) fn read(ctx: &Context, file: &Path) -> Result<Self, Failure> {
        let help = "check the path, or write a first workflow with `consort init`";
        let text = read_text(ctx, file, "workflow file", definition::MAX_BYTES as u64, help)?;
        let folder = ctx.path(file).parent().map_or_else(|| ctx.dir.clone(), Path::to_owned);
        Ok(Self { name: file.display().to_string(), text, folder })
    }

    /// As a run keeps it, with the values of its variables.
    pub(crate) fn written(&self, variables: &[(String, String)]) -> Written {
        let variables = variables.iter().cloned().collect();
        Written { name: self.name.clone(), text: self.text.clone(), variables }
    }

    /// The plan, or every mistake on standard error. Warnings are counted, or shown in `full`.
    pub(crate) fn plan(&self, ctx: &Context, options: &PlanOptions, full: bool) -> Result<Plan, Failure> {
        match self.check(ctx, options) {
            Ok(Checked { plan, warnings }) => {
                if full {
                    self.show(ctx, &warnings);
                } else if !warnings.is_empty() {
                    let n = warnings.len();
                    let warnings = if n == 1 { "1 warning".into() } else { format!("{n} warnings") };
                    ctx.out.notice(&format!("{warnings}: `consort check {}` shows them", self.name));
                }
                Ok(plan)
            }
            Err(found) => {
                self.show(ctx, &found);
                Err(Failure::said(exit::INVALID))
            }
        }
    }

    /// The plan or its mistakes, with the contents of all files that the workflow asks for.
    pub(crate) fn check(&self, ctx: &Context, options: &PlanOptions) -> Result<Checked, Vec<Diagnostic>> {
        let options = files::complete(ctx, self, options);
        definition::check(&self.name, &self.text, &options)
    }

    pub(crate) fn show(&self, ctx: &Context, found: &[Diagnostic]) {
        if !found.is_empty() {
            crate::out::err(&definition::render(found, &self.name, &self.text, ctx.out.stderr.is_on()));
        }
    }

    /// The same as data: one object per diagnostic.
    pub(crate) fn as_json(&self, found: &[Diagnostic]) -> Vec<serde_json::Value> {
        let one = |d: &Diagnostic| {
            let (line, column) = d.position(&self.text);
            serde_json::json!({
                "file": d.file_name(&self.name),
                "line": line,
                "column": column,
                "severity": severity(d),
                "code": d.code,
                "message": d.message,
                "help": d.help,
            })
        };
        found.iter().map(one).collect()
    }
}

/// Its weight as a word.
pub(crate) fn severity(found: &Diagnostic) -> &'static str {
    match found.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// A file that a person named, whole: not a directory, not larger than `most` bytes, UTF-8. `what` it
/// is to be is part of what is said if it is not.
pub(crate) fn read_text(
    ctx: &Context,
    file: &Path,
    what: &str,
    most: u64,
    help: &str,
) -> Result<String, Failure> {
    let name = file.display();
    let path = ctx.path(file);
    let unreadable =
        |e: std::io::Error| Failure::invalid(format!("the {what} {name} cannot be read")).why(e).help(help);
    let meta = std::fs::metadata(&path).map_err(unreadable)?;
    if !meta.is_file() {
        let failure = Failure::invalid(format!("{name} is not a file"));
        return Err(failure.help(format!("give the path of a {what}")));
    }
    if meta.len() > most {
        let failure = Failure::invalid(format!("{name} is too large to be a {what}"));
        return Err(failure.why(format!("it has {} bytes, at most {most} are read", meta.len())));
    }
    let bytes = std::fs::read(&path).map_err(unreadable)?;
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let failure = Failure::invalid(format!("{name} is not a {what}"));
        failure.why(format!("it is not UTF-8: byte {at} cannot be read as text"))
    })
}

/// Options for a plan that is only looked at here: in a run of now it would be this one.
pub(crate) fn options_here(ctx: &Context, variables: &[(String, String)]) -> PlanOptions {
    let (base_files, library) = match Place::with_repo(&ctx.dir) {
        Ok((place, repo)) => (base_files(place.top(), repo.as_ref()), roles::library(place.top())),
        // Without git, or without a first commit, what lies here is the best that can be known.
        Err(_) => {
            let place = Place::find(&ctx.dir);
            let top = place.as_ref().map_or(ctx.dir.as_path(), |place| place.top());
            (base_files(top, None), roles::library(top))
        }
    };
    options(variables.iter().cloned().collect(), false, base_files, library)
}

/// What a run begins with: the files of the commit, or those of a plain directory.
pub(crate) fn base_files(top: &Path, repo: Option<&Repo>) -> BaseFiles {
    match repo {
        Some(repo) => repo.files(repo.head()).map_or(BaseFiles::Unknown, BaseFiles::Known),
        None => {
            let mut found = BTreeSet::new();
            match listed(top, "", &mut 0, &mut found) {
                true => BaseFiles::Known(found),
                false => BaseFiles::Unknown,
            }
        }
    }
}

/// Most entries of a plain directory that are looked at.
const ENTRIES_MAX: usize = 50_000;

/// Adds the files below a directory, links not followed; false if it cannot be read or has too many.
fn listed(dir: &Path, prefix: &str, seen: &mut usize, found: &mut BTreeSet<String>) -> bool {
    let Ok(entries) = std::fs::read_dir(dir) else { return false };
    for entry in entries {
        *seen += 1;
        let Some(entry) = entry.ok().filter(|_| *seen <= ENTRIES_MAX) else { return false };
        // What is not UTF-8 cannot be declared.
        let Ok(name) = entry.file_name().into_string() else { continue };
        if matches!(name.as_str(), ".git" | ".consort") {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if !listed(&entry.path(), &format!("{path}/"), seen, found) {
                return false;
            }
        } else {
            found.insert(path);
        }
    }
    true
}

/// Options for a plan that begins a run, or is looked at without regard to a place.
pub(crate) fn options(
    variables: BTreeMap<String, String>,
    rehearse: bool,
    base_files: BaseFiles,
    library: Library,
) -> PlanOptions {
    PlanOptions {
        today: crate::follow::now().date().replace('-', ""),
        variables,
        rehearse,
        id: IdChoice::Declared,
        existing_ids: Vec::new(),
        base_files,
        given: Default::default(),
        library,
        offers: if rehearse { offers::known() } else { offers() },
    }
}

/// The runtimes of this build as they are found here. Asked once: programs are started for it.
pub(crate) fn found() -> &'static [Found] {
    static FOUND: OnceLock<Vec<Found>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let here = std::env::current_dir().unwrap_or_default();
        offers::discover(&std::env::vars().collect(), &here)
    })
}

fn offers() -> Vec<Offer> {
    found().iter().map(|found| found.offer.clone()).collect()
}

/// `KEY=VALUE`, for clap.
pub(crate) fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not of the form NAME=VALUE")),
    }
}

/// Tasks for which nobody said which agent does them.
pub(crate) fn without_agent(plan: &Plan) -> Vec<&Task> {
    let missing = |task: &&Task| {
        let judged = [
            (task.given.is_none(), &task.creator),
            (!task.review_groups.is_empty(), &task.critic),
            (task.judged, &task.judge),
        ];
        judged.into_iter().any(|(needed, agent)| needed && agent.runtime == Runtime::Missing)
    };
    plan.tasks.iter().filter(missing).collect()
}

/// The refusal of a plan for which somebody is missing; the caller says how to go on.
pub(crate) fn refuse_without_agent(plan: &Plan) -> Result<(), Failure> {
    let missing = without_agent(plan);
    let Some(first) = missing.first() else { return Ok(()) };
    let others = match missing.len() {
        1 => String::new(),
        n => format!(" and {} more", n - 1),
    };
    let what = if plan.is_alone() { "this document".into() } else { format!("task `{}`{others}", first.id) };
    Err(Failure::invalid(format!("no agent is set up for {what}"))
        .why(format!("looked for {}", looked_for()))
        .help("set one up: `consort doctor` says how, or name a program under `agents:`: `default: {argv: [my-agent]}`"))
}

/// What `auto` looked for, and what was not there.
fn looked_for() -> String {
    let one = |found: &Found| match &found.offer.found {
        Ok(what) => format!("{} ({what}; it has no tools to write with)", found.offer.runtime),
        Err(why) => format!("{} ({why})", found.offer.runtime),
    };
    found().iter().map(one).collect::<Vec<_>>().join(" and ")
}

/// Who does the work, in a line, where agents are talked to; `None` where none is.
pub(crate) fn who(plan: &Plan) -> Option<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut add = |what: &str, agents: BTreeSet<String>| {
        if !agents.is_empty() {
            lines.push(format!("{what}: {}", agents.into_iter().collect::<Vec<_>>().join(", ")));
        }
    };
    let named = |agent: &AgentSpec| match &agent.runtime {
        Runtime::Session(session) => Some(match &session.model {
            Some(model) => format!("{} ({model})", session.runtime),
            None => session.runtime.clone(),
        }),
        _ => None,
    };
    add("work", plan.tasks.iter().filter_map(|task| named(&task.creator)).collect());
    let reviewed = plan.tasks.iter().filter(|task| !task.review_groups.is_empty());
    add("reviews", reviewed.filter_map(|task| named(&task.critic)).collect());
    let judged = plan.tasks.iter().filter(|task| task.judged);
    add("scores", judged.flat_map(|t| std::iter::once(&t.judge).chain(&t.panel)).filter_map(named).collect());
    (!lines.is_empty()).then(|| lines.join("; "))
}

/// Roles that do not come with this build, with their files; `None` where there are none.
pub(crate) fn roles_of_files(plan: &Plan) -> Option<String> {
    let own = plan.roles.values().filter(|role| role.source != roles::BUILT_IN_SOURCE);
    let named: Vec<String> = own.map(|role| format!("{} ({})", role.name, role.source)).collect();
    (!named.is_empty()).then(|| named.join(", "))
}

/// The size of a plan in a line.
pub(crate) fn size(plan: &Plan) -> String {
    let count = |n: usize, what: &str| match n {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    };
    let tasks = plan.agents().count();
    let mut parts = vec![count(tasks, "task")];
    let handoffs = plan.tasks.len() - tasks;
    for (n, what) in
        [(plan.pipelines.len(), "pipeline"), (plan.barriers.len(), "barrier"), (handoffs, "handoff")]
    {
        if n > 0 {
            parts.push(count(n, what));
        }
    }
    parts.join(", ")
}

/// What a run of it will ask of agents, before it begins.
pub(crate) fn calls(plan: &Plan) -> String {
    let (least, likely) = plan.forecast_calls();
    let open = match plan.tasks.iter().any(|task| matches!(task.kind, TaskKind::Each(_))) {
        true => " and every list is as long as it may be",
        false => "",
    };
    let calls = if least == 1 { "agent call" } else { "agent calls" };
    match likely == least {
        true => format!("{least} {calls} if nothing fails"),
        false => {
            format!("at least {least} {calls}, about {likely} if every gate passes in its second round{open}")
        }
    }
}

/// What it may cost. Unknown is said as unknown.
pub(crate) fn cost(plan: &Plan) -> String {
    if plan.rehearsal {
        return "nothing: this is a rehearsal, players stand in for the agents".into();
    }
    let Forecast { calls, unpriced, micro_usd } = plan.forecast();
    let expected = match (unpriced, micro_usd) {
        (0, 0) => "none expected: no agent has a price, and none is handed a key".to_owned(),
        (0, usd) => format!("about {}", dollars(usd)),
        (n, 0) if n == calls => "unknown before agents report it".to_owned(),
        (n, 0) => format!("unknown for {n} of about {calls} calls before agents report it"),
        (n, usd) => format!("unknown for {n} of about {calls} calls, about {} for the others", dollars(usd)),
    };
    match plan.limits.budget.micro_usd_max {
        Some(max) => format!("{expected}; the run asks at {}", dollars(max)),
        None if unpriced == 0 && micro_usd == 0 => expected,
        None => format!("{expected}; no limit is set (limits: budget)"),
    }
}

/// Where money is limited: agents whose calls cost nobody knows what, and what the run will do about it.
pub(crate) fn unknown_cost(plan: &Plan) -> Option<String> {
    let env: BTreeMap<String, String> = std::env::vars().collect();
    let prices = Prices::load(drive::own_prices(&env).as_deref()).ok()?;
    unknown_to(plan, &prices)
}

fn unknown_to(plan: &Plan, prices: &Prices) -> Option<String> {
    let Limits { budget, shares, .. } = &plan.limits;
    let mut parts = shares.tasks.values().chain(shares.pipelines.values()).chain([budget, &shares.day]);
    if plan.rehearsal || !parts.any(|budget| budget.micro_usd_max.is_some()) {
        return None;
    }
    let names: BTreeSet<String> =
        plan.tasks.iter().flat_map(agents_of).filter_map(|agent| unknown_name(agent, prices)).collect();
    if names.is_empty() {
        return None;
    }
    let then = match budget.then {
        Then::Ask => "the run asks when the first one was made",
        Then::Stop => "the run ends when the first one was made",
    };
    let names: Vec<String> = names.into_iter().take(5).collect();
    Some(format!(
        "in money, and nobody knows what calls of {} cost: {then}; give the agent a `price`, or its model one in {PRICES}",
        names.join(", ")
    ))
}

/// Everybody who is asked for something in this task, and who would take over.
fn agents_of(task: &Task) -> Vec<&AgentSpec> {
    let asked = [
        (task.given.is_none(), &task.creator),
        (!task.review_groups.is_empty(), &task.critic),
        (task.judged, &task.judge),
    ];
    let own = asked.into_iter().filter(|(asked, _)| *asked).map(|(_, agent)| agent).chain(&task.panel);
    own.flat_map(|agent| std::iter::once(agent).chain(&agent.fallbacks)).collect()
}

/// What to call an agent that costs nobody knows what; `None`: somebody will.
fn unknown_name(agent: &AgentSpec, prices: &Prices) -> Option<String> {
    if agent.price().is_some() {
        return None;
    }
    match &agent.runtime {
        Runtime::Command { argv, .. } => argv.first().cloned(),
        Runtime::Session(session) if !offers::tells_cost(&session.runtime) => {
            let model = session.model.clone()?;
            (!prices.knows(&model)).then_some(model)
        }
        _ => None,
    }
}

fn dollars(micro_usd: u64) -> String {
    format!("${}.{:02}", micro_usd / 1_000_000, micro_usd % 1_000_000 / 10_000)
}
