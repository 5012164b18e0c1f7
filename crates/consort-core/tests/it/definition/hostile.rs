//! Input that nobody should write, and input that somebody will.

use super::{options, planned};
use consort_core::definition::{IdChoice, MAX_BYTES, PlanOptions, check, plan, read, render, schema};
use consort_core::plan::IdSource;
use proptest::prelude::*;

const SEED: &str = include_str!("../../../../../examples/multi-instance/workflow.yaml");
const FAN: &str = include_str!("../../../../../examples/fan-out-changes/workflow.yaml");

fn codes(text: &str) -> Vec<&'static str> {
    match check("w.yaml", text, &options()) {
        Ok(_) => vec![],
        Err(found) => found.iter().map(|d| d.code).collect(),
    }
}

#[test]
fn alias_bombs_are_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let before = format!("*a{}", n - 1);
        text.push_str(&format!("a{n}: &a{n} [{}]\n", vec![before; 10].join(", ")));
    }
    assert_eq!(codes(&text), ["too-complex"]);
}

#[test]
fn depth_and_size_are_bounded() {
    let deep = format!("tasks: {}{}", "[".repeat(5_000), "]".repeat(5_000));
    assert_eq!(codes(&deep), ["too-complex"]);
    let deep: String = (0..400).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    assert_eq!(codes(&deep), ["too-complex"]);
    let large = format!("tasks: {{a: {{text: '{}'}}}}", "x".repeat(MAX_BYTES));
    assert_eq!(codes(&large), ["too-large"]);
}

#[test]
fn marks_line_ends_and_comments_of_other_systems_are_fine() {
    let text = "# comment\ntasks:\n  a: {text: x}\n";
    let plain = planned(text).0;
    assert_eq!(planned(&format!("\u{feff}{text}")).0, plain);
    assert_eq!(planned(&text.replace('\n', "\r\n")).0, plain);
    assert_eq!(planned(&format!("---\n{text}...\n")).0, plain);
}

#[test]
fn positions_hold_behind_marks_and_wide_letters() {
    let text = "\u{feff}workflow: {title: Äöü 日本}\r\ntasks:\r\n  a: {text: 日本, neds: b}\r\n";
    let found = check("w.yaml", text, &options()).expect_err("a misspelt key");
    assert_eq!(found[0].position(text), (3, 17));
    let shown = render(&found, "w.yaml", text, false);
    assert!(shown.contains("w.yaml:3:17"), "{shown}");
}

#[test]
fn anchors_and_merges_save_typing() {
    let text = "agents:
  default: &base {argv: [agent], timeout: 5m}
  judge: {<<: *base, timeout: 1m}
tasks:
  a: {text: x}
";
    let (plan, _) = planned(text);
    assert_eq!((plan.tasks[0].creator.timeout_ms, plan.tasks[0].judge.timeout_ms), (300_000, 60_000));
}

#[test]
fn generated_ids_take_the_first_free_number() {
    let text = "workflow: {title: Release Notes!}\ntasks: {a: {text: x}}\n";
    let at = |existing: &[&str]| {
        let options =
            PlanOptions { existing_ids: existing.iter().map(|id| (*id).to_owned()).collect(), ..options() };
        check("w.yaml", text, &options).expect("a small file").plan.workflow
    };
    assert_eq!(at(&[]).id.as_str(), "release-notes-20261123-001");
    let next = at(&["release-notes-20261123-001.2", "release-notes-20261123-003", "other-20261123-002"]);
    assert_eq!(next.id.as_str(), "release-notes-20261123-002");
    assert_eq!((next.id_source, next.created.as_str()), (IdSource::Auto, "2026-11-23"));
    let auto = PlanOptions {
        id: IdChoice::Auto,
        existing_ids: vec!["multi-instance-20261123-001".into()],
        ..options()
    };
    let plan = check("w.yaml", SEED, &auto).expect("the seed").plan;
    assert_eq!(plan.workflow.id.as_str(), "multi-instance-20261123-002");
    assert!(
        plan.tasks
            .iter()
            .all(|t| t.output.paths()[0].starts_with("orchestration/multi-instance-20261123-002/"))
    );
}

#[test]
fn variables_come_from_the_command_line_or_their_default() {
    let text = "variables: {topic: bees}\ntasks: {a: {text: 'about {{topic}}, {{ topic }}', path: 'docs/{{ topic }}.md'}}\n";
    let with = |name: &str, value: &str| {
        let mut options = options();
        options.variables.insert(name.into(), value.into());
        check("w.yaml", text, &options)
    };
    let (plan, _) = planned(text);
    assert_eq!(plan.tasks[0].text, "about bees, bees");
    let found = with("topic", "{{ topic }}").expect_err("a value is not looked at again");
    assert!(found[0].message.starts_with("`docs/{{ topic }}.md` is a pattern"), "{found:?}");
    let found = with("topic", "../../etc").expect_err("a path that leaves");
    assert_eq!(found[0].code, "bad-path");
    let found = with("topci", "x").expect_err("an unknown variable");
    assert_eq!(
        (found[0].code, found[0].help.as_slice()),
        ("unknown-variable", &["did you mean `topic`?".to_owned()][..])
    );
}

#[test]
fn reading_and_planning_apart_give_what_checking_gives() {
    let workflow = read("w.yaml", SEED).expect("well formed");
    let apart = plan(&workflow, &options()).expect("sound");
    let together = check("w.yaml", SEED, &options()).expect("sound");
    assert_eq!((apart.plan, apart.warnings), (together.plan, together.warnings));
}

#[test]
fn ten_thousand_tasks_are_lowered() {
    let mut text = String::from("workflow: {title: Many}\nquality: {gate: none}\ntasks:\n");
    for n in 0..10_000 {
        let needs = if n < 10 { String::new() } else { format!(", needs: t{}", n - 10) };
        text.push_str(&format!("  t{n}: {{text: x, writes: 'src/m{n}/**'{needs}}}\n"));
    }
    let (plan, _) = planned(&text);
    assert_eq!(plan.tasks.len(), 10_000);
    assert_eq!(plan.forecast_calls(), (10_000, 10_000));
}

#[test]
fn a_chain_may_write_the_same_place_again_and_again() {
    let mut text = String::from("workflow: {title: Chain}\ntasks:\n  t0: {text: x, writes: '**'}\n");
    for n in 1..2_000 {
        text.push_str(&format!("  t{n}: {{text: x, writes: '**', needs: t{}}}\n", n - 1));
    }
    assert_eq!(planned(&text).0.tasks.len(), 2_000);
}

#[test]
fn thousands_of_mistakes_are_found_in_a_moment() {
    let mut text = String::from("tasks:\n");
    for n in 0..8_000 {
        text.push_str(&format!(
            "  t{n}: {{text: x, needs: u{n}, inputs: [{{artifact: t{}}}]}}\n",
            (n * 7) % 8_000
        ));
    }
    let found = check("w.yaml", &text, &options()).expect_err("8000 unknown names");
    assert!(found.len() >= 16_000 - 1, "{}", found.len());
    let shown = render(&found, "w.yaml", &text, false);
    assert!(shown.lines().count() < 1_000);
    assert!(shown.ends_with("of them not shown\n"));
}

#[test]
fn a_long_chain_that_reads_its_beginning_is_lowered() {
    let mut text = String::from("workflow: {title: Chain}\nquality: {gate: none}\ntasks:\n  t0: {text: x}\n");
    for n in 1..4_000 {
        text.push_str(&format!("  t{n}: {{text: x, needs: t{}, inputs: [{{artifact: t0}}]}}\n", n - 1));
    }
    assert_eq!(planned(&text).0.tasks.len(), 4_000);
}

#[test]
fn too_many_tasks_are_refused() {
    let mut text = String::from("tasks:\n");
    (0..20_001).for_each(|n| text.push_str(&format!("  t{n}: {{text: x}}\n")));
    assert_eq!(codes(&text), ["too-large"]);
}

#[test]
fn the_schema_is_committed() {
    let committed = include_str!("../../../../../examples/workflow.schema.json");
    assert!(
        schema() == committed,
        "the file format has changed: write the output of `consort schema` to examples/workflow.schema.json"
    );
}

/// The seed with one piece cut out, doubled or replaced by something nasty.
fn mutated() -> impl Strategy<Value = String> {
    let nasty = prop_oneof![
        Just("\t".to_owned()),
        Just("\u{0}".to_owned()),
        Just("{{".to_owned()),
        Just(": ".to_owned()),
        Just("*a1".to_owned()),
        Just("&a1 ".to_owned()),
        Just("<<: *a1\n".to_owned()),
        Just("\n---\n".to_owned()),
        Just("!!binary ".to_owned()),
        Just("日本".to_owned()),
        Just("[".to_owned()),
        Just("}".to_owned()),
        Just("null".to_owned()),
        "[ -~]{0,12}",
    ];
    let source = prop_oneof![Just(SEED), Just(FAN)];
    (source, any::<prop::sample::Index>(), 0_usize..200, nasty).prop_map(|(text, at, len, put)| {
        let chars: Vec<char> = text.chars().collect();
        let at = at.index(chars.len());
        let end = (at + len).min(chars.len());
        chars[..at].iter().collect::<String>() + &put + &chars[end..].iter().collect::<String>()
    })
}

fn survives(text: &str) {
    if let Err(found) = check("w.yaml", text, &options()) {
        assert!(!found.is_empty());
        assert!(!render(&found, "w.yaml", text, false).is_empty());
    }
}

#[test]
fn a_barrier_without_its_key_after_is_a_mistake_and_no_crash() {
    let text = include_str!("../../../../../examples/multi-instance/workflow.yaml");
    survives(&text.replacen("    after: {a: 1, b: 1}", "    aftre: {a: 1, b: 1}", 1));
    survives(&text.replacen("    after: {a: 1, b: 1}\n", "", 1));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_files_never_panic(text in mutated()) {
        survives(&text);
    }

    #[test]
    fn random_text_never_panics(text in "\\PC{0,200}") {
        survives(&text);
    }

    #[test]
    fn random_yaml_never_panics(text in "(tasks|pipelines|barriers|convergent|agents|quality|completion)?:? ?[\\[{a-z0-9:,\\n \\]}*&!'\"|>-]{0,80}") {
        survives(&text);
    }
}
