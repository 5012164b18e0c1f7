//! Lines of a stream in bounded memory, however long one is.

use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest line that is understood; the rest of a longer one is counted and dropped.
pub(crate) const LINE_BYTES_MAX: usize = 8 << 20;
/// So much of a line that is too long is kept for people.
const KEPT: usize = 4 << 10;

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A line without its end; what is not UTF-8 is replaced.
    Line(String),
    /// A line that is too long.
    TooLong {
        /// Its beginning.
        start: String,
        /// All of its bytes.
        bytes: u64,
    },
    /// Nothing follows.
    End,
}

/// Reads lines.
pub(crate) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    /// Where the present line begins in the buffer, and where the search for its end goes on.
    begin: usize,
    searched: usize,
    /// Bytes of the present line that were dropped.
    dropped: u64,
    chunk: Vec<u8>,
    ended: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(crate) fn new(reader: R) -> Self {
        let chunk = vec![0; 64 << 10];
        Self { reader, buffer: Vec::new(), begin: 0, searched: 0, dropped: 0, chunk, ended: false }
    }

    /// The next line. May be dropped at any time without losing what was read.
    pub(crate) async fn next(&mut self) -> Next {
        loop {
            if let Some(at) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') {
                let end = self.searched + at;
                let begin = std::mem::replace(&mut self.begin, end + 1);
                self.searched = end + 1;
                return self.whole(begin, end);
            }
            // Once per chunk and not per line: what was read stands at the front again.
            self.buffer.drain(..std::mem::take(&mut self.begin));
            if self.buffer.len() > LINE_BYTES_MAX {
                self.dropped += (self.buffer.len() - KEPT) as u64;
                self.buffer.truncate(KEPT);
                self.buffer.shrink_to_fit();
            }
            self.searched = self.buffer.len();
            if self.ended {
                if self.buffer.is_empty() {
                    return Next::End;
                }
                self.begin = self.buffer.len();
                return self.whole(0, self.buffer.len());
            }
            match self.reader.read(&mut self.chunk).await {
                Ok(0) | Err(_) => self.ended = true,
                Ok(count) => self.buffer.extend_from_slice(&self.chunk[..count]),
            }
        }
    }

    fn whole(&mut self, begin: usize, end: usize) -> Next {
        let line = &self.buffer[begin..end];
        let dropped = std::mem::take(&mut self.dropped);
        if dropped == 0 {
            return Next::Line(String::from_utf8_lossy(line).into_owned());
        }
        let start = String::from_utf8_lossy(&line[..line.len().min(KEPT)]).into_owned();
        Next::TooLong { start, bytes: dropped + line.len() as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: Vec<u8>) -> Vec<Next> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut lines = Lines::new(bytes.as_slice());
            let mut found = Vec::new();
            loop {
                match lines.next().await {
                    Next::End => return found,
                    next => found.push(next),
                }
            }
        })
    }

    #[test]
    fn lines_come_whole_and_the_last_needs_no_end() {
        let line = |text: &str| Next::Line(text.into());
        assert_eq!(all(b"a\n\nb\xff\nc".to_vec()), [line("a"), line(""), line("b\u{fffd}"), line("c")]);
        assert_eq!(all(Vec::new()), []);
    }

    #[test]
    fn a_line_of_fifty_megabytes_is_counted_and_not_kept() {
        let mut bytes = vec![b'x'; 50 << 20];
        bytes.extend_from_slice(b"\nnext\n");
        let found = all(bytes);
        let [Next::TooLong { start, bytes }, Next::Line(next)] = &found[..] else {
            panic!("{}", found.len())
        };
        assert_eq!((start.len() <= KEPT, *bytes, next.as_str()), (true, 50 << 20, "next"));
    }
}
