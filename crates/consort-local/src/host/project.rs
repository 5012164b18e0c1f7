//! Live copies of the three files in the run's directory: rewritten whole, at most twice a second,
//! in at most a tenth of the time, and always before the process ends or waits.

use consort_core::run::State;
use consort_core::view;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_millis(500);

/// What writing them costs depends on the size of the plan: so many times as long they rest.
const REST: u32 = 9;

/// Names of the three files, in a run's directory and in a checkpoint's tree.
pub const STATE_FILES: [&str; 3] =
    ["ORCHESTRATION.yaml", "ORCHESTRATION_PLAN.md", "ORCHESTRATION_WORKTRACKER.md"];

/// The writer of live copies.
pub(super) struct LiveFiles {
    dir: PathBuf,
    written: Instant,
    rest: Duration,
    dirty: bool,
}

impl LiveFiles {
    pub(super) fn new(dir: &Path) -> Self {
        LiveFiles { dir: dir.to_owned(), written: Instant::now(), rest: EVERY, dirty: true }
    }

    /// Something changed.
    pub(super) fn touch(&mut self) {
        self.dirty = true;
    }

    /// Milliseconds until they are due, if they are stale.
    pub(super) fn due_in_ms(&self) -> Option<u64> {
        let left = self.rest.saturating_sub(self.written.elapsed());
        // Rounded up: a wait that ends a moment too early would be followed by many of 0 ms.
        self.dirty.then(|| left.as_micros().div_ceil(1_000) as u64)
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
        let began = Instant::now();
        for (name, bytes) in rendered(state) {
            let _ = replace(&self.dir, name, bytes.as_bytes());
        }
        self.written = Instant::now();
        self.rest = EVERY.max(began.elapsed() * REST);
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
