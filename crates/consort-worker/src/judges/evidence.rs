//! What a judge must show for its scores, and a reviewer for its findings.

use super::answer::Rules;
use super::object::{Object, cut};
use super::quotes::distinct;
use consort_core::ids::DimensionId;
use consort_core::quality::Score;
use consort_core::run::DimensionScore;

/// A score above this, in ten-thousandths, is rare and needs [`POINTS_MIN`] pieces of evidence.
pub const HIGH_SCORE: u32 = 9_000;
/// See [`HIGH_SCORE`].
pub const POINTS_MIN: usize = 3;
/// Most pieces of evidence of one score.
const POINTS_MAX: usize = 10;

/// The scores of all dimensions, in the plan's order.
pub(super) fn scores(object: &Object, rules: &Rules<'_>) -> Result<Vec<DimensionScore>, String> {
    let given = Object::parse(object.raw("scores").unwrap_or_default(), "`scores`")?;
    let names: Vec<&str> = rules.dimensions.iter().map(DimensionId::as_str).collect();
    given.only(&names, "`scores`")?;
    let one = |dimension: &DimensionId| {
        let place = format!("`{dimension}`");
        let one = Object::parse(given.raw(dimension.as_str()).unwrap_or_default(), &place)?;
        one.only(&["score", "evidence", "gaps", "improve"], &place)?;
        let literal = one.raw("score").unwrap_or_default();
        let score = Score::parse(literal).map_err(|e| format!("score of {place}: {e}"))?;
        let points = points(&one, rules, &place)?;
        let needed = if score.ten_thousandths() > HIGH_SCORE { POINTS_MIN } else { 1 };
        if points < needed {
            return Err(format!(
                "{place} has {points} distinct pieces of evidence; a score of {score} needs {needed}"
            ));
        }
        one.text("gaps", 0, 2_000, &place)?;
        one.text("improve", 0, 2_000, &place)?;
        Ok(DimensionScore { dimension: dimension.clone(), score })
    };
    rules.dimensions.iter().map(one).collect()
}

/// Whether each criterion is met, in the plan's order; those that no judge is asked about count as
/// met here, for others see to them. Without any nothing need be said.
pub(super) fn criteria(object: &Object, rules: &Rules<'_>) -> Result<Vec<bool>, String> {
    let asked = rules.criteria.iter().filter(|asked| **asked).count();
    if object.raw("criteria").is_none() && asked == 0 {
        return Ok(vec![true; rules.criteria.len()]);
    }
    let given = object.list("criteria", asked, "the answer")?;
    if given.len() != asked {
        return Err(format!("`criteria` has {} items for {asked} criteria", given.len()));
    }
    let one = |(at, raw): (usize, &str)| {
        let place = format!("criterion {}", at + 1);
        let one = Object::parse(raw, &place)?;
        one.only(&["met", "evidence", "why"], &place)?;
        let met: bool = serde_json::from_str(one.raw("met").unwrap_or_default())
            .map_err(|_| format!("`met` of {place} is neither true nor false"))?;
        one.text("why", 1, 1_000, &place)?;
        let points = points(&one, rules, &place)?;
        if met && points == 0 {
            return Err(format!("{place} is met without evidence"));
        }
        Ok(met)
    };
    let mut judged = given
        .iter()
        .map(|raw| raw.get())
        .enumerate()
        .map(one)
        .collect::<Result<Vec<bool>, String>>()?
        .into_iter();
    Ok(rules.criteria.iter().map(|asked| !asked || judged.next().unwrap_or(false)).collect())
}

/// How many distinct pieces of evidence there are. One whose words are not in the candidate makes
/// the answer worthless: who invents one quotation may have invented the score.
fn points(one: &Object, rules: &Rules<'_>, place: &str) -> Result<usize, String> {
    let mut quotes = Vec::new();
    for raw in one.list("evidence", POINTS_MAX, place)? {
        let item = Object::parse(raw.get(), &format!("evidence of {place}"))?;
        item.only(&["location", "quote"], &format!("evidence of {place}"))?;
        item.text("location", 1, 300, place)?;
        let quote = item.text("quote", 1, 1_000, place)?;
        if rules.shown.is_some_and(|shown| !shown.holds(&quote)) {
            return Err(format!("the evidence of {place} is not in the candidate: `{}`", cut(&quote)));
        }
        if rules.shown.is_some_and(|shown| !shown.proves(&quote)) {
            return Err(format!("the evidence of {place} is too short to show anything: `{}`", cut(&quote)));
        }
        quotes.push(quote);
    }
    Ok(distinct(&quotes))
}
