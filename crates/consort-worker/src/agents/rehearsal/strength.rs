//! What good work has: the things a first draft lacks, reviewers look for and a revision adds.

use crate::checks::markdown::Page;

/// One thing that good work has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    Method,
    Objections,
    Evidence,
    Steps,
    Sums,
    Risks,
    Assumptions,
    Tidy,
}

/// How reviewers speak of it and what it touches.
pub(super) struct About {
    /// Where it shows.
    pub(super) heading: &'static str,
    /// What is wrong without it.
    pub(super) claim: &'static str,
    /// What would be right; creators look for these words.
    pub(super) remedy: &'static str,
    /// Quality dimensions that suffer.
    pub(super) dimensions: &'static [&'static str],
}

impl Strength {
    /// All, in the order of a document.
    pub(super) const ALL: [Strength; 8] = [
        Strength::Sums,
        Strength::Evidence,
        Strength::Method,
        Strength::Objections,
        Strength::Risks,
        Strength::Assumptions,
        Strength::Steps,
        Strength::Tidy,
    ];

    /// What work of a kind (`document`, `handoff`, `change`, `data`) must have.
    pub(super) fn of_kind(kind: &str) -> &'static [Strength] {
        use Strength::*;
        match kind {
            "handoff" => &[Sums, Evidence, Steps, Tidy],
            "document" => &Strength::ALL,
            _ => &[Sums, Evidence, Method, Assumptions, Steps, Tidy],
        }
    }

    /// What a first draft has already.
    pub(super) const FIRST_DRAFT: [Strength; 3] = [Strength::Sums, Strength::Risks, Strength::Assumptions];

    pub(super) fn about(self) -> About {
        let about = |heading, claim, remedy, dimensions| About { heading, claim, remedy, dimensions };
        match self {
            Strength::Sums => about(
                "Sources",
                "The arithmetic of a table is wrong.",
                "Correct the totals and products of every table.",
                &["internal_consistency", "evidence_quality"],
            ),
            Strength::Evidence => about(
                "Findings",
                "Findings stand there without a numbered source.",
                "Cite a numbered source in every finding.",
                &["evidence_quality", "traceability"],
            ),
            Strength::Method => about(
                "Method",
                "The work does not say how it came to its findings.",
                "Add a section Method with at least three numbered steps.",
                &["methodological_rigor"],
            ),
            Strength::Objections => about(
                "Objections",
                "The opposite case is not argued anywhere.",
                "Add a section Objections that states the strongest objections and answers them.",
                &["internal_consistency"],
            ),
            Strength::Risks => about(
                "Risks",
                "Risks have no mitigation.",
                "Add a section Risks with a mitigation for each risk.",
                &["completeness"],
            ),
            Strength::Assumptions => about(
                "Assumptions",
                "The work does not state what it takes for granted.",
                "Add a section Assumptions that says what follows if each is wrong.",
                &["methodological_rigor"],
            ),
            Strength::Steps => about(
                "Next steps",
                "Nobody can tell from the work what to do next, or when it is done.",
                "Add a section Next steps with a table of steps, owners and how one sees that each is done.",
                &["actionability"],
            ),
            Strength::Tidy => about(
                "Limits",
                "A note TBD was left in the text.",
                "Take out the note TBD.",
                &["completeness"],
            ),
        }
    }

    /// Whether a page has it.
    pub(super) fn shows_in(self, page: &Page, text: &str) -> bool {
        let items = |title: &str, numbered: bool| {
            page.section(title).map_or(0, |s| s.items().filter(|i| i.numbered == numbered).count())
        };
        let rows = |title: &str, columns: usize| {
            let full = |r: &&Vec<_>| filled(r, columns);
            page.section(title).map_or(0, |s| s.tables().flat_map(|t| &t.rows).filter(full).count())
        };
        match self {
            Strength::Method => items("Method", true) >= 3,
            Strength::Objections => items("Objections", false) >= 2,
            Strength::Assumptions => items("Assumptions", false) >= 2,
            Strength::Risks => rows("Risks", 2) >= 2,
            Strength::Steps => rows("Next steps", 3) >= 2,
            Strength::Sums => has_totals(page) && super::sums::wrong(page).is_empty(),
            Strength::Evidence => cited(page),
            Strength::Tidy => !text.contains("TBD:"),
        }
    }
}

fn filled(row: &[crate::checks::markdown::Cell], columns: usize) -> bool {
    row.len() >= columns && row[..columns].iter().all(|c| !c.text.is_empty())
}

/// The table of sources ends in a total with two numbers.
fn has_totals(page: &Page) -> bool {
    let last = page.section("Sources").and_then(|s| s.tables().next()).and_then(|t| t.rows.last());
    last.is_some_and(|row| {
        let number = |c: &&crate::checks::markdown::Cell| c.text.parse::<u64>().is_ok();
        row.iter().any(|c| c.text == "Total") && row.iter().filter(number).count() == 2
    })
}

/// Numbers of the listed sources.
pub(super) fn source_numbers(page: &Page) -> Vec<String> {
    let rows = page.section("Sources").into_iter().flat_map(|s| s.tables().flat_map(|t| &t.rows));
    rows.filter_map(|r| r.first()).map(|c| c.text.clone()).filter(|t| t.parse::<u32>().is_ok()).collect()
}

/// Every point under `Findings`, bulleted or headed, cites a source that is listed.
fn cited(page: &Page) -> bool {
    let Some(section) = page.section("Findings") else { return false };
    let numbers = source_numbers(page);
    let cites = |text: &str| numbers.iter().any(|n| text.contains(&format!("[{n}]")));
    let heads: Vec<usize> = section.headings().collect();
    let mut points = section.items().map(|i| i.text.clone()).collect::<Vec<_>>();
    points.extend(heads.iter().map(|at| page.section_at(*at).text().to_owned()));
    !points.is_empty() && points.iter().all(|p| cites(p))
}

/// Whether defects know this dimension.
pub(super) fn known_dimension(id: &str) -> bool {
    crate::agents::strategies::RUBRIC.iter().any(|(name, _)| *name == id)
}
