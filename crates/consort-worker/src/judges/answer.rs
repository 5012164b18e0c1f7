//! The answer file of a critic, a self-reviewer or a judge.
//!
//! ```json
//! {"nonce": "…", "findings": [{"id": "DA-001", "severity": "major", "dimension": "…",
//!   "location": "…", "quote": "…", "claim": "…", "remedy": "…"}], "summary": "…"}
//! {"nonce": "…", "findings": [], "summary": "…", "responses": [{"finding": "S-002/DA-001",
//!   "verdict": "fixed", "where": "…"}]}
//! {"nonce": "…", "scores": {"completeness": {"score": 0.93, "evidence": [{"location": "…",
//!   "quote": "…"}], "gaps": "…", "improve": "…"}}, "criteria": [{"met": true, "why": "…",
//!   "evidence": []}]}
//! ```
//! What is not exactly this is malformed and says why. Nothing is clamped, rounded, guessed
//! or filled in: an answer decides whether work passes.

use super::object::{Object, cut};
use super::quotes::Shown;
use super::responses::responses;
use super::{content_hash, evidence, hex, risk};
use consort_core::ids::{AttemptId, DimensionId, Step, StrategyId};
use consort_core::plan::Strategy;
use consort_core::quality::Score;
use consort_core::run::{FindingLine, Given, Review, Severity, Usage};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::Path;

/// Largest answer, in bytes.
pub const ANSWER_BYTES_MAX: u64 = 256 * 1024;
/// Most findings of one review.
pub const FINDINGS_MAX: usize = 40;

/// What an attempt answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// For the brain. `Nothing` if there is no answer file or none is needed.
    pub given: Given,
    /// The bytes, to be put into the content store before `given` is reported.
    pub bytes: Option<Vec<u8>>,
}

/// One finding with its texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Such as `DA-001`, unique within its review.
    pub id: String,
    /// How bad.
    pub severity: Severity,
    /// The quality dimension it touches.
    pub dimension: String,
    /// Where, such as a heading.
    pub location: String,
    /// The words it is about; may be empty.
    pub quote: String,
    /// What is wrong.
    pub claim: String,
    /// What would be right.
    pub remedy: String,
}

/// The word that an answer must echo: it differs from attempt to attempt, so an answer that was
/// prepared by somebody else, or for another attempt, does not count.
pub fn nonce(run_nonce: &str, attempt: &AttemptId) -> String {
    hex(&Sha256::digest(format!("{run_nonce}{attempt}")))[..16].to_owned()
}

/// What an answer is measured by.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The plan's dimensions, in its order.
    pub dimensions: &'a [DimensionId],
    /// [`nonce`] of this attempt.
    pub nonce: &'a str,
    /// The strategy that was applied; `None` for a judge.
    pub strategy: Option<&'a Strategy>,
    /// The task's criteria: whether a judge is asked about each.
    pub criteria: &'a [bool],
    /// What was shown; `None` leaves quotations unchecked, for answers that were accepted before.
    pub shown: Option<&'a Shown>,
}

/// Reads the answer file of one attempt.
pub fn read(step: &Step, path: &Path, rules: &Rules<'_>) -> Answer {
    if *step == Step::Create {
        return Answer { given: Given::Nothing, bytes: None };
    }
    match read_file(path, ANSWER_BYTES_MAX) {
        Ok(None) => Answer { given: Given::Nothing, bytes: None },
        Err(why) => Answer { given: malformed(why), bytes: None },
        Ok(Some(bytes)) => Answer { given: parse(step, &bytes, rules), bytes: Some(bytes) },
    }
}

/// Reads the bytes of an answer: the same bytes by the same rules give the same.
pub fn parse(step: &Step, bytes: &[u8], rules: &Rules<'_>) -> Given {
    judge_bytes(step, bytes, rules).unwrap_or_else(malformed)
}

fn malformed(why: String) -> Given {
    Given::Malformed(why.chars().take(500).collect())
}

/// A regular file of at most `most` bytes; `None` if there is none. A link, a pipe or a device
/// in its place is refused, and opening it never blocks.
fn read_file(path: &Path, most: u64) -> Result<Option<Vec<u8>>, String> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => std::fs::File::from(fd),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(rustix::io::Errno::LOOP) => return Err("the answer is a link, not a file".into()),
        Err(e) => return Err(format!("the answer cannot be opened: {e}")),
    };
    if !file.metadata().is_ok_and(|m| m.is_file()) {
        return Err("the answer is not a regular file".into());
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(|e| format!("the answer cannot be read: {e}"))?;
    if bytes.len() as u64 > most {
        return Err(format!("the answer has more than {most} bytes"));
    }
    Ok(Some(bytes))
}

fn judge_bytes(step: &Step, bytes: &[u8], rules: &Rules<'_>) -> Result<Given, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "the answer is not UTF-8".to_owned())?;
    if text.trim().is_empty() {
        return Err("the answer is empty".into());
    }
    let object = Object::parse(text, "the answer")?;
    let answer = content_hash(bytes);
    let more = match step {
        Step::Create => return Ok(Given::Nothing),
        Step::Judge | Step::Panel(_) => {
            let criteria = if object.raw("criteria").is_some() { &["criteria"][..] } else { &[] };
            object.only(&[&["nonce", "scores"], criteria].concat(), "the answer")?;
            check_nonce(&object, rules.nonce)?;
            let criteria = evidence::criteria(&object, rules)?;
            return Ok(Given::Scores { scores: evidence::scores(&object, rules)?, criteria, answer });
        }
        Step::SelfReview => &["responses"][..],
        Step::Review(_) => &[],
    };
    object.only(&[&["nonce", "findings", "summary"], more].concat(), "the answer")?;
    check_nonce(&object, rules.nonce)?;
    object.text("summary", 1, 4_000, "the answer")?;
    let findings = findings(&object, rules.strategy, rules.dimensions)?;
    let responses = if more.is_empty() { Vec::new() } else { responses(&object)? };
    // A self-review is about a text that changes while it is written.
    let shown = rules.shown.filter(|_| *step != Step::SelfReview);
    let findings = findings.into_iter().map(|finding| line(finding, shown)).collect();
    let responses = responses.iter().map(super::Response::line).collect();
    Ok(Given::Review(Review { findings, answer, responses }))
}

fn line(finding: Finding, shown: Option<&Shown>) -> FindingLine {
    let quoted = !finding.quote.trim().is_empty();
    FindingLine {
        void: quoted && shown.is_some_and(|shown| !shown.holds(&finding.quote)),
        print: print(&finding),
        id: finding.id,
        severity: finding.severity,
    }
}

/// The same weakness has the same print in each round, whatever its number and wording: by the
/// dimension and the words it is about, else by its place.
fn print(finding: &Finding) -> String {
    let about = if finding.quote.trim().is_empty() { &finding.location } else { &finding.quote };
    let letters: String =
        about.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(200).collect();
    hex(&Sha256::digest(format!("{}\n{letters}", finding.dimension)))[..8].to_owned()
}

fn check_nonce(object: &Object, nonce: &str) -> Result<(), String> {
    let said = object.text("nonce", 1, 64, "the answer")?;
    if said == nonce {
        Ok(())
    } else {
        Err(format!("the nonce is `{}`, which is not this attempt's", cut(&said)))
    }
}

fn findings(
    object: &Object,
    strategy: Option<&Strategy>,
    dims: &[DimensionId],
) -> Result<Vec<Finding>, String> {
    let mut found: Vec<Finding> = Vec::new();
    for (at, raw) in object.list("findings", FINDINGS_MAX, "the answer")?.iter().enumerate() {
        let place = format!("finding {}", at + 1);
        let finding = finding(raw.get(), strategy, &place)?;
        if let Some(bands) = strategy.and_then(|s| s.risk_numbers) {
            risk::check(&finding, bands)?;
        }
        if !dims.is_empty() && !dims.iter().any(|d| d.as_str() == finding.dimension) {
            return Err(format!("{place} names the unknown dimension `{}`", cut(&finding.dimension)));
        }
        if found.iter().any(|f| f.id == finding.id) {
            return Err(format!("the id `{}` stands there twice", finding.id));
        }
        found.push(finding);
    }
    Ok(found)
}

fn finding(raw: &str, strategy: Option<&Strategy>, place: &str) -> Result<Finding, String> {
    let one = Object::parse(raw, place)?;
    let keys = ["id", "severity", "dimension", "location", "quote", "claim", "remedy"];
    one.only(&keys, place)?;
    let id = one.text("id", 1, 16, place)?;
    // A stored answer was measured by its own strategy when it came.
    let prefix = strategy.map_or_else(|| id.split('-').next().unwrap_or_default(), |s| s.prefix.as_str());
    if !well_formed(&id, prefix) {
        return Err(format!("{place} has the id `{}`; it must be {prefix}- and three digits", cut(&id)));
    }
    let severity = match one.text("severity", 1, 16, place)?.as_str() {
        "critical" => Severity::Critical,
        "major" => Severity::Major,
        "minor" => Severity::Minor,
        other => {
            return Err(format!(
                "{place} has the severity `{}`; it may be critical, major, minor",
                cut(other)
            ));
        }
    };
    Ok(Finding {
        id,
        severity,
        dimension: one.text("dimension", 1, 80, place)?,
        location: one.text("location", 1, 300, place)?,
        quote: one.text("quote", 0, 1_000, place)?,
        claim: one.text("claim", 1, 2_000, place)?,
        remedy: one.text("remedy", 1, 2_000, place)?,
    })
}

fn well_formed(id: &str, prefix: &str) -> bool {
    let digits = id.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
    digits.is_some_and(|d| d.len() == 3 && d != "000" && d.bytes().all(|b| b.is_ascii_digit()))
}

/// The findings of a stored answer, with their texts. A judge's answer (S-014) has one finding
/// for each dimension below 0.92 that it says how to improve: Critical up to 0.50, Major up to
/// 0.84, else Minor.
///
/// # Errors
/// Why the bytes are not an answer: they were validated before they were stored, so the store or
/// the journal is damaged.
pub fn findings_of(strategy: &StrategyId, bytes: &[u8]) -> Result<Vec<Finding>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "the answer is not UTF-8".to_owned())?;
    let object = Object::parse(text, "the answer")?;
    if strategy.as_str() != "S-014" {
        return findings(&object, None, &[]);
    }
    let given = Object::parse(object.raw("scores").unwrap_or_default(), "`scores`")?;
    let mut found = Vec::new();
    for (dimension, raw) in given.pairs() {
        let one = Object::parse(raw, dimension)?;
        let score = Score::parse(one.raw("score").unwrap_or_default()).map_err(|e| e.to_string())?;
        let improve = one.text("improve", 0, 2_000, dimension)?;
        if score.ten_thousandths() >= 9_200 || improve.trim().is_empty() {
            continue;
        }
        let gaps = one.text("gaps", 0, 2_000, dimension)?;
        found.push(Finding {
            id: format!("LJ-{:03}", found.len() + 1),
            severity: match score.ten_thousandths() {
                0..=5_000 => Severity::Critical,
                5_001..=8_499 => Severity::Major,
                _ => Severity::Minor,
            },
            dimension: dimension.to_owned(),
            location: "the whole".into(),
            quote: String::new(),
            claim: if gaps.trim().is_empty() { improve.clone() } else { gaps },
            remedy: improve,
        });
    }
    Ok(found)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UsageFile {
    #[serde(default)]
    tokens_in: u64,
    #[serde(default)]
    tokens_out: u64,
    micro_usd: Option<u64>,
}

/// What an agent says it used up: `{"tokens_in": 1, "tokens_out": 2, "micro_usd": 3}` in a file
/// beside the answer. No file, or one that says something else, counts as nothing known.
pub fn read_usage(path: &Path) -> Usage {
    let file = read_file(path, 4_096).ok().flatten();
    match file.and_then(|bytes| serde_json::from_slice::<UsageFile>(&bytes).ok()) {
        Some(u) => Usage { tokens_in: u.tokens_in, tokens_out: u.tokens_out, micro_usd: u.micro_usd },
        None => Usage::default(),
    }
}
