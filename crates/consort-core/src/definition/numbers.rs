//! Scalars of the file: durations, sizes, money, scores, counts. Each is read from its text,
//! never through a float.

use super::values::{Fault, ScalarValue, wrong};
use crate::plan::Price;
use crate::quality::{Score, ScoreFault};
use schemars::{Schema, SchemaGenerator, json_schema};

/// A span of time in milliseconds, written `500ms`, `30s`, `10m`, `2h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Millis(pub u64);

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

/// A number of tokens, written `500k`, `2M` or in digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tokens(pub u64);

impl ScalarValue for Tokens {
    const WHAT: &'static str = "a number of tokens such as `200000`, `500k` or `2M`";
    fn parse(text: &str, _: &str) -> Result<Self, Fault> {
        let (number, unit) = with_unit(text);
        let factor: u64 = match unit {
            "" => 1,
            "k" | "K" => 1_000,
            "M" => 1_000_000,
            _ => return Err(wrong(Self::WHAT, text)),
        };
        match number.and_then(|n| n.checked_mul(factor)) {
            Some(tokens @ 1..=1_000_000_000_000) => Ok(Self(tokens)),
            Some(_) => {
                Err(Fault::new("out-of-range", format!("`{text}` is out of range"), "from 1 to 1000000M"))
            }
            None => Err(wrong(Self::WHAT, text)),
        }
    }
    fn stand_in() -> Self {
        Self(1)
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "integer", "minimum": 1 }, { "type": "string", "pattern": "^[0-9]+ ?[kKM]?$" }] })
    }
}

/// A number of bytes, written `64KiB` or `8MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bytes(pub u64);

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
pub(crate) struct MicroUsd(pub u64);

impl ScalarValue for MicroUsd {
    const WHAT: &'static str = "an amount of US dollars such as `5.00`";
    fn parse(text: &str, _: &str) -> Result<Self, Fault> {
        let micros = micro_usd(text).ok_or_else(|| wrong(Self::WHAT, text))?;
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

/// Millionths of a dollar in `5`, `0.50`, `$5` or `5 USD`.
fn micro_usd(text: &str) -> Option<u64> {
    let digits = text.strip_suffix("USD").unwrap_or(text).trim_end();
    let digits = digits.strip_prefix('$').unwrap_or(digits);
    let (whole, cents) = digits.split_once('.').unwrap_or((digits, "0"));
    let decimal = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !decimal(whole) || !decimal(cents) || cents.len() > 6 || whole.len() > 9 {
        return None;
    }
    format!("{whole}{cents:0<6}").parse().ok()
}

impl ScalarValue for Price {
    const WHAT: &'static str = "a price in US dollars such as `0.25`, or `unknown`";
    fn parse(text: &str, _: &str) -> Result<Self, Fault> {
        match text {
            "unknown" => Ok(Price::Unknown),
            _ => micro_usd(text).map(Price::MicroUsd).ok_or_else(|| wrong(Self::WHAT, text)),
        }
    }
    fn stand_in() -> Self {
        Price::MicroUsd(0)
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "number", "minimum": 0 }, { "type": "string" }] })
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
