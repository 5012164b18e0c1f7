//! What was said, for people and for later: the stream as it came, and our reading of it. Both are
//! capped, and no secret gets into them.

use super::port::Event;
use consort_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

const RAW: &str = "raw.jsonl";
const EVENTS: &str = "events.jsonl";
/// Longest text of one event in the log, in characters.
const TEXT_CHARS: usize = 16_000;
/// A secret shorter than this is not looked for: it would be found everywhere.
const SECRET_BYTES_MIN: usize = 8;

/// Texts that must not get into a log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Secrets(Arc<Vec<String>>);

impl Secrets {
    /// The values of these, and what they become in JSON.
    pub(crate) fn new(values: impl IntoIterator<Item = String>) -> Self {
        let mut all = Vec::new();
        for value in values.into_iter().filter(|v| v.len() >= SECRET_BYTES_MIN) {
            let quoted = serde_json::Value::from(value.as_str()).to_string();
            let inner = quoted[1..quoted.len() - 1].to_owned();
            if inner != value {
                all.push(inner);
            }
            all.push(value);
        }
        // A longer one may hold a shorter one.
        all.sort_by_key(|s| std::cmp::Reverse(s.len()));
        Self(Arc::new(all))
    }

    /// The text without them.
    pub(crate) fn hide(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.0.iter().filter(|s| !s.is_empty()) {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), "[secret]");
            }
        }
        text
    }
}

/// A file that takes lines up to a cap. What cannot be written is left out: a full disk ends no session.
#[derive(Debug)]
struct Capped {
    file: Option<File>,
    room: u64,
}

impl Capped {
    fn open(path: &Path, max: u64) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(path).ok();
        let there = file.as_ref().and_then(|f| f.metadata().ok()).map_or(0, |meta| meta.len());
        Self { file, room: max.saturating_sub(there) }
    }

    fn line(&mut self, text: &str, last_word: &str) {
        let Some(file) = &mut self.file else { return };
        let bytes = text.len() as u64 + 1;
        if bytes > self.room {
            let _ = writeln!(file, "{last_word}");
            self.file = None;
            return;
        }
        self.room -= bytes;
        let _ = writeln!(file, "{text}");
    }
}

/// The stream as it came, each line behind `<` (from the agent) or `>` (to it).
#[derive(Debug)]
pub(crate) struct Raw {
    to: Capped,
    secrets: Secrets,
}

impl Raw {
    pub(crate) fn open(control: &Path, max: u64, secrets: Secrets) -> Self {
        Self { to: Capped::open(&control.join(RAW), max), secrets }
    }

    /// A line of the agent.
    pub(crate) fn came(&mut self, line: &str) {
        self.put('<', line);
    }

    /// A line to the agent.
    pub(crate) fn went(&mut self, line: &str) {
        self.put('>', line);
    }

    fn put(&mut self, sign: char, line: &str) {
        let text = format!("{sign} {}", self.secrets.hide(line));
        self.to.line(&text, "! the cap of this log is reached: the rest is left out");
    }
}

/// One event with its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Logged {
    /// When it was taken.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// Our reading of the stream.
pub(crate) struct Events {
    to: Capped,
    secrets: Secrets,
}

impl Events {
    pub(crate) fn open(control: &Path, max: u64, secrets: Secrets) -> Self {
        Self { to: Capped::open(&control.join(EVENTS), max), secrets }
    }

    pub(crate) fn add(&mut self, at: Timestamp, event: &Event) {
        let mut event = event.clone();
        if let Event::Text { text } | Event::Thought { text } = &mut event
            && let Some((cut, _)) = text.char_indices().nth(TEXT_CHARS)
        {
            text.truncate(cut);
            text.push('…');
        }
        let Ok(line) = serde_json::to_string(&Logged { at, event }) else { return };
        let last = Logged { at, event: Event::Unknown { kind: "the cap of this log is reached".into() } };
        let last = serde_json::to_string(&last).unwrap_or_default();
        self.to.line(&self.secrets.hide(&line), &last);
    }
}

/// The events of a session, as far as they can be read, from byte `from` on; with where it goes on.
///
/// # Errors
/// The file is there and cannot be read.
pub fn events_from(control: &Path, from: u64) -> io::Result<(Vec<Logged>, u64)> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = match File::open(control.join(EVENTS)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), from)),
        Err(error) => return Err(error),
    };
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(64 << 20).read_to_end(&mut bytes)?;
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    Ok((events_in(&bytes[..whole]), from + whole as u64))
}

/// True if there are events behind this byte: a cheap look.
pub fn has_events_after(control: &Path, from: Option<u64>) -> bool {
    std::fs::metadata(control.join(EVENTS)).is_ok_and(|meta| meta.len() > from.unwrap_or(0))
}

/// The stream as it came, as far as it was kept; `None` if there is none.
///
/// # Errors
/// It is there and cannot be read.
pub fn raw_of(control: &Path) -> io::Result<Option<Vec<u8>>> {
    bytes_of(&control.join(RAW))
}

/// The log of events, each line a [`Logged`]; `None` if there is none.
///
/// # Errors
/// It is there and cannot be read.
pub fn transcript_of(control: &Path) -> io::Result<Option<Vec<u8>>> {
    bytes_of(&control.join(EVENTS))
}

/// Reads a log of events. What is no event of this build is passed over.
pub fn events_in(bytes: &[u8]) -> Vec<Logged> {
    bytes.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

fn bytes_of(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_gets_into_a_log_in_any_spelling() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = Secrets::new(["sk-\"quoted\"-123".to_owned(), "short".to_owned()]);
        let mut raw = Raw::open(dir.path(), 1 << 20, secrets.clone());
        raw.came("{\"key\": \"sk-\\\"quoted\\\"-123\"} and sk-\"quoted\"-123, short");
        let text = String::from_utf8(raw_of(dir.path()).unwrap().unwrap()).unwrap();
        assert_eq!(text, "< {\"key\": \"[secret]\"} and [secret], short\n");
        let mut events = Events::open(dir.path(), 1 << 20, secrets);
        events.add(Timestamp(1), &Event::Text { text: "it is sk-\"quoted\"-123".into() });
        let (read, _) = events_from(dir.path(), 0).unwrap();
        assert_eq!(read[0].event, Event::Text { text: "it is [secret]".into() });
    }

    #[test]
    fn a_log_ends_at_its_cap_and_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let mut raw = Raw::open(dir.path(), 100, Secrets::default());
        for _ in 0..1000 {
            raw.came("0123456789");
        }
        let bytes = raw_of(dir.path()).unwrap().unwrap();
        assert!(bytes.len() < 200, "{}", bytes.len());
        assert!(String::from_utf8_lossy(&bytes).ends_with("the rest is left out\n"));
    }
}
