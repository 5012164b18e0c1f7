//! What a runner needs that waits with 10,000 tasks behind one.
#![allow(clippy::disallowed_types, reason = "a benchmark starts the programs that it compares")]

use super::stage::Stage;
use super::table::{Goal, Missed, Table};
use super::workflows::{self, Shape};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const TASKS: usize = 10_000;

/// See the module.
pub(crate) fn waiting(stage: &Stage, table: &mut Table) -> Result<(), Missed> {
    let dir = stage.fresh("memory")?;
    let file = dir.join("wait.yaml");
    std::fs::write(&file, workflows::text("wait", "Ten thousand wait", "none", Shape::Wait, TASKS + 1))?;
    let log = tempfile::NamedTempFile::new()?;
    let mut command = stage.consort(&dir, &["run", &file.to_string_lossy(), "--approve", "all", "--yes"]);
    let mut child = command.stdout(Stdio::null()).stderr(log.reopen()?).spawn()?;
    let began = Instant::now();
    let peak = settled(&mut child, &dir);
    let said = std::fs::read_to_string(log.path())?;
    let _ = child.kill();
    let _ = child.wait();
    let peak = peak.ok_or_else(|| format!("the run did not come to wait: {}", said.trim()))?;
    table.row("runner with 10,000 waiting tasks, memory", peak, None, "MB", Goal::Most(100.0));
    table.note(&format!("peak (VmHWM) after {:.1} s", began.elapsed().as_secs_f64()));
    Ok(())
}

/// The peak in megabytes once its live files are there and it has not grown for two seconds.
fn settled(child: &mut Child, dir: &std::path::Path) -> Option<f64> {
    let (mut peak, mut since) = (0, Instant::now());
    let deadline = Instant::now() + Duration::from_secs(120);
    let written = dir.join(".consort/runs/wait/ORCHESTRATION_WORKTRACKER.md");
    while Instant::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            return None;
        }
        let now = high_water_kib(child.id())?;
        if now > peak || !written.is_file() {
            (peak, since) = (now.max(peak), Instant::now());
        } else if since.elapsed() > Duration::from_secs(2) {
            return Some(peak as f64 * 1024.0 / 1e6);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    None
}

fn high_water_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
