//! An error as a person sees it: what and where, why, and the next command to type.

use crate::exit;
use crate::out::Paint;
use consort_core::run::Refusal;
use consort_core::view::run_word;
use consort_local::host::HostError;
use consort_local::inbox::Inbox;
use consort_local::journal::JournalError;
use consort_local::lock::LockError;
use consort_local::places::PlacesError;
use consort_local::replay::ReplayError;
use consort_local::settings::SettingsError;
use consort_worker::workspace::{GitError, PlaneError, RepoError};
use std::io;
use std::process::ExitCode;

/// Why a verb did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    /// One of [`exit`].
    pub code: u8,
    /// What is wrong, and where. Empty: everything was said already.
    pub what: String,
    /// Causes, outermost first.
    pub why: Vec<String>,
    /// What to do, one step each.
    pub help: Vec<String>,
}

impl Failure {
    /// The command, a file or the place is not fit for what was asked.
    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::new(exit::INVALID, what)
    }

    /// It was tried and failed.
    pub(crate) fn failed(what: impl Into<String>) -> Self {
        Self::new(exit::FAILED, what)
    }

    /// Everything was said already: only the exit code is left.
    pub(crate) fn said(code: u8) -> Self {
        Self::new(code, "")
    }

    /// A person must answer first, and nobody is here.
    pub(crate) fn new_waiting(what: impl Into<String>) -> Self {
        Self::new(exit::WAITING, what)
    }

    fn new(code: u8, what: impl Into<String>) -> Self {
        Self { code, what: what.into(), why: Vec::new(), help: Vec::new() }
    }

    /// With the real file in the commands that it offers.
    pub(crate) fn naming(mut self, file: &str) -> Self {
        self.help.iter_mut().for_each(|help| *help = help.replace("run FILE", &format!("run {file}")));
        self
    }

    /// With a cause.
    pub(crate) fn why(mut self, why: impl std::fmt::Display) -> Self {
        self.why.push(why.to_string());
        self
    }

    /// With a step to take.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// An error whose text says what is wrong in its first sentence and what to do in the others.
    pub(crate) fn told(code: u8, error: &dyn std::error::Error) -> Self {
        let mut sentences = sentences(&error.to_string()).into_iter();
        let mut failure = Self::new(code, sentences.next().unwrap_or_default());
        failure.help = sentences.collect();
        failure
    }

    /// Writes it to standard error.
    pub(crate) fn print(&self, paint: Paint) {
        if self.what.is_empty() {
            return;
        }
        let mut text = format!("{} {}\n", paint.error("error:"), self.what);
        for why in &self.why {
            text += &format!("  {} {why}\n", paint.dim("why:"));
        }
        for help in &self.help {
            text += &format!(" {} {help}\n", paint.help("help:"));
        }
        crate::out::err(&text);
    }

    /// Writes it and ends with its code.
    pub(crate) fn end(&self, paint: Paint) -> ExitCode {
        self.print(paint);
        ExitCode::from(self.code)
    }
}

/// Cuts a message into sentences. Only a full stop before a capital letter or a command ends one:
/// versions and file names have dots too.
fn sentences(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while let Some(at) = next_end(rest) {
        found.push(rest[..at].trim().to_owned());
        rest = rest[at + 1..].trim();
    }
    let last = rest.strip_suffix('.').unwrap_or(rest);
    if !last.is_empty() {
        found.push(last.to_owned());
    }
    found
}

fn next_end(text: &str) -> Option<usize> {
    let ends = text.match_indices(". ").map(|(at, _)| at);
    ends.into_iter().find(|at| text[at + 2..].starts_with(|c: char| c.is_uppercase() || c == '`'))
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            // Whoever read us has seen enough.
            return Failure::said(exit::DONE);
        }
        Failure::told(exit::FAILED, &error)
    }
}

impl From<PlacesError> for Failure {
    fn from(error: PlacesError) -> Self {
        match error {
            PlacesError::Lock(error) => error.into(),
            PlacesError::RunExists(run) => Failure::invalid(format!(
                "there is a run `{run}` already, and its id is fixed in the workflow file"
            ))
            .help(format!("go on with that run: `consort resume {run}`"))
            .help("run the file once more under the next number: `consort run FILE --again`")
            .help("run it under a generated id: `consort run FILE --id auto`"),
            PlacesError::Io { ref source, .. } => {
                let full = matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
                Failure::told(if full { exit::FAILED } else { exit::INVALID }, &error)
            }
            _ => Failure::told(exit::INVALID, &error),
        }
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held { run, holder } => Failure::invalid(format!("run `{run}` has a runner already"))
                .why(format!("it is held by {holder}"))
                .help(format!("follow it: `consort attach {run}`, or look once: `consort status {run}`"))
                .help("commands such as `consort approve` and `consort pause` reach it from here")
                .help(format!(
                    "if it should not run: end it (`kill {}`) and `consort resume {run}`",
                    holder.pid
                )),
            LockError::Io { .. } => Failure::told(exit::FAILED, &error),
        }
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        let code = match error {
            JournalError::Missing { .. } | JournalError::Newer { .. } | JournalError::NotAJournal { .. } => {
                exit::INVALID
            }
            _ => exit::FAILED,
        };
        Failure::told(code, &error)
    }
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Journal(error) => error.into(),
            other => Failure::told(exit::FAILED, &other),
        }
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        match error {
            SettingsError::Places(error) => error.into(),
            other => Failure::told(exit::INVALID, &other),
        }
    }
}

impl From<GitError> for Failure {
    fn from(error: GitError) -> Self {
        let code = match error {
            GitError::Missing { .. } | GitError::TooOld { .. } => exit::INVALID,
            _ => exit::FAILED,
        };
        let failure = Failure::told(code, &error);
        if code == exit::INVALID { failure.help("`consort doctor` shows every git in PATH") } else { failure }
    }
}

impl From<RepoError> for Failure {
    fn from(error: RepoError) -> Self {
        match error {
            RepoError::Git(error) => error.into(),
            RepoError::Io { .. } => Failure::told(exit::FAILED, &error),
            _ => Failure::told(exit::INVALID, &error),
        }
    }
}

impl From<PlaneError> for Failure {
    fn from(error: PlaneError) -> Self {
        match error {
            PlaneError::Git(error) => error.into(),
            PlaneError::Refused(_) => Failure::told(exit::INVALID, &error),
            PlaneError::Io { ref source, .. } if forbidden(source) => Failure::told(exit::INVALID, &error)
                .help(
                    "give yourself the right to write there; `CONSORT_STATE_DIR` moves workspaces elsewhere",
                ),
            _ => Failure::told(exit::FAILED, &error),
        }
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Journal(error) => error.into(),
            HostError::Refused(refusal) => refused(&refusal),
            other => Failure::told(exit::FAILED, &other),
        }
    }
}

fn forbidden(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// What the engine says no to, in its words.
pub(crate) fn refused(refusal: &Refusal) -> Failure {
    match refusal {
        Refusal::Over(status) => Failure::invalid(format!("the run is over: it is {}", run_word(*status))),
        Refusal::Wordless { .. } => Failure::invalid(refusal.to_string())
            .help("say it: `-m \"TEXT\"`, or `--give-up` where a no is to be the end of it"),
        Refusal::NotYours { .. } => Failure::invalid(refusal.to_string())
            .help("the workflow names them (`by:`); whoever is one of them says so with `--as NAME`"),
        other => Failure::invalid(other.to_string()),
    }
}

/// For code at the edge that has nothing better to say.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let mut chain = error.chain();
        let mut failure = Failure::failed(chain.next().map(ToString::to_string).unwrap_or_default());
        failure.why = chain.map(ToString::to_string).collect();
        failure
    }
}

/// Names the inbox in an error of it.
pub(crate) fn posting(inbox: &Inbox, error: &io::Error) -> Failure {
    Failure::failed("the command could not be left for the runner")
        .why(error)
        .help(format!("make {} writable, or give the command as the user who runs it", inbox.dir().display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_is_told_apart_from_what_is_wrong() {
        let text =
            "git 2.30.1 at /usr/bin/git is older than 2.41. Install a newer one. `consort doctor` shows all.";
        assert_eq!(
            sentences(text),
            [
                "git 2.30.1 at /usr/bin/git is older than 2.41",
                "Install a newer one",
                "`consort doctor` shows all"
            ]
        );
        assert_eq!(sentences("a file.yaml is bad"), ["a file.yaml is bad"]);
    }
}
