//! Small files that are either not there or whole.

use crate::drill;
use rustix::fs::OFlags;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Whether bytes must survive a power failure before the call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durable {
    Yes,
    No,
}

/// Makes the directory and its parents, readable for this user only.
pub(crate) fn make_private_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Creates or empties a file that only this user may read. Never follows a link: an agent might
/// have put one there.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    let no_follow = OFlags::NOFOLLOW.bits().cast_signed();
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).custom_flags(no_follow).open(path)
}

/// A temporary file beside its destination, gone unless it was renamed.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn write_temporary(dir: &Path, name: &str, bytes: &[u8], durable: Durable) -> io::Result<Temporary> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let temporary = Temporary(dir.join(format!(".{name}.{}.{number}", std::process::id())));
    let mut file = create_private(&temporary.0)?;
    file.write_all(bytes)?;
    if durable == Durable::Yes {
        file.sync_all()?;
    }
    drill::site("publish.written.after");
    Ok(temporary)
}

fn settle(dir: &Path, durable: Durable) -> io::Result<()> {
    if durable == Durable::Yes { File::open(dir)?.sync_all() } else { Ok(()) }
}

/// Puts a whole file in place of what was there.
pub(crate) fn replace(dir: &Path, name: &str, bytes: &[u8], durable: Durable) -> io::Result<()> {
    let temporary = write_temporary(dir, name, bytes, durable)?;
    std::fs::rename(&temporary.0, dir.join(name))?;
    settle(dir, durable)
}

/// Puts a whole file where there was none; false if there is one already. A link, because
/// creating the name and giving it content must be one step: nobody ever sees it empty.
pub(crate) fn create(dir: &Path, name: &str, bytes: &[u8], durable: Durable) -> io::Result<bool> {
    let temporary = write_temporary(dir, name, bytes, durable)?;
    match std::fs::hard_link(&temporary.0, dir.join(name)) {
        Ok(()) => {
            drop(temporary);
            settle(dir, durable)?;
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// The bytes of a file, at most `max` of them; `None` if there is none.
pub(crate) fn read(path: &Path, max: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(max).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}
