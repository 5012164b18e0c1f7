//! Which files a commit holds, without their content.

use super::names;
use super::repo::{Repo, RepoError};
use consort_core::ids::Revision;
use std::collections::BTreeSet;

impl Repo {
    /// The names of all files in a revision, but for those that are not UTF-8: nobody can declare them.
    pub fn files(&self, revision: &Revision) -> Result<BTreeSet<String>, RepoError> {
        let Some(id) = names::object_id(revision, self.format()) else { return Ok(BTreeSet::new()) };
        let done = self.call("ls-tree").args(["-r", "-z", "--name-only", "--full-tree", id]).run()?;
        Ok(done.pieces().filter_map(|name| Some(std::str::from_utf8(name).ok()?.to_owned())).collect())
    }

    /// Which of these paths are files in a revision, in their order: one call, whose answer does not
    /// grow with the repository.
    pub fn are_files(&self, revision: &Revision, paths: &[String]) -> Result<Vec<bool>, RepoError> {
        let Some(id) = names::object_id(revision, self.format()) else { return Ok(vec![false; paths.len()]) };
        // A path that cannot be in a tree is in none; git would take some of them for something else.
        let legal = |path: &&String| names::path_problem(path).is_none();
        let stdin =
            paths.iter().filter(legal).flat_map(|path| format!("{id}:{path}\0").into_bytes()).collect();
        let call = self.call("cat-file").args(["--batch-check=%(objecttype)", "-z"]);
        let text = call.stdin(stdin).run()?.stdout;
        let mut answers = text.split(|byte| *byte == b'\n');
        Ok(paths.iter().map(|path| legal(&path) && answers.next() == Some(b"blob")).collect())
    }
}
