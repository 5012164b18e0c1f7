//! `consort resume --from REF`: a run goes on in this clone from a checkpoint that came from another one.

use super::fork::{names, rest_of, told};
use super::planning;
use super::push::needed;
use super::run::{BOUNDARY, nonce, said};
use crate::context::Context;
use crate::drive::{Approve, Driver, short};
use crate::failure::Failure;
use crate::person;
use crate::place::Place;
use consort_core::ids::{CheckpointId, ContentHash, Revision, RunId, TaskId};
use consort_core::run::{ResumedFrom, StartRun};
use consort_local::host::{self, Begin};
use consort_local::places::PlacesError;
use consort_worker::remote::{Opened, verified};
use consort_worker::store::Store;
use consort_worker::workspace::{Quarantine, Repo, checkpoint_number, stored_by};
use std::collections::BTreeSet;

pub(super) fn run(
    ctx: &Context,
    run: Option<&str>,
    given: &str,
    approve: Option<Approve>,
) -> Result<u8, Failure> {
    let (place, repo) = Place::with_repo(&ctx.dir)?;
    let repo = needed(repo, "resume --from")?;
    let aim = Aim::of(run, given)?;
    if let Err(error) = place.places.may_begin(&aim.run) {
        return Err(taken(&aim, error));
    }
    let (revision, beside) = aim.look(&repo)?;
    let quarantine = Quarantine::new(&repo, &place.state_dir()?)?;
    let opened = verified(&quarantine, &aim.run, &aim.checkpoint, &revision).map_err(|fault| {
        Failure::invalid(format!("the run cannot go on from {}", aim.name))
            .why(fault)
            .help(format!("fetch it again: `consort fetch {}`, or ask whoever pushed it", aim.run))
    })?;
    drop(quarantine);
    begin(ctx, place, repo, &aim, (revision, opened), &beside, approve)
}

/// Which checkpoint of which run.
struct Aim {
    run: RunId,
    checkpoint: CheckpointId,
    /// Full name of its ref.
    name: String,
}

impl Aim {
    /// `refs/consort/RUN/CP-NNN`, one of another repository beside it, `RUN/CP-NNN`, or `CP-NNN` of a run that is named.
    fn of(run: Option<&str>, given: &str) -> Result<Self, Failure> {
        let unfit = || {
            Failure::invalid(format!("`{given}` is not a checkpoint of a run"))
                .help("give its ref: `--from refs/consort/RUN/CP-003`, or `consort resume RUN --from CP-003`")
        };
        let (folder, leaf) = match given.rsplit_once('/') {
            Some((folder, leaf)) => (Some(folder), leaf),
            None => (None, given),
        };
        checkpoint_number(leaf).ok_or_else(unfit)?;
        let of = match (folder, run) {
            (None, Some(run)) => run,
            (None, None) => return Err(unfit()),
            (Some(folder), _) => folder.rsplit('/').next().unwrap_or_default(),
        };
        if let Some(run) = run.filter(|run| *run != of) {
            return Err(Failure::invalid(format!("`{given}` is a checkpoint of {of}, not of {run}")));
        }
        let name = match folder {
            Some(folder) if folder.starts_with("refs/") => given.to_owned(),
            _ => format!("refs/consort/{of}/{leaf}"),
        };
        Ok(Aim { run: RunId(of.to_owned()), checkpoint: CheckpointId(leaf.to_owned()), name })
    }

    fn folder(&self) -> &str {
        self.name.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// Its commit, and all checkpoints of the run that are beside it.
    fn look(&self, repo: &Repo) -> Result<(Revision, Vec<(CheckpointId, Revision)>), Failure> {
        let found = repo.refs(self.folder())?;
        let number = |id: &CheckpointId| checkpoint_number(id.as_str());
        let leaf = |(name, value): (String, Revision)| {
            let leaf = name.strip_prefix(self.folder())?.strip_prefix('/')?.to_owned();
            checkpoint_number(&leaf).map(|_| (CheckpointId(leaf), value))
        };
        let mut all: Vec<(CheckpointId, Revision)> = found.into_iter().filter_map(leaf).collect();
        all.sort_by_key(|(id, _)| number(id));
        let own = all.iter().find(|(id, _)| *id == self.checkpoint).map(|(_, value)| value.clone());
        let Some(own) = own else {
            let known: Vec<&str> = all.iter().map(|(id, _)| id.as_str()).collect();
            let failure = Failure::invalid(format!("there is no `{}` in this repository", self.name));
            return Err(match &known[..] {
                [] => failure,
                known => failure.why(format!("of {} there are {}", self.run, known.join(", "))),
            }
            .help(format!("fetch it: `consort fetch {}`", self.run)));
        };
        if let Some((last, _)) = all.last().filter(|(id, _)| number(id) > number(&self.checkpoint)) {
            return Err(Failure::invalid(format!(
                "the run went on after {}: {last} is here too",
                self.checkpoint
            ))
            .why("two that follow the same checkpoint could not be told apart")
            .help(format!("go on from the latest one: `consort resume --from {}/{last}`", self.folder()))
            .help(format!("as another run: that, then `consort fork {} CP-NNN`", self.run)));
        }
        Ok((own, all))
    }
}

fn taken(aim: &Aim, error: PlacesError) -> Failure {
    match error {
        PlacesError::RunExists(run) => {
            Failure::invalid(format!("run {run} is in this clone already, with a journal"))
                .help(format!("go on with it: `consort resume {run}`"))
                .help(format!(
                    "back to one of its own checkpoints: `consort rollback {run} {}`",
                    aim.checkpoint
                ))
                .help(format!("go on beside it, as another run: `consort fork {run} {}`", aim.checkpoint))
        }
        other => other.into(),
    }
}

/// Accepted work outside git of which some content did not come along.
fn missing(opened: &Opened, store: &Store) -> BTreeSet<TaskId> {
    let lacks = |revision: &Revision| {
        let Some(all) = stored_by(store, revision) else { return true };
        all.iter().any(|hash| !matches!(store.get(hash), Ok(Some(_))))
    };
    let tasks = opened.point.tasks.iter();
    let gone = tasks.filter(|(_, it)| {
        it.candidate.as_ref().is_some_and(|it| it.revision.is_plain() && lacks(&it.revision))
    });
    gone.map(|(id, _)| id.clone()).collect()
}

fn begin(
    ctx: &Context,
    place: Place,
    repo: Repo,
    aim: &Aim,
    (revision, opened): (Revision, Opened),
    beside: &[(CheckpointId, Revision)],
    approve: Option<Approve>,
) -> Result<u8, Failure> {
    let store = place.places.open_store();
    place.places.create()?;
    store
        .put_many(opened.objects.iter().map(|(_, bytes)| bytes.as_slice()))
        .map_err(|e| Failure::failed("what came with the checkpoint could not be stored").why(e))?;
    let missing = missing(&opened, &store);
    let Opened { mut point, plan, .. } = opened;
    // One that was still being made then may have come with it.
    for checkpoint in
        point.so_far.checkpoints.iter_mut().filter(|it| it.revision.is_none() && it.failed.is_none())
    {
        checkpoint.revision =
            beside.iter().find(|(id, _)| *id == checkpoint.id).map(|(_, value)| value.clone());
    }
    let (head, by, made) = (point.head.clone(), point.by.clone(), point.prepared_at());
    let (base, absent) = (point.base.clone(), point.absent.clone());
    let source = point.source.clone();
    let kept = point.kept(&plan, revision.clone(), &missing);
    let rest = rest_of(&plan, &kept);
    let lock = place.places.begin_run(&aim.run, "resume").map_err(|error| taken(aim, error))?;
    let driver = Driver::new(ctx, place, Some(repo), aim.run.clone(), approve)?;
    driver.set_aside(&lock)?;
    let start = StartRun {
        run: aim.run.clone(),
        plan: ContentHash(String::new()),
        base,
        nonce: nonce()?,
        approve_all: approve == Some(Approve::All),
        absent,
        unseen: Vec::new(),
        from: None,
        source,
    };
    names(&driver, &start, &plan, &kept, Some(beside))?;
    let out = &ctx.out;
    let mut text = said(out, "run", &out.stdout.bold(aim.run.as_str()));
    text +=
        &said(out, "resumed", &format!("{} ({}), made {made} by {by}", aim.name, short(revision.as_str())));
    text += &said(out, "verified", &format!("every hash; its journal ends there at {}", short(&head)));
    text += &told(ctx, &kept, &rest);
    if !missing.is_empty() {
        let names: Vec<&str> = missing.iter().map(TaskId::as_str).collect();
        text += &said(out, "missing", &format!("content of {}: made again", names.join(", ")));
    }
    if planning::who(&plan).is_some() {
        text += &said(out, "boundary", BOUNDARY);
    }
    ctx.out.print(&format!("{text}\n"))?;
    let via = if approve.is_some() { "flag" } else { "terminal" };
    let resumed = Some(ResumedFrom { name: aim.name.clone(), commit: revision, head });
    let begin =
        Begin { plan, kept: Some(kept), source: None, resumed, start, by: person::name(), via: via.into() };
    let (outcome, state) = driver.drive(lock, Vec::new(), |opening| host::begin(opening, begin))?;
    driver.report(outcome, &state)
}
