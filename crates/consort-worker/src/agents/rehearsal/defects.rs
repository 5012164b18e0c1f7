//! What is wrong with a candidate, from its bytes: the one list that critics pick from and the
//! judge scores by.

use super::document::{SECTIONS, citable, excerpt, handoffs, responses};
use super::room::Room;
use super::strength::{Strength, source_numbers};
use super::sums;
use crate::checks::markdown::Page;
use crate::checks::{acknowledgement, begins_with_word, handoff};

/// What a defect is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Something good work has is not there.
    Lacks(Strength),
    /// A required section or level, or the form of the artifact.
    Form,
    /// A criterion that is not covered.
    Criterion,
    /// A handoff's finding is not answered for.
    Acknowledgement,
    /// An open finding is not answered.
    Unanswered,
    /// No open finding is answered. Critics are silent about it: findings of this very round
    /// are open too, and no candidate can answer those.
    NothingAnswered,
    /// An input that is missing or not used.
    Input,
}

/// One defect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Defect {
    pub(super) kind: Kind,
    pub(super) location: String,
    pub(super) claim: String,
    pub(super) remedy: String,
    pub(super) dimensions: &'static [&'static str],
}

impl Defect {
    /// As far as a reviewer other than S-003 is concerned.
    pub(super) fn severity(&self) -> &'static str {
        match self.kind {
            Kind::Acknowledgement | Kind::Input => "critical",
            Kind::Lacks(Strength::Tidy) => "minor",
            _ => "major",
        }
    }
}

/// All defects of a candidate's prose, in a fixed order.
pub(super) fn all(room: &Room, text: &str) -> Vec<Defect> {
    let page = Page::read(text);
    let mut found = lacks(room, &page, text);
    found.extend(form(room, &page));
    found.extend(criteria(room, &page));
    found.extend(inputs(room, &page));
    found.extend(unanswered(room, &page));
    found
}

fn lacks(room: &Room, page: &Page, text: &str) -> Vec<Defect> {
    let kind = Strength::of_kind(&room.request.task.produces);
    let missing = kind.iter().filter(|s| !s.shows_in(page, text));
    missing
        .map(|strength| {
            let about = strength.about();
            let detail = match strength {
                Strength::Sums => sums::wrong(page).into_iter().next(),
                _ => None,
            };
            Defect {
                kind: Kind::Lacks(*strength),
                location: format!("section {}", about.heading),
                claim: detail.map_or(about.claim.to_owned(), |d| format!("{} {d}", about.claim)),
                remedy: about.remedy.to_owned(),
                dimensions: about.dimensions,
            }
        })
        .collect()
}

fn defect(kind: Kind, at: &str, claim: String, remedy: String, dims: &'static [&'static str]) -> Defect {
    Defect { kind, location: at.to_owned(), claim, remedy, dimensions: dims }
}

fn form(room: &Room, page: &Page) -> Vec<Defect> {
    let dims: &'static [&'static str] = &["completeness", "internal_consistency"];
    let mut found = Vec::new();
    let mut missing = |claim: String, remedy: String| {
        found.push(defect(Kind::Form, "the outline", claim, remedy, dims));
    };
    if page.headings.iter().filter(|h| h.level == 1).count() != 1 {
        missing("There is not exactly one title.".into(), "Give the work one title.".into());
    }
    for title in SECTIONS {
        if page.section(title).is_none_or(|s| s.text().trim().is_empty()) {
            missing(
                format!("The section {title} is missing or empty."),
                format!("Write the section {title}."),
            );
        }
    }
    for level in &room.request.levels {
        let is_level = page.section_where(|h| h.level == 2 && begins_with_word(&h.text, &level.id));
        if is_level.is_none_or(|s| s.text().trim().is_empty()) {
            missing(
                format!("The level {} is missing or empty.", level.id),
                format!("Write level {}.", level.id),
            );
        }
    }
    if !sums::weights(&room.request.task.text).is_empty() {
        let tables =
            page.section("Weighted comparison").map_or(0, |s| s.tables().filter(|t| whole(t)).count());
        if tables == 0 {
            missing(
                "The task declares weights, and no whole table weighs by them.".into(),
                "Write a section Weighted comparison with a row per dimension and a total.".into(),
            );
        }
    }
    if let Some(spec) = &room.request.handoff {
        for wrong in handoff::check(page, &spec.key_content, &citable(room)) {
            missing(wrong, "Write the handoff in its form.".into());
        }
    }
    found
}

/// A comparison has a total and at least two rows above it.
fn whole(table: &crate::checks::markdown::Table) -> bool {
    let last = table.rows.last().and_then(|r| r.first());
    table.rows.len() >= 3 && last.is_some_and(|c| c.text == "Total")
}

fn criteria(room: &Room, page: &Page) -> Vec<Defect> {
    let rows: Vec<_> =
        page.section("Criteria").into_iter().flat_map(|s| s.tables().flat_map(|t| &t.rows)).collect();
    let mut found = Vec::new();
    for (at, criterion) in room.request.criteria.iter().enumerate() {
        let number = (at + 1).to_string();
        let covered = rows.iter().any(|r| {
            let cell = |i: usize| r.get(i).map_or("", |c| c.text.as_str());
            cell(0) == number && !cell(1).is_empty() && page.has_heading(cell(2))
        });
        if !covered {
            found.push(defect(
                Kind::Criterion,
                "section Criteria",
                format!("Criterion {number} is not covered: {}.", criterion.name),
                format!("Say under Criteria where criterion {number} is met."),
                &["completeness", "traceability"],
            ));
        }
    }
    found
}

/// Inputs that are not there or not listed, and findings of handoffs that are not answered for.
fn inputs(room: &Room, page: &Page) -> Vec<Defect> {
    let dims: &'static [&'static str] = &["traceability", "evidence_quality"];
    let listed: Vec<String> = page
        .section("Sources")
        .into_iter()
        .flat_map(|s| s.tables().flat_map(|t| &t.rows))
        .filter_map(|row| row.get(1))
        .map(|cell| cell.text.clone())
        .collect();
    let mut found = Vec::new();
    for source in &room.sources {
        let remedy = || format!("List {} under Sources and use it.", source.path);
        if source.text.is_none() && source.kind != crate::agents::request::InputKind::File {
            let claim = format!("The input {} is not there.", source.path);
            found.push(defect(Kind::Input, "the inputs", claim, remedy(), dims));
        }
        if !listed.contains(&source.path) {
            let claim = format!("The input {} is not among the sources.", source.path);
            found.push(defect(Kind::Input, "section Sources", claim, remedy(), dims));
        }
    }
    if source_numbers(page).len() <= room.sources.len() {
        let claim = "Sources are not numbered throughout.".to_owned();
        found.push(defect(Kind::Input, "section Sources", claim, "Number each source.".into(), dims));
    }
    for wrong in acknowledgement::check(page, &handoffs(room)) {
        let at = "section Handoff acknowledgement";
        found.push(defect(
            Kind::Acknowledgement,
            at,
            wrong,
            "Answer for each finding of each handoff.".into(),
            dims,
        ));
    }
    found
}

fn unanswered(room: &Room, page: &Page) -> Vec<Defect> {
    let dims: &'static [&'static str] = &["completeness", "actionability"];
    let at = "section Responses to findings";
    let open = &room.request.open_findings;
    if !open.is_empty() && page.section("Responses to findings").is_none() {
        let claim = format!("There is no section Responses to findings for {} open findings.", open.len());
        let remedy = "Answer each open finding under Responses to findings.".to_owned();
        return vec![defect(Kind::NothingAnswered, at, claim, remedy, dims)];
    }
    let rows = responses(page);
    let mut found = Vec::new();
    for finding in open {
        let says = excerpt(finding);
        let answered = rows
            .iter()
            .any(|(id, claim, heading)| *id == finding.id && *claim == says && page.has_heading(heading));
        if !answered {
            let claim = format!("The finding {} is not answered: {says}", finding.id);
            let remedy = format!("Answer {}. {}", finding.id, finding.remedy);
            found.push(defect(Kind::Unanswered, at, claim, remedy, dims));
        }
    }
    found
}
