//! `consort push RUN [REMOTE]`

use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use crate::place::Place;
use clap::Args;
use consort_core::ids::{CheckpointId, RunId};
use consort_worker::remote::{Clash, PushError, Side, push};
use consort_worker::workspace::{RemoteError, Repo};

/// Brings a run's checkpoints and the work that they rest on to another repository, so that others can go on with it.
///
/// Nothing is overwritten there: if somebody else went on with the same run and was quicker, this says so.
#[derive(Args)]
#[command(after_help = "Examples:\n  consort push review-20260220-001\n  \
                  consort push review-20260220-001 https://example.org/team/repository.git")]
pub(crate) struct Push {
    /// The run: its id, or the beginning of it.
    run: String,
    /// A remote of this repository or an address; without it `origin`, else the only one.
    remote: Option<String>,
    /// Also where the plan sets variables whose names look like secrets: everybody there can read their values.
    #[arg(long)]
    values_too: bool,
}

pub(crate) fn run(ctx: &Context, args: &Push) -> Result<u8, Failure> {
    let (place, repo) = Place::with_repo(&ctx.dir)?;
    let run = place.run(Some(&args.run))?.id;
    let repo = needed(repo, "push")?;
    let pushed = push(&repo, &place.state_dir()?, &run, args.remote.as_deref(), args.values_too)
        .map_err(|error| failed(&run, error))?;
    let remote = &pushed.remote;
    let (new, newest) = (&pushed.checkpoints, &pushed.newest);
    let text = match pushed.names {
        0 => format!("{remote} has all of {run} up to {newest} already.\n"),
        _ if new.is_empty() => format!("{remote} has the accepted work of {run} up to {newest} now.\n"),
        _ => format!("{remote} has {} of {run} now, and the work that {newest} rests on.\n", listed(new)),
    };
    ctx.out.print(&format!(
        "{text}  in another clone: consort fetch {run} && consort resume --from refs/consort/{run}/{newest}\n"
    ))?;
    Ok(exit::DONE)
}

/// Runs of plain directories stay where they are.
pub(super) fn needed(repo: Option<Repo>, verb: &str) -> Result<Repo, Failure> {
    repo.ok_or_else(|| {
        Failure::invalid(format!(
            "there is no git repository here, and `consort {verb}` goes from one to another"
        ))
        .help("give its directory with `-C DIR`")
    })
}

pub(super) fn listed(ids: &[CheckpointId]) -> String {
    match ids {
        [] => "nothing".into(),
        [one] => one.to_string(),
        [first, .., last] if ids.len() > 4 => format!("{first} to {last}"),
        _ => ids.iter().map(CheckpointId::as_str).collect::<Vec<_>>().join(", "),
    }
}

fn failed(run: &RunId, error: PushError) -> Failure {
    match error {
        PushError::Clash { ref remote, ref clash } => {
            let mut failure = Failure::failed(error.to_string());
            failure.why = sides(clash, remote);
            failure
                .why("nothing was overwritten, and nothing was pushed")
                .help(format!("look at theirs: `consort fetch {run} {remote}` puts it beside yours"))
                .help(format!(
                    "keep yours as another run: `consort fork {run} CP-NNN`, then `consort push` that one"
                ))
                .help(
                    "go on with theirs: in a clone that has no journal of this run, `consort resume --from`",
                )
        }
        PushError::NoCheckpoint(_) => Failure::invalid(error.to_string())
            .help(format!("make one: `consort checkpoint create {run}`, then `consort resume {run}`")),
        PushError::Secret { .. } => Failure::invalid(error.to_string())
            .help("hand such variables on by name (`pass_env`), not by value")
            .help("if it is no secret, or everybody there may know it: `--values-too`"),
        PushError::Remote(error) => unreachable_remote(error),
        PushError::Plane(error) => {
            Failure::from(error).help("`git ls-remote` shows whether it can be reached")
        }
        PushError::Repo(error) => error.into(),
    }
}

pub(super) fn unreachable_remote(error: RemoteError) -> Failure {
    match error {
        RemoteError::Git(error) => error.into(),
        other => Failure::told(exit::INVALID, &other),
    }
}

/// Both of them, a line each.
pub(super) fn sides(clash: &Clash, remote: &str) -> Vec<String> {
    let one = |place: &str, side: &Side| {
        let mut parts = vec![match &side.commit {
            Some(commit) => format!("{} is {commit}", clash.leaf()),
            None => format!("there is no {}", clash.leaf()),
        }];
        parts.extend(side.head.as_ref().map(|head| format!("journal {head}")));
        parts.extend(side.by.as_ref().map(|by| format!("by {by}")));
        parts.extend(side.at.map(|at| format!("made {at}")));
        format!("{place}: {}", parts.join(", "))
    };
    vec![one("here", &clash.here), one(remote, &clash.there)]
}
