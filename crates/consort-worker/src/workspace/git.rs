//! The one door to git: no other file starts it.
//!
//! Every call has an absolute program, an empty environment but for fixed values, and the same
//! hardening flags, so that no configuration of the person's or of an agent's decides what
//! runs: no hook, filter, merge driver, fsmonitor, pager, editor, credential helper. Output
//! is parsed only where it is separated by NUL or of a fixed shape.

#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "the one door to git")]

use consort_core::time::Timestamp;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// The oldest git that has all we need: `--attr-source` came with it.
pub const NEEDED: (u32, u32) = (2, 41);

/// One call may take that long: a checkout of a very large tree on a slow disk.
const CALL_MAX: Duration = Duration::from_secs(900);
/// A lock of somebody else's is waited for that long.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(10);
/// What one call may print unless it says otherwise, in bytes.
const OUTPUT_MAX: usize = 64 << 20;
const STDERR_MAX: usize = 16 << 10;

const HARDENING: &[&str] = &[
    // No program of anybody's choice.
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.sshCommand=/bin/false",
    "diff.external=",
    "credential.helper=",
    "uploadpack.packObjectsHook=",
    "protocol.allow=never",
    "submodule.recurse=false",
    "commit.gpgSign=false",
    "rerere.enabled=false",
    // Nothing in the background.
    "core.untrackedCache=false",
    "gc.auto=0",
    "maintenance.auto=false",
    // Objects are on disk before a ref names them.
    "core.fsync=all",
    "core.fsyncMethod=fsync",
    // Names that other systems take for `.git`.
    "core.protectHFS=true",
    "core.protectNTFS=true",
    "safe.bareRepository=explicit",
    "i18n.commitEncoding=UTF-8",
    // A file stays where its task put it.
    "merge.directoryRenames=false",
    "merge.renormalize=false",
    "core.quotePath=false",
];

/// What can go wrong with git itself.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is none in PATH.
    #[error("git was not found in PATH ({searched}). Install git {}.{} or newer", NEEDED.0, NEEDED.1)]
    Missing {
        /// The PATH that was searched.
        searched: String,
    },
    /// Those in PATH are too old.
    #[error(
        "{program} is git {version}, which is too old: {}.{} or newer is needed, and there is no other in \
         PATH. Upgrade it, or put a newer one in PATH", NEEDED.0, NEEDED.1
    )]
    TooOld {
        /// The first one found.
        program: PathBuf,
        /// What it says it is.
        version: String,
    },
    /// It could not be started, or talking to it failed.
    #[error("cannot run {program} {what}: {source}")]
    NotRun {
        /// Which git.
        program: PathBuf,
        /// Which command.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// It took too long and was ended.
    #[error("git {what} did not end within {seconds} s and was stopped")]
    TimedOut {
        /// Which command.
        what: String,
        /// How long it had.
        seconds: u64,
    },
    /// It printed more than we are ready to read.
    #[error("git {what} printed more than {bytes} bytes")]
    TooMuch {
        /// Which command.
        what: String,
        /// The cap.
        bytes: usize,
    },
    /// Somebody else holds a lock. It is never removed: its owner may live.
    #[error(
        "git {what} waits for {lock}, which is {age_s} s old. Another git process holds it, or one died and \
         left it behind. If none is running in this repository, remove the file and try again"
    )]
    Locked {
        /// Which command.
        what: String,
        /// The lock file.
        lock: PathBuf,
        /// Its age in seconds.
        age_s: u64,
    },
    /// It said no.
    #[error("git {what} failed ({code}): {stderr}")]
    Failed {
        /// Which command.
        what: String,
        /// Exit code or signal.
        code: String,
        /// What it said, at most 16 KiB.
        stderr: String,
    },
}

/// A git that is new enough.
#[derive(Clone, Debug)]
pub struct Git {
    program: PathBuf,
    path: OsString,
    version: String,
    note: Option<String>,
    lock_wait: Duration,
}

impl Git {
    /// The first one in PATH that is new enough.
    pub fn find() -> Result<Self, GitError> {
        Self::find_in(&std::env::var_os("PATH").unwrap_or_default())
    }

    /// The same for any list of directories in the form of PATH.
    pub fn find_in(path: &OsStr) -> Result<Self, GitError> {
        let mut old: Option<(PathBuf, String)> = None;
        let found = which::which_in_all("git", Some(path), "/");
        let missing = || GitError::Missing { searched: path.to_string_lossy().into_owned() };
        for program in found.map_err(|_| missing())? {
            let version = match probe(&program) {
                Ok(version) => version,
                Err(error) => format!("of an unknown version ({error})"),
            };
            if !is_new_enough(&version) {
                old.get_or_insert((program, version));
                continue;
            }
            let note = old.map(|(first, old)| {
                format!(
                    "{} comes first in PATH but is git {old}, older than {}.{}: using {} ({version})",
                    first.display(),
                    NEEDED.0,
                    NEEDED.1,
                    program.display()
                )
            });
            let path = search_path(&program);
            return Ok(Self { program, path, version, note, lock_wait: LOCK_WAIT_MAX });
        }
        match old {
            Some((program, version)) => Err(GitError::TooOld { program, version }),
            None => Err(missing()),
        }
    }

    /// Where it is.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Such as `2.47.3`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What a person should know about the choice, if anything.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Waits that long for locks of others instead of 10 s.
    pub fn with_lock_wait(mut self, wait: Duration) -> Self {
        self.lock_wait = wait;
        self
    }

    pub(super) fn call(&self, scope: &Scope, command: &'static str) -> Call<'_> {
        Call::new(self, scope, command)
    }
}

fn search_path(program: &Path) -> OsString {
    let mut path = program.parent().unwrap_or(Path::new("/")).as_os_str().to_owned();
    path.push(":/usr/bin:/bin");
    path
}

/// `git --version`, the bare number.
fn probe(program: &Path) -> Result<String, GitError> {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", search_path(program)).env("LC_ALL", "C").arg("--version");
    let done = run_bounded(&mut command, &[], 4096, Duration::from_secs(10));
    let done = done.map_err(|stop| stop.named(program, "--version", 4096, 10))?;
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    let version = text.trim().strip_prefix("git version ").unwrap_or("").split(' ').next();
    Ok(version.unwrap_or("").chars().take(40).collect())
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split('.').map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= NEEDED,
        _ => false,
    }
}

/// SHA-1 or SHA-256 names of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectFormat {
    /// 40 hex digits.
    Sha1,
    /// 64 hex digits.
    Sha256,
}

impl ObjectFormat {
    /// Git's word for it.
    pub fn word(self) -> &'static str {
        match self {
            ObjectFormat::Sha1 => "sha1",
            ObjectFormat::Sha256 => "sha256",
        }
    }

    /// Length of a name in hex digits.
    pub fn digits(self) -> usize {
        match self {
            ObjectFormat::Sha1 => 40,
            ObjectFormat::Sha256 => 64,
        }
    }

    /// The name that stands for no object.
    pub(super) fn zero(self) -> String {
        "0".repeat(self.digits())
    }

    /// Git knows the empty tree without storing it.
    fn empty_tree(self) -> &'static str {
        match self {
            ObjectFormat::Sha1 => "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
            ObjectFormat::Sha256 => "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
        }
    }
}

/// Whose configuration, refs and objects a call uses.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) git_dir: PathBuf,
    /// Objects that lie elsewhere.
    pub(super) objects: Option<PathBuf>,
    pub(super) format: ObjectFormat,
}

/// One call in the making.
pub(super) struct Call<'a> {
    git: &'a Git,
    scope: Scope,
    command: &'static str,
    args: Vec<OsString>,
    env: Vec<(&'static str, OsString)>,
    work_tree: Option<PathBuf>,
    stdin: Vec<u8>,
    cap: usize,
    tree_attributes: bool,
    quiet_codes: &'static [i32],
}

/// What became of a call.
pub(super) struct Done {
    pub(super) code: i32,
    pub(super) stdout: Vec<u8>,
}

impl Done {
    /// Standard output as text without the last line end.
    pub(super) fn line(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end().to_owned()
    }

    /// Standard output cut at NUL; empty pieces are left out.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.stdout.split(|b| *b == 0).filter(|piece| !piece.is_empty())
    }
}

impl<'a> Call<'a> {
    fn new(git: &'a Git, scope: &Scope, command: &'static str) -> Self {
        Self {
            git,
            scope: scope.clone(),
            command,
            args: Vec::new(),
            env: Vec::new(),
            work_tree: None,
            stdin: Vec::new(),
            cap: OUTPUT_MAX,
            tree_attributes: false,
            quiet_codes: &[],
        }
    }

    pub(super) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub(super) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    pub(super) fn index(mut self, index: &Path) -> Self {
        self.env.push(("GIT_INDEX_FILE", index.into()));
        self
    }

    pub(super) fn work_tree(mut self, dir: &Path) -> Self {
        self.work_tree = Some(dir.to_owned());
        self
    }

    pub(super) fn stdin(mut self, bytes: Vec<u8>) -> Self {
        self.stdin = bytes;
        self
    }

    /// For commits and reflogs: who and when.
    pub(super) fn at(mut self, at: Timestamp) -> Self {
        let date = format!("@{} +0000", at.seconds().max(0));
        self.env.push(("GIT_AUTHOR_DATE", date.clone().into()));
        self.env.push(("GIT_COMMITTER_DATE", date.into()));
        self
    }

    pub(super) fn cap(mut self, bytes: usize) -> Self {
        self.cap = bytes;
        self
    }

    /// Lets `.gitattributes` in the tree decide on line ends, as in the person's checkout.
    pub(super) fn tree_attributes(mut self) -> Self {
        self.tree_attributes = true;
        self
    }

    /// Exit codes besides 0 that are an answer and no failure.
    pub(super) fn or_code(mut self, codes: &'static [i32]) -> Self {
        self.quiet_codes = codes;
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.git.program);
        command.env_clear().env("PATH", &self.git.path).env("HOME", "/nonexistent");
        for (name, value) in [
            ("LC_ALL", "C"),
            ("TZ", "UTC"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ASKPASS", "/bin/false"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_EDITOR", "/bin/false"),
            ("GIT_PAGER", "cat"),
            ("GIT_PROTOCOL_FROM_USER", "0"),
            ("GIT_AUTHOR_NAME", "consort"),
            ("GIT_AUTHOR_EMAIL", "consort@localhost"),
            ("GIT_COMMITTER_NAME", "consort"),
            ("GIT_COMMITTER_EMAIL", "consort@localhost"),
        ] {
            command.env(name, value);
        }
        command.env("GIT_DIR", &self.scope.git_dir);
        if let Some(objects) = &self.scope.objects {
            command.env("GIT_OBJECT_DIRECTORY", objects);
        }
        command.current_dir(self.work_tree.as_deref().unwrap_or(&self.scope.git_dir));
        if let Some(dir) = &self.work_tree {
            command.env("GIT_WORK_TREE", dir);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.args(["--no-pager", "--literal-pathspecs"]);
        if !self.tree_attributes {
            command.arg(format!("--attr-source={}", self.scope.format.empty_tree()));
        }
        for pair in HARDENING {
            command.args(["-c", pair]);
        }
        command.arg(self.command).args(&self.args);
        // A Ctrl-C is for us to handle: git ends what it began.
        command.process_group(0);
        command
    }

    /// Runs it; waits for locks of others.
    pub(super) fn run(self) -> Result<Done, GitError> {
        let began = Instant::now();
        let mut pause = Duration::from_millis(20);
        loop {
            let what = self.command;
            let done = run_bounded(&mut self.command(), &self.stdin, self.cap, CALL_MAX)
                .map_err(|stop| stop.named(&self.git.program, what, self.cap, CALL_MAX.as_secs()))?;
            let code = done.status.code().unwrap_or(-1);
            if code == 0 || self.quiet_codes.contains(&code) {
                return Ok(Done { code, stdout: done.stdout });
            }
            let stderr = String::from_utf8_lossy(&done.stderr).trim().to_owned();
            let Some(lock) = lock_in(&stderr) else {
                let code = done.status.to_string();
                return Err(GitError::Failed { what: what.into(), code, stderr });
            };
            if began.elapsed() + pause > self.git.lock_wait {
                let age_s = age_of(&lock);
                return Err(GitError::Locked { what: what.into(), lock, age_s });
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }
}

/// The lock file that a message of git's complains about.
fn lock_in(stderr: &str) -> Option<PathBuf> {
    let (_, rest) = stderr.split_once("Unable to create '")?;
    let (path, after) = rest.split_once("': ")?;
    (path.ends_with(".lock") && after.starts_with("File exists")).then(|| PathBuf::from(path))
}

fn age_of(path: &Path) -> u64 {
    let made = std::fs::symlink_metadata(path).and_then(|meta| meta.modified());
    made.ok().and_then(|made| SystemTime::now().duration_since(made).ok()).map_or(0, |age| age.as_secs())
}

struct Bounded {
    status: ExitStatus,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

enum Stop {
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
    fn named(self, program: &Path, what: &str, bytes: usize, seconds: u64) -> GitError {
        let what = what.to_owned();
        match self {
            Stop::TimedOut => GitError::TimedOut { what, seconds },
            Stop::TooMuch => GitError::TooMuch { what, bytes },
            Stop::Io(source) => GitError::NotRun { program: program.to_owned(), what, source },
        }
    }
}

fn run_bounded(command: &mut Command, input: &[u8], cap: usize, time: Duration) -> Result<Bounded, Stop> {
    let stdin = if input.is_empty() { Stdio::null() } else { Stdio::piped() };
    let mut child = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    match pump(&mut child, input, cap, Instant::now() + time) {
        Ok((stdout, stderr)) => Ok(Bounded { status: child.wait()?, stdout, stderr }),
        Err(stop) => {
            // It may be gone already; either way nobody is left behind.
            let _ = child.kill();
            let _ = child.wait();
            Err(stop)
        }
    }
}

/// Feeds and drains the three pipes side by side, so that neither end waits for the other.
fn pump(
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
