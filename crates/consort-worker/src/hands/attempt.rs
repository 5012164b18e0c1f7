//! Attempts: prepared, started, followed, stopped.

use super::ensure::Capture;
use super::world::World;
use super::{Direct, Hands};
use crate::agents::outfit::{Desk, Outfit, OutfitError};
use crate::agents::session;
use crate::briefing::{self, Exhibit, ExhibitSource};
use crate::durable;
use crate::judges::{self, Finding};
use crate::processes::{self, LaunchError, ProcessSpec, Watched};
use consort_core::ids::{AttemptId, ContentHash, Revision, Step};
use consort_core::plan::{Runtime, Task, WorkspaceKind};
use consort_core::run::{
    EffectKey, Ended, Exit, FailureClass, FindingsRef, Given, Report, SessionEnd, SessionFailure,
    SessionNote, Start, StopWhy, Tip, Usage,
};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// An attempt that is ready to be started.
struct Ready {
    spec: ProcessSpec,
    supervise: bool,
    dir: PathBuf,
}

impl Hands {
    /// Starts an attempt: writes what its agent is handed, then hands it to a supervisor. `slot`: a lock that is to be
    /// held for as long as anything of it lives.
    pub async fn start(self: &Arc<Self>, start: Start, slot: Option<File>) -> Vec<Report> {
        let attempt = start.attempt.clone();
        // A program may act in its first instant; whoever has to ask a model first needs longer.
        let before = self.runs_a_program(&attempt).then(|| self.look_at_the_world(&attempt));
        let hands = self.clone();
        let prepared = tokio::task::spawn_blocking(move || hands.prepare(&start)).await;
        if let Some(before) = before {
            let _ = before.await;
        }
        let ready = match prepared {
            Ok(Ok(ready)) => ready,
            Ok(Err(unable)) => return vec![unable.report(&attempt)],
            Err(panicked) => return vec![not_started(&attempt, format!("a bug in consort: {panicked}"))],
        };
        if ready.supervise {
            if self.is_talked_to(&attempt) {
                // It is not waited for.
                drop(self.look_at_the_world(&attempt));
            }
            self.launch(attempt, ready, slot).await
        } else {
            let reports = self.run_directly(attempt, ready).await;
            drop(slot);
            reports
        }
    }

    /// Beside the preparations. Where it cannot be told, nothing is compared in the end.
    fn look_at_the_world(self: &Arc<Self>, attempt: &AttemptId) -> tokio::task::JoinHandle<()> {
        let (hands, dir) = (self.clone(), self.bench.dirs.attempt(attempt));
        tokio::task::spawn_blocking(move || {
            let _ = World::look(&hands.bench.plane).map(|world| world.write(&dir));
        })
    }

    async fn launch(self: &Arc<Self>, attempt: AttemptId, ready: Ready, slot: Option<File>) -> Vec<Report> {
        let supervisor = self.supervisor();
        let launched = tokio::task::spawn_blocking(move || {
            processes::launch(&ready.dir, &ready.spec, &supervisor, slot)
        })
        .await;
        match launched {
            Ok(Ok(process)) => vec![Report::AttemptStarted { attempt, process }],
            Ok(Err(LaunchError::Claimed { .. } | LaunchError::Died { .. })) => {
                // It may have begun: what is there decides.
                let key = EffectKey(format!("start/{attempt}"));
                self.watch(key, &attempt, None).await
            }
            Ok(Err(error)) => vec![not_started(&attempt, error.to_string())],
            Err(panicked) => vec![not_started(&attempt, format!("a bug in consort: {panicked}"))],
        }
    }

    /// Without a supervisor: the end is known in one go, and with it what was made.
    async fn run_directly(self: &Arc<Self>, attempt: AttemptId, ready: Ready) -> Vec<Report> {
        let direct =
            Direct { cancel: CancellationToken::new(), why: Arc::new(Mutex::new(StopWhy::Cancelled)) };
        self.direct().insert(attempt.clone(), direct.clone());
        let told = async {
            direct.cancel.cancelled().await;
            *direct.why.lock().unwrap_or_else(PoisonError::into_inner)
        };
        let record = processes::run_direct(Some(&ready.dir), &ready.spec, told).await;
        self.direct().remove(&attempt);
        let hands = self.clone();
        let key = EffectKey(format!("start/{attempt}"));
        self.blocking(key, move || {
            let ended = hands.ended(&attempt, &record);
            let capture = ended.exit == Exit::Code(0) && hands.is_captured_at_once(&attempt);
            let mut reports = vec![Report::AttemptEnded { attempt: attempt.clone(), ended }];
            if capture {
                // Saves a round trip: the brain will want exactly this next.
                let wish = Capture {
                    generation: attempt.generation,
                    iteration: attempt.iteration,
                    base: None,
                    inputs: &[],
                    asked: &[],
                    last: None,
                    at: record.ended_at,
                };
                reports.push(hands.capture(&attempt.task, &wish));
            }
            reports
        })
        .await
    }

    /// Scratch work without self-review: its capture needs nothing that the brain would add.
    fn is_captured_at_once(&self, attempt: &AttemptId) -> bool {
        let task = self.plan().task(&attempt.task);
        attempt.step == Step::Create
            && task.is_some_and(|t| t.workspace == WorkspaceKind::None && !t.self_review)
    }

    /// Follows an attempt until it is over, or until its session has told more than the `known` notes; with
    /// `None` its notes wait for somebody else.
    pub(super) async fn watch(
        self: &Arc<Self>,
        key: EffectKey,
        attempt: &AttemptId,
        known: Option<u32>,
    ) -> Vec<Report> {
        let dir = self.bench.dirs.attempt(attempt);
        let attempt = attempt.clone();
        let hands = self.clone();
        let watched = tokio::select! {
            biased;
            notes = self.notes(&attempt, known) => return notes,
            watched = processes::watch(&dir) => watched,
        };
        // Its last words came before its end.
        let control = self.bench.dirs.control(&attempt);
        let last = known.and_then(|known| session::notes_after(&control, known).ok()).unwrap_or_default();
        if !last.is_empty() {
            return noted(&attempt, last);
        }
        match watched {
            Ok(Watched::Ended(record)) => {
                self.blocking(key, move || {
                    let ended = hands.ended(&attempt, &record);
                    vec![Report::AttemptEnded { attempt, ended }]
                })
                .await
            }
            // It never ran, and now it never will: the same as a start that failed.
            Ok(Watched::NoTrace) => vec![not_started(&attempt, "its supervisor never began".to_owned())],
            Ok(Watched::Vanished) => vec![Report::AttemptVanished { attempt }],
            Err(error) => vec![Report::EffectFailed { effect: key.0, why: error.to_string() }],
        }
    }

    /// Notes above `known`, as soon as there are any; never, for an agent that nobody talks to.
    async fn notes(&self, attempt: &AttemptId, known: Option<u32>) -> Vec<Report> {
        let Some(known) = known.filter(|_| self.is_talked_to(attempt)) else {
            return std::future::pending().await;
        };
        let control = self.bench.dirs.control(attempt);
        let mut size = 0;
        loop {
            let now = session::notes_size(&control);
            if now != size {
                size = now;
                // What cannot be read now may be readable at the next look, and its end is watched all the same.
                let notes = session::notes_after(&control, known).unwrap_or_default();
                if !notes.is_empty() {
                    return noted(attempt, notes);
                }
            }
            tokio::time::sleep(NOTES_EVERY).await;
        }
    }

    fn is_talked_to(&self, attempt: &AttemptId) -> bool {
        self.may_run_as(attempt, |runtime| matches!(runtime, Runtime::Session(_)))
    }

    /// Players of a rehearsal are ours: nobody looks after them.
    fn runs_a_program(&self, attempt: &AttemptId) -> bool {
        self.may_run_as(attempt, |runtime| matches!(runtime, Runtime::Command { .. }))
    }

    fn may_run_as(&self, attempt: &AttemptId, is: impl Fn(&Runtime) -> bool) -> bool {
        let agent = self.plan().task(&attempt.task).map(|task| task.agent(&attempt.step));
        agent.is_some_and(|agent| std::iter::once(agent).chain(&agent.fallbacks).any(|one| is(&one.runtime)))
    }

    /// Ends an attempt and follows it to its end.
    pub(super) async fn stop(
        self: &Arc<Self>,
        key: EffectKey,
        attempt: &AttemptId,
        why: StopWhy,
    ) -> Vec<Report> {
        let direct = self.direct().get(attempt).cloned();
        if let Some(direct) = direct {
            *direct.why.lock().unwrap_or_else(PoisonError::into_inner) = why;
            direct.cancel.cancel();
            // Whoever runs it reports its end.
            while self.direct().contains_key(attempt) {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            return Vec::new();
        }
        let dir = self.bench.dirs.attempt(attempt);
        let told = tokio::task::spawn_blocking(move || processes::stop(&dir, why)).await;
        match told {
            Ok(Ok(_)) => self.watch(key, attempt, None).await,
            Ok(Err(error)) => vec![Report::EffectFailed { effect: key.0, why: error.to_string() }],
            Err(panicked) => vec![Report::EffectFailed { effect: key.0, why: panicked.to_string() }],
        }
    }

    /// Everything that has to be on disk before an agent can begin.
    fn prepare(&self, start: &Start) -> Result<Ready, Unable> {
        let task =
            self.plan().task(&start.attempt.task).ok_or_else(|| "the plan has no such task".to_owned())?;
        let desk = self.desk(task, &start.attempt);
        if task.workspace == WorkspaceKind::None {
            self.scratch()?;
        }
        if start.attempt.step.is_creator() {
            self.mend_workspace(task, start, &desk.cwd)?;
            self.lay_data(start, &desk.cwd)?;
        } else {
            self.export(start, &desk.cwd)?;
        }
        let told = briefing::Told::load(&self.bench.store, start)?;
        let outfit = briefing::outfit(self.plan(), start, &told, &desk)?;
        lay_out(&outfit).map_err(|e| format!("cannot prepare `{}`: {e}", desk.dir.display()))?;
        let spec = ProcessSpec {
            attempt: start.attempt.clone(),
            argv: outfit.argv,
            cwd: outfit.cwd,
            env: outfit.env,
            stdin: outfit.stdin,
            wall_ms_max: outfit.wall_ms_max,
            grace_ms: self.plan().limits.grace_ms,
            output_bytes_max: outfit.output_bytes_max,
            run_dir: self.bench.dirs.run.clone(),
        };
        Ok(Ready { spec, supervise: outfit.supervise, dir: self.bench.dirs.attempt(&start.attempt) })
    }

    /// A workspace that its agent removed, or put a link in the place of, is made again: the link may
    /// lead to the person's checkout. What was captured of it is kept, the rest went with it.
    fn mend_workspace(&self, task: &Task, start: &Start, dir: &Path) -> Result<(), String> {
        let is_real = std::fs::symlink_metadata(dir).is_ok_and(|meta| meta.is_dir());
        let Some(base) = start.base.clone().filter(|_| !is_real) else { return Ok(()) };
        let tips = [Tip { name: "base".into(), revision: base }];
        let made = self.bench.plane.prepare(task, start.attempt.generation, &tips, start.at);
        made.map(|_| ()).map_err(|e| format!("the workspace {} was gone: {e}", dir.display()))
    }

    /// One for the whole run, and nobody is asked to prepare it. `state` above it is private.
    fn scratch(&self) -> Result<PathBuf, String> {
        let dir = self.bench.dirs.scratch();
        std::fs::create_dir_all(&dir).map_err(|e| format!("cannot make `{}`: {e}", dir.display()))?;
        Ok(dir)
    }

    fn desk(&self, task: &Task, attempt: &AttemptId) -> Desk {
        let dirs = &self.bench.dirs;
        let cwd = match (attempt.step.is_creator(), task.workspace) {
            (false, _) => dirs.export(attempt),
            (true, WorkspaceKind::None) => dirs.scratch(),
            (true, _) => dirs.workspace(&task.id, attempt.generation),
        };
        // Only scripts of misbehaviour count tries: to count them is to look through all attempts.
        let misbehaves = matches!(&task.agent(&attempt.step).runtime,
            Runtime::Rehearsal { misbehave } if !misbehave.is_empty());
        Desk {
            dir: dirs.desk(attempt),
            control: dirs.control(attempt),
            home: dirs.home(attempt),
            cwd,
            prices: self.bench.prices.clone(),
            root: self.bench.root.clone(),
            self_exe: self.bench.self_exe.clone(),
            env: self.bench.env.clone(),
            try_number: if misbehaves { briefing::try_number(dirs, attempt) } else { 1 },
        }
    }

    /// What a reviewer sees: the candidate under a neutral name and the declared inputs, without git.
    fn export(&self, start: &Start, to: &Path) -> Result<(), String> {
        let candidate = start.candidate.as_ref().ok_or("there is no candidate to review")?;
        remove_tree(to).map_err(|e| format!("cannot renew `{}`: {e}", to.display()))?;
        let exhibits = briefing::exhibits(self.plan(), start);
        let mut shown = Vec::new();
        for Exhibit { source, to: place } in &exhibits {
            let bytes = match source {
                ExhibitSource::Candidate(path) => self.read(&candidate.revision, path, candidate)?,
                ExhibitSource::Base(path) => match &start.base {
                    Some(base) => self.bench.plane.read(base, path).map_err(|e| e.to_string())?,
                    None => None,
                },
                ExhibitSource::Stored(hash) => self.bench.store.get(hash).map_err(|e| e.to_string())?,
                ExhibitSource::Diff => match &start.base {
                    Some(base) => {
                        Some(self.bench.plane.diff(base, &candidate.revision).map_err(|e| e.to_string())?)
                    }
                    None => None,
                },
            };
            let bytes =
                bytes.ok_or_else(|| format!("`{place}` cannot be shown to a reviewer: it is not there"))?;
            write_exhibit(&to.join(place), &bytes)
                .map_err(|e| format!("cannot write `{place}` of an export: {e}"))?;
            if matches!(source, ExhibitSource::Candidate(_) | ExhibitSource::Diff) {
                shown.extend_from_slice(&bytes);
                shown.push(b'\n');
            }
        }
        let path = self.bench.dirs.shown(&start.attempt);
        durable::create_dirs(path.parent().unwrap_or(to))
            .and_then(|()| std::fs::write(&path, &shown))
            .map_err(|e| format!("cannot write `{}`: {e}", path.display()))?;
        std::fs::create_dir_all(to).map_err(|e| format!("cannot make `{}`: {e}", to.display()))
    }

    /// Data of other tasks is not in the base of a workspace: it comes from the content store.
    fn lay_data(&self, start: &Start, workspace: &Path) -> Result<(), String> {
        for (path, hash) in briefing::stored_inputs(self.plan(), start) {
            self.lay(&path, &hash, workspace)?;
        }
        Ok(())
    }

    /// Work that is there already, where its creator would have left it. Doing it twice is the same as once.
    pub(super) fn lay_given(&self, task: &Task, hash: &ContentHash) -> Result<(), String> {
        let dir = self.scratch()?;
        task.output.paths().iter().try_for_each(|path| self.lay(path, hash, &dir))
    }

    fn lay(&self, path: &str, hash: &ContentHash, workspace: &Path) -> Result<(), String> {
        let bytes = self.bench.store.get(hash).map_err(|e| e.to_string())?;
        let bytes = bytes.ok_or_else(|| format!("the input `{path}` is not in the content store"))?;
        let to = workspace.join(path);
        // Never through a link that an agent left there.
        let _ = std::fs::remove_file(&to);
        write_exhibit(&to, &bytes).map_err(|e| format!("cannot lay out the input `{path}`: {e}"))
    }

    /// A file of a candidate: from its commit, or, for data, from the content store.
    pub(super) fn read(
        &self,
        revision: &Revision,
        path: &str,
        candidate: &consort_core::run::Candidate,
    ) -> Result<Option<Vec<u8>>, String> {
        if let Some(bytes) = self.bench.plane.read(revision, path).map_err(|e| e.to_string())? {
            return Ok(Some(bytes));
        }
        let Some(artifact) = candidate.artifacts.iter().find(|a| a.path == path) else { return Ok(None) };
        self.bench.store.get(&artifact.hash).map_err(|e| e.to_string())
    }

    pub(super) fn findings(&self, refs: &[FindingsRef]) -> Result<Vec<(FindingsRef, Vec<Finding>)>, String> {
        let load = |of: &FindingsRef| {
            let bytes = self.bench.store.get(&of.answer).map_err(|e| e.to_string())?;
            let bytes =
                bytes.ok_or_else(|| format!("the review {} is not in the content store", of.answer))?;
            Ok((of.clone(), judges::findings_of(&of.strategy, &bytes)?))
        };
        refs.iter().map(load).collect()
    }
}

/// How often the notes of a session are looked for.
const NOTES_EVERY: std::time::Duration = std::time::Duration::from_millis(200);

fn noted(attempt: &AttemptId, notes: Vec<SessionNote>) -> Vec<Report> {
    notes.into_iter().map(|note| Report::SessionNoted { attempt: attempt.clone(), note }).collect()
}

/// Why an attempt could not be prepared.
struct Unable {
    why: String,
    /// Another try of the same agent would fail the same way; another agent may not.
    agent: bool,
}

impl From<String> for Unable {
    fn from(why: String) -> Self {
        Self { why, agent: false }
    }
}

impl From<OutfitError> for Unable {
    fn from(error: OutfitError) -> Self {
        Self { why: error.to_string(), agent: matches!(error, OutfitError::NoProgram { .. }) }
    }
}

impl Unable {
    fn report(self, attempt: &AttemptId) -> Report {
        let failure = SessionFailure { class: FailureClass::OtherRuntime, why: self.why.clone() };
        let session = self.agent.then(|| SessionEnd { failure: Some(failure), ..SessionEnd::default() });
        never_ran(attempt, self.why, session)
    }
}

/// A process that never was.
fn not_started(attempt: &AttemptId, why: String) -> Report {
    never_ran(attempt, why, None)
}

fn never_ran(attempt: &AttemptId, why: String, session: Option<SessionEnd>) -> Report {
    let ended = Ended {
        exit: Exit::NotStarted(why),
        given: Given::Nothing,
        wall_ms: 0,
        usage: Usage::default(),
        leaked: 0,
        record: None,
        session: session.map(Box::new),
        outside: Vec::new(),
    };
    Report::AttemptEnded { attempt: attempt.clone(), ended }
}

fn lay_out(outfit: &Outfit) -> io::Result<()> {
    for dir in &outfit.dirs {
        std::fs::create_dir_all(dir)?;
    }
    for (path, bytes) in &outfit.files {
        std::fs::write(path, bytes)?;
    }
    Ok(())
}

fn write_exhibit(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(path, bytes)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o444))
}

/// Takes an export or a home away. Nothing but ours is in it, and links are not followed.
pub(super) fn remove_tree(dir: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
