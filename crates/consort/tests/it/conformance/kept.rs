//! The matrix as it is kept: `conformance.json` in the worker, which `consort agents` prints, and
//! `docs/conformance.md`. Whoever finds something else than stands there fails; with
//! `CONSORT_CONFORMANCE=renew` in the environment both are written anew.

use super::{CASES, Case, Has, Runtime};
use crate::support::World;
use consort_testing::lab;
use serde_json::{Map, Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};

/// The command that renews what is kept.
const RENEW: &str = "CONSORT_CONFORMANCE=renew cargo nextest run -p consort conformance";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

fn data() -> PathBuf {
    root().join("crates/consort-worker/src/agents/conformance.json")
}

fn page() -> PathBuf {
    root().join("docs/conformance.md")
}

/// Keeps how the seed's workflow went, where the page is renewed.
pub(crate) fn keep_seed(text: String) {
    if renews() {
        change(|kept| kept.seed = Some(text));
    }
}

pub(super) fn renews() -> bool {
    std::env::var_os("CONSORT_CONFORMANCE").is_some_and(|value| value == "renew")
}

/// The version of a runtime's program; of what is built in there is none.
pub(crate) fn version(runtime: Runtime) -> Option<String> {
    if runtime != Runtime::Claude {
        return None;
    }
    #[allow(clippy::disallowed_types)] // a test asks a program for its version
    let out = std::process::Command::new(lab::claude().ok()?).arg("--version").output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    Some(text.split_whitespace().next().unwrap().to_owned())
}

/// What a case found of a runtime is what is kept, or is kept from now on.
pub(super) fn compare(case: &Case, runtime: Runtime, found: &str) {
    let version = version(runtime);
    if renews() {
        change(|kept| {
            kept.cells.insert(format!("{} {}", case.name, runtime.name()), found.into());
            if let Some(version) = &version {
                kept.versions.insert(runtime.name().into(), version.as_str().into());
            }
        });
        return;
    }
    let kept = Kept::read();
    let cell = kept.cell(case.name, runtime);
    assert_eq!(cell, Some(found), "{} by {}: not what is kept; renew it: {RENEW}", case.name, runtime.name());
    let known = kept.versions.get(runtime.name()).and_then(Value::as_str);
    assert_eq!(known, version.as_deref(), "proved with another version of {}: {RENEW}", runtime.name());
}

/// Nothing else is kept than the table has, and the page says the same as the data.
pub(super) fn compare_all() {
    if renews() {
        change(|kept| {
            kept.cells.retain(|name, _| names().any(|(known, _)| known == *name));
            for (case, runtime) in pairs() {
                if let Has::No(why) = case.has(runtime) {
                    let name = format!("{} {}", case.name, runtime.name());
                    kept.cells.insert(name, format!("no: {why}").into());
                }
            }
        });
        return;
    }
    let kept = Kept::read();
    for (case, runtime) in pairs() {
        let expected = match case.has(runtime) {
            Has::Yes => "yes".to_owned(),
            Has::Engine => "engine".to_owned(),
            Has::No(why) => format!("no: {why}"),
        };
        let cell = kept.cell(case.name, runtime);
        assert_eq!(cell, Some(expected.as_str()), "{} by {}: {RENEW}", case.name, runtime.name());
    }
    assert_eq!(kept.cells.len(), names().count(), "more is kept than the table has: {RENEW}");
    let text = std::fs::read_to_string(data()).unwrap();
    assert_eq!(text, kept.to_json(), "{} was changed by hand: {RENEW}", data().display());
    let text = std::fs::read_to_string(page()).unwrap();
    assert_eq!(text, kept.to_page(), "{} was changed by hand: {RENEW}", page().display());
    is_printed(&kept);
}

/// `consort agents` prints what is kept, all of it.
fn is_printed(kept: &Kept) {
    let printed = World::plain().consort(&["agents", "--json"]).json()["runtimes"].clone();
    for runtime in Runtime::ALL {
        let column = printed.as_array().unwrap().iter().find(|one| one["runtime"] == runtime.name()).unwrap();
        assert_eq!(column["seen_with"].as_str(), kept.versions.get(runtime.name()).and_then(Value::as_str));
        let features = column["features"].as_array().unwrap();
        let seen: Vec<&Value> = features.iter().filter(|feature| feature["seen"] == true).collect();
        assert_eq!(seen.len(), CASES.len());
        for (case, feature) in CASES.iter().zip(seen) {
            let why = feature["why"].as_str().map(|why| format!(": {why}")).unwrap_or_default();
            let cell = format!("{}{why}", feature["has"].as_str().unwrap());
            assert_eq!(
                (feature["name"].as_str(), Some(cell.as_str())),
                (Some(case.says), kept.cell(case.name, runtime))
            );
        }
    }
}

fn pairs() -> impl Iterator<Item = (&'static Case, Runtime)> {
    CASES.iter().flat_map(|case| Runtime::ALL.map(|runtime| (case, runtime)))
}

fn names() -> impl Iterator<Item = (String, Runtime)> {
    pairs().map(|(case, runtime)| (format!("{} {}", case.name, runtime.name()), runtime))
}

struct Kept {
    versions: Map<String, Value>,
    /// `<case> <runtime>` to `yes`, `engine`, `no: <why>` or `fails`.
    cells: Map<String, Value>,
    /// How the seed's workflow went with real agents, in a sentence or two.
    seed: Option<String>,
}

impl Kept {
    fn read() -> Self {
        let text = std::fs::read_to_string(data()).unwrap_or_else(|_| "{}".into());
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        let versions = value["versions"].as_object().cloned().unwrap_or_default();
        let seed = value["seed"].as_str().map(str::to_owned);
        let mut kept = Kept { versions, cells: Map::new(), seed };
        for case in value["cases"].as_array().into_iter().flatten() {
            for runtime in Runtime::ALL {
                if let (Some(name), Some(found)) = (case["case"].as_str(), case.get(runtime.name())) {
                    kept.cells.insert(format!("{name} {}", runtime.name()), found.clone());
                }
            }
        }
        kept
    }

    fn cell(&self, case: &str, runtime: Runtime) -> Option<&str> {
        self.cells.get(&format!("{case} {}", runtime.name())).and_then(Value::as_str)
    }

    /// One line for each case, in the table's order.
    fn to_json(&self) -> String {
        let lines = CASES.iter().map(|case| {
            let mut line = format!("{{\"case\": {}, \"says\": {}", json!(case.name), json!(case.says));
            for runtime in Runtime::ALL {
                if let Some(found) = self.cell(case.name, runtime) {
                    line += &format!(", {}: {}", json!(runtime.name()), json!(found));
                }
            }
            line + "}"
        });
        let lines: Vec<String> = lines.collect();
        let versions = Value::from(self.versions.clone());
        let seed = json!(self.seed);
        format!("{{\"versions\": {versions}, \"seed\": {seed},\n\"cases\": [\n{}\n]}}\n", lines.join(",\n"))
    }

    fn to_page(&self) -> String {
        let mut text = "# What each runtime was seen to do\n\n\
            Each line is one case of the conformance suite (`crates/consort/tests/it/conformance`): the real binary with the real\n\
            agent, against a scripted service that stands in for the model alone. `consort agents` prints the same.\n\
            *engine*: not the runtime itself but consort sees to it. This page is written by the suite, not by hand:\n\
            `CONSORT_CONFORMANCE=renew cargo nextest run -p consort conformance`.\n\n"
            .to_owned();
        let head = Runtime::ALL.map(|runtime| {
            let version = self.versions.get(runtime.name()).and_then(Value::as_str);
            version.map_or(runtime.name().to_owned(), |v| format!("{} {v}", runtime.name()))
        });
        text += &format!("| | {} |\n|---|---|---|---|---|\n", head.join(" | "));
        let mut notes: Vec<String> = Vec::new();
        for case in CASES {
            let cells = Runtime::ALL.map(|runtime| match self.cell(case.name, runtime) {
                Some(found) => match found.strip_prefix("no: ") {
                    Some(why) => format!("no{}", note(&mut notes, why)),
                    None => found.to_owned(),
                },
                None => "?".to_owned(),
            });
            text += &format!("| {} | {} |\n", case.says, cells.join(" | "));
        }
        text += "\nNo, because\n\n";
        for (at, why) in notes.iter().enumerate() {
            text += &format!("{}. {why}\n", at + 1);
        }
        if let Some(seed) = &self.seed {
            text +=
                &format!("\n## A whole workflow, all of its rounds (`just conformance-full`)\n\n{seed}\n");
        }
        text
    }
}

/// The number of a reason, in brackets.
fn note(notes: &mut Vec<String>, why: &str) -> String {
    let at = notes.iter().position(|known| known == why).unwrap_or_else(|| {
        notes.push(why.to_owned());
        notes.len() - 1
    });
    format!(" ({})", at + 1)
}

/// Tests are processes of their own: one at a time writes.
fn change(what: impl FnOnce(&mut Kept)) {
    let lock = File::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance.lock")).unwrap();
    lock.lock().unwrap();
    let mut kept = Kept::read();
    what(&mut kept);
    std::fs::write(data(), kept.to_json()).unwrap();
    std::fs::write(page(), kept.to_page()).unwrap();
}
