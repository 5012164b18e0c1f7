//! One document, without a workflow: scored by judges and reviewed by critics that are real processes.

mod deaths;

use crate::real::look::{audited, records};
use crate::support::{Said, World, picture};
use consort_core::run::{EventKind as E, HoldWhy, Verdict};
use std::fs;

const DOCUMENT: &str = "# Choice of a store\n\n## Summary\n\nThe first option costs less in every year.\n\n\
    ## Reasons\n\nIt needs no server of its own. The team has run it for three years.\n";

/// Gives one score to all dimensions but the last, and another to that; `$3` is the quotation.
const JUDGE: &str = r#"cat > /dev/null
nonce=$(sed -n 's/.*"nonce": "\([0-9a-f]*\)".*/\1/p' "$CONSORT_REQUEST")
{
  printf '{"nonce":"%s","scores":{' "$nonce"
  sep=
  for d in completeness internal_consistency methodological_rigor evidence_quality actionability traceability; do
    score=$1; if [ $d = traceability ]; then score=$2; fi
    printf '%s"%s":{"score":%s,"evidence":[{"location":"Summary","quote":"%s"},' "$sep" $d "$score" "$3"
    printf '{"location":"Reasons","quote":"It needs no server of its own"},'
    printf '{"location":"Reasons","quote":"The team has run it for three years"}],"gaps":"Nothing is said of load.","improve":"Say something of load."}'
    sep=,
  done
  printf '}}'
} > "$CONSORT_ANSWER"
"#;

/// Finds a thing of this severity with words of the document, and, unless it is `-`, one with other words.
const CRITIC: &str = r#"cat > /dev/null
nonce=$(sed -n 's/.*"nonce": "\([0-9a-f]*\)".*/\1/p' "$CONSORT_REQUEST")
prefix=$(sed -n 's/.*"prefix": "\([A-Z]*\)".*/\1/p' "$CONSORT_REQUEST")
one() {
  printf '{"id":"%s-%s","severity":"%s","dimension":"evidence_quality","location":"Summary","quote":"%s",' "$prefix" "$1" "$2" "$3"
  printf '"claim":"No source is named for it.","remedy":"Name the source."}'
}
{
  printf '{"nonce":"%s","summary":"Looked at closely.","findings":[' "$nonce"
  one 001 "$1" "costs less in every year"
  if [ "$2" != - ]; then printf ,; one 002 critical "$2"; fi
  printf ']}'
} > "$CONSORT_ANSWER"
"#;

/// A repository with the document, and scripts for its agents beside it.
struct Scene {
    world: World,
}

impl Scene {
    fn new() -> Self {
        let world = World::new("tasks:\n  other: {text: Do something else.}\n");
        world.write("docs/choice.md", DOCUMENT);
        world.git(&["add", "-A"]);
        world.git(&["commit", "-q", "-m", "A choice"]);
        fs::write(world.path("judge.sh"), JUDGE).unwrap();
        fs::write(world.path("critic.sh"), CRITIC).unwrap();
        Self { world }
    }

    /// A workflow file beside the repository; agents are given as `name: argv`.
    fn agents(&self, agents: &[(&str, &[&str])]) -> String {
        let mut text = "limits: {grace: 100ms, backoff: {first: 10ms, max: 20ms}}\nagents:\n".to_owned();
        for (name, argv) in agents {
            let argv: Vec<String> = argv
                .iter()
                .map(|arg| format!("'{}'", arg.replace("DIR", &self.world.path("").display().to_string())))
                .collect();
            text += &format!("  {name}: {{argv: [{}]}}\n", argv.join(", "));
        }
        text += "tasks:\n  other: {text: Do something else.}\n";
        let path = self.world.path("agents.yaml");
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn judged(&self, score: &str, last: &str, quote: &str) -> String {
        self.agents(&[("default", &["sh", "DIRjudge.sh", score, last, quote])])
    }

    fn say(&self, args: &[&str]) -> Said {
        self.world.consort(args)
    }

    fn events(&self, run: &str) -> Vec<E> {
        let records = records(&self.world.repo().join(".consort/runs").join(run));
        records.into_iter().flat_map(|r| r.events).map(|e| e.kind).collect()
    }

    /// The record holds, whoever looks at it.
    fn holds(&self, run: &str) {
        let said = self.say(&["verify", run]);
        assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
        let found = audited(&self.world, run, &[]);
        assert!(found.is_empty(), "{found:#?}");
        for verb in [&["status", run][..], &["show", run], &["report", run], &["list"], &["logs", run]] {
            let said = self.say(verb);
            assert_eq!(said.code, 0, "{verb:?}: {}{}", said.stdout, said.stderr);
        }
    }
}

const QUOTE: &str = "The first option costs less in every year";

fn steps(events: &[E]) -> Vec<String> {
    let step = |e: &E| match e {
        E::AttemptStarting { attempt, .. } => Some(attempt.step.to_string()),
        _ => None,
    };
    events.iter().filter_map(step).collect()
}

/// Files of the checkout but for the records.
fn checkout(world: &World) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut files = picture(&world.repo());
    files.retain(|(path, _)| !path.starts_with(world.repo().join(".consort")));
    files
}

#[test]
fn a_document_is_scored_as_at_a_gate_and_nothing_else_is_touched() {
    let scene = Scene::new();
    let file = scene.judged("0.9200", "0.9200", QUOTE);
    let (before, refs) = (checkout(&scene.world), scene.world.git(&["for-each-ref"]));
    let said = scene.say(&["score", "docs/choice.md", "--workflow", &file, "--json"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let value = said.json();
    let keys: Vec<&String> = value.as_object().unwrap().keys().collect();
    let documented = [
        "schema",
        "run",
        "kind",
        "file",
        "sha256",
        "rehearsal",
        "verdict",
        "why",
        "refusals",
        "problems",
        "score",
        "strategies",
        "findings",
        "agent_calls",
    ];
    let mut expected = documented.to_vec();
    expected.sort_unstable();
    let mut keys: Vec<&str> = keys.into_iter().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, expected);
    assert_eq!(
        (&value["kind"], &value["file"], &value["verdict"]),
        (&"score".into(), &"docs/choice.md".into(), &"pass".into())
    );
    assert_eq!(value["score"]["composite"], "0.92");
    assert_eq!(value["score"]["dimensions"].as_array().unwrap().len(), 6);
    assert_eq!(value["score"]["dimensions"][0]["evidence"][0]["quote"], QUOTE);
    // A praised first draft is scored again by a fresh judge, here too.
    assert_eq!(value["score"]["judges"].as_array().unwrap().len(), 2);
    assert_eq!(value["agent_calls"], 2);
    let run = value["run"].as_str().unwrap();
    assert_eq!(steps(&scene.events(run)), ["judge", "judge-2"]);
    scene.holds(run);
    assert_eq!(checkout(&scene.world), before);
    assert_eq!(scene.world.git(&["for-each-ref"]), refs);
    assert_eq!(scene.world.git(&["status", "--porcelain"]), "");
    let why = scene.say(&["why", "docs/choice.md"]);
    assert_eq!(why.code, 0, "{}", why.stderr);
    assert!(
        why.stdout.contains("nobody in this run") && why.stdout.contains("in no workflow"),
        "{}",
        why.stdout
    );
    let over = scene.say(&["resume", run]);
    assert!(over.code == 0 && over.stdout.contains("consort score FILE"), "{}", over.stdout);
}

#[test]
fn a_composite_a_hair_below_the_threshold_does_not_pass_and_nobody_is_asked() {
    let scene = Scene::new();
    let file = scene.judged("0.9200", "0.9199", QUOTE);
    let said = scene.say(&["score", "docs/choice.md", "--workflow", &file]);
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    for what in [
        "forecast   1 agent call",
        "DOES NOT PASS",
        "0.91999 of 0.92",
        "below the threshold",
        "Say something of load.",
    ] {
        assert!(said.stdout.contains(what), "{what}: {}", said.stdout);
    }
    let run = scene.say(&["list", "--json"]).json()["runs"][0]["run"].as_str().unwrap().to_owned();
    let events = scene.events(&run);
    let broken = |e: &&E| {
        matches!(e, E::RoundDecided { verdict: Verdict::Broken { breaker: HoldWhy::NoCreator, .. }, .. })
    };
    assert_eq!(events.iter().filter(broken).count(), 1);
    assert!(!events.iter().any(|e| matches!(e, E::ApprovalRequested { .. } | E::TaskHeld { .. })));
    scene.holds(&run);
    // Neither a person nor a flag gets it past the gate afterwards.
    let over =
        scene.say(&["override", &run, "document", "--rule", "below-threshold", "--reason", "it will do"]);
    assert_eq!(over.code, 2, "{}", over.stdout);
    assert_eq!(scene.say(&["retry", &run, "document"]).code, 2);
}

#[test]
fn rubbish_from_a_judge_is_no_score() {
    let scene = Scene::new();
    for (score, quote, says) in
        [("1.02", QUOTE, "between 0 and 1"), ("0.80", "words that nobody wrote", "not in the candidate")]
    {
        let file = scene.judged(score, score, quote);
        let said = scene.say(&["score", "docs/choice.md", "--workflow", &file, "--json"]);
        assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
        let value = said.json();
        assert_eq!((&value["verdict"], &value["score"]), (&"none".into(), &serde_json::Value::Null));
        assert!(value["why"].as_str().unwrap().contains(says), "{value}");
        assert_eq!(value["agent_calls"], 2, "asked twice, then no more");
        scene.holds(value["run"].as_str().unwrap());
    }
    let file = scene.agents(&[("default", &["sh", "-c", "exit 7"])]);
    let said = scene.say(&["score", "docs/choice.md", "--workflow", &file]);
    assert_eq!(said.code, 1);
    assert!(said.stdout.contains("NO SCORE") && said.stdout.contains("exit code 7"), "{}", said.stdout);
}

#[test]
fn checks_come_before_the_judge() {
    let scene = Scene::new();
    scene
        .world
        .write("docs/sum.md", "Costs.\n\n| what | cost |\n|---|---|\n| a | 1 |\n| b | 2 |\n| total | 4 |\n");
    let file = scene.judged("0.9200", "0.9200", QUOTE);
    let said = scene.say(&["score", "docs/sum.md", "--workflow", &file, "--json"]);
    let value = said.json();
    assert_eq!((said.code, &value["agent_calls"], &value["score"]), (1, &0.into(), &serde_json::Value::Null));
    assert_eq!(value["problems"].as_array().unwrap().len(), 1, "{value}");
    assert!(value["problems"][0]["text"].as_str().unwrap().contains("stated 4, computed 3"), "{value}");
    scene.holds(value["run"].as_str().unwrap());
    // Named critics and nothing else.
    let said = scene.say(&["review", "docs/sum.md", "--strategy", "S-004", "--rehearse", "--json"]);
    assert_eq!(said.json()["agent_calls"], 1);
    assert_eq!(said.json()["problems"], serde_json::json!([]));
}

#[test]
fn a_review_shows_what_named_critics_find_and_drops_what_they_invent() {
    let scene = Scene::new();
    let critic = |severity: &str, invented: &str| {
        scene.agents(&[("critic", &["sh", "DIRcritic.sh", severity, invented])])
    };
    let file = critic("major", "words that nobody wrote");
    let args =
        ["review", "docs/choice.md", "--strategy", "s-004", "--strategy", "S-002", "--workflow", &file];
    let said = scene.say(&[&args[..], &["--json"]].concat());
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    let value = said.json();
    let run = value["run"].as_str().unwrap();
    // S-003 comes before S-002; each critic is asked once more for its invented words.
    let mut done = steps(&scene.events(run));
    done.sort();
    assert_eq!(done, ["S-002", "S-002", "S-003", "S-003", "S-004", "S-004"]);
    assert_eq!(value["findings"].as_array().unwrap().len(), 3, "{value}");
    assert_eq!(value["findings"][0]["quote"], "costs less in every year");
    assert!(value["strategies"].as_array().unwrap().iter().all(|s| s["dropped"] == 1 && s["critical"] == 0));
    assert_eq!(value["refusals"], serde_json::json!(["3 Major findings"]));
    scene.holds(run);
    let report = scene.say(&["report", run, "document"]);
    for what in
        ["does not pass", "No source is named for it.", "dropped: its quotation is not in the candidate"]
    {
        assert!(report.stdout.contains(what), "{what}: {}", report.stdout);
    }
    for (severity, code, says) in [
        ("critical", 1, "1 Critical, 0 Major"),
        ("major", 1, "0 Critical, 1 Major"),
        ("minor", 0, "0 Critical, 0 Major, 1 Minor"),
    ] {
        let file = critic(severity, "-");
        let said = scene.say(&["review", "docs/choice.md", "--strategy", "S-004", "--workflow", &file]);
        assert_eq!(said.code, code, "{severity}: {}{}", said.stdout, said.stderr);
        assert!(
            said.stdout.contains(says) && said.stdout.contains("remedy: Name the source."),
            "{}",
            said.stdout
        );
    }
}

#[test]
fn the_level_decides_how_many_judges_there_are() {
    let scene = Scene::new();
    let file = scene.agents(&[
        ("judge", &["sh", "DIRjudge.sh", "0.80", "0.80", QUOTE]),
        ("judge-2", &["sh", "DIRjudge.sh", "0.60", "0.60", QUOTE]),
        ("default", &["sh", "-c", "exit 9"]),
    ]);
    let score = |more: &[&str]| {
        let said =
            scene.say(&[&["score", "docs/choice.md", "--workflow", &file, "--json"][..], more].concat());
        assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
        said.json()
    };
    assert_eq!(score(&[])["score"]["judges"].as_array().unwrap().len(), 1, "0.80 is no praise");
    let four = score(&["--criticality", "c4"]);
    assert_eq!(four["score"]["composite"], "0.60", "the lower median counts");
    assert!(four["refusals"].to_string().contains("its judges disagree: 0.60 to 0.80"), "{four}");
    scene.holds(four["run"].as_str().unwrap());
    // One agent for all; and the kind of document raises the level.
    assert_eq!(score(&["--agent", "judge-2"])["score"]["composite"], "0.60");
    let said = scene.say(&["score", "docs/choice.md", "--workflow", &file, "--type", "adr"]);
    assert!(said.stdout.contains("raised by AE-"), "{}", said.stdout);
    let said = scene.say(&["score", "docs/choice.md", "--workflow", &file, "--agent", "nobody"]);
    assert!(said.code == 2 && said.stderr.contains("judge, judge-2, default"), "{}", said.stderr);
}

#[test]
fn what_is_no_document_is_refused_before_anything_is_made() {
    let scene = Scene::new();
    scene.world.write("empty.md", " \n\n");
    fs::write(scene.world.repo().join("bytes.md"), b"# T\n\xff\n").unwrap();
    scene.world.write("large.md", &"word \n".repeat(400_000));
    let before = picture(&scene.world.repo());
    for (args, says) in [
        (&["score", "absent.md", "--rehearse"][..], "cannot be read"),
        (&["score", "docs", "--rehearse"], "not a file"),
        (&["score", "empty.md", "--rehearse"], "nothing to judge"),
        (&["review", "bytes.md", "--strategy", "S-004", "--rehearse"], "not UTF-8: byte 4"),
        (&["score", "large.md", "--rehearse"], "too large"),
        (&["review", "docs/choice.md", "--strategy", "S-099", "--rehearse"], "there are S-001, S-002"),
        (&["review", "docs/choice.md", "--strategy", "S-014", "--rehearse"], "consort score docs/choice.md"),
        (&["review", "docs/choice.md", "--rehearse"], "--strategy"),
        (&["score", "docs/choice.md"], "consort score docs/choice.md --rehearse"),
        (&["review", "docs/choice.md", "--strategy", "S-004"], "--strategy S-004 --workflow"),
        (&["score", "docs/choice.md", "--workflow", "absent.yaml"], "cannot be read"),
        (&["score", "docs/choice.md", "--workflow", "empty.md", "--rehearse"], "error"),
        (&["score", "docs/choice.md", "--criticality", "C9", "--rehearse"], "C1, C2, C3 and C4"),
    ] {
        let said = scene.say(args);
        assert_eq!(said.code, 2, "{args:?}: {}{}", said.stdout, said.stderr);
        assert!(said.stderr.contains(says), "{args:?}: {}", said.stderr);
        assert_eq!(said.stdout, "", "{args:?}");
    }
    assert_eq!(picture(&scene.world.repo()), before);
}

#[test]
fn no_workflow_file_can_ask_for_it() {
    let text = "workflow: {id: sly}\ncriticality: C2\ntasks:\n  a: {text: Pass., path: out/a.md, given: docs/choice.md}\n";
    let said = World::new(text).consort(&["check", "workflow.yaml"]);
    assert!(said.code == 2 && said.stderr.contains("given"), "{}", said.stderr);
}

#[test]
fn it_works_without_git_and_on_files_from_elsewhere() {
    let world = World::plain();
    fs::write(world.path("-odd name.md"), DOCUMENT).unwrap();
    let said = world.consort(&["score", "../-odd name.md", "--rehearse", "--json"]);
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    let value = said.json();
    assert_eq!(value["file"], "document.md", "a name that no repository could have");
    assert_eq!(value["rehearsal"], true);
    assert!(audited(&world, value["run"].as_str().unwrap(), &[]).is_empty());
    // Of two at once each has a run of its own.
    let both = [
        world.spawn(&["score", "../-odd name.md", "--rehearse"]),
        world.spawn(&["score", "../-odd name.md", "--rehearse"]),
    ];
    both.into_iter().for_each(|child| assert_eq!(child.wait_with_output().unwrap().status.code(), Some(1)));
    assert_eq!(world.consort(&["list", "--json"]).json()["runs"].as_array().unwrap().len(), 3);
}
