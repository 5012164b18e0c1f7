//! What a consumer did with each finding of each handoff: used where, or declined why.

use super::handoff::{is_id, parse_handoff};
use super::markdown::Page;

/// The section that answers.
pub const SECTION: &str = "Handoff acknowledgement";

/// More rows than all handoffs of a task have findings: the rest is not read.
const ROWS_MAX: usize = 2_000;

/// A consumed handoff with its accepted text.
#[derive(Clone, Copy, Debug)]
pub struct HandoffText<'a> {
    /// Relative to the repository; its last folders name barrier and direction.
    pub path: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// `<barrier>/<source>-to-<target>/F-001`, as written.
    pub finding: String,
    /// As written; `used` or `declined` if it is right.
    pub verdict: String,
    /// Where it is used, or why it is declined.
    pub note: String,
}

/// `<barrier>/<source>-to-<target>` of a handoff's path.
pub fn handoff_key(path: &str) -> Option<String> {
    let mut parts = path.rsplit('/').skip(1);
    let (direction, barrier) = (parts.next()?, parts.next()?);
    Some(format!("{barrier}/{direction}"))
}

/// The full ids of a handoff's findings, in order.
pub fn finding_ids(handoff: &HandoffText<'_>) -> Vec<String> {
    let key = handoff_key(handoff.path).unwrap_or_default();
    parse_handoff(handoff.text).findings.iter().map(|f| format!("{key}/{}", f.id)).collect()
}

/// The rows of the table, in order; empty if there is no such section or table.
pub fn parse_acknowledgements(text: &str) -> Vec<Acknowledgement> {
    parse(&Page::read(text))
}

/// Like [`parse_acknowledgements`], of a page that was read already.
pub fn parse(page: &Page) -> Vec<Acknowledgement> {
    let Some(section) = page.section(SECTION) else { return Vec::new() };
    let cell =
        |row: &[super::markdown::Cell], at: usize| row.get(at).map(|c| c.text.clone()).unwrap_or_default();
    section
        .tables()
        .flat_map(|t| &t.rows)
        .take(ROWS_MAX)
        .map(|row| Acknowledgement { finding: cell(row, 0), verdict: cell(row, 1), note: cell(row, 2) })
        .collect()
}

/// What is wrong with a consumer's answers, in sentences; empty if every finding of every handoff
/// is answered exactly once.
pub fn check(page: &Page, handoffs: &[HandoffText<'_>]) -> Vec<String> {
    if handoffs.is_empty() {
        return Vec::new();
    }
    if page.section(SECTION).is_none() {
        return vec![format!(
            "there is no section `## {SECTION}` with a table `| Finding | Verdict | Where or why |`"
        )];
    }
    let rows = parse(page);
    let known: Vec<String> = handoffs.iter().flat_map(finding_ids).collect();
    let mut wrong = Vec::new();
    for id in &known {
        match rows.iter().filter(|r| r.finding == *id).count() {
            1 => {}
            0 => {
                wrong.push(format!("`{id}` is not answered; add a row that says where it is used or why not"))
            }
            n => wrong.push(format!("`{id}` stands there {n} times; it must stand there once")),
        }
    }
    for row in &rows {
        if !known.contains(&row.finding) {
            wrong.push(unknown(&row.finding));
        } else {
            wrong.extend(wrong_row(page, row));
        }
    }
    wrong
}

fn unknown(id: &str) -> String {
    match id.rsplit('/').next().is_some_and(is_id) && id.matches('/').count() == 2 {
        true => format!("`{id}` is not a finding of a handoff among the inputs; take the row out"),
        false => format!("`{id}` is not a finding's full id; write `<barrier>/<source>-to-<target>/F-001`"),
    }
}

fn wrong_row(page: &Page, row: &Acknowledgement) -> Option<String> {
    let id = &row.finding;
    match row.verdict.as_str() {
        "used" if page.has_heading(&row.note) && row.note != SECTION => None,
        "used" => Some(format!(
            "`{id}` is used in `{}`, which is no other heading of this document; name one word by word",
            row.note
        )),
        "declined" if row.note.chars().any(char::is_alphanumeric) => None,
        "declined" => Some(format!("`{id}` is declined without a reason; write it in the third column")),
        other => Some(format!("the verdict on `{id}` is `{other}`; it may be `used` or `declined`")),
    }
}
