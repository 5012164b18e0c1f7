//! Talking to a child through its three pipes, within bounds.

use super::git_words::GitError;
use std::io;
use std::path::Path;
use std::process::Child;
use std::time::Instant;

/// What is kept of standard error, in bytes.
const STDERR_MAX: usize = 16 << 10;

/// Why a child was not listened to until its end.
pub(super) enum Stop {
    TimedOut,
    TooMuch,
    Io(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Stop::Io(error)
    }
}

impl Stop {
    pub(super) fn named(self, program: &Path, what: &str, bytes: usize, seconds: u64) -> GitError {
        let what = what.to_owned();
        match self {
            Stop::TimedOut => GitError::TimedOut { what, seconds },
            Stop::TooMuch => GitError::TooMuch { what, bytes },
            Stop::Io(source) => GitError::NotRun { program: program.to_owned(), what, source },
        }
    }
}

/// Feeds and drains the three pipes side by side, so that neither end waits for the other.
pub(super) fn pump(
    child: &mut Child,
    mut input: &[u8],
    cap: usize,
    deadline: Instant,
) -> Result<(Vec<u8>, Vec<u8>), Stop> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut stdin = child.stdin.take();
    if let Some(pipe) = &stdin {
        rustix::io::ioctl_fionbio(pipe, true).map_err(io::Error::from)?;
    }
    let mut stdout = child.stdout.take();
    let mut stderr = child.stderr.take();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut buffer = vec![0; 64 << 10];
    while stdout.is_some() || stderr.is_some() {
        let left = deadline.checked_duration_since(Instant::now()).ok_or(Stop::TimedOut)?;
        let left = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: i64::from(left.subsec_nanos()) };
        let ready = {
            let mut fds = Vec::with_capacity(3);
            fds.extend(stdout.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
            fds.extend(stderr.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
            fds.extend(stdin.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::OUT)));
            match poll(&mut fds, Some(&left)) {
                Ok(0) => return Err(Stop::TimedOut),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(Stop::Io(errno.into())),
            }
            let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
            let mut next = |there: bool| there && ready.next().unwrap_or(false);
            [next(stdout.is_some()), next(stderr.is_some()), next(stdin.is_some())]
        };
        if ready[0] && !drain(stdout.as_mut(), &mut buffer, &mut out)? {
            stdout = None;
        }
        if out.len() > cap {
            return Err(Stop::TooMuch);
        }
        if ready[1] && !drain(stderr.as_mut(), &mut buffer, &mut err)? {
            stderr = None;
        }
        err.truncate(STDERR_MAX);
        if ready[2] && !feed(stdin.as_mut(), &mut input)? {
            stdin = None;
        }
    }
    Ok((out, err))
}

/// False when the pipe is at its end.
fn drain(pipe: Option<&mut impl io::Read>, buffer: &mut [u8], to: &mut Vec<u8>) -> io::Result<bool> {
    let Some(pipe) = pipe else { return Ok(false) };
    match pipe.read(buffer) {
        Ok(0) => Ok(false),
        Ok(n) => {
            to.extend_from_slice(&buffer[..n]);
            Ok(true)
        }
        Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(true),
        Err(e) => Err(e),
    }
}

/// False when everything is written or nobody reads any more.
fn feed(pipe: Option<&mut impl io::Write>, input: &mut &[u8]) -> io::Result<bool> {
    let Some(pipe) = pipe else { return Ok(false) };
    match pipe.write(input) {
        Ok(n) => {
            *input = &input[n..];
            Ok(!input.is_empty())
        }
        Err(e) if matches!(e.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(e) => Err(e),
    }
}
