//! What a word on the command line means: a commit, or a file.

use crate::context::Context;
use crate::failure::Failure;
use crate::place::Place;
use consort_core::ids::ContentHash;
use consort_worker::store::Store;
use consort_worker::workspace::Repo;
use std::io;
use std::path::{Component, Path, PathBuf};

/// Less of a commit id is taken for one only if git knows it.
const PREFIX_MIN: usize = 7;

/// What is looked for.
pub(super) enum Aim {
    /// Commits whose id begins like this.
    Commit(String),
    /// A file, by the paths that were perhaps meant, relative to the top of the checkout.
    File { paths: Vec<String>, seen: Seen },
}

/// What is in the checkout.
pub(super) struct Seen {
    /// Something is there.
    pub there: bool,
    /// SHA-256 of the file.
    pub hash: Option<ContentHash>,
    /// The same with the line ends that git stores.
    pub lines: Option<ContentHash>,
    /// What there is to say where there is no hash.
    pub what: &'static str,
}

impl Seen {
    /// True if these are its bytes.
    pub(super) fn is(&self, hash: &ContentHash) -> bool {
        self.hash.as_ref() == Some(hash)
    }
}

impl Aim {
    /// Commit and file, for programs.
    pub(super) fn names(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Aim::Commit(id) => (Some(id), None),
            Aim::File { paths, .. } => (None, paths.first().map(String::as_str)),
        }
    }
}

/// A file that is there, else a commit, else a file that may be in a run's commits.
pub(super) fn aim(ctx: &Context, place: &Place, repo: Option<&Repo>, word: &str) -> Result<Aim, Failure> {
    let top = repo.map_or(place.top(), Repo::here);
    let paths = paths(ctx, top, word);
    let kind = |path: &String| std::fs::symlink_metadata(top.join(path)).ok().map(|m| m.is_dir());
    if let Some(path) = paths.iter().find(|path| kind(path) == Some(false)) {
        let seen = look(&top.join(path))?;
        return Ok(Aim::File { paths: vec![path.clone()], seen });
    }
    if let Some(revision) = repo.map(|repo| repo.resolve(word)).transpose()?.flatten() {
        return Ok(Aim::Commit(revision.0));
    }
    // A commit that git has lost, or a manifest of a plain directory: the journal may know it yet.
    let hex = word.len() >= PREFIX_MIN && word.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if hex || word.len() >= "plain:".len() + PREFIX_MIN && word.starts_with("plain:") {
        return Ok(Aim::Commit(word.to_owned()));
    }
    if paths.is_empty() {
        return Err(Failure::invalid(format!("`{word}` is not inside {}", top.display()))
            .help("give a file of this repository, or a commit; `-C DIR` looks in another one"));
    }
    if paths.iter().any(|path| kind(path) == Some(true)) {
        return Err(Failure::invalid(format!("`{word}` is a directory"))
            .help("give one file in it: agents are known by the files that they wrote"));
    }
    let seen = Seen { there: false, hash: None, lines: None, what: "not in this checkout" };
    Ok(Aim::File { paths, seen })
}

fn look(path: &Path) -> Result<Seen, Failure> {
    let meta = std::fs::symlink_metadata(path)?;
    if !meta.is_file() {
        let what = "changed since by somebody else: it is no regular file now";
        return Ok(Seen { there: true, hash: None, lines: None, what });
    }
    let bytes = std::fs::read(path).map_err(|e: io::Error| {
        Failure::failed(format!("{} cannot be read", path.display()))
            .why(e)
            .help("give yourself the right to read it, and try again")
    })?;
    let lines = bytes.windows(2).any(|w| w == b"\r\n").then(|| Store::hash_of(&unix(&bytes)));
    Ok(Seen { there: true, hash: Some(Store::hash_of(&bytes)), lines, what: "" })
}

/// Line ends as git stores them where attributes ask for others in the checkout.
fn unix(bytes: &[u8]) -> Vec<u8> {
    let kept = |at: &usize| !(bytes[*at] == b'\r' && bytes.get(*at + 1) == Some(&b'\n'));
    (0..bytes.len()).filter(kept).map(|at| bytes[at]).collect()
}

/// The paths that a word can mean, below `top`: from where it was typed, and from the top.
fn paths(ctx: &Context, top: &Path, word: &str) -> Vec<String> {
    let typed = Path::new(word);
    let mut all: Vec<String> = Vec::new();
    let mut full = vec![ctx.path(typed), top.join(typed)];
    // Through a link to the repository.
    let folder = typed.parent().filter(|_| typed.is_absolute()).and_then(|dir| dir.canonicalize().ok());
    full.extend(folder.zip(typed.file_name()).map(|(dir, name)| dir.join(name)));
    for path in full.iter().filter_map(|path| plain(path)) {
        let below = path.strip_prefix(top).ok().and_then(Path::to_str).map(str::to_owned);
        all.extend(below.filter(|path| !all.contains(path)));
    }
    all
}

/// Without `.` and `..`; `None` if it leads above the root.
fn plain(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                if !out.pop() {
                    return None;
                }
            }
            other => out.push(other),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_those_that_git_stores() {
        assert_eq!(unix(b"a\r\nb\rc\n\r\n\r"), b"a\nb\rc\n\n\r");
        assert_eq!(plain(Path::new("/a/./b/../c")), Some(PathBuf::from("/a/c")));
        assert_eq!(plain(Path::new("/a/../..")), None);
    }
}
