//! Accepted work and stored answers, read again: what `verify` compares and what reports quote.

pub mod crossings;

use crate::store::Store;
use crate::workspace::{Repo, read_plain};
use consort_core::ids::{ContentHash, Revision};

/// Where the bytes are.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// Content by hash.
    pub store: &'a Store,
    /// The repository; without one only runs of plain directories can be read whole.
    pub repo: Option<&'a Repo>,
}

impl Evidence<'_> {
    /// Files of a revision, in the order of the paths; `None` for what is not there.
    pub fn files(&self, revision: &Revision, paths: &[String]) -> Result<Vec<Option<Vec<u8>>>, String> {
        if revision.is_plain() {
            let read = |path: &String| read_plain(self.store, revision, path).map_err(|e| e.to_string());
            return paths.iter().map(read).collect();
        }
        let repo =
            self.repo.ok_or_else(|| format!("{revision} is a commit, and there is no repository here"))?;
        repo.show_all(revision, paths).map_err(|e| e.to_string())
    }

    /// The JSON of a stored answer; null if it is not there or cannot be read. `verify` names such
    /// answers, a report only lacks them.
    pub fn answer(&self, hash: &ContentHash) -> serde_json::Value {
        let bytes = self.store.get(hash).ok().flatten().unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }
}
