//! What is taken from a workspace and what is not.

use super::scene::*;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// What a creator does in its workspace.
type Work = Box<dyn FnOnce(&Path)>;

fn refused(work: impl FnOnce(&Path)) -> String {
    let scene = Scene::new();
    refusal(scene.captured(&document("a", "docs/a.md"), &[], work))
}

#[test]
fn a_document_is_the_declared_paths_and_nothing_else() {
    let scene = Scene::new();
    let captured = scene.captured(&document("a", "docs/a.md"), &[], |dir| {
        write(&dir.join("docs/a.md"), "text");
        write(&dir.join("README.md"), "changed");
        fs::remove_file(dir.join("src/lib.rs")).unwrap();
        write(&dir.join("-rf *"), "a name like an option");
        write(&dir.join("line\nbreak"), "x");
        write(&dir.join("ignored.log"), "x");
        write(&dir.join(".gitignore"), "*.log\n");
    });
    let captured = captured.unwrap();
    assert_eq!(scene.files_of(&captured.candidate.revision), ["README.md", "docs/a.md", "src/lib.rs"]);
    assert_eq!(scene.show(&captured.candidate.revision, "README.md"), "# Read me");
    let strays = ["-rf *", ".gitignore", "README.md", "line\u{fffd}break", "src/lib.rs"];
    assert_eq!(captured.candidate.strays, strays);
    assert_eq!(captured.candidate.artifacts[0].hash.as_str(), hash(b"text"));
    assert_eq!(captured.contents[0].1, b"text");
}

#[test]
fn a_pipe_where_git_expects_a_file_does_not_hold_us_up() {
    use consort_worker::workspace::{Plane, Repo};
    let scene = Scene::new();
    let git = found_git().with_scan_time(std::time::Duration::from_millis(300));
    let repo = Repo::discover(&git, &scene.person).unwrap().unwrap();
    let plane = Plane::git(repo, scene.dirs.clone(), RUN.into()).unwrap();
    let task = document("a", "a.md");
    let stands = plane.prepare(&task, 1, &[scene.base_tip()], AT).unwrap();
    write(&stands.dir.join("a.md"), "a");
    let mode = rustix::fs::Mode::RWXU;
    let path = stands.dir.join(".gitignore");
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let why = refusal(plane.capture(&task, 1, 1, stands.base.as_ref(), AT));
    assert!(why.contains("`.gitignore`"), "{why}");
}

#[test]
fn a_workspace_that_became_a_link_is_not_read() {
    let scene = Scene::new();
    let why = refusal(scene.captured(&document("a", "README.md"), &[], |dir| {
        fs::remove_dir_all(dir).unwrap();
        symlink(&scene.person, dir).unwrap();
    }));
    assert!(why.contains("is not a directory any more"), "{why}");
    let task = document("a", "README.md");
    let again = scene.plane.prepare(&task, 1, &[scene.base_tip()], AT).unwrap();
    assert!(again.dir.join(".git/HEAD").is_file(), "it is made again");
    assert!(!again.dir.symlink_metadata().unwrap().is_symlink());
    scene.plane.release(&task, 1, true, AT).unwrap();
    assert!(scene.person.join("README.md").exists());
}

#[test]
fn at_most_twenty_strays_are_named() {
    let scene = Scene::new();
    let captured = scene.captured(&document("a", "a.md"), &[], |dir| {
        write(&dir.join("a.md"), "a");
        (0..30).for_each(|n| write(&dir.join(format!("s/{n}")), "x"));
    });
    assert_eq!(captured.unwrap().candidate.strays.len(), 20);
}

#[test]
fn declared_paths_with_odd_names_are_kept_to_the_byte() {
    let scene = Scene::new();
    for (id, path) in [("a", "with space/-x \"quoted\" \\ back.md"), ("b", "日本/ü.md"), ("c", "*[a]?.md")]
    {
        let tip = scene.done(&document(id, path), &[], |dir| write(&dir.join(path), "text"));
        assert_eq!(scene.plane.read(&tip.revision, path).unwrap().unwrap(), b"text", "{path}");
        assert_eq!(fs::read(scene.dirs.workspace(&id.into(), 1).join(path)).unwrap(), b"text");
    }
}

#[test]
fn an_ignored_document_is_taken_all_the_same() {
    let scene = Scene::new();
    let tip = scene.done(&document("a", "out/a.md"), &[], |dir| {
        write(&dir.join(".gitignore"), "out/\n");
        write(&dir.join("out/a.md"), "text");
    });
    assert_eq!(scene.show(&tip.revision, "out/a.md"), "text");
}

#[test]
fn nothing_unfit_is_taken_for_a_document() {
    let at = |dir: &Path| {
        fs::create_dir_all(dir.join("docs")).unwrap();
        dir.join("docs/a.md")
    };
    let cases: Vec<(&str, Work)> = vec![
        ("was not written", Box::new(|_| {})),
        ("is empty", Box::new(move |dir| fs::write(at(dir), "").unwrap())),
        ("is a symbolic link", Box::new(move |dir| symlink("../README.md", at(dir)).unwrap())),
        ("is a symbolic link", Box::new(move |dir| symlink("/etc/passwd", at(dir)).unwrap())),
        ("is a directory", Box::new(move |dir| fs::create_dir(at(dir)).unwrap())),
        ("is larger than", Box::new(move |dir| fs::write(at(dir), vec![b'x'; (16 << 20) + 1]).unwrap())),
        (
            "lies behind a symbolic link",
            Box::new(|dir| {
                write(&dir.join("real/a.md"), "x");
                symlink("real", dir.join("docs")).unwrap();
            }),
        ),
        (
            "has other names",
            Box::new(move |dir| {
                write(&dir.join("other"), "x");
                fs::hard_link(dir.join("other"), at(dir)).unwrap();
            }),
        ),
        (
            "is a named pipe",
            Box::new(move |dir| {
                let mode = rustix::fs::Mode::RWXU;
                rustix::fs::mknodat(rustix::fs::CWD, at(dir), rustix::fs::FileType::Fifo, mode, 0).unwrap();
            }),
        ),
        ("takes the place of `src/lib.rs`", Box::new(|_| {})),
        ("is gone", Box::new(|dir| fs::remove_dir_all(dir).unwrap())),
    ];
    for (expected, work) in cases {
        if expected.starts_with("takes") {
            let scene = Scene::new();
            let why = refusal(scene.captured(&document("a", "src"), &[], |dir| {
                fs::remove_dir_all(dir.join("src")).unwrap();
                fs::write(dir.join("src"), "a file now").unwrap();
            }));
            assert!(why.contains(expected), "{why}");
            continue;
        }
        let why = refused(work);
        assert!(why.contains(expected), "{expected}: {why}");
    }
}

#[test]
fn a_document_that_was_there_before_must_be_written_in_the_first_round() {
    let scene = Scene::new();
    let task = document("a", "README.md");
    let why = refusal(scene.captured(&task, &[], |_| {}));
    assert!(why.contains("was not written"), "{why}");
    let why = refusal(scene.captured(&task, &[], |dir| write(&dir.join("README.md"), "# Read me\n")));
    assert!(why.contains("was not written"), "the same bytes again: {why}");
    assert!(scene.captured(&task, &[], |dir| write(&dir.join("README.md"), "new")).is_ok());
    write(&scene.dirs.workspace(&task.id, 1).join("README.md"), "# Read me\n");
    assert!(
        scene.plane.capture(&task, 1, 2, Some(&scene.base), AT).is_ok(),
        "later rounds may come back to it"
    );
}

#[test]
fn paths_of_gits_own_are_never_taken() {
    let scene = Scene::new();
    for path in [".git/config", "x/.GIT/hooks/y", ".gitmodules", "../out.md", "/etc/passwd"] {
        let why = refusal(scene.captured(&document("a", path), &[], |_| {}));
        assert!(why.contains(path), "{why}");
    }
}

#[test]
fn a_change_is_what_lies_within_its_globs() {
    use std::os::unix::fs::PermissionsExt as _;
    let scene = Scene::new();
    let captured = scene.captured(&change("a", &["src/**", "bin/*"]), &[], |dir| {
        write(&dir.join("src/lib.rs"), "changed");
        write(&dir.join("src/deep/new.rs"), "new");
        write(&dir.join("bin/run me"), "#!/bin/sh\n");
        fs::set_permissions(dir.join("bin/run me"), fs::Permissions::from_mode(0o755)).unwrap();
        write(&dir.join("bin/empty"), "");
        symlink("../src/lib.rs", dir.join("bin/link")).unwrap();
        write(&dir.join("README.md"), "stray");
        write(&dir.join("bin/deep/stray"), "stray");
    });
    let captured = captured.unwrap();
    let tree = git(&scene.person, &["ls-tree", "-r", captured.candidate.revision.as_str()]);
    let modes: Vec<String> =
        tree.lines().map(|line| format!("{} {}", &line[..6], line.split('\t').nth(1).unwrap())).collect();
    assert_eq!(
        modes,
        [
            "100644 README.md",
            "100644 bin/empty",
            "120000 bin/link",
            "100755 bin/run me",
            "100644 src/deep/new.rs",
            "100644 src/lib.rs"
        ]
    );
    assert_eq!(scene.show(&captured.candidate.revision, "README.md"), "# Read me");
    assert_eq!(captured.candidate.strays, ["README.md", "bin/deep/stray"]);
    assert_eq!(captured.candidate.artifacts.len(), 5);
}

#[test]
fn a_change_can_remove_files_and_swap_folders_and_files() {
    let scene = Scene::new();
    let tip = scene.done(&change("a", &["**"]), &[], |dir| {
        fs::remove_dir_all(dir.join("src")).unwrap();
        write(&dir.join("src"), "a file");
        fs::remove_file(dir.join("README.md")).unwrap();
        write(&dir.join("README.md/part.md"), "a folder");
    });
    assert_eq!(scene.files_of(&tip.revision), ["README.md/part.md", "src"]);
}

#[test]
fn a_change_of_nothing_or_with_something_unfit_is_refused() {
    let scene = Scene::new();
    let task = change("a", &["src/**"]);
    assert!(refusal(scene.captured(&task, &[], |_| {})).contains("nothing was changed within `src/**`"));
    let why = refusal(scene.captured(&task, &[], |dir| write(&dir.join("elsewhere"), "x")));
    assert!(why.contains("only elsewhere (elsewhere)"), "{why}");
    let cases: Vec<(&str, Work)> = vec![
        ("leads out of the tree", Box::new(|dir| symlink("../../secret", dir.join("src/l")).unwrap())),
        ("leads out of the tree", Box::new(|dir| symlink("/etc/passwd", dir.join("src/l")).unwrap())),
        ("is a repository of its own", Box::new(|dir| drop(git(dir, &["init", "-q", "src/sub"])))),
        ("declares submodules", Box::new(|dir| write(&dir.join("src/.gitmodules"), "[submodule]"))),
        ("is a name of git's own", Box::new(|dir| write(&dir.join("src/.GIT/config"), "[core]"))),
        ("has control characters", Box::new(|dir| write(&dir.join("src/a\nb"), "x"))),
        (
            "is a named pipe",
            Box::new(|dir| {
                let mode = rustix::fs::Mode::RWXU;
                let path = dir.join("src/pipe");
                rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
            }),
        ),
    ];
    for (expected, work) in cases {
        let scene = Scene::new();
        let result = scene.captured(&task, &[], |dir| {
            write(&dir.join("src/lib.rs"), "changed");
            work(dir);
        });
        match (expected, result) {
            // Git does not list pipes: they are simply not there.
            ("is a named pipe", Ok(captured)) => assert_eq!(captured.candidate.artifacts.len(), 1),
            (_, result) => {
                let why = refusal(result);
                assert!(why.contains(expected), "{expected}: {why}");
            }
        }
    }
}

#[test]
fn data_is_known_by_its_hash_and_is_not_in_git() {
    let scene = Scene::new();
    let captured = scene.captured(&data("d", "out/d.csv"), &[], |dir| write(&dir.join("out/d.csv"), "1,2"));
    let captured = captured.unwrap();
    assert_eq!(captured.candidate.revision, scene.base);
    assert_eq!(captured.candidate.artifacts[0].hash.as_str(), hash(b"1,2"));
    assert_eq!(captured.contents[0].1, b"1,2");
}

#[test]
fn a_sha256_repository_works_the_same() {
    let scene = Scene::with(&["--object-format=sha256"]);
    assert_eq!(scene.base.as_str().len(), 64);
    let a = scene.done(&document("a", "a.md"), &[], |dir| {
        assert_eq!(git(dir, &["status", "--porcelain"]), "");
        write(&dir.join("a.md"), "a");
    });
    let b = scene.done(&document("b", "b.md"), &[], |dir| write(&dir.join("b.md"), "b"));
    let tips = [scene.base_tip(), a, b];
    let (merged, _) = scene.plane.barrier(&"x".into(), 1, &tips, &[], AT).unwrap();
    assert_eq!(scene.files_of(&merged).len(), 4);
}
