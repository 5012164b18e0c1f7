//! Checkpoints that are not what they say: each is refused by name, and nothing of it is here afterwards.

#![allow(clippy::disallowed_types)] // a forger has git

use super::{RUN, Team, done, names};
use crate::crashes::MEETING;
use crate::support::World;
use consort_local::replay::replay;
use consort_worker::store::Store;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

const FOLDER: &str = "orchestration/meeting-20260220-001";

/// A checkpoint's commit in the making.
struct Forged<'a> {
    world: &'a World,
    commit: String,
    files: BTreeMap<String, Option<Vec<u8>>>,
    message: String,
    at: i64,
}

fn git(world: &World, args: &[&str], env: &[(&str, String)], input: &[u8]) -> String {
    let mut command = Command::new("git");
    command.args(args).current_dir(world.repo()).envs(env.iter().map(|(name, value)| (*name, value)));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success(), "git {args:?}");
    String::from_utf8_lossy(&out.stdout).trim_end().to_owned()
}

impl<'a> Forged<'a> {
    fn of(world: &'a World, name: &str) -> Self {
        let commit = world.git(&["rev-parse", name]);
        let message = world.git(&["show", "-s", "--format=%B", name]) + "\n";
        let at = world.git(&["show", "-s", "--format=%ct", name]).parse().unwrap();
        Forged { world, commit, files: BTreeMap::new(), message, at }
    }

    fn read(&self, name: &str) -> Vec<u8> {
        let path = format!("{FOLDER}/{name}");
        match self.files.get(&path) {
            Some(bytes) => bytes.clone().unwrap(),
            None => {
                let spot = format!("{}:{path}", self.commit);
                let out = Command::new("git").args(["show", &spot]).current_dir(self.world.repo()).output();
                out.unwrap().stdout
            }
        }
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&self.read(name)).unwrap()
    }

    fn write(&mut self, name: &str, bytes: impl Into<Vec<u8>>) {
        self.files.insert(format!("{FOLDER}/{name}"), Some(bytes.into()));
    }

    fn edit(&mut self, name: &str, edit: impl Fn(&mut Value)) {
        let mut value = self.json(name);
        edit(&mut value);
        self.write(name, serde_json::to_vec_pretty(&value).unwrap());
    }

    /// Hashes follow what was edited, up to the message.
    fn rehash(&mut self) {
        let edited: Vec<(String, String)> = self
            .files
            .iter()
            .filter_map(|(path, bytes)| Some((path.clone(), Store::hash_of(bytes.as_ref()?).0)))
            .collect();
        self.edit("resume.json", |point| {
            for (path, hash) in &edited {
                if let Some(known) = point["files"].get_mut(path) {
                    *known = hash.clone().into();
                }
            }
        });
        let hash = Store::hash_of(&self.read("resume.json"));
        let lines = self.message.lines().map(|line| match line.starts_with("Consort-Resume: ") {
            true => format!("Consort-Resume: {hash} {FOLDER}/resume.json\n"),
            false => format!("{line}\n"),
        });
        self.message = lines.collect();
    }

    /// The commit, with the same parents.
    fn made(&self) -> String {
        let index = self.world.path("forged-index").to_string_lossy().into_owned();
        let _ = std::fs::remove_file(&index);
        let env = [("GIT_INDEX_FILE", index)];
        git(self.world, &["read-tree", &self.commit], &env, b"");
        for (path, bytes) in &self.files {
            match bytes {
                Some(bytes) => {
                    let id = git(self.world, &["hash-object", "-w", "--stdin"], &[], bytes);
                    let info = format!("100644,{id},{path}");
                    git(self.world, &["update-index", "--add", "--cacheinfo", &info], &env, b"");
                }
                None => drop(git(self.world, &["update-index", "--force-remove", path], &env, b"")),
            }
        }
        let tree = git(self.world, &["write-tree"], &env, b"");
        let parents = self.world.git(&["rev-list", "--parents", "-n1", &self.commit]);
        let mut args = vec!["commit-tree", tree.as_str(), "-F", "-"];
        parents.split(' ').skip(1).for_each(|parent| args.extend(["-p", parent]));
        let date = format!("@{} +0000", self.at);
        let (name, email) = ("consort".to_owned(), "consort@localhost".to_owned());
        let env = [
            ("GIT_AUTHOR_NAME", name.clone()),
            ("GIT_AUTHOR_EMAIL", email.clone()),
            ("GIT_AUTHOR_DATE", date.clone()),
            ("GIT_COMMITTER_NAME", name),
            ("GIT_COMMITTER_EMAIL", email),
            ("GIT_COMMITTER_DATE", date),
        ];
        git(self.world, &args, &env, self.message.as_bytes())
    }
}

/// A team whose bare repository holds one checkpoint, and a clone in which it can be forged.
fn scene() -> (Team, World) {
    let team = Team::killed(MEETING, true, 1);
    done(&team.first, &["push", RUN]);
    let forger = team.clone();
    forger.git(&["fetch", "-q", "origin", "refs/consort/*:refs/consort/*"]);
    (team, forger)
}

fn refused(team: &Team, about: &str, parts: &[&str]) {
    let victim = team.clone();
    let said = victim.consort(&["fetch", RUN]);
    assert_eq!(said.code, 1, "{about}: {}{}", said.stdout, said.stderr);
    for part in parts.iter().chain(&["nothing was fetched"]) {
        assert!(said.stderr.contains(part), "{about}: {part}: {}", said.stderr);
    }
    assert_eq!(names(&victim), "", "{about}");
    // Whoever gets it past `consort fetch` does not go on from it either.
    victim.git(&["fetch", "-q", "origin", "refs/consort/*:refs/consort/*"]);
    let said = victim.consort(&["resume", RUN, "--from", "CP-001"]);
    assert_eq!(said.code, 2, "{about}: {}{}", said.stdout, said.stderr);
    assert_eq!(victim.consort(&["list", "--json"]).json()["runs"], serde_json::json!([]), "{about}");
    assert!(!victim.path("repo/.consort/runs/meeting-20260220-001").exists(), "{about}");
}

#[test]
fn whatever_was_edited_is_noticed() {
    let (team, forger) = scene();
    let name = format!("refs/consort/{RUN}/CP-001");
    type Edit = (&'static str, fn(&mut Forged<'_>), &'static [&'static str]);
    let edits: &[Edit] = &[
        (
            "a file more in the tree",
            |it| drop(it.files.insert("build.sh".into(), Some(b"rm -rf /\n".to_vec()))),
            &["CP-001: it is not what follows from the work that it names"],
        ),
        (
            "an accepted document",
            |it| {
                let tree = it.world.git(&["ls-tree", "-r", "--name-only", &it.commit]);
                let path = tree.lines().find(|path| path.contains("/a1/")).unwrap().to_owned();
                it.files.insert(path, Some(b"# Otherwise\n".to_vec()));
            },
            &["CP-001: it is not what follows from the work that it names"],
        ),
        (
            "the record in the message",
            |it| it.message = it.message.replace("Consort-Record: ", "Consort-Record: 1"),
            &["CP-001: its message says record 1", "its files say record"],
        ),
        (
            "the journal's hash in the message",
            |it| {
                let at = it.message.find("Consort-Journal: ").unwrap() + 17;
                it.message.replace_range(at..at + 8, "00000000");
            },
            &["CP-001: its message says record", "with the hash 00000000"],
        ),
        (
            "the words of the message",
            |it| it.message = it.message.replacen("CP-001 of", "CP-001 of the famous", 1),
            &["CP-001: its message was edited"],
        ),
        ("who made it", |it| it.at += 1, &["CP-001: it is not what follows from the work that it names"]),
        (
            "the state",
            |it| it.edit("state.json", |state| state["used"]["agent_calls"] = 1.into()),
            &["CP-001: `orchestration/meeting-20260220-001/state.json` was edited"],
        ),
        (
            "the state and its hash",
            |it| {
                it.edit("state.json", |state| state["used"]["agent_calls"] = 1.into());
                let message = it.message.clone();
                it.rehash();
                it.message = message;
            },
            &[
                "CP-001: `orchestration/meeting-20260220-001/resume.json` has the hash",
                "one of them was edited",
            ],
        ),
        (
            "what was used up, up to the message",
            |it| {
                it.edit("state.json", |state| state["used"]["agent_calls"] = 1.into());
                it.rehash();
            },
            &["CP-001: its `state.json` and its `resume.json` disagree about its use"],
        ),
        (
            "an accepted hash, everywhere",
            |it| {
                let other = Store::hash_of(b"other").0;
                let set =
                    |value: &mut Value| value["candidate"]["artifacts"][0]["hash"] = other.clone().into();
                it.edit("state.json", |state| {
                    state["tasks"]
                        .as_array_mut()
                        .unwrap()
                        .iter_mut()
                        .filter(|t| t["stage"] == "accepted")
                        .for_each(set)
                });
                it.edit("resume.json", |point| {
                    point["tasks"].as_object_mut().unwrap().values_mut().for_each(set)
                });
                it.rehash();
            },
            &["CP-001: `orchestration/", "is not what was accepted"],
        ),
        (
            "a file that is not there",
            |it| drop(it.files.insert(format!("{FOLDER}/resume.objects"), None)),
            &["CP-001: `orchestration/meeting-20260220-001/resume.objects` is not in it"],
        ),
        (
            "stored content that is torn",
            |it| {
                let bytes = it.read("resume.objects");
                it.write("resume.objects", &bytes[..bytes.len() / 2]);
                it.rehash();
            },
            &["CP-001: `resume.objects`: piece", "is torn"],
        ),
        (
            "a newer state",
            |it| {
                it.edit("state.json", |state| state["schema"] = 999.into());
                it.rehash();
            },
            &["CP-001: its state has schema 999", "Use the consort that made it, or a newer one"],
        ),
        (
            "a newer plan of the run",
            |it| {
                it.edit("resume.json", |point| point["schema"] = 999.into());
                it.rehash();
            },
            &["CP-001: what it says of the run has schema 999"],
        ),
        (
            "no account of the run at all",
            |it| {
                let lines = it.message.lines().filter(|line| !line.starts_with("Consort-Resume"));
                it.message = lines.map(|line| format!("{line}\n")).collect();
            },
            &["CP-001: it was made by an older consort", "consort checkpoint create"],
        ),
        (
            "another run's",
            |it| it.message = it.message.replace(&format!("Consort-Run: {RUN}"), "Consort-Run: other"),
            &["CP-001: its commit is a checkpoint of run other, not of meeting-20260220-001"],
        ),
        (
            "no checkpoint at all",
            |it| it.message = "A commit\n".into(),
            &["CP-001: its commit", "is no checkpoint"],
        ),
    ];
    for (about, edit, parts) in edits {
        let mut forged = Forged::of(&forger, &name);
        edit(&mut forged);
        let commit = forged.made();
        assert_ne!(commit, forged.commit, "{about}");
        forger.git(&["push", "-q", "-f", "origin", &format!("{commit}:{name}")]);
        refused(&team, about, parts);
    }
    // Unchanged, it is made again as it was.
    let same = Forged::of(&forger, &name);
    assert_eq!(same.made(), same.commit);
    forger.git(&["push", "-q", "-f", "origin", &format!("{}:{name}", same.commit)]);
    done(&team.clone(), &["fetch", RUN]);
}

#[test]
fn a_checkpoint_under_another_name_is_refused() {
    let (team, forger) = scene();
    let commit = forger.git(&["rev-parse", &format!("refs/consort/{RUN}/CP-001")]);
    forger.git(&["push", "-q", "origin", &format!("{commit}:refs/consort/{RUN}/CP-002")]);
    refused(&team, "another number", &["CP-002: its message says that it is CP-001"]);
    forger.git(&["push", "-q", "origin", &format!("{commit}:refs/consort/other-20260220-001/CP-001")]);
    let said = team.clone().consort(&["fetch", "other-20260220-001"]);
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    assert!(
        said.stderr.contains("is a checkpoint of run meeting-20260220-001, not of other"),
        "{}",
        said.stderr
    );
    // Another base.
    forger.git(&["push", "-q", "origin", &format!(":refs/consort/{RUN}/CP-002")]);
    forger.git(&["push", "-q", "-f", "origin", &format!("{commit}:refs/consort/{RUN}/base")]);
    refused_without_resume(&team, &["CP-001: it rests on ", "the base of the run there is "]);
}

fn refused_without_resume(team: &Team, parts: &[&str]) {
    let victim = team.clone();
    let said = victim.consort(&["fetch", RUN]);
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    parts.iter().for_each(|part| assert!(said.stderr.contains(part), "{part}: {}", said.stderr));
    assert_eq!(names(&victim), "");
}

#[test]
fn objects_that_are_gone_there_are_noticed() {
    let (team, forger) = scene();
    let path = format!("refs/consort/{RUN}/CP-001:{FOLDER}/resume.objects");
    let id = forger.git(&["rev-parse", &path]);
    let bare = std::path::PathBuf::from(team.bare());
    let far = World::plain();
    far.git(&["clone", "-q", "--no-local", &team.bare(), "."]);
    // Only what branches hold came with that: the run's branch holds the checkpoint.
    far.git(&["update-ref", "-d", &format!("refs/remotes/origin/consort/{RUN}/run")]);
    far.git(&["reflog", "expire", "--expire=now", "--all"]);
    far.git(&["gc", "-q", "--prune=now"]);
    let loose = bare.join("objects").join(&id[..2]).join(&id[2..]);
    if loose.exists() {
        std::fs::remove_file(&loose).unwrap();
    } else {
        // All in a pack: take it apart, then remove one piece.
        let packs = bare.join("objects/pack");
        let kept = team.first.path("packs");
        std::fs::create_dir(&kept).unwrap();
        for entry in std::fs::read_dir(&packs).unwrap().flatten() {
            let to = kept.join(entry.file_name());
            std::fs::rename(entry.path(), &to).unwrap();
            if to.extension().is_some_and(|ext| ext == "pack") {
                let bytes = std::fs::read(&to).unwrap();
                git(&forger, &["-C", &team.bare(), "unpack-objects", "-q"], &[], &bytes);
            }
        }
        std::fs::remove_file(&loose).unwrap();
    }
    let victim = team.clone();
    let said = victim.consort(&["fetch", RUN]);
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    // A clone of a directory is a copy of what is there, whole or not.
    assert!(
        said.stderr.contains("CP-001: `orchestration/meeting-20260220-001/resume.objects` is not in it"),
        "{}",
        said.stderr
    );
    let said = far.consort(&["fetch", RUN]);
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    assert!(said.stderr.contains("git fetch failed"), "{}", said.stderr);
    assert_eq!(names(&far), "");
    assert_eq!(names(&victim), "");
}

/// That machine's clock was three days ahead of this one.
#[test]
fn a_clock_that_was_ahead_takes_nothing_back() {
    let (team, forger) = scene();
    let name = format!("refs/consort/{RUN}/CP-001");
    let mut forged = Forged::of(&forger, &name);
    let ahead: i64 = 3 * 86_400_000;
    let before = forged.json("resume.json")["so_far"]["checkpoints"][0]["prepared_at"].as_i64().unwrap();
    let later = |value: &mut Value| *value = (value.as_i64().unwrap() + ahead).into();
    forged.edit("state.json", |state| {
        later(&mut state["now"]);
        later(&mut state["checkpoints"][0]["prepared_at"]);
    });
    forged.edit("resume.json", |point| {
        later(&mut point["so_far"]["now"]);
        later(&mut point["so_far"]["checkpoints"][0]["prepared_at"]);
    });
    forged.rehash();
    forged.at = (before + ahead).div_euclid(1000);
    let commit = forged.made();
    forger.git(&[
        "push",
        "-q",
        "-f",
        "origin",
        &format!("{commit}:{name}"),
        &format!("{commit}:refs/heads/consort/{RUN}/run"),
    ]);
    let other = team.clone();
    done(&other, &["fetch", RUN]);
    done(&other, &["resume", RUN, "--from", "CP-001", "--approve", "all"]);
    let verified = other.consort(&["verify", RUN]);
    assert_eq!(verified.code, 0, "{}", verified.stdout);
    let events = other.consort(&["events", RUN]).stdout;
    assert!(events.lines().count() > 10);
    let store = Store::new(other.repo().join(".consort/store"));
    let state = replay(&other.repo().join(".consort/runs").join(RUN), &store).unwrap().state;
    assert!(state.checkpoints.len() > 2 && state.started_at.0 >= before + ahead, "{:?}", state.started_at);
    for checkpoint in &state.checkpoints {
        assert!(checkpoint.prepared_at.0 >= before + ahead, "{checkpoint:?}");
    }
}
