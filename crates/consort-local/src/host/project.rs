//! Live copies of the three files in the run's directory: rewritten whole, at most twice a second,
//! and always before the process ends or waits.

use consort_core::run::State;
use consort_core::view;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_millis(500);

/// Names of the three files, in a run's directory and in a checkpoint's tree.
pub const STATE_FILES: [&str; 3] =
    ["ORCHESTRATION.yaml", "ORCHESTRATION_PLAN.md", "ORCHESTRATION_WORKTRACKER.md"];

/// The writer of live copies.
pub(super) struct LiveFiles {
    dir: PathBuf,
    written: Option<Instant>,
    dirty: bool,
}

impl LiveFiles {
    pub(super) fn new(dir: &Path) -> Self {
        LiveFiles { dir: dir.to_owned(), written: None, dirty: true }
    }

    /// Something changed.
    pub(super) fn touch(&mut self) {
        self.dirty = true;
    }

    /// Milliseconds until they are due, if they are stale.
    pub(super) fn due_in_ms(&self) -> Option<u64> {
        let waited = self.written.map_or(EVERY, |at| at.elapsed());
        self.dirty.then(|| EVERY.saturating_sub(waited).as_millis() as u64)
    }

    pub(super) fn write_if_due(&mut self, state: &State) {
        if self.due_in_ms() == Some(0) {
            self.write_now(state);
        }
    }

    /// Writes them if they are stale. They are projections: if that fails, the run goes on.
    pub(super) fn write_now(&mut self, state: &State) {
        if !self.dirty {
            return;
        }
        self.dirty = false;
        self.written = Some(Instant::now());
        for (name, bytes) in rendered(state) {
            let _ = replace(&self.dir, name, bytes.as_bytes());
        }
    }
}

/// A new file under the old name. Not flushed: it can be rendered again at any time.
fn replace(dir: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let new = dir.join(format!(".{name}.new"));
    std::fs::write(&new, bytes)?;
    std::fs::rename(new, dir.join(name))
}

/// The three files of a state, by name.
pub fn rendered(state: &State) -> [(&'static str, String); 3] {
    let files = view::state_files(state);
    [(STATE_FILES[0], files.yaml), (STATE_FILES[1], files.plan_md), (STATE_FILES[2], files.tracker_md)]
}
