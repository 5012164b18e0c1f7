//! Agents that are talked to: who is chosen for what, and with which settings.

use super::{offer, options};
use consort_core::definition::{PlanOptions, check, render};
use consort_core::plan::{AgentSpec, Decision, Effort, Grip, Plan, Rule, Runtime, Session, Tool};

fn plan(text: &str, options: &PlanOptions) -> Plan {
    match check("workflow.yaml", text, options) {
        Ok(checked) => checked.plan,
        Err(found) => panic!("{}", render(&found, "workflow.yaml", text, false)),
    }
}

/// Both runtimes can be used here.
fn both() -> PlanOptions {
    let mut options = options();
    for offer in &mut options.offers {
        offer.found = Ok("found".into());
    }
    options.offers[1].model = Some("small".into());
    options
}

fn session(agent: &AgentSpec) -> &Session {
    match &agent.runtime {
        Runtime::Session(session) => session,
        other => panic!("{other:?}"),
    }
}

#[test]
fn auto_takes_the_first_that_can_be_used_and_creators_need_tools() {
    let text = "tasks:\n  a: {text: x}\n";
    let made = plan(text, &both());
    assert_eq!(session(&made.tasks[0].creator).runtime, "talker");
    let mut only_answers = both();
    only_answers.offers[0].found = Err("not installed".into());
    let made = plan(text, &only_answers);
    assert_eq!(made.tasks[0].creator.runtime, Runtime::Missing, "it cannot write");
    assert_eq!(session(&made.tasks[0].judge).runtime, "answerer");
    assert_eq!(session(&made.tasks[0].judge).model.as_deref(), Some("small"));
    assert_eq!(plan(text, &options()).tasks[0].judge.runtime, Runtime::Missing, "nothing is here");
    let rehearsed = plan(text, &PlanOptions { rehearse: true, ..both() });
    assert!(matches!(rehearsed.tasks[0].creator.runtime, Runtime::Rehearsal { .. }));
}

#[test]
fn a_level_brings_its_agent_and_its_effort() {
    let text = "agents:
  default: {runtime: talker, model: plain}
  judge: {runtime: answerer, model: cheap}
  judge@C3: {runtime: answerer, model: dear, effort: low}
  writer@C4: {runtime: talker, model: best}
tasks:
  a: {text: x, criticality: C1}
  b: {text: x, criticality: C3, role: writer}
  c: {text: x, criticality: C4, role: writer}
";
    let made = plan(text, &both());
    let of = |task: &str| made.task(&task.into()).unwrap();
    assert_eq!(session(&of("a").judge).model.as_deref(), Some("cheap"));
    assert_eq!(session(&of("b").judge).model.as_deref(), Some("dear"));
    assert_eq!(session(&of("c").judge).model.as_deref(), Some("dear"), "the highest level at or below");
    assert_eq!(session(&of("b").creator).model.as_deref(), Some("plain"), "C4 is above C3");
    assert_eq!(session(&of("c").creator).model.as_deref(), Some("best"));
    let efforts = ["a", "b", "c"].map(|task| session(&of(task).creator).effort);
    assert_eq!(efforts, [None, Some(Effort::High), Some(Effort::Max)]);
    assert_eq!(session(&of("c").judge).effort, Some(Effort::Low), "what is written counts");
}

#[test]
fn policy_caps_and_pool_come_into_the_plan() {
    let text = "agents:
  default:
    runtime: talker
    key: MY_KEY
    max_turns: 30
    max_tokens: 2M
    max_cost: 1.50
    idle: 5m
    policy:
      deny: [shell(git push), Bash]
      ask: [\"write(docs/**)\"]
      allow: [fetch(docs.rs), web_search, mcp__context7__*]
      otherwise: ask
      ask_timeout: 1h
    fallbacks: [critic]
  critic: {runtime: answerer, url: http://127.0.0.1:8080, model: local}
tasks:
  a: {text: x}
";
    let made = plan(text, &both());
    let creator = &made.tasks[0].creator;
    let of = |tool: Tool, grip: Option<Grip>| Rule { tool: Some(tool), grip };
    let policy = &session(creator).policy;
    let push = of(Tool::Shell, Some(Grip::Command("git push".into())));
    assert_eq!(policy.deny, [push, of(Tool::Other("Bash".into()), None)]);
    assert_eq!(policy.ask, [of(Tool::Write, Some(Grip::Path("docs/**".into())))]);
    let server = of(Tool::Other("mcp__context7__*".into()), None);
    let host = of(Tool::Fetch, Some(Grip::Host("docs.rs".into())));
    assert_eq!(policy.allow, [host, of(Tool::WebSearch, None), server]);
    assert_eq!((policy.otherwise, policy.ask_timeout_ms), (Some(Decision::Ask), Some(3_600_000)));
    assert_eq!((creator.caps.turns_max, creator.caps.tokens_max), (Some(30), Some(2_000_000)));
    assert_eq!((creator.caps.micro_usd_max, creator.caps.idle_ms), (Some(1_500_000), Some(300_000)));
    assert_eq!(creator.pool.as_deref(), Some("talker:MY_KEY"));
    assert_eq!(creator.price(), None, "what it will spend is not known before");
    let [fallback] = &creator.fallbacks[..] else { panic!("{:?}", creator.fallbacks) };
    assert_eq!(session(fallback).model.as_deref(), Some("local"));
    assert_eq!(fallback.pool.as_deref(), Some("answerer:http://127.0.0.1:8080"));
    assert_eq!(made.tasks[0].critic.pool, fallback.pool);
}

#[test]
fn a_runtime_that_is_not_here_is_no_mistake_of_the_file() {
    let text = "agents: {default: {runtime: talker}}\ntasks:\n  a: {text: x}\n";
    assert_eq!(session(&plan(text, &options()).tasks[0].creator).runtime, "talker");
    let none = PlanOptions { offers: vec![offer("other", &[])], ..options() };
    let found = check("workflow.yaml", text, &none).unwrap_err();
    assert_eq!(found[0].code, "unknown-runtime");
}
