//! Desks of attempts below some root, and which one a request to a model is about.

use super::request::{ModelRequest, Role};
use consort_core::ids::AttemptId;
use consort_worker::dirs::{RunDirs, neutral};
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// How deep below a root the directories of runs may lie.
const DEPTH_MAX: usize = 5;

/// Where the part of a prompt begins that belongs to its task.
const TASK: &str = "\n## Task\n";

/// Looks for desks; prompts that were read once are remembered.
pub(super) struct Desks {
    roots: Vec<PathBuf>,
    prompts: Mutex<HashMap<PathBuf, Prompt>>,
}

/// The prompt of a desk, as text and as it stands within a JSON string.
#[derive(Clone)]
struct Prompt {
    written: SystemTime,
    text: String,
    escaped: String,
}

/// The desk that a request is about.
pub(super) struct Found {
    /// Its directory.
    pub(super) dir: PathBuf,
    /// Which message of the request holds its prompt.
    pub(super) message: usize,
}

impl Desks {
    pub(super) fn below(roots: Vec<PathBuf>) -> Self {
        Desks { roots, prompts: Mutex::default() }
    }

    /// For what people read.
    pub(super) fn places(&self) -> String {
        self.roots.iter().map(|r| format!("`{}`", r.display())).collect::<Vec<_>>().join(", ")
    }

    /// The desk whose prompt stands last in the newest message of a user that holds any. A session that
    /// goes on holds the prompts of earlier rounds, too; of equal prompts the newest desk's counts: an
    /// attempt that was lost has asked the same before.
    pub(super) fn find(&self, request: &ModelRequest) -> Option<Found> {
        let known = self.prompts();
        let messages = request.messages.iter().enumerate().rev().filter(|(_, m)| m.role == Role::User);
        messages.into_iter().find_map(|(message, said)| {
            let place = |prompt: &Prompt| {
                // Who calls a model directly gives it what all calls of a kind share as system text.
                let own = prompt.text.find(TASK).map_or("", |at| &prompt.text[at + 1..]);
                let texts = [prompt.text.as_str(), prompt.escaped.as_str(), own];
                let end =
                    |text: &&str| Some(said.text.rfind(*text).filter(|_| !text.is_empty())? + text.len());
                texts.iter().filter_map(end).max()
            };
            let held = known.iter().filter_map(|(dir, prompt)| Some((place(prompt)?, prompt, dir)));
            let best = held
                .max_by_key(|(end, prompt, dir)| (*end, prompt.text.len(), prompt.written, (*dir).clone()));
            Some(Found { dir: best?.2.clone(), message })
        })
    }

    fn prompts(&self) -> Vec<(PathBuf, Prompt)> {
        let mut known = self.prompts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = Vec::new();
        for state in self.roots.iter().flat_map(|root| states(root, DEPTH_MAX)) {
            for dir in children(&state.join("desks")) {
                let path = dir.join("prompt.md");
                let Ok(written) = std::fs::metadata(&path).and_then(|m| m.modified()) else { continue };
                if known.get(&dir).is_none_or(|prompt| prompt.written != written) {
                    let Ok(text) = std::fs::read_to_string(&path) else { continue };
                    let text = text.trim().to_owned();
                    let quoted = Value::from(text.as_str()).to_string();
                    let escaped = quoted[1..quoted.len() - 1].to_owned();
                    known.insert(dir.clone(), Prompt { written, text, escaped });
                }
                let prompt = known.get(&dir).filter(|prompt| !prompt.text.is_empty());
                all.extend(prompt.map(|prompt| (dir.clone(), prompt.clone())));
            }
        }
        all
    }
}

/// Directories of runs: those that hold desks.
fn states(root: &Path, depth: usize) -> Vec<PathBuf> {
    if root.join("desks").is_dir() {
        return vec![root.to_owned()];
    }
    match depth {
        0 => Vec::new(),
        _ => children(root).iter().flat_map(|dir| states(dir, depth - 1)).collect(),
    }
}

/// Directories within a directory, in order of their names. Links are not followed.
fn children(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> =
        entries.filter(|e| e.file_type().is_ok_and(|t| t.is_dir())).map(|e| e.path()).collect();
    all.sort();
    all
}

/// Where the attempt of a desk works. `task` is known of creators only.
pub(super) fn working_directory(desk: &Path, task: Option<&str>) -> Option<PathBuf> {
    let state = desk.parent()?.parent()?.to_owned();
    let dirs = RunDirs { run: state.clone(), store: state.clone(), state };
    let name = desk.file_name()?.to_str()?;
    let export = dirs.state.join("exports").join(name);
    if export.is_dir() {
        return Some(export);
    }
    let attempts = children(&dirs.state.join("attempts"));
    let attempt = attempts.iter().filter_map(|dir| attempt(dir)).find(|id| neutral(id) == name);
    if let Some(attempt) = &attempt {
        let brief = std::fs::read(dirs.control(attempt).join("session.json")).ok();
        let brief: Option<Value> = brief.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if let Some(cwd) = brief.as_ref().and_then(|brief| brief["cwd"].as_str()) {
            return Some(cwd.into());
        }
    }
    let space = attempt.map(|id| dirs.workspace(&id.task, id.generation)).filter(|dir| dir.is_dir());
    // Without a trace of the attempt: the task's newest workspace.
    let newest = || {
        let first = format!("{}--", task?);
        let number = |dir: &PathBuf| dir.file_name()?.to_str()?.strip_prefix(&first)?.parse::<u32>().ok();
        children(&dirs.state.join("workspaces"))
            .into_iter()
            .max_by_key(number)
            .filter(|d| number(d).is_some())
    };
    space.or_else(newest).or_else(|| Some(dirs.scratch()).filter(|dir| dir.is_dir()))
}

/// The attempt whose directory this is: the reverse of its slug.
fn attempt(dir: &Path) -> Option<AttemptId> {
    let mut parts = dir.file_name()?.to_str()?.rsplitn(3, "--");
    let (step, numbers, task) = (parts.next()?, parts.next()?, parts.next()?);
    format!("{task}/{}/{step}", numbers.replace('-', ".")).parse().ok()
}
