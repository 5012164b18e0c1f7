//! Real Claude Code and models called directly, through the real binary, against a scripted service: what
//! takes more than one agent. Each agent by itself is proved by `conformance`.
//! Where Claude Code is not installed each test says that it is skipped.

#![allow(clippy::disallowed_types)] // a test starts the binary as a person does

mod failures;
mod seed;

use crate::conformance::lab::{KEY, Lab, RUN, journal, left, one, writes};
use crate::support::Said;
use serde_json::json;
use std::process::Command;

#[test]
fn a_log_in_is_lent_for_an_attempt_and_no_home_is_left() {
    let Some(lab) = Lab::of_one("", "Write a note.", vec![writes("Write a note.")]) else { return };
    let home = lab.world.path("person/.claude");
    std::fs::create_dir_all(&home).unwrap();
    let login = json!({ "claudeAiOauth": { "accessToken": KEY, "refreshToken": "none",
        "expiresAt": 4_102_444_800_000_u64, "scopes": ["user:inference"] } });
    std::fs::write(home.join(".credentials.json"), login.to_string()).unwrap();
    let url = lab.url();
    let mut command = lab.command(&["run", "workflow.yaml", "--var", &url, "--approve", "all", "--yes"]);
    command.env_remove("ANTHROPIC_API_KEY").env("CLAUDE_CONFIG_DIR", &home);
    let said = Said::of(command.output().unwrap());
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let asked = lab.server.requests();
    assert!(asked.iter().any(|r| r.headers.values().any(|v| v.contains(KEY))), "the log-in was not used");
    let kept = std::fs::read_to_string(home.join(".credentials.json")).unwrap();
    assert_eq!(kept, login.to_string(), "a person's log-in is nobody's to change");
    let found =
        Command::new("find").arg(lab.world.path("state")).args(["-path", "*/homes/*"]).output().unwrap();
    assert_eq!(String::from_utf8(found.stdout).unwrap(), "", "homes are left");
    lab.nothing_is_left();
}
