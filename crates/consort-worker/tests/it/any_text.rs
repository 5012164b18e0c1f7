//! Nothing that an agent can write makes a reader fall over.

use crate::plans::{self, id};
use crate::stage::Stage;
use consort_core::ids::Step;
use consort_core::run::InputRef;
use consort_worker::agents::rehearsal;
use consort_worker::checks::{
    PROBLEMS_MAX, acknowledgement, check_candidate, check_document, handoff, prose,
};
use consort_worker::judges;
use proptest::prelude::*;

/// Pieces of Markdown, of diffs and of rubbish, in any order.
fn text() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "# ",
        "## ",
        "### ",
        "F-001: ",
        "Findings",
        "Key content",
        "Handoff acknowledgement",
        "Sources",
        "\n",
        "\n\n",
        "| a | b |\n|---|---|\n",
        "| x ",
        "|",
        "\\|",
        "`",
        "```",
        "> ",
        "- ",
        "1. ",
        "  ",
        "\t",
        "Total",
        "0.20",
        "99999999999999999999",
        " weighted",
        "Weight",
        "used",
        "declined",
        "é",
        "\u{feff}",
        "\u{0}",
        "\u{202e}",
        "+",
        "@@ -1 +1 @@\n",
        "diff --git a/x b/x\n",
        "+++ b/x.rs\n",
        "// ",
        "[1]",
        "<b>",
        "&amp;",
        "***",
        "b/a-to-b/F-001",
    ]);
    prop::collection::vec(pieces, 0..60).prop_map(|all| all.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn documents_handoffs_and_diffs(one in text(), two in text()) {
        let stage = Stage::new(plans::seed());
        let input = InputRef { task: None, handoff: true, path: "b/a-to-b/handoff.md".into(), hash: None };
        for task in ["agent-a-001", "barrier-1_spike-002-to-spike-001"] {
            let task = stage.task(&id(task));
            let found = check_document(task, &one, &[(input.clone(), two.clone())]);
            prop_assert!(found.len() <= PROBLEMS_MAX && found.iter().all(|p| p.text.chars().count() <= 240));
            check_candidate(task, &[("x.md".into(), one.clone().into_bytes())], &[]);
        }
        handoff::parse_handoff(&one);
        acknowledgement::parse_acknowledgements(&one);
        prose::of_diff(&one);
        prose::of_file("x.json", &one);
        rehearsal::features(&one);
    }

    #[test]
    fn answers(bytes in prop::collection::vec(any::<u8>(), 0..200), text in text()) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("answer.json");
        let dimensions = ["completeness".into()];
        let rules = judges::Rules { strategy: None, dimensions: &dimensions, nonce: "00", criteria: &[], shown: None };
        let shown = judges::Shown::of([text.as_bytes()]);
        shown.proves(&text);
        judges::Shown::of_diff(text.as_bytes()).holds(&text);
        for bytes in [bytes.as_slice(), text.as_bytes()] {
            std::fs::write(&path, bytes).unwrap();
            let given = judges::read(&Step::Judge, &path, &rules).given;
            prop_assert!(matches!(given, consort_core::run::Given::Malformed(_)), "{given:?}");
        }
    }
}
