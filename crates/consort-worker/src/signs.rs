//! Signs of life of an attempt: when anything of it last wrote.

use crate::dirs::RunDirs;
use consort_core::ids::AttemptId;
use consort_core::time::Timestamp;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// When this attempt was last heard of: its output, its notes, what it handed back. `None`: nothing of it is there.
pub fn last_sign(dirs: &RunDirs, attempt: &AttemptId) -> Option<Timestamp> {
    let folders = [dirs.attempt(attempt), dirs.control(attempt), dirs.desk(attempt)];
    folders.iter().filter_map(|dir| latest_in(dir)).max()
}

fn latest_in(dir: &Path) -> Option<Timestamp> {
    let entries = std::fs::read_dir(dir).ok()?.flatten();
    entries.filter_map(|entry| changed(&entry.metadata().ok().filter(std::fs::Metadata::is_file)?)).max()
}

fn changed(meta: &std::fs::Metadata) -> Option<Timestamp> {
    let since = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp(i64::try_from(since.as_millis()).ok()?))
}
