//! Role files and templates of prompts of a repository, read, and the set that comes with this build.
//! What they mean is said by `consort_core::definition::roles`.

use crate::agents::templates;
use consort_core::definition::roles::{Library, ROLE_BYTES_MAX, RoleText};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

macro_rules! files {
    ($($name:literal),* $(,)?) => { [$(($name, include_str!(concat!($name, ".md")))),*] };
}

/// Name and text of each role of this build.
const BUILT_IN: [(&str, &str); 12] = files![
    "researcher",
    "analyst",
    "architect",
    "synthesizer",
    "critic",
    "judge",
    "reviewer",
    "investigator",
    "reporter",
    "validator",
    "implementer",
    "tester",
];

/// How the source of a role of this build is called.
pub const BUILT_IN_SOURCE: &str = "built in";

/// Where a repository keeps roles, the first place first.
pub const PLACES: [&str; 2] = [".consort/roles", ".claude/agents"];

/// Where a repository keeps its own templates of prompts: `<purpose>.md`.
pub const PROMPTS: &str = ".consort/prompts";

/// Where a repository declares its servers of tools, as programs of the trade read it.
const SERVERS: &str = ".mcp.json";

/// More files than this in one place are not looked at.
const FILES_MAX: usize = 500;
/// Folders below a place that are looked into.
const DEPTH_MAX: usize = 4;

/// Everything that a repository says about roles and prompts. What cannot be read is in it as such:
/// it matters only to whoever asks for it.
pub fn library(top: &Path) -> Library {
    let mut roles = Vec::new();
    for place in PLACES {
        let mut files = Vec::new();
        listed(top, Path::new(place), 0, &mut files);
        files.sort();
        roles.extend(files.iter().map(|path| role(top, path)));
    }
    roles.extend(built_in());
    let (prompts, found) = templates::check(PROMPTS, prompts(top));
    Library { roles, servers: servers(top), prompts, found }
}

/// The roles of this build.
pub fn built_in() -> impl Iterator<Item = RoleText> {
    BUILT_IN.iter().map(|(name, text)| RoleText {
        name: (*name).to_owned(),
        source: BUILT_IN_SOURCE.into(),
        text: Ok((*text).to_owned()),
        governance: None,
    })
}

/// Templates of prompts by the name of their file, each with what was read or why not.
fn prompts(top: &Path) -> BTreeMap<String, Result<String, String>> {
    let mut files = Vec::new();
    listed(top, Path::new(PROMPTS), DEPTH_MAX, &mut files);
    files.iter().map(|path| (stem(path), read(&top.join(path)))).collect()
}

/// Markdown files below a folder, relative to the repository; links to folders are not followed.
fn listed(top: &Path, folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(top.join(folder)) else { return };
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = folder.join(&name);
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && depth < DEPTH_MAX {
            listed(top, &path, depth + 1, found);
        } else if !is_folder && name.ends_with(".md") && found.len() < FILES_MAX {
            found.push(path);
        }
    }
}

fn role(top: &Path, path: &Path) -> RoleText {
    let governance = path.with_extension("governance.yaml");
    let beside = top.join(&governance);
    RoleText {
        name: stem(path),
        source: path.display().to_string(),
        text: read(&top.join(path)),
        governance: beside.exists().then(|| (governance.display().to_string(), read(&beside))),
    }
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// A text, whole: one byte above the limit is enough to know that it is too large.
fn read(path: &Path) -> Result<String, String> {
    let meta = std::fs::metadata(path).map_err(|e| e.to_string())?;
    if !meta.is_file() {
        return Err("it is not a file".into());
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
    file.take(ROLE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    String::from_utf8(bytes).map_err(|e| format!("byte {} is not UTF-8", e.utf8_error().valid_up_to()))
}

/// Servers of tools that the repository declares, by name.
fn servers(top: &Path) -> BTreeMap<String, String> {
    let text = read(&top.join(SERVERS)).unwrap_or_default();
    let Ok(serde_json::Value::Object(mut all)) = serde_json::from_str(&text) else { return BTreeMap::new() };
    let Some(serde_json::Value::Object(servers)) = all.remove("mcpServers") else { return BTreeMap::new() };
    servers.into_iter().filter(|(_, v)| v.is_object()).map(|(name, v)| (name, v.to_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use consort_core::definition::roles::read_role;
    use consort_core::plan::Tool;

    #[test]
    fn every_role_of_this_build_is_sound_and_of_a_screen() {
        for text in built_in() {
            let (role, found) = read_role(&text);
            assert!(found.is_empty(), "{}: {found:?}", text.name);
            let role = role.expect("no mistakes");
            assert!(role.notes.is_empty(), "{}: {:?}", text.name, role.notes);
            let lines = role.role.instructions.lines().count();
            assert!((20..=40).contains(&lines), "{} has {lines} lines", text.name);
            assert!(!role.role.description.is_empty() && !role.role.forbidden.is_empty(), "{}", text.name);
            let reads_only = matches!(text.name.as_str(), "critic" | "judge");
            assert_eq!(role.may_create(), !reads_only, "{}", text.name);
            assert!(role.role.tools.contains(&Tool::Read), "{}", text.name);
        }
    }

    #[test]
    fn the_first_place_wins_and_the_prefix_of_a_skill_is_stripped() {
        let dir = tempfile::tempdir().expect("a directory");
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, text).expect("written");
        };
        let source = |name: &str| library(dir.path()).find(name).map(|role| role.source.clone());
        assert_eq!(source("ps-researcher").as_deref(), Some("built in"));
        assert_eq!(source("ps-anything"), None);
        write(".claude/agents/science/researcher.md", "Look it up.\n");
        assert_eq!(source("ps-researcher").as_deref(), Some(".claude/agents/science/researcher.md"));
        write(".consort/roles/researcher.md", "Look it up here.\n");
        write(".consort/roles/researcher.governance.yaml", "tool_tier: T3\n");
        assert_eq!(source("researcher").as_deref(), Some(".consort/roles/researcher.md"));
        let library = library(dir.path());
        let governed = library.find("researcher").and_then(|role| role.governance.clone());
        assert_eq!(
            governed.map(|(path, _)| path).as_deref(),
            Some(".consort/roles/researcher.governance.yaml")
        );
        write(".claude/agents/ps-researcher.md", "The full name.\n");
        assert_eq!(source("ps-researcher").as_deref(), Some(".claude/agents/ps-researcher.md"));
    }

    #[test]
    fn what_cannot_be_read_is_in_the_way_of_nobody_else() {
        let dir = tempfile::tempdir().expect("a directory");
        let roles = dir.path().join(".consort/roles");
        std::fs::create_dir_all(roles.join("folder.md")).expect("made");
        std::fs::write(roles.join("binary.md"), [0xff, 0xfe, 0x00]).expect("written");
        std::fs::write(roles.join("huge.md"), "x".repeat(ROLE_BYTES_MAX + 100)).expect("written");
        std::fs::write(dir.path().join(".mcp.json"), r#"{"mcpServers": {"docs": {"command": "d"}, "x": 1}}"#)
            .expect("written");
        let library = library(dir.path());
        assert_eq!(library.servers.keys().collect::<Vec<_>>(), ["docs"]);
        assert!(library.find("folder").is_none());
        for (name, code) in [("binary", "role-unreadable"), ("huge", "role-too-large")] {
            let (role, found) = read_role(library.find(name).expect("listed"));
            assert!(role.is_none());
            assert_eq!(found[0].code, code);
        }
    }
}
