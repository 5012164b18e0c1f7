//! The journal of one run: `.consort/runs/<run>/journal.db`, the truth about it.
//!
//! A chain of records, each with the cause, the time and the events that a decision gave, each
//! with the hash of the one before. Only the holder of the run's lock appends, through one
//! thread that makes one transaction of all that is waiting and acknowledges after the flush.
//! After the first failed append nothing is ever appended again by that process: a flush that
//! failed once must not be believed later. Other processes read while it is written.
//!
//! ```text
//! records  seq (1, 2, 3 … without gaps) · prev · hash · decision_version · now · cause · events
//! meta     run, id, created, version: bound to the chain, because record 1's prev is their hash
//! head     seq and hash of the last record, written with it: a lost tail shows
//! ```
//!
//! The hash is SHA-256 over `consort record 1\n` and then prev, seq, decision version, now, cause
//! and events, each preceded by its length in bytes as 8 bytes, numbers as 8 bytes, all little-endian;
//! cause and events are the JSON text exactly as stored.

mod error;
mod format;
mod reader;
mod writer;

pub use error::JournalError;
pub use format::{ChainHash, FORMAT, JOURNAL_FILE, sqlite_version, unsuitable_filesystem};
pub use reader::{Reader, Records};
pub use writer::{Appended, CommitCounter, Journal, NewJournal};

use consort_core::run::{DECISION_VERSION, Event, Input};
use consort_core::time::Timestamp;

/// No cause is larger than this when serialised, in bytes (1 MiB).
pub const CAUSE_BYTES_MAX: usize = 1 << 20;

/// Where a journal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last record's number; 0 if there is none.
    pub seq: u64,
    /// Its hash; of an empty journal, the hash of what is said about the run.
    pub hash: ChainHash,
}

/// One step of a run, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// From 1, without gaps.
    pub seq: u64,
    /// Hash of the record before.
    pub prev: ChainHash,
    /// Hash of this one.
    pub hash: ChainHash,
    /// Of the core that decided. Only records of the running version can be decided again.
    pub decision_version: u32,
    /// The time that the core was given.
    pub now: Timestamp,
    /// What the core was given.
    pub cause: Input,
    /// What it decided, in order. Empty for an input that was refused and yet must be remembered.
    pub events: Vec<Event>,
}

/// One step of a run, to be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecord {
    /// Of the core that decided.
    pub decision_version: u32,
    /// The time that the core was given.
    pub now: Timestamp,
    /// What the core was given.
    pub cause: Input,
    /// What it decided.
    pub events: Vec<Event>,
}

impl NewRecord {
    /// A record of the core that this build has.
    pub fn new(now: Timestamp, cause: Input, events: Vec<Event>) -> Self {
        Self { decision_version: DECISION_VERSION, now, cause, events }
    }
}
