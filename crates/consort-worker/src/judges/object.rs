//! JSON objects as they stand: keys in order, none twice, values as literal text. A score is
//! read from its digits, so no value goes through floating point on its way.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// One JSON object.
pub(super) struct Object(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Object;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut pairs: Vec<(String, Box<RawValue>)> = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    if pairs.iter().any(|(known, _)| *known == key) {
                        return Err(A::Error::custom(format!("key `{}` stands there twice", cut(&key))));
                    }
                    // More keys than any answer has: stop before comparing them becomes dear.
                    if pairs.len() >= 64 {
                        return Err(A::Error::custom("an object has more than 64 keys"));
                    }
                    pairs.push((key, value));
                }
                Ok(Object(pairs))
            }
        }
        from.deserialize_map(Pairs)
    }
}

impl Object {
    /// Reads an object; `place` is named in the error.
    pub(super) fn parse(text: &str, place: &str) -> Result<Self, String> {
        serde_json::from_str(text)
            .map_err(|e| format!("{place} is not a JSON object: {}", short(&e.to_string())))
    }

    /// Checks that exactly these keys are there.
    pub(super) fn only(&self, keys: &[&str], place: &str) -> Result<(), String> {
        for (key, _) in &self.0 {
            if !keys.contains(&key.as_str()) {
                return Err(format!("{place} has a key `{}`; it may have {}", cut(key), keys.join(", ")));
            }
        }
        match keys.iter().find(|k| self.raw(k).is_none()) {
            Some(missing) => Err(format!("{place} has no `{missing}`")),
            None => Ok(()),
        }
    }

    /// The literal text of a value.
    pub(super) fn raw(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, v)| v.get())
    }

    /// Keys with the literal text of their values, in order.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v.get()))
    }

    /// A string of `least..=most` characters, not counting white space around it.
    pub(super) fn text(&self, key: &str, least: usize, most: usize, place: &str) -> Result<String, String> {
        let raw = self.raw(key).ok_or_else(|| format!("{place} has no `{key}`"))?;
        text(raw, least, most, &format!("`{key}` of {place}"))
    }

    /// A list of literal values, at most `most`.
    pub(super) fn list(&self, key: &str, most: usize, place: &str) -> Result<Vec<Box<RawValue>>, String> {
        let raw = self.raw(key).ok_or_else(|| format!("{place} has no `{key}`"))?;
        let items: Vec<Box<RawValue>> =
            serde_json::from_str(raw).map_err(|_| format!("`{key}` of {place} is not a list"))?;
        if items.len() > most {
            return Err(format!("`{key}` of {place} has {} items; {most} is the most", items.len()));
        }
        Ok(items)
    }
}

/// A JSON string literal of `least..=most` characters.
pub(super) fn text(raw: &str, least: usize, most: usize, place: &str) -> Result<String, String> {
    let text: String = serde_json::from_str(raw).map_err(|_| format!("{place} is not a string"))?;
    let long = text.trim().chars().count();
    if long < least {
        return Err(format!("{place} is empty"));
    }
    if long > most {
        return Err(format!("{place} has {long} characters; {most} is the most"));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(format!("{place} holds control characters"));
    }
    Ok(text)
}

/// At most 60 characters for a message.
pub(super) fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}
