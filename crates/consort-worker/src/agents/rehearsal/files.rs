//! Where a creator's text goes: a document, a data file, or a change within declared globs.

use super::room::Room;
use crate::agents::request::ListBrief;
use crate::checks::prose;
use consort_core::plan::growth::ITEM_BYTES_MAX;
use serde_json::{Map, Value, json};
use std::io::Write;
use std::path::{Component, Path};

/// Marks a player's part of a file that may hold other things, other players' parts among them.
/// The mark tells tasks apart without telling a reviewer which task it is.
struct Marks {
    tag: String,
}

impl Marks {
    fn of(room: &Room) -> Self {
        let id = room.request.task.id.as_deref().unwrap_or_default();
        Marks { tag: crate::judges::content_hash(id.as_bytes()).as_str()[..8].to_owned() }
    }

    fn begin(&self) -> String {
        format!("REHEARSAL BEGIN {}", self.tag)
    }

    fn end(&self) -> String {
        format!("REHEARSAL END {}", self.tag)
    }

    /// Bytes of the marked lines and what is between them.
    fn find(&self, text: &str) -> Option<(usize, usize)> {
        let begin = text.find(&self.begin())?;
        let start = text[..begin].rfind('\n').map_or(0, |i| i + 1);
        let end = begin + text[begin..].find(&self.end())?;
        Some((start, text[end..].find('\n').map_or(text.len(), |i| end + i + 1)))
    }

    fn block(&self, text: &str) -> Option<String> {
        self.find(text).map(|(start, end)| text[start..end].to_owned())
    }

    fn without_block(&self, text: &str) -> String {
        match self.find(text) {
            Some((start, end)) => format!("{}{}", &text[..start], &text[end..]),
            None => text.to_owned(),
        }
    }

    /// The key of a data file.
    fn key(&self) -> String {
        format!("rehearsal-{}", self.tag)
    }
}

/// The files a creator makes, the judged one first.
pub(super) fn targets(room: &Room) -> Result<Vec<String>, String> {
    let outputs = &room.request.outputs;
    let all = match outputs.writes.first() {
        Some(glob) => vec![path_in(glob)?],
        None => outputs.paths.clone(),
    };
    let inside = |path: &String| Path::new(path).components().all(|c| matches!(c, Component::Normal(_)));
    match all.iter().find(|path| !inside(path)) {
        _ if all.is_empty() => Err("the request names no outputs".into()),
        Some(outside) => Err(format!("the output `{outside}` does not lie in the working directory")),
        None => Ok(all),
    }
}

/// The prose of the creator's last version, as it lies in the workspace.
pub(super) fn last(room: &Room, target: &str) -> Option<String> {
    let (text, marks) = (room.read(target)?, Marks::of(room));
    if room.request.list.is_some() && is_first(room, target) {
        let list: Value = serde_json::from_str(&text).ok()?;
        let key = marks.key();
        let parts = list.get("tasks")?.as_array()?.iter().filter_map(|task| task.get("data")?.get(&key));
        return Some(parts.map(|part| prose::of_file("a.json", &part.to_string())).collect());
    }
    if room.request.outputs.writes.is_empty() {
        return Some(prose::of_file(target, &text));
    }
    if target.ends_with(".json") {
        let object: Map<String, Value> = serde_json::from_str(&text).ok()?;
        return Some(prose::of_file(target, &object.get(&marks.key())?.to_string()));
    }
    marks.block(&text).map(|block| prose::of_file(target, &block))
}

/// The bytes of a target that holds this prose.
pub(super) fn wrap(room: &Room, target: &str, prose: &str) -> String {
    let (old, marks) = (room.read(target).unwrap_or_default(), Marks::of(room));
    if let Some(list) = room.request.list.as_ref().filter(|_| is_first(room, target)) {
        return tasks(list, prose, &marks);
    }
    if target.ends_with(".json") {
        return data(&old, prose, &marks, !room.request.outputs.writes.is_empty());
    }
    if room.request.outputs.writes.is_empty() {
        return comment(target, prose);
    }
    let sign = prose::comment_sign(target).unwrap_or_default();
    let mark =
        |word: &str| if sign.is_empty() { format!("<!-- {word} -->") } else { format!("{sign} {word}") };
    let kept = marks.without_block(&old);
    let gap = if kept.is_empty() || kept.ends_with('\n') { "" } else { "\n" };
    let code = code(target, &marks.tag).map(|c| format!("{c}\n")).unwrap_or_default();
    format!("{kept}{gap}{}\n{}{code}{}\n", mark(&marks.begin()), comment(target, prose), mark(&marks.end()))
}

/// Writes by rename, so that a player that is killed leaves the old file or the new one.
pub(super) fn write(room: &Room, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let scratch = Path::new(&room.request.scratch);
    std::fs::create_dir_all(scratch)?;
    let mut file = tempfile::NamedTempFile::new_in(scratch)?;
    file.write_all(bytes)?;
    if path.exists() && std::fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    match file.persist(path) {
        Ok(_) => {}
        // Another file system: then not atomically.
        Err(_) => std::fs::write(path, bytes)?,
    }
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))
}

fn comment(target: &str, prose: &str) -> String {
    let Some(sign) = prose::comment_sign(target) else { return prose.to_owned() };
    prose.lines().map(|l| if l.is_empty() { format!("{sign}\n") } else { format!("{sign} {l}\n") }).collect()
}

/// A line of code that does no harm anywhere in a file.
fn code(target: &str, tag: &str) -> Option<String> {
    let name = format!("REHEARSAL_{}", tag.to_uppercase());
    match target.rsplit_once('.')?.1 {
        "rs" => Some(format!("#[allow(dead_code)]\nconst {name}: bool = true;")),
        "py" => Some(format!("{name} = True")),
        "sh" | "bash" => Some(format!("{name}=1")),
        "js" | "ts" => Some(format!("var {name} = true;")),
        _ => None,
    }
}

fn data(old: &str, prose: &str, marks: &Marks, keep: bool) -> String {
    let mut object = match serde_json::from_str::<Value>(old) {
        Ok(Value::Object(object)) if keep => object,
        _ => Map::new(),
    };
    object.insert(marks.key(), json!(prose.lines().collect::<Vec<_>>()));
    object.sort_keys();
    let mut text = serde_json::to_string_pretty(&Value::Object(object)).unwrap_or_default();
    text.push('\n');
    text
}

fn is_first(room: &Room, target: &str) -> bool {
    room.request.outputs.paths.first().is_some_and(|first| first == target)
}

/// So many tasks a player lists.
const TASKS: usize = 3;
/// A small list that says what it is. A player's text, by which it is judged, goes with its tasks.
fn tasks(list: &ListBrief, prose: &str, marks: &Marks) -> String {
    let lines: Vec<&str> = prose.lines().collect();
    let count = TASKS.min(list.max as usize).max(1);
    // Together, as it is read; parted only where one item would be too long.
    let parted = prose.len() > ITEM_BYTES_MAX * 3 / 4;
    let share = if parted { lines.len().div_ceil(count) } else { lines.len() }.max(1);
    let all = (0..count).map(|at| {
        let mut task = json!({
            "id": format!("part-{}", at + 1),
            "title": format!("Rehearsed part {} of {count}", at + 1),
            "text": format!("REHEARSAL: a player listed this without a model. Do part {} of the work.", at + 1),
            "data": { marks.key(): lines.iter().skip(at * share).take(share).collect::<Vec<_>>() },
        });
        // Each role that may be named is, as far as the list goes.
        if let (Some(role), Value::Object(task)) = (list.roles.get(at), &mut task) {
            task.insert("role".into(), json!(role));
        }
        task
    });
    let mut all = json!({ "tasks": all.collect::<Vec<_>>() });
    all.sort_all_objects();
    serde_json::to_string_pretty(&all).unwrap_or_default() + "\n"
}

/// A path that a glob matches.
fn path_in(glob: &str) -> Result<String, String> {
    if !glob.contains(['*', '?', '[', '{']) {
        return Ok(glob.to_owned());
    }
    let matcher = globset::GlobBuilder::new(glob)
        .literal_separator(true)
        .build()
        .map_err(|e| format!("`{glob}` is no glob: {e}"))?
        .compile_matcher();
    let last = glob.rsplit('/').next().unwrap_or(glob);
    let tails = ["", "/rehearsal.md", "rehearsal.md", "/rehearsal/rehearsal.md"];
    let stems = [named(glob, true), named(glob, false)];
    let candidates = stems.iter().flat_map(|stem| tails.iter().map(move |tail| format!("{stem}{tail}")));
    let fits = |path: &String| {
        // A bare name for `**` would be a file without an ending.
        !path.starts_with('/') && (last != "**" || path.ends_with(".md")) && matcher.is_match(path)
    };
    candidates.into_iter().find(fits).ok_or_else(|| format!("no path comes to mind that matches `{glob}`"))
}

/// A glob with its signs replaced: `**` by nothing or a folder, `*` by a name.
fn named(glob: &str, drop_deep: bool) -> String {
    let parts = glob.split('/').filter(|p| !(drop_deep && *p == "**"));
    let parts: Vec<String> = parts.map(|p| part(&p.replace("**", "*"))).collect();
    parts.join("/")
}

fn part(pattern: &str) -> String {
    let (mut name, mut rest) = (String::new(), pattern.chars());
    while let Some(c) = rest.next() {
        match c {
            '*' => name.push_str("rehearsal"),
            '?' => name.push('r'),
            '[' => {
                let class: String = rest.by_ref().take_while(|c| *c != ']').collect();
                name.push(class.chars().find(char::is_ascii_alphanumeric).unwrap_or('r'));
            }
            '{' => {
                let all: String = rest.by_ref().take_while(|c| *c != '}').collect();
                name.push_str(&all.split(',').next().unwrap_or_default().replace('*', "rehearsal"));
            }
            other => name.push(other),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_have_paths() {
        for (glob, path) in [
            ("src/lib.rs", "src/lib.rs"),
            ("src/a/**", "src/a/rehearsal.md"),
            ("src/**/*.rs", "src/rehearsal.rs"),
            ("docs/*.md", "docs/rehearsal.md"),
            ("**", "rehearsal.md"),
            ("src/{a,b}/*.py", "src/a/rehearsal.py"),
            ("src/?[xyz]*", "src/rxrehearsal"),
            ("a*/**", "arehearsal/rehearsal.md"),
        ] {
            assert_eq!(path_in(glob).as_deref(), Ok(path), "{glob}");
        }
        assert!(path_in("a[").is_err());
    }

    #[test]
    fn a_block_is_replaced_and_the_rest_stays() {
        let marks = Marks { tag: "ab".into() };
        let other = "// REHEARSAL BEGIN cd\n// y\n// REHEARSAL END cd\n";
        let old =
            format!("fn a() {{}}\n{other}// REHEARSAL BEGIN ab\n// x\n// REHEARSAL END ab\nfn b() {{}}\n");
        assert_eq!(marks.without_block(&old), format!("fn a() {{}}\n{other}fn b() {{}}\n"));
        assert_eq!(marks.block(&old).as_deref(), Some("// REHEARSAL BEGIN ab\n// x\n// REHEARSAL END ab\n"));
        assert_eq!(marks.without_block("plain\n"), "plain\n");
    }
}
