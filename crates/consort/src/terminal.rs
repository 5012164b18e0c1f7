//! The terminal: its size, and its keys one at a time while a question is open.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::termios::{self, LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use rustix::time::Timespec;
use std::io::{self, Read as _};
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

/// Columns and rows of the terminal on standard output, or on standard error.
pub(crate) fn size() -> (usize, usize) {
    let sizes = [termios::tcgetwinsize(io::stdout()), termios::tcgetwinsize(io::stderr())];
    let known = sizes.into_iter().flatten().find(|s| s.ws_col > 0 && s.ws_row > 0);
    known.map_or((80, 24), |s| (usize::from(s.ws_col), usize::from(s.ws_row)))
}

/// How the terminal was before keys were read one at a time.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Puts the terminal back as it was. Harmless at any time, also twice.
pub(crate) fn restore() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(before) = before.filter(|_| in_foreground()) {
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Drain, &before);
    }
}

/// True if this process may change the terminal: in the background it would be stopped.
fn in_foreground() -> bool {
    termios::tcgetpgrp(io::stdin()).is_ok_and(|group| group == rustix::process::getpgrp())
}

/// Keys, one at a time and without echo. Signals from the keyboard work as ever. Ends with
/// [`restore`], also after a panic.
pub(crate) struct Keys(());

impl Keys {
    /// `None` where the terminal is not ours to read.
    pub(crate) fn open() -> Option<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let inner = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                restore();
                inner(info);
            }));
        });
        in_foreground().then_some(())?;
        let before = termios::tcgetattr(io::stdin()).ok()?;
        let mut mode = before.clone();
        mode.local_modes &= !(LocalModes::ICANON | LocalModes::ECHO);
        mode.special_codes[SpecialCodeIndex::VMIN] = 1;
        mode.special_codes[SpecialCodeIndex::VTIME] = 0;
        BEFORE.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(before);
        termios::tcsetattr(io::stdin(), OptionalActions::Flush, &mode).ok()?;
        Some(Keys(()))
    }

    /// What was typed within this time: whole characters, escape sequences left out.
    pub(crate) fn typed(&self, within: Duration) -> Vec<char> {
        let stdin = io::stdin();
        let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
        let wait = Timespec::try_from(within).ok();
        if !in_foreground() || !matches!(poll(&mut ready, wait.as_ref()), Ok(1..)) {
            if !in_foreground() {
                std::thread::sleep(within);
            }
            return Vec::new();
        }
        let mut bytes = [0; 256];
        // Not through the buffer of `Stdin`: what it holds back would not wake `poll`.
        let read = rustix::io::read(&stdin, &mut bytes).unwrap_or(0);
        if read == 0 {
            // The terminal is gone.
            std::thread::sleep(within);
        }
        let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
        if text.starts_with('\u{1b}') { Vec::new() } else { text.chars().collect() }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        restore();
    }
}

/// Asks a question on standard error and reads one line of standard input. `None` at its end.
pub(crate) fn ask_line(question: &str) -> Option<String> {
    crate::out::err(question);
    let mut line = Vec::new();
    let mut byte = [0];
    let mut stdin = io::stdin().lock();
    while line.len() < 4096 {
        match stdin.read(&mut byte) {
            Ok(0) | Err(_) if line.is_empty() => return None,
            Ok(0) | Err(_) => break,
            Ok(_) if byte[0] == b'\n' => break,
            Ok(_) => line.push(byte[0]),
        }
    }
    Some(String::from_utf8_lossy(&line).trim().to_owned())
}
