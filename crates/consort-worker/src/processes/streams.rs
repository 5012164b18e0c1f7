//! Drains one stream of an agent: a capped log, exact counts, the last bytes.

use super::files;
use super::spec::{StreamRecord, TAIL_BYTES};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use tokio::net::unix::pipe;

const BUFFER_BYTES: usize = 64 << 10;

/// One stream.
pub(super) struct Stream {
    pipe: pipe::Receiver,
    log: Option<PathBuf>,
    file: Option<File>,
    bytes_max: u64,
    tail: Vec<u8>,
    record: StreamRecord,
}

impl Stream {
    /// Must be called within a runtime. The log is created with the first byte.
    pub(super) fn new(pipe: OwnedFd, log: Option<PathBuf>, bytes_max: u64) -> io::Result<Self> {
        Ok(Self {
            pipe: pipe::Receiver::from_owned_fd(pipe)?,
            log,
            file: None,
            bytes_max,
            tail: Vec::new(),
            record: StreamRecord { held_open: true, ..StreamRecord::default() },
        })
    }

    /// Reads until nobody can write any more. May be dropped at any time without losing what
    /// was read.
    pub(super) async fn drain(&mut self) {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            if self.pipe.readable().await.is_err() {
                return;
            }
            match self.pipe.try_read(&mut buffer) {
                Ok(0) => {
                    self.record.held_open = false;
                    return;
                }
                Ok(count) => self.take(&buffer[..count]),
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(_) => return,
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.record.bytes += bytes.len() as u64;
        keep_tail(&mut self.tail, bytes);
        let room = usize::try_from(self.bytes_max - self.record.kept).unwrap_or(usize::MAX);
        let kept = &bytes[..bytes.len().min(room)];
        if kept.is_empty() || self.record.log_error.is_some() {
            return;
        }
        match self.write(kept) {
            Ok(()) => self.record.kept += kept.len() as u64,
            Err(error) => self.record.log_error = Some(error.to_string()),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(path) = &self.log else { return Ok(()) };
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(files::create_private(path)?),
        };
        file.write_all(bytes)
    }

    /// What came out of it.
    pub(super) fn finish(mut self) -> StreamRecord {
        self.record.truncated = self.record.kept < self.record.bytes;
        self.record.tail = tail_text(&self.tail);
        self.record
    }
}

/// Keeps at least the last [`TAIL_BYTES`] and at most four times as many, so that short writes
/// do not move bytes around each time.
fn keep_tail(tail: &mut Vec<u8>, bytes: &[u8]) {
    tail.extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL_BYTES)..]);
    if tail.len() > 4 * TAIL_BYTES {
        tail.drain(..tail.len() - TAIL_BYTES);
    }
}

/// The last bytes as text; a character that was cut at the front is left out.
fn tail_text(tail: &[u8]) -> String {
    let mut last = &tail[tail.len().saturating_sub(TAIL_BYTES)..];
    if last.len() < tail.len() || last.len() == TAIL_BYTES {
        let cut = last.iter().take(3).take_while(|byte| **byte & 0b1100_0000 == 0b1000_0000).count();
        last = &last[cut..];
    }
    String::from_utf8_lossy(last).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_end_of_everything_however_it_came() {
        let all: Vec<u8> = (0..60_000_u32).map(|n| b'a' + (n % 26) as u8).collect();
        for piece in [1, 7, TAIL_BYTES - 1, TAIL_BYTES, TAIL_BYTES + 1, 50_000] {
            let mut tail = Vec::new();
            for bytes in all.chunks(piece) {
                keep_tail(&mut tail, bytes);
                assert!(tail.len() <= 4 * TAIL_BYTES);
            }
            assert_eq!(tail_text(&tail).as_bytes(), &all[all.len() - TAIL_BYTES..], "{piece}");
        }
    }

    #[test]
    fn a_tail_starts_with_a_whole_character_and_shows_rubbish_as_such() {
        let many = "é".repeat(TAIL_BYTES);
        let mut bytes = many.into_bytes();
        bytes.push(b'.');
        assert!(tail_text(&bytes).starts_with('é'));
        assert_eq!(tail_text(b"\xffa\x80"), "\u{fffd}a\u{fffd}");
    }
}
