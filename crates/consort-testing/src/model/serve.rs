//! HTTP: which path is which wire, and responses.

use super::log::{Guard, Log, Outcome};
use super::reply::{Fault, Reply};
use super::request::{ModelRequest, Wire};
use super::rules::{self, Uses};
use super::stream::Sending;
use super::tools::Answer;
use super::{Scenario, stream, wires};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, Response};
use axum::serve::ListenerExt;
use consort_worker::judges::content_hash;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Larger bodies are refused. A conversation of a million tokens has some 5 MB.
const BODY_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What all connections share.
pub(super) struct Shared {
    pub(super) log: Arc<Log>,
    script: Mutex<Script>,
    asked: AtomicU64,
}

struct Script {
    scenario: Scenario,
    uses: Uses,
    /// How often each body came to a path: an answer to the same once more has other ids.
    bodies: HashMap<String, u32>,
}

impl Script {
    fn new(scenario: Scenario) -> Self {
        Script { scenario, uses: Uses::default(), bodies: HashMap::new() }
    }
}

impl Shared {
    pub(super) fn new(scenario: Scenario) -> Self {
        Shared { log: Arc::default(), script: Mutex::new(Script::new(scenario)), asked: AtomicU64::new(0) }
    }

    pub(super) fn reset(&self, scenario: Option<Scenario>) {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        let scenario = scenario.unwrap_or_else(|| script.scenario.clone());
        *script = Script::new(scenario);
        self.log.clear();
    }

    fn models(&self) -> Vec<String> {
        match &self.script.lock().unwrap_or_else(PoisonError::into_inner).scenario {
            Scenario::Rules(rules) if !rules.models.is_empty() => rules.models.clone(),
            _ => vec!["scripted-1".into()],
        }
    }
}

/// Serves until it is dropped.
pub(super) async fn run(listener: std::net::TcpListener, shared: Arc<Shared>) -> std::io::Result<()> {
    // Small pieces must not wait for one another.
    let listener = tokio::net::TcpListener::from_std(listener)?.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, Router::new().fallback(handle).with_state(shared)).await
}

/// What a path asks for.
enum Target {
    Model(Wire),
    Count(Wire),
    List,
    Nothing,
}

fn target(method: &Method, path: &str) -> Target {
    let path = path.trim_end_matches('/');
    match (method, path) {
        (&Method::GET, _) if path.ends_with("/models") => Target::List,
        (&Method::POST, _) if path.ends_with("/messages/count_tokens") => Target::Count(Wire::Anthropic),
        (&Method::POST, _) if path.ends_with(":countTokens") => Target::Count(Wire::Gemini),
        (&Method::POST, _) if path.ends_with("/messages") => Target::Model(Wire::Anthropic),
        (&Method::POST, _) if path.ends_with("/chat/completions") => Target::Model(Wire::Chat),
        (&Method::POST, _) if path.ends_with("/responses") => Target::Model(Wire::Responses),
        (&Method::POST, _) if path.ends_with("enerateContent") => Target::Model(Wire::Gemini),
        _ => Target::Nothing,
    }
}

async fn handle(State(shared): State<Arc<Shared>>, http: Request) -> Response<Body> {
    let (head, body) = http.into_parts();
    let path = head.uri.path().to_owned();
    let Ok(bytes) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
        return value(413, &json!({ "error": "the body is too large or broken" }));
    };
    let guard = shared.log.enter(head.method.as_str(), &path);
    let (status, answer) = match target(&head.method, &path) {
        Target::Model(wire) => {
            let headers = head.headers.iter();
            let headers = headers.map(|(name, value)| {
                (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            });
            return match request(&shared, wire, &path, &bytes, headers.collect()) {
                Ok(request) => model(shared, Arc::new(request), guard).await,
                Err(why) => {
                    guard.note(|seen| (seen.wire, seen.status) = (Some(wire), Some(400)));
                    guard.end(Outcome::Complete);
                    value(400, &wires::error(wire, 400, None, &why, None))
                }
            };
        }
        Target::Count(Wire::Gemini) => (200, json!({ "totalTokens": bytes.len() / 4 + 1 })),
        Target::Count(_) => (200, json!({ "input_tokens": bytes.len() / 4 + 1 })),
        Target::List => (200, list(&shared.models())),
        // Agents knock at a service's door before they speak to it.
        Target::Nothing if head.method == Method::HEAD || path == "/" => (200, json!({})),
        Target::Nothing => (
            404,
            json!({ "error": { "type": "not_found_error", "message": format!("no endpoint `{path}`") } }),
        ),
    };
    guard.note(|seen| seen.status = Some(status));
    guard.end(Outcome::Complete);
    value(status, &answer)
}

/// A list of models that each wire's clients understand.
fn list(models: &[String]) -> Value {
    let data = models.iter().map(|id| {
        json!({ "id": id, "object": "model", "type": "model", "display_name": id, "created": 0,
            "created_at": "2026-01-01T00:00:00Z", "owned_by": "scripted" })
    });
    let named = models.iter().map(|id| json!({ "name": format!("models/{id}") }));
    json!({ "object": "list", "has_more": false, "data": data.collect::<Vec<_>>(),
        "models": named.collect::<Vec<_>>() })
}

/// Reads a request to a model.
fn request(
    shared: &Shared,
    wire: Wire,
    path: &str,
    bytes: &[u8],
    headers: std::collections::BTreeMap<String, String>,
) -> Result<ModelRequest, String> {
    let body: Value = serde_json::from_slice(bytes).map_err(|e| format!("the body is no JSON: {e}"))?;
    let mut talk = wires::read(wire, &body);
    if wire == Wire::Gemini {
        let call = path.rsplit('/').next().unwrap_or_default();
        let (model, verb) = call.split_once(':').unwrap_or((call, ""));
        (talk.model, talk.stream) = (model.to_owned(), verb.starts_with("stream"));
    }
    let first = talk.messages.first().map_or("", |m| m.text.as_str());
    let conversation = talk
        .conversation
        .or_else(|| headers.get("x-claude-code-session-id").cloned())
        .unwrap_or_else(|| content_hash(first.as_bytes()).as_str()[..16].to_owned());
    let hash = format!("{path} {}", content_hash(bytes).as_str());
    let mut script = shared.script.lock().unwrap_or_else(PoisonError::into_inner);
    let times = script.bodies.entry(hash.clone()).or_default();
    *times += 1;
    Ok(ModelRequest {
        number: shared.asked.fetch_add(1, Ordering::Relaxed) + 1,
        wire,
        model: talk.model,
        stream: talk.stream,
        system: talk.system,
        messages: talk.messages,
        tools: talk.tools,
        forced_tool: talk.forced_tool,
        answer_schema: talk.answer_schema,
        conversation,
        headers,
        seed: content_hash(format!("{hash} {times}").as_bytes()).as_str().to_owned(),
        body,
    })
}

/// Answers as the scenario says.
async fn model(shared: Arc<Shared>, request: Arc<ModelRequest>, guard: Guard) -> Response<Body> {
    guard.note(|seen| (seen.wire, seen.request) = (Some(request.wire), Some(request.clone())));
    let (rule, reply) = match choose(&shared, request.clone()).await {
        Ok(chosen) => chosen,
        Err(why) => {
            guard.note(|seen| seen.status = Some(500));
            guard.end(Outcome::Complete);
            return value(500, &wires::error(request.wire, 500, None, &why, None));
        }
    };
    guard.note(|seen| seen.rule = rule);
    if reply.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(reply.delay_ms)).await;
    }
    let mut response = respond(&request, &reply, guard).await;
    for (name, value) in &reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The reply, and the name of the rule that it is of.
async fn choose(shared: &Arc<Shared>, request: Arc<ModelRequest>) -> Result<(Option<String>, Reply), String> {
    let code = {
        let mut script = shared.script.lock().unwrap_or_else(PoisonError::into_inner);
        let Script { scenario, uses, .. } = &mut *script;
        match scenario {
            Scenario::Code(code) => code.clone(),
            Scenario::Rules(rules) => {
                let none = || (None, Reply::text("No rule of the scenario fits."));
                let chosen = rules::choose(rules, uses, &request);
                return Ok(chosen.map(|(rule, reply)| (Some(rule), reply)).unwrap_or_else(none));
            }
        }
    };
    let reply = tokio::task::spawn_blocking(move || code(&request)).await;
    reply.map(|reply| (None, reply)).map_err(|e| format!("the scenario's code failed: {e}"))
}

async fn respond(request: &ModelRequest, reply: &Reply, guard: Guard) -> Response<Body> {
    let wire = request.wire;
    if let Some(Fault::Http { status, message, kind, retry_after_s }) = &reply.fault {
        let error = wires::error(wire, *status, kind.as_deref(), message, *retry_after_s);
        let mut response = value(*status, &error);
        if let Some(seconds) = retry_after_s {
            response.headers_mut().insert("retry-after", HeaderValue::from(*seconds));
        }
        guard.note(|seen| seen.status = Some(*status));
        guard.end(Outcome::Complete);
        return response;
    }
    guard.note(|seen| seen.status = Some(200));
    if let Some(Fault::Rubbish { bytes }) = &reply.fault {
        guard.end(Outcome::Broken);
        let kind = if request.stream { "text/event-stream" } else { "application/json" };
        return typed(200, kind, Body::from(bytes.clone()));
    }
    if let Some(Fault::Endless) = &reply.fault {
        guard.end(Outcome::Broken);
        return typed(200, "application/json", stream::endless());
    }
    let answer = Answer::of(reply, request);
    if request.stream {
        let pieces = wires::pieces(wire, &answer);
        let fault = reply.fault.clone();
        let sending = Sending::new(wire, pieces, reply.flood_bytes, reply.piece_ms, fault, guard);
        return typed(200, "text/event-stream", sending.body());
    }
    let whole = wires::whole(wire, answer);
    match &reply.fault {
        None | Some(Fault::Http { .. } | Fault::Rubbish { .. } | Fault::Endless) => {
            guard.end(Outcome::Complete);
            value(200, &whole)
        }
        Some(Fault::Hang { .. }) => std::future::pending().await,
        Some(Fault::InBand { kind, message, .. }) => {
            guard.note(|seen| seen.status = Some(500));
            guard.end(Outcome::Broken);
            value(500, &wires::error(wire, 500, Some(kind), message, None))
        }
        Some(Fault::Cut { .. }) => {
            guard.end(Outcome::Broken);
            let text = whole.to_string().into_bytes();
            let half = text[..text.len() / 2].to_vec();
            typed(200, "application/json", stream::cut_after(half))
        }
    }
}

fn value(status: u16, value: &Value) -> Response<Body> {
    typed(status, "application/json", Body::from(value.to_string()))
}

fn typed(status: u16, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status.try_into().unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static(kind));
    headers.insert("cache-control", HeaderValue::from_static("no-cache"));
    headers.insert("request-id", HeaderValue::from_static("req_scripted"));
    response
}
