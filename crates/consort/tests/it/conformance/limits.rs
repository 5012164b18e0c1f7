//! What one attempt may use up, and what is too much.

use super::Runtime;
use super::lab::{self, RUN};
use super::stage::{Act, Stage, WORKER, good_after, good_reply};
use consort_testing::model::{Fault, Reply, Rule, Rules, Scenario, Tokens};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

fn held(runtime: Runtime, act: Act, says: &str) {
    let stage = Stage::of(runtime, act);
    let said = stage.runs(3);
    let text = format!("{}{}", said.stdout, said.stderr);
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(joined.contains(says), "`{says}` is not said: {text}");
    assert_eq!(stage.attempts(), 2, "{text}");
    stage.over();
}

fn never() -> Option<Scenario> {
    Some(Rules::of([Rule::always().reply(Reply::text("never").after_ms(120_000))]).into())
}

pub(super) fn silent(runtime: Runtime) {
    held(runtime, Act { keys: ", idle: 2s".into(), model: never(), ..Act::default() }, "`idle`");
}

/// Far longer than `idle`, a word at a time.
pub(super) fn speaks_slowly(runtime: Runtime) {
    let words = "This is a long answer that takes its time, word by word. ".repeat(40);
    let slow = Scenario::code(move |request| match request.turn() {
        0 => Reply { piece_ms: 250, ..Reply::text(words.clone()) }
            .and_call("@write", json!({ "path": "out/note.md", "content": "# A note\n" })),
        _ => Reply::text("Written."),
    });
    let stage = Stage::of(runtime, Act { keys: ", idle: 3s".into(), model: Some(slow), ..Act::default() });
    let began = std::time::Instant::now();
    stage.runs(0);
    assert!(began.elapsed().as_secs() >= 5, "it was not slow: {:?}", began.elapsed());
    assert_eq!(stage.attempts(), 1, "{}", stage.journal());
    let raw = stage.lab.consort(&["transcript", RUN, "note", "--raw"]).stdout;
    assert!(!raw.contains("stream_event"), "parts of messages are kept");
    stage.over();
}

pub(super) fn too_long(runtime: Runtime) {
    let act = Act {
        keys: ", timeout: 3s".into(),
        model: never(),
        script: Some("sleep 100".into()),
        misbehave: Some("create:*:ignore-sigterm"),
        ..Act::default()
    };
    held(runtime, act, "time");
}

fn capped(runtime: Runtime, keys: &str, says: &str) {
    let more = Rule::prompt("").reply(Reply::call("@shell", json!({ "command": "true" })));
    let act = Act { keys: keys.into(), model: Some(Rules::of([more]).into()), ..Act::default() };
    held(runtime, act, says);
}

pub(super) fn turns(runtime: Runtime) {
    capped(runtime, ", max_turns: 1", "maximum number of turns (1)");
}

pub(super) fn tokens(runtime: Runtime) {
    capped(runtime, ", max_tokens: 1", "`max_tokens`");
}

pub(super) fn money(runtime: Runtime) {
    capped(runtime, ", max_cost: 0.000001", "maximum budget");
}

/// Of each answer.
const USED: Tokens = Tokens { input: 1000, output: 200, cache_read: 400, cache_write: 0, reasoning: 0 };

pub(super) fn counted(runtime: Runtime) {
    // In and out at the price of the model, in millionths of a dollar for one answer.
    let wires: &[(&str, &str, u64)] = match runtime {
        Runtime::Claude => &[("", "claude-sonnet-4-5", 3_000 + 3_000 + 120)],
        Runtime::Api => &[
            ("openai", "gpt-5.1", 1_250 + 2_000 + 50),
            ("responses", "gpt-5.1", 1_250 + 2_000 + 50),
            ("anthropic", "claude-sonnet-4-5", 3_000 + 3_000 + 120),
            ("gemini", "gemini-2.5-pro", 1_250 + 2_000 + 124),
        ],
        _ => &[("", "", 5_000)],
    };
    for (wire, model, price) in wires {
        let answer = Scenario::code(move |request| good_reply(runtime, request).using(USED));
        let keys = if model.is_empty() { String::new() } else { format!(", model: {model}") };
        let used = "{\"tokens_in\": 1400, \"tokens_out\": 200, \"micro_usd\": 5000}";
        let act = Act {
            keys,
            model: Some(answer),
            script: Some(format!("{WORKER}echo '{used}' > \"$(dirname \"$CONSORT_PROMPT\")/usage.json\"\n")),
            wire: (runtime == Runtime::Api).then_some((*wire, *model)),
            ..Act::default()
        };
        let stage = Stage::of(runtime, act);
        stage.runs(0);
        let answers = match runtime {
            Runtime::Command => 1,
            _ => stage.lab.server.requests().len() as u64,
        };
        let ended = ended(&stage);
        let usage = &ended["usage"];
        let found = (usage["tokens_in"].as_u64(), usage["tokens_out"].as_u64(), usage["micro_usd"].as_u64());
        let expected = (Some(1400 * answers), Some(200 * answers), Some(price * answers));
        assert_eq!(found, expected, "{wire} {model}, {answers} answers: {ended}");
        stage.over();
    }
}

/// The end of the last attempt of the case's agent.
fn ended(stage: &Stage) -> Value {
    let journal = stage.journal();
    let ends: Vec<&str> = journal.lines().filter(|l| l.contains("\"attempt_ended\"")).collect();
    let step = if stage.runtime == Runtime::Api { "/judge\"" } else { "/create\"" };
    let line = ends.iter().rev().find(|l| l.contains(step)).unwrap_or_else(|| panic!("{journal}"));
    let value: Value = serde_json::from_str(line).unwrap();
    let body = value.get("attempt_ended").cloned();
    body.or_else(|| value.as_object()?.values().find_map(|v| v.get("attempt_ended").cloned()))
        .unwrap_or(value)
}

/// Peak memory of whatever stands between the agent and the journal, in MB: supervisors, drivers, runner.
fn peak_of(stage: &Stage, work: impl FnOnce() + Send) -> u64 {
    let (over, peak) = (AtomicBool::new(false), AtomicU64::new(0));
    let mark = stage.lab.world.path("state").display().to_string();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                for (pid, command) in lab::alive(&mark) {
                    let ours = command.split(' ').next().is_some_and(|program| program.ends_with("/consort"));
                    if ours && !command.contains("rehearse") {
                        peak.fetch_max(high_water(pid), Ordering::Relaxed);
                    }
                }
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        });
        // A work that fails must not be watched for ever.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        over.store(true, Ordering::Relaxed);
        if let Err(panicked) = done {
            std::panic::resume_unwind(panicked);
        }
    });
    peak.load(Ordering::Relaxed) / 1024
}

/// In KiB; 0: it is gone.
fn high_water(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0)
}

/// A line of so many megabytes, and as many in short lines, before and beside the work.
fn flooded(runtime: Runtime, megabytes: u64) -> (Stage, u64) {
    let bytes = megabytes << 20;
    let long = format!("head -c {bytes} /dev/zero | tr '\\0' x; echo");
    let short =
        format!("yes '{{\"type\":\"nobody_knows\",\"text\":\"{}\"}}' | head -c {bytes}", "y".repeat(2000));
    let act = Act {
        script: Some(format!("{long}\n{short}\n{WORKER}")),
        misbehave: Some("create:*:flood"),
        wrapper: Some(format!("{long}\n{short}\necho\nexec \"$REAL\" \"$@\"")),
        // Of a service: one answer without end, then good work.
        model: (runtime == Runtime::Api).then(|| good_after(1, Reply::fault(Fault::Endless), runtime)),
        ..Act::default()
    };
    let stage = Stage::of(runtime, act);
    let peak = peak_of(&stage, || {
        stage.runs(0);
    });
    stage.over();
    (stage, peak)
}

/// Far above the cap of a line (8 MiB) and of a log. A gigabyte by hand:
/// `CONSORT_FLOOD_MB=512 cargo nextest run -p consort conformance::flood --no-capture`.
pub(super) fn flood(runtime: Runtime) {
    let megabytes = std::env::var("CONSORT_FLOOD_MB").ok().and_then(|n| n.parse().ok()).unwrap_or(48);
    let (stage, peak) = flooded(runtime, megabytes);
    println!("{}: {} MB in all, peak {peak} MB", runtime.name(), 2 * megabytes);
    assert!(peak < 100, "{peak} MB");
    let logs = std::fs::read_dir(stage.lab.state().join("attempts")).unwrap().flatten();
    for attempt in logs {
        let files = crate::support::picture(&attempt.path());
        let large = files.iter().find(|(_, bytes)| bytes.len() > 20 << 20);
        assert!(large.is_none(), "{:?} has no cap", large.map(|(path, _)| path));
    }
}

/// Bytes that are no text, an unfinished message and messages that nobody knows come before the work.
pub(super) fn binary(runtime: Runtime) {
    let noise = "printf '\\377\\376\\000\\001 \\200\\n{\"type\":\"assist\\n[1,2\\nnull\\n{}\\n{\"type\":7}\\n'; head -c 65536 /dev/urandom; echo";
    let act = Act {
        script: Some(format!("{noise}\n{WORKER}")),
        wrapper: Some(format!("{noise}\nexec \"$REAL\" \"$@\"")),
        ..Act::default()
    };
    let stage = Stage::of(runtime, act);
    stage.runs(0);
    assert_eq!(stage.attempts(), 1, "{}", stage.journal());
    assert_eq!(stage.lab.consort(&["logs", RUN, "note"]).code, 0);
    stage.over();
}
