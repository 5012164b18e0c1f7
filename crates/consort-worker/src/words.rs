//! Text of others, made fit for a place of ours.

/// At most so many characters; marked where it was cut.
pub fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some(_) => text.chars().take(max.saturating_sub(1)).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

/// On one line: any white space is one blank.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A fence of backticks that nothing inside can close, at least `least` long.
pub fn fence(inside: &str, least: usize) -> String {
    let longest = inside.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat((longest + 1).max(least))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_between_characters_and_marked() {
        assert_eq!(cut("schön", 5), "schön");
        assert_eq!(cut("schöner", 5), "schö…");
        assert_eq!(cut("", 0), "");
    }

    #[test]
    fn nothing_inside_closes_a_fence() {
        assert_eq!(fence("no ticks", 3), "```");
        assert_eq!(fence("a ```` b `` c", 3), "`````");
        assert_eq!(fence("", 1), "`");
    }
}
