//! The form of a handoff: numbered findings that cite lines of their sources, and which of them
//! treat the expected content. What it says of itself is read in [`super::envelope`].

use super::citation::{self, Citation};
use super::envelope;
use super::markdown::{Page, plain};
use crate::words::one_line;

/// Sections that a handoff has, at the second level.
pub const SECTIONS: [&str; 6] = ["Summary", "Findings", "Key content", "Confidence", "Blockers", "Sources"];

/// Most findings of one handoff: each must be answered for by each of its consumers.
pub const FINDINGS_MAX: usize = 100;

/// Largest handoff, in bytes: it carries findings, the work itself stays where it is.
pub const HANDOFF_BYTES_MAX: usize = 64 * 1024;

/// What a handoff may cite: an input of its task.
#[derive(Clone, Copy, Debug)]
pub struct SourceText<'a> {
    /// Relative to the repository.
    pub path: &'a str,
    /// Its accepted text.
    pub text: &'a str,
}

/// A handoff, as far as it can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParsedHandoff {
    /// In order.
    pub findings: Vec<HandoffFinding>,
    /// Expected content, as written, with the ids of findings that treat it.
    pub key_content: Vec<(String, Vec<String>)>,
}

/// A numbered finding of a handoff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandoffFinding {
    /// Such as `F-001`.
    pub id: String,
    /// What stands behind the id in its heading.
    pub title: String,
    /// What stands under the heading, trimmed.
    pub body: String,
    /// Lines of its sources that it names, as far as they can be read.
    pub cites: Vec<Citation>,
}

/// Reads findings and key content from a handoff's text; what is not in the form is left out.
pub fn parse_handoff(text: &str) -> ParsedHandoff {
    parse(&Page::read(text))
}

pub(super) fn parse(page: &Page) -> ParsedHandoff {
    let mut parsed = ParsedHandoff::default();
    if let Some(section) = page.section("Findings") {
        let heads = section.headings().filter(|at| page.headings[*at].level == 3);
        for at in heads.take(FINDINGS_MAX + 1) {
            let heading = &page.headings[at].text;
            let Some((id, title)) = heading.split_once(':') else { continue };
            if is_id(id.trim()) {
                let body = page.section_at(at).text().trim().to_owned();
                parsed.findings.push(HandoffFinding {
                    id: id.trim().to_owned(),
                    title: title.trim().to_owned(),
                    cites: citation::all(&body).into_iter().flatten().collect(),
                    body,
                });
            }
        }
    }
    if let Some(table) = page.section("Key content").and_then(|s| s.tables().next()) {
        for row in table.rows.iter().take(10 * FINDINGS_MAX) {
            let (Some(item), Some(ids)) = (row.first(), row.get(1)) else { continue };
            let ids = ids.text.split(|c: char| c == ',' || c.is_whitespace());
            let ids = ids.filter(|w| !w.is_empty()).map(str::to_owned).collect();
            parsed.key_content.push((item.raw.clone(), ids));
        }
    }
    parsed
}

/// `F-` and three digits.
pub fn is_id(text: &str) -> bool {
    text.strip_prefix("F-").is_some_and(|d| d.len() == 3 && d.bytes().all(|b| b.is_ascii_digit()))
}

/// What is wrong with a handoff, in sentences. `sources` are the inputs of its task.
pub fn check(page: &Page, key_content: &[String], sources: &[SourceText<'_>]) -> Vec<String> {
    let mut wrong = Vec::new();
    if page.text().len() > HANDOFF_BYTES_MAX {
        wrong.push(format!(
            "it has {} bytes, and {HANDOFF_BYTES_MAX} is the most for a handoff; carry findings over and leave \
             the work where it is",
            page.text().len()
        ));
    }
    for title in SECTIONS {
        if page.section(title).is_none() {
            wrong.push(format!("there is no section `## {title}`"));
        }
    }
    let parsed = parse(page);
    wrong.extend(check_findings(page, &parsed));
    let sources: Vec<citation::Cited> = sources.iter().map(citation::Cited::of).collect();
    for finding in &parsed.findings {
        wrong.extend(citation::check(&finding.id, &finding.body, &sources));
    }
    wrong.extend(envelope::check(page));
    for item in key_content {
        let row = parsed.key_content.iter().find(|(raw, _)| same(raw, item));
        match row {
            None => wrong.push(format!(
                "`## Key content` has no row whose first column is, word by word: {}",
                one_line(item)
            )),
            Some((_, ids)) if ids.is_empty() => {
                wrong.push(format!("`## Key content` names no finding for: {}", one_line(item)));
            }
            Some((_, ids)) => {
                let unknown = ids.iter().find(|id| !parsed.findings.iter().any(|f| f.id == **id));
                if let Some(unknown) = unknown {
                    wrong.push(format!(
                        "`## Key content` names `{unknown}`, which is no finding here; write ids such as `F-001, F-002`"
                    ));
                }
            }
        }
    }
    wrong
}

fn check_findings(page: &Page, parsed: &ParsedHandoff) -> Vec<String> {
    let mut wrong = Vec::new();
    if parsed.findings.is_empty() {
        wrong.push(
            "`## Findings` has no finding; write each as `### F-001: title` with a text under it".into(),
        );
    }
    if parsed.findings.len() > FINDINGS_MAX {
        return vec![format!("there are more than {FINDINGS_MAX} findings; carry over those that matter")];
    }
    let headed = page
        .section("Findings")
        .map_or(0, |s| s.headings().filter(|at| page.headings[*at].level == 3).count());
    if headed > parsed.findings.len() {
        wrong.push("a third-level heading under `## Findings` is not of the form `### F-001: title`".into());
    }
    for (at, finding) in parsed.findings.iter().enumerate() {
        let right = format!("F-{:03}", at + 1);
        if finding.id != right {
            wrong.push(format!(
                "finding {} is `{}`; numbered without a gap it is `{right}`",
                at + 1,
                finding.id
            ));
            break;
        }
    }
    for finding in &parsed.findings {
        if finding.title.is_empty() || finding.body.is_empty() {
            wrong.push(format!("`{}` needs a title and a text under its heading", finding.id));
        }
    }
    wrong
}

/// Word by word, with or without markup.
fn same(raw: &str, item: &str) -> bool {
    one_line(raw) == one_line(item) || plain(raw) == plain(item)
}
