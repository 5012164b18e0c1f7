//! What a shell line would run and write, as far as it can be told without running it. A line that
//! cannot be read, or whose words depend on what runs before, says so: nobody guesses.

use brush_parser::{ParserOptions, parse_tokens, tokenize_str, word};
use serde_json::Value;

/// Longest line that is read.
const LINE_BYTES_MAX: usize = 64 << 10;
/// Deepest nesting of lines within lines.
const DEPTH_MAX: u32 = 8;

/// What one line would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    /// Each command with its words, wrappers such as `env` and `sh -c` taken off.
    pub(crate) commands: Vec<Vec<Word>>,
    /// What is written by redirection, and by programs that are known to write what they are given.
    pub(crate) writes: Vec<Word>,
    /// Where `cd` goes.
    pub(crate) goes_to: Vec<Word>,
}

/// One word after quotes are taken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// Always the same.
    Known(String),
    /// It depends on variables or other commands; as it is written.
    Open(String),
}

impl Word {
    /// Its text, expanded or not.
    pub(crate) fn text(&self) -> &str {
        match self {
            Word::Known(text) | Word::Open(text) => text,
        }
    }
}

/// Reads a line; `None` if it cannot be read.
pub(crate) fn read(line: &str) -> Option<Line> {
    let mut all = Line::default();
    into(line, &mut all, 0)?;
    Some(all)
}

fn into(line: &str, all: &mut Line, depth: u32) -> Option<()> {
    if depth > DEPTH_MAX || line.len() > LINE_BYTES_MAX {
        return None;
    }
    let tokens = tokenize_str(line).ok()?;
    let program = parse_tokens(&tokens, &ParserOptions::default()).ok()?;
    walk(&serde_json::to_value(&program).ok()?, all, depth)
}

/// Through the whole tree: whatever kind of list, loop or function it stands in, a command is one.
fn walk(node: &Value, all: &mut Line, depth: u32) -> Option<()> {
    match node {
        Value::Array(items) => items.iter().try_for_each(|item| walk(item, all, depth)),
        Value::Object(keys) => {
            if let Some(simple) = keys.get("Simple") {
                command(simple, all, depth)?;
            }
            if let Some(Value::Array(file)) = keys.get("File") {
                redirected(file, all)?;
            }
            if let Some(Value::Array(both)) = keys.get("OutputAndError") {
                all.writes.extend(both.first().and_then(word_of));
            }
            if let Some(Value::String(raw)) = keys.get("value") {
                // Whatever a word runs by itself, wherever it stands.
                substituted(raw, all, depth)?;
            }
            keys.values().try_for_each(|value| walk(value, all, depth))
        }
        _ => Some(()),
    }
}

fn redirected(file: &[Value], all: &mut Line) -> Option<()> {
    let [_, Value::String(kind), target] = file else { return Some(()) };
    if matches!(kind.as_str(), "Write" | "Append" | "ReadAndWrite" | "Clobber")
        && let Some(name) = target.get("Filename")
    {
        let word = word_of(name)?;
        all.writes.push(word);
    }
    Some(())
}

fn command(simple: &Value, all: &mut Line, depth: u32) -> Option<()> {
    let mut words = Vec::new();
    if let Some(first) = simple.get("word_or_name").filter(|w| !w.is_null()) {
        words.push(word_of(first)?);
    }
    for item in simple.get("suffix").and_then(Value::as_array).into_iter().flatten() {
        let word = item.get("Word").or_else(|| item.get("AssignmentWord").and_then(|pair| pair.get(1)));
        if let Some(word) = word {
            words.push(word_of(word)?);
        }
    }
    plain(words, all, depth)
}

/// Programs that run the rest of their words: their flags that take a word, and how many words of their
/// own come before the program.
const WRAPPERS: [(&str, &[&str], usize); 14] = [
    ("sudo", &["-u", "-g", "-C", "-h", "-p", "-D", "-R", "-T", "-U"], 0),
    ("doas", &["-u", "-C"], 0),
    ("env", &["-u", "-C", "--unset", "--chdir"], 0),
    ("nohup", &[], 0),
    ("setsid", &[], 0),
    ("exec", &["-a"], 0),
    ("command", &[], 0),
    ("builtin", &[], 0),
    ("time", &["-f", "-o"], 0),
    ("nice", &["-n"], 0),
    ("stdbuf", &["-i", "-o", "-e"], 0),
    ("xargs", &["-I", "-n", "-P", "-L", "-d", "-a", "-E", "-s"], 0),
    ("timeout", &["-k", "-s"], 1),
    ("chroot", &[], 1),
];

/// Where the program of a wrapper stands among its words.
fn wrapped_at(words: &[Word], wrapper: &str, flags: &[&str], own: usize) -> usize {
    let mut at = 1;
    while let Some(word) = words.get(at).map(Word::text) {
        at += match word {
            "--" => return at + 1 + own,
            _ if flags.contains(&word) => 2,
            _ if word.starts_with('-') || (wrapper == "env" && word.contains('=')) => 1,
            _ => break,
        };
    }
    at + own
}

fn plain(mut words: Vec<Word>, all: &mut Line, depth: u32) -> Option<()> {
    for _ in 0..DEPTH_MAX {
        let Some(name) = words.first().map(|w| base(w.text()).to_owned()) else { return Some(()) };
        if let Some((_, flags, own)) = WRAPPERS.iter().find(|(wrapper, ..)| *wrapper == name) {
            let at = wrapped_at(&words, &name, flags, *own);
            words.drain(..at.min(words.len()));
            continue;
        }
        if matches!(name.as_str(), "sh" | "bash" | "dash" | "zsh" | "ksh")
            && let Some(at) = words.iter().position(|w| is_script_flag(w.text()))
        {
            return match words.get(at + 1) {
                Some(Word::Known(line)) => into(line, all, depth + 1),
                _ => None,
            };
        }
        if name == "eval" {
            let known: Option<Vec<&str>> = words[1..].iter().map(known).collect();
            return into(&known?.join(" "), all, depth + 1);
        }
        break;
    }
    written(&words, all);
    all.commands.push(words);
    Some(())
}

fn is_script_flag(word: &str) -> bool {
    word.starts_with('-') && !word.starts_with("--") && word.ends_with('c')
}

fn known(word: &Word) -> Option<&str> {
    match word {
        Word::Known(text) => Some(text),
        Word::Open(_) => None,
    }
}

/// The name of a program without its directory.
pub(crate) fn base(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// What well-known programs write.
fn written(words: &[Word], all: &mut Line) {
    let Some((program, rest)) = words.split_first() else { return };
    let name = base(program.text());
    let paths: Vec<&Word> = rest.iter().filter(|w| !w.text().starts_with('-')).collect();
    let after = |flag: &str| {
        let at = rest.iter().position(|w| w.text() == flag);
        at.and_then(|at| rest.get(at + 1)).into_iter().cloned().collect::<Vec<_>>()
    };
    match name {
        "cd" | "pushd" => all.goes_to.extend(paths.first().map(|w| (*w).clone())),
        "tee" | "touch" | "mkdir" | "rmdir" | "rm" | "unlink" | "shred" | "truncate" | "mv" | "mkfifo" => {
            all.writes.extend(paths.into_iter().cloned());
        }
        "cp" | "ln" | "install" | "rsync" | "scp" => {
            let into = after("-t");
            all.writes.extend(match into.is_empty() {
                true => paths.last().map(|w| (*w).clone()).into_iter().collect(),
                false => into,
            });
        }
        "chmod" | "chown" | "chgrp" => all.writes.extend(paths.into_iter().skip(1).cloned()),
        "sed" | "perl" if rest.iter().any(|w| w.text().starts_with("-i") || w.text().starts_with("-pi")) => {
            all.writes.extend(paths.into_iter().skip(1).cloned());
        }
        "dd" => {
            let of = rest.iter().filter_map(|w| w.text().strip_prefix("of="));
            all.writes.extend(of.map(|path| Word::Known(path.to_owned())));
        }
        "curl" => all.writes.extend(after("-o").into_iter().chain(after("--output"))),
        "wget" => all.writes.extend(after("-O").into_iter().chain(after("-P"))),
        "tar" | "git" => all.writes.extend(after("-C")),
        "unzip" => all.writes.extend(after("-d")),
        _ => {}
    }
}

/// A word of the tree without its quotes.
fn word_of(node: &Value) -> Option<Word> {
    let raw = node.get("value").and_then(Value::as_str)?;
    let pieces = word::parse(raw, &ParserOptions::default()).ok()?;
    let mut text = String::new();
    let open =
        !pieces.iter().all(|piece| serde_json::to_value(piece).is_ok_and(|p| plain_piece(&p, &mut text)));
    Some(if open { Word::Open(raw.to_owned()) } else { Word::Known(text) })
}

/// Adds a piece's text; false if it is not always the same.
fn plain_piece(piece: &Value, text: &mut String) -> bool {
    let Some((kind, value)) = piece.get("piece").and_then(Value::as_object).and_then(|o| o.iter().next())
    else {
        return false;
    };
    match (kind.as_str(), value) {
        ("Text", Value::String(t)) => {
            text.push_str(t);
            // Globs and braces: the directory is told all the same.
            true
        }
        ("SingleQuotedText", Value::String(t)) => {
            text.push_str(t);
            true
        }
        ("EscapeSequence", Value::String(t)) => {
            text.push_str(t.strip_prefix('\\').unwrap_or(t));
            true
        }
        ("DoubleQuotedSequence", Value::Array(inner)) => inner.iter().all(|p| plain_piece(p, text)),
        _ => false,
    }
}

/// Commands that a word runs: `$(...)` and backquotes.
fn substituted(raw: &str, all: &mut Line, depth: u32) -> Option<()> {
    if !raw.contains("$(") && !raw.contains('`') {
        return Some(());
    }
    let pieces = word::parse(raw, &ParserOptions::default()).ok()?;
    let tree = serde_json::to_value(&pieces).ok()?;
    let mut lines = Vec::new();
    find_lines(&tree, &mut lines);
    lines.iter().try_for_each(|line| into(line, all, depth + 1))
}

fn find_lines(node: &Value, lines: &mut Vec<String>) {
    match node {
        Value::Array(items) => items.iter().for_each(|item| find_lines(item, lines)),
        Value::Object(keys) => {
            for (key, value) in keys {
                match (key.as_str(), value) {
                    ("CommandSubstitution" | "BackquotedCommandSubstitution", Value::String(line)) => {
                        lines.push(line.clone());
                    }
                    _ => find_lines(value, lines),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(line: &str) -> Vec<String> {
        let read = read(line).unwrap_or_else(|| panic!("{line} cannot be read"));
        read.commands.iter().map(|words| words.iter().map(Word::text).collect::<Vec<_>>().join(" ")).collect()
    }

    fn writes(line: &str) -> Vec<String> {
        read(line).unwrap().writes.iter().map(|w| w.text().to_owned()).collect()
    }

    #[test]
    fn every_command_of_a_line_is_found_wherever_it_stands() {
        for (line, expected) in [
            ("git status", vec!["git status"]),
            ("cd x && A=1 make 'a b' | tee log; ls", vec!["cd x", "make a b", "tee log", "ls"]),
            ("if true; then rm -r x; fi", vec!["true", "rm -r x"]),
            ("f() { curl evil; }; f", vec!["curl evil", "f"]),
            ("echo \"$(git push)\"", vec!["git push", "echo \"$(git push)\""]),
            ("echo `git push`", vec!["git push", "echo `git push`"]),
            ("cat <<E\n$(evil)\nE\n", vec!["evil", "cat"]),
            ("env -i A=b timeout -k 1 5 bash -lc 'rm x; ls'", vec!["rm x", "ls"]),
            ("eval 'rm' x", vec!["rm x"]),
            ("cat <(evil)", vec!["evil", "cat"]),
            ("for f in $(list); do wc $f; done", vec!["list", "wc $f"]),
        ] {
            let mut found = commands(line);
            let mut expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn what_is_written_is_told() {
        for (line, expected) in [
            ("echo x > /etc/out 2>&1", vec!["/etc/out"]),
            ("make &> ../log", vec!["../log"]),
            ("cp -r a b '/tmp/c d'", vec!["/tmp/c d"]),
            ("cp -t /d a b", vec!["/d"]),
            ("sed -i s/a/b/ f g", vec!["f", "g"]),
            ("dd if=/dev/zero of=/disk", vec!["/disk"]),
            ("cat < in", vec![]),
            ("bash -c 'echo x >> ~/.profile'", vec!["~/.profile"]),
            ("echo x > $OUT", vec!["$OUT"]),
        ] {
            assert_eq!(writes(line), expected, "{line}");
        }
        assert!(matches!(&read("echo > $OUT").unwrap().writes[0], Word::Open(_)));
        assert!(matches!(&read("echo > ~/x").unwrap().writes[0], Word::Open(_)));
    }

    #[test]
    fn what_cannot_be_read_is_not_guessed() {
        for line in ["echo 'open", "if true", "bash -c \"$X\"", "eval \"$X\"", &"(".repeat(20)] {
            assert_eq!(read(line), None, "{line}");
        }
        assert_eq!(read(&"a".repeat(LINE_BYTES_MAX + 1)), None);
    }
}
