//! `consort fetch RUN [REMOTE]`

use super::push::{listed, needed, sides, unreachable_remote};
use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use crate::follow::now;
use crate::place::Place;
use clap::Args;
use consort_core::ids::RunId;
use consort_local::places::PlacesError;
use consort_worker::remote::{FetchError, Fetched, fetch};

/// Brings a run's checkpoints from another repository, and verifies every one of them.
///
/// If one is not what it says, nothing is brought. Where this clone has a journal of the run, they get names beside it.
#[derive(Args)]
#[command(
    after_help = "Example:\n  consort fetch review-20260220-001 && consort resume review-20260220-001 --from CP-003"
)]
pub(crate) struct Fetch {
    /// The whole id of the run.
    run: String,
    /// A remote of this repository or an address; without it `origin`, else the only one.
    remote: Option<String>,
}

pub(crate) fn run(ctx: &Context, args: &Fetch) -> Result<u8, Failure> {
    let (place, repo) = Place::with_repo(&ctx.dir)?;
    let repo = needed(repo, "fetch")?;
    let run = RunId(args.run.clone());
    let is_ours = match place.places.may_begin(&run) {
        Ok(()) => false,
        Err(PlacesError::RunExists(_)) => true,
        Err(error) => return Err(error.into()),
    };
    let fetched = fetch(&repo, &place.state_dir()?, &run, args.remote.as_deref(), is_ours, now())
        .map_err(|error| failed(&run, error))?;
    ctx.out.print(&told(&run, &fetched, is_ours))?;
    Ok(exit::DONE)
}

fn told(run: &RunId, fetched: &Fetched, is_ours: bool) -> String {
    let Fetched { remote, folder, checkpoints, new, by } = fetched;
    let newest = checkpoints.last().map(ToString::to_string).unwrap_or_default();
    let mut text = match new.is_empty() {
        true => format!(
            "Nothing new: {} of {run} from {remote} is here already, verified again.\n",
            listed(checkpoints)
        ),
        false => format!("Fetched {} of {run} from {remote}: verified, every hash.\n", listed(new)),
    };
    if let Some((by, at)) = by {
        text += &format!("  {newest}:  {at}, by {by}\n");
    }
    match is_ours {
        true => {
            text += &format!("  beside yours:  {folder}{newest} (this clone has a journal of its own)\n");
            text += &format!("  look at it:    git ls-tree -r --name-only {folder}{newest}\n");
        }
        false => text += &format!("  go on:   consort resume --from {folder}{newest}\n"),
    }
    text
}

fn failed(run: &RunId, error: FetchError) -> Failure {
    match error {
        FetchError::NotThere { .. } => Failure::told(exit::INVALID, &error),
        FetchError::Refused { ref faults, ref remote, .. } => {
            let mut failure = Failure::failed(error.to_string());
            failure.why = faults.iter().map(|(id, why)| format!("{id}: {why}")).collect();
            failure
                .help(format!(
                    "ask whoever pushed it; where the run is, `consort verify {run}` says whether it is whole"
                ))
                .help(format!("look at it: `git ls-remote {remote} 'refs/consort/{run}/*'`"))
        }
        FetchError::Clash { ref remote, ref clash } => {
            let mut failure = Failure::failed(error.to_string());
            failure.why = sides(clash, remote);
            failure.help(format!(
                "nothing was changed here. If the one here is the wrong one, remove its name: `git update-ref -d {}`",
                clash.name
            ))
        }
        FetchError::Remote(error) => unreachable_remote(error),
        FetchError::Plane(error) => {
            Failure::from(error).help("`git ls-remote` shows whether it can be reached")
        }
        FetchError::Repo(error) => error.into(),
    }
}
