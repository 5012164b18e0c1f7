//! The engine's own git directory: configuration, index and refs of nobody else, objects in the
//! person's repository. What is computed here is the same for every person and machine.

use super::PlaneError;
use super::git::{Call, Git, Scope};
use super::git_words::{GitError, ObjectFormat};
use super::repo::Repo;
use crate::durable;
use consort_core::time::Timestamp;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// See the module.
#[derive(Debug)]
pub(super) struct Engine {
    git: Git,
    scope: Scope,
}

/// A commit to be made; the same fields give the same id.
pub(super) struct NewCommit<'a> {
    /// The first one's tree is what `puts` and `deletes` apply to, unless there is `tree`.
    pub(super) parents: &'a [String],
    pub(super) tree: Option<&'a str>,
    pub(super) deletes: Vec<Vec<u8>>,
    pub(super) puts: Vec<Put>,
    pub(super) message: String,
    pub(super) at: Timestamp,
}

/// One file of a commit.
pub(super) struct Put {
    pub(super) mode: String,
    pub(super) path: Vec<u8>,
    pub(super) what: What,
}

/// Its content.
pub(super) enum What {
    Bytes(Vec<u8>),
    Object(String),
}

/// One difference between two trees. `mode` `000000` says that the file is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) path: Vec<u8>,
    pub(super) mode: String,
    pub(super) object: String,
}

impl Change {
    pub(super) fn is_delete(&self) -> bool {
        self.mode == "000000"
    }
}

/// Writes the few files that make a directory a git directory, without starting git.
pub(super) fn write_git_dir(dir: &Path, format: ObjectFormat, alternate: Option<&Path>) -> io::Result<()> {
    fs::create_dir_all(dir.join("refs/heads"))?;
    fs::create_dir_all(dir.join("objects/info"))?;
    if let Some(objects) = alternate {
        let mut line = objects.as_os_str().as_encoded_bytes().to_vec();
        line.push(b'\n');
        fs::write(dir.join("objects/info/alternates"), line)?;
    }
    let config = match format {
        ObjectFormat::Sha1 => "[core]\n\trepositoryformatversion = 0\n\tbare = true\n".to_owned(),
        ObjectFormat::Sha256 => "[core]\n\trepositoryformatversion = 1\n\tbare = true\n\
             [extensions]\n\tobjectFormat = sha256\n"
            .to_owned(),
    };
    fs::write(dir.join("config"), config)?;
    fs::write(dir.join("HEAD"), "ref: refs/heads/none\n")
}

impl Engine {
    /// Opens the directory; makes it when it is not there. It is put in place in one step.
    pub(super) fn open(repo: &Repo, dir: &Path) -> Result<Self, PlaneError> {
        let io = |source| PlaneError::io("set up", dir, source);
        if !dir.join("HEAD").is_file() {
            let above = dir.parent().expect("the engine's directory lies in the run's");
            durable::create_dirs(above).map_err(io)?;
            let new = tempfile::Builder::new().prefix(".engine-").tempdir_in(above).map_err(io)?;
            write_git_dir(new.path(), repo.format(), None).map_err(io)?;
            match fs::rename(new.path(), dir) {
                // Another process of the same run was quicker: both made the same.
                Err(_) if dir.join("HEAD").is_file() => {}
                other => other.map_err(io)?,
            }
        }
        let shallow = dir.join("shallow");
        match repo.shallow() {
            Some(bytes) => durable::write(&shallow, &bytes, 0o600).map_err(io)?,
            None if shallow.exists() => fs::remove_file(&shallow).map_err(io)?,
            None => {}
        }
        let scope = Scope { git_dir: dir.to_owned(), objects: Some(repo.objects()), format: repo.format() };
        Ok(Self { git: repo.git().clone(), scope })
    }

    pub(super) fn call(&self, command: &'static str) -> Call<'_> {
        self.git.call(&self.scope, command)
    }

    /// Makes a commit with all its new files and folders in one call and flushes it. No ref is
    /// left behind, so until one is set a collection of garbage may take it.
    pub(super) fn commit(&self, new: &NewCommit<'_>) -> Result<String, PlaneError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("refs/import/{}-{count}", std::process::id());
        let stream = import_stream(new, &name, &self.scope.format.zero());
        let call = self.call("fast-import").args(["--quiet", "--force", "--date-format=raw"]);
        let id = call.stdin(stream).run()?.line();
        if id.len() == self.scope.format.digits() && id.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(id);
        }
        Err(PlaneError::Failed(format!("git fast-import made a commit but called it `{id}`")))
    }

    /// What each of the commits changes against `base`: one call.
    pub(super) fn changes(&self, base: &str, tips: &[String]) -> Result<Vec<Vec<Change>>, GitError> {
        let stdin: String = tips.iter().map(|tip| format!("{tip} {base}\n")).collect();
        let call =
            self.call("diff-tree").args(["--stdin", "-r", "-z", "--raw", "--no-renames", "--no-abbrev"]);
        let done = call.arg("--always").stdin(stdin.into_bytes()).run()?;
        let mut found: Vec<Vec<Change>> = Vec::with_capacity(tips.len());
        let mut pieces = done.pieces();
        while let Some(piece) = pieces.next() {
            let Some(raw) = piece.strip_prefix(b":") else {
                found.push(Vec::new());
                continue;
            };
            let raw = String::from_utf8_lossy(raw);
            let mut words = raw.split(' ').skip(1);
            let (mode, object) = (words.next().unwrap_or(""), words.nth(1).unwrap_or(""));
            let path = pieces.next().unwrap_or(b"").to_vec();
            if let Some(of_tip) = found.last_mut() {
                of_tip.push(Change { path, mode: mode.into(), object: object.into() });
            }
        }
        if found.len() == tips.len() {
            return Ok(found);
        }
        let stderr = format!("it answered for {} commits of {}", found.len(), tips.len());
        Err(GitError::Failed { what: "diff-tree".into(), code: "0".into(), stderr })
    }
}

fn import_stream(new: &NewCommit<'_>, name: &str, zero: &str) -> Vec<u8> {
    let mut to = Vec::new();
    let mut line = |text: &[u8]| {
        to.extend_from_slice(text);
        to.push(b'\n');
    };
    line(b"feature done");
    line(format!("commit {name}").as_bytes());
    line(b"mark :1");
    let seconds = new.at.seconds().max(0);
    line(format!("committer consort <consort@localhost> {seconds} +0000").as_bytes());
    line(format!("data {}\n{}", new.message.len(), new.message).as_bytes());
    for (i, parent) in new.parents.iter().enumerate() {
        line(format!("{} {parent}", if i == 0 { "from" } else { "merge" }).as_bytes());
    }
    if let Some(tree) = new.tree {
        line(format!("M 040000 {tree} \"\"").as_bytes());
    }
    // Gone ones first: a file may take the place of a folder and the other way round.
    for path in &new.deletes {
        line(&[b"D ", &quoted(path)[..]].concat());
    }
    for Put { mode, path, what } in &new.puts {
        let path = quoted(path);
        match what {
            What::Object(id) => line(&[format!("M {mode} {id} ").as_bytes(), &path].concat()),
            What::Bytes(bytes) => {
                line(&[format!("M {mode} inline ").as_bytes(), &path].concat());
                line(format!("data {}", bytes.len()).as_bytes());
                line(bytes);
            }
        }
    }
    line(format!("\nget-mark :1\nreset {name}\nfrom {zero}\n\ndone").as_bytes());
    to
}

/// A path between double quotes, as git reads it.
fn quoted(path: &[u8]) -> Vec<u8> {
    let mut to = vec![b'"'];
    for byte in path {
        match byte {
            b'"' | b'\\' => to.extend([b'\\', *byte]),
            0..=31 | 127 => to.extend(format!("\\{byte:03o}").bytes()),
            _ => to.push(*byte),
        }
    }
    to.push(b'"');
    to
}

/// Where the engine keeps what it knows about a workspace: outside of it.
pub(super) fn side_dir(state: &Path, slug: &str) -> PathBuf {
    state.join("sides").join(slug)
}
