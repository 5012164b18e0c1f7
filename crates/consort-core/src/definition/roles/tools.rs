//! Names of tools as people write them in role files, and what they stand for.

use crate::plan::{Grip, Rule, Tool};

/// What a name stands for. A name that is not known here is a runtime's own.
pub(super) fn tool(name: &str) -> Tool {
    match name.to_ascii_lowercase().as_str() {
        "read" | "notebookread" | "file_read" => Tool::Read,
        "write" | "edit" | "multiedit" | "notebookedit" | "file_write" | "file_edit" => Tool::Write,
        "glob" | "grep" | "ls" | "search" | "file_search_glob" | "file_search_content" => Tool::Search,
        "bash" | "shell" | "bashoutput" | "killshell" | "killbash" | "shell_execute" => Tool::Shell,
        "webfetch" | "fetch" | "web_fetch" => Tool::Fetch,
        "websearch" | "web_search" => Tool::WebSearch,
        "task" | "agent" | "delegate" | "agent_delegate" => Tool::Delegate,
        _ => Tool::Other(name.to_owned()),
    }
}

/// The server of a tool such as `mcp__docs__search`.
pub(super) fn server(name: &str) -> Option<&str> {
    name.strip_prefix("mcp__")?.split("__").next().filter(|server| !server.is_empty())
}

/// A tool, and what of it is meant: `Bash(git push:*)`, `Read(./secrets/**)`, `WebFetch(domain:example.org)`,
/// `Write`.
///
/// # Errors
/// Why it is none.
pub fn read_rule(text: &str) -> Result<Rule, String> {
    let text = text.trim();
    let (name, inside) = match text.split_once('(') {
        None => (text, None),
        Some((name, rest)) => {
            let inside = rest.strip_suffix(')').ok_or_else(|| format!("`{text}` lacks its `)`"))?;
            (name.trim_end(), Some(inside.trim()))
        }
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '*' | '.' | ':' | '/');
    if name.is_empty() || !name.chars().all(fits) {
        return Err(format!("`{text}` is not the name of a tool"));
    }
    let tool = tool(name);
    let grip = match inside.filter(|inside| !matches!(*inside, "" | "*" | "**")) {
        None => None,
        Some(inside) => Some(match &tool {
            Tool::Shell => {
                Grip::Command(inside.trim_end_matches(":*").trim_end_matches('*').trim().to_owned())
            }
            Tool::Read | Tool::Write | Tool::Search => {
                // One slash means the top of the project there, two mean the top of the machine.
                let path = inside.strip_prefix("./").unwrap_or(inside);
                Grip::Path(match path.strip_prefix("//") {
                    Some(rest) => format!("/{rest}"),
                    None => path.trim_start_matches('/').to_owned(),
                })
            }
            Tool::Fetch | Tool::WebSearch => Grip::Host(
                inside.strip_prefix("domain:").unwrap_or(inside).trim_start_matches("*.").to_owned(),
            ),
            _ => return Err(format!("nothing is known of what `{inside}` means for `{name}`")),
        }),
    };
    Ok(Rule { tool: Some(tool), grip })
}

/// Parts of a list in one line: commas within parentheses belong to a part.
pub(super) fn parts(text: &str) -> Vec<(usize, &str)> {
    let (mut all, mut depth, mut begin) = (Vec::new(), 0_usize, 0);
    for (at, c) in text.char_indices().chain([(text.len(), ',')]) {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 || at == text.len() => {
                let part = &text[begin..at];
                let lead = part.len() - part.trim_start().len();
                if !part.trim().is_empty() {
                    all.push((begin + lead, part.trim()));
                }
                begin = at + 1;
            }
            _ => {}
        }
    }
    all
}

/// What an agent of a tier may use, T1 to T4; `None`: no worker's tier.
pub(super) fn of_tier(tier: u8) -> Option<&'static [Tool]> {
    const T1: [Tool; 2] = [Tool::Read, Tool::Search];
    const T2: [Tool; 4] = [Tool::Read, Tool::Search, Tool::Write, Tool::Shell];
    const T3: [Tool; 6] = [Tool::Read, Tool::Search, Tool::Write, Tool::Shell, Tool::Fetch, Tool::WebSearch];
    match tier {
        1 => Some(&T1),
        2 | 4 => Some(&T2),
        3 => Some(&T3),
        _ => None,
    }
}

/// As people read it.
pub(super) fn word(tool: &Tool) -> &str {
    match tool {
        Tool::Read => "read",
        Tool::Write => "write",
        Tool::Search => "search",
        Tool::Shell => "shell",
        Tool::Fetch => "fetch",
        Tool::WebSearch => "web_search",
        Tool::Delegate => "delegate",
        Tool::Other(name) => name,
    }
}
