//! How Claude Code is started: its flags, its environment, its private home.

use crate::agents::session::brief::Brief;
use crate::agents::session::port::Begin;
use consort_core::plan::{Effort, Role, Tool};
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Its configuration within a home, and the log-in within that.
const CONFIG: &str = ".claude";
const LOGIN: &str = ".credentials.json";

/// What a task's agent has no use for, whatever its role: other agents, other trees, timers.
const NEVER: [&str; 16] = [
    "Task",
    "Agent",
    "Workflow",
    "SendMessage",
    "TeamCreate",
    "EnterWorktree",
    "ExitWorktree",
    "CronCreate",
    "CronDelete",
    "CronList",
    "ScheduleWakeup",
    "EnterPlanMode",
    "ExitPlanMode",
    "ReportFindings",
    "RemoteTrigger",
    "Monitor",
];

/// The command line behind the program.
pub(super) fn arguments(brief: &Brief, id: &str, begin: Begin<'_>) -> Vec<String> {
    let session = &brief.session;
    let mut args: Vec<String> =
        ["-p", "--output-format", "stream-json", "--verbose", "--input-format", "stream-json"]
            .map(str::to_owned)
            .into();
    let mut add = |flag: &str, value: String| args.extend([flag.to_owned(), value]);
    add("--permission-prompt-tool", "stdio".into());
    add("--permission-mode", "default".into());
    // Nobody's settings, hooks and plugins but what this run says.
    add("--setting-sources", String::new());
    if let Begin::Resume(session) | Begin::Fork(session) = begin {
        add("--resume", session.to_owned());
    }
    if !matches!(begin, Begin::Resume(_)) {
        add("--session-id", id.to_owned());
    }
    if let Some(model) = &session.model {
        add("--model", model.clone());
    }
    if let Some(effort) = session.effort {
        let word = match effort {
            Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High => "high",
            Effort::Max => "max",
        };
        add("--effort", word.into());
    }
    if let Some(turns) = brief.caps.turns_max {
        add("--max-turns", turns.to_string());
    }
    if let Some(micro) = brief.caps.micro_usd_max {
        add("--max-budget-usd", format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000));
    }
    if let Some((_, schema)) = &brief.answer {
        add("--json-schema", schema.to_string());
    }
    add("--mcp-config", servers(session.role.as_ref()));
    add("--disallowedTools", disallowed(brief));
    args.extend(["--strict-mcp-config", "--include-partial-messages"].map(str::to_owned));
    args.extend(matches!(begin, Begin::Fork(_)).then(|| "--fork-session".to_owned()));
    args.extend(session.arguments.iter().cloned());
    args
}

/// Servers of its role; those that are only named are the program's own affair and cannot be had.
fn servers(role: Option<&Role>) -> String {
    let servers = role.into_iter().flat_map(|role| &role.servers);
    let known: serde_json::Map<String, serde_json::Value> = servers
        .filter_map(|(name, config)| Some((name.clone(), serde_json::from_str(config.as_deref()?).ok()?)))
        .collect();
    serde_json::json!({ "mcpServers": known }).to_string()
}

/// Tools that are not offered at all: a model does not try what it does not see.
fn disallowed(brief: &Brief) -> String {
    let mut never: Vec<&str> = NEVER.into();
    if brief.read_only {
        never.extend(["Write", "Edit", "MultiEdit", "NotebookEdit", "AskUserQuestion"]);
    }
    let tools = brief.session.role.as_ref().map(|role| role.tools.as_slice()).unwrap_or_default();
    for (tool, names) in [(Tool::Fetch, ["WebFetch"]), (Tool::WebSearch, ["WebSearch"])] {
        if !tools.contains(&tool) {
            never.extend(names);
        }
    }
    if brief.session.role.as_ref().is_none_or(|role| role.skills.is_empty()) {
        never.push("Skill");
    }
    never.join(",")
}

/// Takes the copy of a person's log-in away.
pub(in crate::agents::runtimes) fn take_login(home: &Path) -> io::Result<()> {
    match std::fs::remove_file(home.join(CONFIG).join(LOGIN)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The environment of the program, and the home that it names.
pub(super) fn environment(
    brief: &Brief,
    env: &BTreeMap<String, String>,
) -> io::Result<BTreeMap<String, String>> {
    let config = brief.home.join(CONFIG);
    std::fs::create_dir_all(&config)?;
    std::fs::set_permissions(&brief.home, std::fs::Permissions::from_mode(0o700))?;
    if let Some(login) = &brief.login {
        let to = config.join(LOGIN);
        std::fs::copy(login, &to)?;
        std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o600))?;
    }
    let mut env = env.clone();
    let mut set = |name: &str, value: String| {
        env.entry(name.to_owned()).or_insert(value);
    };
    set("CLAUDE_CONFIG_DIR", config.display().to_string());
    set("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1".into());
    set("DISABLE_AUTOUPDATER", "1".into());
    set("CLAUDE_CODE_DISABLE_AUTO_MEMORY", "1".into());
    // Patience is the engine's: it waits for hours where the program would for minutes, and others go on.
    set("CLAUDE_CODE_MAX_RETRIES", "2".into());
    if let Some(url) = &brief.session.url {
        set("ANTHROPIC_BASE_URL", url.clone());
    }
    if let Some(key) = brief.session.key_env.as_deref().filter(|name| *name != KEY)
        && let Some(value) = env.get(key).cloned()
        && !["ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"].contains(&key)
    {
        env.insert(KEY.into(), value);
    }
    Ok(env)
}

const KEY: &str = "ANTHROPIC_API_KEY";
