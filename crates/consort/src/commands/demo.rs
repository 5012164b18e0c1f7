//! `consort demo [DIR]`

use super::planning::{self, Source};
use super::run::{Agreement, Wanted, start};
use crate::context::Context;
use crate::drive::Approve;
use crate::exit;
use crate::failure::Failure;
use crate::follow::now;
use crate::out::{Out, quoted};
use crate::place::Place;
use clap::Args;
use consort_core::view::model::{RunView, run_view};
use consort_worker::agents::roles;
use consort_worker::workspace::{Git, create_repository};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The example that is run.
const WORKFLOW: &str = include_str!("../../../../examples/multi-instance/workflow.yaml");
const FILE: &str = "workflow.yaml";
const README: &str = "# A demonstration of consort\n\nMade by `consort demo`. Delete it whenever you like.\n";

/// Rehearses a whole workflow in a fresh repository, in under a minute.
#[derive(Args)]
#[command(after_help = "Example:\n  consort demo /tmp/demo")]
pub(crate) struct Demo {
    /// Where; must be empty or not exist. A new directory for temporary files if it is left out.
    dir: Option<PathBuf>,
}

pub(crate) fn run(ctx: &Context, args: &Demo) -> Result<u8, Failure> {
    let git = Git::find()?;
    let dir = room(ctx, args.dir.as_deref())?;
    let files = [("README.md", README), (FILE, WORKFLOW)];
    let repo = create_repository(&git, &dir, &files, "A workflow to run", now())?;
    ctx.out.print(&format!(
        "A fresh repository: {}\nIn it, consort runs {FILE} with players in place of agents (a rehearsal)\n\
         and answers every approval with yes (--approve all).\n\n",
        dir.display()
    ))?;
    let there = Context { dir: dir.clone(), out: ctx.out };
    let source = Source { name: FILE.into(), text: WORKFLOW.into(), folder: dir.clone() };
    let plan = source.plan(
        &there,
        &planning::options(
            Default::default(),
            true,
            planning::base_files(&dir, Some(&repo)),
            roles::library(&dir),
        ),
        false,
    )?;
    let place = Place::find(&dir)?;
    let id = plan.workflow.id.clone();
    // A rehearsal costs nothing, so there is nothing to agree to.
    let agreement = Agreement { yes: false, calls: 0, may_ask: false };
    let (detach, max_agents, source) = (false, None, source.written(&[]));
    let wanted = Wanted { again: false, approve: Some(Approve::All), agreement, source, detach, max_agents };
    let code = start(&there, place, Some(repo), plan, wanted)?;
    if code != exit::DONE {
        return Ok(code);
    }
    let place = Place::find(&dir)?;
    let run = place.run(Some(id.as_str()))?;
    let view = run_view(&place.replay(&run)?.state);
    ctx.out.print(&shown(&view, &dir, &ctx.out))?;
    Ok(exit::DONE)
}

/// The directory, made and empty.
fn room(ctx: &Context, given: Option<&Path>) -> Result<PathBuf, Failure> {
    let Some(given) = given else {
        let made = tempfile::Builder::new().prefix("consort-demo-").tempdir();
        let dir = made.map_err(|e| Failure::failed("no temporary directory could be made").why(e))?.keep();
        return std::fs::canonicalize(dir).map_err(Failure::from);
    };
    let dir = ctx.path(given);
    let shown = given.display();
    match std::fs::read_dir(&dir) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(Failure::invalid(format!(
                    "{shown} is not empty, and the demo changes nothing that is there"
                ))
                .help("give a directory that is empty or does not exist, or none at all"));
            }
        }
        Err(e) if e.kind() == ErrorKind::NotFound => {
            let failed = |e| Failure::invalid(format!("{shown} cannot be made")).why(e);
            std::fs::create_dir_all(&dir).map_err(failed)?;
        }
        Err(e) => return Err(Failure::invalid(format!("{shown} cannot be used")).why(e)),
    }
    Ok(std::fs::canonicalize(dir)?)
}

/// What was made: artifacts, gates, checkpoints, and what to try with them.
fn shown(view: &RunView, dir: &Path, out: &Out) -> String {
    let mut text = format!("\n{}\n", out.stdout.bold("Artifacts"));
    let mut paths: Vec<&str> =
        view.tasks.iter().flat_map(|t| &t.artifacts).map(|(path, _)| path.as_str()).collect();
    paths.sort_unstable();
    text += &tree(&paths, out.unicode);
    text += &format!("\n{}\n", out.stdout.bold("Gates"));
    let wide = view.tasks.iter().map(|t| t.id.len()).max().unwrap_or(0);
    for task in view.tasks.iter().filter(|t| t.judged) {
        let scores: String = task.composites().map(|score| format!("{score:<10}")).collect();
        text += &format!("  {:wide$}  {scores}>= {}\n", task.id, task.threshold);
    }
    text += &format!("\n{}\n", out.stdout.bold("Checkpoints"));
    for c in &view.checkpoints {
        let commit = c.revision.as_deref().map_or("", crate::drive::short);
        let last = if c.last { ", final" } else { "" };
        text += &format!("  {}  {}  after {}{last}\n", c.id, commit, c.subject);
    }
    text + &tries(view, dir, out)
}

/// Five real commands.
fn tries(view: &RunView, dir: &Path, out: &Out) -> String {
    let run = &view.id;
    let again = format!("consort run {FILE} --again --rehearse --approve all");
    let five = [
        (
            "Kill a run in the middle, then go on as if nothing had happened:",
            vec![format!("{again} & sleep 0.5; kill -9 $!"), format!("consort resume {run}.2")],
        ),
        ("Check everything from journal, store and repository alone:", vec![format!("consort verify {run}")]),
        ("See how one artifact came to pass:", vec![format!("consort show {run} agent-c-001")]),
        ("Answer the approvals yourself:", vec![format!("consort run {FILE} --id auto --rehearse")]),
        ("See what would come to your branch:", vec![format!("consort integrate {run} --dry-run")]),
    ];
    let mut text =
        format!("\n{}\n  cd {}\n", out.stdout.bold("Five things to try"), quoted(&dir.display().to_string()));
    if let Some(path) = not_in_path() {
        text += &format!("  alias consort={}\n", quoted(&path.display().to_string()));
    }
    for (number, (what, lines)) in (1..).zip(five) {
        text += &format!("  {number}. {what}\n");
        lines.iter().for_each(|line| text += &format!("     {line}\n"));
    }
    text
}

/// Where this program is, if typing its name does not start it.
fn not_in_path() -> Option<PathBuf> {
    let exe = std::env::current_exe().ok()?;
    let in_path = which::which("consort").ok().and_then(|p| std::fs::canonicalize(p).ok());
    (in_path.as_ref() != Some(&exe)).then_some(exe)
}

/// Paths as a tree, folders first named where they first occur.
fn tree(paths: &[&str], unicode: bool) -> String {
    let mut text = String::new();
    let mut open: Vec<&str> = Vec::new();
    let sign = if unicode { "└ " } else { "- " };
    for path in paths {
        let parts: Vec<&str> = path.split('/').collect();
        let same = open.iter().zip(&parts).take_while(|(a, b)| a == b).count();
        for (depth, part) in parts.iter().enumerate().skip(same) {
            let end = if depth + 1 == parts.len() { "" } else { "/" };
            text +=
                &format!("  {}{}{part}{end}\n", "  ".repeat(depth), if end.is_empty() { sign } else { "" });
        }
        open = parts;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_named_once() {
        let paths = ["a/b/one.md", "a/b/two.md", "a/c/three.md"];
        assert_eq!(
            tree(&paths, false),
            "  a/\n    b/\n      - one.md\n      - two.md\n    c/\n      - three.md\n"
        );
    }
}
