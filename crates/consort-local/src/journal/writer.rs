//! Appending: one thread, one transaction per batch, no second chance.

use super::format::{self, Hashed, JOURNAL_FILE};
use super::{CAUSE_BYTES_MAX, Head, JournalError, NewRecord, Record, Records};
use crate::lock::RunLock;
use consort_core::ids::RunId;
use consort_core::run::EVENT_BYTES_MAX;
use consort_core::time::Timestamp;
use consort_worker::drill;
use consort_worker::store::hex;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use std::future::Future;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// So many requests at most become one transaction.
const BATCH: usize = 512;

/// What a new journal says about its run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJournal {
    /// Which run.
    pub run: RunId,
    /// When it began.
    pub created: Timestamp,
    /// The version of consort, for people.
    pub version: String,
}

/// The journal of one run, in the hands of the run's holder.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    shared: Arc<Shared>,
    queue: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    head: Mutex<Head>,
    commits: AtomicU64,
}

impl Shared {
    fn head(&self) -> std::sync::MutexGuard<'_, Head> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts the transactions of one open journal.
#[derive(Clone, Debug)]
pub struct CommitCounter(Arc<Shared>);

impl CommitCounter {
    /// Transactions since the journal was opened.
    pub fn commits(&self) -> u64 {
        self.0.commits.load(Ordering::Relaxed)
    }
}

struct Request {
    records: Vec<NewRecord>,
    done: oneshot::Sender<Result<Head, JournalError>>,
}

/// An append under way. Await it, or [`wait`](Appended::wait) for it. The outcome is the
/// journal's head after these records, which by then survive a power cut. To drop it is fine:
/// the append still happens.
#[derive(Debug)]
#[must_use = "nothing may act on a record before it is acknowledged"]
pub struct Appended {
    outcome: oneshot::Receiver<Result<Head, JournalError>>,
    path: PathBuf,
}

impl Appended {
    /// Blocks until the records are on disk. Not for async code.
    pub fn wait(self) -> Result<Head, JournalError> {
        self.outcome.blocking_recv().unwrap_or(Err(JournalError::Closed { path: self.path }))
    }
}

impl Future for Appended {
    type Output = Result<Head, JournalError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let closed = JournalError::Closed { path: self.path.clone() };
        Pin::new(&mut self.outcome).poll(context).map(|outcome| outcome.unwrap_or(Err(closed)))
    }
}

impl Journal {
    /// Makes the journal of a run that has none. A crash leaves a whole one or none.
    pub fn create(lock: &RunLock, about: &NewJournal) -> Result<Self, JournalError> {
        let path = lock.dir().join(JOURNAL_FILE);
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|e| JournalError::Io {
            doing: "cannot draw an id for".into(),
            path: path.clone(),
            why: e.to_string(),
        })?;
        let meta = [
            ("run", about.run.0.clone()),
            ("id", hex(&id)),
            ("created", about.created.0.to_string()),
            ("version", about.version.clone()),
        ];
        drill::site("journal.create.before");
        format::make(&path, &meta)?;
        drill::site("journal.create.after");
        Self::open(lock, |_| {})
    }

    /// Opens the journal of this run, checks the whole chain, and hands every record to
    /// `fold` in order: the state is their fold. Brings an older format forward; refuses a
    /// newer one without changing a byte.
    pub fn open(lock: &RunLock, mut fold: impl FnMut(Record)) -> Result<Self, JournalError> {
        let path = lock.dir().join(JOURNAL_FILE);
        let conn = format::open_to_write(&path)?;
        format::check_structure(&path, &conn)?;
        let records = Records::new(&path, &conn, 0)?;
        let head = records.end();
        for record in records {
            fold(record?);
        }
        Self::start(path, conn, lock.clone(), head)
    }

    fn start(path: PathBuf, conn: Connection, lock: RunLock, head: Head) -> Result<Self, JournalError> {
        let opening = |e: std::io::Error| JournalError::io(&path, "cannot open", &e);
        let file = std::fs::symlink_metadata(&path).map_err(opening)?;
        let shared = Arc::new(Shared { head: Mutex::new(head), commits: AtomicU64::new(0) });
        let (queue, requests) = mpsc::channel();
        let writer = Writer {
            path: path.clone(),
            identity: (file.dev(), file.ino()),
            conn,
            lock,
            shared: shared.clone(),
            broken: None,
        };
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || writer.run(&requests))
            .map_err(opening)?;
        Ok(Self { path, shared, queue: Some(queue), thread: Some(thread) })
    }

    /// Hands records over to be appended, in the order of calls. They are written together with
    /// whatever else is waiting, in one transaction. After one failed append all later ones
    /// fail with the first error.
    pub fn append(&self, records: Vec<NewRecord>) -> Appended {
        let (done, outcome) = oneshot::channel();
        if let Some(queue) = &self.queue {
            // If the thread is gone the request is dropped, and with it the sender.
            let _ = queue.send(Request { records, done });
        }
        Appended { outcome, path: self.path.clone() }
    }

    /// The last acknowledged record.
    pub fn head(&self) -> Head {
        *self.shared.head()
    }

    /// Transactions since it was opened, for benchmarks: each is one flush of the log.
    pub fn commits(&self) -> u64 {
        self.counter().commits()
    }

    /// The same count, to be read also after the journal is closed.
    pub fn counter(&self) -> CommitCounter {
        CommitCounter(self.shared.clone())
    }

    /// Waits until everything handed over is written or has failed, and closes the file. The
    /// run's lock is free afterwards if the caller dropped it.
    pub fn close(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.end();
    }
}

/// The only one who appends.
struct Writer {
    path: PathBuf,
    /// Device and inode of the file that we opened.
    identity: (u64, u64),
    conn: Connection,
    /// Held until the last append is done.
    lock: RunLock,
    shared: Arc<Shared>,
    /// The first error. Nothing is written after it.
    broken: Option<JournalError>,
}

impl Writer {
    fn run(mut self, requests: &mpsc::Receiver<Request>) {
        while let Ok(first) = requests.recv() {
            let mut batch = vec![first];
            while batch.len() < BATCH
                && let Ok(next) = requests.try_recv()
            {
                batch.push(next);
            }
            self.write_all(batch);
        }
        if self.broken.is_some() {
            // Closing would flush again what could not be flushed, and might seem to succeed.
            let _ = self.conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
    }

    /// Writes what can be written of a batch as one transaction, and answers each request.
    fn write_all(&mut self, batch: Vec<Request>) {
        let before = *self.shared.head();
        let mut rows = Vec::new();
        let mut heads = Vec::new();
        let mut head = before;
        // A request that cannot be encoded ends the batch: those before it are still good.
        let mut too_large = None;
        for request in &batch {
            match encode(&request.records, head) {
                Ok(more) => {
                    if let Some(last) = more.last() {
                        head = Head { seq: last.seq, hash: last.hash };
                    }
                    rows.extend(more);
                    heads.push(head);
                }
                Err(error) => {
                    too_large = Some(error);
                    break;
                }
            }
        }
        if self.broken.is_none()
            && !rows.is_empty()
            && let Err(error) = self.commit(&rows, head)
        {
            self.broken = Some(error);
        }
        let mut written = heads.into_iter();
        for request in batch {
            let outcome = match (&self.broken, written.next()) {
                (Some(error), _) => Err(error.clone()),
                (None, Some(head)) => Ok(head),
                (None, None) => {
                    let error = too_large.take().expect("without an error every request has a head");
                    self.broken = Some(error.clone());
                    Err(error)
                }
            };
            let _ = request.done.send(outcome); // nobody has to listen
        }
    }

    fn commit(&mut self, rows: &[Row], head: Head) -> Result<(), JournalError> {
        if !self.is_in_place() {
            return Err(JournalError::Moved { path: self.path.clone() });
        }
        drill::site("journal.append.before");
        let first = rows.first().map_or(head.seq, |row| row.seq);
        insert(&self.conn, rows, head)
            .map_err(|e| JournalError::sqlite(&self.path, format!("cannot append record {first} to"), &e))?;
        drill::site("journal.append.after");
        self.shared.commits.fetch_add(1, Ordering::Relaxed);
        *self.shared.head() = head;
        Ok(())
    }

    /// Writing to a file that has lost its name would be a journal that nobody finds.
    fn is_in_place(&self) -> bool {
        std::fs::symlink_metadata(&self.path).is_ok_and(|file| (file.dev(), file.ino()) == self.identity)
            && self.lock.is_in_place()
    }
}

fn insert(conn: &Connection, rows: &[Row], head: Head) -> rusqlite::Result<()> {
    conn.execute_batch("BEGIN IMMEDIATE")?;
    let mut insert = conn.prepare(
        "INSERT INTO records (seq, prev, hash, decision_version, now, cause, events) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for row in rows {
        insert.execute((
            format::sql_seq(row.seq),
            row.prev.0,
            row.hash.0,
            row.decision_version,
            row.now.0,
            &row.cause,
            &row.events,
        ))?;
    }
    conn.execute(
        "UPDATE head SET seq = ?1, hash = ?2 WHERE one = 1",
        (format::sql_seq(head.seq), head.hash.0),
    )?;
    conn.execute_batch("COMMIT")
}

struct Row {
    seq: u64,
    prev: super::ChainHash,
    hash: super::ChainHash,
    decision_version: u32,
    now: Timestamp,
    cause: String,
    events: String,
}

/// The rows that these records become after `head`.
fn encode(records: &[NewRecord], mut head: Head) -> Result<Vec<Row>, JournalError> {
    let mut rows = Vec::with_capacity(records.len());
    for record in records {
        let cause = json("a cause", &record.cause, CAUSE_BYTES_MAX)?;
        let mut events = String::from("[");
        for (n, event) in record.events.iter().enumerate() {
            if n > 0 {
                events.push(',');
            }
            events.push_str(&json("an event", event, EVENT_BYTES_MAX)?);
        }
        events.push(']');
        let seq = head.seq + 1;
        let hash = Hashed {
            prev: head.hash,
            seq,
            decision_version: record.decision_version,
            now: record.now.0,
            cause: &cause,
            events: &events,
        }
        .hash();
        let (decision_version, now) = (record.decision_version, record.now);
        rows.push(Row { seq, prev: head.hash, hash, decision_version, now, cause, events });
        head = Head { seq, hash };
    }
    Ok(rows)
}

fn json<T: serde::Serialize>(what: &str, value: &T, max: usize) -> Result<String, JournalError> {
    let text = serde_json::to_string(value).unwrap_or_default();
    if text.is_empty() || text.len() > max {
        let start: String = text.chars().take(60).collect();
        return Err(JournalError::TooLarge { what: format!("{what} ({start}…)"), bytes: text.len(), max });
    }
    Ok(text)
}
