//! The JSON Schema of an answer, for runtimes that hold a model to one. What it lets through is still
//! read and refused by `judges`: this only saves a try.

use super::request::{AnswerBrief, Purpose, Request};
use crate::judges::FINDINGS_MAX;
use serde_json::{Map, Value, json};

/// The schema of what a request asks for; `None` if it asks for no answer.
pub fn of(request: &Request) -> Option<Value> {
    let answer = request.answer.as_ref()?;
    Some(match &request.purpose {
        Purpose::Create => return None,
        Purpose::SelfReview { strategy } => {
            let responses = list(json!({
                "finding": text("an open finding, such as S-002/DA-001"),
                "verdict": { "type": "string", "enum": ["fixed", "refused"] },
                "where": text("where it is fixed, or why it is refused"),
            }));
            review(answer, &strategy.prefix, Some(responses))
        }
        Purpose::Review { strategy } => review(answer, &strategy.prefix, None),
        Purpose::Judge { .. } => scores(answer, request.criteria.len()),
    })
}

fn text(about: &str) -> Value {
    json!({ "type": "string", "description": about })
}

/// All keys, no others.
fn object(properties: Value) -> Value {
    let required: Vec<&String> = properties.as_object().map(Map::keys).into_iter().flatten().collect();
    json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false })
}

fn list(item: Value) -> Value {
    json!({ "type": "array", "items": object(item) })
}

fn evidence() -> Value {
    list(json!({ "location": text("heading or line"), "quote": text("words of the candidate, verbatim") }))
}

fn review(answer: &AnswerBrief, prefix: &str, responses: Option<Value>) -> Value {
    let dimensions: Vec<&str> = answer.dimensions.iter().map(|d| d.id.as_str()).collect();
    let mut findings = list(json!({
        "id": text(&format!("{prefix}-001 and so on")),
        "severity": { "type": "string", "enum": ["critical", "major", "minor"] },
        "dimension": { "type": "string", "enum": dimensions },
        "location": text("heading or line"),
        "quote": text("words it is about, verbatim, or empty"),
        "claim": text("what is wrong"),
        "remedy": text("what would be right"),
    }));
    findings["maxItems"] = FINDINGS_MAX.into();
    let mut keys = json!({ "nonce": text("as given at the end"), "findings": findings,
        "summary": text("in a few sentences") });
    if let (Some(responses), Some(keys)) = (responses, keys.as_object_mut()) {
        keys.insert("responses".into(), responses);
    }
    object(keys)
}

fn scores(answer: &AnswerBrief, criteria: usize) -> Value {
    let one = object(json!({
        "score": { "type": "number", "minimum": 0, "maximum": 1 },
        "evidence": evidence(),
        "gaps": text("what is missing"),
        "improve": text("what would be better"),
    }));
    let scores: Map<String, Value> = answer.dimensions.iter().map(|d| (d.id.clone(), one.clone())).collect();
    let mut keys = json!({ "nonce": text("as given at the end"), "scores": object(Value::Object(scores)) });
    if let (1.., Some(keys)) = (criteria, keys.as_object_mut()) {
        let mut items = list(
            json!({ "met": { "type": "boolean" }, "why": text("in a sentence"), "evidence": evidence() }),
        );
        items["minItems"] = criteria.into();
        items["maxItems"] = criteria.into();
        keys.insert("criteria".into(), items);
    }
    object(keys)
}
