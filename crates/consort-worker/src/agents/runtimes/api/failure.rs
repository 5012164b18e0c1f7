//! What a service's refusal means, and what helps.

use crate::agents::session::port::TurnError;
use crate::words::{cut, one_line};
use consort_core::run::FailureClass;
use consort_core::time::Timestamp;
use genai::Error;
use serde_json::Value;

/// Longest reason that is told, in characters.
const WHY_CHARS: usize = 400;

/// The failure of a call.
pub(super) fn of(error: &Error) -> TurnError {
    let status = error.status().map(|status| status.as_u16());
    let said = message(error);
    let class = class_of(status, &said, retry_after(error));
    let why = match status {
        Some(status) => format!("the service says {status}: {said}{}", hint(status)),
        None => said,
    };
    TurnError { class, why: cut(&why, WHY_CHARS) }
}

fn class_of(status: Option<u16>, said: &str, until: Option<Timestamp>) -> FailureClass {
    let says = |word: &str| said.to_ascii_lowercase().contains(word);
    match status {
        // A quota without end is no rate limit.
        Some(429) if says("insufficient_quota") || says("credit balance") => FailureClass::Never,
        Some(429) => FailureClass::Limited(until),
        Some(408 | 409 | 425 | 500..=599) => FailureClass::Backoff,
        Some(400..=499) => FailureClass::Never,
        // No answer at all: the network, or a service that is not there yet.
        _ => FailureClass::Backoff,
    }
}

fn hint(status: u16) -> &'static str {
    match status {
        401 | 403 => "; is the key right? `consort doctor`",
        404 => "; is there such a model, and is `url` right?",
        _ => "",
    }
}

/// True if the service knows no schemas: then the form of the answer stands in the prompt alone.
pub(super) fn is_about_schema(error: &Error) -> bool {
    let said = message(error).to_ascii_lowercase();
    let words = ["response_format", "json_schema", "output_config", "output_format", "schema", "grammar"];
    matches!(error.status().map(|s| s.as_u16()), Some(400 | 404 | 422 | 500 | 501))
        && words.iter().any(|word| said.contains(word))
}

/// True if what was said is more than the model takes.
pub(super) fn is_too_long(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    ["prompt is too long", "context length", "context_length_exceeded", "maximum context", "too many tokens"]
        .iter()
        .any(|words| said.contains(words))
}

/// The service's own words, without the request around them.
fn message(error: &Error) -> String {
    let body = match error {
        Error::HttpError { body, .. } => Some(body.as_str()),
        Error::WebModelCall { webc_error, .. } | Error::WebAdapterCall { webc_error, .. } => match webc_error
        {
            genai::webc::Error::ResponseFailedStatus { body, .. } => Some(body.as_str()),
            _ => None,
        },
        _ => None,
    };
    let Some(body) = body else { return source_of(error) };
    let value: Option<Value> = serde_json::from_str(body).ok();
    let words = value.as_ref().and_then(|v| v.pointer("/error/message").or_else(|| v.get("message")));
    let code = value.as_ref().and_then(|v| v.pointer("/error/code").or_else(|| v.pointer("/error/type")));
    let text = words.and_then(Value::as_str).unwrap_or(body);
    let text = one_line(text);
    match code.and_then(Value::as_str) {
        Some(code) if !text.contains(code) => format!("{text} ({code})"),
        _ => text,
    }
}

/// The innermost reason: the ones around it repeat the request.
fn source_of(error: &Error) -> String {
    let text = match error {
        Error::WebModelCall { webc_error: genai::webc::Error::Reqwest(error), .. } => {
            let mut inner: &dyn std::error::Error = error;
            while let Some(source) = inner.source() {
                inner = source;
            }
            format!("the service cannot be reached: {inner}")
        }
        // What came instead of an answer may be anything, and of any length: it is not repeated.
        Error::WebModelCall {
            webc_error: genai::webc::Error::ResponseFailedInvalidJson { cause, .. },
            ..
        } => format!("the service's answer is no JSON: {cause}; is `url` right?"),
        Error::WebModelCall {
            webc_error: genai::webc::Error::ResponseFailedNotJson { content_type, .. },
            ..
        } => format!("the service's answer is no JSON but `{}`; is `url` right?", cut(content_type, 60)),
        other => other.to_string(),
    };
    one_line(&text)
}

/// When the service will take requests again, in seconds from now as it says.
fn retry_after(error: &Error) -> Option<Timestamp> {
    let headers = error.headers()?;
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    let ms = number("retry-after-ms").or_else(|| number("retry-after").map(|s| s * 1000.0))?;
    Some(crate::os::now().plus_ms(ms.clamp(0.0, 7.0 * 86_400_000.0) as u64))
}
