//! The file: which tables it has, how it is recognised, how it is opened, how records are hashed.

use super::{Head, JournalError};
use consort_worker::store::hex;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Name of the journal in a run's directory.
pub const JOURNAL_FILE: &str = "journal.db";

/// `conS` in SQLite's application id: what makes the file ours.
const APPLICATION_ID: u32 = 0x636f_6e53;

/// Each step brings a journal from the format of its index to the next one. Never change a
/// step that was released: add one.
const STEPS: &[&str] = &["
    CREATE TABLE records (
        seq INTEGER PRIMARY KEY CHECK (seq >= 1),
        prev BLOB NOT NULL CHECK (length(prev) = 32),
        hash BLOB NOT NULL CHECK (length(hash) = 32),
        decision_version INTEGER NOT NULL,
        now INTEGER NOT NULL,
        cause TEXT NOT NULL,
        events TEXT NOT NULL
    ) STRICT;
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;
"];

/// The newest format that this build reads and writes.
#[expect(clippy::cast_possible_truncation, reason = "a handful of steps")]
pub const FORMAT: u32 = STEPS.len() as u32;

/// Versions before it can lose committed pages when two connections write and checkpoint.
const SQLITE_NEEDED: (i32, &str) = (3_051_003, "3.51.3");

/// How long one connection waits for another.
const BUSY: Duration = Duration::from_secs(5);

/// SHA-256 of a record.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChainHash(pub [u8; 32]);

impl std::fmt::Display for ChainHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl std::fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// The parts of a record that are hashed, as stored.
pub(super) struct Hashed<'a> {
    pub(super) prev: ChainHash,
    pub(super) seq: u64,
    pub(super) decision_version: u32,
    pub(super) now: i64,
    pub(super) cause: &'a str,
    pub(super) events: &'a str,
}

impl Hashed<'_> {
    pub(super) fn hash(&self) -> ChainHash {
        digest(
            b"consort record 1\n",
            &[
                &self.prev.0,
                &self.seq.to_le_bytes(),
                &u64::from(self.decision_version).to_le_bytes(),
                &self.now.to_le_bytes(),
                self.cause.as_bytes(),
                self.events.as_bytes(),
            ],
        )
    }
}

/// No two lists of fields give the same bytes: each is preceded by its length.
fn digest(domain: &[u8], fields: &[&[u8]]) -> ChainHash {
    let mut sha = Sha256::new();
    sha.update(domain);
    for field in fields {
        sha.update((field.len() as u64).to_le_bytes());
        sha.update(field);
    }
    ChainHash(sha.finalize().into())
}

/// What is said about the run, in the order of names.
pub(super) fn read_meta(conn: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    conn.prepare("SELECT name, value FROM meta ORDER BY name")?
        .query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// What the first record has in place of a record before it.
pub(super) fn genesis(meta: &[(String, String)]) -> ChainHash {
    let fields: Vec<&[u8]> = meta.iter().flat_map(|(n, v)| [n.as_bytes(), v.as_bytes()]).collect();
    digest(b"consort journal 1\n", &fields)
}

/// SQLite's integers are signed.
pub(super) fn sql_seq(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

pub(super) fn get_seq(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let seq: i64 = row.get(column)?;
    u64::try_from(seq).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, seq))
}

/// The head, if no record lies beyond it.
pub(super) fn read_head(path: &Path, conn: &Connection) -> Result<Head, JournalError> {
    // One statement, one snapshot: a writer may be at work.
    let (head, last) = conn
        .query_row("SELECT seq, hash, (SELECT max(seq) FROM records) FROM head WHERE one = 1", (), |row| {
            let head = Head { seq: get_seq(row, 0)?, hash: ChainHash(row.get(1)?) };
            Ok((head, row.get::<_, Option<i64>>(2)?))
        })
        .map_err(|e| JournalError::sqlite(path, "cannot read", &e))?;
    if last > Some(sql_seq(head.seq)) {
        let what = format!("it is there, though the journal ends at {}", head.seq);
        return Err(JournalError::corrupt(path, Some(head.seq + 1), what));
    }
    Ok(head)
}

/// Are the pages of the file in order? The chain covers what is read; this covers what the next
/// append would build on.
pub(super) fn check_structure(path: &Path, conn: &Connection) -> Result<(), JournalError> {
    let said: String = conn
        .query_row("PRAGMA quick_check(1)", (), |row| row.get(0))
        .map_err(|e| JournalError::sqlite(path, "cannot check", &e))?;
    if said == "ok" { Ok(()) } else { Err(JournalError::corrupt(path, None, said)) }
}

/// Is this file there, a plain file, ours, and of a format that we know? Looks at the first
/// 100 bytes only and opens nothing for writing. Returns the format.
pub(super) fn check_header(path: &Path) -> Result<u32, JournalError> {
    let not = |what: &str| JournalError::NotAJournal { path: path.to_path_buf(), what: what.into() };
    let looking = |e: std::io::Error| JournalError::io(path, "cannot read", &e);
    let meta = std::fs::symlink_metadata(path).map_err(looking)?;
    if !meta.is_file() {
        return Err(not(if meta.is_symlink() { "it is a symbolic link" } else { "it is not a plain file" }));
    }
    let mut header = [0; 100];
    match File::open(path).and_then(|mut file| file.read_exact(&mut header)) {
        Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Err(not("it is too short")),
        other => other.map_err(looking)?,
    }
    let number = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    if &header[..16] != b"SQLite format 3\0" {
        return Err(not("it is not an SQLite file"));
    }
    if number(68) != APPLICATION_ID {
        return Err(not("it is the SQLite file of another program"));
    }
    known(path, number(60))
}

fn known(path: &Path, found: u32) -> Result<u32, JournalError> {
    match found {
        0 => Err(JournalError::corrupt(path, None, "it has no format number")),
        1..=FORMAT => Ok(found),
        _ => Err(JournalError::Newer { path: path.to_path_buf(), found, known: FORMAT }),
    }
}

/// A connection that can only read. Changes no byte of the journal.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, JournalError> {
    check_sqlite()?;
    check_header(path)?;
    let fail = |e: rusqlite::Error| JournalError::sqlite(path, "cannot open", &e);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || -> rusqlite::Result<(Connection, u32)> {
        let conn = Connection::open_with_flags(path, flags)?;
        conn.busy_timeout(BUSY)?;
        let format = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok((conn, format))
    };
    let (conn, format) = match open() {
        // In a directory that cannot be written SQLite cannot set up what readers and writers
        // share. Without a log beside it nobody is writing, and the file is all there is.
        Err(e) if is_about_the_directory(&e) && !has_log(path) => open_alone(path).map_err(fail)?,
        other => other.map_err(fail)?,
    };
    known(path, format)?;
    Ok(conn)
}

fn is_about_the_directory(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode as Code;
    matches!(error.sqlite_error_code(), Some(Code::CannotOpen | Code::ReadOnly))
}

fn has_log(path: &Path) -> bool {
    std::fs::metadata(beside(path, "-wal")).is_ok_and(|meta| meta.len() > 0)
}

fn open_alone(path: &Path) -> rusqlite::Result<(Connection, u32)> {
    use std::os::unix::ffi::OsStrExt as _;
    let escaped: String = path.as_os_str().as_bytes().iter().map(|byte| format!("%{byte:02x}")).collect();
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let conn = Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)?;
    let format = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok((conn, format))
}

/// A connection that can append, to a journal of the newest format: older ones are brought
/// forward. The caller holds the run's lock.
pub(super) fn open_to_write(path: &Path) -> Result<Connection, JournalError> {
    check_sqlite()?;
    check_filesystem(path)?;
    check_header(path)?;
    if has_log(path) {
        // A newer consort may have died with its new format only in the log.
        drop(open_to_read(path)?);
    }
    let fail = |e: rusqlite::Error| JournalError::sqlite(path, "cannot open", &e);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(fail)?;
    set_up(&conn).map_err(fail)?;
    let format: u32 = conn.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(fail)?;
    if known(path, format)? < FORMAT {
        migrate(&conn, STEPS)
            .map_err(|e| JournalError::sqlite(path, "cannot bring to the newest format", &e))?;
    }
    Ok(conn)
}

fn set_up(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(BUSY)?;
    let mode: String = conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        let why = format!("write-ahead logging is not possible there (mode {mode})");
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN),
            Some(why),
        ));
    }
    conn.pragma_update(None, "synchronous", "FULL")
}

/// Runs the missing steps in one transaction, then moves them from the log into the file, so
/// that an older consort sees the format in the file's first bytes.
fn migrate(conn: &Connection, steps: &[&str]) -> rusqlite::Result<()> {
    conn.execute_batch("BEGIN IMMEDIATE")?;
    let all = || -> rusqlite::Result<()> {
        let from: u32 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let mut format = 0u32;
        for step in steps {
            format += 1;
            if format > from {
                conn.execute_batch(step)?;
            }
        }
        conn.pragma_update(None, "user_version", format)?;
        conn.execute_batch("COMMIT")
    };
    if let Err(error) = all() {
        let _ = conn.execute_batch("ROLLBACK");
        return Err(error);
    }
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(())).optional().map(|_| ())
}

/// Makes a whole journal without records under a temporary name and gives it its own name at
/// the end: a crash leaves a journal or none.
pub(super) fn make(path: &Path, meta: &[(&str, String)]) -> Result<(), JournalError> {
    check_sqlite()?;
    check_filesystem(path)?;
    let io = |e: std::io::Error| JournalError::io(path, "cannot create", &e);
    if std::fs::symlink_metadata(path).is_ok() {
        return Err(JournalError::Exists { path: path.to_path_buf() });
    }
    if has_log(path) {
        // SQLite would take it for the log of the new file.
        let what = "its log lies beside it, but it is not there".into();
        return Err(JournalError::NotAJournal { path: path.to_path_buf(), what });
    }
    let temporary = beside(path, ".new");
    for left_by_a_crash in ["", "-wal", "-shm"] {
        match std::fs::remove_file(beside(&temporary, left_by_a_crash)) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(io(e)),
            _ => {}
        }
    }
    let fill = || -> rusqlite::Result<()> {
        let conn = Connection::open(&temporary)?;
        conn.pragma_update(None, "page_size", 4096)?;
        conn.pragma_update(None, "application_id", APPLICATION_ID)?;
        set_up(&conn)?;
        migrate(&conn, STEPS)?;
        conn.execute_batch("BEGIN IMMEDIATE")?;
        for (name, value) in meta {
            conn.execute("INSERT INTO meta (name, value) VALUES (?1, ?2)", (name, value))?;
        }
        let hash = genesis(&read_meta(&conn)?);
        conn.execute("INSERT INTO head (one, seq, hash) VALUES (1, 0, ?1)", (hash.0,))?;
        conn.execute_batch("COMMIT")?;
        conn.close().map_err(|(_, error)| error)
    };
    fill().map_err(|e| JournalError::sqlite(path, "cannot create", &e))?;
    if has_log(&temporary) {
        return Err(io(std::io::Error::other("its log could not be written back")));
    }
    File::open(&temporary).and_then(|file| file.sync_all()).map_err(io)?;
    std::fs::rename(&temporary, path).map_err(io)?;
    let dir = path.parent().unwrap_or(Path::new("."));
    consort_worker::durable::sync_dir(dir).map_err(io)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn check_sqlite() -> Result<(), JournalError> {
    let (number, needed) = SQLITE_NEEDED;
    if rusqlite::version_number() >= number {
        return Ok(());
    }
    Err(JournalError::OldSqlite { found: rusqlite::version().into(), needed })
}

fn check_filesystem(path: &Path) -> Result<(), JournalError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    match unsuitable_filesystem(dir) {
        Ok(None) => Ok(()),
        Ok(Some(filesystem)) => Err(JournalError::Filesystem { path: path.to_path_buf(), filesystem }),
        Err(e) => Err(JournalError::io(path, "cannot look at", &e)),
    }
}

/// The version of the SQLite that is built in, such as `3.51.1`.
///
/// # Errors
/// It is too old to be trusted with a journal.
pub fn sqlite_version() -> Result<&'static str, JournalError> {
    check_sqlite().map(|()| rusqlite::version())
}

/// The name of the file system that holds this directory, if a journal is not safe on it.
pub fn unsuitable_filesystem(dir: &Path) -> std::io::Result<Option<&'static str>> {
    let kind = rustix::fs::statfs(dir)?.f_type;
    Ok(match u32::try_from(kind & 0xffff_ffff).unwrap_or(0) {
        0x6969 => Some("NFS"),
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => Some("a Windows share (SMB)"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_has_no_lost_pages() {
        assert!(rusqlite::version_number() >= SQLITE_NEEDED.0, "{}", rusqlite::version());
        check_sqlite().unwrap();
    }

    #[test]
    fn fields_cannot_be_shifted_into_each_other() {
        let record = |cause, events| {
            Hashed { prev: ChainHash([1; 32]), seq: 1, decision_version: 1, now: 5, cause, events }.hash()
        };
        assert_ne!(record("ab", "c"), record("a", "bc"));
        assert_ne!(record("ab", ""), record("", "ab"));
        assert_eq!(record("a", "b"), record("a", "b"));
    }

    #[test]
    fn a_commit_is_flushed_before_it_is_acknowledged() {
        // No test without a power cut can see a missing flush; this one sees the switch.
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(JOURNAL_FILE);
        make(&path, &[("run", "flow".into())]).unwrap();
        let conn = open_to_write(&path).unwrap();
        let full: i64 = conn.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
        let mode: String = conn.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        assert_eq!((full, &*mode), (2, "wal"));
    }

    #[test]
    fn a_step_is_run_whole_or_not_at_all() {
        let conn = Connection::open_in_memory().unwrap();
        migrate(&conn, STEPS).unwrap();
        let version = || -> u32 { conn.pragma_query_value(None, "user_version", |r| r.get(0)).unwrap() };
        assert_eq!(version(), FORMAT);

        let broken = [STEPS[0], "CREATE TABLE extra (x INTEGER) STRICT; CREATE TABLE extra (x INTEGER);"];
        migrate(&conn, &broken).unwrap_err();
        assert_eq!(version(), FORMAT);
        assert!(conn.prepare("SELECT * FROM extra").is_err(), "the first half was taken back");

        let next = [STEPS[0], "ALTER TABLE meta ADD COLUMN more TEXT"];
        migrate(&conn, &next).unwrap();
        migrate(&conn, &next).unwrap();
        assert_eq!(version(), 2);
        conn.prepare("SELECT more FROM meta").unwrap();
    }
}
