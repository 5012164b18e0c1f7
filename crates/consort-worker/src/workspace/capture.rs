//! Reading what a creator made. Its `.git` is never in charge, its links are never followed, and
//! nothing is taken that was not declared.

use super::files::{self, FILE_BYTES_MAX, FILES_BYTES_MAX, Found};
use super::{ARTIFACTS_MAX, Captured, NAMES_MAX, PlaneError, names};
use crate::store::Store;
use consort_core::ids::{ContentHash, Revision};
use consort_core::run::{Artifact, Candidate};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

/// One file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) path: String,
    pub(super) bytes: Vec<u8>,
    /// `100644`, `100755` or `120000`.
    pub(super) mode: &'static str,
    pub(super) hash: ContentHash,
}

pub(super) fn refused(path: &str, why: &str) -> PlaneError {
    PlaneError::Refused(format!("`{path}` {why}"))
}

/// The workspace; refused when it is gone.
pub(super) fn open_workspace(dir: &Path) -> Result<OwnedFd, PlaneError> {
    files::open_root(dir).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => {
            PlaneError::Refused(format!("the workspace {} is gone: somebody removed it", dir.display()))
        }
        // Somebody put a link or a file in its place.
        _ if !files::is_real_dir(dir) => {
            PlaneError::Refused(format!("the workspace {} is not a directory any more", dir.display()))
        }
        _ => PlaneError::io("open the workspace", dir, source),
    })
}

/// A reader that keeps the sum of what it reads within bounds.
pub(super) struct Reader {
    root: OwnedFd,
    left: u64,
}

impl Reader {
    pub(super) fn open(dir: &Path) -> Result<Self, PlaneError> {
        Ok(Self { root: open_workspace(dir)?, left: FILES_BYTES_MAX })
    }

    fn found(&mut self, path: &str) -> Result<Found, PlaneError> {
        let cap = FILE_BYTES_MAX.min(self.left);
        let found = files::read_beneath(self.root.as_fd(), path.as_bytes(), cap);
        let found = found.map_err(|source| PlaneError::io("read", Path::new(path), source))?;
        match found {
            Found::Unfit(_) if cap < FILE_BYTES_MAX && self.is_larger_than(path, cap) => Err(
                PlaneError::Refused(format!("the outputs together are larger than {FILES_BYTES_MAX} bytes")),
            ),
            Found::Unfit(why) => Err(refused(path, &why)),
            Found::File { bytes, executable } => {
                self.left -= bytes.len() as u64;
                Ok(Found::File { bytes, executable })
            }
            other => Ok(other),
        }
    }

    fn is_larger_than(&self, path: &str, cap: u64) -> bool {
        let stat = rustix::fs::statat(&self.root, path, rustix::fs::AtFlags::SYMLINK_NOFOLLOW);
        stat.is_ok_and(|stat| u64::try_from(stat.st_size).is_ok_and(|size| size > cap))
    }

    /// A declared output: a regular file with something in it.
    pub(super) fn declared(&mut self, path: &str) -> Result<Taken, PlaneError> {
        if let Some(why) = names::path_problem(path) {
            return Err(refused(path, why));
        }
        match self.found(path)? {
            Found::File { bytes, .. } if bytes.is_empty() => Err(refused(path, "is empty")),
            Found::File { bytes, .. } => Ok(taken(path, bytes, "100644")),
            Found::Link(_) => Err(refused(path, "is a symbolic link, not a file")),
            Found::Folder => Err(refused(path, "is a directory, not a file")),
            Found::Absent => Err(refused(path, "was not written")),
            Found::Unfit(why) => Err(refused(path, &why)),
        }
    }

    /// One changed path of a change: `None` if it is gone.
    pub(super) fn changed(&mut self, path: &str) -> Result<Option<Taken>, PlaneError> {
        if let Some(why) = names::path_problem(path) {
            return Err(refused(path, why));
        }
        Ok(match self.found(path)? {
            Found::File { bytes, executable } => {
                Some(taken(path, bytes, if executable { "100755" } else { "100644" }))
            }
            Found::Link(to) if stays_inside(path, &to) => Some(taken(path, to, "120000")),
            Found::Link(_) => return Err(refused(path, "is a symbolic link that leads out of the tree")),
            Found::Folder if !matches!(self.found(&format!("{path}/.git"))?, Found::Absent) => {
                return Err(refused(path, "is a repository of its own, which is not followed"));
            }
            // What is in it comes under its own names.
            Found::Folder | Found::Absent => None,
            Found::Unfit(why) => return Err(refused(path, &why)),
        })
    }

    /// Whatever can be kept of a path: for salvage, which refuses nothing.
    pub(super) fn if_fit(&mut self, path: &str) -> Option<Taken> {
        self.changed(path).ok().flatten()
    }
}

fn taken(path: &str, bytes: Vec<u8>, mode: &'static str) -> Taken {
    let hash = Store::hash_of(&bytes);
    Taken { path: path.to_owned(), bytes, mode, hash }
}

/// True if a link at `path` with this target stays in the tree.
fn stays_inside(path: &str, target: &[u8]) -> bool {
    let Ok(target) = std::str::from_utf8(target) else { return false };
    if target.is_empty() || target.starts_with('/') || target.contains('\0') {
        return false;
    }
    let mut depth = path.split('/').count() - 1;
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." if depth == 0 => return false,
            ".." => depth -= 1,
            part if names::path_problem(part).is_some() => return false,
            _ => depth += 1,
        }
    }
    true
}

/// The answer of every capture: sorted, within the bounds of the journal.
pub(super) fn captured(revision: Revision, mut taken: Vec<Taken>, mut strays: Vec<String>) -> Captured {
    taken.sort_by(|a, b| a.path.cmp(&b.path));
    strays.sort();
    strays.dedup();
    strays.truncate(NAMES_MAX);
    let contents: Vec<(Artifact, Vec<u8>)> =
        taken.into_iter().map(|file| (Artifact { path: file.path, hash: file.hash }, file.bytes)).collect();
    let artifacts = contents.iter().take(ARTIFACTS_MAX).map(|(artifact, _)| artifact.clone()).collect();
    Captured { candidate: Candidate { revision, artifacts, strays }, contents, gone: Vec::new() }
}

/// The globs of `writes:`; `*` does not cross a slash.
pub(super) fn globs(writes: &[String]) -> Result<globset::GlobSet, PlaneError> {
    let mut set = globset::GlobSetBuilder::new();
    for glob in writes {
        let built = globset::GlobBuilder::new(glob).literal_separator(true).build();
        set.add(built.map_err(|e| PlaneError::Refused(format!("`{glob}` is not a glob: {e}")))?);
    }
    set.build().map_err(|e| PlaneError::Refused(format!("the globs of `writes` cannot be used: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_out_of_the_tree_are_told_from_links_within() {
        for (path, to) in [("a", "b"), ("a/b", "../c"), ("a/b", "c/../../d"), ("a", "./b/")] {
            assert!(stays_inside(path, to.as_bytes()), "{path} -> {to}");
        }
        for (path, to) in [
            ("a", "/etc/passwd"),
            ("a", ".."),
            ("a/b", "../../x"),
            ("a", "b/../../x"),
            ("a", ".git/config"),
            ("a", ""),
        ] {
            assert!(!stays_inside(path, to.as_bytes()), "{path} -> {to}");
        }
    }

    #[test]
    fn globs_do_not_cross_slashes_unless_told_so() {
        let set = globs(&["src/*.rs".into(), "docs/**".into()]).unwrap();
        assert!(set.is_match("src/a.rs") && set.is_match("docs/a/b.md"));
        assert!(!set.is_match("src/a/b.rs") && !set.is_match("x/src/a.rs"));
        assert!(globs(&["a{".into()]).is_err());
    }
}
