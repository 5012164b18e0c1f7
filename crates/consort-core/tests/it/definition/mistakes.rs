//! What a person reads for each kind of mistake. One snapshot, so that it can be read as one.

use super::options;
use consort_core::definition::{Severity, check, render};

/// A name and a file; `$` stands for the shortest tasks that are right.
const MISTAKES: &[(&str, &str)] = &[
    ("not YAML", "tasks:\n  a: {text: x\n"),
    ("a tab", "tasks:\n\ta: {text: x}\n"),
    ("a colon in a text", "tasks:\n  a:\n    text: do this: now\n"),
    ("braces without quotes", "tasks:\n  a:\n    text: {{ x }}\n"),
    ("two documents", "tasks: {a: {text: x}}\n---\ntasks: {}\n"),
    ("an unknown alias", "tasks: {a: {text: *nothing}}\n"),
    ("empty", ""),
    ("a list", "- a\n- b\n"),
    ("nothing to do", "workflow: {title: x}\n"),
    ("unknown key", "tasks:\n  a: {text: x, neds: [b]}\n  b: {text: y}\n"),
    ("unknown key, a word of another tool", "tasks:\n  a: {prompt: x}\n"),
    ("unknown key, nothing near", "tasks:\n  a: {text: x, banana: 1}\n"),
    ("key twice", "tasks:\n  a:\n    text: x\n    text: y\n"),
    ("name twice", "tasks:\n  a: {text: x}\n  a: {text: y}\n"),
    ("name twice, in two places", "$\npipelines:\n  p: {phases: [{name: One, tasks: {t: {text: y}}}]}\n"),
    ("missing key", "tasks:\n  a: {role: writer}\n"),
    ("wrong type", "tasks:\n  a: {text: [x, y]}\n"),
    ("wrong type, a mapping", "tasks: [a, b]\n"),
    ("no value", "tasks:\n  a:\n    text:\n"),
    ("a truth value for a text", "tasks:\n  a: {text: true}\n"),
    ("bad id", "tasks:\n  Write Tests: {text: x}\n"),
    ("bad id, separator", "tasks:\n  a--b: {text: x}\n"),
    (
        "id too long",
        "tasks:\n  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: {text: x}\n",
    ),
    ("unknown need", "tasks:\n  draft: {text: x}\n  review: {text: y, needs: [drft]}\n"),
    ("cycle", "tasks:\n  a: {text: x, needs: c}\n  b: {text: x, needs: a}\n  c: {text: x, needs: b}\n"),
    ("needs itself", "tasks:\n  a: {text: x, needs: a}\n"),
    ("artifact of a stranger", "tasks:\n  a: {text: x}\n  b: {text: y, inputs: [{artifact: a}]}\n"),
    ("two inputs in one", "tasks:\n  a: {text: x, inputs: [{file: a.md, outside: b}]}\n"),
    ("stray key in an input", "tasks:\n  a: {text: x, inputs: [{file: a.md, about: b}]}\n"),
    ("path leaves the repository", "tasks:\n  a: {text: x, path: ../secret.md}\n"),
    ("absolute path", "tasks:\n  a: {text: x, inputs: [{file: /etc/passwd}]}\n"),
    ("path into git", "tasks:\n  a: {text: x, path: .git/hooks/pre-commit}\n"),
    ("path like an option", "tasks:\n  a: {text: x, path: --force}\n"),
    ("pattern as a path", "tasks:\n  a: {text: x, path: 'docs/*.md'}\n"),
    ("bad glob", "tasks:\n  a: {text: x, writes: 'src/[a'}\n"),
    ("change without writes", "tasks:\n  a: {text: x, produces: change}\n"),
    ("change without git", "workspace: none\ntasks:\n  a: {text: x, writes: 'src/**'}\n"),
    ("data without path", "tasks:\n  a: {text: x, produces: data}\n"),
    ("path on a change", "tasks:\n  a: {text: x, writes: 'src/**', path: a.md}\n"),
    ("same path twice", "tasks:\n  a: {text: x, path: out.md}\n  b: {text: y, path: out.md}\n"),
    ("globs overlap", "tasks:\n  a: {text: x, writes: 'src/**'}\n  b: {text: y, writes: 'src/api/*.rs'}\n"),
    ("file and folder", "tasks:\n  a: {text: x, path: out}\n  b: {text: y, path: out/b.md}\n"),
    (
        "engine's own file",
        "workflow: {id: w-20260101-001}\ntasks:\n  a: {text: x, path: orchestration/w-20260101-001/state.json}\n",
    ),
    ("threshold as percent", "quality: {threshold: 92}\n$"),
    ("score too fine", "quality: {threshold: 0.91999}\n$"),
    ("score not a number", "quality: {threshold: .nan}\n$"),
    ("floor above threshold", "quality: {threshold: 0.90, floor: 0.92}\n$"),
    ("floor by default above threshold", "quality: {threshold: 0.80}\n$"),
    ("weights", "quality: {dimensions: {good: 0.5, cheap: 0.3}}\n$"),
    ("rounds below three", "quality: {rounds: {min: 1}}\n$"),
    ("rounds the wrong way", "quality: {rounds: {min: 4, max: 3}}\n$"),
    ("strategy that is not in the catalogue", "tasks:\n  a: {text: x, strategies: [S-005]}\n"),
    ("strategy misspelt", "tasks:\n  a: {text: x, strategies: [S-7]}\n"),
    ("strategies without a gate", "tasks:\n  a: {text: x, gate: none, strategies: [S-007]}\n"),
    ("gate misspelt", "tasks:\n  a: {text: x, gate: off}\n"),
    ("criticality", "criticality: high\n$"),
    ("duration without unit", "limits: {attempt_timeout: 30}\n$"),
    ("size in the wrong unit", "limits: {output_max: 8MB}\n$"),
    ("budget of nothing", "limits: {budget: {usd: 0}}\n$"),
    ("budget of a task of nothing", "limits: {budget: {per_task: {agent_calls: 0}}}\n$"),
    ("budget with another word", "limits: {budget: {usd: 5, then: stpo}}\n$"),
    ("budget that always warns", "tasks:\n  a: {text: x, budget: {tokens: 5k, warn_at: 0}}\n"),
    ("budget inside a budget", "limits: {budget: {per_task: {per_task: {usd: 1}}}}\n$"),
    ("number too small", "limits: {max_concurrent_agents: 0}\n$"),
    ("unknown variable", "variables: {topic: x}\ntasks:\n  a: {text: 'about {{ topci }} and {{ topic }}'}\n"),
    (
        "variable without value",
        "variables: {topic: {about: what it is about}}\ntasks:\n  a: {text: 'about {{ topic }}'}\n",
    ),
    ("expression in a template", "variables: {topic: x}\ntasks:\n  a: {text: '{{ topic | upper }}'}\n"),
    ("template not closed", "tasks:\n  a: {text: 'about {{ topic'}\n"),
    ("runtime of later", "agents: {default: {runtime: claude}}\n$"),
    ("runtime misspelt", "agents: {default: {runtime: talkr}}\n$"),
    ("runtime that is no word", "agents: {default: {runtime: My Agent}}\n$"),
    ("program of a session", "agents: {default: {runtime: talker, argv: [t]}}\n$"),
    (
        "session keys of a command",
        "agents: {default: {argv: [t], model: x, policy: {deny: [shell]}, max_turns: 3}}\n$",
    ),
    ("creator without tools", "agents: {default: {runtime: answerer}}\n$"),
    ("unknown tool", "agents: {default: {runtime: talker, policy: {allow: [shel(ls)]}}}\n$"),
    ("rule not closed", "agents: {default: {runtime: talker, policy: {ask: ['shell(ls']}}}\n$"),
    ("rule with too much", "agents: {default: {runtime: talker, policy: {deny: [web_search(x)]}}}\n$"),
    ("level of an agent", "agents: {judge@C9: {runtime: talker}}\n$"),
    ("fallback to itself", "agents: {default: {runtime: talker, fallbacks: [default]}}\n$"),
    ("fallback to nobody", "agents: {default: {runtime: talker, fallbacks: [defalt]}}\n$"),
    ("no turns", "agents: {default: {runtime: talker, max_turns: 0}}\n$"),
    ("agent without program", "agents: {default: {runtime: command}}\n$"),
    ("shell line", "agents: {default: {argv: claude -p --verbose}}\n$"),
    ("unknown agent", "agents: {writer: {argv: [w]}}\ntasks:\n  a: {text: x, agent: writr}\n"),
    ("unused agent", "agents: {writer: {argv: [w]}}\n$"),
    ("secret", "agents: {default: {argv: [w], env: {API_KEY: sk-1234567890abcdef}}}\n$"),
    ("variable set and passed", "agents: {default: {argv: [w], env: {A: b}, pass_env: A}}\n$"),
    ("environment of consort", "agents: {default: {argv: [w], env: {CONSORT_X: b}}}\n$"),
    ("yes", "agents: {default: {argv: [w], supervise: yes}}\n$"),
    ("phase without tasks", "pipelines: {p: {phases: [{name: One, tasks: {}}]}}\n"),
    ("pipeline without phases", "pipelines: {p: {phases: []}}\n$"),
    ("convergent alone", "convergent: {phases: [{name: One, tasks: {a: {text: x}}}]}\n"),
    ("level not declared", "workflow: {levels: {L0: all}}\ntasks:\n  a: {text: x, levels: [L2]}\n"),
    ("completion by a stranger", "$\ncompletion: [{artifact: tt}]\n"),
    ("completion of nothing", "$\ncompletion: [{name: x}]\n"),
    ("control character", "tasks:\n  a: {text: \"x\\u001b[31m\"}\n"),
];

const TWO: &str = "pipelines:
  a: {phases: [{name: One, tasks: {a1: {text: x}}}, {name: Two, tasks: {a2: {text: x, inputs: [{handoff: meet}]}}}]}
  b: {phases: [{name: One, tasks: {b1: {text: x}}}, {name: Two, tasks: {b2: {text: x}}}]}
";

/// Files with two pipelines, then the barriers given here.
const BARRIERS: &[(&str, &str)] = &[
    (
        "handoff without consumer",
        "barriers: {meet: {after: {a: 1, b: 1}, handoffs: [{from: a, to: b}, {from: b, to: a}]}}\n",
    ),
    ("no handoff arrives", "barriers: {meet: {after: {a: 1, b: 1}}}\n"),
    ("unknown pipeline", "barriers: {meet: {after: {a: 1, bb: 1}, handoffs: [{from: b, to: a}]}}\n"),
    ("no such phase", "barriers: {meet: {after: {a: 1, b: 3}, handoffs: [{from: b, to: a}]}}\n"),
    ("not at the barrier", "barriers: {meet: {after: {a: 1}, handoffs: [{from: b, to: a}]}}\n"),
    ("nobody meets", "barriers: {meet: {after: {}}}\n"),
    (
        "handoff to itself",
        "barriers: {meet: {after: {a: 1, b: 1}, handoffs: [{from: b, to: b}, {from: b, to: a}]}}\n",
    ),
    (
        "handoff twice",
        "barriers: {meet: {after: {a: 1, b: 1}, handoffs: [{from: b, to: a}, {from: b, to: a}]}}\n",
    ),
    ("barrier behind itself", "barriers: {meet: {after: {a: 2, b: 1}, handoffs: [{from: b, to: a}]}}\n"),
    (
        "barrier named like a task",
        "barriers: {a1: {after: {a: 1}}, meet: {after: {a: 1, b: 1}, handoffs: [{from: b, to: a}]}}\n",
    ),
];

const OTHERS: &[(&str, &str)] = &[
    (
        "aliases collide",
        "pipelines:\n  a: {skill: problem-solving, phases: [{name: One, tasks: {a1: {text: x}}}]}\n  b: {skill: problem-solving, phases: [{name: One, tasks: {b1: {text: x}}}]}\n",
    ),
    (
        "task below its phase",
        "pipelines:\n  a: {phases: [{name: One, criticality: C3, tasks: {a1: {text: x, criticality: C2}}}]}\n",
    ),
    (
        "barrier where a task is meant",
        "pipelines:\n  a: {phases: [{name: One, tasks: {a1: {text: x}}}, {name: Two, tasks: {a2: {text: x, inputs: [{artifact: gate}, {handoff: a1}]}}}]}\nbarriers: {gate: {after: {a: 1}}}\n",
    ),
    ("strategies below the level", "tasks:\n  a: {text: x, criticality: C3, strategies: [S-014]}\n"),
];

fn files() -> Vec<(&'static str, String)> {
    let short = |text: &str| text.replace('$', "tasks: {t: {text: do it}}\n");
    MISTAKES
        .iter()
        .chain(OTHERS)
        .map(|(name, text)| (*name, short(text)))
        .chain(BARRIERS.iter().map(|(name, text)| (*name, format!("{TWO}{text}"))))
        .collect()
}

#[test]
fn each_mistake_is_explained() {
    let mut shown = String::new();
    for (name, text) in files() {
        let found = match check("w.yaml", &text, &options()) {
            Ok(checked) => checked.warnings,
            Err(found) => {
                assert!(found.iter().any(|d| d.severity == Severity::Error), "{name}");
                found
            }
        };
        assert!(!found.is_empty(), "{name}: nothing was found");
        shown.push_str(&format!("## {name}\n\n{}\n", render(&found, "w.yaml", &text, false)));
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let text = "quality: {threshold: 1.2, dimensions: {a: 0.5}}
limits: {grace: soon}
tasks:
  a: {text: x, neds: b}
  b: {text: y, needs: [c], path: ../x}
  d: {role: r}
";
    let found = check("w.yaml", text, &options()).expect_err("six mistakes");
    let codes: Vec<&str> = found.iter().map(|d| d.code).collect();
    assert_eq!(
        codes,
        ["out-of-range", "weights", "wrong-value", "unknown-key", "unknown-name", "bad-path", "missing-key"]
    );
    let positions: Vec<(usize, usize)> = found.iter().map(|d| d.position(text)).collect();
    assert_eq!(positions, [(1, 22), (1, 43), (2, 17), (4, 16), (5, 24), (5, 34), (6, 3)]);
}
