//! Checks of documents, by tables.

use crate::plans::{self, id};
use crate::stage::Stage;
use consort_core::plan::Form;
use consort_core::plan::Task;
use consort_core::run::{InputRef, Problem};
use consort_worker::checks::{PROBLEMS_MAX, acknowledgement, check_candidate, check_document, form, handoff};

fn task(name: &str) -> Task {
    Stage::new(plans::seed()).task(&id(name)).clone()
}

fn shown(found: &[Problem]) -> String {
    assert!(found.len() <= PROBLEMS_MAX);
    assert!(found.iter().all(|p| p.text.chars().count() <= 240 && !p.text.contains('\n')));
    found.iter().map(|p| format!("{}: {}\n", p.check, p.text)).collect()
}

const DOCUMENT: &str =
    "# T\n\n## L0: Stakeholders\na\n\n## L1\nb\n\n## L2 - Orchestrator\nc\n\n## Used here\nd\n";
const PATH: &str = "orchestration/w/cross-pollination/barrier-1/b-to-a/handoff.md";
const HANDOFF: &str = "# H\n\n## Summary\ns\n\n## Findings\n\n### F-001: One\nbody\nSource: `a.md:2-3`\n\n\
                       ### F-002: Two\nbody\nSource: a.md:1\n\n\
                       ## Key content\n\n| Content | Findings |\n|---|---|\n| Worktree constraints and requirements | F-001 |\n\
                       | Environment provisioning needs | F-001, F-002 |\n| **State** coordination | F-002 |\n\n\
                       ## Confidence\n\n0.8: read twice\n\n## Blockers\n\nNone.\n\n## Sources\ns\n";

/// What [`HANDOFF`] cites.
fn source() -> Vec<(InputRef, String)> {
    let input = InputRef { task: Some(id("s")), handoff: false, path: "a.md".into(), hash: None };
    vec![(input, "# A\n\nOne is so.\n".to_owned())]
}

fn consumed() -> Vec<(InputRef, String)> {
    let input = InputRef { task: Some(id("h")), handoff: true, path: PATH.into(), hash: None };
    vec![(input, HANDOFF.to_owned())]
}

fn with_rows(rows: &str) -> String {
    format!(
        "{DOCUMENT}\n## Handoff acknowledgement\n\n| Finding | Verdict | Where or why |\n|---|---|---|\n{rows}"
    )
}

const GOOD_ROWS: &str =
    "| barrier-1/b-to-a/F-001 | used | Used here |\n| `barrier-1/b-to-a/F-002` | declined | out of scope |\n";

#[test]
fn a_document_has_a_title_and_its_levels() {
    let task = task("agent-a-001");
    for (from, to, says) in [
        ("", "", ""),
        ("# T", "T", "0 headings of the first level"),
        ("# T", "# T\n# U", "2 headings of the first level"),
        ("## L0: Stakeholders", "### L0: Stakeholders", "begins with `L0`"),
        ("## L1\n", "## L10\n", "begins with `L1`"),
        ("## L2 - Orchestrator", "```\n## L2\n```\n", "begins with `L2`"),
        ("## L2 - Orchestrator", "> ## L2\n", "begins with `L2`"),
    ] {
        let found = check_document(&task, &DOCUMENT.replacen(from, to, 1), &[]);
        assert_eq!(found.is_empty(), says.is_empty(), "{from} -> {to}: {}", shown(&found));
        assert!(shown(&found).contains(says), "{from} -> {to}: {}", shown(&found));
    }
    assert!(shown(&check_document(&task, " \n", &[])).contains("empty"));
}

#[test]
fn every_finding_of_every_handoff_is_answered_once() {
    let task = task("agent-a-001");
    assert_eq!(shown(&check_document(&task, &with_rows(GOOD_ROWS), &consumed())), "");
    for (rows, says) in [
        ("", "`barrier-1/b-to-a/F-001` is not answered"),
        ("| barrier-1/b-to-a/F-001 | used | Used here |\n", "`barrier-1/b-to-a/F-002` is not answered"),
        (&GOOD_ROWS.replace("F-002", "F-001"), "stands there 2 times"),
        (&GOOD_ROWS.replace("Used here", "Nowhere"), "no other heading"),
        (&GOOD_ROWS.replace("Used here", ""), "no other heading"),
        (&GOOD_ROWS.replace("Used here", "Handoff acknowledgement"), "no other heading"),
        (&GOOD_ROWS.replace("Used here", "used here"), "no other heading"),
        (&GOOD_ROWS.replace("out of scope", ""), "without a reason"),
        (&GOOD_ROWS.replace("out of scope", "..."), "without a reason"),
        (&GOOD_ROWS.replace("| used", "| Used"), "the verdict on"),
        (&GOOD_ROWS.replace("| declined", "| maybe"), "it may be `used` or `declined`"),
        (&GOOD_ROWS.replace("barrier-1/b-to-a/F-002", "F-002"), "not a finding's full id"),
        (
            &format!("{GOOD_ROWS}| barrier-1/b-to-a/F-003 | used | Used here |\n"),
            "not a finding of a handoff",
        ),
        (
            &format!("{GOOD_ROWS}| barrier-1/a-to-b/F-001 | used | Used here |\n"),
            "not a finding of a handoff",
        ),
    ] {
        let found = check_document(&task, &with_rows(rows), &consumed());
        assert!(shown(&found).contains(says), "{rows}: {}", shown(&found));
    }
    assert!(shown(&check_document(&task, DOCUMENT, &consumed())).contains("no section"));
    assert_eq!(shown(&check_document(&task, DOCUMENT, &[])), "");
}

#[test]
fn a_handoff_has_its_form() {
    let task = task("barrier-1_spike-002-to-spike-001");
    assert_eq!(shown(&check_document(&task, HANDOFF, &source())), "");
    let long = HANDOFF.replace("body", &"body ".repeat(10_000));
    assert!(shown(&check_document(&task, &long, &source())).contains("is the most for a handoff"));
    for (from, to, says) in [
        ("Source: a.md:1", "No line says so.", "`F-002` cites no lines of its source"),
        ("a.md:2-3", "a.md:2-4", "lines 2 to 4 of `a.md`, which has 3"),
        ("a.md:2-3", "b.md:1", "`b.md`, which is no input of this handoff"),
        ("## Confidence", "## Sure", "no section `## Confidence`"),
        ("0.8: read twice", "very", "no number from 0 to 1"),
        ("None.", "- a key is missing", "not in the form"),
        ("## Summary", "## Sum", "no section `## Summary`"),
        ("## Sources", "### Sources", "no section `## Sources`"),
        ("### F-001: One", "### F-000: One", "finding 1 is `F-000`"),
        ("### F-002: Two", "### F-003: Two", "finding 2 is `F-003`"),
        ("### F-002: Two", "### F-001: Two", "finding 2 is `F-001`"),
        ("### F-002: Two", "### F-02: Two", "not of the form"),
        ("### F-002: Two", "### Two", "not of the form"),
        ("### F-002: Two\nbody\nSource: a.md:1", "### F-002: Two\n", "needs a title and a text"),
        ("### F-002: Two", "### F-002:", "needs a title and a text"),
        (
            "| Worktree constraints and requirements |",
            "| Worktree constraints |",
            "word by word: Worktree constraints and",
        ),
        ("requirements | F-001", "requirements | ", "names no finding for: Worktree"),
        ("requirements | F-001", "requirements | F-007", "names `F-007`"),
        ("requirements | F-001", "requirements | all", "names `all`"),
        ("## Key content", "## Content", "no section `## Key content`"),
    ] {
        let text = HANDOFF.replacen(from, to, 1);
        assert_ne!(text, HANDOFF, "{from}");
        let found = check_document(&task, &text, &source());
        assert!(shown(&found).contains(says), "{from} -> {to}: {}", shown(&found));
    }
    let bare = HANDOFF.split("### F-001").next().unwrap().to_owned();
    assert!(shown(&check_document(&task, &bare, &[])).contains("has no finding"));
}

#[test]
fn markup_in_expected_content_does_not_stand_in_its_way() {
    let task = task("barrier-1_spike-001-to-spike-002");
    let item =
        "Instance approach options with capabilities/limitations (SDK API surface, CLI `--print` | flags)";
    for cell in [item.replace('|', "\\|"), item.replace('`', "").replace('|', "\\|")] {
        let text = HANDOFF.replace("Worktree constraints and requirements", &cell);
        assert_eq!(shown(&check_document(&task, &text, &source())), "", "{cell}");
    }
    let text = HANDOFF.replace("Worktree constraints and requirements", "Instance approach options");
    assert!(!check_document(&task, &text, &[]).is_empty());
}

#[test]
fn auditors_can_read_both_sides() {
    let parsed = handoff::parse_handoff(HANDOFF);
    let ids: Vec<_> =
        parsed.findings.iter().map(|f| (f.id.as_str(), f.title.as_str(), f.cites[0].from)).collect();
    assert_eq!(ids, [("F-001", "One", 2), ("F-002", "Two", 1)]);
    assert!(parsed.findings[0].body.starts_with("body\nSource"));
    assert_eq!(parsed.key_content[1].1, ["F-001", "F-002"]);
    let rows = acknowledgement::parse_acknowledgements(&with_rows(GOOD_ROWS));
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[1].finding.as_str(), rows[1].verdict.as_str()), ("barrier-1/b-to-a/F-002", "declined"));
    assert_eq!(acknowledgement::handoff_key(PATH).as_deref(), Some("barrier-1/b-to-a"));
}

#[test]
fn files_of_any_kind_are_checked_for_what_can_be_checked() {
    let document = task("agent-a-001");
    let kinds = Stage::new(plans::kinds());
    let file = |path: &str, bytes: &[u8]| vec![(path.to_owned(), bytes.to_vec())];
    let found = |task: &Task, files: &[(String, Vec<u8>)], h: &[(InputRef, String)]| {
        shown(&check_candidate(task, files, h))
    };
    let path = document.output.paths()[0].clone();
    assert!(found(&document, &file(&path, b"# T\xff"), &[]).contains("not UTF-8"));
    assert!(found(&document, &file(&path, b" \n"), &[]).contains("empty"));
    assert_eq!(found(&document, &file(&path, DOCUMENT.as_bytes()), &[]), "");
    assert!(found(&document, &file("a.md", DOCUMENT.as_bytes()), &[]).contains("not there"));
    // Whatever order they were captured in.
    let two = [file("a-first.md", b"beside"), file(&path, DOCUMENT.as_bytes())].concat();
    assert_eq!(found(&document, &two, &[]), "");
    let data = kinds.task(&id("data-1"));
    assert!(found(data, &file("out/data.json", b"{"), &[]).contains("not JSON"));
    assert_eq!(found(data, &file("out/data.json", b"{}"), &[]), "");
    let change = kinds.task(&id("left"));
    assert_eq!(found(change, &file("x.bin", b"\xff\0"), &[]), "");
    assert!(found(change, &file("x.rs", b"fn f() {}\n"), &consumed()).contains("no section"));
    let comments: String = with_rows(GOOD_ROWS).lines().map(|l| format!("// {l}\n")).collect();
    assert_eq!(found(change, &file("x.rs", comments.as_bytes()), &consumed()), "");
}

#[test]
fn many_mistakes_give_a_few_problems() {
    let rows: String = (0..100).map(|n| format!("| x{n} | y | z |\n")).collect();
    let long = format!("| {} | used | z |\n", "x".repeat(10_000));
    let found = check_document(&task("agent-a-001"), &with_rows(&(long + &rows)), &consumed());
    assert_eq!(found.len(), PROBLEMS_MAX);
    shown(&found);
}

#[test]
fn what_is_too_large_is_said_to_be_so_and_not_read() {
    let huge = format!("{DOCUMENT}{}", "| x | y |\n".repeat(300_000));
    assert!(shown(&check_document(&task("agent-a-001"), &huge, &[])).contains("bytes"));
    let findings: String = (1..=101).map(|n| format!("### F-{n:03}: t\nb\n\n")).collect();
    let (before, rest) = HANDOFF.split_once("### F-001").unwrap();
    let many = format!("{before}{findings}## Key{}", rest.split_once("## Key").unwrap().1);
    let found = check_document(&task("barrier-1_spike-002-to-spike-001"), &many, &[]);
    assert!(shown(&found).contains("more than 100 findings"), "{}", shown(&found));
}

#[test]
fn a_form_is_kept_or_each_lack_is_named() {
    let mut task = task("agent-a-001");
    task.form = Form {
        sections: vec!["Risks".into()],
        front_matter: vec!["owner".into()],
        words_max: Some(8),
        schema: Some("s.json".into()),
    };
    let path = task.output.paths()[0].clone();
    let schema = r#"{"properties": {"owner": {"enum": ["me", "you"]}}}"#;
    let said = |text: &str, schema: &str, rehearsal: bool| {
        let files = vec![(path.clone(), text.as_bytes().to_vec())];
        shown(&form::check(&task, &files, Some(schema), rehearsal))
    };
    let good = "---\nowner: me\n---\n# T\n\n## Risks\n\nNone known.\n";
    assert_eq!(said(good, schema, false), "");
    let long = format!("{good}{}\n", "word ".repeat(20));
    for (text, by, says) in [
        (&good.replace("## Risks", "## Joys"), schema, "Risks"),
        (&good.replace("owner: me", "author: me"), schema, "owner"),
        (&good.replace("owner: me", "owner: them"), schema, "owner"),
        (&long, schema, "words"),
        (&good.to_owned(), "{", "`s.json` is not JSON"),
    ] {
        assert!(said(text, by, false).contains(says), "{says}: {}", said(text, by, false));
    }
    assert_eq!(said(&long, schema, true), "", "players are wordy");
}
