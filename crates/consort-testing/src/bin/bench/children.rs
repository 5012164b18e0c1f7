//! What agents cost that are talked to and say nothing, and one that never stops talking. A script
//! plays the vendor's program: what is measured is everything around it.
#![allow(clippy::disallowed_types, reason = "a benchmark starts the programs that it compares")]

use super::stage::{Stage, state_of, timed};
use super::table::{Goal, Missed, Table};
use consort_core::run::EventKind;
use consort_local::journal::Reader;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

const AGENTS: usize = 100;
/// For so long their runner is looked at.
const LOOKED_AT: Duration = Duration::from_secs(20);
const RUN: &str = "children";

/// Says nothing until its input ends.
const QUIET: &str = "cat > /dev/null";
/// A thousand texts of a megabyte, one line of fifty, and a good end.
const FLOOD: &str = r#"
text=$(head -c 1000000 /dev/zero | tr '\0' x)
echo '{"type":"system","subtype":"init","session_id":"s-1","model":"m"}'
n=0
while [ $n -lt 1000 ]; do
  echo '{"type":"assistant","message":{"id":"m","content":[{"type":"text","text":"'$text'"}]}}'
  n=$((n + 1))
done
head -c 50000000 /dev/zero | tr '\0' x
echo
mkdir -p out && echo '# Note' > out/n1.md
echo '{"type":"result","subtype":"success","is_error":false,"num_turns":1,"result":"done","total_cost_usd":0,"usage":{}}'
cat > /dev/null
"#;

/// Quiet ones: what their runner does meanwhile, and what it needs for each.
pub(crate) fn quiet(stage: &Stage, table: &mut Table) -> Result<(), Missed> {
    let one = look(stage, 1)?;
    let all = look(stage, AGENTS)?;
    let share = |ticks: u64| ticks as f64 / LOOKED_AT.as_secs_f64();
    let name = format!("{AGENTS} quiet agents, their runner's loop");
    table.row(&name, share(all.ticks), None, "% core", Goal::Most(5.0));
    let each = all.memory_kib.saturating_sub(one.memory_kib) as f64 * 1024.0 / 1e6 / (AGENTS - 1) as f64;
    table.row("memory of their runner for each", each, None, "MB", Goal::Most(1.0));
    table.note(&format!(
        "supervisors and drivers: {:.1} % of a core together, {:.1} MB for each agent (Pss); looked at for {} s",
        share(all.others_ticks),
        all.others_kib as f64 * 1024.0 / 1e6 / AGENTS as f64,
        LOOKED_AT.as_secs()
    ));
    Ok(())
}

/// One that floods its driver.
pub(crate) fn flood(stage: &Stage, table: &mut Table) -> Result<(), Missed> {
    let (dir, mut command) = run(stage, 1, FLOOD)?;
    let (over, peak) = (AtomicBool::new(false), AtomicU64::new(0));
    let took = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Relaxed) {
                let drivers =
                    processes(&dir).into_iter().filter(|(_, command)| command.contains("\0converse\0"));
                let now = drivers.filter_map(|(pid, _)| kib(pid, "status", "VmHWM:")).max().unwrap_or(0);
                peak.fetch_max(now, Relaxed);
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let took = timed(&mut command);
        over.store(true, Relaxed);
        took
    })?;
    let peak = peak.load(Relaxed) as f64 * 1024.0 / 1e6;
    table.row("an agent that says 1 GB, its driver's memory", peak, None, "MB", Goal::Most(64.0));
    table.note(&format!(
        "peak (VmHWM), one line of 50 MB included; the run took {:.1} s",
        took.wall.as_secs_f64()
    ));
    Ok(())
}

struct Seen {
    /// Hundredths of a second of the runner's CPU.
    ticks: u64,
    memory_kib: u64,
    /// Of everybody between the runner and the agents.
    others_ticks: u64,
    others_kib: u64,
}

fn look(stage: &Stage, agents: usize) -> Result<Seen, Missed> {
    let (dir, mut command) = run(stage, agents, QUIET)?;
    let mut runner = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let seen = watch(&mut runner, &dir, agents);
    let _ = runner.kill();
    let _ = runner.wait();
    // Without its directory everything that belongs to the run ends.
    std::fs::remove_dir_all(dir.join(".consort"))?;
    let until = Instant::now() + Duration::from_secs(30);
    while !processes(&dir).is_empty() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(100));
    }
    seen
}

fn watch(runner: &mut Child, dir: &Path, agents: usize) -> Result<Seen, Missed> {
    let until = Instant::now() + Duration::from_secs(120);
    while started(dir) < agents {
        if Instant::now() > until || runner.try_wait()?.is_some() {
            return Err(format!("only {} of {agents} agents were started", started(dir)).into());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    // What was begun is over.
    std::thread::sleep(Duration::from_secs(3));
    let pid = runner.id();
    let others: Vec<u32> =
        processes(dir).into_iter().map(|(pid, _)| pid).filter(|other| *other != pid).collect();
    let sum = |of: &dyn Fn(u32) -> u64| others.iter().map(|pid| of(*pid)).sum::<u64>();
    let (before, others_before) = (cpu(pid), sum(&cpu));
    std::thread::sleep(LOOKED_AT);
    Ok(Seen {
        ticks: cpu(pid) - before,
        memory_kib: kib(pid, "status", "VmRSS:").unwrap_or(0),
        others_ticks: sum(&cpu).saturating_sub(others_before),
        others_kib: sum(&|pid| kib(pid, "smaps_rollup", "Pss:").unwrap_or(0)),
    })
}

/// A run of so many agents, each this script.
fn run(stage: &Stage, agents: usize, script: &str) -> Result<(PathBuf, std::process::Command), Missed> {
    let dir = stage.fresh("children")?;
    let program = dir.join("claude");
    std::fs::write(
        &program,
        format!("#!/bin/sh\ncase $1 in --version) echo '2.1.197 (Claude Code)'; exit;; esac\n{script}\n"),
    )?;
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))?;
    let mut text = format!(
        "workflow: {{id: {RUN}, title: Children}}\ncriticality: C1\n\
         limits: {{max_concurrent_agents: {agents}, max_attempts: 1}}\n\
         agents: {{default: {{runtime: claude, program: '{}'}}}}\ntasks:\n",
        program.display()
    );
    for n in 1..=agents {
        let _ = writeln!(text, "  n{n}: {{text: Write a note., path: out/n{n}.md, gate: none}}");
    }
    let file = dir.join("children.yaml");
    std::fs::write(&file, text)?;
    let mut command = stage.consort(&dir, &["run", &file.to_string_lossy(), "--approve", "all", "--yes"]);
    command.env("ANTHROPIC_API_KEY", "a key for nobody");
    Ok((dir, command))
}

fn started(dir: &Path) -> usize {
    let Ok(reader) = Reader::open(&dir.join(".consort/runs").join(RUN)) else { return 0 };
    let Ok(records) = reader.records(0) else { return 0 };
    let events = records.flatten().flat_map(|record| record.events);
    events.filter(|event| matches!(event.kind, EventKind::AttemptStarted { .. })).count()
}

/// Processes of the binary that work on this run, with their command lines: whoever names its
/// directories there.
fn processes(dir: &Path) -> Vec<(u32, String)> {
    let (state, dir) = (state_of(dir).display().to_string(), dir.display().to_string());
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let with = pids.filter_map(|pid| {
        let command = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        Some((pid, String::from_utf8_lossy(&command).into_owned()))
    });
    with.filter(|(_, c)| c.contains("consort") && (c.contains(&state) || c.contains(&format!("{dir}/"))))
        .collect()
}

fn kib(pid: u32, file: &str, word: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
    text.lines().find_map(|line| line.strip_prefix(word))?.split_whitespace().next()?.parse().ok()
}

/// User and system time of a process, in hundredths of a second: fields 14 and 15 of its stat.
fn cpu(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum()
}
