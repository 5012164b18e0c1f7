//! What other runs in this repository used up today, for budgets by the day.
//!
//! Their journals are only read. A run that is being driven at the same time is seen as it was at the last
//! look, at most [`EVERY_MS`] ago; what it has reserved and not yet used is not seen at all.

use super::clock::wall;
use super::load_plan;
use crate::journal::{JOURNAL_FILE, Reader};
use consort_core::ids::RunId;
use consort_core::run::{Command, Input, Spent};
use consort_core::time::Timestamp;
use consort_worker::store::Store;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// So often it is looked again, in milliseconds.
const EVERY_MS: u64 = 60_000;

/// What is known of one of them.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// The last record that was read.
    seq: u64,
    day: i64,
    spent: Spent,
    /// It spends nothing that anybody would count.
    rehearsal: bool,
}

/// Looks at the other runs now and then.
pub(super) struct Elsewhere {
    runs: PathBuf,
    own: PathBuf,
    store: Store,
    seen: BTreeMap<PathBuf, Seen>,
    next: Timestamp,
}

impl Elsewhere {
    /// For the run in this directory, beside the others.
    pub(super) fn new(own: &Path, store: Store) -> Self {
        let runs = own.parent().unwrap_or(own).to_path_buf();
        Elsewhere { runs, own: own.to_path_buf(), store, seen: BTreeMap::new(), next: Timestamp(i64::MIN) }
    }

    /// Milliseconds until it is to be looked again.
    pub(super) fn due_in_ms(&self, now: Timestamp) -> u64 {
        self.next.since_ms(now)
    }

    /// What they used up today, if it is time to look.
    pub(super) fn look(&mut self, now: Timestamp) -> Option<Input> {
        if now < self.next {
            return None;
        }
        self.next = now.plus_ms(EVERY_MS);
        let day = now.day();
        let mut spent = Spent::default();
        let mut unread = Vec::new();
        for dir in self.others() {
            match self.one(&dir, day) {
                Ok(of_one) => spent = spent.plus(&of_one),
                Err(()) => unread.push(name(&dir)),
            }
        }
        Some(Input::Elsewhere { day, spent, unread })
    }

    fn others(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(&self.runs) else { return Vec::new() };
        let dirs = entries.flatten().map(|entry| entry.path());
        let mut others: Vec<PathBuf> =
            dirs.filter(|dir| *dir != self.own && dir.join(JOURNAL_FILE).is_file()).collect();
        others.sort();
        others
    }

    /// A journal that was not written to today is not opened; of the others only what is new is read.
    fn one(&mut self, dir: &Path, day: i64) -> Result<Spent, ()> {
        if written(dir).is_some_and(|at| at.day() < day.min(wall().day())) {
            return Ok(Spent::default());
        }
        let mut seen = self.seen.get(dir).copied().unwrap_or_default();
        if seen.day != day {
            seen = Seen { day, spent: Spent::default(), ..seen };
        }
        let reader = Reader::open(dir).map_err(|_| ())?;
        for record in reader.records(seen.seq).map_err(|_| ())? {
            let record = record.map_err(|_| ())?;
            seen.seq = record.seq;
            if let Input::Command { command: Command::Start(start), .. } = &record.cause {
                seen.rehearsal = load_plan(&self.store, &start.plan).map_err(|_| ())?.rehearsal;
            }
            seen.spent = seen.spent.plus(&Spent::on_day(day, &record.events));
        }
        self.seen.insert(dir.to_path_buf(), seen);
        Ok(if seen.rehearsal { Spent::default() } else { seen.spent })
    }
}

fn name(dir: &Path) -> String {
    let name = dir.file_name().map(|name| name.to_string_lossy().into_owned());
    RunId(name.unwrap_or_default()).to_string()
}

/// When it was last written to: the journal, or its log that is not yet folded in.
fn written(dir: &Path) -> Option<Timestamp> {
    let of = |name: String| {
        let modified = std::fs::metadata(dir.join(name)).ok()?.modified().ok()?;
        let since = modified.duration_since(UNIX_EPOCH).ok()?;
        Some(Timestamp(i64::try_from(since.as_millis()).ok()?))
    };
    [of(JOURNAL_FILE.into()), of(format!("{JOURNAL_FILE}-wal"))].into_iter().flatten().max()
}
