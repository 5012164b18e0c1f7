//! Plans as pictures.

use crate::definition::planned;
use consort_core::view::graph::{Format, graph};

fn example(name: &str) -> consort_core::plan::Plan {
    planned(match name {
        "multi-instance" => include_str!("../../../../examples/multi-instance/workflow.yaml"),
        "sequential" => include_str!("../../../../examples/sequential/workflow.yaml"),
        "fan-out-changes" => include_str!("../../../../examples/fan-out-changes/workflow.yaml"),
        "overlapping-barriers" => include_str!("../../../../examples/overlapping-barriers/workflow.yaml"),
        other => panic!("no example {other}"),
    })
    .0
}

#[test]
fn every_example_as_text() {
    let all = ["multi-instance", "sequential", "fan-out-changes", "overlapping-barriers"]
        .map(|name| graph(&example(name), Format::Ascii));
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn mermaid_and_dot() {
    let plan = example("multi-instance");
    insta::assert_snapshot!(format!("{}\n{}", graph(&plan, Format::Mermaid), graph(&plan, Format::Dot)));
}

#[test]
fn names_cannot_break_the_notation() {
    let text = "pipelines:
  p: {name: 'a\"]; <b> \\ end', phases: [{name: One, tasks: {t: {text: x}}}]}
";
    let (plan, _) = planned(text);
    let mermaid = graph(&plan, Format::Mermaid);
    assert!(mermaid.contains("a#quot;]; #lt;b#gt; \\ end"), "{mermaid}");
    let dot = graph(&plan, Format::Dot);
    assert!(dot.contains("a\\\"]; <b> \\\\ end"), "{dot}");
}

#[test]
fn no_picture_is_wider_than_a_page_or_longer_than_a_book() {
    let mut text = String::from("workflow: {title: Wide}\npipelines:\n");
    for p in 0..7 {
        let name = "long-".repeat(9);
        text.push_str(&format!("  {name}{p}:\n    name: {}\n    phases:\n", "w".repeat(300)));
        for f in 0..3 {
            text.push_str(&format!("      - name: P{f}\n        tasks: {{t{p}-{f}: {{text: x}}}}\n"));
        }
    }
    let wide = planned(&text).0;
    let narrow = text.replace("  long-long-long-long-long-long-long-long-long-4", "tasks_end\n  x4");
    let narrow: String = narrow.lines().take_while(|l| *l != "tasks_end").map(|l| format!("{l}\n")).collect();
    let narrow = planned(&narrow).0;
    let mut many = String::from("workflow: {title: Many}\nquality: {gate: none}\ntasks:\n");
    (0..3_000).for_each(|n| many.push_str(&format!("  t{n}: {{text: x}}\n")));
    for plan in [wide, narrow, planned(&many).0] {
        let shown = graph(&plan, Format::Ascii);
        for line in shown.lines() {
            assert!(line.chars().count() <= 120, "{line}");
        }
        assert!(shown.lines().count() < 300);
    }
}
