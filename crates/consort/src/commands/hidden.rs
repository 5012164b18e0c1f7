//! Verbs that people do not type: the bodies of supervisors, of drivers of sessions and of rehearsal's
//! players.

use consort_worker::agents::{rehearsal, session};
use consort_worker::processes;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs a hidden verb if the command line names one. Without a parser, because it is on the way
/// of every attempt.
pub(crate) fn dispatch() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    match args.next()?.to_str()? {
        "supervise" => Some(supervise(args)),
        "rehearse" => Some(rehearse(args)),
        "converse" => Some(converse(args)),
        _ => None,
    }
}

fn supervise(mut args: impl Iterator<Item = OsString>) -> ExitCode {
    match args.next() {
        Some(dir) => processes::supervise(Path::new(&dir)),
        None => usage("supervise DIR"),
    }
}

fn converse(mut args: impl Iterator<Item = OsString>) -> ExitCode {
    match args.next() {
        Some(control) => session::converse(Path::new(&control)),
        None => usage("converse DIR"),
    }
}

fn rehearse(mut args: impl Iterator<Item = OsString>) -> ExitCode {
    let mut request: Option<PathBuf> = None;
    let mut misdeeds = Vec::new();
    while let Some(flag) = args.next() {
        let value = args.next();
        match (flag.to_str(), value) {
            (Some("--request"), Some(path)) => request = Some(path.into()),
            (Some("--misbehave"), Some(misdeed)) => misdeeds.push(misdeed.to_string_lossy().into_owned()),
            _ => return usage("rehearse --request PATH [--misbehave MISDEED]..."),
        }
    }
    rehearsal::play(request.as_deref(), &misdeeds)
}

fn usage(of: &str) -> ExitCode {
    eprintln!("error: consort starts this verb itself: consort {of}");
    ExitCode::from(crate::exit::INVALID)
}
