//! Exact score arithmetic: ten-thousandths in, a composite in units of 1e-8 out. Nothing is
//! ever rounded before it is compared.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A score or weight from 0 to 1, in ten-thousandths: `0.92` is 9200.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct Score(u16);

/// Why a text is not a score.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScoreFault {
    /// Not a plain decimal number (NaN, infinity, a string, nothing).
    #[error("`{0}` is not a decimal number")]
    NotANumber(String),
    /// Outside 0 to 1. Scores are never clamped.
    #[error("`{0}` is not between 0 and 1")]
    OutOfRange(String),
    /// More than four decimals: would have to be rounded.
    #[error("`{0}` has more than four decimals")]
    TooFine(String),
}

impl Score {
    /// 0.
    pub const ZERO: Score = Score(0);
    /// 1.
    pub const ONE: Score = Score(10_000);

    /// From ten-thousandths; `None` above 10,000.
    pub fn from_ten_thousandths(units: u32) -> Option<Self> {
        u16::try_from(units).ok().filter(|u| *u <= 10_000).map(Score)
    }

    /// In ten-thousandths, 0 to 10,000.
    pub fn ten_thousandths(self) -> u32 {
        u32::from(self.0)
    }

    /// Reads a decimal literal exactly, without a detour through floating point: `0.9199999`
    /// is refused, not rounded.
    ///
    /// # Errors
    /// What is wrong with the text; see [`ScoreFault`].
    pub fn parse(text: &str) -> Result<Self, ScoreFault> {
        let nan = || ScoreFault::NotANumber(text.chars().take(40).collect());
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let decimal = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !decimal(whole) || !decimal(fraction) || text.len() > 64 {
            return Err(nan());
        }
        let fraction = fraction.trim_end_matches('0');
        let range = || ScoreFault::OutOfRange(text.to_owned());
        let whole: u32 = whole.parse().map_err(|_| range())?;
        if whole > 1 || (whole == 1 && !fraction.is_empty()) {
            return Err(range());
        }
        if negative && (whole > 0 || !fraction.is_empty()) {
            return Err(range());
        }
        if fraction.len() > 4 {
            return Err(ScoreFault::TooFine(text.to_owned()));
        }
        let mut units = whole * 10_000;
        for (place, digit) in fraction.bytes().enumerate() {
            units += u32::from(digit - b'0') * 10_u32.pow(3 - place as u32);
        }
        Score::from_ten_thousandths(units).ok_or_else(range)
    }
}

impl fmt::Display for Score {
    /// At least two decimals, at most four: `0.92`, `0.9199`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:04}", self.0 % 10_000);
        let kept = digits.trim_end_matches('0').len().max(2);
        write!(f, "{}.{}", self.0 / 10_000, &digits[..kept])
    }
}

/// A weighted sum of scores, exact, in units of 1e-8: 1.0 is 100,000,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Composite(u32);

impl Composite {
    /// Sums `weight x score`. `None` unless the weights add up to exactly 1.
    pub fn of(weighted: impl IntoIterator<Item = (Score, Score)>) -> Option<Self> {
        let (mut weights, mut sum) = (0_u32, 0_u32);
        for (weight, score) in weighted {
            weights = weights.checked_add(weight.ten_thousandths())?;
            sum = sum.checked_add(weight.ten_thousandths() * score.ten_thousandths())?;
        }
        (weights == 10_000).then_some(Composite(sum))
    }

    /// In units of 1e-8.
    pub fn units(self) -> u32 {
        self.0
    }

    /// True if this is at or above `threshold`, compared without rounding.
    pub fn reaches(self, threshold: Score) -> bool {
        self.0 >= threshold.ten_thousandths() * 10_000
    }

    /// The half-open band this composite lies in.
    pub fn band(self, threshold: Score, floor: Score) -> Band {
        if self.reaches(threshold) {
            Band::Pass
        } else if self.reaches(floor) {
            Band::Revise
        } else {
            Band::Rejected
        }
    }
}

impl fmt::Display for Composite {
    /// At least two decimals, as many as it takes to be exact: `0.935`, `0.91995`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:08}", self.0 % 100_000_000);
        let kept = digits.trim_end_matches('0').len().max(2);
        write!(f, "{}.{}", self.0 / 100_000_000, &digits[..kept])
    }
}

/// Where a composite lies: `c >= threshold`, `floor <= c < threshold`, or below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Band {
    /// At or above the threshold.
    Pass,
    /// Below the threshold, at or above the floor: targeted revision.
    Revise,
    /// Below the floor: significant rework.
    Rejected,
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Band::Pass => "PASS",
            Band::Revise => "REVISE",
            Band::Rejected => "REJECTED",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(text: &str) -> Score {
        Score::parse(text).expect(text)
    }

    #[test]
    fn reads_decimals_exactly() {
        for (text, units) in [
            ("0", 0),
            ("1", 10_000),
            ("1.0000", 10_000),
            ("0.92", 9_200),
            ("0.9199", 9_199),
            ("-0", 0),
            ("0.0001", 1),
        ] {
            assert_eq!(score(text).ten_thousandths(), units, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_score() {
        for text in ["", "NaN", "inf", "0.9e0", "\"0.9\"", "0.", ".9", "+0.9", "0,9", "--0", "1.0.0", "9 "] {
            assert!(matches!(Score::parse(text), Err(ScoreFault::NotANumber(_))), "{text}");
        }
        for text in ["1.0001", "-0.1", "92", "2", "99999999999999"] {
            assert!(matches!(Score::parse(text), Err(ScoreFault::OutOfRange(_))), "{text}");
        }
        for text in ["0.91999", "0.9199999999999999999999"] {
            assert!(matches!(Score::parse(text), Err(ScoreFault::TooFine(_))), "{text}");
        }
    }

    #[test]
    fn bands_are_half_open_on_the_unrounded_composite() {
        let (threshold, floor) = (score("0.92"), score("0.85"));
        for (each, band) in [
            ("0.92", Band::Pass),
            ("0.9199", Band::Revise),
            ("0.85", Band::Revise),
            ("0.8499", Band::Rejected),
        ] {
            let composite = Composite::of([(score("0.4"), score(each)), (score("0.6"), score(each))]);
            assert_eq!(composite.expect("weights").band(threshold, floor), band, "{each}");
        }
    }

    #[test]
    fn weights_must_sum_to_one() {
        assert_eq!(Composite::of([(score("0.5"), score("1"))]), None);
        assert_eq!(Composite::of([]), None);
        let seed = ["0.20", "0.20", "0.20", "0.15", "0.15", "0.10"].map(score);
        let composite = Composite::of(seed.map(|w| (w, score("0.9333")))).expect("sums to one");
        assert_eq!(composite.to_string(), "0.9333");
    }

    #[test]
    fn shows_what_it_is() {
        assert_eq!(score("0.9").to_string(), "0.90");
        assert_eq!(score("1").to_string(), "1.00");
        let composite = Composite::of([(score("0.3333"), score("0.9199")), (score("0.6667"), score("0.92"))]);
        assert_eq!(composite.expect("weights").to_string(), "0.91996667");
    }
}
