//! From the tree to the typed file, all mistakes at once: whatever is wrong gets a diagnostic
//! and a stand-in, and reading goes on.

use super::diagnostic::{Diagnostic, Span, closest};
use super::tree::{Node, Value};
use super::values::{Id, ScalarValue};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// Collects diagnostics while the tree is read.
#[derive(Default)]
pub(super) struct Decoder {
    /// In the order they were found.
    pub diagnostics: Vec<Diagnostic>,
    /// The key that leads to the node which is read next; a mapping in a list has none.
    place: Option<Span>,
}

/// Something that can stand in the file.
pub(super) trait Decode: Sized {
    /// Reads a node; `None` means that the mistake is reported.
    fn decode(node: &Node, d: &mut Decoder) -> Option<Self>;
    /// What later steps see in place of something broken: it must not cause more mistakes.
    fn broken() -> Self;
    /// What it is if its key is missing: required unless a type says otherwise.
    fn absent(key: &str, of: &Span, d: &mut Decoder) -> Self {
        d.report(
            Diagnostic::error("missing-key", format!("`{key}` is missing"))
                .at(of.clone(), format!("this needs the key `{key}`")),
        );
        Self::broken()
    }
}

impl Decoder {
    /// Adds a diagnostic.
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Reports that something else was expected here.
    pub(super) fn expected(&mut self, what: &str, node: &Node) {
        let found = node.value.kind();
        let mut span = node.span.clone();
        if let (Value::Null, Some(key)) = (&node.value, &self.place) {
            span = key.clone();
        }
        self.report(
            Diagnostic::error("wrong-type", format!("expected {what}, found {found}"))
                .at(span, format!("expected {what}")),
        );
    }

    /// Starts on a mapping of known keys.
    pub(super) fn section<'n>(
        &mut self,
        node: &'n Node,
        what: &'static str,
        known: &'static [&'static str],
    ) -> Option<Keys<'n>> {
        let Value::Map(entries) = &node.value else {
            self.expected(&format!("a mapping ({what})"), node);
            return None;
        };
        let first = entries.first().map_or(node.span.clone(), |(key, _)| key.span.clone());
        let at = self.place.take().unwrap_or(first);
        let mut keys = Keys { at, entries: Vec::with_capacity(entries.len()), meant: vec![] };
        for (key, value) in entries {
            let Value::Scalar(name) = &key.value else {
                self.expected("a key", key);
                continue;
            };
            if let Some((_, earlier, _)) = keys.entries.iter().find(|(known, ..)| *known == name.text) {
                let earlier = (*earlier).clone();
                self.duplicate(&name.text, &key.span, &earlier);
            } else if known.contains(&name.text.as_str()) {
                keys.entries.push((&name.text, &key.span, value));
            } else {
                let meant = meant_key(&name.text, known);
                self.report(unknown_key(&name.text, &key.span, what, known, meant));
                keys.meant.extend(meant);
            }
        }
        Some(keys)
    }

    fn duplicate(&mut self, name: &str, again: &Span, earlier: &Span) {
        self.report(
            Diagnostic::error("duplicate-key", format!("`{name}` is here twice"))
                .at(again.clone(), "the second one")
                .at(earlier.clone(), "the first one"),
        );
    }
}

/// What people write who come from other tools.
const OTHER_WORDS: [(&str, &str); 22] = [
    ("agents", "tasks"),
    ("steps", "tasks"),
    ("jobs", "tasks"),
    ("stages", "phases"),
    ("depends_on", "needs"),
    ("depends", "needs"),
    ("dependsOn", "needs"),
    ("prompt", "text"),
    ("task", "text"),
    ("instructions", "text"),
    ("description", "purpose"),
    ("about", "purpose"),
    ("output", "path"),
    ("outputs", "path"),
    ("artifact", "path"),
    ("command", "argv"),
    ("cmd", "argv"),
    ("vars", "variables"),
    ("inputs", "variables"),
    ("id", "name"),
    ("name", "title"),
    ("env_pass", "pass_env"),
];

fn meant_key(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let other = || OTHER_WORDS.iter().find(|(o, k)| *o == name && known.contains(k)).map(|(_, k)| *k);
    closest(name, known.iter().copied()).or_else(other)
}

fn unknown_key(name: &str, at: &Span, what: &str, known: &[&str], meant: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::error("unknown-key", format!("{what} has no key `{name}`"));
    match meant {
        Some(meant) => diagnostic.at(at.clone(), format!("did you mean `{meant}`?")),
        None => diagnostic.at(at.clone(), "unknown key").help(format!("the keys here are {}", listed(known))),
    }
}

/// `a`, `b` and `c`.
pub(super) fn listed<T: AsRef<str>>(words: &[T]) -> String {
    let quoted: Vec<String> = words.iter().map(|w| format!("`{}`", w.as_ref())).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// The keys of one mapping.
pub(super) struct Keys<'n> {
    /// The key that leads to it, or its first own one.
    pub at: Span,
    entries: Vec<(&'n str, &'n Span, &'n Node)>,
    /// Known keys that misspelt ones were taken for: they are not reported as missing too.
    meant: Vec<&'static str>,
}

impl Keys<'_> {
    /// The value of one key.
    pub(super) fn take<T: Decode>(&self, key: &str, d: &mut Decoder) -> T {
        let Some((_, span, node)) = self.entries.iter().find(|(k, ..)| *k == key) else {
            let misspelt = self.meant.contains(&key);
            return if misspelt { T::broken() } else { T::absent(key, &self.at, d) };
        };
        d.place = Some((*span).clone());
        T::decode(node, d).unwrap_or_else(T::broken)
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(node: &Node, d: &mut Decoder) -> Option<Self> {
        T::decode(node, d).map(Some)
    }
    fn broken() -> Self {
        None
    }
    fn absent(_: &str, _: &Span, _: &mut Decoder) -> Self {
        None
    }
}

impl<T: Decode> Decode for Box<T> {
    fn decode(node: &Node, d: &mut Decoder) -> Option<Self> {
        T::decode(node, d).map(Box::new)
    }
    fn broken() -> Self {
        Box::new(T::broken())
    }
}

/// A scalar with its place.
#[derive(Clone, Debug)]
pub(crate) struct At<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
    /// It stands in for something that was already reported.
    pub(super) broken: bool,
}

impl<T: ScalarValue> Decode for At<T> {
    fn decode(node: &Node, d: &mut Decoder) -> Option<Self> {
        let Value::Scalar(scalar) = &node.value else {
            d.expected(T::WHAT, node);
            if let (Value::Map(entries), Some(found)) = (&node.value, d.diagnostics.last_mut())
                && entries.first().is_some_and(|(key, _)| matches!(key.value, Value::Map(_)))
            {
                found.help.push("a value that starts with `{{` needs quotes: \"{{ name }}\"".into());
            }
            return None;
        };
        match T::parse(&scalar.text, scalar.kind) {
            Ok(value) => Some(Self { value, span: node.span.clone(), broken: false }),
            Err(fault) => {
                let mut diagnostic =
                    Diagnostic::error(fault.code, fault.message).at(node.span.clone(), fault.label);
                diagnostic.help = fault.help;
                d.report(diagnostic);
                None
            }
        }
    }
    fn broken() -> Self {
        Self { value: T::stand_in(), span: 0..0, broken: true }
    }
}

impl<T: ScalarValue> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        T::WHAT.into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::schema(generator)
    }
}

/// A list; one scalar may stand for a list of one.
#[derive(Clone, Debug)]
pub(crate) struct List<T> {
    /// In file order, without the broken ones.
    pub items: Vec<T>,
    /// Something in it was already reported.
    pub(super) broken: bool,
    /// The key was there.
    pub(super) present: bool,
}

impl<T> List<T> {
    /// In file order.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.items.iter()
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { items: vec![], broken: false, present: false }
    }
}

impl<T: Decode> Decode for List<T> {
    fn decode(node: &Node, d: &mut Decoder) -> Option<Self> {
        let one = std::slice::from_ref(node);
        let nodes = match &node.value {
            Value::List(nodes) => nodes.as_slice(),
            Value::Scalar(_) => one,
            Value::Null | Value::Map(_) => {
                d.expected("a list", node);
                return None;
            }
        };
        let mut items = Vec::with_capacity(nodes.len());
        for item in nodes {
            d.place = None;
            items.extend(T::decode(item, d));
        }
        Some(Self { broken: items.len() < nodes.len(), items, present: true })
    }
    fn broken() -> Self {
        Self { items: vec![], broken: true, present: true }
    }
    fn absent(_: &str, _: &Span, _: &mut Decoder) -> Self {
        Self::default()
    }
}

impl<T: JsonSchema> JsonSchema for List<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("List of {}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let item = generator.subschema_for::<T>();
        let scalar = item.get("$ref").is_none() && item.get("type").is_none_or(|t| t != "object");
        if scalar {
            json_schema!({ "anyOf": [item.clone(), { "type": "array", "items": item }] })
        } else {
            json_schema!({ "type": "array", "items": item })
        }
    }
}

/// A mapping with keys of the file's choosing, in file order.
#[derive(Clone, Debug)]
pub(crate) struct Map<T, K = Id> {
    /// In file order, without duplicates.
    pub entries: Vec<(At<K>, T)>,
    /// Something in it was already reported.
    pub(super) broken: bool,
}

impl<T, K> Map<T, K> {
    /// In file order.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, (At<K>, T)> {
        self.entries.iter()
    }
}

impl<T, K> Default for Map<T, K> {
    fn default() -> Self {
        Self { entries: vec![], broken: false }
    }
}

impl<T: Decode, K: ScalarValue + AsRef<str>> Decode for Map<T, K> {
    fn decode(node: &Node, d: &mut Decoder) -> Option<Self> {
        let Value::Map(nodes) = &node.value else {
            d.expected("a mapping", node);
            return None;
        };
        let mut seen = std::collections::HashMap::with_capacity(nodes.len());
        let mut map = Self { entries: Vec::with_capacity(nodes.len()), broken: false };
        for (key_node, value) in nodes {
            d.place = None;
            let Some(key) = At::<K>::decode(key_node, d) else {
                map.broken = true;
                d.place = Some(key_node.span.clone());
                let _also_reported = T::decode(value, d);
                continue;
            };
            if let Some(earlier) = seen.insert(key.value.as_ref().to_owned(), key.span.clone()) {
                d.duplicate(key.value.as_ref(), &key.span, &earlier);
                continue;
            }
            d.place = Some(key.span.clone());
            let value = T::decode(value, d).unwrap_or_else(T::broken);
            map.entries.push((key, value));
        }
        Some(map)
    }
    fn broken() -> Self {
        Self { entries: vec![], broken: true }
    }
    fn absent(_: &str, _: &Span, _: &mut Decoder) -> Self {
        Self::default()
    }
}

impl<T: JsonSchema, K: ScalarValue> JsonSchema for Map<T, K> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Map of {}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema =
            json_schema!({ "type": "object", "additionalProperties": generator.subschema_for::<T>() });
        if let Some(pattern) = K::schema(generator).get("pattern") {
            schema.insert("propertyNames".into(), serde_json::json!({ "pattern": pattern }));
        }
        schema
    }
}

/// The key of a field: a raw identifier such as `r#type` is written without its mark.
pub(super) const fn plain(field: &'static str) -> &'static str {
    match field.as_bytes() {
        [b'r', b'#', ..] => field.split_at(2).1,
        _ => field,
    }
}

/// A mapping of known keys: the struct, its reader and its schema from one text. Doc comments
/// become the descriptions in the schema.
macro_rules! section {
    (
        $(#[$meta:meta])* $Name:ident as $what:literal {
            $( $(#[$field_meta:meta])* $field:ident: $type:ty, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub(crate) struct $Name {
            $( $(#[$field_meta])* pub(crate) $field: $type, )*
            /// The key that leads here, or the first one in it.
            #[schemars(skip)]
            #[allow(dead_code, reason = "all sections have it, some are never pointed at")]
            pub(crate) at: $crate::definition::diagnostic::Span,
            /// Something in it was already reported.
            #[schemars(skip)]
            #[allow(dead_code, reason = "all sections have it, some are never asked")]
            pub(super) broken: bool,
        }

        impl $crate::definition::decode::Decode for $Name {
            fn decode(
                node: &$crate::definition::tree::Node,
                d: &mut $crate::definition::decode::Decoder,
            ) -> Option<Self> {
                const KEYS: &[&str] = &[$( $crate::definition::decode::plain(stringify!($field)) ),*];
                let before = d.diagnostics.len();
                let keys = d.section(node, $what, KEYS)?;
                Some(Self {
                    $( $field: keys.take($crate::definition::decode::plain(stringify!($field)), d), )*
                    at: keys.at,
                    broken: d.diagnostics.len() > before,
                })
            }
            fn broken() -> Self {
                Self { $( $field: $crate::definition::decode::Decode::broken(), )* at: 0..0, broken: true }
            }
        }
    };
}
pub(super) use section;

/// A section with a short form: one scalar (or list) stands for a mapping with one key.
macro_rules! short_form {
    ($(#[doc = $doc:literal])* $Short:ident = $short:ty | $full:ty, |$value:ident| $make:expr) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug)]
        pub(crate) struct $Short(pub $full);

        impl $crate::definition::decode::Decode for $Short {
            fn decode(
                node: &$crate::definition::tree::Node,
                d: &mut $crate::definition::decode::Decoder,
            ) -> Option<Self> {
                if matches!(node.value, $crate::definition::tree::Value::Map(_)) {
                    return <$full as $crate::definition::decode::Decode>::decode(node, d).map(Self);
                }
                let $value = <$short as $crate::definition::decode::Decode>::decode(node, d)?;
                let at = node.span.clone();
                Some(Self({ let mut full: $full = $make; full.at = at; full }))
            }
            fn broken() -> Self {
                Self(<$full as $crate::definition::decode::Decode>::broken())
            }
        }

        impl schemars::JsonSchema for $Short {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($Short).into()
            }
            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let short = generator.subschema_for::<$short>();
                let full = generator.subschema_for::<$full>();
                let about: &[&str] = &[$( $doc ),*];
                schemars::json_schema!({ "description": about.concat().trim(), "anyOf": [short, full] })
            }
        }
    };
}
pub(super) use short_form;
