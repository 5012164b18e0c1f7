//! Quotas that are used up, told from run to run: `.consort/rests/<pool>` says until when and why.
//!
//! One who runs into a limit writes it down once that is in its journal; all others look before they decide anything.
//! A file whose time has passed means nothing. Lost by a crash, it costs another run one more try at the same limit.

use consort_core::run::{Rest, State};
use consort_core::time::Timestamp;
use consort_worker::durable;
use consort_worker::store::Store;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Folder in `.consort`.
const DIR: &str = "rests";
/// No such file is larger, in bytes: what is larger is not ours.
const BYTES_MAX: u64 = 4_096;

/// A folder that has not changed for so long will not change without showing it.
const SETTLED: Duration = Duration::from_secs(1);

/// One file.
#[derive(Serialize, Deserialize)]
struct Told {
    pool: String,
    until: Timestamp,
    why: String,
}

/// What this run told and heard.
pub(super) struct Rests {
    dir: PathBuf,
    run: String,
    told: BTreeMap<String, Timestamp>,
    /// When the folder last changed, as far as it was read.
    seen: Option<SystemTime>,
}

impl Rests {
    /// For the run in this directory.
    pub(super) fn new(run_dir: &Path) -> Self {
        let consort = run_dir.parent().and_then(Path::parent).unwrap_or(run_dir);
        let run = run_dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Self { dir: consort.join(DIR), run, told: BTreeMap::new(), seen: None }
    }

    /// Tells what is in the journal by now and was not told.
    pub(super) fn tell(&mut self, state: &State) {
        for (pool, rest) in &state.pools {
            let is_news = self.told.get(pool).is_none_or(|told| *told < rest.until);
            if rest.until <= state.now || !is_news {
                continue;
            }
            self.told.insert(pool.clone(), rest.until);
            let heard = self.read(&self.path(pool)).is_some_and(|known| known.until >= rest.until);
            if !heard {
                let why = format!("run {}: {}", self.run, rest.why);
                let told = Told { pool: pool.clone(), until: rest.until, why };
                // Others run into the limit themselves then.
                let _ = self.write(&told);
            }
        }
    }

    /// What others told since the last look, as far as it still holds.
    pub(super) fn heard(&mut self, now: Timestamp) -> Vec<Rest> {
        let Ok(changed) = std::fs::metadata(&self.dir).and_then(|dir| dir.modified()) else {
            return Vec::new();
        };
        if self.seen == Some(changed) {
            return Vec::new();
        }
        // Within one tick of the file system's clock there may be more.
        let settled = SystemTime::now().duration_since(changed).is_ok_and(|age| age > SETTLED);
        self.seen = settled.then_some(changed);
        let Ok(entries) = std::fs::read_dir(&self.dir) else { return Vec::new() };
        let mut rests: Vec<Rest> = entries
            .flatten()
            .filter(|entry| !entry.file_name().to_string_lossy().starts_with(durable::TEMPORARY_PREFIX))
            .filter_map(|entry| self.read(&entry.path()))
            .filter(|told| told.until > now && self.told.get(&told.pool).is_none_or(|own| *own < told.until))
            .map(|told| Rest { pool: told.pool, until: told.until, why: told.why })
            .collect();
        rests.sort_by(|a, b| a.pool.cmp(&b.pool));
        rests
    }

    /// A pool's name is a person's word: its hash is a name of a file.
    fn path(&self, pool: &str) -> PathBuf {
        self.dir.join(format!("{}.json", &Store::hash_of(pool.as_bytes()).as_str()[..16]))
    }

    fn read(&self, path: &Path) -> Option<Told> {
        let small =
            std::fs::symlink_metadata(path).ok().filter(|meta| meta.is_file() && meta.len() <= BYTES_MAX);
        small.and_then(|_| serde_json::from_slice(&std::fs::read(path).ok()?).ok())
    }

    fn write(&self, told: &Told) -> std::io::Result<()> {
        durable::create_dirs(&self.dir)?;
        durable::write(&self.path(&told.pool), &serde_json::to_vec(told)?, 0o600)
    }
}
