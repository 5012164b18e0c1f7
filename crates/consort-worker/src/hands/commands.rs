//! Criteria that a command decides: run on the candidate, in a directory where nobody worked, with
//! the files that the command names as they were at the run's base.

use super::Hands;
use super::ensure::Capture;
use crate::checks;
use crate::processes::{self, ProcessSpec};
use consort_core::ids::{AttemptId, Revision, Step};
use consort_core::plan::{CommandCheck, Output, Task};
use consort_core::run::{Exit, Problem, StopWhy};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Most output of a command that is kept, in bytes of each stream.
const OUTPUT_BYTES_MAX: u64 = 1 << 20;

/// What the commands of a task said about a candidate.
#[derive(Debug, Default)]
pub(super) struct Commanded {
    /// Positions of criteria in the plan whose command ended with 0.
    pub(super) passed: Vec<u32>,
    pub(super) problems: Vec<Problem>,
}

impl Hands {
    /// What needs no opinion: expressions, then commands.
    pub(super) fn measured(
        &self,
        task: &Task,
        revision: &Revision,
        files: &[(String, Vec<u8>)],
        wish: &Capture<'_>,
    ) -> Result<Commanded, String> {
        let (passed, problems) = checks::expression::check(task, files, wish.iteration);
        let mut all = self.commands(task, revision, files, wish)?;
        all.passed.extend(passed);
        all.passed.sort_unstable();
        all.problems.extend(problems);
        Ok(all)
    }

    /// Runs the command of each criterion that has one, one after the other.
    fn commands(
        &self,
        task: &Task,
        revision: &Revision,
        files: &[(String, Vec<u8>)],
        wish: &Capture<'_>,
    ) -> Result<Commanded, String> {
        let mut all = Commanded::default();
        let checks = task.criteria.iter().enumerate().filter_map(|(at, c)| Some((at, c, c.check.as_ref()?)));
        for (at, criterion, check) in checks {
            let place = self.bench.dirs.check(&task.id, wish.generation, wish.iteration, at);
            let done = self.command(task, check, (revision, files), wish, &place);
            let cleaned = clear(&place);
            match done? {
                None => all.passed.push(at as u32),
                Some(how) => {
                    let text = format!("`{}`: `{}` {how}", criterion.name, check.argv.join(" "));
                    all.problems.push(checks::problem("criterion", text));
                }
            }
            cleaned.map_err(|e| format!("cannot clear `{}`: {e}", place.display()))?;
        }
        Ok(all)
    }

    /// Runs one command; `None` if it ended with 0, else how it ended.
    fn command(
        &self,
        task: &Task,
        check: &CommandCheck,
        (revision, files): (&Revision, &[(String, Vec<u8>)]),
        wish: &Capture<'_>,
        place: &Path,
    ) -> Result<Option<String>, String> {
        let io = |e: std::io::Error| format!("cannot prepare `{}`: {e}", place.display());
        // A runner that died in the middle left a command behind: it is ended before the next begins.
        let record = place.join("record");
        if record.exists() {
            processes::look(&record).map_err(|e| e.to_string())?;
        }
        clear(place).map_err(io)?;
        let tree = place.join("tree");
        self.bench.plane.export(revision, None, &tree).map_err(|e| e.to_string())?;
        unseal(&tree).map_err(io)?;
        if matches!(task.output, Output::Data { .. }) {
            // Data is in no commit: it stands beside what the task began with.
            lay(files, &tree).map_err(io)?;
        }
        if let Some(base) = wish.base {
            self.restore(check, base, &tree)?;
        }
        let spec = self.check_spec(task, check, wish, place, tree).map_err(io)?;
        let never = std::future::pending::<StopWhy>();
        let run = processes::run_direct(Some(&record), &spec, never);
        let ended = tokio::runtime::Handle::current().block_on(run);
        Ok(match ended.exit {
            Exit::Code(0) => None,
            Exit::Code(code) => Some(format!("ended with {code}{}", last_words(&ended))),
            Exit::Signal(signal) => Some(format!("was ended by signal {signal}")),
            Exit::Stopped(_) => Some(format!("took longer than {} s", check.timeout_ms / 1000)),
            Exit::NotStarted(why) => {
                return Err(format!("the command of a criterion cannot be started: {why}"));
            }
        })
    }

    /// Files that the command names are those of the base: an agent cannot rewrite its own test.
    fn restore(&self, check: &CommandCheck, base: &Revision, tree: &Path) -> Result<(), String> {
        for word in check.argv.iter().map(|word| word.trim_start_matches("./")) {
            let Some(bytes) = self.bench.plane.read(base, word).map_err(|e| e.to_string())? else { continue };
            let to = tree.join(word);
            let put = || {
                to.parent().map_or(Ok(()), std::fs::create_dir_all)?;
                // Whatever the candidate has in its place, and never through a link.
                let _ = std::fs::remove_file(&to);
                std::fs::write(&to, &bytes)?;
                std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o755))
            };
            put().map_err(|e| format!("cannot restore `{word}` of the run's base: {e}"))?;
        }
        Ok(())
    }

    fn check_spec(
        &self,
        task: &Task,
        check: &CommandCheck,
        wish: &Capture<'_>,
        place: &Path,
        tree: PathBuf,
    ) -> std::io::Result<ProcessSpec> {
        let temporary = place.join("tmp");
        std::fs::create_dir_all(&temporary)?;
        let mut env = BTreeMap::new();
        for name in ["PATH", "HOME"].into_iter().chain(task.creator.env_pass.iter().map(String::as_str)) {
            env.extend(self.bench.env.get(name).map(|value| (name.to_owned(), value.clone())));
        }
        for (name, value) in [("LANG", "C.UTF-8"), ("TERM", "dumb"), ("TZ", "UTC")] {
            env.insert(name.to_owned(), value.to_owned());
        }
        env.insert("TMPDIR".into(), temporary.to_string_lossy().into_owned());
        Ok(ProcessSpec {
            attempt: AttemptId {
                task: task.id.clone(),
                generation: wish.generation,
                iteration: wish.iteration,
                attempt: 0,
                step: Step::Create,
            },
            argv: check.argv.clone(),
            cwd: tree,
            env,
            stdin: None,
            wall_ms_max: check.timeout_ms,
            grace_ms: self.plan().limits.grace_ms,
            output_bytes_max: OUTPUT_BYTES_MAX,
            run_dir: self.bench.dirs.run.clone(),
        })
    }
}

/// The last line that a command printed, if any.
fn last_words(record: &processes::ExitRecord) -> String {
    let said = [&record.stderr.tail, &record.stdout.tail];
    let line = said.iter().find_map(|tail| tail.lines().rev().map(str::trim).find(|line| !line.is_empty()));
    line.map_or_else(String::new, |line| format!(": {line}"))
}

/// Writes captured files, whose paths lie within the directory.
fn lay(files: &[(String, Vec<u8>)], tree: &Path) -> std::io::Result<()> {
    for (path, bytes) in files {
        let to = tree.join(path);
        to.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        // Whatever the base has in its place, and never through a link.
        let _ = std::fs::remove_file(&to);
        std::fs::write(&to, bytes)?;
    }
    Ok(())
}

/// An export is read-only; a command may build in it.
fn unseal(dir: &Path) -> std::io::Result<()> {
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755))?;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let meta = std::fs::symlink_metadata(entry.path())?;
        if meta.is_dir() {
            unseal(&entry.path())?;
        } else if meta.is_file() {
            let mode = meta.permissions().mode() | 0o200;
            std::fs::set_permissions(entry.path(), std::fs::Permissions::from_mode(mode))?;
        }
    }
    Ok(())
}

fn clear(place: &Path) -> std::io::Result<()> {
    if place.join("tree").is_dir() {
        unseal(&place.join("tree"))?;
    }
    match std::fs::remove_dir_all(place) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}
