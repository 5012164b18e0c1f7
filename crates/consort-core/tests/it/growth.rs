//! Lists that agents write, and the plans that they make.

use crate::definition::options;
use consort_core::definition;
use consort_core::ids::TaskId;
use consort_core::plan::growth::{EACH_MAX, ITEM_BYTES_MAX, Item, LIST_BYTES_MAX, expanded, items};
use consort_core::plan::{Budget, Choice, CompletionBy, Growth, Input, Output, Plan, TaskKind};

fn growth(max: u32, tasks: bool) -> Growth {
    Growth {
        list: "triage".into(),
        tasks,
        max,
        side_by_side: 2,
        budget: Budget { agent_calls_max: Some(9), ..Budget::default() },
        approval: None,
        choices: Default::default(),
    }
}

fn lower(text: &str) -> Plan {
    definition::check("w.yaml", text, &options()).expect("valid").plan
}

/// A plan in which `work` stands for what `triage` lists.
fn placeholder(max: u32) -> Plan {
    let text = "
workflow: {id: work-1}
barriers: {sync: {after: {a: 2}}}
pipelines:
  a:
    phases:
      - {name: One, tasks: {triage: {text: t, produces: data, path: [list.json]}}}
      - {name: Two, tasks: {work: {text: w}, other: {text: o}}}
convergent:
  phases:
    - {name: End, tasks: {sum: {text: s, inputs: [{artifact: other}, {artifact: work}], needs: [work]}}}
completion: [{artifact: work}]
";
    let mut plan = lower(text);
    let at = plan.tasks.iter().position(|t| t.id.as_str() == "work").expect("there");
    let mut growth = growth(max, true);
    let mut creator = plan.tasks[at].creator.clone();
    creator.timeout_ms = 7;
    growth.choices.insert("expert".into(), Choice { role: "expert".into(), creator });
    plan.tasks[at].kind = TaskKind::Each(Box::new(growth));
    plan.limits.shares.tasks.insert("work".into(), Budget { tokens_max: Some(5), ..Budget::default() });
    plan
}

fn ids(ids: &[TaskId]) -> Vec<&str> {
    ids.iter().map(TaskId::as_str).collect()
}

fn list(json: &str, max: u32) -> Vec<Item> {
    let mut growth = growth(max, true);
    let choice = Choice { role: "expert".into(), creator: placeholder(1).tasks[0].creator.clone() };
    growth.choices.insert("expert".into(), choice);
    items(json.as_bytes(), &growth).expect("a list")
}

#[test]
fn a_list_takes_the_place_of_its_placeholder_everywhere() {
    let plan = placeholder(12);
    let items = list(r#"{"tasks": [{"text": "x"}, {"id": "deep", "text": "y", "role": "expert"}]}"#, 12);
    let grown = expanded(&plan, &"work".into(), &items).expect("a plan");
    let all: Vec<&str> = grown.tasks.iter().map(|t| t.id.as_str()).collect();
    assert_eq!(all, ["triage", "work-01", "work-02", "other", "sum"]);
    let [one, two] = [&grown.tasks[1], &grown.tasks[2]];
    assert_eq!(ids(&one.needs), ["triage"]);
    assert_eq!(
        one.output.paths(),
        ["orchestration/work-1/a/phase-2-two/work-01/work-01-document.md"],
        "the workflow's own folder is not a task's"
    );
    let TaskKind::Grown(of) = &two.kind else { panic!("{:?}", two.kind) };
    assert_eq!((of.of.as_str(), of.number, of.key.as_str()), ("work", 2, "deep"));
    assert_eq!(of.item, r#"{"id":"deep","text":"y","role":"expert"}"#);
    assert_eq!((two.role.as_str(), two.creator.timeout_ms), ("expert", 7));
    assert_ne!(one.creator.timeout_ms, 7);
    assert_eq!(one.text, "w", "what an agent wrote is no instruction");
    let sum = &grown.tasks[4];
    assert_eq!(ids(&sum.needs), ["work-01", "work-02"]);
    let read: Vec<&str> = sum
        .inputs
        .iter()
        .map(|input| match input {
            Input::Artifact { task } => task.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(read, ["other", "work-01", "work-02"]);
    assert_eq!(ids(&grown.barriers[0].waits_for), ["work-01", "work-02", "other"]);
    assert_eq!(ids(&grown.pipelines[0].phases[1].tasks), ["work-01", "work-02", "other"]);
    assert!(grown.stages.iter().any(|s| ids(&s.tasks) == ["work-01", "work-02", "other"]));
    let shares: Vec<&str> = grown.limits.shares.tasks.keys().map(TaskId::as_str).collect();
    assert_eq!(shares, ["work-01", "work-02"]);
    let ends: Vec<&CompletionBy> = grown.completion.iter().map(|c| &c.by).collect();
    assert!(
        matches!(ends.as_slice(), [CompletionBy::Artifact(a), CompletionBy::Artifact(b)] if a == &one.output.paths()[0] && b == &two.output.paths()[0]),
        "{ends:?}"
    );
    let siblings = &grown.siblings[&TaskId::from("work")];
    assert_eq!((ids(&siblings.tasks), siblings.side_by_side), (vec!["work-01", "work-02"], 2));
    assert_eq!(siblings.budget.agent_calls_max, Some(9));
    let json = serde_json::to_string(&grown).expect("json");
    assert_eq!(serde_json::from_str::<Plan>(&json).expect("read"), grown);
    assert!(!grown.tasks.iter().any(|t| t.id.as_str() == "work"));
}

#[test]
fn an_empty_list_leaves_what_waited_for_it_where_it_was() {
    let mut plan = placeholder(3);
    plan.tasks.iter_mut().find(|t| t.id.as_str() == "sum").expect("sum").needs = vec!["work".into()];
    let grown = expanded(&plan, &"work".into(), &list("[]", 3)).expect("a plan");
    let sum = grown.tasks.last().expect("sum");
    assert_eq!(ids(&sum.needs), ["triage"], "else its base would lack what comes before");
    assert_eq!(sum.inputs, [Input::Artifact { task: "other".into() }]);
    assert_eq!(ids(&grown.barriers[0].waits_for), ["other"]);
    assert!(grown.completion.is_empty());
    assert!(grown.siblings[&TaskId::from("work")].tasks.is_empty());
}

#[test]
fn names_and_paths_that_are_taken_are_told_before_anything_is_made() {
    let mut plan = placeholder(9);
    let other = plan.tasks.iter_mut().find(|t| t.id.as_str() == "other").expect("other");
    other.id = "work-2".into();
    other.output = Output::Document {
        paths: vec!["orchestration/work-1/a/phase-2-two/work-1/work-1-document.md".into()],
    };
    let wrong =
        expanded(&plan, &"work".into(), &list(r#"[{"text":"x"},{"text":"y"}]"#, 9)).expect_err("taken");
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert!(expanded(&plan, &"triage".into(), &[]).is_err());
    let strange = Item { role: Some("nobody".into()), ..Item::default() };
    assert!(expanded(&placeholder(9), &"work".into(), &[strange]).is_err());
    assert!(expanded(&placeholder(1), &"work".into(), &list(r#"[{"text":"x"},{"text":"y"}]"#, 9)).is_err());
}

#[test]
fn a_list_of_ten_million_tasks_is_one_clear_error() {
    let huge = "[".to_owned() + &r#"{"text":"x"},"#.repeat(10_000_000) + r#"{"text":"x"}]"#;
    let wrong = items(huge.as_bytes(), &growth(50, true)).expect_err("too long");
    assert_eq!(
        wrong,
        ["the list has 130000014 bytes, at most 2097152 are read; at most 50 items are allowed"]
    );
    let many = format!("[{}1]", "1,".repeat(LIST_BYTES_MAX / 2 - 2));
    let wrong = items(many.as_bytes(), &growth(50, false)).expect_err("too many");
    assert_eq!(wrong, ["the list has 1048575 items, at most 50 are allowed (max)"]);
}

#[test]
fn every_mistake_of_a_list_is_told_with_its_place() {
    let json = r#"[
        {"text": "fine", "id": "a"},
        {"text": "again", "id": "a"},
        {"text": "x", "role": "boss"},
        {"text": "x", "tasks": []},
        {"text": 3},
        {"title": "no text"},
        "words",
        {"text": "bell \u0007"},
        {"text": "x", "id": "Not So"},
        {"text": "x", "needs": ["a"]}
    ]"#;
    let wrong = items(json.as_bytes(), &growth(50, true)).expect_err("mistakes");
    insta::assert_snapshot!(wrong.join("\n"));
    let many = format!("[{}1]", "1,".repeat(40));
    let wrong = items(many.as_bytes(), &growth(EACH_MAX, true)).expect_err("mistakes");
    assert_eq!((wrong.len(), wrong.last().map(String::as_str)), (21, Some("and 21 more")));
}

#[test]
fn what_is_no_list_is_refused_in_a_line() {
    let tasks = |json: &str| items(json.as_bytes(), &growth(50, true)).expect_err(json).join("\n");
    let data = |json: &str| items(json.as_bytes(), &growth(50, false)).expect_err(json).join("\n");
    for (said, of) in [
        (tasks(""), "empty"),
        (tasks("# Tasks\n"), "begins with `#`"),
        (tasks("{}"), "empty object"),
        (tasks(r#"{"jobs": []}"#), "`jobs`"),
        (tasks(r#"{"tasks": [], "tasks": []}"#), "twice"),
        (tasks("[1] 2"), "not JSON"),
        (tasks(&"[".repeat(100_000)), "not JSON"),
        (data(r#"{"tasks": []}"#), "a list is expected"),
        (data("[[1]]"), "item 1"),
        (data("[null]"), "item 1"),
        (data(r#"[{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}]"#), "deeper"),
        (data(&format!("[\"{}\"]", "x".repeat(ITEM_BYTES_MAX))), "16386 bytes"),
        (data(&format!("\"{}\"", "x".repeat(100_000))), "expected a list"),
    ] {
        assert!(said.contains(of) && said.len() < 400, "{of}: {said}");
    }
    let plain = items(br#"["a b", 3, true, {"id": "X y", "n": 1}]"#, &growth(50, false)).expect("data");
    assert_eq!(
        plain.iter().map(|i| i.json.as_str()).collect::<Vec<_>>(),
        ["\"a b\"", "3", "true", r#"{"id":"X y","n":1}"#]
    );
    assert!(items(b"\xff", &growth(50, false)).expect_err("bytes")[0].contains("UTF-8"));
}
