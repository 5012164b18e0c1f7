//! Bringing a run's result to a branch of the person's: the only place that touches one.

use super::engine::{Engine, NewCommit};
use super::git::Scope;
use super::git_words::GitError;
use super::merge::merge_two;
use super::repo::{From, RefMove, Repo};
use super::{NAMES_MAX, PlaneError, engine, names};
use crate::drill;
use consort_core::ids::{Revision, RunId};
use consort_core::time::Timestamp;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Why a result was not brought to a branch. The branch, the index and the checkout are as before unless the
/// text says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum IntegrateError {
    /// No such branch.
    #[error("there is no branch `{0}`. `git branch --list` shows those that exist")]
    NoBranch(String),
    /// Somebody committed meanwhile.
    #[error("`{into}` moved from {expected} to {found} since it was looked at. Look at it and ask again")]
    Moved {
        /// The branch.
        into: String,
        /// What the person saw.
        expected: Revision,
        /// What is there.
        found: Revision,
    },
    /// The branch is checked out and not clean.
    #[error(
        "`{into}` is checked out in {dir} with uncommitted changes ({}). Commit or stash them there, or \
         integrate into another branch (`--into BRANCH`)", files.join(", ")
    )]
    Dirty {
        /// The branch.
        into: String,
        /// Where.
        dir: PathBuf,
        /// At most 20 names.
        files: Vec<String>,
    },
    /// The branch is checked out in a state in which it must not move.
    #[error("`{into}` is checked out in {dir}, where {why}. Finish that, or integrate into another branch")]
    Busy {
        /// The branch.
        into: String,
        /// Where.
        dir: PathBuf,
        /// Such as `a merge is in progress`.
        why: String,
    },
    /// The branch and the result say different things.
    #[error("the result does not merge into `{into}`: {}. Merge it by hand: `git merge {result}`", paths.join(", "))]
    Conflict {
        /// The branch.
        into: String,
        /// What was to be merged.
        result: Revision,
        /// At most 20.
        paths: Vec<String>,
    },
    /// Not a branch or no commits of this repository.
    #[error("{0}")]
    Invalid(String),
    /// Git could not do it.
    #[error(transparent)]
    Git(#[from] GitError),
    /// Something else.
    #[error(transparent)]
    Plane(#[from] PlaneError),
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integrated {
    /// Where the branch is now.
    pub revision: Revision,
    /// The worktree whose files followed, if the branch is checked out.
    pub checkout: Option<PathBuf>,
}

/// What would be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DryRun {
    /// Where the branch is.
    pub from: Revision,
    /// Commits that it would gain, newest first: id and subject; at most 200.
    pub commits: Vec<(String, String)>,
    /// Paths that would change: status letter and path.
    pub paths: Vec<(char, String)>,
    /// Why it would be refused, if it would.
    pub obstacle: Option<String>,
}

/// One integration, checked and merged but not done.
struct Ready {
    into: String,
    expected: Revision,
    commit: Revision,
    checkout: Option<Checkout>,
}

struct Checkout {
    git_dir: PathBuf,
    dir: PathBuf,
}

/// Merges `result` into the branch `into` (a full ref name), which must still be at `expected`. A branch that is
/// checked out and clean takes its files along. Repeating it after a crash ends with the same commit.
pub fn integrate(
    repo: &Repo,
    run: &RunId,
    into: &str,
    expected: &Revision,
    result: &Revision,
    at: Timestamp,
) -> Result<Integrated, IntegrateError> {
    let ground = Ground::new(repo)?;
    let ready = match ground.ready(run, into, expected, result, at)? {
        Step::Done(revision) => return Ok(Integrated { revision, checkout: None }),
        Step::Ready(ready) => ready,
    };
    if let Some(checkout) = &ready.checkout {
        ground.follow(&ready, checkout)?;
    }
    let from = From::At(ready.expected.clone());
    let moves = [RefMove { name: ready.into.clone(), to: ready.commit.clone(), from }];
    let git_dir = ready.checkout.as_ref().map(|c| c.git_dir.as_path());
    drill::site("git.integrate.before");
    let moved = repo.move_refs(&moves, git_dir, at, &format!("consort: integrate {run}"));
    drill::site("git.integrate.after");
    if let Err(error) = moved {
        if let Some(checkout) = &ready.checkout {
            ground.go_back(&ready, checkout)?;
        }
        return match repo.ref_value(into)? {
            Some(found) if found != *expected => Err(moved_on(into, expected, found)),
            _ => Err(error.into()),
        };
    }
    Ok(Integrated { revision: ready.commit, checkout: ready.checkout.map(|c| c.dir) })
}

/// What [`integrate`] would do now; changes nothing but unreachable objects.
pub fn integrate_dry_run(
    repo: &Repo,
    run: &RunId,
    into: &str,
    result: &Revision,
    at: Timestamp,
) -> Result<DryRun, IntegrateError> {
    let ground = Ground::new(repo)?;
    check_names(repo, into, &[result])?;
    let from = repo.ref_value(into)?.ok_or_else(|| IntegrateError::NoBranch(into.to_owned()))?;
    let (before, after, obstacle) = match ground.ready(run, into, &from, result, at) {
        Ok(Step::Done(_)) => {
            (from.clone(), from.clone(), Some(format!("`{into}` contains the result already")))
        }
        Ok(Step::Ready(ready)) => (from.clone(), ready.commit, None),
        Err(
            error @ (IntegrateError::Dirty { .. }
            | IntegrateError::Busy { .. }
            | IntegrateError::Conflict { .. }),
        ) => (ground.met(&from, result)?, result.clone(), Some(error.to_string())),
        Err(other) => return Err(other),
    };
    let call = repo.call("log").args(["-z", "--format=%H %s", "--max-count=200", result.as_str()]);
    let done = call.arg(format!("^{from}")).arg("--").run()?;
    let commits = done.pieces().filter_map(|line| {
        let line = String::from_utf8_lossy(line).into_owned();
        let (id, subject) = line.split_once(' ')?;
        Some((id.to_owned(), names::shown(subject.as_bytes())))
    });
    let commits = commits.collect();
    let call = ground.engine.call("diff-tree").args(["-r", "-z", "--name-status", "--no-renames"]);
    let done = call.args([before.as_str(), after.as_str(), "--"]).run()?;
    let mut pieces = done.pieces();
    let mut paths = Vec::new();
    while let (Some(status), Some(path)) = (pieces.next(), pieces.next()) {
        paths.push((char::from(status[0]), names::shown(path)));
    }
    Ok(DryRun { from, commits, paths, obstacle })
}

fn moved_on(into: &str, expected: &Revision, found: Revision) -> IntegrateError {
    IntegrateError::Moved { into: into.to_owned(), expected: expected.clone(), found }
}

fn check_names(repo: &Repo, into: &str, revisions: &[&Revision]) -> Result<(), IntegrateError> {
    if !names::is_branch_ref(into) {
        let why = format!("`{into}` is not the full name of a branch (such as `refs/heads/main`)");
        return Err(IntegrateError::Invalid(why));
    }
    match revisions.iter().find(|r| names::object_id(r, repo.format()).is_none()) {
        Some(other) => Err(IntegrateError::Invalid(format!("`{other}` is not a commit of this repository"))),
        None => Ok(()),
    }
}

enum Step {
    /// The branch contains the result.
    Done(Revision),
    Ready(Ready),
}

/// A git directory of ours for one integration.
struct Ground<'a> {
    repo: &'a Repo,
    engine: Engine,
    blank: tempfile::TempDir,
}

impl<'a> Ground<'a> {
    fn new(repo: &'a Repo) -> Result<Self, IntegrateError> {
        let tmp = std::env::temp_dir();
        let blank = tempfile::tempdir().map_err(|e| PlaneError::io("write in", &tmp, e))?;
        let engine = Engine::open(repo, &blank.path().join("engine.git"))?;
        Ok(Self { repo, engine, blank })
    }

    /// Where two commits met last, else the first: what a branch gained since is not the result's to lose.
    fn met(&self, one: &Revision, other: &Revision) -> Result<Revision, IntegrateError> {
        let call = self.repo.call("merge-base").args([one.as_str(), other.as_str()]);
        let done = call.or_code(&[1]).run()?;
        Ok(if done.code == 0 { Revision(done.line()) } else { one.clone() })
    }

    fn ready(
        &self,
        run: &RunId,
        into: &str,
        expected: &Revision,
        result: &Revision,
        at: Timestamp,
    ) -> Result<Step, IntegrateError> {
        check_names(self.repo, into, &[expected, result])?;
        let Some(now) = self.repo.ref_value(into)? else {
            return Err(IntegrateError::NoBranch(into.to_owned()));
        };
        if self.repo.call("symbolic-ref").args(["-q", into]).or_code(&[1]).run()?.code == 0 {
            let why = format!("`{into}` is only another name for a branch: name that branch itself");
            return Err(IntegrateError::Invalid(why));
        }
        if self.contains(&now, result)? {
            return Ok(Step::Done(now));
        }
        if now != *expected {
            return Err(moved_on(into, expected, now));
        }
        let tree = merge_two(&self.engine, expected.as_str(), result.as_str())?.map_err(|paths| {
            let shown: BTreeSet<String> = paths.iter().map(|path| names::shown(path)).collect();
            let paths = shown.into_iter().take(NAMES_MAX).collect();
            IntegrateError::Conflict { into: into.to_owned(), result: result.clone(), paths }
        })?;
        let commit = self.engine.commit(&NewCommit {
            parents: &[expected.to_string(), result.to_string()],
            tree: Some(&tree),
            deletes: Vec::new(),
            puts: Vec::new(),
            message: format!("Merge the result of {run}\n"),
            at,
        })?;
        let ready = Ready {
            into: into.to_owned(),
            expected: expected.clone(),
            commit: Revision(commit),
            checkout: None,
        };
        let checkout = self.checkout(&ready)?;
        Ok(Step::Ready(Ready { checkout, ..ready }))
    }

    fn contains(&self, branch: &Revision, result: &Revision) -> Result<bool, IntegrateError> {
        let call = self.engine.call("merge-base").args(["--is-ancestor", result.as_str(), branch.as_str()]);
        Ok(call.or_code(&[1]).run()?.code == 0)
    }

    /// Where the branch is checked out, if it is, and fit to be moved.
    fn checkout(&self, ready: &Ready) -> Result<Option<Checkout>, IntegrateError> {
        let mut dirs = self.repo.checked_out(&ready.into)?;
        let Some(git_dir) = dirs.pop() else { return Ok(None) };
        let Some(dir) = self.repo.worktree_of(&git_dir) else { return Ok(None) };
        let busy = |why: &str| {
            Err(IntegrateError::Busy { into: ready.into.clone(), dir: dir.clone(), why: why.to_owned() })
        };
        if !dirs.is_empty() {
            return busy("it is checked out a second time elsewhere");
        }
        for (file, why) in [
            ("MERGE_HEAD", "a merge is in progress"),
            ("rebase-merge", "a rebase is in progress"),
            ("rebase-apply", "a rebase is in progress"),
            ("CHERRY_PICK_HEAD", "a cherry-pick is in progress"),
            ("REVERT_HEAD", "a revert is in progress"),
            ("BISECT_LOG", "a bisection is in progress"),
            ("info/sparse-checkout", "only a part of the files is checked out (sparse checkout)"),
        ] {
            if git_dir.join(file).exists() {
                return busy(why);
            }
        }
        let checkout = Checkout { git_dir, dir };
        let files = self.uncommitted(&checkout, ready)?;
        if files.is_empty() {
            return Ok(Some(checkout));
        }
        Err(IntegrateError::Dirty { into: ready.into.clone(), dir: checkout.dir, files })
    }

    /// Tracked files that differ from the branch. An index that stands at the merge already is
    /// what an earlier try left that died before it moved the ref: that is clean, too.
    fn uncommitted(&self, checkout: &Checkout, ready: &Ready) -> Result<Vec<String>, IntegrateError> {
        let call = self.call(checkout, "ls-files")?.args(["-z", "-m"]);
        let mut found: BTreeSet<String> = call.run()?.pieces().map(names::shown).collect();
        let mut staged = BTreeSet::new();
        for tree in [&ready.expected, &ready.commit] {
            let call =
                self.call(checkout, "diff-index")?.args(["--cached", "-z", "--name-only", "--no-renames"]);
            let names: BTreeSet<String> =
                call.args([tree.as_str(), "--"]).run()?.pieces().map(names::shown).collect();
            if names.is_empty() {
                staged.clear();
                break;
            }
            staged.extend(names);
        }
        found.extend(staged);
        Ok(found.into_iter().take(NAMES_MAX).collect())
    }

    /// A call on the person's index and files with a git directory of ours in charge: attributes in the tree
    /// decide on line ends as usual, but no filter, hook or monitor of anybody's runs.
    fn call(
        &self,
        checkout: &Checkout,
        command: &'static str,
    ) -> Result<super::git::Call<'_>, IntegrateError> {
        let dir = self.blank.path().join("blank.git");
        if !dir.join("HEAD").is_file() {
            engine::write_git_dir(&dir, self.repo.format(), None)
                .map_err(|e| PlaneError::io("set up", &dir, e))?;
        }
        let objects = Some(self.repo.objects());
        let scope = Scope { git_dir: dir, objects, format: self.repo.format() };
        let call = self.repo.git().call(&scope, command).tree_attributes();
        Ok(call.index(&checkout.git_dir.join("index")).work_tree(&checkout.dir))
    }

    /// Index and files first, all or nothing as far as git can; the ref moves after that. Somebody's
    /// untracked file in the way is left alone and named.
    fn follow(&self, ready: &Ready, checkout: &Checkout) -> Result<(), IntegrateError> {
        self.call(checkout, "update-index")?.args(["-q", "--refresh"]).or_code(&[1]).run()?;
        drill::site("git.checkout.before");
        let moved = self.two_trees(checkout, &ready.expected, &ready.commit);
        drill::site("git.checkout.after");
        match moved {
            Err(GitError::Failed { stderr, .. }) if stderr.contains("Untracked working tree file") => {
                let file = stderr.split('\'').nth(1).unwrap_or("?");
                let why = format!("the untracked file `{file}` would be overwritten");
                Err(IntegrateError::Busy { into: ready.into.clone(), dir: checkout.dir.clone(), why })
            }
            other => Ok(other?),
        }
    }

    /// The ref did not move after all: files and index return to where they were.
    fn go_back(&self, ready: &Ready, checkout: &Checkout) -> Result<(), IntegrateError> {
        let back = match self.two_trees(checkout, &ready.commit, &ready.expected) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        Err(IntegrateError::Invalid(format!(
            "`{}` did not move, but the files in {} did, and could not be moved back ({back}). \
             `git restore --staged --worktree .` there returns them",
            ready.into,
            checkout.dir.display()
        )))
    }

    fn two_trees(&self, checkout: &Checkout, from: &Revision, to: &Revision) -> Result<(), GitError> {
        let call = self.call(checkout, "read-tree").map_err(|error| match error {
            IntegrateError::Git(error) => error,
            other => {
                GitError::Failed { what: "read-tree".into(), code: "none".into(), stderr: other.to_string() }
            }
        })?;
        call.args(["-m", "-u", from.as_str(), to.as_str()]).run().map(drop)
    }
}
