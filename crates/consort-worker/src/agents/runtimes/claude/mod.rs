//! Claude Code by its stream-json and control protocol, as its own SDK speaks it: one JSON object per
//! line, both ways. Measured with 2.1.197.
//!
//! A hook before every tool gives us the first word on each of them, the shell included; what needs a
//! person goes on to the second look, `can_use_tool`, which may wait.

mod launch;
#[cfg(test)]
mod tests;
mod tools;
mod wire;

pub(super) use launch::take_login;

use crate::agents::session::brief::Brief;
use crate::agents::session::lines::{Lines, Next};
use crate::agents::session::log::Raw;
use crate::agents::session::port::{Begin, Connection, EVENTS_WAITING, Event, Say};
use crate::processes::Piped;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::mpsc;

/// The runtime's word.
pub const NAME: &str = "claude";

/// For its last words after it was told to end.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How a line with a part of a message begins.
const PARTIAL: &str = "{\"type\":\"stream_event\"";
/// Such lines are a sign of life at most so often.
const SIGN_EVERY: Duration = Duration::from_secs(1);
/// Of its complaints.
const STDERR_BYTES: u64 = 16 << 10;

/// Opens a session.
pub(crate) fn open(
    brief: &Brief,
    id: &str,
    begin: Begin<'_>,
    env: &BTreeMap<String, String>,
    raw: Raw,
) -> Result<Connection, String> {
    let program = brief.program.as_ref().ok_or("the program of Claude Code is not known")?;
    let env = launch::environment(brief, env).map_err(|e| {
        format!("the private home `{}` of the agent cannot be prepared: {e}", brief.home.display())
    })?;
    let args = launch::arguments(brief, id, begin);
    let piped = Piped::start(program, &args, &brief.cwd, &env)
        .map_err(|e| format!("`{}` cannot be started: {e}; run `consort doctor`", program.display()))?;
    let (tell, events) = mpsc::channel(EVENTS_WAITING);
    let (say, said) = mpsc::channel(EVENTS_WAITING);
    let (child, stdin, stdout, stderr) = piped.into_parts();
    tokio::spawn(pump(child, stdin, stdout, stderr, tell, said, raw));
    Ok(Connection { events, say })
}

/// Between the program's streams and the two channels.
async fn pump(
    mut child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    stderr: ChildStderr,
    tell: mpsc::Sender<Event>,
    mut said: mpsc::Receiver<Say>,
    mut raw: Raw,
) {
    let complaints = tokio::spawn(tail(stderr));
    let mut talk = wire::Talk::default();
    let mut lines = Lines::new(stdout);
    let mut stdin = Some(stdin);
    write(&mut stdin, &mut raw, &talk.hello()).await;
    let mut closing = false;
    let mut spoke: Option<Instant> = None;
    loop {
        tokio::select! {
            next = lines.next() => match next {
                // A word of a message that comes whole in a moment. There are thousands: nobody reads or keeps them.
                Next::Line(line) if line.starts_with(PARTIAL) => {
                    if spoke.is_none_or(|at| at.elapsed() >= SIGN_EVERY) {
                        spoke = Some(Instant::now());
                        let _ = tell.send(Event::Speaking).await;
                    }
                }
                Next::Line(line) => {
                    raw.came(&line);
                    let (events, replies) = talk.heard(&line);
                    for reply in replies {
                        write(&mut stdin, &mut raw, &reply).await;
                    }
                    for event in events {
                        if tell.send(event).await.is_err() {
                            closing = true;
                        }
                    }
                }
                Next::TooLong { start, bytes } => {
                    raw.came(&start);
                    let kind = format!("a line of {bytes} bytes");
                    let _ = tell.send(Event::Unknown { kind }).await;
                }
                Next::End => break,
            },
            say = said.recv(), if !closing => match say {
                None | Some(Say::Close) => closing = true,
                Some(say) => {
                    for line in talk.say(say) {
                        write(&mut stdin, &mut raw, &line).await;
                    }
                }
            },
            () = tokio::time::sleep(LAST_WORDS), if closing => {
                let _ = child.start_kill();
            }
        }
        if closing {
            // The end of its input is the end of the session.
            stdin = None;
        }
    }
    let status = tokio::time::timeout(LAST_WORDS, child.wait()).await;
    let _ = child.start_kill();
    let complaint =
        tokio::time::timeout(LAST_WORDS, complaints).await.ok().and_then(Result::ok).unwrap_or_default();
    let why = (!closing).then(|| match status {
        Ok(Ok(status)) => format!("Claude Code ended ({status}){}", wire::complaint(&complaint)),
        _ => format!("Claude Code closed its output{}", wire::complaint(&complaint)),
    });
    let _ = tell.send(Event::Closed { why }).await;
}

async fn write(stdin: &mut Option<ChildStdin>, raw: &mut Raw, message: &Value) {
    let mut line = message.to_string();
    raw.went(&line);
    line.push('\n');
    if let Some(pipe) = stdin
        && pipe.write_all(line.as_bytes()).await.is_err()
    {
        // It is gone: the end of its output says so in a moment.
        *stdin = None;
    }
}

/// The end of what it complains about, in bounded memory.
async fn tail(mut stderr: ChildStderr) -> String {
    let (mut kept, mut buffer) = (Vec::new(), vec![0; 4096]);
    while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..count]);
        let most = STDERR_BYTES as usize;
        if kept.len() > 2 * most {
            kept.drain(..kept.len() - most);
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}
