//! The fan in git workspaces, beside a shell script that makes the same git calls.
//!
//! The script is not written by hand: one run is made with a `git` in front that notes every call
//! (arguments, environment, directory, standard input), and the script repeats them in their order
//! in the same places, which are set up as they were before the run.
#![allow(clippy::disallowed_types, reason = "a benchmark starts the programs that it compares")]

use super::stage::{Stage, TIMES, ms, state_of, timed};
use super::table::{Goal, Missed, Table, median};
use super::whole;
use super::workflows::TASKS;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const RECORD: &str = "--record-git";

/// True in the place of git while a run is recorded.
pub(crate) fn is_recorder() -> bool {
    std::env::args_os().nth(1).is_some_and(|first| first == RECORD)
}

/// One call as it was made.
#[derive(serde::Serialize, serde::Deserialize)]
struct Call {
    args: Vec<String>,
    env: BTreeMap<String, String>,
    dir: PathBuf,
    stdin: PathBuf,
    code: i32,
}

/// Notes the call, then is git: the same input, output and end.
pub(crate) fn record() -> ! {
    let code = record_call().unwrap_or_else(|error| {
        eprintln!("the call could not be recorded: {error}");
        125
    });
    std::process::exit(code)
}

fn record_call() -> Result<i32, Missed> {
    let mut args = std::env::args().skip(2);
    let (to, git) = (args.next().ok_or("no directory")?, args.next().ok_or("no git")?);
    let args: Vec<String> = args.collect();
    let began = std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_nanos();
    let name = Path::new(&to).join(format!("{began:024}-{}", std::process::id()));
    let mut stdin = Vec::new();
    std::io::stdin().read_to_end(&mut stdin)?;
    let input = name.with_extension("in");
    fs::write(&input, &stdin)?;
    let status = Command::new(git).args(&args).stdin(fs::File::open(&input)?).status()?;
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    let mut env: BTreeMap<String, String> = std::env::vars().collect();
    for shells_own in ["PWD", "OLDPWD", "SHLVL", "_"] {
        env.remove(shells_own);
    }
    let call = Call { args, env, dir: std::env::current_dir()?, stdin: input, code };
    fs::write(name.with_extension("call"), serde_json::to_vec(&call)?)?;
    Ok(code)
}

/// See the module.
pub(crate) fn fan(stage: &Stage, table: &mut Table) -> Result<(), Missed> {
    let pristine = stage.fresh("pristine")?;
    make_repository(&pristine)?;
    let floor = Floor::record(stage, &pristine)?;
    let (mut walls, mut floors, mut cpus, mut floor_cpus) = (vec![], vec![], vec![], vec![]);
    let mut commits = 0;
    for _ in 0..TIMES {
        let dir = stage.fresh("git")?;
        copy(&pristine, &dir)?;
        let run = whole::ours(stage, &dir, "fan-200-git.yaml")?;
        floor.reset(&pristine)?;
        let script = timed(Command::new("sh").arg(&floor.script))?;
        walls.push(ms(run.took.wall));
        cpus.push(ms(run.took.cpu));
        floors.push(ms(script.wall));
        floor_cpus.push(ms(script.cpu));
        commits = run.commits;
    }
    table.row("fan-200 in git workspaces, wall", median(walls), Some(median(floors)), "ms", Goal::Ratio(1.3));
    table.note(&format!(
        "floor: {} git calls, {:.2} for each task ({}); CPU: ours {:.0} ms, script {:.0} ms; {commits} commits",
        floor.calls,
        floor.calls as f64 / TASKS as f64,
        floor.kinds,
        median(cpus),
        median(floor_cpus)
    ));
    if floor.left_out > 0 {
        table.note(&format!("{} calls in directories that are gone are not in the script", floor.left_out));
    }
    Ok(())
}

fn make_repository(dir: &Path) -> Result<(), Missed> {
    for n in 0..20 {
        fs::write(dir.join(format!("file-{n:02}.txt")), format!("line of file {n}\n").repeat(50))?;
    }
    for args in [
        &["init", "-q", "-b", "main"][..],
        &["add", "-A"],
        &["-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit", "-q", "-m", "First"],
    ] {
        timed(Command::new("git").args(args).current_dir(dir).env("GIT_CONFIG_GLOBAL", "/dev/null"))?;
    }
    Ok(())
}

/// All that is in one directory into another one.
fn copy(from: &Path, to: &Path) -> Result<(), Missed> {
    timed(Command::new("cp").arg("-a").arg(from.join(".")).arg(to)).map(drop)
}

/// The script, and what has to be there before it runs.
struct Floor {
    script: PathBuf,
    root: PathBuf,
    /// The engine's git directory and nothing else of the state.
    skeleton: PathBuf,
    dirs: BTreeSet<PathBuf>,
    calls: usize,
    left_out: usize,
    kinds: String,
}

impl Floor {
    fn record(stage: &Stage, pristine: &Path) -> Result<Self, Missed> {
        let root = stage.fresh("floor")?;
        copy(pristine, &root)?;
        let noted = stage.fresh("noted")?;
        let front = stage.fresh("front")?;
        let path = std::env::var("PATH")?;
        let git = find_git(&path)?;
        let wrapper = front.join("git");
        let me = std::env::current_exe()?;
        let text = format!("#!/bin/sh\nexec {} {RECORD} {} {git} \"$@\"\n", me.display(), noted.display());
        fs::write(&wrapper, text)?;
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
        let file = super::stage::workflow("fan-200-git.yaml");
        let mut run = stage.consort(&root, &["run", &file.to_string_lossy(), "--approve", "all", "--yes"]);
        timed(run.env("PATH", format!("{}:{path}", front.display())))?;
        let mut calls = read_calls(&noted)?;
        let all = calls.len();
        calls.retain(|call| call.env.get("GIT_DIR").is_some_and(|dir| Path::new(dir).is_dir()));
        let skeleton = stage.fresh("skeleton")?;
        keep_engine(&state_of(&root), &skeleton)?;
        let script = noted.join("script");
        fs::write(&script, script_of(&git, &calls))?;
        let below = |call: &Call| {
            let named = ["GIT_WORK_TREE", "GIT_INDEX_FILE"].map(|name| call.env.get(name).map(PathBuf::from));
            let [tree, index] = named;
            let above = index.and_then(|index| Some(index.parent()?.to_owned()));
            [Some(call.dir.clone()), tree, above].into_iter().flatten().collect::<Vec<_>>()
        };
        let dirs = calls.iter().flat_map(below).filter(|dir| dir.starts_with(state_of(&root))).collect();
        let kinds = kinds_of(&calls);
        Ok(Self { script, skeleton, dirs, calls: calls.len(), left_out: all - calls.len(), kinds, root })
    }

    /// As it was before the run, with the directories that consort makes without git.
    fn reset(&self, pristine: &Path) -> Result<(), Missed> {
        let state = state_of(&self.root);
        for dir in [&self.root, &state] {
            if dir.exists() {
                fs::remove_dir_all(dir)?;
            }
            fs::create_dir_all(dir)?;
        }
        copy(pristine, &self.root)?;
        copy(&self.skeleton, &state)?;
        // Workspaces are made under another name and renamed; here both are one directory.
        for dir in &self.dirs {
            let (above, name) = (dir.parent(), dir.file_name().unwrap_or_default().to_string_lossy());
            let making = above.map(|above| above.join(format!(".making-{name}")));
            match making.filter(|making| self.dirs.contains(making)) {
                Some(making) => {
                    fs::create_dir_all(&making)?;
                    let task = name.split("--").next().unwrap_or_default();
                    fs::write(making.join(format!("{task}.txt")), format!("{task}\n"))?;
                    symlink(&making, dir)?;
                }
                None => fs::create_dir_all(dir)?,
            }
        }
        Ok(())
    }
}

fn find_git(path: &str) -> Result<String, Missed> {
    let found = path.split(':').map(|dir| Path::new(dir).join("git")).find(|git| git.is_file());
    Ok(found.ok_or("git is not in PATH")?.to_string_lossy().into_owned())
}

fn read_calls(noted: &Path) -> Result<Vec<Call>, Missed> {
    let mut names: Vec<PathBuf> = fs::read_dir(noted)?.flatten().map(|entry| entry.path()).collect();
    names.retain(|name| name.extension().is_some_and(|e| e == "call"));
    names.sort();
    names.iter().map(|name| Ok(serde_json::from_slice(&fs::read(name)?)?)).collect()
}

/// Copies every `engine.git` below `state`, without what git put into it.
fn keep_engine(state: &Path, to: &Path) -> Result<(), Missed> {
    for entry in fs::read_dir(state)?.flatten().filter(|e| e.file_type().is_ok_and(|kind| kind.is_dir())) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_name() == "engine.git" {
            fs::create_dir_all(&to)?;
            copy(&from, &to)?;
        } else if !from.join("HEAD").exists() {
            keep_engine(&from, &to)?;
        }
    }
    Ok(())
}

fn script_of(git: &str, calls: &[Call]) -> Vec<u8> {
    let common: Vec<(&String, &String)> = match calls.first() {
        Some(first) => {
            let everywhere = |(name, value): &(&String, &String)| {
                calls.iter().all(|call| call.env.get(*name) == Some(*value))
            };
            first.env.iter().filter(everywhere).collect()
        }
        None => Vec::new(),
    };
    let mut text = String::new();
    for (name, value) in &common {
        let _ = writeln!(text, "export {name}={}", quoted(value));
    }
    let mut script = text.into_bytes();
    for call in calls {
        let own = call.env.iter().filter(|(name, value)| !common.contains(&(*name, *value)));
        let env: String = own.map(|(name, value)| format!("{name}={} ", quoted(value))).collect();
        let args: Vec<String> = call.args.iter().map(|arg| quoted(arg)).collect();
        let (dir, input) = (quoted(&call.dir.to_string_lossy()), quoted(&call.stdin.to_string_lossy()));
        let end = if call.code == 0 { " || exit 99" } else { "" };
        let _ = writeln!(script, "cd {dir}\n{env}{git} {} < {input} > /dev/null{end}", args.join(" "));
    }
    script
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// How often each command was called, the most frequent first.
fn kinds_of(calls: &[Call]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for call in calls {
        let mut rest = call.args.iter();
        let mut kind = "?";
        while let Some(arg) = rest.next() {
            match arg.as_str() {
                "-c" | "-C" => drop(rest.next()),
                flag if flag.starts_with('-') => {}
                word => {
                    kind = word;
                    break;
                }
            }
        }
        *counts.entry(kind).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ")
}
