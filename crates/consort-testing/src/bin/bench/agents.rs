//! What consort adds before an agent's first request to its model: the same Claude Code, against the
//! same scripted service, started by hand with the same flags.
#![allow(clippy::disallowed_types, reason = "a benchmark starts the programs that it compares")]

use super::stage::{Stage, timed};
use super::table::{Goal, Missed, Table, median};
use consort_core::run::EventKind;
use consort_local::journal::Reader;
use consort_testing::lab;
use consort_testing::model::{ModelServer, Reply, Rule, Rules};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often each side is measured.
const TIMES: usize = 30;
const RUN: &str = "agent";

/// See the module.
pub(crate) fn first_request(stage: &Stage, table: &mut Table) -> Result<(), Missed> {
    let program = lab::claude().map_err(|skipped| skipped.why)?;
    let server = ModelServer::start(Rules::of([Rule::always().reply(Reply::text("Done."))]));
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        floors.push(by_hand(stage, &program, &server)?);
        ours.push(by_consort(stage, &program, &server)?);
    }
    table.row(
        "workspace ready to first request to a model",
        median(ours),
        Some(median(floors)),
        "ms",
        Goal::Above(20.0),
    );
    table.note(&format!("medians of {TIMES}; floor: the same program started by hand with the same flags"));
    Ok(())
}

/// When the first request to a model came in, in milliseconds since the epoch.
fn asked_at(server: &ModelServer) -> Option<f64> {
    let seen = server.seen().into_iter().find(|seen| seen.request.is_some())?;
    let epoch = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some((epoch - seen.at.elapsed()).as_secs_f64() * 1_000.0)
}

fn by_hand(stage: &Stage, program: &Path, server: &ModelServer) -> Result<f64, Missed> {
    let dir = stage.fresh("hand")?;
    let (home, cwd) = (dir.join("home"), dir.join("cwd"));
    std::fs::create_dir_all(&home)?;
    std::fs::create_dir_all(&cwd)?;
    server.reset();
    let began = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64() * 1_000.0;
    let mut child = Command::new(program)
        .args(["-p", "--output-format", "stream-json", "--verbose", "--input-format", "stream-json"])
        .args(["--permission-prompt-tool", "stdio", "--permission-mode", "default", "--setting-sources", ""])
        .args(["--mcp-config", "{\"mcpServers\":{}}", "--strict-mcp-config"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", &home)
        .env("CLAUDE_CONFIG_DIR", home.join(".claude"))
        .env("ANTHROPIC_BASE_URL", server.url())
        .env("ANTHROPIC_API_KEY", "a key for nobody")
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
        .env("DISABLE_AUTOUPDATER", "1")
        .current_dir(&cwd)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let turn = "{\"type\":\"user\",\"parent_tool_use_id\":null,\"session_id\":\"\",\"message\":{\"role\":\"user\",\
                \"content\":[{\"type\":\"text\",\"text\":\"Say that you are done.\"}]}}\n";
    child.stdin.take().ok_or("no standard input")?.write_all(turn.as_bytes())?;
    let asked = wait_for(|| asked_at(server));
    let _ = child.kill();
    let _ = child.wait();
    Ok(asked.ok_or("started by hand it asked no model")? - began)
}

fn by_consort(stage: &Stage, program: &Path, server: &ModelServer) -> Result<f64, Missed> {
    let dir = stage.fresh("agent")?;
    let git = |args: &[&str]| Command::new("git").args(args).current_dir(&dir).stdout(Stdio::null()).status();
    git(&["init", "-q"])?;
    let file = dir.join("agent.yaml");
    std::fs::write(
        &file,
        format!(
            "workflow: {{id: {RUN}, title: One agent}}\ncriticality: C1\nlimits: {{max_attempts: 1}}\n\
             agents: {{default: {{runtime: claude, program: '{}', url: '{}'}}}}\n\
             tasks: {{note: {{text: Write a note., gate: none}}}}\n",
            program.display(),
            server.url()
        ),
    )?;
    git(&["add", "."])?;
    git(&["-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit", "-qm", "base"])?;
    server.reset();
    let mut command = stage.consort(&dir, &["run", &file.to_string_lossy(), "--approve", "all", "--yes"]);
    command.env("ANTHROPIC_API_KEY", "a key for nobody");
    // It writes no file, and the run says so in the end: what is measured is its beginning.
    let _ = timed(&mut command);
    let asked = asked_at(server).ok_or("through consort it asked no model")?;
    let reader = Reader::open(&dir.join(".consort/runs").join(RUN))?;
    for record in reader.records(0)? {
        let record = record?;
        if record.events.iter().any(|event| matches!(event.kind, EventKind::WorkspaceReady { .. })) {
            return Ok(asked - record.now.0 as f64);
        }
    }
    Err("its workspace was never ready".into())
}

fn wait_for<T>(mut so: impl FnMut() -> Option<T>) -> Option<T> {
    let until = Instant::now() + Duration::from_secs(30);
    while Instant::now() < until {
        if let Some(found) = so() {
            return Some(found);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    None
}
