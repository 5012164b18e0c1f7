//! Scalars of the file: how each is written, read and described.

use super::decode::listed;
use super::diagnostic::closest;
use crate::plan::{CheckpointFrequency, Criticality, PromptBy, WorkspaceKind};
use crate::quality::{Score, ScoreFault};
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
    fn new(code: &'static str, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self { code, message: message.into(), label: label.into(), help: vec![] }
    }

    fn help(mut self, text: impl Into<String>) -> Self {
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

fn wrong(what: &str, text: &str) -> Fault {
    let shown: String = text.chars().take(60).collect();
    Fault::new("wrong-value", format!("`{shown}` is not {what}"), format!("expected {what}"))
}

/// Any text but an empty one; may hold `{{ variables }}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plain(pub String);

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

/// A name in paths, branches and references.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub String);

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
pub struct EnvName(pub String);

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
pub struct LevelName(pub String);

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
pub struct Strategy(pub String);

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
        let reserved = matches!(text, "create" | "self-review" | "judge");
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

/// A span of time in milliseconds, written `500ms`, `30s`, `10m`, `2h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Millis(pub u64);

/// Digits and what follows them.
fn with_unit(text: &str) -> (Option<u64>, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    (text[..digits].parse().ok(), text[digits..].trim_start())
}

impl ScalarValue for Millis {
    const WHAT: &'static str = "a duration such as `30s`, `10m` or `2h`";
    fn parse(text: &str, _: &str) -> Result<Self, Fault> {
        let (number, unit) = with_unit(text);
        let factor = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "" if number.is_some() => {
                return Err(Fault::new("no-unit", format!("`{text}` has no unit"), "of what?")
                    .help(format!("write `{text}s`, `{text}m` or `{text}h`")));
            }
            _ => return Err(wrong(Self::WHAT, text)),
        };
        let ms = number.and_then(|n| n.checked_mul(factor)).ok_or_else(|| wrong(Self::WHAT, text))?;
        if ms > 366 * 86_400_000 {
            return Err(Fault::new("too-long", format!("`{text}` is more than a year"), "at most 366d"));
        }
        Ok(Self(ms))
    }
    fn stand_in() -> Self {
        Self(1_000)
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+ ?(ms|s|m|min|h|d)$" })
    }
}

/// A number of bytes, written `64KiB` or `8MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl ScalarValue for Bytes {
    const WHAT: &'static str = "a size such as `64KiB` or `8MiB`";
    fn parse(text: &str, _: &str) -> Result<Self, Fault> {
        let (number, unit) = with_unit(text);
        let factor = match unit {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "kB" | "KB" | "K" | "k" => return Err(wrong(Self::WHAT, text).help("write `KiB`")),
            "MB" | "M" | "m" => return Err(wrong(Self::WHAT, text).help("write `MiB`")),
            "" if number.is_some() => {
                return Err(Fault::new("no-unit", format!("`{text}` has no unit"), "of what?")
                    .help(format!("write `{text}B`, `{text}KiB` or `{text}MiB`")));
            }
            _ => return Err(wrong(Self::WHAT, text)),
        };
        let bytes: Option<u64> = number.and_then(|n| n.checked_mul(factor));
        match bytes {
            Some(bytes @ 1..=0x1_0000_0000) => Ok(Self(bytes)),
            Some(_) => {
                Err(Fault::new("out-of-range", format!("`{text}` is out of range"), "from 1B to 4GiB"))
            }
            None => Err(wrong(Self::WHAT, text)),
        }
    }
    fn stand_in() -> Self {
        Self(1)
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+ ?(B|KiB|MiB|GiB)$" })
    }
}

/// US dollars, in millionths, written `5` or `0.50`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MicroUsd(pub u64);

impl ScalarValue for MicroUsd {
    const WHAT: &'static str = "an amount of US dollars such as `5.00`";
    fn parse(text: &str, _: &str) -> Result<Self, Fault> {
        let digits = text.strip_suffix("USD").unwrap_or(text).trim_end();
        let digits = digits.strip_prefix('$').unwrap_or(digits);
        let (whole, cents) = digits.split_once('.').unwrap_or((digits, "0"));
        let decimal = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !decimal(whole) || !decimal(cents) || cents.len() > 6 || whole.len() > 9 {
            return Err(wrong(Self::WHAT, text));
        }
        let micros: u64 = format!("{whole}{cents:0<6}").parse().map_err(|_| wrong(Self::WHAT, text))?;
        if micros == 0 {
            return Err(Fault::new("out-of-range", "a budget of 0 lets nothing run", "must be more than 0"));
        }
        Ok(Self(micros))
    }
    fn stand_in() -> Self {
        Self(1)
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["number", "string"], "exclusiveMinimum": 0 })
    }
}

impl ScalarValue for Score {
    const WHAT: &'static str = "a number from 0 to 1";
    fn parse(text: &str, _: &str) -> Result<Self, Fault> {
        Score::parse(text).map_err(|fault| match fault {
            ScoreFault::NotANumber(_) => wrong(Self::WHAT, text),
            ScoreFault::OutOfRange(_) => {
                let fault = Fault::new("out-of-range", fault.to_string(), "from 0 to 1");
                match text.trim_end_matches('%').parse::<u32>() {
                    Ok(percent @ 2..=100) => fault.help(format!("write `0.{percent:02}`")),
                    _ => fault,
                }
            }
            ScoreFault::TooFine(_) => {
                Fault::new("too-fine", fault.to_string(), "scores are compared exactly, in ten-thousandths")
            }
        })
    }
    fn stand_in() -> Self {
        Score::ZERO
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "maximum": 1 })
    }
}

impl ScalarValue for u32 {
    const WHAT: &'static str = "a whole number";
    fn parse(text: &str, _: &str) -> Result<Self, Fault> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match text.parse::<u32>() {
            Ok(number) if digits && number <= 1_000_000 => Ok(number),
            Ok(_) if digits => {
                Err(Fault::new("out-of-range", format!("`{text}` is too large"), "at most 1000000"))
            }
            _ => Err(wrong(Self::WHAT, text)),
        }
    }
    fn stand_in() -> Self {
        1
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": 1_000_000 })
    }
}

impl ScalarValue for bool {
    const WHAT: &'static str = "`true` or `false`";
    fn parse(text: &str, _: &str) -> Result<Self, Fault> {
        match text {
            "true" | "True" | "TRUE" => Ok(true),
            "false" | "False" | "FALSE" => Ok(false),
            "yes" | "on" => Err(wrong(Self::WHAT, text).help("write `true`")),
            "no" | "off" => Err(wrong(Self::WHAT, text).help("write `false`")),
            _ => Err(wrong(Self::WHAT, text)),
        }
    }
    fn stand_in() -> Self {
        false
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "boolean" })
    }
}

/// A word out of a few.
fn word<T: Copy>(text: &str, what: &str, words: &[(&str, T)]) -> Result<T, Fault> {
    if let Some((_, value)) = words.iter().find(|(w, _)| *w == text) {
        return Ok(*value);
    }
    let known: Vec<&str> = words.iter().map(|(w, _)| *w).collect();
    let fault = Fault::new("unknown-word", format!("`{text}` is not {what}"), "");
    Err(match closest(text, known.iter().copied()) {
        Some(meant) => Fault { label: format!("did you mean `{meant}`?"), ..fault },
        None => Fault { label: format!("one of {}", listed(&known)), ..fault },
    })
}

macro_rules! words {
    ($type:ty, $what:literal, stand_in $stand_in:expr, [ $( $word:literal => $value:expr, $about:literal; )* ]) => {
        impl ScalarValue for $type {
            const WHAT: &'static str = $what;
            fn parse(text: &str, _: &str) -> Result<Self, Fault> {
                word(text, $what, &[$( ($word, $value) ),*])
            }
            fn stand_in() -> Self {
                $stand_in
            }
            fn schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "oneOf": [$( { "const": $word, "description": $about } ),*] })
            }
        }
    };
}

words!(Criticality, "a criticality (`C1` to `C4`)", stand_in Criticality::C2, [
    "C1" => Criticality::C1, "Routine: reversible in one session.";
    "C2" => Criticality::C2, "Standard: reversible within a day. The default.";
    "C3" => Criticality::C3, "Significant: more than a day, or an interface.";
    "C4" => Criticality::C4, "Critical: irreversible, governance, public.";
]);

words!(PromptBy, "a way to hand over the prompt (`stdin` or `file`)", stand_in PromptBy::Stdin, [
    "stdin" => PromptBy::Stdin, "On standard input, which is then closed. The default.";
    "file" => PromptBy::File, "In the file that CONSORT_PROMPT names; standard input is empty.";
]);

words!(WorkspaceKind, "a kind of workspace (`clone`, `worktree` or `none`)", stand_in WorkspaceKind::Clone, [
    "clone" => WorkspaceKind::Clone, "A private clone that borrows the repository's objects. The default.";
    "worktree" => WorkspaceKind::Worktree, "A linked worktree: cheaper, a weaker wall.";
    "none" => WorkspaceKind::None, "One scratch directory per run, without git.";
]);

words!(CheckpointFrequency, "a checkpoint frequency (`AGENT`, `PHASE` or `BARRIER`)", stand_in CheckpointFrequency::Phase, [
    "AGENT" => CheckpointFrequency::Agent, "After every accepted task, and wherever PHASE makes one.";
    "PHASE" => CheckpointFrequency::Phase, "After every stage of phases and every barrier. The default.";
    "BARRIER" => CheckpointFrequency::Barrier, "After every barrier.";
]);

/// What a task makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Produces {
    /// Files at declared paths.
    Document,
    /// A diff within declared globs.
    Change,
    /// Files for the content store.
    Data,
}

words!(Produces, "a kind of output (`document`, `change` or `data`)", stand_in Produces::Document, [
    "document" => Produces::Document, "Files at declared paths; nothing else is committed. The default.";
    "change" => Produces::Change, "Whatever it changes within its `writes` globs. The default where `writes` is given.";
    "data" => Produces::Data, "Files that go to the content store, never into git.";
]);

/// L, M or H.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Degree(pub &'static str);

words!(Degree, "a degree (`L`, `M` or `H`)", stand_in Degree("L"), [
    "L" => Degree("L"), "Low.";
    "M" => Degree("M"), "Medium.";
    "H" => Degree("H"), "High.";
]);

/// `complete`, the only thing that phases and barriers can be in a criterion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Complete;

words!(Complete, "`complete`", stand_in Complete, [ "complete" => Complete, "All of them."; ]);

/// The only word for a gate: `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoGate;

words!(NoGate, "a gate: `none`, or a mapping", stand_in NoGate, [ "none" => NoGate, "No self-review, no critics, no judge."; ]);

/// How we talk to an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeWord {
    /// Any program.
    Command,
    /// A player that needs no model.
    Rehearsal,
}

impl ScalarValue for RuntimeWord {
    const WHAT: &'static str = "a runtime (`command` or `rehearsal`)";
    fn parse(text: &str, _: &str) -> Result<Self, Fault> {
        if matches!(text, "claude" | "codex" | "acp" | "api") {
            let fault = Fault::new(
                "not-yet",
                format!("runtime `{text}` is not yet in this build: use `command`"),
                "not yet in this build",
            );
            return Err(match text {
                "claude" => fault.help(
                    "runtime: command, argv: [claude, -p, --permission-mode, acceptEdits], pass_env: [ANTHROPIC_API_KEY]",
                ),
                _ => fault,
            });
        }
        word(text, Self::WHAT, &[("command", RuntimeWord::Command), ("rehearsal", RuntimeWord::Rehearsal)])
    }
    fn stand_in() -> Self {
        RuntimeWord::Rehearsal
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "oneOf": [
            { "const": "command", "description": "Any program: `argv`, never a shell line. The default where `argv` is given." },
            { "const": "rehearsal", "description": "A player that needs no model, no key and no network." }
        ] })
    }
}
