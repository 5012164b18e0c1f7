//! Which names we let near git and the file system. Everything else is refused: it is agents
//! and files of others that choose them.

use super::git_words::ObjectFormat;
use consort_core::ids::Revision;
use std::path::{Component, Path};

/// Longest path in a tree, in bytes.
const PATH_BYTES_MAX: usize = 1024;

/// True for one component of a ref without dots, such as a task id.
pub(super) fn is_ref_leaf(text: &str) -> bool {
    let first = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    first && text.len() <= 200 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// True for a run id: like a leaf, and dots between other characters (`review.2`).
pub(super) fn is_run_id(text: &str) -> bool {
    text.split('.').all(|part| is_ref_leaf(part) && part != "lock")
}

/// True for `CP-001` and so on.
pub(super) fn is_checkpoint_id(text: &str) -> bool {
    checkpoint_number(text).is_some()
}

/// 1 for `CP-001`.
pub fn checkpoint_number(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("CP-")?;
    let fit = (3..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    fit.then(|| digits.parse().ok()).flatten()
}

/// True for a full branch name that git accepts and no option can be mistaken for.
pub(super) fn is_branch_ref(text: &str) -> bool {
    let Some(name) = text.strip_prefix("refs/heads/") else { return false };
    let bad = |c: char| c.is_ascii_control() || " ~^:?*[\\".contains(c);
    !name.is_empty()
        && name.len() <= 200
        && !name.chars().any(bad)
        && !name.contains("..")
        && !name.contains("@{")
        && name.split('/').all(|part| {
            !part.is_empty()
                && !part.starts_with(['.', '-'])
                && !part.ends_with('.')
                && !part.ends_with(".lock")
                && part != "@"
        })
}

/// The object id in a revision, if it has the shape of one.
pub(super) fn object_id(revision: &Revision, format: ObjectFormat) -> Option<&str> {
    let text = revision.as_str();
    let hex = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (hex && text.len() == format.digits()).then_some(text)
}

/// Why a path must not be in a tree that we make, or `None` if it may.
pub(super) fn path_problem(path: &str) -> Option<&'static str> {
    if path.is_empty() || path.len() > PATH_BYTES_MAX {
        return Some("is empty or too long");
    }
    if path.chars().any(char::is_control) {
        return Some("has control characters in its name");
    }
    let plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if !plain || path.split('/').any(|part| part.is_empty() || part == ".") {
        return Some("is not a plain relative path");
    }
    if path.split('/').any(is_dot_git) {
        return Some("is a name of git's own");
    }
    let last = path.rsplit('/').next().unwrap_or(path);
    if folded(last) == ".gitmodules" {
        return Some("declares submodules, which are not followed");
    }
    None
}

/// `.git` in any spelling that some file system takes for it.
fn is_dot_git(part: &str) -> bool {
    let part = folded(part);
    part == ".git" || part == "git~1" || part.starts_with(".git:") || part.starts_with("git~1:")
}

/// Without characters that HFS+ ignores and ends that Windows ignores, in lower case.
fn folded(part: &str) -> String {
    let ignored = |c: char| matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}');
    let kept: String = part.chars().filter(|c| !ignored(*c)).collect();
    kept.trim_end_matches([' ', '.']).to_lowercase()
}

/// A name from git or a file system as people can read it.
pub(super) fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let clean: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    clean.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refs_that_could_be_options_or_confuse_git_are_refused() {
        for good in ["a", "agent-a-001", "b_1_x-to-y", "0"] {
            assert!(is_ref_leaf(good), "{good}");
        }
        for bad in ["", "-a", "a.b", "a/b", "A b", "a b", "_a", "ä", "a\n"] {
            assert!(!is_ref_leaf(bad), "{bad}");
        }
        assert!(is_run_id("review-20260101-001.2"));
        for bad in ["", ".a", "a.", "a..b", "a.lock", "a/b", "-x"] {
            assert!(!is_run_id(bad), "{bad}");
        }
        assert!(is_branch_ref("refs/heads/main") && is_branch_ref("refs/heads/feature/Ünïcode-1"));
        for bad in [
            "main",
            "refs/heads/",
            "refs/heads/-x",
            "refs/heads/a..b",
            "refs/heads/a b",
            "refs/heads/a.lock",
            "refs/heads/a//b",
            "refs/heads/@",
            "refs/heads/a@{1}",
            "refs/tags/x",
        ] {
            assert!(!is_branch_ref(bad), "{bad}");
        }
    }

    #[test]
    fn paths_of_gits_own_and_paths_that_leave_the_tree_are_refused() {
        for good in ["a", "a b/-c", ".gitignore", "src/.gitattributes", "git/x", "ä/日本"] {
            assert_eq!(path_problem(good), None, "{good}");
        }
        for bad in [
            "",
            "/a",
            "../a",
            "a/../b",
            "./a",
            "a//b",
            "a/",
            "a/.",
            ".git",
            ".GIT/config",
            "x/.git",
            ".git ",
            ".git.",
            "git~1",
            "GIT~1/x",
            ".g\u{200c}it/config",
            ".git::$INDEX_ALLOCATION",
            ".gitmodules",
            "sub/.GitModules",
            "a\nb",
            "a\u{7f}",
        ] {
            assert!(path_problem(bad).is_some(), "{bad:?}");
        }
        assert!(path_problem(&"a/".repeat(600)).is_some());
    }
}
