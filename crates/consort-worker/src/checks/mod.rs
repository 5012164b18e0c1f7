//! Deterministic checks of what agents made. They say what is wrong and what would be right,
//! and never repair anything.

pub mod acknowledgement;
pub mod citation;
pub mod deleted;
pub mod envelope;
pub mod expression;
pub mod form;
pub mod handoff;
pub mod lint;
pub mod list;
pub mod markdown;
pub mod prose;

use acknowledgement::HandoffText;
use consort_core::plan::{Output, Task, TaskKind};
use consort_core::run::{InputRef, Problem};
use handoff::SourceText;
use markdown::Page;

/// Most problems that are told at once; more would not help.
pub const PROBLEMS_MAX: usize = 12;
/// Largest artifact that is read as a document, in bytes.
pub const DOCUMENT_BYTES_MAX: usize = 2 * 1024 * 1024;
const TEXT_MAX: usize = 240;

/// Checks the declared outputs of a captured candidate, in any order: for a document the first
/// declared path is the artifact, for a change `files` are those that changed. `inputs` are consumed
/// handoffs and, if this is a handoff, its sources, with their accepted texts.
pub fn check_candidate(
    task: &Task,
    files: &[(String, Vec<u8>)],
    inputs: &[(InputRef, String)],
) -> Vec<Problem> {
    let mut found = Vec::new();
    let handoffs = &texts(inputs, true)[..];
    if matches!(task.output, Output::Change { .. }) {
        return tidy(answered_somewhere(files, handoffs));
    }
    for (path, bytes) in files {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            found.push(problem("content", format!("`{path}` is empty; it must hold the work")));
        }
        if path.ends_with(".json")
            && let Err(e) = serde_json::from_slice::<serde::de::IgnoredAny>(bytes)
        {
            found.push(problem("content", format!("`{path}` is not JSON: {e}")));
        }
    }
    let judged = files.iter().find(|(path, _)| task.output.paths().first() == Some(path));
    match (&task.output, judged) {
        (Output::Document { .. }, None) => found.push(problem("content", "the artifact is not there".into())),
        (Output::Document { .. }, Some((path, bytes))) => match std::str::from_utf8(bytes) {
            Ok(text) if path.ends_with(".md") => found.extend(check_document(task, text, inputs)),
            Ok(_) => found.extend(answered_somewhere(files, handoffs)),
            Err(_) => found.push(problem("content", format!("`{path}` is not UTF-8"))),
        },
        _ => found.extend(answered_somewhere(files, handoffs)),
    }
    tidy(found)
}

/// Checks a Markdown artifact: one title, the declared levels, a handoff's form, and an answer to
/// each finding of each consumed handoff. At most [`PROBLEMS_MAX`] problems.
pub fn check_document(task: &Task, text: &str, inputs: &[(InputRef, String)]) -> Vec<Problem> {
    if text.trim().is_empty() {
        return vec![problem("content", "the artifact is empty; it must hold the work".into())];
    }
    if text.len() > DOCUMENT_BYTES_MAX {
        let text =
            format!("the artifact has {} bytes; {DOCUMENT_BYTES_MAX} is the most for a document", text.len());
        return vec![problem("content", text)];
    }
    let page = Page::read(text);
    let mut found = Vec::new();
    match page.headings.iter().filter(|h| h.level == 1).count() {
        1 => {}
        // Only what is made in a workflow has to have that form.
        _ if task.given.is_some() => {}
        n => found.push(problem(
            "title",
            format!("the artifact has {n} headings of the first level; it must have exactly one"),
        )),
    }
    for level in &task.levels {
        if !page.headings.iter().any(|h| h.level == 2 && begins_with_word(&h.text, level)) {
            found.push(problem(
                "sections",
                format!(
                    "there is no second-level heading that begins with `{level}`, such as `## {level}: ...`"
                ),
            ));
        }
    }
    if let TaskKind::Handoff(spec) = &task.kind {
        let sources: Vec<SourceText> =
            texts(inputs, false).into_iter().map(|h| SourceText { path: h.path, text: h.text }).collect();
        let wrong = handoff::check(&page, &spec.key_content, &sources);
        found.extend(wrong.into_iter().map(|t| problem("handoff", t)));
    }
    found.extend(acknowledged(&page, &texts(inputs, true)));
    found.extend(linted(text));
    tidy(found)
}

/// Rules whose faults keep a candidate from its reviewers: what a machine can compute needs no
/// judgement.
pub const GATE_RULES: [&str; 12] = [
    "weighted-table",
    "sensitivity",
    "mismatch",
    "count",
    "percent",
    "arithmetic",
    "dates",
    "table-shape",
    "links",
    "sections",
    "front-matter",
    "enum",
];

/// One problem for each fault; where a rule has many, several in one, so that each wrong cell is
/// named within [`PROBLEMS_MAX`] problems.
fn linted(text: &str) -> Vec<Problem> {
    let options = lint::Options { rules: GATE_RULES.map(str::to_owned).to_vec(), ..Default::default() };
    let faults = lint::lint(text, &options);
    let mut found = Vec::new();
    for rule in GATE_RULES {
        let of_rule: Vec<&lint::Fault> = faults.iter().filter(|f| f.rule == rule).collect();
        let check = format!("lint:{rule}");
        if of_rule.len() <= 2 {
            found.extend(of_rule.iter().map(|f| problem(&check, told(f))));
            continue;
        }
        let mut packed = String::new();
        for fault in of_rule {
            let part = brief(fault);
            if packed.len() + part.len() + 2 > TEXT_MAX && !packed.is_empty() {
                found.push(problem(&check, std::mem::take(&mut packed)));
            }
            packed += if packed.is_empty() { "" } else { "; " };
            packed += &part;
        }
        found.push(problem(&check, packed));
    }
    found
}

fn told(fault: &lint::Fault) -> String {
    let at = format!("line {}: {}", fault.line, fault.message);
    match (&fault.stated, &fault.computed) {
        (Some(stated), Some(computed)) => format!("{at}: stated {stated}, computed {computed}"),
        _ => at,
    }
}

fn brief(fault: &lint::Fault) -> String {
    match (&fault.stated, &fault.computed) {
        (Some(stated), Some(computed)) if stated.len() + computed.len() <= 40 => {
            format!("line {}: {stated} stated, {computed} computed", fault.line)
        }
        _ => told(fault),
    }
}

/// Texts of the inputs that are handoffs, or of those that are not.
fn texts(inputs: &[(InputRef, String)], handoffs: bool) -> Vec<HandoffText<'_>> {
    let wanted = inputs.iter().filter(|(of, _)| of.handoff == handoffs);
    wanted.map(|(of, text)| HandoffText { path: &of.path, text }).collect()
}

fn acknowledged(page: &Page, handoffs: &[HandoffText<'_>]) -> Vec<Problem> {
    acknowledgement::check(page, handoffs).into_iter().map(|t| problem("acknowledgement", t)).collect()
}

/// For changes and data: one of the files answers for the handoffs, in Markdown or in comments.
fn answered_somewhere(files: &[(String, Vec<u8>)], handoffs: &[HandoffText<'_>]) -> Vec<Problem> {
    if handoffs.is_empty() {
        return Vec::new();
    }
    let small = files.iter().filter(|(_, bytes)| bytes.len() <= DOCUMENT_BYTES_MAX);
    let pages = small.filter_map(|(path, bytes)| {
        let text = std::str::from_utf8(bytes).ok()?;
        Some(acknowledged(&Page::read(&prose::of_file(path, text)), handoffs))
    });
    pages.min_by_key(Vec::len).unwrap_or_else(|| acknowledged(&Page::read(""), handoffs))
}

/// `L0` begins `L0: Stakeholders` and `L0`, not `L01`.
pub fn begins_with_word(text: &str, word: &str) -> bool {
    text.strip_prefix(word).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
}

pub(crate) fn problem(check: &str, text: String) -> Problem {
    let clean = crate::words::one_line(&text);
    let text = match clean.chars().count() > TEXT_MAX {
        true => clean.chars().take(TEXT_MAX - 3).chain("...".chars()).collect(),
        false => clean,
    };
    Problem { check: check.to_owned(), text }
}

fn tidy(mut found: Vec<Problem>) -> Vec<Problem> {
    found.truncate(PROBLEMS_MAX);
    found
}
