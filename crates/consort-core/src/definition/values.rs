//! Scalars of the file: texts and names, how each is written, read and described.

use schemars::{Schema, SchemaGenerator, json_schema};

/// Why a scalar is refused.
pub(super) struct Fault {
    /// Stable short name.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// Said at the place.
    pub label: String,
    /// What to write instead.
    pub help: Vec<String>,
}

impl Fault {
    pub(super) fn new(code: &'static str, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self { code, message: message.into(), label: label.into(), help: vec![] }
    }

    pub(super) fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }
}

/// A type that is written as one scalar.
pub(super) trait ScalarValue: Sized {
    /// With its article: `a text`.
    const WHAT: &'static str;
    /// Reads the text; `kind` is what YAML takes it for.
    fn parse(text: &str, kind: &str) -> Result<Self, Fault>;
    /// A harmless value.
    fn stand_in() -> Self;
    /// For editors.
    fn schema(generator: &mut SchemaGenerator) -> Schema;
}

pub(super) fn wrong(what: &str, text: &str) -> Fault {
    let shown: String = text.chars().take(60).collect();
    Fault::new("wrong-value", format!("`{shown}` is not {what}"), format!("expected {what}"))
}

/// Any text but an empty one; may hold `{{ variables }}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plain(pub String);

impl ScalarValue for Plain {
    const WHAT: &'static str = "a text";
    fn parse(text: &str, kind: &str) -> Result<Self, Fault> {
        if kind == "a truth value" {
            return Err(wrong(Self::WHAT, text).help(format!("if the text is meant, write \"{text}\"")));
        }
        let text = text.trim();
        if text.is_empty() {
            return Err(Fault::new("empty", "this text is empty", "write something or leave the key out"));
        }
        match text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            Some(c) => Err(Fault::new(
                "control-character",
                format!("this text has a control character (U+{:04X})", c as u32),
                "not allowed here",
            )),
            None => Ok(Self(text.to_owned())),
        }
    }
    fn stand_in() -> Self {
        Self(String::new())
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number"] })
    }
}

/// What a task made: its name, or `part.output`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made(pub String);

impl ScalarValue for Made {
    const WHAT: &'static str = "the name of a task";
    fn parse(text: &str, kind: &str) -> Result<Self, Fault> {
        let name = Id::parse(text.split_once('.').map_or(text, |(part, _)| part), kind)?;
        match text.split_once('.') {
            Some((_, output)) => {
                Id::parse(output, kind).map(|output| Self(format!("{}.{}", name.0, output.0)))
            }
            None => Ok(Self(name.0)),
        }
    }
    fn stand_in() -> Self {
        Self(String::new())
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "pattern": "^[a-z0-9][a-z0-9_-]*(\\.[a-z0-9][a-z0-9_-]*)?$" })
    }
}

/// Any scalar as it is written, with what YAML takes it for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    pub text: String,
    pub kind: String,
}

impl ScalarValue for Given {
    const WHAT: &'static str = "a value";
    fn parse(text: &str, kind: &str) -> Result<Self, Fault> {
        Ok(Self { text: text.trim().to_owned(), kind: kind.to_owned() })
    }
    fn stand_in() -> Self {
        Self { text: String::new(), kind: "a text".into() }
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

/// A name in paths, branches and references.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Id(pub String);

/// Longest id, in characters.
pub(super) const ID_MAX: usize = 60;

/// Why `text` cannot be an id, if it cannot.
pub(super) fn id_fault(text: &str) -> Option<&'static str> {
    let first = text.chars().next()?;
    if !(first.is_ascii_lowercase() || first.is_ascii_digit()) {
        return Some("it must start with a small letter or a digit");
    }
    if text.chars().any(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-')) {
        return Some("it may hold small letters, digits, `_` and `-`");
    }
    if text.contains("--") {
        return Some("`--` separates the parts of longer names");
    }
    (text.len() > ID_MAX).then_some("it may have at most 60 characters")
}

/// An id made of any text: small letters, digits and single dashes.
pub(super) fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    slug.truncate(ID_MAX - 20);
    slug.trim_end_matches('-').to_owned()
}

impl AsRef<str> for Id {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl ScalarValue for Id {
    const WHAT: &'static str = "an id";
    fn parse(text: &str, _: &str) -> Result<Self, Fault> {
        if text.is_empty() {
            return Err(Fault::new("empty", "this id is empty", "write a name"));
        }
        let Some(why) = id_fault(text) else { return Ok(Self(text.to_owned())) };
        let shown: String = text.chars().take(ID_MAX + 4).collect();
        let fault =
            Fault::new("bad-id", format!("`{shown}` cannot be an id: {why}"), "used in paths and branches");
        let better = slug(text);
        Err(if better.is_empty() { fault } else { fault.help(format!("write `{better}`")) })
    }
    fn stand_in() -> Self {
        Self(String::new())
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "pattern": "^[a-z0-9](?:[a-z0-9_]|-(?!-))*$", "maxLength": 60 })
    }
}

/// Name of an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EnvName(pub String);

impl AsRef<str> for EnvName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl ScalarValue for EnvName {
    const WHAT: &'static str = "the name of an environment variable";
    fn parse(text: &str, _: &str) -> Result<Self, Fault> {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if text.is_empty() || text.starts_with(|c: char| c.is_ascii_digit()) || !text.chars().all(legal) {
            return Err(
                wrong(Self::WHAT, text).help("names have letters, digits and `_`; values belong to `env`")
            );
        }
        if text.starts_with("CONSORT_") {
            return Err(Fault::new(
                "reserved",
                format!("`{text}` is reserved: names with CONSORT_ are set by consort"),
                "choose another name",
            ));
        }
        Ok(Self(text.to_owned()))
    }
    fn stand_in() -> Self {
        Self(String::new())
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" })
    }
}

/// `L0`, `L1`, `L2`: an output level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LevelName(pub String);

impl AsRef<str> for LevelName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl ScalarValue for LevelName {
    const WHAT: &'static str = "an output level (`L0`, `L1`, `L2`)";
    fn parse(text: &str, _: &str) -> Result<Self, Fault> {
        match text {
            "L0" | "L1" | "L2" => Ok(Self(text.to_owned())),
            _ => Err(wrong(Self::WHAT, text)),
        }
    }
    fn stand_in() -> Self {
        Self("L0".into())
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^L[0-2]$" })
    }
}

/// A strategy of the catalogue, or one of the project's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Strategy(pub String);

impl AsRef<str> for Strategy {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// The id of a rule, such as `AE-003`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RuleName(pub String);

impl AsRef<str> for RuleName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl ScalarValue for RuleName {
    const WHAT: &'static str = "the id of a rule (letters, digits and `-`, at most 40)";
    fn parse(text: &str, _: &str) -> Result<Self, Fault> {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let ok = !text.is_empty() && text.len() <= 40 && text.chars().all(legal);
        if ok { Ok(Self(text.to_owned())) } else { Err(wrong(Self::WHAT, text)) }
    }
    fn stand_in() -> Self {
        Self(String::new())
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9-]{1,40}$" })
    }
}

/// The prefix of findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prefix(pub String);

impl ScalarValue for Prefix {
    const WHAT: &'static str = "a prefix of findings (two or three capital letters)";
    fn parse(text: &str, _: &str) -> Result<Self, Fault> {
        let legal = (2..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase());
        if legal { Ok(Self(text.to_owned())) } else { Err(wrong(Self::WHAT, text)) }
    }
    fn stand_in() -> Self {
        Self("RV".into())
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Z]{2,3}$" })
    }
}

/// The catalogue: id and name.
pub(super) const CATALOGUE: [(&str, &str); 10] = [
    ("S-001", "Red Team"),
    ("S-002", "Devil's Advocate"),
    ("S-003", "Steelman"),
    ("S-004", "Pre-Mortem"),
    ("S-007", "Constitutional AI"),
    ("S-010", "Self-Refine"),
    ("S-011", "Chain-of-Verification"),
    ("S-012", "FMEA"),
    ("S-013", "Inversion"),
    ("S-014", "LLM-as-Judge"),
];

impl ScalarValue for Strategy {
    const WHAT: &'static str = "a strategy";
    fn parse(text: &str, _: &str) -> Result<Self, Fault> {
        if CATALOGUE.iter().any(|(id, _)| *id == text) {
            return Ok(Self(text.to_owned()));
        }
        let known =
            || CATALOGUE.iter().map(|(id, name)| format!("{id} {name}")).collect::<Vec<_>>().join(", ");
        let catalogued =
            |t: &str| t.len() > 1 && t[1..].trim_start_matches('-').bytes().all(|b| b.is_ascii_digit());
        if text.starts_with(['S', 's']) && text.is_ascii() && catalogued(text) {
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            let padded = format!("S-{digits:0>3}");
            let meant = CATALOGUE.iter().find(|(id, _)| *id == padded).map(|(id, _)| *id);
            let label = meant.map_or("not in the catalogue".to_owned(), |id| format!("did you mean `{id}`?"));
            return Err(Fault::new("unknown-strategy", format!("there is no strategy `{text}`"), label)
                .help(format!("there are {}", known())));
        }
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let reserved = matches!(text, "create" | "self-review" | "judge") || text.starts_with("judge-");
        if text.is_empty()
            || text.len() > 40
            || !text.chars().all(legal)
            || text.contains("--")
            || reserved
            || text.starts_with(['-', '_'])
        {
            return Err(wrong("a strategy", text).help(format!(
                "the catalogue has {}; a name of your own has letters, digits, `-`",
                known()
            )));
        }
        Ok(Self(text.to_owned()))
    }
    fn stand_in() -> Self {
        Self("S-010".into())
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": CATALOGUE.map(|(id, _)| id) })
    }
}
