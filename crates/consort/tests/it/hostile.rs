//! What a hostile machine, agent or person does to a run.

use crate::support::World;
use std::fs;
use std::process::Stdio;

/// A repository that is deleted and made again finds what its predecessor's run left.
#[test]
fn a_run_takes_nothing_from_a_deleted_run_of_the_same_name() {
    let agent = |text: &str| {
        format!(
            "workflow: {{id: again, title: Again}}\ncriticality: C1\n\
             agents: {{default: {{argv: [sh, -c, 'echo \"# {text}\" > a.md']}}}}\n\
             tasks:\n  a: {{text: Write it., path: a.md, gate: none}}\n"
        )
    };
    let world = World::new(&agent("first"));
    assert_eq!(world.consort(&["run", "workflow.yaml"]).code, 0);
    fs::remove_dir_all(world.repo()).unwrap();
    world.write("workflow.yaml", &agent("second"));
    world.git(&["init", "-q", "-b", "main"]);
    world.git(&["add", "-A"]);
    world.git(&["commit", "-q", "-m", "Another first"]);

    let said = world.consort(&["run", "workflow.yaml"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert!(said.stderr.contains("workspaces of an earlier run `again` were in the way"), "{}", said.stderr);
    assert_eq!(world.git(&["show", "consort/again/run:a.md"]), "# second");
}

/// Whoever read the output has seen enough: that says nothing about the run.
#[test]
fn a_reader_that_goes_away_changes_no_exit_code() {
    let world = World::new(crate::support::SMALL);
    let mut child =
        world.command(&["run", "workflow.yaml", "--rehearse"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert!(world.consort(&["status"]).stdout.contains("A-001"));
}

/// An agent that puts a link in the place of its workspace must not be started in what it leads to.
#[test]
fn a_workspace_that_became_a_link_is_made_again() {
    let world = World::plain();
    let repo = fs::canonicalize(world.repo()).unwrap();
    world.write("README", "mine\n");
    let agent = format!(
        "test -e \"$HOME/once\" && {{ pwd -P > \"$HOME/cwd\"; echo '# good' > a.md; exit 0; }}; \
         mkdir -p \"$HOME\"; touch \"$HOME/once\"; d=$(pwd -P); cd /; rm -rf \"$d\"; ln -s {} \"$d\"",
        repo.display()
    );
    world.write(
        "workflow.yaml",
        &format!(
            "workflow: {{id: link, title: Link}}\ncriticality: C1\n\
             agents: {{default: {{argv: [sh, -c, {agent:?}], pass_env: [HOME], price: 0}}}}\n\
             tasks:\n  a: {{text: Write it., path: a.md, gate: none}}\n"
        ),
    );
    world.git(&["init", "-q", "-b", "main"]);
    world.git(&["add", "-A"]);
    world.git(&["commit", "-q", "-m", "First"]);
    let said = world.consort(&["run", "workflow.yaml"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let cwd = fs::read_to_string(world.path("home/cwd")).unwrap();
    assert!(cwd.contains("/workspaces/"), "{cwd}");
    assert!(!repo.join("a.md").exists());
    assert_eq!(world.git(&["show", "consort/link/run:a.md"]), "# good");
}

/// Agents are told paths as text.
#[cfg(target_os = "linux")]
#[test]
fn a_path_that_is_not_text_is_refused_before_anything_is_made() {
    use std::os::unix::ffi::OsStrExt;
    let world = World::new(crate::support::SMALL);
    let odd = world.path("home").with_file_name(std::ffi::OsStr::from_bytes(b"odd\xff"));
    fs::rename(world.repo(), &odd).unwrap();
    let args = ["run", "workflow.yaml", "--rehearse"];
    let said = crate::support::Said::of(world.command(&args).current_dir(&odd).output().unwrap());
    assert_eq!(said.code, 2, "{}{}", said.stdout, said.stderr);
    assert!(said.stderr.contains("is not UTF-8"), "{}", said.stderr);
    assert!(!odd.join(".consort").exists());
}

/// What a person committed meanwhile is not shown as if the result took it away.
#[test]
fn a_refused_integration_lists_only_what_the_result_brings() {
    let world = World::new(crate::support::SMALL);
    assert_eq!(world.consort(&["run", "workflow.yaml", "--rehearse", "--approve", "all"]).code, 0);
    world.write("mine.txt", "mine\n");
    world.git(&["add", "-A"]);
    world.git(&["commit", "-q", "-m", "Meanwhile"]);
    world.write("mine.txt", "not committed\n");
    let said = world.consort(&["integrate", "--dry-run"]);
    assert_eq!(said.code, 2, "{}{}", said.stdout, said.stderr);
    assert!(said.stderr.contains("uncommitted changes (mine.txt)"), "{}", said.stderr);
    assert!(said.stdout.contains("  A orchestration/"), "{}", said.stdout);
    assert!(!said.stdout.contains("mine.txt"), "{}", said.stdout);

    world.git(&["checkout", "-q", "mine.txt"]);
    assert_eq!(world.consort(&["integrate", "--yes"]).code, 0);
    let again = world.consort(&["integrate", "--yes"]);
    assert_eq!(again.code, 0);
    assert!(again.stdout.contains("main contains it already"), "{}", again.stdout);
    assert_eq!(fs::read_to_string(world.repo().join("mine.txt")).unwrap(), "mine\n");
}
