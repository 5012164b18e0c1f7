//! A vendor's program as the child of a session's driver, with all three of its streams.
#![allow(
    clippy::disallowed_types,
    reason = "drivers of sessions are in the supervisor's tree: it ends what they leave"
)]

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

/// A child that dies with its owner.
#[derive(Debug)]
pub struct Piped {
    child: Child,
    /// What it is told.
    pub stdin: ChildStdin,
    /// What it says.
    pub stdout: ChildStdout,
    /// What it complains about.
    pub stderr: ChildStderr,
}

impl Piped {
    /// Starts a program with exactly this environment.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(
        program: &Path,
        args: &[String],
        cwd: &Path,
        env: &BTreeMap<String, String>,
    ) -> io::Result<Self> {
        let mut child = Command::new(program)
            .args(args)
            .current_dir(cwd)
            .env_clear()
            .envs(env)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
            (Some(stdin), Some(stdout), Some(stderr)) => Ok(Self { child, stdin, stdout, stderr }),
            _ => Err(io::Error::other("the system gave no pipes")),
        }
    }

    /// Takes it apart: its streams go their own ways.
    pub fn into_parts(self) -> (Child, ChildStdin, ChildStdout, ChildStderr) {
        (self.child, self.stdin, self.stdout, self.stderr)
    }
}

/// For a program to say its version.
const VERSION_TIME: Duration = Duration::from_secs(10);

/// What a program answers to `--version`: its first line up to the first space or bracket; `None` if it
/// does not answer well within some seconds.
pub fn version_of(program: &Path, env: &BTreeMap<String, String>) -> Option<String> {
    let child = std::process::Command::new(program)
        .arg("--version")
        .env_clear()
        .envs(env)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.ok()?;
    let until = Instant::now() + VERSION_TIME;
    let status = loop {
        match child.try_wait().ok()? {
            Some(status) => break status,
            None if Instant::now() >= until => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let mut said = Vec::new();
    child.stdout.take()?.take(4096).read_to_end(&mut said).ok()?;
    let text = String::from_utf8_lossy(&said);
    let word = text.lines().next()?.split_whitespace().next()?.to_owned();
    status.success().then_some(word).filter(|word| !word.is_empty())
}
