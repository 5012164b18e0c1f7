//! `json` and `yaml`: syntax, and a JSON Schema where one is given.

use super::doc::Span;
use super::{Found, Options};
use serde_json::Value;

/// Deeper nesting is refused.
const DEPTH_MAX: usize = 40;

pub(super) fn json(text: &str, options: &Options, found: &mut Found<'_>) {
    if text.trim().is_empty() {
        found.add("json", 0..0, "the file is empty");
        return;
    }
    match serde_json::from_str::<Value>(text) {
        Err(error) => {
            let at = offset(text, error.line(), error.column());
            let said = error.to_string();
            let why = said.split(" at line ").next().unwrap_or(&said).to_owned();
            found.add("json", at..(at + 1).min(text.len()), format!("this is not JSON: {why}"));
        }
        Ok(value) => {
            if let Some((key, at)) = doubled_key(text) {
                found.add("json", at, format!("the key `{key}` is there twice"));
            }
            if let Some(schema) = &options.schema {
                against(schema, &value, "json", &|path| place(text, path), found);
            }
        }
    }
}

pub(super) fn yaml(text: &str, options: &Options, found: &mut Found<'_>) {
    match read_yaml(text) {
        Err((at, why)) => found.add("yaml", at..(at + 1).min(text.len()), format!("this is not YAML: {why}")),
        Ok(value) => {
            if let Some(schema) = &options.schema {
                against(schema, &value, "yaml", &|path| place(text, path), found);
            }
        }
    }
}

/// YAML as the value that JSON would have; an error has its byte and the reader's words.
pub(super) fn read_yaml(text: &str) -> Result<Value, (usize, String)> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH_MAX,
            max_nodes: 200_000,
            max_events: 800_000,
            max_documents: 1_000,
            max_aliases: 2_000,
            max_anchors: 1_000,
            max_merge_keys: 1_000,
            max_total_scalar_bytes: 4 * super::BYTES_MAX,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 100_000,
            max_replay_stack_depth: 16,
        },
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::Error,
        strict_booleans: true,
    };
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    if body.lines().all(|l| l.trim().is_empty() || l.trim_start().starts_with('#')) {
        return Ok(Value::Null);
    }
    let read: Result<Vec<Value>, _> = serde_saphyr::from_multiple_with_options(body, options);
    match read {
        Ok(mut all) if all.len() == 1 => Ok(all.remove(0)),
        Ok(all) => Ok(Value::Array(all)),
        Err(error) => {
            let at = error.location().map_or(0, |l| offset(text, l.line() as usize, l.column() as usize));
            let said = error.without_snippet().to_string();
            let first = said.lines().next().unwrap_or_default();
            let cut = first
                .find(" at line ")
                .or_else(|| first.find("error: line "))
                .filter(|c| *c > 0)
                .unwrap_or(first.len());
            Err((at, first[..cut].to_owned()))
        }
    }
}

fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    let line = rest.lines().next().unwrap_or_default();
    let inside = line.char_indices().nth(column.saturating_sub(1)).map_or(line.len(), |(at, _)| at);
    (start + inside).min(text.len())
}

/// A key that an object has twice: the last one silently wins in most readers.
fn doubled_key(text: &str) -> Option<(String, Span)> {
    let bytes = text.as_bytes();
    let mut open: Vec<Option<std::collections::BTreeSet<String>>> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'{' => open.push(Some(std::collections::BTreeSet::new())),
            b'[' => open.push(None),
            b'}' | b']' => {
                open.pop();
            }
            b'"' => {
                let start = at;
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += 1 + usize::from(bytes[at] == b'\\');
                }
                let after = bytes[(at + 1).min(bytes.len())..].iter().find(|b| !b.is_ascii_whitespace());
                if let (Some(b':'), Some(Some(keys))) = (after, open.last_mut()) {
                    let key = text.get(start + 1..at).unwrap_or_default().to_owned();
                    if !keys.insert(key.clone()) {
                        return Some((key, start..at + 1));
                    }
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// The place of the last key of a path, as near as a search by its keys comes.
fn place(text: &str, path: &[String]) -> Span {
    let mut from = 0;
    let mut at = 0..0;
    for key in path {
        let forms = [format!("\"{key}\""), format!("{key}:")];
        let hit = forms.iter().filter_map(|f| text[from..].find(f.as_str()).map(|p| (p, f.len()))).min();
        if let Some((p, len)) = hit {
            at = from + p..from + p + len;
            from = at.end;
        }
    }
    at
}

/// Checks a value against the parts of JSON Schema that describe data files: `type`, `enum`,
/// `const`, `required`, `properties`, `additionalProperties`, `items`, `pattern`-free strings with
/// their lengths, bounds of numbers and lists, `$ref` within the schema, `allOf`, `anyOf`, `oneOf`.
pub(super) fn against(
    schema: &Value,
    value: &Value,
    rule: &'static str,
    place: &dyn Fn(&[String]) -> Span,
    found: &mut Found<'_>,
) {
    let mut walk = Walk { root: schema, path: Vec::new(), wrong: Vec::new(), steps: 0 };
    walk.check(schema, value, 0);
    for (path, why) in walk.wrong.into_iter().take(50) {
        let shown = if path.is_empty() { "the top".to_owned() } else { format!("`{}`", path.join(".")) };
        let at = place(&path);
        found.add(rule, at, format!("{shown} {why}"));
    }
}

struct Walk<'a> {
    root: &'a Value,
    path: Vec<String>,
    wrong: Vec<(Vec<String>, String)>,
    steps: usize,
}

impl<'a> Walk<'a> {
    fn say(&mut self, why: impl Into<String>) {
        self.wrong.push((self.path.clone(), why.into()));
    }

    fn check(&mut self, schema: &'a Value, value: &Value, depth: usize) {
        self.steps += 1;
        if depth > 64 || self.steps > 200_000 {
            return;
        }
        if schema == &Value::Bool(false) {
            self.say("is not allowed here");
        }
        let Value::Object(rules) = schema else { return };
        if let Some(target) = rules.get("$ref").and_then(Value::as_str) {
            match target.strip_prefix('#').and_then(|p| self.root.pointer(p)) {
                Some(inner) => self.check(inner, value, depth + 1),
                None => self.say(format!("has a schema `{target}` that is not in the file")),
            }
        }
        self.kind(rules, value);
        self.bounds(rules, value);
        self.members(rules, value, depth);
        self.combined(rules, value, depth);
    }

    fn kind(&mut self, rules: &'a serde_json::Map<String, Value>, value: &Value) {
        let fits = |kind: &str| match kind {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            "number" => value.is_number(),
            "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|f| f.fract() == 0.0),
            _ => true,
        };
        let kinds: Vec<&str> = match rules.get("type") {
            Some(Value::String(kind)) => vec![kind],
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        if !kinds.is_empty() && !kinds.iter().any(|k| fits(k)) {
            self.say(format!("is not of type {}", kinds.join(" or ")));
        }
        if let Some(Value::Array(allowed)) = rules.get("enum")
            && !allowed.contains(value)
        {
            let all: Vec<String> = allowed.iter().take(12).map(ToString::to_string).collect();
            self.say(format!("is {value}, which is none of {}", all.join(", ")));
        }
        if rules.get("const").is_some_and(|c| c != value) {
            self.say(format!("is {value}, not {}", rules["const"]));
        }
    }

    fn bounds(&mut self, rules: &'a serde_json::Map<String, Value>, value: &Value) {
        let number = |key: &str| rules.get(key).and_then(Value::as_f64);
        if let Some(n) = value.as_f64() {
            let low = number("minimum").is_some_and(|m| n < m)
                || number("exclusiveMinimum").is_some_and(|m| n <= m);
            let high = number("maximum").is_some_and(|m| n > m)
                || number("exclusiveMaximum").is_some_and(|m| n >= m);
            if low || high {
                self.say(format!("is {value}, which is too {}", if low { "small" } else { "large" }));
            }
        }
        let (length, least, most) = match value {
            Value::String(s) => (s.chars().count(), "minLength", "maxLength"),
            Value::Array(a) => (a.len(), "minItems", "maxItems"),
            Value::Object(o) => (o.len(), "minProperties", "maxProperties"),
            _ => return,
        };
        if number(least).is_some_and(|m| (length as f64) < m)
            || number(most).is_some_and(|m| (length as f64) > m)
        {
            self.say(format!("has the wrong length: {length}"));
        }
    }

    fn members(&mut self, rules: &'a serde_json::Map<String, Value>, value: &Value, depth: usize) {
        if let Value::Object(map) = value {
            for key in rules
                .get("required")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
            {
                if !map.contains_key(key) {
                    self.say(format!("has no `{key}`"));
                }
            }
            let known = rules.get("properties").and_then(Value::as_object);
            for (key, inner) in map {
                self.path.push(key.clone());
                match (known.and_then(|k| k.get(key)), rules.get("additionalProperties")) {
                    (Some(schema), _) => self.check(schema, inner, depth + 1),
                    (None, Some(Value::Bool(false))) if !rules.contains_key("patternProperties") => {
                        self.say("is not known here")
                    }
                    (None, Some(schema @ Value::Object(_))) => self.check(schema, inner, depth + 1),
                    _ => {}
                }
                self.path.pop();
            }
        }
        if let (Value::Array(all), Some(schema)) = (value, rules.get("items")) {
            for (at, inner) in all.iter().enumerate() {
                self.path.push(at.to_string());
                self.check(schema, inner, depth + 1);
                self.path.pop();
            }
        }
    }

    fn combined(&mut self, rules: &'a serde_json::Map<String, Value>, value: &Value, depth: usize) {
        for schema in rules.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.check(schema, value, depth + 1);
        }
        for (key, one) in [("anyOf", false), ("oneOf", true)] {
            let Some(all) = rules.get(key).and_then(Value::as_array) else { continue };
            let mut fits = 0;
            for schema in all {
                let before = self.wrong.len();
                self.check(schema, value, depth + 1);
                fits += usize::from(self.wrong.len() == before);
                self.wrong.truncate(before);
            }
            if fits == 0 || (one && fits > 1) {
                self.say(format!("fits {fits} of the forms that are allowed"));
            }
        }
    }
}
