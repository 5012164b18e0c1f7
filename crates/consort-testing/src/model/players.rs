//! A scenario in which real agents do what the players of a rehearsal would do: the model "thinks" by
//! letting the player of the very same request work on a copy, then has the agent write the player's
//! files with its own tools and give the player's answer.
//!
//! A request to the model is told apart by the attempt's prompt in it: see `desks`.

use super::Scenario;
use super::desks::{Desks, Found, working_directory};
use super::reply::{Fault, Reply, Tokens};
use super::request::{Message, ModelRequest, Role, answers};
use super::tools::takes_structured;
use consort_worker::agents::rehearsal::perform;
use consort_worker::agents::request::Request;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Larger files of a working directory are not copied: no player reads or writes such.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Of larger files one line is read: Claude Code reads no more than 256 KB at once, and takes a part
/// for the whole when it overwrites.
const READ_BYTES_MAX: u64 = 64 * 1024;

/// The players of all attempts below some directories.
pub struct Players {
    desks: Desks,
    /// What each desk's player did, once it was asked: the agent's writing must not change it.
    plays: Mutex<HashMap<PathBuf, Arc<Play>>>,
}

/// What a player did.
#[derive(Debug)]
struct Play {
    writes: Vec<Write>,
    answer: Option<Value>,
    /// Where the agent itself is asked to put the answer; `None`: its last message is the answer.
    answer_file: Option<String>,
}

/// A file that a player made or changed.
#[derive(Debug)]
struct Write {
    /// Absolute, in the attempt's working directory.
    path: String,
    content: String,
    /// Its size if it was there before, in bytes: an agent's tool overwrites only what it has read.
    old_bytes: Option<u64>,
}

impl Players {
    /// Of all runs below these directories (state directories of runs, or what holds them).
    pub fn below(roots: impl IntoIterator<Item = PathBuf>) -> Self {
        Players { desks: Desks::below(roots.into_iter().collect()), plays: Mutex::default() }
    }

    /// As a scenario.
    pub fn scenario(self) -> Scenario {
        Scenario::code(move |request| self.answer(request))
    }

    /// The next answer of the model.
    pub fn answer(&self, request: &ModelRequest) -> Reply {
        let reply = match self.desks.find(request) {
            Some(found) => self.at_desk(&found, request),
            // Agents ask for titles and the like on the side.
            None if request.tools.is_empty() && request.answer_schema.is_none() => {
                Ok(Reply::text("A rehearsal."))
            }
            None => Err(format!("no desk below {} has this prompt", self.desks.places())),
        };
        match reply {
            Ok(reply) => Reply { usage: tokens(request, &reply), ..reply },
            Err(why) => {
                let message = format!("players: {why}");
                Reply::fault(Fault::Http { status: 400, message, kind: None, retry_after_s: None })
            }
        }
    }

    fn at_desk(&self, found: &Found, request: &ModelRequest) -> Result<Reply, String> {
        let play = self.play(&found.dir)?;
        Ok(next(&play, request, &request.messages[found.message..]))
    }

    fn play(&self, desk: &Path) -> Result<Arc<Play>, String> {
        // Held throughout: two requests about one desk must see one play.
        let mut plays = self.plays.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(play) = plays.get(desk) {
            return Ok(play.clone());
        }
        let play = Arc::new(play(desk).map_err(|e| format!("{}: {e}", desk.display()))?);
        plays.insert(desk.to_owned(), play.clone());
        Ok(play)
    }
}

/// What the agent is to do next: read what it will overwrite, write, then answer.
fn next(play: &Play, request: &ModelRequest, since: &[Message]) -> Reply {
    let mut turns = Vec::new();
    let old = play.writes.iter().filter_map(|w| Some((&w.path, w.old_bytes?)));
    let read = |r: Reply, (path, bytes): (&String, u64)| match bytes > READ_BYTES_MAX {
        true => r.and_call("@read", json!({ "path": path, "lines": 1 })),
        false => r.and_call("@read", json!({ "path": path })),
    };
    let reading = old.fold(Reply::text("Reading."), read);
    if !reading.calls.is_empty() {
        turns.push(reading);
    }
    let write = |r: Reply, w: &Write| r.and_call("@write", json!({ "path": w.path, "content": w.content }));
    let mut writing = play.writes.iter().fold(Reply::text("Writing."), write);
    let by_message = request.answer_schema.is_some() || takes_structured(request);
    if let (Some(answer), Some(path), false) = (&play.answer, &play.answer_file, by_message) {
        writing = writing.and_call("@write", json!({ "path": path, "content": answer.to_string() }));
    }
    if !writing.calls.is_empty() {
        turns.push(writing);
    }
    // Without tools nothing can be written: somebody asks on the side.
    let turn = if request.tools.is_empty() { None } else { turns.into_iter().nth(answers(since)) };
    turn.unwrap_or_else(|| last(play, since))
}

fn last(play: &Play, since: &[Message]) -> Reply {
    if let Some(answer) = &play.answer {
        return Reply::structured(answer.clone());
    }
    let refused: Vec<&str> =
        since.iter().filter(|m| m.role == Role::Tool && m.failed).map(|m| m.text.as_str()).collect();
    let names: Vec<&str> = play.writes.iter().map(|w| w.path.as_str()).collect();
    match refused.first() {
        None => Reply::text(format!("A rehearsal: written {}.", names.join(", "))),
        Some(why) => Reply::text(format!("A rehearsal: a tool failed: {why}")),
    }
}

/// Lets the player of a desk work on a copy of its working directory.
fn play(desk: &Path) -> Result<Play, String> {
    let text =
        std::fs::read_to_string(desk.join("request.json")).map_err(|e| format!("request.json: {e}"))?;
    let mut request = Request::parse(&text)?;
    let cwd =
        working_directory(desk, request.task.id.as_deref()).ok_or("its working directory is not there")?;
    let room = tempfile::tempdir().map_err(|e| e.to_string())?;
    let copy = room.path().join("copy");
    let before = copied(&cwd, &copy).map_err(|e| format!("{}: {e}", cwd.display()))?;
    let answer = room.path().join("answer.json");
    let answer_file = answer_file(&text);
    request.scratch = room.path().join("scratch").display().to_string();
    if let Some(brief) = &mut request.answer {
        brief.path = answer.display().to_string();
    }
    perform(request, &copy, &[])?;
    let mut writes = Vec::new();
    for (path, bytes) in files(&copy).map_err(|e| e.to_string())? {
        if before.get(&path) != Some(&bytes) {
            writes.push(Write {
                path: cwd.join(&path).display().to_string(),
                content: String::from_utf8(bytes).map_err(|_| format!("`{}` is no text", path.display()))?,
                old_bytes: cwd.join(&path).metadata().ok().map(|m| m.len()),
            });
        }
    }
    let answer = match std::fs::read_to_string(&answer) {
        Ok(text) => Some(serde_json::from_str(&text).map_err(|e| format!("the player's answer: {e}"))?),
        Err(_) => None,
    };
    Ok(Play { writes, answer, answer_file })
}

/// The answer's path, where the prompt asks the agent to write the file: a driver that reads the last
/// message says so in the request.
fn answer_file(request: &str) -> Option<String> {
    let request: Value = serde_json::from_str(request).ok()?;
    let answer = &request["answer"];
    (answer["by_reply"] != true).then(|| answer["path"].as_str().map(str::to_owned))?
}

/// Copies a working directory without what belongs to git; what was copied.
fn copied(from: &Path, to: &Path) -> std::io::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let all = files(from)?;
    std::fs::create_dir_all(to)?;
    for (path, bytes) in &all {
        let target = to.join(path);
        std::fs::create_dir_all(target.parent().unwrap_or(to))?;
        std::fs::write(target, bytes)?;
    }
    Ok(all)
}

/// Regular files of a directory by relative path.
fn files(dir: &Path) -> std::io::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let (mut all, mut open) = (BTreeMap::new(), vec![PathBuf::new()]);
    while let Some(below) = open.pop() {
        for entry in std::fs::read_dir(dir.join(&below))? {
            let entry = entry?;
            let (path, kind) = (below.join(entry.file_name()), entry.file_type()?);
            if kind.is_dir() && entry.file_name() != ".git" {
                open.push(path);
            } else if kind.is_file() && entry.metadata()?.len() <= FILE_BYTES_MAX {
                all.insert(path, std::fs::read(entry.path())?);
            }
        }
    }
    Ok(all)
}

/// Tokens as a service would count them, more or less: what was sent before is in the cache.
fn tokens(request: &ModelRequest, reply: &Reply) -> Tokens {
    let of = |text: &str| text.len() as u64 / 4;
    let said: u64 = request.messages.iter().map(|m| of(&m.text)).sum();
    let new = request.messages.last().map_or(0, |m| of(&m.text));
    let calls: u64 = reply.calls.iter().map(|c| of(&c.args.to_string())).sum();
    let value = reply.structured.as_ref().map_or(0, |v| of(&v.to_string()));
    let known = of(&request.system) + said - new;
    let (cache_read, cache_write) = if request.turn() == 0 { (0, known) } else { (known, 0) };
    Tokens {
        input: new + 1,
        output: of(&reply.text) + calls + value + 1,
        cache_read,
        cache_write,
        reasoning: 0,
    }
}
