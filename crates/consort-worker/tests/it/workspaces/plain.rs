//! Outside a repository.

use super::scene::*;
use consort_core::ids::Revision;
use consort_core::plan::Input;
use consort_core::run::{Artifact, Tip};
use consort_worker::dirs::RunDirs;
use consort_worker::workspace::{Plane, PlaneError};
use std::fs;
use std::path::Path;

struct Place {
    root: tempfile::TempDir,
    dirs: RunDirs,
    plane: Plane,
}

fn place() -> Place {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("here");
    write(&dir.join("brief.md"), "brief");
    let dirs = RunDirs {
        state: root.path().join("state"),
        run: dir.join(".consort/runs/r"),
        store: dir.join(".consort/store"),
    };
    let plane = Plane::plain(dir, dirs.clone(), RUN.into()).unwrap();
    Place { root, dirs, plane }
}

impl Place {
    fn done(&self, id: &str, path: &str, text: &str, tips: &[Tip]) -> Tip {
        let mut task = document(id, path);
        task.inputs = vec![Input::File { path: "brief.md".into() }, Input::File { path: "absent".into() }];
        let stands = self.plane.prepare(&task, 1, tips, AT).unwrap();
        assert!(stands.dir.join("brief.md").exists());
        write(&stands.dir.join(path), text);
        write(&stands.dir.join("stray"), "stray");
        let captured = self.plane.capture(&task, 1, 1, stands.base.as_ref(), AT).unwrap();
        assert_eq!(captured.candidate.strays, ["stray"]);
        self.plane.commit_task(&task.id, 1, &captured.candidate, None, AT).unwrap();
        Tip { name: id.into(), revision: captured.candidate.revision }
    }
}

fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn work_is_handed_on_from_task_to_task() {
    let place = place();
    let a = place.done("a", "a.md", "a", &[]);
    let b = place.done("b", "docs/b.md", "b", std::slice::from_ref(&a));
    let wanted = Artifact { path: "a.md".into(), hash: "?".into() };
    let (merged, found) = place.plane.barrier(&"x".into(), 1, &[a, b.clone()], &[wanted], AT).unwrap();
    assert_eq!(found[0].hash.as_str(), hash(b"a"));
    assert_eq!(merged, b.revision, "b holds all of it");
    let to = place.dirs.state.join("exports/x");
    place.plane.export(&merged, None, &to).unwrap();
    assert_eq!(files(&to), ["a.md", "brief.md", "docs"]);
    place.plane.export(&merged, Some(&["docs/b.md".into()]), &to).unwrap();
    assert_eq!(files(&to), ["docs"]);
    let id = "CP-001".into();
    let saved = place.plane.checkpoint(&id, &[b], &[("s.json".into(), b"{}".to_vec())], "m", AT).unwrap();
    assert_eq!(place.plane.read(&saved, "s.json").unwrap().unwrap(), b"{}");
    assert_eq!(place.plane.read(&saved, "docs/b.md").unwrap().unwrap(), b"b");
    let diff = String::from_utf8(place.plane.diff(&merged, &saved).unwrap()).unwrap();
    assert!(diff.contains("s.json") && diff.contains("\n+"), "{diff}");
}

#[test]
fn two_different_files_at_one_path_are_a_conflict() {
    let place = place();
    let a = place.done("a", "x.md", "1", &[]);
    let b = place.done("b", "x.md", "2", &[]);
    let c = place.done("c", "x.md/in", "3", &[]);
    for other in [b, c] {
        let name = other.name.clone();
        let error = place.plane.barrier(&"x".into(), 1, &[a.clone(), other], &[], AT).unwrap_err();
        let PlaneError::Conflict { between, paths } = error else { panic!("{error}") };
        assert_eq!(between, ("a".to_owned(), name));
        assert!(paths[0].starts_with("x.md"));
    }
}

#[test]
fn acceptance_happens_once_and_changes_are_refused() {
    let place = place();
    let a = place.done("a", "a.md", "a", &[]);
    let task = document("a", "a.md");
    let mut other = place.plane.capture(&task, 1, 2, None, AT).unwrap().candidate;
    other.revision = Revision("plain:other".into());
    let why = refusal(place.plane.commit_task(&task.id, 1, &other, None, AT));
    assert!(why.contains("accepted already") && why.contains(a.revision.as_str()), "{why}");
    let why = refusal(place.plane.capture(&change("c", &["**"]), 1, 1, None, AT));
    assert!(why.contains("git init"), "{why}");
    assert!(place.plane.read(&Revision("plain:zz".into()), "x").is_err());
    assert!(place.plane.read(&Revision("0".repeat(40)), "x").is_err());
}

#[test]
fn a_workspace_that_stands_is_left_alone_and_leftovers_are_kept() {
    let place = place();
    let task = document("a", "a.md");
    let stands = place.plane.prepare(&task, 1, &[], AT).unwrap();
    write(&stands.dir.join("draft"), "draft");
    assert_eq!(place.plane.prepare(&task, 1, &[], AT).unwrap(), stands);
    let kept = place.plane.release(&task, 1, true, AT).unwrap().unwrap();
    assert_eq!(fs::read_to_string(Path::new(&kept).join("draft")).unwrap(), "draft");
    assert!(kept.starts_with(place.root.path().to_str().unwrap()) && !stands.dir.exists());
    place.plane.prepare(&task, 1, &[], AT).unwrap();
    assert_eq!(place.plane.release(&task, 1, true, AT).unwrap(), None);
}

#[test]
fn tasks_without_a_workspace_share_a_scratch_directory() {
    let place = place();
    let task = scratch(data("d", "d.csv"));
    let stands = place.plane.prepare(&task, 1, &[], AT).unwrap();
    assert_eq!((stands.base, &stands.dir), (None, &place.dirs.scratch()));
    assert!(refusal(place.plane.capture(&task, 1, 1, None, AT)).contains("was not written"));
    write(&stands.dir.join("d.csv"), "1");
    let captured = place.plane.capture(&task, 1, 1, None, AT).unwrap();
    place.plane.commit_task(&task.id, 1, &captured.candidate, None, AT).unwrap();
    assert_eq!(place.plane.read(&captured.candidate.revision, "d.csv").unwrap().unwrap(), b"1");
}
