//! Lines of a source that a finding rests on: ``Source: `path/to/file.md:12-18` ``.

use super::handoff::SourceText;
use crate::words::one_line;

/// Lines of a source, as a handoff's finding names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Citation {
    /// Relative to the repository.
    pub path: String,
    /// The first line, from 1.
    pub from: usize,
    /// The last line.
    pub to: usize,
}

/// Most citations of one finding.
const CITATIONS_MAX: usize = 20;

/// What the lines `Source: ...` of a finding's body name, in order; `Err`: words that are no citation.
pub(super) fn all(body: &str) -> Vec<Result<Citation, String>> {
    let lines = body.lines().filter_map(|line| line.trim().strip_prefix("Source:"));
    let words = lines.flat_map(words).map(str::trim).filter(|w| !w.is_empty());
    words.take(CITATIONS_MAX).map(|word| read(word).ok_or_else(|| one_line(word))).collect()
}

/// What stands between backticks; where there are none, what stands between commas. A path may have
/// commas in it.
fn words(line: &str) -> Box<dyn Iterator<Item = &str> + '_> {
    match line.contains('`') {
        true => Box::new(line.split('`').skip(1).step_by(2)),
        false => Box::new(line.split(',')),
    }
}

fn read(word: &str) -> Option<Citation> {
    let word = word.trim_end_matches('.');
    let (path, lines) = word.rsplit_once(':')?;
    let (from, to) = lines.split_once('-').unwrap_or((lines, lines));
    let number = |text: &str| text.trim().parse().ok().filter(|n: &usize| *n > 0);
    Some(Citation { path: path.trim().to_owned(), from: number(from)?, to: number(to)? })
}

/// A source, by lines.
pub(super) struct Cited<'a> {
    path: &'a str,
    lines: Vec<&'a str>,
}

impl<'a> Cited<'a> {
    pub(super) fn of(source: &SourceText<'a>) -> Self {
        Self { path: source.path, lines: source.text.lines().collect() }
    }
}

/// What is wrong with the citations of a finding, in sentences.
pub(super) fn check(id: &str, body: &str, sources: &[Cited<'_>]) -> Vec<String> {
    let Some(example) = sources.first() else { return Vec::new() };
    let all = all(body);
    if all.is_empty() {
        return vec![format!(
            "`{id}` cites no lines of its source; add a line such as ``Source: `{}:12-18` ``",
            example.path
        )];
    }
    all.iter().filter_map(|cite| wrong(id, cite, sources)).collect()
}

fn wrong(id: &str, cite: &Result<Citation, String>, sources: &[Cited<'_>]) -> Option<String> {
    let cite = match cite {
        Ok(cite) => cite,
        Err(word) => {
            return Some(format!(
                "`{id}` cites `{word}`; write the path of an input and its lines: `path:12-18`"
            ));
        }
    };
    let Citation { path, from, to } = cite;
    let Some(source) = sources.iter().find(|s| s.path == path) else {
        return Some(format!("`{id}` cites `{path}`, which is no input of this handoff"));
    };
    let lines = &source.lines;
    if from > to || *to > lines.len() {
        return Some(format!("`{id}` cites lines {from} to {to} of `{path}`, which has {}", lines.len()));
    }
    let empty = lines[from - 1..*to].iter().all(|line| line.trim().is_empty());
    empty.then(|| format!("`{id}` cites lines {from} to {to} of `{path}`, where nothing stands"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCES: [SourceText<'_>; 2] = [
        SourceText { path: "docs/a.md", text: "# A\n\nOne.\nTwo.\n" },
        SourceText { path: "b, c.md", text: "x" },
    ];

    fn told(body: &str) -> String {
        check("F-001", body, &SOURCES.each_ref().map(Cited::of)).join("; ")
    }

    #[test]
    fn lines_that_exist_and_hold_something_are_taken() {
        for right in [
            "It is so.\nSource: `docs/a.md:3-4`",
            "Source: docs/a.md:1",
            "Source: docs/a.md:1, docs/a.md:3-4.",
            "Source: `docs/a.md:1`, `b, c.md:1`.",
            "Source: `b, c.md:1`\nSource: `docs/a.md:2-3`",
        ] {
            assert_eq!(told(right), "", "{right}");
        }
        assert_eq!(check("F-001", "no word of it", &[]), Vec::<String>::new(), "there is nothing to cite");
    }

    #[test]
    fn everything_else_is_named() {
        let cases = [
            ("It is so.", "cites no lines of its source"),
            ("Source:", "cites no lines"),
            ("Source: docs/a.md", "write the path of an input and its lines"),
            ("Source: docs/a.md:0", "write the path"),
            ("Source: docs/a.md:x-y", "write the path"),
            ("Source: ../secret:1", "which is no input"),
            ("Source: docs/a.md:4-5", "lines 4 to 5 of `docs/a.md`, which has 4"),
            ("Source: docs/a.md:4-3", "lines 4 to 3"),
            ("Source: docs/a.md:2", "where nothing stands"),
        ];
        for (body, says) in cases {
            assert!(told(body).contains(says), "{body}: {}", told(body));
        }
    }
}
