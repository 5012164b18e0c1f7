//! Files in directories that agents write to: opened without following any link, read within
//! bounds, removed without leaving the directory.

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, fchmod, fstat, openat, readlinkat, statat, unlinkat,
};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// No declared file is larger, in bytes.
pub const FILE_BYTES_MAX: u64 = 16 << 20;
/// All declared files of one task together are not larger, in bytes.
pub const FILES_BYTES_MAX: u64 = 64 << 20;

/// What is at a path.
pub(super) enum Found {
    /// A regular file and whether it is executable.
    File { bytes: Vec<u8>, executable: bool },
    /// A symbolic link and where it points.
    Link(Vec<u8>),
    /// A directory.
    Folder,
    /// Nothing.
    Absent,
    /// Something that is never taken: why.
    Unfit(String),
}

const STEP: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The directory that everything is beneath. It is no link itself; what it lies in is ours and may be
/// reached through links.
pub(super) fn open_root(dir: &Path) -> io::Result<OwnedFd> {
    Ok(openat(CWD, dir, STEP, Mode::empty())?)
}

/// True for a directory that is no link to one.
pub(super) fn is_real_dir(dir: &Path) -> bool {
    dir.symlink_metadata().is_ok_and(|meta| meta.is_dir())
}

fn open_above(dir: &Path) -> io::Result<OwnedFd> {
    Ok(openat(CWD, dir, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// Reads what is at a relative path, following no link at any step: each component is opened
/// in the directory opened before it, so swapping one for a link meanwhile does not help.
pub(super) fn read_beneath(root: BorrowedFd<'_>, path: &[u8], cap: u64) -> io::Result<Found> {
    let parts: Vec<&[u8]> = path.split(|b| *b == b'/').collect();
    if parts.iter().any(|p| p.is_empty() || *p == b"." || *p == b"..") {
        return Ok(Found::Unfit("is not a plain relative path".into()));
    }
    let (last, above) = parts.split_last().expect("split gives at least one part");
    let mut dir: Option<OwnedFd> = None;
    for part in above {
        let at = dir.as_ref().map_or(root, |d| d.as_fd());
        match openat(at, OsStr::from_bytes(part), STEP, Mode::empty()) {
            Ok(next) => dir = Some(next),
            Err(Errno::NOENT) => return Ok(Found::Absent),
            Err(Errno::LOOP | Errno::NOTDIR) => {
                return Ok(match statat(at, OsStr::from_bytes(part), AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink => {
                        Found::Unfit("lies behind a symbolic link".into())
                    }
                    _ => Found::Absent,
                });
            }
            Err(errno) => return Err(errno.into()),
        }
    }
    let at = dir.as_ref().map_or(root, |d| d.as_fd());
    read_leaf(at, OsStr::from_bytes(last), cap)
}

fn read_leaf(at: BorrowedFd<'_>, name: &OsStr, cap: u64) -> io::Result<Found> {
    // A pipe or device must neither block nor notice us.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    match statat(at, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {}
            FileType::Symlink => return Ok(Found::Link(readlinkat(at, name, Vec::new())?.into_bytes())),
            FileType::Directory => return Ok(Found::Folder),
            other => return Ok(Found::Unfit(format!("is {}, not a file", kind_name(other)))),
        },
        Err(Errno::NOENT) => return Ok(Found::Absent),
        Err(errno) => return Err(errno.into()),
    }
    let fd = match openat(at, name, flags, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => return Ok(Found::Absent),
        Err(Errno::LOOP | Errno::NXIO) => return Ok(Found::Unfit("changed while it was read".into())),
        Err(Errno::ACCESS | Errno::PERM) => return Ok(Found::Unfit("cannot be read".into())),
        Err(errno) => return Err(errno.into()),
    };
    let stat = fstat(&fd)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Ok(Found::Unfit("changed while it was read".into()));
    }
    if stat.st_nlink != 1 {
        return Ok(Found::Unfit("has other names (hard links)".into()));
    }
    let mut bytes = Vec::new();
    File::from(fd).take(cap + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > cap {
        return Ok(Found::Unfit(format!("is larger than {cap} bytes")));
    }
    Ok(Found::File { bytes, executable: stat.st_mode & 0o100 != 0 })
}

fn kind_name(kind: FileType) -> &'static str {
    match kind {
        FileType::Fifo => "a named pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "something else",
    }
}

/// Removes a directory of ours with everything in it: follows no link, crosses to no other file
/// system, opens closed directories. What is left behind is an error that names it. A
/// directory that is not there is fine.
pub(super) fn remove_tree(dir: &Path) -> io::Result<()> {
    let Some(name) = dir.file_name() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{} has no name", dir.display())));
    };
    let above = match open_above(dir.parent().unwrap_or(Path::new("/"))) {
        Ok(above) => above,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    let device = fstat(&above)?.st_dev;
    remove_entry(above.as_fd(), name, device, 0)
        .map_err(|e| io::Error::new(e.kind(), format!("cannot remove {}: {e}", dir.display())))
}

fn remove_entry(at: BorrowedFd<'_>, name: &OsStr, device: u64, depth: u32) -> io::Result<()> {
    let stat = match statat(at, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(errno.into()),
    };
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        return gone(unlinkat(at, name, AtFlags::empty()));
    }
    if stat.st_dev != device {
        return Err(io::Error::other(format!("{} is on another file system", name.display())));
    }
    if depth > 512 {
        return Err(io::Error::other(format!("{} is nested too deeply", name.display())));
    }
    let fd = match openat(at, name, STEP, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => return Ok(()),
        // Without read permission it cannot be opened, so it is made ours by name; `chmod` does not
        // follow a link here because a link would not have been a directory a moment ago and
        // the second open refuses one.
        Err(Errno::ACCESS) => {
            rustix::fs::chmodat(at, name, Mode::RWXU, AtFlags::empty())?;
            openat(at, name, STEP, Mode::empty())?
        }
        Err(errno) => return Err(errno.into()),
    };
    if stat.st_mode & 0o700 != 0o700 {
        fchmod(&fd, Mode::RWXU)?;
    }
    let names: Vec<_> = Dir::read_from(&fd)?
        .map(|entry| entry.map(|e| e.file_name().to_owned()))
        .collect::<Result<_, _>>()?;
    for inner in names {
        let inner = inner.to_bytes();
        if inner != b"." && inner != b".." {
            remove_entry(fd.as_fd(), OsStr::from_bytes(inner), device, depth + 1)?;
        }
    }
    gone(unlinkat(at, name, AtFlags::REMOVEDIR))
}

fn gone(result: Result<(), Errno>) -> io::Result<()> {
    match result {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Makes a tree of ours read-only: files 0444 (0555 if executable), directories 0555.
pub(super) fn seal(dir: &Path) -> io::Result<()> {
    let fd = open_root(dir)?;
    seal_dir(&fd)
}

fn seal_dir(fd: &OwnedFd) -> io::Result<()> {
    for entry in Dir::read_from(fd)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_bytes() == b"." || name.to_bytes() == b".." {
            continue;
        }
        let stat = statat(fd, name, AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => seal_dir(&openat(fd, name, STEP, Mode::empty())?)?,
            FileType::RegularFile => {
                let file =
                    openat(fd, name, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
                let mode = if stat.st_mode & 0o100 == 0 { 0o444 } else { 0o555 };
                fchmod(&file, Mode::from_raw_mode(mode))?;
            }
            _ => {}
        }
    }
    fchmod(fd, Mode::from_raw_mode(0o555))?;
    Ok(())
}
