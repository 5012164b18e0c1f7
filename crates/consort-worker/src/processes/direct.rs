//! Running a command without a supervisor.

use super::claim::{self, Claim};
use super::conduct::{self, Scope, Told};
use super::files::{self, Durable};
use super::spec::{ExitRecord, ProcessSpec};
use crate::{drill, os};
use consort_core::run::{Exit, StopWhy};
use std::future::Future;
use std::io;
use std::path::Path;
use tokio::signal::unix::{SignalKind, signal};

/// Runs a command that is harmless to repeat (`supervise: false`) as a child of this process, in
/// a process group of its own, until it and its group have ended. With `dir` its output and its
/// record go there, not flushed to disk; without, only the tails are kept. `cancel` stops it
/// when it answers. Dropping the future kills its group at once.
///
/// If the runner is killed the command goes on; [`super::look`] at `dir` ends it then and says
/// `Vanished`.
pub async fn run_direct(
    dir: Option<&Path>,
    spec: &ProcessSpec,
    cancel: impl Future<Output = StopWhy>,
) -> ExitRecord {
    match run(dir, spec, cancel).await {
        Ok(record) => record,
        Err(error) => {
            let what = dir.map(|dir| format!("`{}`: ", dir.display())).unwrap_or_default();
            ExitRecord::of_nothing(spec, Exit::NotStarted(format!("{what}{error}")), crate::os::now())
        }
    }
}

async fn run(
    dir: Option<&Path>,
    spec: &ProcessSpec,
    cancel: impl Future<Output = StopWhy>,
) -> io::Result<ExitRecord> {
    // Whoever started us may have told us to ignore it: then no child could be waited for. Once
    // listened to it stays so.
    let _child = signal(SignalKind::child())?;
    if let Some(dir) = dir {
        files::make_private_dir(dir)?;
        let me = os::own_identity().ok_or_else(|| io::Error::other("/proc cannot be read"))?;
        if !claim::contend(dir, &Claim::Direct(me), Durable::No)? {
            return Err(io::Error::other(
                "the attempt is claimed already: it was started before, or given up",
            ));
        }
        drill::site("direct.claim.after");
    }
    let told = async { Told::Stop(cancel.await) };
    let record = conduct::conduct(spec, dir, Scope::Group, told).await;
    drill::site("direct.end.after");
    if let Some(dir) = dir {
        // The caller has the record; this copy is for people and for a later look.
        let _ = record.write(dir, Durable::No);
    }
    Ok(record)
}
