//! The prose of a file that is not Markdown: its comments, the lines of a data file, or what a
//! diff adds. Agents answer for handoffs and findings there when they make code or data.

use serde_json::Value;

/// Line comments by file extension.
const COMMENTS: &[(&str, &[&str])] = &[
    (
        "//",
        &["rs", "c", "h", "cc", "cpp", "hpp", "js", "jsx", "ts", "tsx", "go", "java", "kt", "swift", "scala"],
    ),
    ("#", &["py", "sh", "bash", "rb", "pl", "toml", "yaml", "yml", "cfg", "conf", "mk", "tf", "r"]),
    ("--", &["sql", "lua", "hs"]),
];

/// What begins a line comment in a file of this name; `None` where all text is prose.
pub fn comment_sign(path: &str) -> Option<&'static str> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map_or("", |(_, e)| e);
    COMMENTS.iter().find(|(_, all)| all.contains(&extension)).map(|(sign, _)| *sign)
}

/// The prose of a file.
pub fn of_file(path: &str, text: &str) -> String {
    if path.ends_with(".json") {
        return match serde_json::from_str::<Value>(text) {
            Ok(value) => strings(&value),
            Err(_) => String::new(),
        };
    }
    match comment_sign(path) {
        None => text.to_owned(),
        Some(sign) => uncomment(text.lines(), sign),
    }
}

/// The prose of what a unified diff adds, file by file.
pub fn of_diff(diff: &str) -> String {
    let (mut path, mut added, mut all) = (String::new(), String::new(), String::new());
    let mut in_head = false;
    for line in diff.lines() {
        if line.starts_with("diff --git ") {
            all.push_str(&of_added(&path, &added));
            added.clear();
            in_head = true;
        } else if in_head && line.starts_with("+++ ") {
            path = line[4..].strip_prefix("b/").unwrap_or(&line[4..]).trim_matches('"').to_owned();
        } else if line.starts_with("@@ ") {
            in_head = false;
        } else if let (false, Some(text)) = (in_head, line.strip_prefix('+')) {
            added.push_str(text);
            added.push('\n');
        }
    }
    all + &of_added(&path, &added)
}

/// The lines that a diff adds to a data file are seldom a whole one: then each line that holds a
/// string gives it.
fn of_added(path: &str, added: &str) -> String {
    if !path.ends_with(".json") || serde_json::from_str::<Value>(added).is_ok() {
        return of_file(path, added);
    }
    let strings = added.lines().filter_map(|line| {
        let value = line.trim().trim_end_matches(',');
        serde_json::from_str::<String>(value).ok()
    });
    strings.fold(String::new(), |text, line| text + &line + "\n")
}

fn uncomment<'a>(lines: impl Iterator<Item = &'a str>, sign: &str) -> String {
    lines
        .filter_map(|line| line.trim_start().strip_prefix(sign))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .fold(String::new(), |text, line| text + line + "\n")
}

/// All strings of a data file, one a line, in order.
fn strings(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text}\n"),
        Value::Array(items) => items.iter().map(strings).collect(),
        Value::Object(pairs) => pairs.values().map(strings).collect(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_of_what_a_diff_adds_are_prose() {
        let diff = "diff --git a/x.rs b/x.rs\nnew file mode 100644\n--- /dev/null\n+++ b/x.rs\n@@ -0,0 +1,3 @@\n\
                    +// # Title\n+//\n+fn f() {}\n diff\n-gone\n\
                    diff --git a/y.md b/y.md\n--- a/y.md\n+++ b/y.md\n@@ -1 +1 @@\n-old\n+++ new\n";
        assert_eq!(of_diff(diff), "# Title\n\n++ new\n");
    }

    #[test]
    fn lines_added_to_a_data_file_give_their_strings() {
        let diff = "diff --git a/x.json b/x.json\n--- a/x.json\n+++ b/x.json\n@@ -1,2 +1,4 @@\n {\n\
                    +  \"r\": [\n+    \"# A\",\n+    \"\",\n+    \"say \\\"b\\\"\"\n+  ],\n   \"s\": 1\n";
        assert_eq!(of_diff(diff), "# A\n\nsay \"b\"\n");
    }

    #[test]
    fn strings_of_data_are_prose() {
        assert_eq!(of_file("a.json", r###"{"b": ["## H", "t"], "a": 3}"###), "## H\nt\n");
        assert_eq!(of_file("a.py", "# ## H\nx = 1\n"), "## H\n");
        assert_eq!(of_file("a.txt", "## H\n"), "## H\n");
    }
}
