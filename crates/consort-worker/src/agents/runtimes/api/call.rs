//! One conversation with a model's service, through a library that knows the vendors' wires.

use super::failure;
use crate::agents::session::brief::Brief;
use crate::agents::session::port::{Spent, StopReason, TurnError};
use consort_core::plan::Effort;
use consort_core::run::FailureClass;
use genai::adapter::AdapterKind;
use genai::chat::{
    CacheControl, ChatMessage, ChatOptions, ChatRequest, ChatResponse, ChatResponseFormat, JsonSpec,
    ReasoningEffort, StopReason as Stop,
};
use genai::resolver::{AuthData, Endpoint};
use genai::{Client, ModelIden, ServiceTarget};
use std::collections::BTreeMap;
use std::time::Duration;

/// For a connection to stand.
const CONNECT: Duration = Duration::from_secs(20);
/// For the whole answer: the attempt's own limits are shorter, or meant to be longer than this.
const ANSWER: Duration = Duration::from_secs(3600);
/// Most tokens of an answer, where a service wants to be told.
const ANSWER_TOKENS_MAX: u32 = 32_000;

/// A wire, where it ends, and the variable that holds its key.
struct Wire {
    word: &'static str,
    kind: AdapterKind,
    url: &'static str,
    key: &'static str,
}

const WIRES: [Wire; 4] = [
    Wire {
        word: "anthropic",
        kind: AdapterKind::Anthropic,
        url: "https://api.anthropic.com/v1/",
        key: "ANTHROPIC_API_KEY",
    },
    Wire {
        word: "openai",
        kind: AdapterKind::OpenAI,
        url: "https://api.openai.com/v1/",
        key: "OPENAI_API_KEY",
    },
    Wire {
        word: "gemini",
        kind: AdapterKind::Gemini,
        url: "https://generativelanguage.googleapis.com/v1beta/",
        key: "GEMINI_API_KEY",
    },
    Wire {
        word: "responses",
        kind: AdapterKind::OpenAIResp,
        url: "https://api.openai.com/v1/",
        key: "OPENAI_API_KEY",
    },
];

/// Words of the wires.
pub(crate) fn wires() -> impl Iterator<Item = &'static str> {
    WIRES.iter().map(|wire| wire.word)
}

/// The wire of a session: as it says, or by its model's name; a service of one's own speaks `openai`.
fn wire_of(word: Option<&str>, model: &str, url: Option<&str>) -> Result<&'static Wire, String> {
    let by_name = || match model {
        _ if model.starts_with("claude") => "anthropic",
        _ if model.starts_with("gemini") => "gemini",
        _ if model.starts_with("gpt") || model.starts_with('o') || url.is_some() => "openai",
        _ => "",
    };
    let word = word.unwrap_or_else(by_name);
    WIRES.iter().find(|wire| wire.word == word).ok_or_else(|| {
        let known: Vec<&str> = wires().collect();
        format!("nobody knows which wire `{model}` speaks: say `wire:` ({}) for this agent", known.join(", "))
    })
}

/// The base of a service's own address: one without a path gets the one that its wire has elsewhere.
fn base_of(url: &str, of_wire: &str) -> String {
    let url = url.trim_end_matches('/');
    let path = |url: &str| {
        url.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, p)| p.to_owned())
    };
    match path(url) {
        Some(_) => format!("{url}/"),
        None => format!("{url}/{}", path(of_wire).unwrap_or_default()),
    }
}

/// What came back.
pub(super) struct Reply {
    pub(super) text: String,
    pub(super) stop: StopReason,
    /// As the service names it.
    pub(super) model: String,
    pub(super) spent: Spent,
}

/// A conversation so far.
pub(super) struct Call {
    client: Client,
    target: ServiceTarget,
    model: String,
    options: ChatOptions,
    has_schema: bool,
    request: ChatRequest,
}

impl Call {
    pub(super) fn new(brief: &Brief, env: &BTreeMap<String, String>) -> Result<Self, String> {
        let session = &brief.session;
        let model = session.model.clone().ok_or("an `api` agent needs a `model`")?;
        let wire = wire_of(session.wire.as_deref(), &model, session.url.as_deref())?;
        let key_name = session.key_env.as_deref().unwrap_or(wire.key);
        let key = env.get(key_name).filter(|key| !key.is_empty());
        // A service on this machine asks for no key, but the wire has a place for one.
        let auth = match (key, &session.url) {
            (Some(key), _) => AuthData::from_single(key.clone()),
            (None, Some(_)) => AuthData::from_single("none"),
            (None, None) => {
                return Err(format!(
                    "`{key_name}` is not set: export it, or name another variable with `key:`"
                ));
            }
        };
        let url = session.url.as_deref().map(|url| base_of(url, wire.url));
        let endpoint = url.map_or_else(|| Endpoint::from_static(wire.url), Endpoint::from_owned);
        // Once per process, before the first client.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .build()
            .map_err(|e| format!("no client for HTTP: {e}"))?;
        let mut options = ChatOptions::default().with_capture_usage(true).with_max_tokens(ANSWER_TOKENS_MAX);
        if let Some(effort) = session.effort {
            options = options.with_reasoning_effort(match effort {
                Effort::Low => ReasoningEffort::Low,
                Effort::Medium => ReasoningEffort::Medium,
                Effort::High => ReasoningEffort::High,
                Effort::Max => ReasoningEffort::Max,
            });
        }
        if let Some((_, schema)) = &brief.answer {
            options = options
                .with_response_format(ChatResponseFormat::JsonSpec(JsonSpec::new("answer", schema.clone())));
        }
        Ok(Self {
            client: Client::builder().with_reqwest(http).build().map_err(|e| e.to_string())?,
            target: ServiceTarget { endpoint, auth, model: ModelIden::new(wire.kind, model.as_str()) },
            model,
            options,
            has_schema: brief.answer.is_some(),
            request: ChatRequest::default(),
        })
    }

    pub(super) fn model(&self) -> &str {
        &self.model
    }

    /// The next turn. What is the same for all calls of a kind goes into a part of its own that the
    /// service may remember for the next one.
    pub(super) fn add(&mut self, text: &str, attached: &str) {
        let message = format!("{text}{attached}");
        let split = message.find("\n## Task\n").filter(|_| self.request.messages.is_empty());
        let request = std::mem::take(&mut self.request);
        self.request = match split {
            Some(at) => {
                let (stable, rest) = message.split_at(at + 1);
                request
                    .append_message(ChatMessage::system(stable).with_options(CacheControl::Ephemeral))
                    .append_message(ChatMessage::user(rest))
            }
            None => request.append_message(ChatMessage::user(message)),
        };
    }

    /// Sends the conversation; a service that knows no schemas is asked once more without.
    pub(super) async fn send(&mut self) -> Result<Reply, TurnError> {
        let mut answer = self.exec().await;
        if let Err(error) = &answer
            && self.has_schema
            && failure::is_about_schema(error)
        {
            self.has_schema = false;
            self.options.response_format = None;
            answer = self.exec().await;
        }
        let response = answer.map_err(|error| failure::of(&error))?;
        self.take(response)
    }

    async fn exec(&self) -> genai::Result<ChatResponse> {
        self.client.exec_chat(self.target.clone(), self.request.clone(), Some(&self.options)).await
    }

    fn take(&mut self, response: ChatResponse) -> Result<Reply, TurnError> {
        let stop = match &response.stop_reason {
            Some(Stop::MaxTokens(_)) => StopReason::MaxTokens,
            Some(Stop::ContentFilter(_)) => StopReason::Refusal,
            Some(Stop::Other(word)) if word == "refusal" => StopReason::Refusal,
            _ => StopReason::EndTurn,
        };
        let usage = &response.usage;
        let count = |n: Option<i32>| u64::try_from(n.unwrap_or(0)).unwrap_or(0);
        let details = usage.prompt_tokens_details.as_ref();
        let (read, write) =
            details.map_or((0, 0), |d| (count(d.cached_tokens), count(d.cache_creation_tokens)));
        let spent = Spent {
            tokens_in: count(usage.prompt_tokens).saturating_sub(read + write),
            tokens_out: count(usage.completion_tokens),
            cache_read: read,
            cache_write: write,
            micro_usd: None,
        };
        let model = response.provider_model_iden.model_name.to_string();
        let text = response.texts().join("\n");
        if text.trim().is_empty() && stop == StopReason::EndTurn {
            return Err(TurnError { class: FailureClass::Retry, why: "the model answered nothing".into() });
        }
        let request = std::mem::take(&mut self.request);
        self.request = request.append_message(ChatMessage::assistant(text.clone()));
        Ok(Reply { text, stop, model, spent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_path_gets_the_one_of_its_wire() {
        let wire = "https://api.example.com/v1/";
        assert_eq!(base_of("http://127.0.0.1:8080", wire), "http://127.0.0.1:8080/v1/");
        assert_eq!(base_of("http://127.0.0.1:8080/own", wire), "http://127.0.0.1:8080/own/");
    }

    #[test]
    fn the_wire_is_said_or_known_by_the_models_name() {
        for (word, model, url, expected) in [
            (None, "claude-opus-4-8", None, Some("anthropic")),
            (None, "gpt-5.1", None, Some("openai")),
            (None, "gemini-2.5-pro", None, Some("gemini")),
            (None, "smollm2", Some("http://127.0.0.1:1/v1"), Some("openai")),
            (Some("responses"), "anything", None, Some("responses")),
            (None, "smollm2", None, None),
            (Some("carrier-pigeon"), "gpt-5", None, None),
        ] {
            assert_eq!(wire_of(word, model, url).ok().map(|w| w.word), expected, "{word:?} {model}");
        }
    }
}
