//! What an agent must not touch, looked at before and after: whatever its own program lets through is
//! noticed here. The person may change the same things meanwhile; so this accuses nobody, it tells.

use crate::processes::make_private_dir;
use crate::workspace::{Plane, Repo};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const NAME: &str = "world.json";
/// So many changed files of a checkout are looked at.
const FILES_MAX: usize = 2_000;
/// So many differences are named.
const NAMED: usize = 5;

/// The person's checkout and branches at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct World {
    /// Branches and tags, those of runs left out.
    refs: BTreeMap<String, String>,
    /// Files that differ from the commit: size and time of change in nanoseconds.
    files: BTreeMap<String, (u64, i128)>,
}

impl World {
    /// Looks; `None` outside a repository, or where it cannot be told in time.
    pub(super) fn look(plane: &Plane) -> Option<Self> {
        let Plane::Git(plane) = plane else { return None };
        let repo = plane.repo();
        let (heads, tags) = (repo.refs("refs/heads").ok()?, repo.refs("refs/tags").ok()?);
        let own = |name: &str| name.starts_with("refs/heads/consort/");
        let refs = heads.into_iter().chain(tags).filter(|(name, _)| !own(name));
        Some(World { refs: refs.map(|(name, at)| (name, at.to_string())).collect(), files: files(repo)? })
    }

    /// Into the directory of an attempt.
    pub(super) fn write(&self, dir: &Path) -> io::Result<()> {
        make_private_dir(dir)?;
        std::fs::write(dir.join(NAME), serde_json::to_vec(self)?)
    }

    pub(super) fn read(dir: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(dir.join(NAME)).ok()?).ok()
    }

    /// What is different now, in a few words each.
    pub(super) fn differs(&self, now: &World) -> Vec<String> {
        let names = self.refs.keys().chain(now.refs.keys().filter(|name| !self.refs.contains_key(*name)));
        let refs = names.filter(|name| self.refs.get(*name) != now.refs.get(*name));
        let refs = refs.map(|name| match (self.refs.get(name), now.refs.get(name)) {
            (Some(_), None) => format!("{name} is gone"),
            (None, _) => format!("{name} is new"),
            _ => format!("{name} has moved"),
        });
        let files = now.files.iter().filter(|(path, stat)| self.files.get(*path) != Some(stat));
        let mut all: Vec<String> = refs.chain(files.map(|(path, _)| path.clone())).collect();
        if let more @ 1.. = all.len().saturating_sub(NAMED) {
            all.truncate(NAMED);
            all.push(format!("and {more} more"));
        }
        all
    }
}

fn files(repo: &Repo) -> Option<BTreeMap<String, (u64, i128)>> {
    let (_, names) = repo.dirty(FILES_MAX).ok()?;
    let stat = |name: &String| {
        let meta = std::fs::symlink_metadata(repo.top().join(name)).ok()?;
        Some((meta.len(), i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec())))
    };
    Some(names.iter().map(|name| (name.clone(), stat(name).unwrap_or_default())).collect())
}
