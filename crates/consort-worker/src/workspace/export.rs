//! Read-only copies for reviewers.

use super::engine::Engine;
use super::{PlaneError, files, names};
use crate::drill;
use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// Fills a new directory beside `to` and puts it in its place in one step.
pub(super) fn replace_dir(
    state: &Path,
    to: &Path,
    fill: impl FnOnce(&Path) -> Result<(), PlaneError>,
) -> Result<(), PlaneError> {
    let inside =
        to.starts_with(state) && to.components().all(|c| !matches!(c, std::path::Component::ParentDir));
    let (Some(above), Some(name), true) = (to.parent(), to.file_name(), inside) else {
        return Err(PlaneError::Refused(format!(
            "{} is not in the run's state directory {}",
            to.display(),
            state.display()
        )));
    };
    let making = sibling(above, ".making-", name);
    let old = sibling(above, ".old-", name);
    let clear = |dir: &Path| files::remove_tree(dir).map_err(|e| PlaneError::io("remove", dir, e));
    clear(&making)?;
    clear(&old)?;
    private_dir(&making)?;
    fill(&making)?;
    drill::site("git.export.before");
    if to.symlink_metadata().is_ok() {
        fs::rename(to, &old).map_err(|e| PlaneError::io("move away", to, e))?;
    }
    fs::rename(&making, to).map_err(|e| PlaneError::io("put in place", to, e))?;
    drill::site("git.export.after");
    clear(&old)
}

/// A name beside a directory, for one that is being made or on its way out.
pub(super) fn sibling(above: &Path, prefix: &str, name: &std::ffi::OsStr) -> PathBuf {
    let mut own = std::ffi::OsString::from(prefix);
    own.push(name);
    above.join(own)
}

/// A directory that only we may enter, with its parents.
pub(super) fn private_dir(dir: &Path) -> Result<(), PlaneError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|e| PlaneError::io("create", dir, e))
}

/// Writes one file beneath a directory that nobody else knows yet.
pub(super) fn write_new(dir: &Path, path: &str, bytes: &[u8], mode: u32) -> Result<(), PlaneError> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    if let Some(why) = names::path_problem(path) {
        return Err(PlaneError::Refused(format!("`{path}` {why}")));
    }
    let full = dir.join(path);
    let io = |source| PlaneError::io("write", &full, source);
    fs::create_dir_all(full.parent().expect("a file in a directory has a parent")).map_err(io)?;
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&full);
    file.and_then(|mut file| file.write_all(bytes)).map_err(io)
}

/// All files of a commit: one call.
pub(super) fn all(engine: &Engine, commit: &str, index: &Path, to: &Path) -> Result<(), PlaneError> {
    let call = engine.call("read-tree").args(["--reset", "-u", commit]).index(index).work_tree(to);
    call.run()?;
    Ok(())
}
