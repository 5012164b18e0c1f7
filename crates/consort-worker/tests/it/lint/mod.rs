//! Checks of documents against a generated set, hand-written documents and hostile input. The
//! generator computes with whole numbers of its own and shares nothing with the checks.

mod defects;
mod fixtures;
mod matrices;
mod parts;
mod rng;
mod whole;

use consort_worker::checks::lint::{BYTES_MAX, FAULTS_MAX, Fault, Kind, Options, RULES, lint};
use parts::Plant;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Errors that are planted, with the rules that may name them.
pub const PLANTS: [(&str, &[&str]); 53] = [
    ("product", &["weighted-table"]),
    ("total", &["weighted-table"]),
    ("weights", &["weighted-table"]),
    ("rank", &["weighted-table"]),
    ("winner", &["weighted-table"]),
    ("order", &["weighted-table"]),
    ("score", &["mismatch"]),
    ("cell", &["sensitivity"]),
    ("champion", &["sensitivity"]),
    ("robust", &["sensitivity"]),
    ("list", &["count"]),
    ("table-count", &["count"]),
    ("heading-count", &["count"]),
    ("tally", &["count"]),
    ("summary-table", &["count"]),
    ("parts", &["count"]),
    ("total-row", &["count"]),
    ("row-total", &["count", "arithmetic"]),
    ("boxes", &["count", "percent"]),
    ("ratio", &["percent"]),
    ("split", &["percent"]),
    ("sum", &["arithmetic"]),
    ("product-text", &["arithmetic"]),
    ("rpn", &["arithmetic"]),
    ("price", &["arithmetic"]),
    ("risk", &["arithmetic"]),
    ("no-day", &["dates"]),
    ("range", &["dates"]),
    ("pair", &["dates"]),
    ("columns", &["dates"]),
    ("weekday", &["dates"]),
    ("legend", &["enum"]),
    ("slip", &["enum"]),
    ("grade", &["enum"]),
    ("fewer", &["table-shape"]),
    ("more", &["table-shape"]),
    ("anchor", &["links"]),
    ("reference", &["links"]),
    ("footnote", &["links"]),
    ("citation", &["links"]),
    ("tbd", &["placeholder"]),
    ("braces", &["placeholder"]),
    ("todo", &["placeholder"]),
    ("lorem", &["placeholder"]),
    ("unscored", &["placeholder"]),
    ("metric", &["mismatch"]),
    ("gap", &["sections"]),
    ("doubled", &["sections"]),
    ("level", &["sections"]),
    ("contents", &["sections"]),
    ("front-syntax", &["front-matter"]),
    ("front-open", &["front-matter"]),
    ("front-dates", &["dates"]),
];

fn check(text: &str) -> Vec<Fault> {
    lint(text, &Options::default())
}

fn shown(faults: &[Fault]) -> String {
    faults
        .iter()
        .map(|f| {
            format!(
                "{}:{} [{}] {} ({:?} -> {:?})\n",
                f.line, f.column, f.rule, f.message, f.stated, f.computed
            )
        })
        .collect()
}

#[test]
fn planted_errors_are_found_and_right_documents_are_silent() {
    let rounds: u64 = std::env::var("CONSORT_LINT_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(4);
    let mut by_rule: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut by_plant: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let (mut all, mut found, mut beside) = (0, 0, 0);
    let verbose = std::env::var_os("CONSORT_LINT_SHOW").is_some();
    for round in 0..rounds {
        for (index, (plant, rules)) in PLANTS.iter().enumerate() {
            let seed = round * 1_000 + index as u64;
            let document = whole::document(seed, Plant(plant));
            let faults = check(&document.text);
            let hit = faults.iter().any(|f| {
                rules.contains(&f.rule) && (document.wrong.contains(&f.line) || document.wrong.is_empty())
            });
            let others: Vec<Fault> = faults
                .iter()
                .filter(|f| !document.wrong.contains(&f.line) && !document.wrong.is_empty())
                .cloned()
                .collect();
            if verbose && (!hit || !others.is_empty()) {
                println!(
                    "--- {plant} seed {seed} {}\n{}{}",
                    if hit { "beside" } else { "MISSED" },
                    shown(&faults),
                    document.numbered()
                );
            }
            all += 1;
            found += usize::from(hit);
            beside += usize::from(!others.is_empty());
            for entry in [by_rule.entry(rules[0]).or_default(), by_plant.entry(plant).or_default()] {
                entry.0 += usize::from(hit);
                entry.1 += 1;
            }
        }
    }
    let mut alarms = 0;
    let right = 50 * rounds;
    let mut alarm_rules: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..right {
        let document = whole::document(500_000 + seed, Plant(""));
        let faults = check(&document.text);
        alarms += usize::from(!faults.is_empty());
        faults.iter().for_each(|f| *alarm_rules.entry(f.rule).or_default() += 1);
        if verbose && !faults.is_empty() {
            println!("--- false alarm, seed {seed}\n{}{}", shown(&faults), document.numbered());
        }
    }
    println!("recall by rule, planted errors:");
    for (rule, (hit, n)) in &by_rule {
        println!("  {rule:16} {hit}/{n}");
    }
    println!("missed: {:?}", by_plant.iter().filter(|(_, (hit, n))| hit < n).collect::<Vec<_>>());
    println!(
        "recall {found}/{all} = {:.1} %, alarms beside the planted error in {beside}",
        100.0 * found as f64 / all as f64
    );
    println!(
        "false alarms {alarms}/{right} right documents = {:.1} % {alarm_rules:?}",
        100.0 * alarms as f64 / right as f64
    );
    assert!(all >= 200 && right >= 200 || rounds < 4, "the set has 200 of each");
    assert!(found * 100 >= all * 97, "recall {found}/{all}");
    assert!(alarms * 100 <= right as usize * 2, "false alarms {alarms}/{right}");
    assert!(beside * 100 <= all * 2, "alarms beside the error in {beside} of {all}");
}

#[test]
fn data_files_are_checked_for_syntax_and_schema() {
    let schema = serde_json::json!({
        "type": "object",
        "required": ["id", "state"],
        "additionalProperties": false,
        "properties": {
            "id": { "type": "string", "minLength": 1 },
            "state": { "enum": ["open", "done"] },
            "score": { "type": "number", "minimum": 0, "maximum": 1 },
            "parts": { "type": "array", "items": { "$ref": "#/$defs/part" } }
        },
        "$defs": { "part": { "type": "object", "required": ["n"] } }
    });
    let json = |text: &str| {
        lint(text, &Options { kind: Kind::Json, schema: Some(schema.clone()), ..Options::default() })
    };
    let yaml = |text: &str| {
        lint(text, &Options { kind: Kind::Yaml, schema: Some(schema.clone()), ..Options::default() })
    };
    assert_eq!(json(r#"{"id": "a", "state": "open", "score": 0.5, "parts": [{"n": 1}]}"#), []);
    assert_eq!(yaml("id: a\nstate: done\nparts:\n  - n: 1\n"), []);
    for (text, says) in [
        ("{\"id\": \"a\",}", "not JSON"),
        ("", "empty"),
        (r#"{"id": "a", "id": "b", "state": "open"}"#, "twice"),
        (r#"{"state": "open"}"#, "has no `id`"),
        (r#"{"id": "a", "state": "opened"}"#, "none of"),
        (r#"{"id": "a", "state": "open", "score": 1.5}"#, "too large"),
        (r#"{"id": "a", "state": "open", "more": 1}"#, "not known"),
        (r#"{"id": "a", "state": "open", "parts": [{}]}"#, "`parts.0` has no `n`"),
        (r#"{"id": 3, "state": "open"}"#, "not of type string"),
    ] {
        assert!(shown(&json(text)).contains(says), "{text}: {}", shown(&json(text)));
    }
    for (text, says) in [
        ("id: [a\n", "not YAML"),
        ("id: a\nid: b\nstate: open\n", "not YAML"),
        ("id: a\nstate: gone\n", "none of"),
    ] {
        let found = yaml(text);
        assert!(shown(&found).contains(says), "{text}: {}", shown(&found));
        assert!(found[0].line <= 2);
    }
}

#[test]
fn what_is_asked_for_is_checked() {
    let text = "---\ntitle: A\n---\n\n# A\n\n## Context\n\nSome words stand here.\n\n## Decision\n";
    let options = Options {
        required_sections: vec!["Context".into(), "Decision".into(), "Consequences".into()],
        required_keys: vec!["title".into(), "status".into()],
        words_max: Some(3),
        ..Options::default()
    };
    let found = shown(&lint(text, &options));
    for says in [
        "there is no section \"Consequences\"",
        "\"Decision\" is empty",
        "no value for `status`",
        "more words",
    ] {
        assert!(found.contains(says), "{says}\n{found}");
    }
    assert!(!found.contains("\"Context\"") && !found.contains("`title`"));
    let one = lint(text, &Options { rules: vec!["word-budget".into()], ..options });
    assert_eq!(one.len(), 1);
    assert!(one.iter().all(|f| RULES.contains(&f.rule)));
}

/// Large and odd texts take time in proportion, not more.
#[test]
fn hostile_texts_are_bounded_in_time() {
    let n = 100_000;
    let table = |columns: usize, rows: usize, cell: &str| {
        let row = format!("|{}\n", format!("{cell}|").repeat(columns));
        format!("# T\n\n{row}|{}\n{}", "-|".repeat(columns), row.repeat(rows))
    };
    let matrix = |rows: usize| {
        let body: String =
            (0..rows).map(|i| format!("| Criterion {i} | 0.01 | {} | {} |\n", i % 10, i % 7)).collect();
        format!(
            "# M\n\n| Criterion | Weight | A | B |\n|---|---|---|---|\n{body}| Total | 1.00 | 5 | 6 |\n\nA wins.\n"
        )
    };
    let texts = [
        "> ".repeat(n),
        "- ".repeat(n),
        "[".repeat(n),
        "[a](".repeat(n / 2),
        "*a **b ".repeat(n / 4),
        "`".repeat(n),
        "(".repeat(n) + " 1 + 1 = 3",
        "1 + ".repeat(n / 4) + "1 = 2",
        "1 = ".repeat(n / 4),
        "| a ".repeat(n / 4),
        table(2_000, 40, " 1 "),
        table(3, 20_000, " 12 of 15 (70%) "),
        table(1_000, 100, ""),
        matrix(900),
        matrix(20_000),
        "# 1. A\n".repeat(n / 8),
        "- [x] 3 of 5 done\n".repeat(n / 20),
        "2026-02-30 ".repeat(n / 12),
        "Status is one of A, B.\n\n".repeat(n / 24),
        "[^1] [x][y] {{a}} TODO: ".repeat(n / 24),
        "a: b\n".repeat(n / 6),
        format!("---\n{}\n---\n# T\n", "a: [".repeat(n / 8)),
        format!("---\n{}\n---\n# T\n", "&a [*a,*a,*a,*a]\n".repeat(2_000)),
        "Option A scores 3.5 and wins. ".repeat(n / 30) + &matrix(4),
        "é—→\u{202e}".repeat(n / 8),
        "a".repeat(2 * BYTES_MAX),
        "a\0b".to_owned(),
    ];
    for text in texts {
        let begun = Instant::now();
        let found = check(&text);
        let took = begun.elapsed();
        println!("{took:?} {:?}", text.chars().take(30).collect::<String>());
        assert!(found.len() <= FAULTS_MAX);
        assert!(took < Duration::from_secs(20), "{took:?}: {}", text.chars().take(30).collect::<String>());
    }
    let deep = "[".repeat(50_000);
    for kind in [Kind::Json, Kind::Yaml] {
        assert!(!lint(&deep, &Options { kind, ..Options::default() }).is_empty());
    }
}

/// Pieces of what the rules look for, in any order.
fn text() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "# ",
        "## 1. ",
        "## 3. ",
        "L0",
        "\n",
        "\n\n",
        "| a | Weight | b |\n|---|---|---|\n",
        "| x | 0.5 | 8 (4.0) |\n",
        "| Total | 1 | 9 |\n",
        "|",
        "\\|",
        "`",
        "```\n",
        "> ",
        "- [x] ",
        "- ",
        "1. ",
        "**",
        "é",
        "—",
        "→",
        "\u{202e}",
        "%",
        "$",
        "12 of 15 (80%)",
        "3 + 4 = 8",
        " = ",
        "(",
        ")",
        " x ",
        "×",
        "2026-02-30",
        "Monday, 3 May 2026",
        "three options:",
        "5 Critical, ",
        "2 Major",
        "Critical",
        "Severity",
        "Status: one of A, B",
        "---\n",
        "a: b\n",
        "[x](#y)",
        "[x][y]",
        "[^1]",
        "[7]",
        "{{a}}",
        "TBD",
        "--",
        "scores 8.3",
        " wins",
        "b",
        "in all scenarios",
        "Scenario 1: ",
        "doubled to 40%",
        "others proportionally",
        "99999999999999999999",
        "0.000",
        "-5",
        "~",
        "1,234.5",
        "1.234,5",
        "\u{a0}",
        "\t",
        "<a id=\"q\">",
        "\u{1f947}",
    ]);
    prop::collection::vec(pieces, 0..80).prop_map(|all| all.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_fall_over(text in text(), any in ".{0,200}") {
        for text in [&text, &any] {
            for kind in [Kind::Markdown, Kind::Json, Kind::Yaml] {
                let found = lint(text, &Options { kind, ..Options::default() });
                prop_assert!(found.len() <= FAULTS_MAX);
                for fault in found {
                    prop_assert!(fault.line >= 1 && fault.column >= 1 && RULES.contains(&fault.rule));
                    prop_assert!(fault.line <= text.matches('\n').count() + 1 && fault.message.chars().count() <= 300);
                }
            }
        }
    }

    /// A piece cut out anywhere, or a byte changed, never makes it fall over.
    #[test]
    fn no_damage_makes_it_fall_over(seed in 0u64..2_000, plant in 0usize..53, from in 0usize..4_000, length in 0usize..60, with in "[ -~é|]{0,3}") {
        let text = whole::document(seed, Plant(PLANTS[plant].0)).text;
        let border = |mut at: usize| { at = at.min(text.len()); while !text.is_char_boundary(at) { at -= 1 } at };
        let (from, to) = (border(from), border(from + length));
        let damaged = format!("{}{with}{}", &text[..from], &text[to.max(from)..]);
        lint(&damaged, &Options::default());
    }
}
