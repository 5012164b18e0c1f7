//! Messages of Claude Code, both ways. Each line is read as a value first; what this build does not
//! know is named and passed over, and never ends a session.

use super::tools;
use crate::agents::session::port::{
    Action, Answer, Event, Request, Say, Spent, StopReason, TurnEnd, TurnError,
};
use crate::words::cut;
use consort_core::run::FailureClass;
use consort_core::time::Timestamp;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Longest text of a tool's result that is told.
const RESULT_CHARS: usize = 2_000;
/// Where nobody has said how large the context is.
const CONTEXT: u64 = 200_000;

/// One conversation's state of affairs.
#[derive(Default)]
pub(super) struct Talk {
    began: bool,
    /// Requests that wait for an answer: our id to the kind of question and its input.
    open: HashMap<String, (Look, Value)>,
    /// Sum over turns; the present turn's messages are added until its result says it better.
    spent: Spent,
    turn: Spent,
    last_message: String,
    cost: u64,
    context: Option<u64>,
    asked_context: bool,
    limited_until: Option<Timestamp>,
    number: u32,
}

/// Which of the two looks at a tool call is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    First,
    Second,
}

impl Talk {
    /// The first line: we want a word before every tool.
    pub(super) fn hello(&mut self) -> Value {
        // A hook that is not answered in time lets the tool pass to the second look, which waits.
        self.control(json!({ "subtype": "initialize",
            "hooks": { "PreToolUse": [{ "hookCallbackIds": ["first"], "timeout": 3600 }] } }))
    }

    fn control(&mut self, request: Value) -> Value {
        self.number += 1;
        json!({ "type": "control_request", "request_id": format!("consort-{}", self.number), "request": request })
    }

    /// What is to be written for this.
    pub(super) fn say(&mut self, say: Say) -> Vec<Value> {
        match say {
            Say::Turn(text) => {
                self.turn = Spent { micro_usd: Some(0), ..Spent::default() };
                vec![json!({ "type": "user", "parent_tool_use_id": null, "session_id": "",
                    "message": { "role": "user", "content": [{ "type": "text", "text": text }] } })]
            }
            Say::Interrupt => vec![self.control(json!({ "subtype": "interrupt" }))],
            Say::Answer { id, answer } => self.answer(&id, answer).into_iter().collect(),
            Say::Close => Vec::new(),
        }
    }

    fn answer(&mut self, id: &str, answer: Answer) -> Option<Value> {
        let (look, input) = self.open.remove(id)?;
        let response = match (look, answer) {
            (Look::First, answer) => {
                let (decision, why) = match answer {
                    Answer::Allow => ("allow", String::new()),
                    Answer::Deny(why) => ("deny", why),
                    Answer::Later | Answer::Words(_) => ("ask", String::new()),
                };
                json!({ "hookSpecificOutput": { "hookEventName": "PreToolUse", "permissionDecision": decision,
                    "permissionDecisionReason": why } })
            }
            (Look::Second, Answer::Allow) => json!({ "behavior": "allow", "updatedInput": input }),
            (Look::Second, Answer::Words(words)) => {
                json!({ "behavior": "allow", "updatedInput": tools::answered(&input, &words) })
            }
            (Look::Second, Answer::Deny(why)) => {
                json!({ "behavior": "deny", "message": why, "interrupt": false })
            }
            (Look::Second, Answer::Later) => {
                json!({ "behavior": "deny", "message": "nobody decides this", "interrupt": false })
            }
        };
        Some(json!({ "type": "control_response",
            "response": { "subtype": "success", "request_id": id, "response": response } }))
    }

    /// What a line means, and what is answered at once.
    pub(super) fn heard(&mut self, line: &str) -> (Vec<Event>, Vec<Value>) {
        if line.trim().is_empty() {
            return (Vec::new(), Vec::new());
        }
        let Ok(message) = serde_json::from_str::<Value>(line) else {
            return (vec![Event::Unknown { kind: "a line that is no JSON".into() }], Vec::new());
        };
        let kind = text(&message, "type");
        // What its own helpers say among themselves is no business of ours.
        let inner = message.get("parent_tool_use_id").is_some_and(|id| !id.is_null());
        match kind.as_str() {
            "system" => (self.system(&message), Vec::new()),
            "assistant" if inner => (Vec::new(), Vec::new()),
            "assistant" => self.assistant(&message),
            "user" => (results(&message), Vec::new()),
            "result" => (self.result(&message), Vec::new()),
            "rate_limit_event" => (self.rate_limit(&message), Vec::new()),
            "control_request" => self.request(&message),
            "control_response" => (self.response(&message), Vec::new()),
            "control_cancel_request" => {
                self.open.remove(&text(&message, "request_id"));
                (Vec::new(), Vec::new())
            }
            "keep_alive" | "stream_event" => (Vec::new(), Vec::new()),
            other => (vec![Event::Unknown { kind: cut(other, 60) }], Vec::new()),
        }
    }

    fn system(&mut self, message: &Value) -> Vec<Event> {
        match text(message, "subtype").as_str() {
            "init" if !self.began => {
                self.began = true;
                vec![Event::Began {
                    session: text(message, "session_id"),
                    model: message.get("model").and_then(Value::as_str).map(str::to_owned),
                    version: message.get("claude_code_version").and_then(Value::as_str).map(str::to_owned),
                }]
            }
            // Every turn begins with one.
            "init" => vec![Event::TurnBegan],
            "api_retry" => {
                let delay_ms =
                    message.get("retry_delay_ms").and_then(Value::as_f64).unwrap_or(0.0).max(0.0) as u64;
                let status =
                    message.get("error_status").and_then(Value::as_u64).and_then(|s| u16::try_from(s).ok());
                let attempt = message.get("attempt").and_then(Value::as_u64).unwrap_or(0) as u32;
                let mut events = vec![Event::Retry { status, attempt, delay_ms }];
                if status == Some(429) {
                    let until = crate::os::now().plus_ms(delay_ms);
                    self.limited_until = Some(until);
                    events.push(Event::RateLimit { until: Some(until) });
                }
                events
            }
            "compact_boundary" => vec![Event::Compacted],
            "model_fallback" => {
                let model = ["to_model", "fallback_model", "model"].into_iter().map(|key| text(message, key));
                vec![Event::Model { model: model.into_iter().find(|m| !m.is_empty()).unwrap_or_default() }]
            }
            "status" | "hook_started" | "hook_response" | "task_started" | "task_notification"
            | "task_progress" => Vec::new(),
            other => vec![Event::Unknown { kind: format!("system/{}", cut(other, 50)) }],
        }
    }

    fn assistant(&mut self, message: &Value) -> (Vec<Event>, Vec<Value>) {
        let (mut events, mut replies) = (Vec::new(), Vec::new());
        let Some(inner) = message.get("message") else { return (events, replies) };
        let blocks = inner.get("content").and_then(Value::as_array).into_iter().flatten();
        for block in blocks {
            events.extend(block_of(block));
        }
        let id = text(inner, "id");
        if let Some(usage) = inner.get("usage")
            && text(inner, "model") != "<synthetic>"
        {
            let of_message = spent(usage);
            if id != self.last_message {
                self.last_message = id;
                self.turn = self.turn.plus(&Spent { micro_usd: None, ..of_message });
                events.push(Event::Usage(self.spent.plus(&self.turn)));
            }
            let used =
                of_message.tokens_in + of_message.cache_read + of_message.cache_write + of_message.tokens_out;
            events.push(Event::Context { used, max: self.context.unwrap_or(CONTEXT) });
            if !self.asked_context {
                self.asked_context = true;
                replies.push(self.control(json!({ "subtype": "get_context_usage" })));
            }
        }
        (events, replies)
    }

    fn request(&mut self, message: &Value) -> (Vec<Event>, Vec<Value>) {
        let id = text(message, "request_id");
        let Some(request) = message.get("request") else { return (Vec::new(), Vec::new()) };
        let (look, name, input) = match text(request, "subtype").as_str() {
            "hook_callback" => {
                let of = request.get("input").unwrap_or(&Value::Null);
                (Look::First, text(of, "tool_name"), of.get("tool_input"))
            }
            "can_use_tool" => (Look::Second, text(request, "tool_name"), request.get("input")),
            other => {
                let why = format!("this client has no `{other}`");
                let reply = json!({ "type": "control_response",
                    "response": { "subtype": "error", "request_id": id, "error": why } });
                return (vec![Event::Unknown { kind: format!("request {}", cut(other, 50)) }], vec![reply]);
            }
        };
        let input = input.cloned().unwrap_or(Value::Null);
        let what = match request.get("blocked_path").and_then(Value::as_str) {
            // It says itself that a command reaches further than its words show.
            Some(path) if look == Look::Second && tools::kind(&name) == consort_core::plan::Tool::Shell => {
                Action::Write(vec![path.to_owned()])
            }
            _ => tools::action(&name, &input),
        };
        let request =
            Request { id: id.clone(), tool: tools::kind(&name), name, what, last: look == Look::Second };
        self.open.insert(id, (look, input));
        (vec![Event::PermissionRequest(request)], Vec::new())
    }

    fn response(&mut self, message: &Value) -> Vec<Event> {
        let Some(answer) = message.pointer("/response/response") else { return Vec::new() };
        let (used, max) = (answer.get("totalTokens"), answer.get("maxTokens"));
        if let (Some(used), Some(max @ 1..)) = (used.and_then(Value::as_u64), max.and_then(Value::as_u64)) {
            self.context = Some(max);
            return vec![Event::Context { used, max }];
        }
        Vec::new()
    }

    fn rate_limit(&mut self, message: &Value) -> Vec<Event> {
        let Some(info) = message.get("rate_limit_info") else { return Vec::new() };
        if text(info, "status") != "rejected" {
            return Vec::new();
        }
        let until = info.get("resetsAt").and_then(Value::as_i64).map(|s| Timestamp(s.saturating_mul(1000)));
        self.limited_until = until.or(self.limited_until);
        vec![Event::RateLimit { until: self.limited_until }]
    }

    fn result(&mut self, message: &Value) -> Vec<Event> {
        let mut turn = message.get("usage").map(spent).unwrap_or_default();
        if turn.tokens() == 0 {
            // A turn that was cut off sums up nothing: what its messages said counts.
            turn = self.turn;
        }
        let cost = message.get("total_cost_usd").and_then(Value::as_f64).map(micro);
        turn.micro_usd = cost.map(|cost| cost.saturating_sub(self.cost));
        self.cost = cost.unwrap_or(self.cost);
        let before = Spent { micro_usd: Some(self.spent.micro_usd.unwrap_or(0)), ..self.spent };
        self.spent = before.plus(&turn);
        self.turn = Spent { micro_usd: Some(0), ..Spent::default() };
        let mut events = vec![Event::Usage(self.spent)];
        let windows = message.get("modelUsage").and_then(Value::as_object).into_iter().flatten();
        self.context = windows.filter_map(|(_, u)| u.get("contextWindow")?.as_u64()).max().or(self.context);
        let error = self.error(message);
        events.push(Event::TurnEnd(TurnEnd {
            stop: stop_of(message, error.as_ref()),
            text: text(message, "result"),
            structured: message.get("structured_output").filter(|v| !v.is_null()).cloned(),
            error,
            turns: message.get("num_turns").and_then(Value::as_u64).unwrap_or(0) as u32,
            refused: message.get("permission_denials").and_then(Value::as_array).map_or(0, Vec::len) as u32,
        }));
        events
    }

    /// `is_error` says that it failed, whatever the subtype says.
    fn error(&self, message: &Value) -> Option<TurnError> {
        let subtype = text(message, "subtype");
        let failed = message.get("is_error").and_then(Value::as_bool).unwrap_or(false);
        if !failed && subtype == "success" {
            return None;
        }
        let listed = message.get("errors").and_then(Value::as_array).into_iter().flatten();
        let listed: Vec<&str> = listed.filter_map(Value::as_str).collect();
        let said = match (text(message, "result"), listed.is_empty()) {
            (result, true) => result,
            (_, false) => listed.join("; "),
        };
        let status = message.get("api_error_status").and_then(Value::as_u64);
        Some(TurnError { class: class_of(&subtype, status, &said, self.limited_until), why: cut(&said, 400) })
    }
}

fn block_of(block: &Value) -> Option<Event> {
    match text(block, "type").as_str() {
        "text" => Some(Event::Text { text: text(block, "text") }),
        "thinking" => Some(Event::Thought { text: text(block, "thinking") }),
        "redacted_thinking" => None,
        "tool_use" => {
            let name = text(block, "name");
            let about = tools::about(&name, block.get("input").unwrap_or(&Value::Null));
            Some(Event::ToolCall { id: text(block, "id"), tool: tools::kind(&name), name, about })
        }
        other => Some(Event::Unknown { kind: format!("block {}", cut(other, 50)) }),
    }
}

fn results(message: &Value) -> Vec<Event> {
    let content = message.pointer("/message/content").and_then(Value::as_array);
    let blocks = content.into_iter().flatten().filter(|b| text(b, "type") == "tool_result");
    blocks
        .map(|block| Event::ToolResult {
            id: text(block, "tool_use_id"),
            ok: !block.get("is_error").and_then(Value::as_bool).unwrap_or(false),
            text: cut(&flat(block.get("content").unwrap_or(&Value::Null)), RESULT_CHARS),
        })
        .collect()
}

fn flat(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => blocks.iter().map(|b| text(b, "text")).collect::<Vec<_>>().join("\n"),
        _ => String::new(),
    }
}

fn stop_of(message: &Value, error: Option<&TurnError>) -> StopReason {
    match (text(message, "subtype").as_str(), text(message, "stop_reason").as_str()) {
        ("error_max_turns", _) => StopReason::MaxTurns,
        ("error_max_budget_usd", _) => StopReason::MaxCost,
        ("error_during_execution", _) if text(message, "terminal_reason").starts_with("aborted") => {
            StopReason::Cancelled
        }
        (_, "refusal") => StopReason::Refusal,
        _ if error.is_some_and(|e| is_too_long(&e.why)) => StopReason::ContextFull,
        _ if error.is_some() => StopReason::Error,
        (_, "max_tokens") => StopReason::MaxTokens,
        _ => StopReason::EndTurn,
    }
}

/// What helps, by what the service answered.
fn class_of(subtype: &str, status: Option<u64>, said: &str, until: Option<Timestamp>) -> FailureClass {
    let says = |words: &[&str]| words.iter().any(|w| said.to_ascii_lowercase().contains(w));
    match (subtype, status) {
        ("error_max_turns" | "error_max_budget_usd" | "error_max_structured_output_retries", _) => {
            FailureClass::Cap
        }
        (_, Some(429)) => FailureClass::Limited(until),
        _ if says(&["usage limit", "hit your limit", "rate limit"]) => FailureClass::Limited(until),
        _ if says(&["credit balance", "billing", "please run /login", "invalid api key", "oauth token"]) => {
            FailureClass::Never
        }
        (_, Some(401..=403)) => FailureClass::Never,
        (_, Some(404)) => FailureClass::Never,
        _ if is_too_long(said) => FailureClass::Retry,
        (_, Some(400 | 413 | 422)) => FailureClass::Never,
        (_, Some(408 | 409 | 500..=599)) => FailureClass::Backoff,
        _ if says(&[
            "connection",
            "network",
            "timed out",
            "timeout",
            "overloaded",
            "fetch failed",
            "socket",
        ]) =>
        {
            FailureClass::Backoff
        }
        _ => FailureClass::Retry,
    }
}

fn is_too_long(said: &str) -> bool {
    said.to_ascii_lowercase().contains("prompt is too long")
}

fn spent(usage: &Value) -> Spent {
    let count = |key: &str| usage.get(key).and_then(Value::as_u64).unwrap_or(0);
    Spent {
        tokens_in: count("input_tokens"),
        tokens_out: count("output_tokens"),
        cache_read: count("cache_read_input_tokens"),
        cache_write: count("cache_creation_input_tokens"),
        micro_usd: None,
    }
}

fn micro(usd: f64) -> u64 {
    (usd.max(0.0) * 1_000_000.0).round() as u64
}

fn text(of: &Value, key: &str) -> String {
    of.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// What it complained about, for a sentence: the last line that calls itself an error, else the last one.
pub(super) fn complaint(stderr: &str) -> String {
    let mut lines = stderr.lines().rev().map(str::trim).filter(|line| !line.is_empty() && line.len() < 400);
    let last = lines.clone().next();
    let error = lines.find(|line| line.to_ascii_lowercase().starts_with("error"));
    error.or(last).map(|line| format!(": {}", cut(line, 300))).unwrap_or_default()
}
