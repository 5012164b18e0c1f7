//! The person's repository: found, looked at, and its refs moved by compare-and-swap. Nothing
//! here touches the checkout or the index.

use super::git::{Call, Git, Scope};
use super::git_words::{GitError, ObjectFormat};
use super::names;
use consort_core::ids::Revision;
use consort_core::time::Timestamp;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Why a directory cannot be worked with. Says what, why and what to do.
#[derive(Debug, thiserror::Error)]
pub enum RepoError {
    /// There is no checkout.
    #[error(
        "{0} is a bare repository: a run needs one with a checkout. Clone it (`git clone {0} DIR`) and run in \
         the clone"
    )]
    Bare(PathBuf),
    /// There is nothing to start from.
    #[error(
        "the repository at {0} has no commits, so there is nothing for a run to start from. Make a first one: \
         `git commit --allow-empty -m 'First commit'`"
    )]
    Unborn(PathBuf),
    /// A `.git` that leads nowhere.
    #[error("{path} is not a usable git directory: {why}. Repair it, or run elsewhere (`-C DIR`)")]
    Broken {
        /// The `.git` in question.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A path that git's own files cannot hold.
    #[error("the path of the repository ({0}) contains a line break: move it elsewhere")]
    Path(PathBuf),
    /// The file system said no.
    #[error("cannot read {path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Git itself.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// What a commit says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitInfo {
    /// In order.
    pub parents: Vec<Revision>,
    /// Whole.
    pub message: String,
}

/// A repository with a checkout and at least one commit.
#[derive(Clone, Debug)]
pub struct Repo {
    git: Git,
    main: Option<PathBuf>,
    here: PathBuf,
    git_dir: PathBuf,
    common_dir: PathBuf,
    format: ObjectFormat,
    head: Revision,
    branch: Option<String>,
}

impl Repo {
    /// The repository that `dir` lies in; `None` if it lies in none.
    pub fn discover(git: &Git, dir: &Path) -> Result<Option<Self>, RepoError> {
        let dir = fs::canonicalize(dir).map_err(io_at(dir))?;
        let Some((here, git_dir)) = find_git_dir(&dir)? else { return Ok(None) };
        let common_dir = common_dir_of(&git_dir)?;
        if [&here, &git_dir, &common_dir].iter().any(|p| p.as_os_str().as_encoded_bytes().contains(&b'\n')) {
            return Err(RepoError::Path(here));
        }
        // The object format is not known yet; it only decides the name of the empty tree, which
        // this call does not look at.
        let scope = Scope { git_dir: git_dir.clone(), objects: None, format: ObjectFormat::Sha1 };
        let call = git.call(&scope, "rev-parse").args(["--show-object-format", "--verify", "-q"]);
        let done = call.tree_attributes().arg("HEAD^{commit}").or_code(&[1, 128]).run()?;
        let text = done.line();
        let mut lines = text.lines();
        let format = match lines.next() {
            Some("sha1") => ObjectFormat::Sha1,
            Some("sha256") => ObjectFormat::Sha256,
            _ => {
                let why = "git does not recognise it as a repository".into();
                return Err(RepoError::Broken { path: git_dir, why });
            }
        };
        let Some(head) = lines.next().filter(|_| done.code == 0) else { return Err(RepoError::Unborn(here)) };
        let head = Revision(head.to_owned());
        let branch = match head_of(&git_dir) {
            Some(name) if name == HEAD_ELSEWHERE => {
                let call =
                    git.call(&Scope { git_dir: git_dir.clone(), objects: None, format }, "symbolic-ref");
                Some(call.args(["-q", "HEAD"]).or_code(&[1]).run()?.line())
            }
            other => other,
        };
        let branch = branch.filter(|name| names::is_branch_ref(name));
        let main = main_top(git, &common_dir, format)?;
        Ok(Some(Self { git: git.clone(), main, here, git_dir, common_dir, format, head, branch }))
    }

    /// Top of the main worktree: where `.consort/` lies. A bare repository with linked worktrees
    /// has none: there it is the worktree that the person stands in.
    pub fn top(&self) -> &Path {
        self.main.as_deref().unwrap_or(&self.here)
    }

    /// Top of the worktree that the person stands in.
    pub fn here(&self) -> &Path {
        &self.here
    }

    /// What the person has checked out, when it was discovered.
    pub fn head(&self) -> &Revision {
        &self.head
    }

    /// Full name of the branch the person is on; `None` when detached.
    pub fn head_branch(&self) -> Option<&str> {
        self.branch.as_deref()
    }

    /// How objects are named.
    pub fn format(&self) -> ObjectFormat {
        self.format
    }

    /// The git in use.
    pub fn git(&self) -> &Git {
        &self.git
    }

    /// The shared git directory.
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    pub(super) fn objects(&self) -> PathBuf {
        self.common_dir.join("objects")
    }

    /// Commits whose parents a shallow clone lacks.
    pub(super) fn shallow(&self) -> Option<Vec<u8>> {
        fs::read(self.common_dir.join("shallow")).ok()
    }

    pub(super) fn call(&self, command: &'static str) -> Call<'_> {
        self.git.call(&self.scope(self.common_dir.clone()), command)
    }

    pub(super) fn scope(&self, git_dir: PathBuf) -> Scope {
        Scope { git_dir, objects: None, format: self.format }
    }

    /// Where a branch points; `None` if there is none. Takes `main` and `refs/heads/main`.
    pub fn branch(&self, name: &str) -> Result<Option<Revision>, RepoError> {
        let full = if name.starts_with("refs/") { name.to_owned() } else { format!("refs/heads/{name}") };
        if !names::is_branch_ref(&full) {
            return Ok(None);
        }
        Ok(self.ref_value(&full)?)
    }

    pub(super) fn ref_value(&self, name: &str) -> Result<Option<Revision>, GitError> {
        let found = self.refs_under(&[name])?;
        Ok(found.into_iter().find(|(full, _)| full == name).map(|(_, value)| value))
    }

    /// Refs by full names or folders of names.
    pub(super) fn refs_under(&self, names: &[&str]) -> Result<Vec<(String, Revision)>, GitError> {
        let call = self.call("for-each-ref").arg("--format=%(objectname) %(refname)").arg("--").args(names);
        let text = call.run()?.line();
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        Ok(lines.map(|(id, name)| (name.to_owned(), Revision(id.to_owned()))).collect())
    }

    /// Refs in a folder of names, such as `refs/consort/x/`, with their values.
    pub fn refs(&self, folder: &str) -> Result<Vec<(String, Revision)>, RepoError> {
        let folder = folder.trim_end_matches('/');
        if !folder.starts_with("refs/") || folder.contains(['*', '?', '[']) {
            return Ok(Vec::new());
        }
        Ok(self.refs_under(&[folder])?)
    }

    /// Refs in a folder of names that this commit contains, with their values.
    pub fn refs_within(
        &self,
        folder: &str,
        revision: &Revision,
    ) -> Result<Vec<(String, Revision)>, RepoError> {
        let Some(id) = names::object_id(revision, self.format) else { return Ok(Vec::new()) };
        let within = format!("--merged={id}");
        let call =
            self.call("for-each-ref").args(["--format=%(objectname) %(refname)", &within, "--", folder]);
        let text = call.run()?.line();
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        Ok(lines.map(|(id, name)| (name.to_owned(), Revision(id.to_owned()))).collect())
    }

    /// The commit that a person means by a ref, a short id or `HEAD~2`; `None` if they mean none.
    pub fn resolve(&self, text: &str) -> Result<Option<Revision>, RepoError> {
        if text.is_empty() || text.chars().any(char::is_control) {
            return Ok(None);
        }
        // From where the person stands: a linked worktree has a HEAD of its own.
        let call = self.git.call(&self.scope(self.git_dir.clone()), "rev-parse");
        let call = call.args(["--verify", "-q", "--end-of-options"]).arg(format!("{text}^{{commit}}"));
        let found = Revision(call.or_code(&[1, 128]).run()?.line());
        Ok(names::object_id(&found, self.format).is_some().then_some(found))
    }

    /// What a commit says of itself; `None` if there is no such commit.
    pub fn commit(&self, revision: &Revision) -> Result<Option<CommitInfo>, RepoError> {
        let Some(id) = names::object_id(revision, self.format) else { return Ok(None) };
        let done = self.call("cat-file").args(["commit", id]).or_code(&[128]).run()?;
        if done.code != 0 {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&done.stdout);
        let (head, message) = text.split_once("\n\n").unwrap_or((&text, ""));
        let parents = head.lines().filter_map(|line| line.strip_prefix("parent "));
        let parents = parents.map(|id| Revision(id.to_owned())).collect();
        Ok(Some(CommitInfo { parents, message: message.to_owned() }))
    }

    /// The bytes of several files in a revision, in their order: one call. `None` for what is no
    /// file there.
    pub fn show_all(&self, revision: &Revision, paths: &[String]) -> Result<Vec<Option<Vec<u8>>>, RepoError> {
        let id = names::object_id(revision, self.format);
        let Some(id) = id.filter(|_| paths.iter().all(|path| names::path_problem(path).is_none())) else {
            return Ok(vec![None; paths.len()]);
        };
        Ok(read_blobs(self.call("cat-file"), id, paths)?)
    }

    /// True if there is a file or directory at this path in a revision.
    pub fn exists_at(&self, revision: &Revision, path: &str) -> Result<bool, RepoError> {
        let Some(id) = names::object_id(revision, self.format) else { return Ok(false) };
        if names::path_problem(path).is_some() {
            return Ok(false);
        }
        let call = self.call("ls-tree").args(["-z", "--name-only", "--full-tree", id, "--"]).arg(path);
        Ok(!call.run()?.stdout.is_empty())
    }

    /// The bytes of a file in a revision; `None` if there is no such file.
    pub fn show(&self, revision: &Revision, path: &str) -> Result<Option<Vec<u8>>, RepoError> {
        let Some(id) = names::object_id(revision, self.format) else { return Ok(None) };
        if names::path_problem(path).is_some() {
            return Ok(None);
        }
        Ok(read_blobs(self.call("cat-file"), id, &[path.to_owned()])?.pop().flatten())
    }

    /// Names of files that agents will not see because they are not committed: changed, staged or
    /// untracked, sorted, at most `max` of them, and how many there are.
    pub fn dirty(&self, max: usize) -> Result<(usize, Vec<String>), RepoError> {
        // A git directory without configuration, so that no filter or monitor of the person's runs.
        let blank = tempfile::tempdir().map_err(io_at(&std::env::temp_dir()))?;
        super::engine::write_git_dir(blank.path(), self.format, None).map_err(io_at(blank.path()))?;
        self.link_shared_index(blank.path());
        let scope =
            Scope { git_dir: blank.path().to_owned(), objects: Some(self.objects()), format: self.format };
        let index = self.git_dir.join("index");
        let mut found = std::collections::BTreeSet::new();
        let call = self.git.call(&scope, "ls-files").index(&index).work_tree(&self.here);
        let exclude = self.common_dir.join("info/exclude");
        let call = call.args(["-z", "-m", "-o", "--exclude-per-directory=.gitignore"]);
        let call = if exclude.is_file() { call.arg("--exclude-from").arg(exclude) } else { call };
        let done = call.run()?;
        found.extend(done.pieces().map(names::shown));
        let call = self.git.call(&scope, "diff-index").index(&index).work_tree(&self.here);
        let call = call.args(["--cached", "-z", "--name-only", "--no-renames", self.head.as_str(), "--"]);
        found.extend(call.run()?.pieces().map(names::shown));
        found.retain(|name| !name.starts_with(".consort/"));
        Ok((found.len(), found.into_iter().take(max).collect()))
    }

    /// A split index has its larger half beside it.
    fn link_shared_index(&self, to: &Path) {
        let Ok(entries) = fs::read_dir(&self.git_dir) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(b"sharedindex.") {
                // Without it git says that the index is incomplete, and so do we.
                let _ = std::os::unix::fs::symlink(entry.path(), to.join(name));
            }
        }
    }

    /// True if a branch is checked out, or being rebased, in some worktree.
    pub fn is_checked_out(&self, branch: &str) -> Result<bool, RepoError> {
        Ok(!self.checked_out(branch)?.is_empty())
    }

    /// Every worktree in which a branch is checked out or being rebased: its git directory.
    pub(super) fn checked_out(&self, branch: &str) -> Result<Vec<PathBuf>, GitError> {
        let mut dirs: Vec<PathBuf> = self.main.iter().map(|_| self.common_dir.clone()).collect();
        if let Ok(entries) = fs::read_dir(self.common_dir.join("worktrees")) {
            dirs.extend(entries.flatten().map(|entry| entry.path()));
        }
        if head_of(&self.common_dir).as_deref() == Some(HEAD_ELSEWHERE) {
            let call = self.call("for-each-ref").args(["--format=%(worktreepath)", "--", branch]);
            let at = call.run()?.line();
            dirs.retain(|dir| {
                !at.is_empty() && self.worktree_of(dir).is_some_and(|top| top == Path::new(&at))
            });
            return Ok(dirs);
        }
        let is_on = |dir: &PathBuf| {
            let rebased = ["rebase-merge/head-name", "rebase-apply/head-name"]
                .iter()
                .any(|file| fs::read_to_string(dir.join(file)).is_ok_and(|name| name.trim() == branch));
            rebased || head_of(dir).as_deref() == Some(branch)
        };
        dirs.retain(is_on);
        Ok(dirs)
    }

    /// The worktree that a git directory belongs to, if it is there.
    pub(super) fn worktree_of(&self, git_dir: &Path) -> Option<PathBuf> {
        if git_dir == self.common_dir {
            return self.main.clone();
        }
        let text = fs::read_to_string(git_dir.join("gitdir")).ok()?;
        let dot = git_dir.join(text.trim_end_matches('\n'));
        dot.parent().filter(|dir| dir.is_dir()).map(Path::to_owned)
    }

    /// Moves refs, all or none, each from the value that is expected. No hook runs.
    pub(super) fn move_refs(
        &self,
        moves: &[RefMove],
        git_dir: Option<&Path>,
        at: Timestamp,
        why: &str,
    ) -> Result<(), GitError> {
        let mut stdin = Vec::new();
        for RefMove { name, to, from } in moves {
            let from = match from {
                From::Anything => String::new(),
                From::Absent => self.format.zero(),
                From::At(old) => old.to_string(),
            };
            stdin.extend_from_slice(format!("update {name}\0{to}\0{from}\0").as_bytes());
        }
        let scope = self.scope(git_dir.unwrap_or(&self.common_dir).to_owned());
        let call = self.git.call(&scope, "update-ref").args(["-m", why, "--no-deref", "--stdin", "-z"]);
        call.at(at).stdin(stdin).run().map(drop)
    }
}

impl Repo {
    /// The same objects seen from another git directory, which has no worktree.
    pub(super) fn seen_from(&self, git_dir: &Path) -> Repo {
        Repo {
            main: None,
            here: git_dir.to_owned(),
            git_dir: git_dir.to_owned(),
            common_dir: git_dir.to_owned(),
            branch: None,
            ..self.clone()
        }
    }

    /// As the new value of a ref: it is not there afterwards.
    pub(super) fn nothing(&self) -> Revision {
        Revision(self.format.zero())
    }
}

/// One ref from a value to another.
pub(super) struct RefMove {
    pub(super) name: String,
    pub(super) to: Revision,
    pub(super) from: From,
}

/// What must be there before.
pub(super) enum From {
    Anything,
    Absent,
    At(Revision),
}

/// Several files of one commit in one call, in order; `None` for what is no file there.
pub(super) fn read_blobs(
    call: Call<'_>,
    commit: &str,
    paths: &[String],
) -> Result<Vec<Option<Vec<u8>>>, GitError> {
    // A path that cannot be in a tree is in none; git would take some of them for something else.
    let names: Vec<Option<String>> = paths
        .iter()
        .map(|path| names::path_problem(path).is_none().then(|| format!("{commit}:{path}")))
        .collect();
    if names.iter().all(Option::is_none) {
        return Ok(vec![None; paths.len()]);
    }
    let stdin = names.iter().flatten().flat_map(|name| name.bytes().chain([0])).collect();
    let done = call.args(["--batch", "-z"]).stdin(stdin).run()?;
    let mut rest = &done.stdout[..];
    let wrong = || GitError::Failed {
        what: "cat-file".into(),
        code: "0".into(),
        stderr: "its answer does not have the documented shape".into(),
    };
    let mut found = Vec::with_capacity(names.len());
    for name in &names {
        let Some(name) = name else {
            found.push(None);
            continue;
        };
        let missing = format!("{name} missing\n");
        if let Some(after) = rest.strip_prefix(missing.as_bytes()) {
            rest = after;
            found.push(None);
            continue;
        }
        let end = rest.iter().position(|b| *b == b'\n').ok_or_else(wrong)?;
        let head = String::from_utf8_lossy(&rest[..end]).into_owned();
        let mut words = head.split(' ').skip(1);
        let is_blob = words.next() == Some("blob");
        let size: usize = words.next().and_then(|n| n.parse().ok()).ok_or_else(wrong)?;
        let body = rest.get(end + 1..end + 1 + size).ok_or_else(wrong)?;
        rest = rest.get(end + size + 2..).ok_or_else(wrong)?;
        found.push(is_blob.then(|| body.to_vec()));
    }
    Ok(found)
}

fn io_at(path: &Path) -> impl Fn(io::Error) -> RepoError + use<> {
    let path = path.to_owned();
    move |source| RepoError::Io { path: path.clone(), source }
}

/// What stands in `HEAD` where refs lie in one table (`reftable`).
const HEAD_ELSEWHERE: &str = "refs/heads/.invalid";

/// The branch in a `HEAD`.
fn head_of(git_dir: &Path) -> Option<String> {
    let text = fs::read_to_string(git_dir.join("HEAD")).ok()?;
    Some(text.strip_prefix("ref: ")?.trim().to_owned())
}

fn looks_like_git_dir(dir: &Path) -> bool {
    dir.join("HEAD").is_file() && dir.join("refs").is_dir() && dir.join("objects").is_dir()
}

/// Walks up to the first `.git`: the top of its worktree and its git directory. Done without git,
/// which refuses repositories of other owners: none of their settings act on what we run.
fn find_git_dir(dir: &Path) -> Result<Option<(PathBuf, PathBuf)>, RepoError> {
    for top in dir.ancestors() {
        let dot = top.join(".git");
        let broken = |why: String| RepoError::Broken { path: dot.clone(), why };
        match fs::metadata(&dot) {
            Ok(meta) if meta.is_dir() && looks_like_git_dir(&dot) => {
                return Ok(Some((top.to_owned(), fs::canonicalize(&dot).map_err(io_at(&dot))?)));
            }
            Ok(meta) if meta.is_file() => {
                let text = fs::read_to_string(&dot).map_err(io_at(&dot))?;
                let to = text.strip_prefix("gitdir: ").map(|to| top.join(to.trim_end_matches('\n')));
                let to = to.ok_or_else(|| broken("it does not say `gitdir: PATH`".into()))?;
                let to = fs::canonicalize(&to)
                    .map_err(|_| broken(format!("it points to {}, which is not there", to.display())))?;
                return Ok(Some((top.to_owned(), to)));
            }
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(io_at(&dot)(e)),
        }
        if looks_like_git_dir(top) {
            return Err(RepoError::Bare(top.to_owned()));
        }
    }
    Ok(None)
}

fn common_dir_of(git_dir: &Path) -> Result<PathBuf, RepoError> {
    let file = git_dir.join("commondir");
    let to = match fs::read_to_string(&file) {
        Ok(text) => git_dir.join(text.trim_end_matches('\n')),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(git_dir.to_owned()),
        Err(e) => return Err(io_at(&file)(e)),
    };
    let why = || format!("`commondir` leads to {}, which is not there", to.display());
    fs::canonicalize(&to).map_err(|_| RepoError::Broken { path: git_dir.to_owned(), why: why() })
}

/// Top of the main worktree, if there is one.
fn main_top(git: &Git, common: &Path, format: ObjectFormat) -> Result<Option<PathBuf>, RepoError> {
    let file = common.join("config");
    let text = fs::read_to_string(&file).map_err(io_at(&file))?.to_lowercase();
    let beside = common.file_name().is_some_and(|name| name == ".git").then(|| common.parent()).flatten();
    // The usual case needs no question: `bare = false` and no `worktree`.
    let words: String = text.split_whitespace().collect();
    if words.contains("bare=false") && !words.contains("worktree") {
        return Ok(beside.map(Path::to_owned));
    }
    let scope = Scope { git_dir: common.to_owned(), objects: None, format };
    let ask = |key: &str| {
        let call = git.call(&scope, "config").args(["--file", "config", "--get", key]).or_code(&[1]);
        call.run().map(|done| done.line())
    };
    if ask("core.bare")? == "true" {
        return Ok(None);
    }
    let worktree = ask("core.worktree")?;
    if worktree.is_empty() {
        return Ok(beside.map(Path::to_owned));
    }
    Ok(fs::canonicalize(common.join(worktree)).ok())
}
