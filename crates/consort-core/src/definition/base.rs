//! What is in the repository where a run begins, handed in: nothing here looks.

use super::escalation::is_literal;
use globset::GlobBuilder;
use std::collections::BTreeSet;

/// The files that a run begins with. Rules on files that were there before ask for them.
#[derive(Clone, Debug, Default)]
pub enum BaseFiles {
    /// Nobody could look: whatever a task names counts as being there, which only raises levels.
    #[default]
    Unknown,
    /// All of them, relative to the repository.
    Known(BTreeSet<String>),
}

impl BaseFiles {
    /// An empty repository.
    pub fn none() -> Self {
        BaseFiles::Known(BTreeSet::new())
    }

    /// What is there of a path, or of what a pattern can match and `about` lets through; in words.
    pub(super) fn has(&self, path: &str, about: impl Fn(&str) -> bool) -> Option<String> {
        let BaseFiles::Known(files) = self else {
            return Some(format!("{path}, and nobody could see whether that is there"));
        };
        if is_literal(path) {
            return files.contains(path).then(|| format!("{path}, which is there already"));
        }
        // As the pattern is understood where it takes effect: upper and lower case differ.
        let glob = GlobBuilder::new(path).literal_separator(true).build().ok()?.compile_matcher();
        let found = files.iter().find(|file| glob.is_match(file) && about(file))?;
        Some(format!("{path}, and {found} is there already"))
    }
}
