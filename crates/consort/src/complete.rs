//! Completions: `COMPLETE=bash consort` prints what a shell needs, and with a line to complete what can stand there.
//!
//! Runs, tasks, questions and checkpoints are read from the live copy of `ORCHESTRATION.yaml` that every runner keeps,
//! not from journals: that is quick, whatever a run has been through, and no database is opened. Whatever cannot
//! be read completes to nothing; nothing is ever written, and no process started.

mod told;

use crate::place::Place;
use clap::{Arg, Command};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use consort_core::definition::catalogue;
use consort_worker::agents::roles;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use told::{Told, told};

/// At most so many runs are looked into for their tasks, latest first.
const RUNS_MAX: usize = 50;

/// Answers a shell that asks; true if one did.
pub(crate) fn answered(command: fn() -> Command) -> bool {
    let here = std::env::current_dir().ok();
    let env = CompleteEnv::with_factory(|| completed(command()));
    // An error of a completion has nobody who could read it.
    env.try_complete(std::env::args_os(), here.as_deref()).unwrap_or(true)
}

/// The command line with what can stand in its places.
fn completed(command: Command) -> Command {
    command.mut_subcommands(|verb| {
        let name = verb.get_name().to_owned();
        verb.mut_args(|arg| argument(&name, arg))
            .mut_subcommands(|below| below.mut_args(|arg| argument(&name, arg)))
    })
}

fn argument(verb: &str, arg: Arg) -> Arg {
    let complete: fn(&OsStr) -> Vec<CompletionCandidate> = match (verb, arg.get_id().as_str()) {
        ("explain", _) => return arg,
        ("compare", "one" | "other") | (_, "run") => runs,
        (_, "task") => tasks,
        (_, "approval") => approvals,
        ("checkpoint", "from" | "to") | (_, "checkpoint") => checkpoints,
        ("roles", "name") => roles_here,
        ("strategies", "id") | ("review", "strategies") => strategies,
        _ => return arg,
    };
    arg.add(ArgValueCompleter::new(complete))
}

/// The words of the line that is completed.
fn words() -> Vec<OsString> {
    std::env::args_os().skip_while(|word| word != "--").skip(1).collect()
}

fn place() -> Option<Place> {
    let words = words();
    let given = words.iter().position(|word| word == "-C").and_then(|at| words.get(at + 1));
    let dir = std::env::current_dir().ok()?.join(given.map(PathBuf::from).unwrap_or_default());
    Place::find(&dir).ok()
}

/// All runs here, latest first; of those that the line names, only those.
fn known(named_only: bool) -> Vec<(String, Told)> {
    let Some(place) = place() else { return Vec::new() };
    let mut ids = place.places.list_runs().unwrap_or_default();
    ids.reverse();
    if named_only {
        let words = words();
        let named = |id: &&consort_core::ids::RunId| words.iter().any(|word| word == id.as_str());
        if let Some(one) = ids.iter().find(named).cloned() {
            ids = vec![one];
        }
    }
    ids.truncate(RUNS_MAX);
    let dirs = ids.into_iter().filter_map(|id| Some((place.places.existing_run(&id).ok()?, id)));
    dirs.map(|(dir, id)| (id.to_string(), told(&dir))).collect()
}

fn listed<'a>(current: &OsStr, all: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<CompletionCandidate> {
    let begin = current.to_string_lossy();
    let fits = all.filter(|(value, _)| value.starts_with(&*begin));
    let one = |(at, (value, help)): (usize, (&str, &str))| {
        let help = (!help.is_empty()).then(|| consort_core::view::clean(help).into());
        CompletionCandidate::new(value).help(help).display_order(Some(at))
    };
    fits.enumerate().map(one).collect()
}

fn runs(current: &OsStr) -> Vec<CompletionCandidate> {
    let all = known(false);
    listed(current, all.iter().map(|(id, told)| (id.as_str(), told.status.as_str())))
}

fn tasks(current: &OsStr) -> Vec<CompletionCandidate> {
    let all = known(true);
    listed(current, pairs(all.iter().flat_map(|(_, told)| &told.tasks)))
}

/// Those that wait for an answer.
fn approvals(current: &OsStr) -> Vec<CompletionCandidate> {
    let all = known(true);
    listed(current, pairs(all.iter().flat_map(|(_, told)| &told.approvals)))
}

fn checkpoints(current: &OsStr) -> Vec<CompletionCandidate> {
    let all = known(true);
    listed(current, pairs(all.iter().flat_map(|(_, told)| &told.checkpoints)))
}

fn pairs<'a>(all: impl Iterator<Item = &'a (String, String)>) -> impl Iterator<Item = (&'a str, &'a str)> {
    let mut seen = std::collections::BTreeSet::new();
    all.filter(move |(value, _)| seen.insert(value)).map(|(value, help)| (value.as_str(), help.as_str()))
}

fn roles_here(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(place) = place() else { return Vec::new() };
    let library = roles::library(place.top());
    let names: Vec<&str> = library.effective().into_keys().collect();
    listed(current, names.into_iter().map(|name| (name, "")))
}

fn strategies(current: &OsStr) -> Vec<CompletionCandidate> {
    listed(current, catalogue::builtin().iter().map(|s| (s.id.as_str(), s.name.as_str())))
}
