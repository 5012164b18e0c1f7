//! A vendor's program as the child of a session's driver, with all three of its streams.
#![allow(
    clippy::disallowed_types,
    reason = "drivers of sessions are in the supervisor's tree: it ends what they leave"
)]

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Stdio;
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
