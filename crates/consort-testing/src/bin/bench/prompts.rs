//! What consort itself writes into prompts, measured on a rehearsal of the seed's workflow: how
//! many calls, how large, and how much of it is a beginning that an earlier call of the run had too.
#![allow(clippy::disallowed_types, reason = "a benchmark starts the programs that it compares")]

use super::stage::{Stage, state_of, timed};
use super::table::{Goal, Missed, Table};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// Bytes that count as one token.
const TOKEN: f64 = 4.0;

/// Calls of one role.
#[derive(Default)]
struct Role {
    calls: usize,
    /// Bytes that consort wrote: without the words of other agents.
    own: usize,
    /// Of these, how many stood at the beginning of an earlier prompt too.
    stable: usize,
    largest: usize,
}

/// See the module.
pub(crate) fn seed(stage: &Stage, table: &mut Table) -> Result<(), Missed> {
    let dir = stage.fresh("prompts")?;
    let workflow = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/multi-instance/workflow.yaml");
    fs::copy(workflow, dir.join("workflow.yaml"))?;
    for args in [
        &["init", "-q"][..],
        &["add", "-A"],
        &["-c", "user.name=b", "-c", "user.email=b@b", "commit", "-qm", "b"],
    ] {
        timed(Command::new("git").args(args).current_dir(&dir))?;
    }
    timed(&mut stage.consort(&dir, &["run", "workflow.yaml", "--rehearse", "--approve", "all"]))?;
    let mut roles: BTreeMap<String, Role> = BTreeMap::new();
    let mut earlier: Vec<String> = Vec::new();
    for (_, role, prompt) in prompts(&state_of(&dir))? {
        let own = without_data(&prompt);
        let stable = earlier.iter().map(|other| shared(other, &own)).max().unwrap_or(0);
        let all = roles.entry(role).or_default();
        all.calls += 1;
        all.own += own.len();
        all.stable += stable;
        all.largest = all.largest.max(own.len());
        earlier.push(own);
    }
    let calls: usize = roles.values().map(|r| r.calls).sum();
    let by_role: Vec<String> = roles.iter().map(|(name, r)| format!("{} {name}", r.calls)).collect();
    table.note(&format!("seed's workflow: {calls} agent calls: {}", by_role.join(", ")));
    for (name, role) in &roles {
        let size = role.own as f64 / role.calls as f64 / TOKEN;
        table.row(
            &format!("prompt of `{name}`, mean without artifacts"),
            size,
            None,
            "tokens",
            Goal::Most(2_500.0),
        );
        let share = 100.0 * role.stable as f64 / role.own as f64;
        table.note(&format!(
            "largest {:.0} tokens; stable beginning {share:.0} %",
            role.largest as f64 / TOKEN
        ));
        if matches!(name.as_str(), "review" | "judge") {
            let changing = 100.0 - share;
            table.row(
                &format!("prompt of `{name}`, share that is no prefix"),
                changing,
                None,
                "%",
                Goal::Most(30.0),
            );
        }
    }
    Ok(())
}

/// Purpose and text of each prompt, in the order in which they were written.
fn prompts(state: &Path) -> Result<Vec<(SystemTime, String, String)>, Missed> {
    let mut found = Vec::new();
    let mut dirs: Vec<PathBuf> = vec![state.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir)?.flatten() {
            let path = entry.path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.ends_with("prompt.md") {
                let request: serde_json::Value =
                    serde_json::from_slice(&fs::read(path.with_file_name("request.json"))?)?;
                let purpose = request["purpose"]["kind"].as_str().unwrap_or("unknown").to_owned();
                found.push((entry.metadata()?.modified()?, purpose, fs::read_to_string(path)?));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Without the fenced blocks that hold other agents' words.
fn without_data(prompt: &str) -> String {
    let mut own = String::new();
    let mut fence: Option<String> = None;
    for line in prompt.lines() {
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) if line == open => fence = None,
            Some(_) => {}
            None if ticks.len() > 2 && line[ticks.len()..].starts_with("data") => fence = Some(ticks),
            None => {
                own += line;
                own.push('\n');
            }
        }
    }
    own
}

fn shared(one: &str, other: &str) -> usize {
    one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count()
}
