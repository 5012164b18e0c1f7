//! Lists, conditions, loops and parts in the file.

use super::{options, planned};
use consort_core::definition::{BaseFiles, Need, PlanOptions, check, render, wanted};
use consort_core::ids::TaskId;
use consort_core::plan::{Input, Plan, TaskKind};

fn found(text: &str, options: &PlanOptions) -> String {
    match check("workflow.yaml", text, options) {
        Ok(checked) => panic!("accepted:\n{}", render(&checked.warnings, "workflow.yaml", text, false)),
        Err(found) => render(&found, "workflow.yaml", text, false),
    }
}

fn lowered(text: &str, options: &PlanOptions) -> Plan {
    match check("workflow.yaml", text, options) {
        Ok(checked) => checked.plan,
        Err(found) => panic!("{}", render(&found, "workflow.yaml", text, false)),
    }
}

fn ids(plan: &Plan) -> String {
    plan.tasks.iter().map(|t| t.id.to_string()).collect::<Vec<_>>().join(" ")
}

fn needs(plan: &Plan, id: &str) -> String {
    let task = plan.task(&TaskId::from(id)).unwrap_or_else(|| panic!("no {id} in {}", ids(plan)));
    task.needs.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn reads(plan: &Plan, id: &str) -> String {
    let task = plan.task(&TaskId::from(id)).unwrap_or_else(|| panic!("no {id} in {}", ids(plan)));
    let one = |input: &Input| match input {
        Input::Artifact { task } | Input::Handoff { task } => task.to_string(),
        Input::File { path } => path.clone(),
        Input::Outside { name, .. } => name.clone(),
    };
    task.inputs.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn with_files(files: &[&str]) -> PlanOptions {
    let files = files.iter().map(|f| (*f).to_owned()).collect();
    PlanOptions { base_files: BaseFiles::Known(files), ..options() }
}

fn with_parts(parts: &[(&str, &str)]) -> PlanOptions {
    let mut options = options();
    options.given.parts = parts.iter().map(|(n, t)| ((*n).to_owned(), Ok((*t).to_owned()))).collect();
    options
}

#[test]
fn a_list_of_values_becomes_tasks() {
    let text = "
workflow: {id: w-1}
variables: {lang: Rust}
tasks:
  look:
    text: \"Look at {{ item.name }} ({{ index }}) in {{ lang }}.\"
    for_each:
      values: [{id: core, name: the core, path: src/core.rs}, {id: bin, name: the binary, path: src/main.rs}]
      max: 20
      side_by_side: 1
      budget: {agent_calls: 9}
    inputs: [{file: \"{{ item.path }}\"}]
    criteria: [\"it names {{ item.name }}\"]
    budget: {agent_calls: 5}
  sum: {text: Sum it up., needs: [look], inputs: [{artifact: look}]}
completion: [{artifact: look}]
";
    let (plan, warnings) = planned(text);
    assert_eq!(warnings, "");
    assert_eq!(ids(&plan), "look-01 look-02 sum");
    let two = plan.task(&"look-02".into()).expect("two");
    assert_eq!(two.text, "Look at the binary (2) in Rust.");
    assert_eq!(two.criteria[0].name, "it names the binary");
    assert_eq!(reads(&plan, "look-02"), "src/main.rs");
    assert_eq!(two.output.paths(), ["orchestration/w-1/look-02/look-02-document.md"]);
    let TaskKind::Grown(grown) = &two.kind else { panic!("{:?}", two.kind) };
    assert_eq!((grown.of.as_str(), grown.number, grown.key.as_str()), ("look", 2, "bin"));
    assert_eq!(grown.item, r#"{"id":"bin","name":"the binary","path":"src/main.rs"}"#);
    assert_eq!(
        (needs(&plan, "sum"), reads(&plan, "sum")),
        ("look-01 look-02".into(), "look-01 look-02".into())
    );
    assert_eq!(plan.completion.len(), 2);
    let siblings = &plan.siblings[&TaskId::from("look")];
    assert_eq!((siblings.tasks.len(), siblings.side_by_side, siblings.list.is_none()), (2, 1, true));
    assert_eq!(siblings.budget.agent_calls_max, Some(9));
    assert_eq!(plan.limits.shares.tasks.len(), 2);
    assert_eq!(plan.agents().count(), 3);
}

#[test]
fn a_list_of_files_is_what_is_committed() {
    let text = "
pipelines:
  a:
    phases:
      - {name: Read, tasks: {read: {text: \"Read {{ item }}.\", for_each: {files: [\"docs/**/*.md\", \"*.md\"]}, inputs: [{file: \"{{ item }}\"}]}}}
      - {name: Sum, tasks: {sum: {text: Sum., inputs: [{artifact: read}]}}}
";
    let options = with_files(&["docs/a.md", "docs/deep/b.md", "README.md", "src/c.rs", "docs/{{ x }}.md"]);
    let plan = lowered(text, &options);
    assert_eq!(ids(&plan), "read-01 read-02 read-03 read-04 sum");
    let read: Vec<&str> = plan.tasks.iter().map(|t| t.text.as_str()).collect();
    assert_eq!(
        read,
        ["Read README.md.", "Read docs/a.md.", "Read docs/deep/b.md.", "Read docs/{{ x }}.md.", "Sum."]
    );
    assert_eq!(needs(&plan, "sum"), "read-01 read-02 read-03 read-04");
    assert_eq!(plan.stages[0].tasks.len(), 4);
    let none = check("w.yaml", &text.replace("docs/**", "nowhere/**").replace(", \"*.md\"", ""), &options);
    assert!(none.expect_err("an empty phase").iter().any(|d| d.code == "empty"));
}

#[test]
fn a_list_in_a_file_is_asked_for_and_then_read() {
    let text = "
variables: {which: parts}
tasks:
  do: {text: \"Do {{ item.title }}.\", for_each: {file: \"lists/{{ which }}.yaml\"}}
";
    let mut options = options();
    assert_eq!(wanted(text, &options), [Need::List("lists/parts.yaml".into())]);
    options.given.lists.insert("lists/parts.yaml".into(), Ok("- title: one\n- title: two\n".into()));
    assert_eq!(wanted(text, &options), []);
    let plan = lowered(text, &options);
    assert_eq!(plan.tasks.iter().map(|t| t.text.as_str()).collect::<Vec<_>>(), ["Do one.", "Do two."]);
    let mut said = String::new();
    for list in [
        Ok("a: 1\n".to_owned()),
        Ok("[1, [2]]".to_owned()),
        Ok("[".to_owned()),
        Ok(format!("[{}1]", "1,".repeat(60))),
        Err("it is not in the repository".to_owned()),
    ] {
        options.given.lists.insert("lists/parts.yaml".into(), list);
        said += &found(text, &options);
    }
    insta::assert_snapshot!(said);
}

#[test]
fn what_a_task_lists_has_a_placeholder() {
    let text = "
workflow: {id: w-1}
agents: {expert: {argv: [expert]}, default: {argv: [anyone]}}
tasks:
  triage: {text: Split it., produces: tasks}
  work:
    text: Do what your item says.
    role: helper
    for_each: {artifact: triage, max: 12, side_by_side: 3, roles: [expert], budget: {usd: 2}, approval: Ada}
  sum: {text: Sum it up., needs: [work], inputs: [{artifact: work}]}
";
    let (plan, warnings) = planned(text);
    assert_eq!(warnings, "");
    let triage = &plan.tasks[0];
    assert_eq!(
        (triage.output.word(), triage.output.paths()),
        ("tasks", &["triage-tasks.json".to_owned()][..])
    );
    let TaskKind::Each(growth) = &plan.tasks[1].kind else { panic!("{:?}", plan.tasks[1].kind) };
    assert_eq!(
        (growth.list.as_str(), growth.tasks, growth.max, growth.side_by_side),
        ("triage", true, 12, 3)
    );
    assert_eq!(growth.approval.as_ref().map(|a| a.who.as_str()), Some("Ada"));
    assert_eq!(growth.budget.micro_usd_max, Some(2_000_000));
    assert_eq!(growth.choices.keys().map(String::as_str).collect::<Vec<_>>(), ["expert", "helper"]);
    assert_ne!(growth.choices["expert"].creator, growth.choices["helper"].creator);
    assert_eq!((needs(&plan, "work"), needs(&plan, "sum")), ("triage".into(), "work".into()));
    let one = plan.tasks[0].calls();
    let many = plan.tasks[1].calls();
    assert_eq!((many.least, many.most), (0, one.most * 12), "a list may be empty");
}

#[test]
fn conditions_and_loops_are_in_the_plan() {
    let text = "
variables: {deep: \"yes\"}
tasks:
  triage: {text: Look., produces: data, path: [out.json], gate: none, until: {expr: data.open == 0 and round < 9, max: 4}}
  agent-a-001: {text: Mend., needs: [triage], when: \"tasks.triage.data.risk == 'high' and vars.deep == 'yes'\"}
  fix:
    text: Fix.
    writes: [src/**]
    gate: none
    needs: [agent-a-001]
    when: not tasks[\"agent-a-001\"].skipped
    until: {check: [make, test], max: 6, timeout: 1m}
";
    let (plan, warnings) = planned(text);
    assert_eq!(warnings, "");
    let when = plan.tasks[1].when.as_ref().expect("when");
    assert_eq!(when.reads, [TaskId::from("triage")]);
    assert_eq!(when.expr, "tasks.triage.data.risk == 'high' and vars.deep == 'yes'");
    let [triage, _, fix] = plan.tasks.as_slice() else { panic!("{}", ids(&plan)) };
    let last = triage.criteria.last().expect("until");
    assert_eq!((last.name.as_str(), last.holds.as_deref()), ("until", Some("data.open == 0 and round < 9")));
    assert_eq!(triage.rounds.max, 4);
    let check = fix.criteria.last().and_then(|c| c.check.as_ref()).expect("check");
    assert_eq!((check.argv.join(" "), check.timeout_ms, fix.rounds.max), ("make test".into(), 60_000, 6));
    assert!(!fix.judged);
}

#[test]
fn mistakes_about_lists_are_all_told() {
    let text = "
tasks:
  one: {text: \"{{ item.nme }} {{ index }} {{ item }}\", for_each: {values: [{id: a, name: x}, {id: a}]}}
  two: {text: t, for_each: {values: [[1]], files: x.md}}
  three: {text: t, for_each: {values: [1, 2, 3], max: 2}}
  four: {text: t, for_each: {values: [1], max: 2000, roles: [x], approval: Ada}}
  five: {text: \"{{ item }}\"}
  six: {text: t, path: [docs/one.md], for_each: {values: [1, 2]}}
  seven: {text: t, produces: tasks, for_each: {values: [1]}}
  triage: {text: t, produces: tasks}
  eight: {text: \"Do {{ item.text }}.\", for_each: {artifact: triage}}
  nine: {text: t, for_each: {artifact: eight}}
  ten: {text: t, produces: tasks, for_each: {artifact: triage}}
  eleven: {text: t, for_each: {artifact: five}}
  twelve: {text: t, writes: [src/**], for_each: {artifact: triage}}
  thirteen: {text: t, for_each: {artifact: thirteen}}
  fourteen: {text: t, for_each: {artifact: six}}
";
    insta::assert_snapshot!(found(text, &with_files(&["x.md"])));
    let same = "tasks: {six: {text: t, path: [docs/one.md], for_each: {values: [1, 2]}}}";
    let same = found(same, &options());
    assert!(same.contains("may run at once") && same.contains("put {{ index }}"), "{same}");
    let cycle = "
tasks:
  a: {text: t, produces: tasks, needs: [b]}
  b: {text: t, for_each: {artifact: a}}
";
    assert!(found(cycle, &options()).contains("these wait for each other: a -> b -> a"));
}

#[test]
fn items_have_no_keys_by_chance() {
    let text = "
tasks:
  one: {text: \"{{ item.nme }} {{ items }}\", for_each: {values: [{name: x}]}}
  dyn: {text: \"Do {{ item.text }}.\", for_each: {artifact: triage}}
  triage: {text: \"{{ index }}\", produces: tasks}
";
    insta::assert_snapshot!(found(text, &options()));
}

#[test]
fn mistakes_in_expressions_are_told_where_they_are() {
    let text = "
variables: {deep: \"yes\"}
tasks:
  a: {text: \"{{ deep }}\"}
  b: {text: t, when: tasks.a.accepted}
  c: {text: t, needs: [a], when: tasks.a.acepted}
  d: {text: t, needs: [a], when: tasks.nobody.accepted}
  e: {text: t, needs: [a], when: \"tasks.a.data.x == 1\"}
  f: {text: t, when: \"vars.depe == 'x'\"}
  g: {text: t, when: \"{{ deep }} == 'x'\"}
  h: {text: t, when: tasks.h.accepted}
  i: {text: t, gate: none, until: {expr: \"tasks.a.accepted\", max: 3}}
  j: {text: t, until: {expr: round > 1, check: [make], max: 3}}
  k: {text: t, until: {check: [make], max: 1}}
  l: {text: t, gate: none, until: {check: [make], max: 0}}
  m: {text: t, for_each: {values: [1, 2]}}
  n: {text: t, needs: [m], when: tasks.m.accepted}
  o: {text: t, needs: [a], when: \"tasks.a.score * 2 > 1\"}
  p: {text: t, when: \"range(1000000000)\"}
";
    insta::assert_snapshot!(found(text, &options()));
    let long = format!("tasks: {{a: {{text: t, when: \"{}1\"}}}}", "1+".repeat(600));
    assert!(found(&long, &options()).contains("at most 1000"));
}

const REVIEW: &str = "
workflow: {title: A review}
inputs:
  subject: {type: artifact, about: what is reviewed}
  aspect: {default: clarity}
  strict: {type: bool, default: false}
outputs: {report: sum}
tasks:
  look: {text: \"Look for {{ aspect }}; strict: {{ strict }}; {{ item }}.\", for_each: {values: [a, b]}, inputs: [{artifact: subject}]}
  sum: {text: Sum up., needs: [look], inputs: [{artifact: look}], when: 'tasks[\"look-01\"].accepted'}
";

#[test]
fn a_part_is_written_out_under_its_name() {
    let text = "
workflow: {id: w-1}
pipelines:
  main:
    phases:
      - {name: Write, tasks: {draft: {text: Write.}}}
      - name: Review
        tasks:
          plain: {uses: parts/review.yaml, with: {subject: draft}}
          hard: {uses: parts/review.yaml, with: {subject: draft, aspect: honesty, strict: true}, needs: [plain]}
      - {name: End, tasks: {end: {text: End., inputs: [{artifact: plain.report}, {artifact: hard}]}}}
";
    let missing = wanted(text, &options());
    assert_eq!(missing, [Need::Part("parts/review.yaml".into())]);
    let options = with_parts(&[("parts/review.yaml", REVIEW)]);
    let plan = lowered(text, &options);
    assert_eq!(
        ids(&plan),
        "draft plain-look-01 plain-look-02 plain-sum hard-look-01 hard-look-02 hard-sum end"
    );
    let look = plan.task(&"hard-look-02".into()).expect("look");
    assert_eq!(look.text, "Look for honesty; strict: true; b.");
    assert_eq!(
        (needs(&plan, "hard-look-02"), reads(&plan, "hard-look-02")),
        ("draft plain-sum".into(), "draft".into())
    );
    assert_eq!(
        (needs(&plan, "hard-sum"), reads(&plan, "hard-sum")),
        ("draft hard-look-01 hard-look-02".into(), "hard-look-01 hard-look-02".into())
    );
    assert_eq!(reads(&plan, "end"), "plain-sum hard-sum");
    let when = plan.task(&"hard-sum".into()).and_then(|t| t.when.clone()).expect("when");
    assert_eq!(
        (when.expr.as_str(), when.reads),
        ("tasks[\"hard-look-01\"].accepted", vec![TaskId::from("hard-look-01")])
    );
    assert!(plan.siblings.contains_key(&TaskId::from("hard-look")));
    let TaskKind::Grown(grown) = &look.kind else { panic!("{:?}", look.kind) };
    assert_eq!(grown.of.as_str(), "hard-look");
}

#[test]
fn parts_in_parts_and_parts_alone() {
    let outer = "
inputs: {what: {type: artifact}}
tasks:
  inner: {uses: inner.yaml, with: {subject: what}}
  after: {text: After., needs: [inner], inputs: [{artifact: inner.out}]}
";
    let inner = "
inputs: {subject: {type: artifact}, n: {type: number, default: 3}}
outputs: {out: one}
tasks: {one: {text: \"n is {{ n }}\", inputs: [{artifact: subject}]}}
";
    let text = "tasks: {draft: {text: d}, p: {uses: parts/outer.yaml, with: {what: draft}}}";
    let options = with_parts(&[("parts/outer.yaml", outer), ("parts/inner.yaml", inner)]);
    let plan = lowered(text, &options);
    assert_eq!(ids(&plan), "draft p-inner-one p-after");
    assert_eq!((needs(&plan, "p-inner-one"), reads(&plan, "p-inner-one")), ("draft".into(), "draft".into()));
    assert_eq!(
        (needs(&plan, "p-after"), reads(&plan, "p-after")),
        ("p-inner-one".into(), "p-inner-one".into())
    );
    // By itself a part without artifacts takes its inputs as variables.
    let alone = "inputs: {n: {type: number, default: 3}}\ntasks: {one: {text: \"n is {{ n }}\"}}";
    assert_eq!(lowered(alone, &super::options()).tasks[0].text, "n is 3");
    assert!(found(inner, &super::options()).contains("part-alone"));
}

#[test]
fn mistakes_about_parts_are_told_in_both_files() {
    let review = REVIEW.to_owned();
    let broken = "
inputs: {n: {type: number}}
outputs: {out: nobody}
agents: {x: {argv: [x]}}
tasks:
  one: {text: \"{{ n }} {{ m }} {{ main }}\", needs: [draft, tw]}
  two: {text: t, inputs: [{artifact: draft}], when: tasks.draft.accepted}
";
    let options = with_parts(&[
        ("review.yaml", &review),
        ("broken.yaml", broken),
        ("a.yaml", "tasks: {x: {uses: b.yaml}}"),
        ("b.yaml", "tasks: {y: {uses: a.yaml}}"),
        ("bad.yaml", "tasks: {one: {txt: t}}"),
        ("torn.yaml", "tasks: [\n"),
    ]);
    let text = "
variables: {main: m}
tasks:
  draft: {text: \"{{ main }}\"}
  r1: {uses: review.yaml}
  r2: {uses: review.yaml, with: {subject: draft, strict: maybe, aspct: x}}
  r3: {uses: review.yaml, with: {subject: nobody}}
  b: {uses: broken.yaml, with: {n: 3}}
  b2: {uses: broken.yaml, with: {n: many}}
  c: {uses: a.yaml}
  d: {uses: bad.yaml}
  e: {uses: torn.yaml}
  f: {uses: /etc/passwd}
  g: {uses: nowhere.yaml}
  h: {text: h, inputs: [{artifact: r3.reprt}, {artifact: draft.x}]}
";
    insta::assert_snapshot!(found(text, &options));
}

#[test]
fn parts_that_multiply_and_names_that_will_be_taken_are_refused() {
    let uses = |of: &str| {
        (0..10).fold("tasks:\n".to_owned(), |text, n| text + &format!("  t{n}: {{uses: {of}.yaml}}\n"))
    };
    let names: Vec<String> = (0..8).map(|n| format!("p{n}")).collect();
    let mut options = options();
    for pair in names.windows(2) {
        options.given.parts.insert(format!("{}.yaml", pair[0]), Ok(uses(&pair[1])));
    }
    options.given.parts.insert("p7.yaml".into(), Ok("tasks: {t: {text: t}}".into()));
    let said = found(&uses("p0"), &options);
    assert!(said.contains("parts are used more than 200 times"), "{said}");
    let text = "
tasks:
  list: {text: t, produces: tasks}
  work: {text: t, for_each: {artifact: list, max: 12}}
  work-1: {text: t}
  work-07: {text: t}
  work-13: {text: t}
  a-task-whose-name-has-fifty-eight-characters-as-you-can-see: {text: t, for_each: {artifact: list}}
";
    let said = found(text, &super::options());
    assert!(said.contains("the name `work-07` is one that `work` may make"), "{said}");
    assert_eq!((said.matches("duplicate-name").count(), said.matches("long-name").count()), (1, 1), "{said}");
}
