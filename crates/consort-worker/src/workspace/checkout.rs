//! The `.git` of a workspace, written by us: a private clone that borrows objects, or a linked
//! worktree of a bare directory that all worktrees of a run share. Neither knows the person's refs.

use super::engine;
use super::git_words::ObjectFormat;
use std::fs;
use std::io;
use std::path::Path;

/// What both kinds have in common.
pub(super) struct Linked<'a> {
    pub(super) format: ObjectFormat,
    /// Name of the only branch: the task.
    pub(super) branch: &'a str,
    pub(super) base: &'a str,
    /// As written when the files were checked out.
    pub(super) index: &'a Path,
}

impl Linked<'_> {
    /// A repository of its own at `git_dir`: whatever happens to it, nobody else is harmed.
    pub(super) fn write_clone(
        &self,
        git_dir: &Path,
        objects: &Path,
        shallow: Option<Vec<u8>>,
    ) -> io::Result<()> {
        engine::write_git_dir(git_dir, self.format, Some(objects))?;
        fs::write(git_dir.join("config"), self.config(false))?;
        self.write_refs(git_dir, git_dir, shallow)
    }

    /// A worktree of `common` for the directory that will be at `dir`; now it is at `making`.
    pub(super) fn write_worktree(
        &self,
        common: &Path,
        objects: &Path,
        shallow: Option<Vec<u8>>,
        slug: &str,
        making: &Path,
        dir: &Path,
    ) -> io::Result<()> {
        if !common.join("HEAD").is_file() {
            engine::write_git_dir(common, self.format, Some(objects))?;
            fs::write(common.join("config"), self.config(true))?;
        }
        let admin = common.join("worktrees").join(slug);
        fs::create_dir_all(&admin)?;
        fs::write(admin.join("commondir"), "../..\n")?;
        fs::write(admin.join("gitdir"), line(&dir.join(".git")))?;
        self.write_refs(&admin, common, shallow)?;
        fs::write(making.join(".git"), [b"gitdir: ".to_vec(), line(&admin)].concat())
    }

    fn write_refs(&self, own: &Path, common: &Path, shallow: Option<Vec<u8>>) -> io::Result<()> {
        fs::write(common.join("refs/heads").join(self.branch), format!("{}\n", self.base))?;
        fs::write(own.join("HEAD"), format!("ref: refs/heads/{}\n", self.branch))?;
        if let Some(shallow) = shallow {
            fs::write(common.join("shallow"), shallow)?;
        }
        fs::copy(self.index, own.join("index")).map(drop)
    }

    fn config(&self, bare: bool) -> String {
        let (version, extension) = match self.format {
            ObjectFormat::Sha1 => (0, ""),
            ObjectFormat::Sha256 => (1, "[extensions]\n\tobjectFormat = sha256\n"),
        };
        format!(
            "[core]\n\trepositoryformatversion = {version}\n\tbare = {bare}\n{extension}\
             [user]\n\tname = consort agent\n\temail = consort@localhost\n\
             [gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n"
        )
    }
}

fn line(path: &Path) -> Vec<u8> {
    let mut bytes = path.as_os_str().as_encoded_bytes().to_vec();
    bytes.push(b'\n');
    bytes
}
