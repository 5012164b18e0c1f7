//! Traps: nothing that a person, a repository or an agent set up runs, and nothing an agent does in
//! its workspace reaches the person's repository.

use super::scene::*;
use consort_core::ids::{BarrierId, CheckpointId, RunId};
use consort_worker::workspace::integrate;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// A program that leaves a trace when it is run.
fn canary(scene: &Scene, name: &str) -> PathBuf {
    let path = scene.root.path().join(format!("traps/{name}"));
    let trace = scene.root.path().join("traces");
    fs::create_dir_all(&trace).unwrap();
    write(&path, &format!("#!/bin/sh\necho \"$@\" >> '{}'\ncat\n", trace.join(name).display()));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn traces(scene: &Scene) -> Vec<String> {
    let entries = fs::read_dir(scene.root.path().join("traces")).unwrap();
    entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

fn set_traps(scene: &Scene, git_dir: &Path) {
    let hooks = scene.root.path().join("hooks");
    fs::create_dir_all(&hooks).unwrap();
    for hook in ["reference-transaction", "post-checkout", "pre-commit", "post-index-change", "post-merge"] {
        fs::copy(canary(scene, hook), hooks.join(hook)).unwrap();
        fs::create_dir_all(git_dir.join("hooks")).unwrap();
        fs::copy(canary(scene, hook), git_dir.join("hooks").join(hook)).unwrap();
    }
    let trap = |name: &str| format!("'{}'", canary(scene, name).display());
    let config = format!(
        "\n[core]\n\thooksPath = {hooks}\n\tfsmonitor = \"{fs}\"\n\tpager = \"{pager}\"\n\tautocrlf = true\n\
         [i18n]\n\tcommitEncoding = ISO-8859-1\n\
         [filter \"trap\"]\n\tclean = \"{clean}\"\n\tsmudge = \"{smudge}\"\n\tprocess = \"{process}\"\n\
         [merge]\n\tdefault = trap\n[merge \"trap\"]\n\tdriver = \"{merge} %A\"\n\
         [diff]\n\texternal = \"{diff}\"\n[diff \"trap\"]\n\ttextconv = \"{conv}\"\n\tcommand = \"{diff}\"\n\
         [user]\n\tname = Trap\n[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = \"{gpg}\"\n",
        hooks = hooks.display(),
        fs = trap("fsmonitor"),
        pager = trap("pager"),
        clean = trap("clean"),
        smudge = trap("smudge"),
        process = trap("process"),
        merge = trap("merge"),
        diff = trap("diff"),
        conv = trap("textconv"),
        gpg = trap("gpg"),
    );
    let path = git_dir.join("config");
    fs::write(&path, fs::read_to_string(&path).unwrap() + &config).unwrap();
    write(&git_dir.join("info/attributes"), "* filter=trap merge=trap diff=trap\n");
}

/// A whole run: two changes of one file that merge, a barrier, a checkpoint, exports, a release.
fn whole_cycle(scene: &Scene, in_workspace: impl Fn(&Path)) -> (String, consort_core::ids::Revision) {
    scene.plane.start(&scene.base, AT).unwrap();
    let edit = |id: &str, from: &str, to: &str| {
        let task = change(id, &["src/**", ".gitattributes"]);
        scene.done(&task, &[], |dir| {
            in_workspace(dir);
            let path = dir.join("src/lib.rs");
            let text = fs::read_to_string(&path).unwrap().replace(from, to);
            write(&path, &text);
            write(&dir.join(".gitattributes"), "* filter=trap merge=trap diff=trap text eol=crlf\n");
        })
    };
    let tips = [scene.base_tip(), edit("a", "one", "uno"), edit("b", "two", "due")];
    let (merged, _) = scene.plane.barrier(&BarrierId::from("x"), 1, &tips, &[], AT).unwrap();
    let id = CheckpointId::from("CP-001");
    let last = scene.plane.checkpoint(&id, &tips, &[("s.json".into(), b"{}".to_vec())], "CP\n", AT).unwrap();
    scene.plane.export(&merged, None, &scene.dirs.state.join("exports/x")).unwrap();
    scene.plane.diff(&scene.base, &merged).unwrap();
    scene.plane.read(&merged, "src/lib.rs").unwrap();
    let repo = scene.repo();
    repo.dirty(20).unwrap();
    repo.show(&merged, "src/lib.rs").unwrap();
    assert!(repo.exists_at(&merged, "src").unwrap());
    for task in ["a", "b"] {
        write(&scene.dirs.workspace(&task.into(), 1).join("left"), "over");
        scene.plane.release(&change(task, &["src/**"]), 1, true, AT).unwrap();
    }
    (git_raw(scene, merged.as_str()), last)
}

fn git_raw(scene: &Scene, commit: &str) -> String {
    // Read without the traps of the person's.
    let repo = scene.repo();
    let shown = repo.show(&commit.into(), "src/lib.rs").unwrap().unwrap();
    format!("{commit}\n{}", String::from_utf8(shown).unwrap())
}

#[test]
fn settings_of_the_repository_run_nothing_and_change_no_id() {
    let quiet = Scene::new();
    let (expected, _) = whole_cycle(&quiet, |_| {});
    assert!(expected.contains("uno") && expected.contains("due"));

    let mut scene = Scene::new();
    scene.base = quiet.base.clone();
    // The same first commit, so that ids can be compared.
    git(&scene.person, &["fetch", "-q", quiet.person.to_str().unwrap(), "main"]);
    git(&scene.person, &["reset", "-q", "--hard", "FETCH_HEAD"]);
    set_traps(&scene, &scene.person.join(".git"));
    scene.reopen();
    let (found, last) = whole_cycle(&scene, |_| {});
    assert_eq!(found, expected);
    assert_eq!(traces(&scene), Vec::<String>::new());
    let into = "refs/heads/main";
    integrate(&scene.repo(), &RunId::from(RUN), into, &scene.base, &last, AT).unwrap();
    assert_eq!(traces(&scene), Vec::<String>::new());
    assert!(fs::read_to_string(scene.person.join("src/lib.rs")).unwrap().contains("uno"));

    // The traps do work: an ordinary git runs into them.
    write(&scene.person.join("src/lib.rs"), "touched");
    try_git(&scene.person, &["-c", "commit.gpgSign=false", "commit", "-qam", "Trapped"]);
    try_git(&scene.person, &["diff", "HEAD"]);
    let found = traces(&scene);
    for trap in ["fsmonitor", "reference-transaction", "pre-commit"] {
        assert!(found.iter().any(|name| name == trap), "{trap} is no trap: {found:?}");
    }
    assert!(found.iter().any(|name| name == "clean" || name == "process"), "{found:?}");
}

#[test]
fn settings_that_an_agent_makes_in_its_workspace_run_nothing() {
    let scene = Scene::new();
    canary(&scene, "unused");
    whole_cycle(&scene, |dir| {
        set_traps(&scene, &dir.join(".git"));
        write(&dir.join(".git/hooks/pre-commit"), "trap");
    });
    assert_eq!(traces(&scene), Vec::<String>::new());
}

#[test]
fn an_agent_that_ruins_its_git_directory_harms_nobody() {
    let scene = Scene::new();
    git(&scene.person, &["tag", "v1"]);
    let before = scene.fingerprint();
    let tip = scene.done(&document("a", "a.md"), &[], |dir| {
        write(&dir.join("a.md"), "a");
        git(dir, &["update-ref", "refs/heads/main", "HEAD"]);
        try_git(dir, &["branch", "-D", "main"]);
        try_git(dir, &["push", "-q", "origin", "HEAD:main"]);
        git(dir, &["gc", "-q", "--prune=now"]);
        fs::remove_dir_all(dir.join(".git/objects")).unwrap();
        fs::write(dir.join(".git/HEAD"), "ref: refs/heads/nowhere").unwrap();
        fs::write(dir.join(".git/index"), "rubbish").unwrap();
    });
    assert_eq!(scene.show(&tip.revision, "a.md"), "a");
    assert_eq!(scene.fingerprint(), before);
    git(&scene.person, &["fsck", "--strict"]);

    // A `.git` that is a link into the person's repository, or no `.git` at all.
    for (id, other) in [("b", true), ("c", false)] {
        scene.done(&document(id, "x.md"), &[], |dir| {
            fs::remove_dir_all(dir.join(".git")).unwrap();
            if other {
                std::os::unix::fs::symlink(scene.person.join(".git"), dir.join(".git")).unwrap();
            }
            write(&dir.join("x.md"), id);
        });
        scene.plane.release(&document(id, "x.md"), 1, true, AT).unwrap();
    }
    assert_eq!(scene.fingerprint(), before);
    git(&scene.person, &["fsck", "--strict"]);
}

#[test]
fn a_dirty_checkout_in_the_middle_of_something_is_not_touched() {
    let scene = Scene::new();
    git(&scene.person, &["checkout", "-qb", "side"]);
    write(&scene.person.join("README.md"), "side\n");
    git(&scene.person, &["commit", "-qam", "Side"]);
    git(&scene.person, &["checkout", "-q", "main"]);
    write(&scene.person.join("README.md"), "main\n");
    git(&scene.person, &["commit", "-qam", "Main"]);
    try_git(&scene.person, &["merge", "side"]);
    write(&scene.person.join("src/lib.rs"), "dirty");
    write(&scene.person.join("staged"), "staged");
    git(&scene.person, &["add", "staged"]);
    write(&scene.person.join("untracked name"), "x");
    let mut scene = Scene { base: scene.repo().head().clone(), ..scene };
    scene.reopen();
    let before = scene.fingerprint();
    whole_cycle(&scene, |_| {});
    assert_eq!(scene.fingerprint(), before);
    let (count, names) = scene.repo().dirty(20).unwrap();
    assert_eq!(names, ["README.md", "src/lib.rs", "staged", "untracked name"]);
    assert_eq!(count, 4);
    assert_eq!(scene.repo().dirty(2).unwrap().1.len(), 2);
}
