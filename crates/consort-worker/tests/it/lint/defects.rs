//! The defects of a real run, in words of our own: every wrong cell is named with its right value.

use super::{check, shown};
use consort_worker::checks::lint::Fault;

const TEXT: &str = include_str!("../../fixtures/lint/scaffold-decision.md");

fn has(faults: &[Fault], line: &str, stated: &str, computed: &str) -> bool {
    let numbers: Vec<usize> =
        TEXT.lines().enumerate().filter(|(_, l)| l.contains(line)).map(|(n, _)| n + 1).collect();
    assert!(!numbers.is_empty(), "{line}");
    faults.iter().any(|f| {
        let right = f.computed.as_deref().unwrap_or_default();
        numbers.contains(&f.line)
            && f.stated.as_deref().unwrap_or_default().contains(stated)
            && right.contains(computed)
    })
}

#[test]
fn every_defect_of_the_real_run_is_named() {
    let faults = check(TEXT);
    let wanted = [
        // The summary against the matrix.
        ("weighted composite score", "8.30", "8.70"),
        ("weighted composite score", "8.25", "8.70"),
        ("weighted composite score", "7.15", "7.70"),
        // All twelve cells.
        ("| Raw | 4.10 | 4.70 |", "4.70", "4.775"),
        ("| Kit | 8.70 | 8.25 |", "8.25", "8.175"),
        ("| Shell | 7.70 | 7.25 |", "7.25", "7.325"),
        ("| Hybrid | 8.70 | 8.40 |", "8.40", "8.325"),
        ("| Raw | 4.10 | 4.50 |", "4.50", "4.70"),
        ("| Kit | 8.70 | 8.35 |", "8.35", "8.40"),
        ("| Shell | 7.70 | 7.40 |", "7.40", "7.50"),
        ("| Hybrid | 8.70 | 8.35 |", "8.35", "8.40"),
        ("| Raw | 4.10 | 4.50 |", "4.50", "4.40"),
        ("| Kit | 8.70 | 8.70 |", "8.70", "8.50"),
        ("| Shell | 7.70 | 7.50 |", "7.50", "7.20"),
        ("| Hybrid | 8.70 | 8.60 |", "8.60", "8.40"),
        // The winner and the robustness.
        ("Kit still wins", "Kit", "Hybrid"),
        ("robust in all scenarios", "robust", "Hybrid"),
        // Counts 5 / 3 / 6 stated as 5 / 2 / 7.
        ("In short: Kit: 5", "2", "3"),
        ("In short: Kit: 5", "7", "6"),
        // Half of the weight in one place, more in another.
        ("together carry 50%", "50%", "55%"),
    ];
    let missed: Vec<_> =
        wanted.iter().filter(|(line, stated, right)| !has(&faults, line, stated, right)).collect();
    assert!(missed.is_empty(), "{missed:?}\n{}", shown(&faults));
    assert_eq!(faults.len(), wanted.len(), "{}", shown(&faults));
}

#[test]
fn the_same_document_without_the_defects_is_silent() {
    let mut text = TEXT.to_owned();
    for (from, to) in [
        (
            "8.30, followed closely by Hybrid at 8.25, Shell at 7.15",
            "8.70, level with Hybrid at 8.70, Shell at 7.70",
        ),
        ("| Raw | 4.10 | 4.70 |", "| Raw | 4.10 | 4.78 |"),
        ("| Kit | 8.70 | 8.25 |", "| Kit | 8.70 | 8.18 |"),
        ("| Shell | 7.70 | 7.25 |", "| Shell | 7.70 | 7.32 |"),
        ("| Hybrid | 8.70 | 8.40 |", "| Hybrid | 8.70 | 8.33 |"),
        ("Kit still wins by its simplicity", "Hybrid wins by a little"),
        (
            "The choice is robust in all scenarios: Kit wins in each of them",
            "The choice holds in two of three scenarios",
        ),
        (
            "5 go to Kit, 2 go to Shell and 7 stay with Raw. In short: Kit: 5, Shell: 2, Raw: 7",
            "5 go to Kit. In short: Kit: 5, Shell: 3, Raw: 6",
        ),
        ("together carry 50%", "together carry 55%"),
    ] {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    let (before, after) = text.split_once("#### Scenario 2").unwrap();
    let (second, third) = after.split_once("#### Scenario 3").unwrap();
    let second = second
        .replace("| 4.50 |", "| 4.70 |")
        .replace("| 8.35 |", "| 8.40 |")
        .replace("| 7.40 |", "| 7.50 |");
    let third = third.replacen("| 4.50 |", "| 4.40 |", 1).replacen("| 8.70 | 8.70 |", "| 8.70 | 8.50 |", 1);
    let third = third.replacen("| 7.50 |", "| 7.20 |", 1).replacen("| 8.60 |", "| 8.40 |", 1);
    let text = format!("{before}#### Scenario 2{second}#### Scenario 3{third}");
    assert_eq!(check(&text), [], "{}", shown(&check(&text)));
}
