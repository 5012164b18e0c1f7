//! Whether two patterns of paths can match the same path.

pub(super) use crate::definition::escalation::is_literal;

/// The folders that every match lies in, with a slash at the end unless empty.
pub(super) fn literal_prefix(pattern: &str) -> &str {
    let wild = pattern.find(['*', '?', '[', '{']).unwrap_or(pattern.len());
    match pattern[..wild].rfind('/') {
        _ if wild == pattern.len() => pattern,
        Some(slash) => &pattern[..=slash],
        None => "",
    }
}

/// True if some path can match both. Exact for `*`, `**` and `?`; where `[...]` or `{...}`
/// occur it may say true without need, never false.
pub(super) fn overlap(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    // Alternatives may hold slashes, so segments mean nothing: only the folders count.
    if a.contains('{') || b.contains('{') {
        let (a, b) = (literal_prefix(a), literal_prefix(b));
        return a.starts_with(b) || b.starts_with(a);
    }
    let a: Vec<&str> = a.split('/').collect();
    let b: Vec<&str> = b.split('/').collect();
    meet(a.len(), b.len(), |i| a[i] == "**", |j| b[j] == "**", |i, j| segments(a[i], b[j]))
}

fn segments(a: &str, b: &str) -> bool {
    if a.contains('[') || b.contains('[') {
        return true;
    }
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let same = |i: usize, j: usize| a[i] == b[j] || a[i] == '?' || b[j] == '?';
    meet(a.len(), b.len(), |i| a[i] == '*', |j| b[j] == '*', same)
}

/// Whether two sequences with stars (any number of elements) have a common word: a table of
/// which pairs of rests can meet, from the end.
fn meet(
    len_a: usize,
    len_b: usize,
    star_a: impl Fn(usize) -> bool,
    star_b: impl Fn(usize) -> bool,
    same: impl Fn(usize, usize) -> bool,
) -> bool {
    let width = len_b + 1;
    let mut table = vec![false; (len_a + 1) * width];
    for i in (0..=len_a).rev() {
        for j in (0..=len_b).rev() {
            let at = |i: usize, j: usize| table[i * width + j];
            table[i * width + j] = if i == len_a && j == len_b {
                true
            } else if i < len_a && star_a(i) {
                at(i + 1, j) || (j < len_b && at(i, j + 1))
            } else if j < len_b && star_b(j) {
                at(i, j + 1) || (i < len_a && at(i + 1, j))
            } else {
                i < len_a && j < len_b && same(i, j) && at(i + 1, j + 1)
            };
        }
    }
    table[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_meet_or_do_not() {
        for (a, b) in [
            ("src/**", "src/a.rs"),
            ("src/**", "src/**/x.rs"),
            ("src/*.rs", "src/a*"),
            ("**", "a/b/c"),
            ("a/?.rs", "a/b.rs"),
            ("src/**/a/*.rs", "src/b/**"),
            ("docs/[ab].md", "docs/a.md"),
            ("{a,b}/x", "a/x"),
            ("**/x.rs", "a/**"),
        ] {
            assert!(overlap(a, b) && overlap(b, a), "{a} {b}");
        }
        for (a, b) in [
            ("src/**", "docs/**"),
            ("src/*.rs", "src/a/b.rs"),
            ("src/**/*.rs", "src/**/*.md"),
            ("src/a?.rs", "src/a.rs"),
            ("src/a/**", "src/ab/**"),
            ("x/{a,b}/**", "y/**"),
            ("a.rs", "a.rsx"),
        ] {
            assert!(!overlap(a, b) && !overlap(b, a), "{a} {b}");
        }
    }

    #[test]
    fn prefixes_are_folders() {
        assert_eq!(literal_prefix("src/parser/*.rs"), "src/parser/");
        assert_eq!(literal_prefix("src/pa*"), "src/");
        assert_eq!(literal_prefix("*"), "");
        assert_eq!(literal_prefix("a/b"), "a/b");
    }
}
