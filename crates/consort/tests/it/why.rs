//! `consort why`: from a commit or a file back to the agent, its judges and the record.

use crate::support::{SMALL, Said, World};
use std::path::Path;

const RUN: &str = "small-20260220-001";

/// Its one task never passes: the judge is not impressed.
const POOR: &str = "\
workflow: {id: poor, title: Poor}
criticality: C2
quality: {rounds: {min: 3, max: 3}}
agents:
  default: {runtime: rehearsal}
  judge: {runtime: rehearsal, misbehave: ['judge:*:score-0.6000']}
tasks:
  report: {role: writer, text: Write it., path: out/report.md}
";

/// A change of more files than the journal names, and a task that mends one of them.
const CHANGE: &str = "\
workflow: {id: change, title: Change}
criticality: C3
quality: {gate: none}
agents:
  default: {argv: [sh, -c, 'mkdir -p src; for i in 1 2 3 4 5 6 7 8 9 a b c; do echo $i > src/$i.txt; done']}
  mender: {argv: [sh, -c, 'echo mended > src/c.txt']}
tasks:
  one: {role: coder, text: Write them., writes: [src/**]}
  two: {role: mender, text: Mend one., writes: [src/c.txt], needs: [one], agent: mender}
";

fn told(said: &Said, words: &[&str]) {
    assert_eq!(said.code, 0, "{}", said.stderr);
    for word in words {
        assert!(said.stdout.contains(word), "`{word}` is not said:\n{}", said.stdout);
    }
}

/// The value of a line, without its label.
fn line<'a>(said: &'a Said, label: &str) -> &'a str {
    let found = said.stdout.lines().find(|l| l.split(' ').next() == Some(label));
    found.unwrap_or_else(|| panic!("no line `{label}`:\n{}", said.stdout))[label.len()..].trim()
}

/// SMALL with judges, COMPLETE after a person's approval; and the path of what `second` wrote.
fn complete() -> (World, String) {
    let world = World::new(&SMALL.replace("criticality: C1", "criticality: C2"));
    assert_eq!(world.consort(&["run", "workflow.yaml", "--rehearse"]).code, 3);
    assert_eq!(world.consort(&["approve", "small", "A-001", "-m", "reads well"]).code, 0);
    let said = world.consort(&["resume", "small"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let shown = world.consort(&["show", "small", "second", "--json"]).json()["tasks"].clone();
    let path = shown[0]["artifacts"][0][0].as_str().unwrap().to_owned();
    (world, path)
}

#[test]
fn a_file_is_followed_from_the_run_into_the_checkout_and_beyond() {
    let (world, path) = complete();
    let before = world.consort(&["why", &path]);
    told(
        &before,
        &[
            ": not in this checkout",
            "a rehearsal: players stood in",
            "second (writer)",
            "pipeline p, phase 2 Two",
            "rehearsal, attempt second/1.2.",
            "of first at ",
            "judge 1, rehearsal",
            "the round's composite, threshold 0.92",
            "by ada (inbox:",
            ": reads well",
            "checkpoint CP-0",
        ],
    );
    let accepted = world.git(&["rev-parse", &format!("refs/consort/{RUN}/task/second")]);
    assert_eq!(line(&before, "commit"), accepted);
    let record = line(&before, "record").split_once("  ").unwrap();
    assert!(record.0.parse::<u64>().unwrap() > 1 && record.1.len() == 64, "{record:?}");

    assert_eq!(world.consort(&["integrate", "--yes"]).code, 0);
    let full = world.repo().join(&path);
    let folder = Path::new(&path).parent().unwrap();
    let name = Path::new(&path).file_name().unwrap().to_str().unwrap();
    for (from, word) in [(".", &*path), (".", full.to_str().unwrap()), (folder.to_str().unwrap(), name)] {
        let said = world.consort(&["-C", from, "why", word]);
        told(&said, &[": the same bytes\n", "refs/heads/main "]);
        assert_eq!(line(&said, "commit"), accepted);
    }
    world.write(&path, "# Mine\n");
    told(&world.consort(&["why", &path]), &[": changed since by somebody else (here sha256 "]);
    let crlf = world.git(&["show", &format!("{accepted}:{path}")]).replace('\n', "\r\n") + "\r\n";
    world.write(&path, &crlf);
    told(&world.consort(&["why", &path]), &[": the same but for line ends"]);
}

#[test]
fn a_commit_is_a_tasks_or_holds_those_of_tasks() {
    let (world, _) = complete();
    let accepted = world.git(&["rev-parse", &format!("refs/consort/{RUN}/task/first")]);
    for name in [&*accepted, &accepted[..9], &format!("refs/consort/{RUN}/task/first")] {
        let said = world.consort(&["why", name]);
        told(&said, &["first (writer)", "accepted (round ", "approved     no person was asked"]);
        assert_eq!(line(&said, "commit"), accepted);
    }
    let first = world.consort(&["why", &format!("refs/consort/{RUN}/CP-001")]);
    told(&first, &["checkpoint CP-001, after phase 1", "writer, rehearsal"]);
    assert!(line(&first, "holds").starts_with("first  "), "{}", first.stdout);
    assert!(!first.stdout.contains("second"), "{}", first.stdout);
    world.consort(&["integrate", "--yes"]);
    let result = world.consort(&["why", "HEAD"]);
    told(&result, &["as it was brought to refs/heads/main", "\n             second  "]);

    let value = world.consort(&["why", &accepted[..9], "--json"]).json();
    assert_eq!(value["commit"], *accepted);
    let work = &value["works"][0];
    assert_eq!(work["task"], "first");
    assert_eq!(work["agent"]["runtime"], "rehearsal");
    assert_eq!(work["attempt"], "first/1.2.7/create");
    assert_eq!(work["composite"], work["judges"][0]["composite"]);
    assert_eq!(work["checkpoints"][0]["name"], "CP-001");
    assert_eq!(work["integrations"][0]["by"], "ada");
    assert!(work["record"]["seq"].as_u64() < work["head"]["seq"].as_u64());
    let merge = &world.consort(&["why", "HEAD", "--json"]).json()["merges"][0];
    assert_eq!((&merge["kind"], &merge["holds"][1]["task"]), (&"integration".into(), &"second".into()));
}

#[test]
fn an_override_is_told_with_name_rule_and_reason() {
    let world = World::new(POOR);
    let said = world.consort(&["run", "workflow.yaml"]);
    assert_eq!(said.code, 3, "{}{}", said.stdout, said.stderr);
    let revision =
        world.consort(&["show", "poor", "report", "--json"]).json()["tasks"][0]["revision"].clone();
    let revision = revision.as_str().unwrap();
    told(&world.consort(&["why", revision]), &["not accepted: stopped, ", "no checkpoint or barrier yet"]);
    let mut args = vec!["override", "poor", "report", "--reason", "only a spike"];
    let refused = world.consort(&args).stderr;
    let rules = refused.split_whitespace().collect::<Vec<_>>();
    rules.windows(2).filter(|w| w[0] == "--rule").for_each(|w| args.extend([w[0], w[1]]));
    assert_eq!(world.consort(&args).code, 0, "{args:?}");
    assert_eq!(world.consort(&["resume", "poor"]).code, 0);
    for word in [revision, "out/report.md"] {
        let said = world.consort(&["why", word]);
        told(&said, &["accepted against the verdict (round 3", "below the threshold", "0.60  judge 1"]);
        let over = line(&said, "override");
        assert!(over.starts_with("by ada, ") && over.contains("Reason: only a spike"), "{over}");
    }
}

#[test]
fn what_no_agent_wrote_is_an_error_that_says_where_was_looked() {
    let world = World::new(SMALL);
    let said = world.consort(&["why", "workflow.yaml"]);
    assert_eq!((said.code, said.stderr.contains("there are no runs in")), (1, true), "{}", said.stderr);
    assert_eq!(world.consort(&["run", "workflow.yaml", "--rehearse", "--approve", "all"]).code, 0);
    let plan = format!("orchestration/{RUN}/ORCHESTRATION_PLAN.md");
    for (word, why) in [
        ("workflow.yaml", "no agent of a run here wrote `workflow.yaml`"),
        ("nothing.md", "neither a commit nor a file here"),
        ("0123456789abcdef", "no run made the commit 0123456789abcdef"),
        ("main", "began at it"),
        (&*plan, "consort itself writes it into the checkpoints"),
    ] {
        let said = world.consort(&["why", word]);
        assert_eq!(said.code, 1, "{word}: {}", said.stdout);
        for what in [why, "looked in the journal of run small-20260220-001", "consort list"] {
            assert!(said.stderr.contains(what), "{word}, {what}: {}", said.stderr);
        }
    }
    assert_eq!(world.consort(&["why", "../elsewhere.md"]).code, 2);
    assert_eq!(world.consort(&["why", ".consort"]).code, 2);
    assert_eq!(world.consort(&["why", "main", "--run", "other"]).code, 2);
}

#[test]
fn of_several_runs_the_newest_comes_first() {
    let world = World::new(SMALL);
    for again in [&[][..], &["--again"]] {
        let args = [&["run", "workflow.yaml", "--rehearse", "--approve", "all"], again].concat();
        assert_eq!(world.consort(&args).code, 0);
    }
    let shown = world.consort(&["show", RUN, "first", "--json"]).json()["tasks"].clone();
    let path = shown[0]["artifacts"][0][0].as_str().unwrap();
    let runs = |args: &[&str]| -> Vec<String> {
        let value = world.consort(args).json();
        value["works"].as_array().unwrap().iter().map(|w| w["run"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(runs(&["why", path, "--json"]), [format!("{RUN}.2"), RUN.to_owned()]);
    assert_eq!(runs(&["why", path, "--json", "--run", RUN]), [RUN]);
}

#[test]
fn a_file_of_several_tasks_names_the_last_one_first_and_git_knows_what_the_journal_does_not_name() {
    let world = World::new(CHANGE);
    assert_eq!(world.consort(&["run", "workflow.yaml"]).code, 0);
    assert_eq!(world.consort(&["integrate", "--yes"]).code, 0);
    let said = world.consort(&["why", "src/c.txt"]);
    told(&said, &["command sh -c echo mended > src/c.txt, attempt two/1.1.1/create", "by no judge"]);
    let files: Vec<&str> = said.stdout.lines().filter(|l| l.starts_with("file ")).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    assert!(files[0].ends_with("src/c.txt: the same bytes"), "{files:?}");
    assert!(files[1].contains("changed since by two of run change (here sha256 "), "{files:?}");
    told(
        &world.consort(&["why", "src/b.txt"]),
        &["src/b.txt: the same bytes", "one (coder)", "git diff --stat "],
    );
    // A linked worktree has a checkout and a HEAD of its own.
    let linked = world.path("linked");
    world.git(&["worktree", "add", "-q", "-b", "other", linked.to_str().unwrap(), "HEAD^1"]);
    let from = |word: &str| world.consort(&["-C", linked.to_str().unwrap(), "why", word]);
    told(&from("src/b.txt"), &["src/b.txt: not in this checkout"]);
    assert!(from("HEAD").stderr.contains("began at it"));
}
