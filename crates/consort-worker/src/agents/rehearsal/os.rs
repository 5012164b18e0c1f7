//! The misdeeds that need the operating system. The only place in `agents` that starts a process.

#![allow(clippy::disallowed_types, reason = "a player that leaves a daemon behind must start one")]

use super::misbehave::Misdeed;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long what `daemonise` leaves behind sleeps, if nobody ends it.
const DAEMON_SLEEP: Duration = Duration::from_secs(600);
const FLOOD_BYTES: usize = 200 * 1_000_000;

/// Does what a misdeed does before (or instead of) the work; `Some` ends the player.
pub(super) fn commit(misdeed: &Misdeed) -> Option<u8> {
    match misdeed {
        Misdeed::Hang => sleep_for_ever(),
        Misdeed::IgnoreSigterm => ignore_signals(),
        Misdeed::Crash => crash(),
        Misdeed::Exit(code) => return Some(*code),
        Misdeed::Slow(ms) => std::thread::sleep(Duration::from_millis(*ms)),
        Misdeed::Flood => flood(),
        Misdeed::Daemonise => daemonise(),
        Misdeed::DaemonBody => {
            be_daemon();
            return Some(0);
        }
        _ => {}
    }
    None
}

fn sleep_for_ever() -> ! {
    loop {
        std::thread::sleep(DAEMON_SLEEP);
    }
}

/// The end that no handler sees.
fn crash() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    std::process::abort();
}

fn ignore_signals() {
    use tokio::signal::unix::{SignalKind, signal};
    if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
        let _entered = runtime.enter();
        let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
        let kept: Vec<_> = kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect();
        let _ = writeln!(std::io::stderr(), "ignoring {} signals", kept.len());
        sleep_for_ever();
    }
    sleep_for_ever();
}

fn flood() {
    let line = [b'x'; 8_192];
    let mut out = std::io::stdout().lock();
    // Whoever closes the pipe has had enough.
    for _ in 0..FLOOD_BYTES / line.len() {
        if out.write_all(&line).is_err() {
            break;
        }
    }
    let _ = out.flush();
}

/// Leaves a process in a session of its own and returns when it stands there.
fn daemonise() {
    let Ok(own) = std::env::current_exe() else { return };
    let child = Command::new(own)
        .args([crate::agents::outfit::REHEARSE_VERB, "--misbehave", "daemon-body"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    if let Some(out) = child.ok().and_then(|mut c| c.stdout.take()) {
        let _ = BufReader::new(out).read_line(&mut String::new());
    }
}

fn be_daemon() {
    let _ = rustix::process::setsid();
    let _ = writeln!(std::io::stdout(), "in a session of its own");
    let _ = std::io::stdout().flush();
    std::thread::sleep(DAEMON_SLEEP);
}
