//! Role files: such as people have, read unchanged; mistakes in them; what plans make of them.

use super::{offer, options};
use consort_core::definition::roles::{Library, RoleFile, RoleText, read_role};
use consort_core::definition::{Diagnostic, PlanOptions, check, render};
use consort_core::plan::{AgentSpec, Effort, Grip, Plan, Rule, Runtime, Session, Tool};
use std::fmt::Write;

const REVIEWER: &str = include_str!("role_files/code-reviewer.md");
const DOCS: &str = include_str!("role_files/docs-researcher.md");
const FORENSIC: &str = include_str!("role_files/ps-forensic.md");
const GOVERNANCE: &str = include_str!("role_files/ps-forensic.governance.yaml");

fn text(name: &str, text: &str) -> RoleText {
    RoleText {
        name: name.into(),
        source: format!("roles/{name}.md"),
        text: Ok(text.into()),
        governance: None,
    }
}

fn governed(name: &str, body: &str, governance: &str) -> RoleText {
    let beside = (format!("roles/{name}.governance.yaml"), Ok(governance.to_owned()));
    RoleText { governance: Some(beside), ..text(name, body) }
}

fn sound(role: &RoleText) -> RoleFile {
    let (read, found) = read_role(role);
    assert!(found.is_empty(), "{}", render(&found, "none", "", false));
    read.expect("without mistakes there is a role")
}

fn rule(tool: Tool, grip: Option<Grip>) -> Rule {
    Rule { tool: Some(tool), grip }
}

#[test]
fn a_file_with_a_description_that_is_no_yaml_is_read_as_it_is() {
    let role = sound(&text("code-reviewer", REVIEWER));
    assert!(role.role.description.contains("changed: it looks"), "{}", role.role.description);
    assert!(role.role.description.contains("I've added"), "{}", role.role.description);
    assert_eq!(role.model.as_deref(), Some("opus"));
    assert_eq!(role.role.tools, [Tool::Read, Tool::Search, Tool::Shell]);
    let git = |words: &str| rule(Tool::Shell, Some(Grip::Command(words.into())));
    assert_eq!(role.allow, [git("git diff"), git("git log")]);
    for tool in [Tool::Write, Tool::Fetch, Tool::WebSearch] {
        assert!(role.deny.contains(&rule(tool.clone(), None)), "{tool:?} is not listed and so refused");
    }
    assert!(role.role.instructions.starts_with("You are a senior engineer"));
    assert!(role.notes.iter().any(|note| note.contains("no YAML")), "{:?}", role.notes);
    assert!(role.notes.iter().any(|note| note.contains("`color`")), "{:?}", role.notes);
}

#[test]
fn a_place_in_such_a_file_is_where_it_stands() {
    let broken = REVIEWER.replace("Bash(git log:*)", "Bash(git log:*");
    let (role, found) = read_role(&text("code-reviewer", &broken));
    assert!(role.is_none());
    let line = broken.lines().nth(3).expect("the tools");
    let column = line.find("Bash(git log").expect("there") + 1;
    assert_eq!(found[0].position(""), (4, column), "{}", render(&found, "none", "", false));
    assert_eq!(found[0].file_name("workflow.yaml"), "roles/code-reviewer.md");
}

#[test]
fn servers_skills_and_refusals_are_taken_from_the_words_of_other_programs() {
    let role = sound(&text("docs-researcher", DOCS));
    assert_eq!(role.role.servers.keys().collect::<Vec<_>>(), ["context7"]);
    assert_eq!(role.role.skills, ["citations"]);
    assert!(!role.role.tools.contains(&Tool::Delegate), "never granted");
    assert!(role.notes.iter().any(|note| note.contains("`Task`")), "{:?}", role.notes);
    assert!(role.notes.iter().any(|note| note.contains("`permissionMode`")), "{:?}", role.notes);
    assert!(role.deny.contains(&rule(Tool::Shell, Some(Grip::Command("rm".into())))));
    assert!(role.deny.contains(&rule(Tool::Fetch, Some(Grip::Host("example.com".into())))));
    assert!(role.role.tools.contains(&Tool::Fetch), "only one host is refused");
}

#[test]
fn the_fields_of_governance_are_used() {
    let role = sound(&governed("ps-forensic", FORENSIC, GOVERNANCE));
    assert_eq!((role.tier, role.effort, role.model.as_deref()), (Some(3), Some(Effort::High), None));
    assert_eq!(role.levels, ["L0", "L1", "L2"]);
    assert!(role.role.tools.contains(&Tool::WebSearch), "T3 brings the web: {:?}", role.role.tools);
    assert_eq!(role.role.forbidden.len(), 3);
    assert!(role.deny.contains(&rule(Tool::Shell, Some(Grip::Command("git push".into())))));
    insta::assert_snapshot!(role.role.instructions);
}

#[test]
fn a_tier_takes_what_lies_beyond_it() {
    for (tier, listed, tools, denied) in [
        (
            "T1",
            "",
            vec![Tool::Read, Tool::Search],
            vec![Tool::Write, Tool::Shell, Tool::Fetch, Tool::WebSearch],
        ),
        ("T1", "tools: Read, Bash", vec![Tool::Read], vec![Tool::Write, Tool::Shell]),
        (
            "t2",
            "",
            vec![Tool::Read, Tool::Search, Tool::Write, Tool::Shell],
            vec![Tool::Fetch, Tool::WebSearch],
        ),
        ("T3", "tools: Read, WebSearch", vec![Tool::Read, Tool::WebSearch], vec![Tool::Write, Tool::Fetch]),
        ("T4", "tools: Read, WebFetch, mcp__memory__store", vec![Tool::Read], vec![Tool::Fetch]),
    ] {
        let (role, found) = read_role(&text("x", &format!("---\ntool_tier: {tier}\n{listed}\n---\nWork.\n")));
        let role = role.expect("warnings only");
        for tool in &tools {
            assert!(role.role.tools.contains(tool), "{tier} {listed}: {tool:?} in {:?}", role.role.tools);
        }
        for tool in &denied {
            assert!(!role.role.tools.contains(tool), "{tier} {listed}: {tool:?}");
            assert!(role.deny.contains(&rule(tool.clone(), None)), "{tier} {listed}: {tool:?}");
        }
        let beyond = listed.contains("Bash") || listed.contains("WebFetch");
        assert_eq!(found.iter().any(|d| d.code == "beyond-tier"), beyond, "{tier} {listed}: {found:?}");
    }
    let memory = text("x", "---\ntool_tier: T2\ntools: Read, mcp__memory__store\n---\nWork.\n");
    let (role, found) = read_role(&memory);
    assert!(role.expect("a warning").role.servers.is_empty());
    assert_eq!(found[0].code, "beyond-tier");
}

/// A name and the file; `|` parts it from its governance.
const MISTAKES: &[(&str, &str)] = &[
    ("nothing in it", "---\nname: x\n---\n\n"),
    ("no end of the front matter", "---\nname: x\nYou do it.\n"),
    ("front matter that is no YAML in any way", "---\nname: [x\ntools: Read\n---\nWork.\n"),
    ("front matter that is a list", "---\n- name\n---\nWork.\n"),
    ("tools of the wrong kind", "---\ntools: [Read, [Write]]\n---\nWork.\n"),
    ("a bracket that is not closed", "---\ntools: Read, Bash(git log\n---\nWork.\n"),
    ("a tool with a strange name", "---\ntools:\n  - Read\n  - rm -rf\n---\nWork.\n"),
    ("brackets that nobody understands", "---\ndisallowedTools: Skill(all of them)\n---\nWork.\n"),
    ("a model with spaces", "---\nmodel: the best one\n---\nWork.\n"),
    ("a tier of models that is none", "---\nmodel: {tier: reasoning_hgih}\n---\nWork.\n"),
    ("an effort that is none", "---\neffort: hihg\n---\nWork.\n"),
    ("servers of the wrong kind", "---\nmcpServers: {docs: [a, b]}\n---\nWork.\n"),
    ("skills of the wrong kind", "---\nskills: {a: b}\n---\nWork.\n"),
    ("a tier that is none", "---\ntool_tier: T9\n---\nWork.\n"),
    ("a tier for orchestrators", "---\nname: x\n---\nWork.\n|version: '1'\ntool_tier: T5\n"),
    ("a tier that its tools exceed", "---\ntools: Read, Bash, WebSearch\n---\nWork.\n|tool_tier: T1\n"),
    ("servers beyond its tier", "---\ntools: Read, mcp__docs__find\n---\nWork.\n|tool_tier: T2\n"),
    ("a way of thinking that is none", "Work.\n|identity: {role: r, cognitive_mode: convregent}\n"),
    ("a fallback that is a sentence", "Work.\n|guardrails: {fallback_behavior: Try again}\n"),
    ("a level that is none", "Work.\n|output: {levels: [L0, L7]}\n"),
    ("governance that is no YAML", "Work.\n|identity: {role: r\n"),
    ("identity of the wrong kind", "Work.\n|identity: someone\n"),
    (
        "too many tools",
        "---\ntools: Read, Write, Glob, Bash, WebFetch, WebSearch, A, B, C, D, E, F, G, H, I, J\n---\nWork.\n",
    ),
];

#[test]
fn each_mistake_is_explained_where_it_is() {
    let mut all = String::new();
    for (name, file) in MISTAKES {
        let role = match file.split_once('|') {
            Some((body, governance)) => governed("x", body, governance),
            None => text("x", file),
        };
        let (_, found) = read_role(&role);
        assert!(!found.is_empty(), "{name}: nothing was found");
        let _ = writeln!(all, "=== {name}\n{}", render(&found, "workflow.yaml", "", false));
    }
    insta::assert_snapshot!(all);
}

fn with(roles: Vec<RoleText>) -> PlanOptions {
    let mut talker = offer("talker", &[Tool::Read, Tool::Write, Tool::Shell, Tool::Fetch, Tool::WebSearch]);
    talker.found = Ok("found".into());
    (talker.servers, talker.skills, talker.role_models) = (true, true, true);
    let mut answerer = offer("answerer", &[]);
    answerer.found = Ok("found".into());
    let library = Library { roles, ..Library::default() };
    PlanOptions { library, offers: vec![talker, answerer], ..options() }
}

fn planned(file: &str, options: &PlanOptions) -> Plan {
    match check("workflow.yaml", file, options) {
        Ok(checked) => checked.plan,
        Err(found) => panic!("{}", render(&found, "workflow.yaml", file, false)),
    }
}

fn refused(file: &str, options: &PlanOptions) -> Vec<Diagnostic> {
    check("workflow.yaml", file, options).expect_err("a mistake")
}

fn session(agent: &AgentSpec) -> &Session {
    match &agent.runtime {
        Runtime::Session(session) => session,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_plan_keeps_the_words_of_a_role_once_and_its_agents_what_they_need() {
    let roles = vec![
        governed("forensic", FORENSIC, GOVERNANCE),
        text("critic", "---\ntools: Read\n---\nAttack it.\n"),
        text("judge", "Measure it.\n"),
        text("code-reviewer", &REVIEWER.replace("Grep", "Grep, Write")),
    ];
    let file = "agents:
  judge: {runtime: answerer, role: judge, model: mine}
  special: {runtime: talker, role: code-reviewer, policy: {deny: ['fetch(evil.org)']}}
tasks:
  a: {text: x, role: ps-forensic, criticality: C1}
  b: {text: x, role: ps-forensic, levels: [L1], criticality: C4}
  c: {text: x, role: unheard-of, agent: special}
  d: {text: x, role: unheard-of}
";
    let plan = planned(file, &with(roles));
    let names: Vec<&str> = plan.roles.keys().map(String::as_str).collect();
    assert_eq!(names, ["code-reviewer", "critic", "forensic", "judge"]);
    let of = |id: &str| plan.task(&id.into()).expect("a task");
    assert_eq!(of("a").creator.role.as_deref(), Some("forensic"), "the prefix of a skill is stripped");
    let own = session(&of("a").creator).role.clone().expect("a role");
    assert!(own.instructions.is_empty() && !plan.roles["forensic"].instructions.is_empty());
    assert_eq!((of("a").levels.len(), of("b").levels.len()), (3, 1), "the task's own word counts");
    assert_eq!(session(&of("a").creator).effort, Some(Effort::High), "C1 asks for none, the role for much");
    assert_eq!(session(&of("b").creator).effort, Some(Effort::Max), "C4 asks for more than the role");
    assert_eq!(of("c").creator.role.as_deref(), Some("code-reviewer"), "the agent's own role");
    assert_eq!(session(&of("c").creator).model.as_deref(), Some("opus"));
    assert_eq!(session(&of("c").creator).policy.deny.len(), 3, "the policy's and those of the tools");
    assert_eq!((of("d").creator.role.as_deref(), of("d").critic.role.as_deref()), (None, Some("critic")));
    assert_eq!(session(&of("d").judge).model.as_deref(), Some("mine"), "the workflow's model counts");
    let again: Plan = serde_json::from_str(&serde_json::to_string(&plan).expect("written")).expect("read");
    assert_eq!(again, plan);
}

#[test]
fn a_workflow_without_role_files_has_a_plan_as_before() {
    let plan = planned("tasks:\n  a: {text: x, role: ps-researcher}\n", &with(vec![]));
    assert!(plan.roles.is_empty() && plan.tasks[0].creator.role.is_none());
    assert!(!serde_json::to_string(&plan).expect("written").contains("\"roles\""));
}

#[test]
fn what_no_runtime_offers_is_refused_where_it_is_asked_for() {
    let docs = text("docs-researcher", DOCS);
    let file = "tasks:\n  a: {text: x, role: docs-researcher}\n";
    let codes = |found: &[Diagnostic]| found.iter().map(|d| d.code).collect::<Vec<_>>();
    let found = refused(file, &with(vec![docs.clone()]));
    assert_eq!(codes(&found), ["role-not-offered"], "nobody says how the server is reached");
    assert_eq!(found[0].file_name("workflow.yaml"), "roles/docs-researcher.md");
    assert_eq!(found[0].position(""), (9, 5));
    let mut known = with(vec![docs.clone()]);
    known.library.servers.insert("context7".into(), "{\"command\": \"docs\"}".into());
    let plan = planned(file, &known);
    let role = session(&plan.tasks[0].creator).role.clone().expect("a role");
    assert_eq!(role.servers["context7"].as_deref(), Some("{\"command\": \"docs\"}"));
    let mut poor = known.clone();
    poor.offers[0] = offer("talker", &[Tool::Read, Tool::Write]);
    poor.offers[0].found = Ok("found".into());
    let found = refused(file, &poor);
    assert_eq!(found.len(), 4, "pages, search, skills, server: {}", render(&found, "w", file, false));
    let rehearsed = PlanOptions { rehearse: true, ..poor };
    assert_eq!(planned(file, &rehearsed).tasks[0].creator.role.as_deref(), Some("docs-researcher"));
}

#[test]
fn mistakes_of_the_workflow_and_of_roles_are_shown_together() {
    let roles = vec![
        text("reads", "---\ntools: Read, Grep\n---\nRead.\n"),
        text("broken", "---\ntool_tier: T7\n---\nWork.\n"),
        text("careful", "---\ntool_tier: T1\n---\nRead.\n"),
    ];
    let file = "agents:
  default: {runtime: talker}
  other: {runtime: talker, role: craeful}
tasks:
  a: {text: x, role: reads}
  b: {text: x, role: broken}
  c: {text: x, role: broken, agent: {runtime: talker, role: nobody-at-all}}
  d: {text: x, role: careful, agent: other}
";
    let found = refused(file, &with(roles));
    insta::assert_snapshot!(render(&found, "workflow.yaml", file, false));
}
