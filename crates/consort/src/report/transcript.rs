//! What an agent said and did, for people: a line per event as it happens, or a document.

use consort_core::view::clean;
use consort_worker::agents::session::Logged;
use consort_worker::agents::session::port::{Action, Event, StopReason};
use consort_worker::words::{cut, fence};
use std::fmt::Write;

/// Longest line of a text that is shown as it happens, in characters.
const LINE_CHARS: usize = 400;

/// One event as lines; `None` for what nobody needs to see.
pub(crate) fn lines(logged: &Logged) -> Option<String> {
    let (sign, text) = match &logged.event {
        Event::Began { session, model, version } => {
            let model = model.as_deref().unwrap_or("unknown model");
            let version = version.as_deref().map(|v| format!(", {v}")).unwrap_or_default();
            ("*", format!("session {session} ({model}{version})"))
        }
        Event::Text { text } => (" ", text.clone()),
        Event::Thought { text } => ("~", text.clone()),
        Event::ToolCall { name, about, .. } => (">", format!("{name} {about}")),
        Event::ToolResult { ok: true, text, .. } => ("<", first(text)),
        Event::ToolResult { ok: false, text, .. } => ("!", first(text)),
        Event::PermissionRequest(request) if request.last => {
            ("?", format!("{} {}", request.name, about(&request.what)))
        }
        Event::Refused { text } => ("!", format!("refused: {text}")),
        Event::Compacted => ("*", "its context was compacted".into()),
        Event::RateLimit { until: Some(until) } => ("*", format!("limited until {until}")),
        Event::RateLimit { until: None } => ("*", "limited".into()),
        Event::Retry { status, attempt, .. } => {
            let status = status.map_or_else(|| "no answer".to_owned(), |s| s.to_string());
            ("*", format!("the service says {status}; try {attempt}"))
        }
        Event::Model { model } => ("*", format!("{model} goes on")),
        Event::TurnEnd(end) => match (&end.error, end.stop) {
            (Some(error), _) => ("!", format!("the turn failed: {}", error.why)),
            (None, StopReason::EndTurn) => return None,
            (None, stop) => ("*", format!("the turn ended: {}", word(stop))),
        },
        Event::Closed { why: Some(why) } => ("!", why.clone()),
        Event::Closed { why: None } | Event::Usage(_) | Event::Context { .. } => return None,
        Event::PermissionRequest(_) | Event::Speaking | Event::TurnBegan | Event::Unknown { .. } => {
            return None;
        }
    };
    let shown = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| format!("{sign} {}\n", cut(&clean(line), LINE_CHARS)));
    let shown: String = shown.collect();
    (!shown.is_empty()).then_some(shown)
}

fn word(stop: StopReason) -> &'static str {
    match stop {
        StopReason::EndTurn => "done",
        StopReason::MaxTokens => "cut at the model's limit",
        StopReason::MaxTurns => "no turns left",
        StopReason::MaxCost => "no money left",
        StopReason::ContextFull => "its context is full",
        StopReason::Refusal => "the model will not",
        StopReason::Cancelled => "interrupted",
        StopReason::Error => "failed",
    }
}

fn about(what: &Action) -> String {
    match what {
        Action::Read(paths) | Action::Write(paths) => paths.join(" "),
        Action::Command(text)
        | Action::Host(text)
        | Action::Question(text)
        | Action::Delegate(text)
        | Action::Other(text) => text.clone(),
    }
}

fn first(text: &str) -> String {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or("(nothing)");
    match lines.count() {
        0 => first.to_owned(),
        more => format!("{first} (and {more} more lines)"),
    }
}

/// A whole session as Markdown. What the agent said is quoted: it is nobody's heading but its own.
pub(crate) fn markdown(title: &str, events: &[Logged]) -> String {
    let mut text = format!("## {title}\n\n");
    for logged in events {
        let Some(lines) = lines(logged) else { continue };
        match &logged.event {
            Event::Text { .. } | Event::Thought { .. } => {
                for line in lines.lines() {
                    let _ = writeln!(text, "> {}", line.get(2..).unwrap_or_default());
                }
                text.push('\n');
            }
            _ => {
                let fence = fence(&lines, 1);
                for line in lines.lines() {
                    let _ = writeln!(text, "- {fence} {line} {fence}");
                }
                text.push('\n');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use consort_core::plan::Tool;
    use consort_core::time::Timestamp;

    fn at(event: Event) -> Logged {
        Logged { at: Timestamp(0), event }
    }

    #[test]
    fn what_an_agent_does_is_a_line_and_cannot_paint_the_screen() {
        let call = Event::ToolCall {
            id: "1".into(),
            name: "Bash".into(),
            tool: Tool::Shell,
            about: "ls \u{1b}[31mx".into(),
        };
        assert_eq!(lines(&at(call)).unwrap(), format!("> {}\n", clean("Bash ls \u{1b}[31mx")));
        assert!(!lines(&at(Event::Text { text: "\u{1b}[2J".into() })).unwrap().contains('\u{1b}'));
        let result = Event::ToolResult { id: "1".into(), ok: false, text: "a\nb\nc".into() };
        assert_eq!(lines(&at(result)).unwrap(), "! a (and 2 more lines)\n");
        assert_eq!(lines(&at(Event::Closed { why: None })), None);
    }

    #[test]
    fn headings_of_an_agent_stay_its_own() {
        let text = markdown("agent-a-001", &[at(Event::Text { text: "# Mine\n```\ncode".into() })]);
        assert_eq!(text, "## agent-a-001\n\n> # Mine\n> ```\n> code\n\n");
    }
}
