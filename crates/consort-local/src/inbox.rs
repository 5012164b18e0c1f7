//! Commands of other processes: `.consort/runs/<run>/inbox/`, one file each.
//!
//! Whoever has a command for a run posts it as a file that appears whole. The run's holder takes
//! the files in order, journals each with who and when *before* it acts, and deletes it after.
//! If the runner dies between the two, the file is still there and the journal knows its id: the
//! next runner asks [`Journalled`] and only deletes it. So a command acts at most once, and none
//! that was posted is lost.
//!
//! A file that is no command is set aside in `inbox/refused/` with the reason beside it.

use consort_core::run::{Command, Input};
use consort_core::time::Timestamp;
use consort_worker::store::hex;
use consort_worker::{drill, durable};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashSet};
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// No command's file is larger, in bytes (64 KiB).
pub const POST_BYTES_MAX: u64 = 64 << 10;

/// So many commands are taken at once; the rest waits for the next time.
pub const TAKE_MAX: usize = 256;

/// Format of the files.
const FORMAT: u32 = 1;

/// How often a [`Watch`] looks.
const POLL: Duration = Duration::from_millis(250);

/// In an input's `via`, before the id of the command.
const VIA: &str = "inbox:";

/// Unique name of a posted command. Sorts by time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PostId(String);

impl std::fmt::Display for PostId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl PostId {
    fn new(at: Timestamp) -> io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        Ok(Self(format!("{:014}-{}", at.0.max(0), hex(&random))))
    }

    /// The id in the name of a command's file; `None` for other files.
    fn of_file(name: &str) -> Option<Self> {
        let id = name.strip_suffix(".json")?;
        let good =
            !id.is_empty() && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        good.then(|| Self(id.to_owned()))
    }

    /// The id in the cause of a record, if it came through an inbox.
    pub fn of_input(input: &Input) -> Option<Self> {
        match input {
            Input::Command { via, .. } => via.strip_prefix(VIA).map(|id| Self(id.to_owned())),
            _ => None,
        }
    }
}

/// What is in a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    by: String,
    via: String,
    at: Timestamp,
    command: Command,
}

/// A command that waits to be journalled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// Its name.
    pub id: PostId,
    /// Who gave it.
    pub by: String,
    /// How it was given: `terminal`, `web`, `mcp`.
    pub via: String,
    /// When, by the clock of the process that gave it.
    pub at: Timestamp,
    /// What.
    pub command: Command,
}

impl Posted {
    /// The cause to journal. It carries the id, so that a second look at the same file is known.
    pub fn input(&self) -> Input {
        Input::Command {
            by: self.by.clone(),
            via: format!("{VIA}{}", self.id),
            command: self.command.clone(),
        }
    }
}

/// A file that was no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Where it is now.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

/// What was in the inbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Commands in the order in which they were given.
    pub posted: Vec<Posted>,
    /// Files that were set aside.
    pub set_aside: Vec<SetAside>,
}

/// Ids of the commands that a journal already holds.
#[derive(Clone, Debug, Default)]
pub struct Journalled(HashSet<PostId>);

impl Journalled {
    /// To be shown the cause of every record, in any order.
    pub fn observe(&mut self, cause: &Input) {
        self.0.extend(PostId::of_input(cause));
    }

    /// True for a command that must not be journalled again, only deleted.
    pub fn contains(&self, id: &PostId) -> bool {
        self.0.contains(id)
    }
}

/// The inbox of one run. Calls block, but for no longer than a small file takes.
#[derive(Clone, Debug)]
pub struct Inbox {
    dir: PathBuf,
}

impl Inbox {
    /// The inbox of the run in this directory. It comes into being with the first command.
    pub fn of(run_dir: &Path) -> Self {
        Self { dir: run_dir.join("inbox") }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Leaves a command. When this returns it survives a power cut and will be taken by the
    /// run's holder, now or later.
    pub fn post(&self, by: &str, via: &str, at: Timestamp, command: &Command) -> io::Result<PostId> {
        let file = File { format: FORMAT, by: by.into(), via: via.into(), at, command: command.clone() };
        let text = serde_json::to_vec_pretty(&file)?;
        if text.len() as u64 > POST_BYTES_MAX {
            let why = format!("the command has {} bytes, at most {POST_BYTES_MAX} are taken", text.len());
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        // Only the inbox itself: a run's directory that is gone must not come back.
        match fs::create_dir(&self.dir) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(self.failed("create", &e)),
            _ => {}
        }
        let id = PostId::new(at)?;
        drill::site("inbox.post.before");
        durable::write(&self.path(&id), &text, 0o644).map_err(|e| self.failed("write to", &e))?;
        drill::site("inbox.post.after");
        Ok(id)
    }

    /// The commands that wait, in order, at most [`TAKE_MAX`]. They stay in the inbox until
    /// [`done`](Inbox::done). Files that are no commands are set aside.
    pub fn take(&self) -> io::Result<Taken> {
        let mut taken = Taken::default();
        for name in self.names()?.into_iter().take(TAKE_MAX) {
            let path = self.dir.join(&name);
            match read(&path, &name) {
                Ok(posted) => taken.posted.push(posted),
                Err(Unread::Gone) => {}
                Err(Unread::Wrong(why)) => taken.set_aside.push(self.set_aside(&path, &name, why)?),
                Err(Unread::Io(e)) => return Err(self.failed("read", &e)),
            }
        }
        Ok(taken)
    }

    /// Deletes a command, after the journal has acknowledged it. One that is gone already is fine.
    pub fn done(&self, id: &PostId) -> io::Result<()> {
        drill::site("inbox.done.before");
        match fs::remove_file(self.path(id)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(self.failed("delete from", &e)),
            // No flush: if the name comes back after a power cut, the journal knows the id.
            _ => {
                drill::site("inbox.done.after");
                Ok(())
            }
        }
    }

    /// Tells of new files.
    pub fn watch(&self) -> Watch {
        Watch { inbox: self.clone(), seen: BTreeSet::new() }
    }

    fn path(&self, id: &PostId) -> PathBuf {
        self.dir.join(format!("{id}.json"))
    }

    /// Names of all files that are no temporary ones, in order.
    fn names(&self) -> io::Result<BTreeSet<String>> {
        let entries = match fs::read_dir(&self.dir) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            other => other.map_err(|e| self.failed("read", &e))?,
        };
        let mut names = BTreeSet::new();
        for entry in entries {
            let entry = entry.map_err(|e| self.failed("read", &e))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.starts_with('.') && name != REFUSED {
                names.insert(name);
            }
        }
        Ok(names)
    }

    fn set_aside(&self, path: &Path, name: &str, why: String) -> io::Result<SetAside> {
        let refused = self.dir.join(REFUSED);
        durable::create_dirs(&refused)?;
        let to = refused.join(name);
        fs::rename(path, &to).map_err(|e| self.failed("set a file aside in", &e))?;
        let mut reason = to.clone().into_os_string();
        reason.push(".why");
        durable::write(Path::new(&reason), format!("{why}\n").as_bytes(), 0o644)?;
        Ok(SetAside { path: to, why })
    }

    fn failed(&self, doing: &str, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("cannot {doing} the inbox {}: {error}", self.dir.display()))
    }
}

const REFUSED: &str = "refused";

enum Unread {
    Gone,
    Wrong(String),
    Io(io::Error),
}

fn read(path: &Path, name: &str) -> Result<Posted, Unread> {
    let wrong = |why: &str| Err(Unread::Wrong(why.to_owned()));
    let Some(id) = PostId::of_file(name) else { return wrong("its name is not that of a command") };
    // Neither a link nor a pipe may lead or hold us elsewhere.
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(Unread::Gone),
        Err(e) if fs::symlink_metadata(path).is_ok_and(|m| m.is_file()) => return Err(Unread::Io(e)),
        Err(_) => return wrong("it is not a plain file"),
    };
    if !file.metadata().map_err(Unread::Io)?.is_file() {
        return wrong("it is not a plain file");
    }
    let mut bytes = Vec::new();
    file.take(POST_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(Unread::Io)?;
    if bytes.len() as u64 > POST_BYTES_MAX {
        return Err(Unread::Wrong(format!("it is larger than {POST_BYTES_MAX} bytes")));
    }
    let File { format, by, via, at, command } = match serde_json::from_slice(&bytes) {
        Ok(file) => file,
        Err(e) => return Err(Unread::Wrong(format!("it is not a command: {e}"))),
    };
    if format != FORMAT {
        return Err(Unread::Wrong(format!("it has format {format}, this consort knows {FORMAT}")));
    }
    Ok(Posted { id, by, via, at, command })
}

/// Looks four times a second. A look is one read of a directory that is nearly always empty;
/// names and not the directory's time decide, because two changes can have the same time.
#[derive(Debug)]
pub struct Watch {
    inbox: Inbox,
    seen: BTreeSet<String>,
}

impl Watch {
    /// Returns as soon as there is a file that was not there at the last return: at once if
    /// one waits already. Errors of the file system count as news: `take` says them.
    pub async fn changed(&mut self) {
        loop {
            if self.look() {
                return;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn look(&mut self) -> bool {
        match self.inbox.names() {
            Ok(names) => {
                let news = !names.is_subset(&self.seen);
                self.seen = names;
                news
            }
            Err(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consort_core::ids::ApprovalId;

    const AT: Timestamp = Timestamp(1_795_417_588_000);

    fn inbox() -> (tempfile::TempDir, Inbox) {
        let dir = tempfile::tempdir().unwrap();
        let inbox = Inbox::of(dir.path());
        (dir, inbox)
    }

    fn approve(n: u32) -> Command {
        Command::approve(ApprovalId(format!("A-{n:03}")), Some("looks good"))
    }

    #[test]
    fn commands_are_taken_in_order_and_stay_until_done() {
        let (_dir, inbox) = inbox();
        assert_eq!(inbox.take().unwrap(), Taken::default());
        let late = inbox.post("bob", "web", AT.plus_ms(20), &Command::Cancel).unwrap();
        let early = inbox.post("ada", "terminal", AT, &approve(1)).unwrap();
        let taken = inbox.take().unwrap().posted;
        assert_eq!(inbox.take().unwrap().posted, taken);
        assert_eq!((&taken[0].id, &taken[1].id), (&early, &late));
        assert_eq!((&*taken[0].by, &*taken[0].via, taken[0].at), ("ada", "terminal", AT));
        assert_eq!((&taken[0].command, &taken[1].command), (&approve(1), &Command::Cancel));
        inbox.done(&early).unwrap();
        inbox.done(&early).unwrap();
        assert_eq!(inbox.take().unwrap().posted.len(), 1);
    }

    #[test]
    fn a_crash_between_journal_and_deletion_does_not_act_twice() {
        let (_dir, inbox) = inbox();
        inbox.post("ada", "terminal", AT, &approve(1)).unwrap();
        let cause = inbox.take().unwrap().posted[0].input();
        assert!(matches!(&cause, Input::Command { by, via, .. } if by == "ada" && via.starts_with("inbox:")));
        // Here the first runner dies. The next one folds the journal and looks.
        let mut journalled = Journalled::default();
        journalled.observe(&Input::Tick);
        journalled.observe(&cause);
        inbox.post("ada", "terminal", AT, &approve(1)).unwrap();
        let taken = inbox.take().unwrap().posted;
        let (old, new): (Vec<_>, Vec<_>) = taken.into_iter().partition(|p| journalled.contains(&p.id));
        assert_eq!((old.len(), new.len()), (1, 1), "the same words given again are a new command");
    }

    #[test]
    fn what_is_no_command_is_set_aside_with_the_reason() {
        let (dir, inbox) = inbox();
        let good = inbox.post("ada", "terminal", AT, &Command::Pause).unwrap();
        let put = |name: &str, bytes: &[u8]| fs::write(inbox.dir().join(name), bytes).unwrap();
        put("1-a.json", b"{");
        put("1-b.json", &vec![b' '; usize::try_from(POST_BYTES_MAX).unwrap() + 1]);
        put("1-c.json", br#"{"format":9,"by":"x","via":"y","at":1,"command":"cancel"}"#);
        put("1-d.json", br#"{"format":1,"by":"x","via":"y","at":1,"command":"explode"}"#);
        put("1-e.json", br#"{"format":1,"by":"x","via":"y","at":1,"command":"cancel","more":1}"#);
        put("1-f.json", b"\xff\xfe");
        put("notes.txt", b"hello");
        put(".tmp-left-by-a-crash", b"{");
        fs::create_dir(inbox.dir().join("1-g.json")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", inbox.dir().join("1-h.json")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            inbox.dir().join("1-i.json"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .unwrap();
        let taken = inbox.take().unwrap();
        assert_eq!(taken.posted.iter().map(|p| &p.id).collect::<Vec<_>>(), [&good]);
        let why: Vec<&str> = taken.set_aside.iter().map(|s| &*s.why).collect();
        assert_eq!(why.len(), 10, "{why:?}");
        for part in ["larger than", "format 9", "explode", "more", "not a plain file", "its name"] {
            assert!(why.iter().any(|w| w.contains(part)), "{part}: {why:?}");
        }
        assert!(taken.set_aside.iter().all(|s| fs::symlink_metadata(&s.path).is_ok()));
        let reason = dir.path().join("inbox/refused/1-c.json.why");
        assert!(fs::read_to_string(reason).unwrap().contains("format 9"));
        let again = inbox.take().unwrap();
        assert_eq!((again.posted.len(), again.set_aside.len()), (1, 0));
    }

    #[test]
    fn too_large_a_command_is_refused_when_it_is_given() {
        let (_dir, inbox) = inbox();
        let note = Some("x".repeat(usize::try_from(POST_BYTES_MAX).unwrap()));
        let command = Command::approve("A-001", note.as_deref());
        assert_eq!(inbox.post("a", "b", AT, &command).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert!(inbox.take().unwrap().posted.is_empty());
    }

    #[test]
    fn a_run_that_is_gone_takes_no_commands() {
        let (dir, _) = inbox();
        let error = Inbox::of(&dir.path().join("gone")).post("a", "b", AT, &Command::Cancel).unwrap_err();
        assert!(error.to_string().contains("gone/inbox"), "{error}");
        assert!(!dir.path().join("gone").exists());
    }

    #[tokio::test]
    async fn a_watch_tells_of_each_new_file_once() {
        let (_dir, inbox) = inbox();
        let mut watch = inbox.watch();
        let quiet = |watch: &mut Watch| !watch.look();
        assert!(quiet(&mut watch));
        inbox.post("a", "b", AT, &Command::Pause).unwrap();
        watch.changed().await;
        assert!(quiet(&mut watch));
        let second = inbox.post("a", "b", AT, &Command::Unpause).unwrap();
        watch.changed().await;
        inbox.done(&second).unwrap();
        assert!(quiet(&mut watch), "a deletion is no news");
        let poster = tokio::spawn(async move {
            inbox.post("a", "b", AT, &Command::Cancel).unwrap();
        });
        watch.changed().await;
        poster.await.unwrap();
    }
}
