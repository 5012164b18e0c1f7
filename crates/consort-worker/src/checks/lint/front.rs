//! `front-matter`: it is YAML, has the keys that are asked for and values that go together.

use super::doc::Doc;
use super::{Found, Options, data, norm};

const RULE: &str = "front-matter";

pub(super) fn check(doc: &Doc<'_>, options: &Options, found: &mut Found<'_>) {
    let Some(front) = &doc.front else {
        if !options.required_keys.is_empty() {
            found.add(RULE, 0..0, "there is no front matter");
        } else if unclosed(doc.source) {
            found.add(RULE, 0..3, "the front matter is not closed by a line `---`");
        }
        return;
    };
    let text = &doc.source[front.clone()];
    let value = match data::read_yaml(text) {
        Ok(value) => value,
        Err((at, why)) => {
            let at = front.start + at.min(text.len());
            found.add(
                RULE,
                at..(at + 1).min(front.end.max(at)),
                format!("the front matter is not YAML: {why}"),
            );
            return;
        }
    };
    let keys: Vec<String> = match &value {
        serde_json::Value::Object(map) => map.keys().cloned().collect(),
        serde_json::Value::Null => Vec::new(),
        _ => {
            found.add(RULE, front.clone(), "the front matter is not a mapping of keys to values");
            return;
        }
    };
    for key in &options.required_keys {
        let has = keys.iter().any(|k| k == key) && value.get(key).is_some_and(|v| !v.is_null() && v != "");
        if !has {
            found.add(RULE, front.start..front.start, format!("the front matter has no value for `{key}`"));
        }
    }
    if let Some(schema) = &options.schema {
        data::against(schema, &value, RULE, &|_| front.clone(), found);
    }
    title(doc, &value, front.start, text, found);
}

/// A first line `---` with keys under it and no second one.
fn unclosed(source: &str) -> bool {
    let body = source.strip_prefix('\u{feff}').unwrap_or(source);
    let Some(rest) = body.strip_prefix("---\n").or_else(|| body.strip_prefix("---\r\n")) else {
        return false;
    };
    let key = |line: &str| {
        line.split_once(':').is_some_and(|(k, v)| {
            !k.is_empty()
                && k.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
                && (v.is_empty() || v.starts_with(' '))
        })
    };
    rest.lines().take(2).filter(|l| key(l)).count() == 2
}

/// The status in the front matter and in the text are the same.
fn title(doc: &Doc<'_>, value: &serde_json::Value, start: usize, text: &str, found: &mut Found<'_>) {
    let Some(status) = value.get("status").and_then(|v| v.as_str()) else { return };
    let first = doc.headings.iter().find(|h| h.level == 2).map_or(doc.source.len(), |h| h.at.start);
    for block in doc.blocks.iter().filter(|b| b.at.start < first && !b.heading) {
        let Some(at) = block.text.find("Status:") else { continue };
        let said = block.text[at + 7..]
            .trim_start()
            .split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_')
            .next()
            .unwrap_or_default();
        let known = [
            "draft",
            "proposed",
            "accepted",
            "approved",
            "rejected",
            "superseded",
            "deprecated",
            "final",
            "complete",
            "completed",
            "done",
            "active",
            "pending",
        ];
        let both = known.contains(&norm(said).as_str()) && known.contains(&norm(status).as_str());
        if both && norm(said) != norm(status) && !norm(status).starts_with(&norm(said)) {
            let key = text.find("status:").map_or(start, |k| start + k);
            let message = format!("the status here is `{status}`, in the text it is `{said}`");
            found.wrong(RULE, key..key + 7, message, status, said);
            return;
        }
    }
}
