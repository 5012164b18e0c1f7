//! Reading a journal: in the runner when it opens, in other processes at any time.

use super::format::{self, Hashed, JOURNAL_FILE};
use super::{ChainHash, Head, JournalError, Record};
use consort_core::ids::RunId;
use consort_core::run::{Event, Input};
use consort_core::time::Timestamp;
use rusqlite::Connection;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// So many records are read in one go. Between them the reader holds nothing that would keep
/// the writer from tidying its log.
const PAGE: u32 = 512;

/// A journal that is only read. Tolerates a living writer.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    conn: Connection,
}

impl Reader {
    /// Opens the journal in this run's directory without changing a byte of it.
    pub fn open(dir: &Path) -> Result<Self, JournalError> {
        let path = dir.join(JOURNAL_FILE);
        let conn = format::open_to_read(&path)?;
        Ok(Self { path, conn })
    }

    /// Which run it is of.
    pub fn run(&self) -> Result<RunId, JournalError> {
        let meta = format::read_meta(&self.conn).map_err(|e| self.failed(&e))?;
        let run = meta.into_iter().find(|(name, _)| name == "run");
        run.map(|(_, value)| RunId(value))
            .ok_or_else(|| JournalError::corrupt(&self.path, None, "it does not say of which run it is"))
    }

    /// Where it ends at this moment. Cheap: reads one row.
    pub fn head(&self) -> Result<Head, JournalError> {
        format::read_head(&self.path, &self.conn)
    }

    /// The records after `after_seq` (0: all), in order, up to the head that the journal has
    /// now. Every hash is computed again; the first error ends the iteration.
    pub fn records(&self, after_seq: u64) -> Result<Records<'_>, JournalError> {
        Records::new(&self.path, &self.conn, after_seq)
    }

    fn failed(&self, error: &rusqlite::Error) -> JournalError {
        JournalError::sqlite(&self.path, "cannot read", error)
    }
}

/// Records in order, checked one by one. See [`Reader::records`].
#[derive(Debug)]
pub struct Records<'a> {
    path: &'a Path,
    conn: &'a Connection,
    /// The last record that was given.
    last: Head,
    /// Where to stop.
    end: Head,
    page: VecDeque<Result<Row, JournalError>>,
    done: bool,
}

impl<'a> Records<'a> {
    pub(super) fn new(path: &'a Path, conn: &'a Connection, after_seq: u64) -> Result<Self, JournalError> {
        let failed = |e: rusqlite::Error| JournalError::sqlite(path, "cannot read", &e);
        let end = format::read_head(path, conn)?;
        let last = if after_seq == 0 {
            Head { seq: 0, hash: format::genesis(&format::read_meta(conn).map_err(failed)?) }
        } else if after_seq >= end.seq {
            end
        } else {
            let hash = conn
                .query_row("SELECT hash FROM records WHERE seq = ?1", (format::sql_seq(after_seq),), |row| {
                    row.get(0)
                })
                .map_err(|e| at_record(path, after_seq, &e))?;
            Head { seq: after_seq, hash: ChainHash(hash) }
        };
        if end.seq == 0 && last != end {
            return Err(JournalError::corrupt(path, None, "what it says about its run was changed"));
        }
        Ok(Self { path, conn, last, end, page: VecDeque::new(), done: false })
    }

    /// The journal's head when the iteration began.
    pub fn end(&self) -> Head {
        self.end
    }

    /// Rows up to the first that cannot be read, and its error in its place.
    fn fill(&mut self) -> Result<(), JournalError> {
        let first = self.last.seq + 1;
        let path = self.path;
        let failed = |seq| move |e: rusqlite::Error| at_record(path, seq, &e);
        let mut select = self
            .conn
            .prepare(
                "SELECT seq, prev, hash, decision_version, now, cause, events FROM records \
                 WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3",
            )
            .map_err(failed(first))?;
        let range = (format::sql_seq(self.last.seq), format::sql_seq(self.end.seq), PAGE);
        let rows = select.query_map(range, Row::read).map_err(failed(first))?;
        let page: VecDeque<_> = (first..).zip(rows).map(|(seq, row)| row.map_err(failed(seq))).collect();
        if page.is_empty() {
            let what =
                format!("it and all after it are missing, though the journal goes up to {}", self.end.seq);
            return Err(JournalError::corrupt(self.path, Some(first), what));
        }
        self.page = page;
        Ok(())
    }

    fn step(&mut self) -> Result<Record, JournalError> {
        if self.page.is_empty() {
            self.fill()?;
        }
        let row = self.page.pop_front().expect("a filled page has a row")?;
        let record =
            row.check(self.last).map_err(|(seq, what)| JournalError::corrupt(self.path, Some(seq), what))?;
        self.last = Head { seq: record.seq, hash: record.hash };
        if record.seq == self.end.seq && record.hash != self.end.hash {
            let what = "it is not the record that the journal's head names";
            return Err(JournalError::corrupt(self.path, Some(record.seq), what));
        }
        Ok(record)
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Record, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done || self.last.seq >= self.end.seq {
            return None;
        }
        let record = self.step();
        self.done = record.is_err();
        Some(record)
    }
}

/// A row as it is in the table.
#[derive(Debug)]
struct Row {
    seq: u64,
    prev: [u8; 32],
    hash: [u8; 32],
    decision_version: u32,
    now: i64,
    cause: String,
    events: String,
}

impl Row {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: format::get_seq(row, 0)?,
            prev: row.get(1)?,
            hash: row.get(2)?,
            decision_version: row.get(3)?,
            now: row.get(4)?,
            cause: row.get(5)?,
            events: row.get(6)?,
        })
    }

    /// The record, if it follows `before` and is what was written.
    fn check(self, before: Head) -> Result<Record, (u64, String)> {
        let seq = before.seq + 1;
        let wrong = |what: String| (seq, what);
        if self.seq != seq {
            return Err(wrong(format!("it is missing, the next one is {}", self.seq)));
        }
        if self.prev != before.hash.0 {
            return Err(wrong("it does not follow the record before it".into()));
        }
        let hash = Hashed {
            prev: before.hash,
            seq,
            decision_version: self.decision_version,
            now: self.now,
            cause: &self.cause,
            events: &self.events,
        }
        .hash();
        if hash.0 != self.hash {
            return Err(wrong("its content does not have the hash that was stored with it".into()));
        }
        let cause: Input =
            serde_json::from_str(&self.cause).map_err(|e| wrong(format!("its cause cannot be read: {e}")))?;
        let events: Vec<Event> = serde_json::from_str(&self.events)
            .map_err(|e| wrong(format!("its events cannot be read: {e}")))?;
        Ok(Record {
            seq,
            prev: before.hash,
            hash,
            decision_version: self.decision_version,
            now: Timestamp(self.now),
            cause,
            events,
        })
    }
}

/// Names the record where the row itself cannot be read.
fn at_record(path: &Path, seq: u64, error: &rusqlite::Error) -> JournalError {
    match JournalError::sqlite(path, "cannot read", error) {
        JournalError::Corrupt { path, what, .. } => JournalError::Corrupt { path, seq: Some(seq), what },
        other => other,
    }
}
