//! The one door to git: no other file starts it.
//!
//! Every call has an absolute program, an empty environment but for fixed values, and the same
//! hardening flags, so that no configuration of the person's or of an agent's decides what
//! runs: no hook, filter, merge driver, fsmonitor, pager, editor, credential helper. Output
//! is parsed only where it is separated by NUL or of a fixed shape.

#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "the one door to git")]

use super::git_words::{GitError, NEEDED, ObjectFormat};
use super::pipes::{Stop, pump};
use consort_core::time::Timestamp;
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// One call may take that long: a checkout of a very large tree on a slow disk.
const CALL_MAX: Duration = Duration::from_secs(900);
/// Looking through a workspace of an agent's may take that long: there a pipe can stand where git
/// expects a file.
const SCAN_MAX: Duration = Duration::from_secs(120);
/// A lock of somebody else's is waited for that long.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(10);
/// Settings that a call over the network takes from the person.
const OF_THE_PERSON: &[&str] = &["core.sshCommand=", "credential.helper=", "protocol.allow="];

/// What such a call has beside the others: what comes is checked, and no transport runs a command line.
const NETWORK: &[&str] = &[
    "transfer.fsckObjects=true",
    "fetch.fsckObjects=true",
    "protocol.ext.allow=never",
    "push.recurseSubmodules=no",
    "fetch.recurseSubmodules=false",
    "push.gpgSign=false",
    "fetch.writeCommitGraph=false",
];

/// Where transports find the person's log-ins.
const ENV_OF_THE_PERSON: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "SSH_AUTH_SOCK",
    "SSH_AGENT_PID",
    "SSH_ASKPASS",
    "SSH_ASKPASS_REQUIRE",
    "GIT_ASKPASS",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_SSL_CAINFO",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "all_proxy",
    "no_proxy",
    "NO_PROXY",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "DBUS_SESSION_BUS_ADDRESS",
    "GPG_TTY",
    "TERM",
];

/// What one call may print unless it says otherwise, in bytes.
const OUTPUT_MAX: usize = 64 << 20;

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

/// A git that is new enough.
#[derive(Clone, Debug)]
pub struct Git {
    program: PathBuf,
    path: OsString,
    version: String,
    note: Option<String>,
    lock_wait: Duration,
    scan_time: Duration,
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
            return Ok(Self { program, path, version, note, lock_wait: LOCK_WAIT_MAX, scan_time: SCAN_MAX });
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

    /// Gives looking through an agent's workspace that long instead of 120 s.
    pub fn with_scan_time(mut self, time: Duration) -> Self {
        self.scan_time = time;
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
    time: Duration,
    tree_attributes: bool,
    network: bool,
    from_path: bool,
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
            time: CALL_MAX,
            tree_attributes: false,
            network: false,
            from_path: false,
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

    /// For calls that look through an agent's workspace.
    pub(super) fn scan(mut self) -> Self {
        self.time = self.git.scan_time;
        self
    }

    /// Lets `.gitattributes` in the tree decide on line ends, as in the person's checkout.
    pub(super) fn tree_attributes(mut self) -> Self {
        self.tree_attributes = true;
        self
    }

    /// Reads from a git directory of ours by its path.
    pub(super) fn local_file(mut self) -> Self {
        self.from_path = true;
        self
    }

    /// Speaks to another machine, with the person's own ways of getting there: proxies, keys, helpers that know
    /// passwords. Hooks stay off, and whatever comes is checked object by object.
    pub(super) fn network(mut self) -> Self {
        self.network = true;
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
        let own = ["GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_GLOBAL", "GIT_ASKPASS", "GIT_PROTOCOL_FROM_USER"];
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
            if !(self.network && own.contains(&name)) {
                command.env(name, value);
            }
        }
        if self.network {
            let given = ENV_OF_THE_PERSON.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
            command.envs(given);
            // Whoever sits at a terminal may be asked for a password there.
            if std::io::stdin().is_terminal() {
                command.env_remove("GIT_TERMINAL_PROMPT");
            }
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
        let own = |pair: &&&str| !(self.network && OF_THE_PERSON.iter().any(|start| pair.starts_with(start)));
        let more = if self.network { NETWORK } else { &[] };
        for pair in HARDENING.iter().filter(own).chain(more) {
            command.args(["-c", pair]);
        }
        if self.from_path {
            command.args(["-c", "protocol.file.allow=always", "-c", "fetch.fsckObjects=true"]);
        }
        command.arg(self.command).args(&self.args);
        // A Ctrl-C is for us to handle: git ends what it began. Who asks for a password has to stay in front.
        if !self.network {
            command.process_group(0);
        }
        command
    }

    /// Runs it; waits for locks of others.
    pub(super) fn run(self) -> Result<Done, GitError> {
        let began = Instant::now();
        let mut pause = Duration::from_millis(20);
        loop {
            let what = self.command;
            let done = run_bounded(&mut self.command(), &self.stdin, self.cap, self.time)
                .map_err(|stop| stop.named(&self.git.program, what, self.cap, self.time.as_secs()))?;
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
