//! A repository of its own for a demonstration.

use super::engine::write_git_dir;
use super::git::{Git, Scope};
use super::git_words::ObjectFormat;
use super::repo::{Repo, RepoError};
use consort_core::time::Timestamp;
use std::fs;
use std::io;
use std::path::Path;

const CONFIG: &str = "[core]\n\trepositoryformatversion = 0\n\tbare = false\n";

/// Makes a repository in a directory, with these files as the first commit of its branch `main`.
/// Nothing of the person's settings, identity or templates takes part.
pub fn create_repository(
    git: &Git,
    dir: &Path,
    files: &[(&str, &str)],
    message: &str,
    at: Timestamp,
) -> Result<Repo, RepoError> {
    let git_dir = dir.join(".git");
    let io = |source: io::Error| RepoError::Io { path: dir.to_owned(), source };
    write_git_dir(&git_dir, ObjectFormat::Sha1, None).map_err(io)?;
    fs::write(git_dir.join("config"), CONFIG).map_err(io)?;
    fs::write(git_dir.join("HEAD"), "ref: refs/heads/main\n").map_err(io)?;
    for (path, text) in files {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap_or(dir)).map_err(io)?;
        fs::write(path, text).map_err(io)?;
    }
    let scope = Scope { git_dir: git_dir.clone(), objects: None, format: ObjectFormat::Sha1 };
    let index = git_dir.join("index");
    let names = files.iter().map(|(path, _)| *path);
    git.call(&scope, "add").index(&index).work_tree(dir).arg("--").args(names).run()?;
    let tree = git.call(&scope, "write-tree").index(&index).run()?.line();
    let commit = git.call(&scope, "commit-tree").args([&*tree, "-m", message]).at(at).run()?.line();
    git.call(&scope, "update-ref").args(["refs/heads/main", &*commit]).at(at).run()?;
    Repo::discover(git, dir)?
        .ok_or_else(|| RepoError::Broken { path: git_dir, why: "it was just made, and is gone".into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_clean_and_holds_its_files() {
        let dir = tempfile::tempdir().unwrap();
        let git = Git::find().unwrap();
        let files = [("README.md", "# A\n"), ("deep/down/x.yaml", "a: 1\n")];
        let repo = create_repository(&git, dir.path(), &files, "First", Timestamp(1_000_000)).unwrap();
        assert_eq!(repo.head_branch(), Some("refs/heads/main"));
        assert_eq!(repo.show(repo.head(), "deep/down/x.yaml").unwrap().as_deref(), Some(&b"a: 1\n"[..]));
        assert_eq!(repo.dirty(5).unwrap(), (0, Vec::new()));
    }
}
