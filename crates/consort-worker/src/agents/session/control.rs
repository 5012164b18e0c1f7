//! The files by which a runner and the driver of a session meet. The driver appends notes, the runner
//! lays down what people say; each file is written by one of them only, whole or not there.

use consort_core::run::{NoteKind, SessionEnd, SessionNote, TellKind};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

const NOTES: &str = "notes.jsonl";
const TOLD: &str = "told";
const OUTCOME: &str = "outcome.json";
/// Longest line of the notes that is believed.
const NOTE_BYTES_MAX: usize = 16 << 10;

/// The notes of a session, as its driver writes them.
pub(super) struct Notes {
    file: File,
    number: u32,
}

impl Notes {
    pub(super) fn open(control: &Path) -> io::Result<Self> {
        let number = notes_after(control, 0)?.last().map_or(0, |note| note.number);
        let file = OpenOptions::new().create(true).append(true).open(control.join(NOTES))?;
        Ok(Self { file, number })
    }

    /// One line, durable before anything follows from it.
    pub(super) fn add(&mut self, kind: NoteKind) -> io::Result<()> {
        self.number += 1;
        let mut line = serde_json::to_vec(&SessionNote { number: self.number, kind })?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.file.sync_data()
    }
}

/// Whole notes above `known`, in order. A line that is still being written is not there yet.
///
/// # Errors
/// The file is there and cannot be read.
pub fn notes_after(control: &Path, known: u32) -> io::Result<Vec<SessionNote>> {
    let file = match File::open(control.join(NOTES)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut notes = Vec::new();
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        if line.last() == Some(&b'\n')
            && line.len() <= NOTE_BYTES_MAX
            && let Ok(note) = serde_json::from_slice::<SessionNote>(&line)
            && note.number > known
        {
            notes.push(note);
        }
        line.clear();
    }
    Ok(notes)
}

/// Bytes of the notes: a cheap way to see whether there are more.
pub fn notes_size(control: &Path) -> u64 {
    std::fs::metadata(control.join(NOTES)).map_or(0, |meta| meta.len())
}

fn told_path(control: &Path, name: &str) -> PathBuf {
    control.join(TOLD).join(format!("{}.json", name.replace('/', "-")))
}

/// Lays down what is to reach the session. Done twice it is the same as once: the first word counts.
///
/// # Errors
/// It cannot be written.
pub fn tell(control: &Path, what: &TellKind) -> io::Result<()> {
    let to = told_path(control, &what.to_string());
    let Some(dir) = to.parent() else { return Ok(()) };
    std::fs::create_dir_all(dir)?;
    let mut temporary = tempfile::NamedTempFile::new_in(control)?;
    temporary.write_all(&serde_json::to_vec(what)?)?;
    temporary.as_file().sync_data()?;
    match temporary.persist_noclobber(&to) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.error),
    }
}

/// What was laid down under this name, `answer/<ask>` or `turn/<number>`.
pub(super) fn told(control: &Path, name: &str) -> Option<TellKind> {
    serde_json::from_slice(&std::fs::read(told_path(control, name)).ok()?).ok()
}

/// Lays down how a session ended, as its driver says: whole or not there.
pub(super) fn write_end(control: &Path, end: &SessionEnd) -> io::Result<()> {
    let mut temporary = tempfile::NamedTempFile::new_in(control)?;
    temporary.write_all(&serde_json::to_vec_pretty(end)?)?;
    temporary.as_file().sync_data()?;
    temporary.persist(control.join(OUTCOME)).map(|_| ()).map_err(|e| e.error)
}

/// How a session ended; `None` if its driver did not get that far.
pub fn end_of(control: &Path) -> Option<SessionEnd> {
    serde_json::from_slice(&std::fs::read(control.join(OUTCOME)).ok()?).ok()
}
