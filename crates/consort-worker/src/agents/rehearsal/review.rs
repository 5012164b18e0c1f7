//! Critics and judge: answers computed from the candidate's bytes.

use super::defects::{self, Defect, Kind};
use super::room::{Room, clean};
use super::strength::{Strength, source_numbers};
use crate::agents::request::{AnswerBrief, StrategyBrief};
use crate::checks::markdown::Page;
use consort_core::quality::Score;
use serde_json::{Value, json};

/// What a critic looks for, by strategy.
fn area(strategy: &str, defect: &Defect) -> bool {
    use Strength::*;
    let lacks = |all: &[Strength]| matches!(defect.kind, Kind::Lacks(s) if all.contains(&s));
    let is = |all: &[Kind]| all.contains(&defect.kind);
    match strategy {
        "S-001" => lacks(&[Risks, Assumptions]) || is(&[Kind::Unanswered]),
        "S-002" => lacks(&[Objections, Evidence]) || is(&[Kind::Unanswered]),
        "S-003" => lacks(&[Evidence, Steps]),
        "S-004" => lacks(&[Risks, Steps]) || is(&[Kind::Unanswered]),
        "S-007" => lacks(&[Method, Tidy]) || is(&[Kind::Form, Kind::Criterion, Kind::Acknowledgement]),
        "S-011" => lacks(&[Sums, Evidence]) || is(&[Kind::Input, Kind::Acknowledgement]),
        "S-012" => lacks(&[Method, Risks, Steps]) || is(&[Kind::Form]),
        "S-013" => lacks(&[Assumptions, Objections]),
        _ => true,
    }
}

/// A critic's answer: a finding for each defect in its strategy's area, and one for what it
/// noticed beside it.
pub(super) fn review(room: &Room, text: &str, strategy: &StrategyBrief, answer: &AnswerBrief) -> Value {
    let mut all = defects::all(room, text);
    all.retain(|d| d.kind != Kind::NothingAnswered);
    let (own, other): (Vec<&Defect>, Vec<&Defect>) = all.iter().partition(|d| area(&strategy.id, d));
    let constructive = strategy.id == "S-003";
    let mut findings: Vec<Value> = Vec::new();
    let mut add = |severity: &str, dims: &[&str], at: &str, claim: &str, remedy: &str| {
        findings.push(json!({
            "id": format!("{}-{:03}", strategy.prefix, findings.len() + 1),
            "severity": severity,
            "dimension": dimension(answer, dims),
            "location": clean(at, 200),
            "quote": "",
            "claim": clean(claim, 1_500),
            "remedy": clean(remedy, 1_500),
        }));
    };
    for defect in own.iter().take(30) {
        let severity = if constructive { "minor" } else { defect.severity() };
        add(severity, defect.dimensions, &defect.location, &defect.claim, &defect.remedy);
    }
    if let Some(first) = other.first() {
        let claims: Vec<&str> = other.iter().take(10).map(|d| d.claim.as_str()).collect();
        let remedies: Vec<&str> = other.iter().take(10).map(|d| d.remedy.as_str()).collect();
        let claim = format!("Beside what {} looks for: {}", strategy.id, claims.join(" "));
        add("minor", first.dimensions, &first.location, &claim, &remedies.join(" "));
    }
    let summary = match findings.len() {
        0 => format!("Rehearsal. {} finds nothing open.", strategy.name),
        n => format!("Rehearsal. {} has {n} findings from the features of the text.", strategy.name),
    };
    json!({ "nonce": answer.nonce, "findings": findings, "summary": summary })
}

/// What a critic says that did not look.
pub(super) fn praise(answer: &AnswerBrief) -> Value {
    json!({ "nonce": answer.nonce, "findings": [], "summary": "Rehearsal. All is well." })
}

/// The first of a defect's dimensions that the request knows.
fn dimension(answer: &AnswerBrief, dims: &[&str]) -> String {
    let known = answer.dimensions.iter().find(|d| dims.contains(&d.id.as_str()));
    known.or(answer.dimensions.first()).map_or_else(|| "quality".to_owned(), |d| d.id.clone())
}

/// A judge's answer. Work without a known defect is excellent throughout; with one, it is
/// excellent in nothing and weak where the defect bites.
/// `forced` is what a script makes it say instead.
pub(super) fn judge(room: &Room, text: &str, answer: &AnswerBrief, forced: Option<Score>) -> Value {
    let all = defects::all(room, text);
    let page = Page::read(text);
    let scores: serde_json::Map<String, Value> = answer
        .dimensions
        .iter()
        .map(|dimension| {
            let id = dimension.id.as_str();
            // A project's own dimension suffers from everything.
            let own = super::strength::known_dimension(id);
            let hurt: Vec<&Defect> = all.iter().filter(|d| !own || d.dimensions.contains(&id)).collect();
            let score = score(room, &page, id, &hurt, all.len());
            let gaps: Vec<&str> = hurt.iter().take(8).map(|d| d.claim.as_str()).collect();
            let improve: Vec<&str> = hurt.iter().take(8).map(|d| d.remedy.as_str()).collect();
            // Four decimals come through a JSON value as they are: it prints the shortest literal.
            let literal = forced.map_or_else(|| format!("0.{score:04}"), |f| f.to_string());
            let one = json!({
                "score": serde_json::from_str::<Value>(&literal).unwrap_or(Value::Null),
                "evidence": evidence(&page, text, id),
                "gaps": clean(&gaps.join(" "), 1_500),
                "improve": clean(&improve.join(" "), 1_500),
            });
            (dimension.id.clone(), one)
        })
        .collect();
    let mut given = json!({ "nonce": answer.nonce, "scores": scores });
    if !room.request.criteria.is_empty() {
        given["criteria"] = criteria(room, &all, &page, text);
    }
    given
}

/// A criterion is met where the work says under Criteria where.
fn criteria(room: &Room, defects: &[Defect], page: &Page, text: &str) -> Value {
    let judged = (1..=room.request.criteria.len()).map(|number| {
        let open = format!("Criterion {number} is not covered");
        let met = !defects.iter().any(|d| d.claim.starts_with(&open));
        let why = if met { "The table under Criteria says where." } else { "Nothing says where." };
        let evidence = if met { evidence(page, text, "traceability") } else { Vec::new() };
        json!({ "met": met, "why": why, "evidence": evidence })
    });
    Value::Array(judged.collect())
}

/// In ten-thousandths. What there is to see of a dimension moves a score within its band.
fn score(room: &Room, page: &Page, dimension: &str, hurt: &[&Defect], defects: usize) -> usize {
    let wealth = match dimension {
        "evidence_quality" | "traceability" => source_numbers(page).len(),
        "completeness" => page.headings.len() / 4,
        "actionability" => page.tables.len(),
        "methodological_rigor" => page.items.len() / 4,
        _ => room.request.criteria.len(),
    };
    let wealth = 25 * wealth.min(8);
    if defects == 0 {
        return 9_550 + wealth;
    }
    let untouched = 8_900 + wealth - 50 * (defects - 1).min(8);
    if hurt.is_empty() {
        return untouched;
    }
    let weight = |d: &&Defect| match d.severity() {
        "critical" => 1_500,
        "major" => 900,
        _ => 400,
    };
    let mut losses: Vec<usize> = hurt.iter().map(weight).collect();
    losses.sort_unstable_by(|a, b| b.cmp(a));
    // The first defect weighs in full; each further one a third.
    let loss: usize = losses.iter().enumerate().map(|(at, l)| if at == 0 { *l } else { l / 3 }).sum();
    (9_050 + wealth).saturating_sub(loss).clamp(3_000, untouched)
}

/// Lines of the candidate that were looked at: of the dimension's own section first.
fn evidence(page: &Page, text: &str, dimension: &str) -> Vec<Value> {
    let title = match dimension {
        "evidence_quality" => "Sources",
        "traceability" => "Criteria",
        "actionability" => "Next steps",
        "methodological_rigor" => "Method",
        "internal_consistency" => "Findings",
        _ => "Summary",
    };
    let own = page.section(title).map(|s| s.text().to_owned()).unwrap_or_default();
    let lines = own.lines().map(|l| (title, l)).chain(text.lines().map(|l| ("the whole", l)));
    let mut chosen: Vec<(&str, String)> = Vec::new();
    for (place, line) in lines {
        let quote: String = line.trim().chars().take(200).collect();
        let letters = quote.chars().filter(|c| c.is_alphanumeric()).count();
        let known = |(_, other): &(&str, String)| other.contains(&quote) || quote.contains(other.as_str());
        if letters >= 16 && !chosen.iter().any(known) {
            chosen.push((place, quote));
        }
        if chosen.len() == 3 {
            break;
        }
    }
    chosen.into_iter().map(|(place, quote)| json!({ "location": place, "quote": quote })).collect()
}
