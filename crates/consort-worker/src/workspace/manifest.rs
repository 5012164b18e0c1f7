//! A tree of files outside git: paths, modes and hashes in the content store. Its revision is
//! `plain:` and the hash of its canonical form.

use super::{NAMES_MAX, PlaneError, names};
use crate::store::Store;
use consort_core::ids::{ContentHash, Revision};
use consort_core::run::Tip;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const PREFIX: &str = "plain:";

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) hash: ContentHash,
    pub(super) mode: String,
    /// Data: known by its hash, never brought into git.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) data: bool,
}

/// Files by path; JSON with sorted keys is the canonical form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) files: BTreeMap<String, Entry>,
}

impl Manifest {
    /// Files that belong into a tree.
    pub(super) fn tracked(&self) -> impl Iterator<Item = (&String, &Entry)> {
        self.files.iter().filter(|(_, entry)| !entry.data)
    }

    fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and flags can always be written as JSON")
    }

    /// Stores the manifest, and in the same batch the contents that go with it.
    pub(super) fn store(&self, store: &Store, contents: &[&[u8]]) -> Result<Revision, PlaneError> {
        let bytes = self.bytes();
        let all = contents.iter().copied().chain([bytes.as_slice()]);
        let hashes = store.put_many(all)?;
        let own = hashes.last().expect("the manifest itself was stored");
        Ok(Revision(format!("{PREFIX}{own}")))
    }

    /// Reads a manifest back; paths are checked again, since a store is only files.
    pub(super) fn load(store: &Store, revision: &Revision) -> Result<Self, PlaneError> {
        let wrong = |why: &str| PlaneError::Failed(format!("`{revision}` {why}"));
        let hash = revision.as_str().strip_prefix(PREFIX).ok_or_else(|| {
            wrong("is a commit, but this run works in plain directories: was it started in a git repository?")
        })?;
        let bytes = store.get(&ContentHash(hash.to_owned()))?;
        let bytes = bytes.ok_or_else(|| wrong("is not in the content store"))?;
        let manifest: Manifest =
            serde_json::from_slice(&bytes).map_err(|e| wrong(&format!("is no manifest: {e}")))?;
        match manifest.files.keys().find(|path| names::path_problem(path).is_some()) {
            Some(path) => {
                Err(wrong(&format!("names `{}`, which is no fit path", names::shown(path.as_bytes()))))
            }
            None => Ok(manifest),
        }
    }
}

/// Stored content that a revision outside git rests on: its manifest first, then its files. `None`: the manifest
/// cannot be read.
pub fn stored_by(store: &Store, revision: &Revision) -> Option<Vec<ContentHash>> {
    let own = ContentHash(revision.as_str().strip_prefix(PREFIX)?.to_owned());
    let manifest = Manifest::load(store, revision).ok()?;
    Some(std::iter::once(own).chain(manifest.files.into_values().map(|entry| entry.hash)).collect())
}

/// The bytes of one file of a manifest.
pub(super) fn content(store: &Store, path: &str, entry: &Entry) -> Result<Vec<u8>, PlaneError> {
    store.get(&entry.hash)?.ok_or_else(|| {
        PlaneError::Failed(format!("the content of `{path}` ({}) is missing from the store", entry.hash))
    })
}

/// All files of all tips; two tips that say different things about a path are a conflict.
pub(super) fn overlay<'a>(
    store: &Store,
    tips: impl Iterator<Item = &'a Tip>,
) -> Result<Manifest, PlaneError> {
    let mut merged = Manifest::default();
    let mut from: BTreeMap<String, &str> = BTreeMap::new();
    for tip in tips {
        let manifest = Manifest::load(store, &tip.revision)?;
        let mut clash: Vec<(String, &str)> = Vec::new();
        for (path, entry) in manifest.files {
            match meeting(&merged, &path) {
                Some(other) if other != path || merged.files[&other] != entry => {
                    clash.push((path, from[&other]));
                }
                Some(_) => {}
                None => {
                    from.insert(path.clone(), &tip.name);
                    merged.files.insert(path, entry);
                }
            }
        }
        if let Some((_, other)) = clash.first() {
            let between = ((*other).to_owned(), tip.name.clone());
            let paths = clash.into_iter().map(|(path, _)| path).take(NAMES_MAX).collect();
            return Err(PlaneError::Conflict { between, paths });
        }
    }
    Ok(merged)
}

/// The path itself, or one that is a file where this one needs a folder or the other way round.
fn meeting(manifest: &Manifest, path: &str) -> Option<String> {
    if manifest.files.contains_key(path) {
        return Some(path.to_owned());
    }
    let above = path.match_indices('/').map(|(at, _)| &path[..at]);
    if let Some(above) = above.into_iter().find(|above| manifest.files.contains_key(*above)) {
        return Some(above.to_owned());
    }
    let folder = format!("{path}/");
    let next = manifest.files.range(folder.clone()..).next();
    next.map(|(below, _)| below).filter(|below| below.starts_with(&folder)).cloned()
}
