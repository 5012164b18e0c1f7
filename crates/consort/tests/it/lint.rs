//! `lint` as a person meets it.

use crate::support::{Said, World};
use std::io::Write;
use std::process::Stdio;

const WRONG: &str = "# A choice\n\n| Criterion | Weight | Red | Blue |\n|---|---|---|---|\n| Cost | 0.5 | 8 | 6 |\n| Fit | 0.5 | 6 | 7 |\n\
                     | Total | 1.0 | 7.0 | 6.8 |\n\nSee [the guide](guide.md) and [more](#nowhere).\n";

#[test]
fn faults_are_shown_where_they_are() {
    let world = World::plain();
    world.write("choice.md", WRONG);
    world.write("guide.md", "# Guide\n");
    let said = world.consort(&["lint", "choice.md"]);
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    for words in
        ["error[weighted-table]", "choice.md:7:", "stated: 6.8", "computed: 6.5", "error[links]", "2 errors"]
    {
        assert!(said.stdout.contains(words), "{words}\n{}", said.stdout);
    }
    let said = world.consort(&["lint", "--json", "--rule", "weighted-table", "choice.md", "guide.md"]);
    let json = said.json();
    assert_eq!((said.code, json["ok"].as_bool()), (1, Some(false)));
    let faults = json["faults"].as_array().unwrap();
    assert_eq!(faults.len(), 1, "{json}");
    assert_eq!(faults[0]["line"], 7);
    assert_eq!((faults[0]["stated"].as_str(), faults[0]["computed"].as_str()), (Some("6.8"), Some("6.5")));
}

#[test]
fn what_is_right_is_said_and_directories_are_walked() {
    let world = World::plain();
    world.write("docs/a.md", "# A\n\nSee [b](b.md#the-end).\n");
    world.write("docs/b.md", "# B\n\n## The end\n");
    let said = world.consort(&["lint", "docs"]);
    assert_eq!((said.code, said.stdout.as_str()), (0, "2 files checked, nothing found\n"), "{}", said.stderr);
    world.write("docs/b.md", "# B\n");
    assert_eq!(world.consort(&["lint", "docs"]).code, 1);
    let said = world.consort(&["lint", "docs/b.md", "--require-section", "The end", "--max-words", "0"]);
    assert!(
        said.code == 1 && said.stdout.contains("The end") && said.stdout.contains("word-budget"),
        "{}",
        said.stdout
    );
}

#[test]
fn what_cannot_be_read_is_no_clean_result() {
    let world = World::plain();
    world.write("a.md", "# A\n");
    std::fs::write(world.repo().join("bytes.md"), [b'#', 0xff, b'\n']).unwrap();
    std::fs::write(world.repo().join("large.md"), "a ".repeat(1_100_000)).unwrap();
    for (file, says) in [("gone.md", "gone.md"), ("bytes.md", "not UTF-8"), ("large.md", "the most")] {
        let said = world.consort(&["lint", "a.md", file]);
        assert_eq!(said.code, 2, "{file}: {}{}", said.stdout, said.stderr);
        assert!(said.stderr.contains(says), "{}", said.stderr);
    }
    assert_eq!(
        world.consort(&["lint", "--json", "gone.md"]).json()["unreadable"].as_array().unwrap().len(),
        1
    );
    assert_eq!(world.consort(&["lint", "a.md", "--rule", "spelling"]).code, 2);
    assert_eq!(world.consort(&["lint", "a.md", "--schema", "gone.json"]).code, 2);
}

#[test]
fn standard_input_and_data_files_are_read() {
    let world = World::plain();
    let mut child =
        world.command(&["lint", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(WRONG.as_bytes()).unwrap();
    let said = Said::of(child.wait_with_output().unwrap());
    assert!(said.code == 1 && said.stdout.contains("<stdin>:7:"), "{}", said.stdout);
    world.write("s.json", r#"{"required": ["id"]}"#);
    world.write("a.yaml", "name: x\n");
    let said = world.consort(&["lint", "a.yaml", "--schema", "s.json"]);
    assert!(said.code == 1 && said.stdout.contains("has no `id`"), "{}{}", said.stdout, said.stderr);
    world.write("b.json", "{\"a\": 1,\n}");
    let said = world.consort(&["lint", "b.json"]);
    assert!(said.code == 1 && said.stdout.contains("b.json:2:"), "{}", said.stdout);
}
