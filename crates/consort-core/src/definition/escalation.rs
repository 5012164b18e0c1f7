//! Criticality rises by itself: rules on paths and kinds of artifacts, for any repository. A level
//! never falls; of several rules the highest wins, and all are named.

use super::decode::{At, Decode as _, Decoder, Map};
use super::file::Escalation;
use super::tree;
use super::values::RuleName;
use crate::plan::{Criticality, EscalationRule};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::sync::OnceLock;

/// The built-in rules, as data: read like the `escalation` section of a workflow file.
const RULES: &str = include_str!("escalation.yaml");

/// The built-in rules.
pub fn builtin() -> Vec<EscalationRule> {
    static READ: OnceLock<Vec<EscalationRule>> = OnceLock::new();
    READ.get_or_init(|| read(RULES)).clone()
}

/// A test reads the one text that there is.
fn read(text: &str) -> Vec<EscalationRule> {
    let Ok(tree) = tree::parse(text) else { return Vec::new() };
    let file = Map::<Escalation, RuleName>::decode(&tree, &mut Decoder::default());
    let rule = |(name, own): &(At<RuleName>, Escalation)| EscalationRule {
        id: name.value.0.clone(),
        at_least: own.at_least.as_ref().map_or(Criticality::C3, |at| at.value),
        paths: own.paths.iter().map(|at| at.value.0.clone()).collect(),
        types: own.types.iter().map(|at| at.value.0.clone()).collect(),
        about: own.about.as_ref().map(|at| at.value.0.clone()).unwrap_or_default(),
        off: None,
    };
    file.iter().flat_map(Map::iter).map(rule).collect()
}

/// Rules with their patterns built once: a plan may have thousands of tasks.
pub struct Rules<'r>(Vec<(&'r EscalationRule, GlobSet)>);

impl<'r> Rules<'r> {
    /// Patterns that are none are left out: `check` names those of the file.
    pub fn new(rules: &'r [EscalationRule]) -> Self {
        let built = |rule: &'r EscalationRule| {
            let mut set = GlobSetBuilder::new();
            for glob in rule.paths.iter().filter_map(|glob| pattern(glob).ok()) {
                set.add(glob);
            }
            (rule, set.build().unwrap_or_else(|_| GlobSet::empty()))
        };
        Rules(rules.iter().filter(|rule| rule.off.is_none()).map(built).collect())
    }

    /// The rules that hold for these paths (or patterns of paths) and this kind of artifact: each
    /// with the path that it is about.
    pub fn demanded(&self, paths: &[String], kind: Option<&str>) -> Vec<(&'r EscalationRule, String)> {
        let of = |(rule, globs): &(&'r EscalationRule, GlobSet)| {
            let named = kind.filter(|kind| rule.types.iter().any(|t| t.eq_ignore_ascii_case(kind)));
            if let Some(kind) = named {
                return Some((*rule, format!("type {kind}")));
            }
            paths.iter().find(|path| globs.is_match(path)).map(|path| (*rule, path.clone()))
        };
        self.0.iter().filter_map(of).collect()
    }
}

/// The level that these rules ask for, and their ids.
pub fn level_of(demanded: &[(&EscalationRule, String)]) -> Option<(Criticality, Vec<String>)> {
    let highest = demanded.iter().map(|(rule, _)| rule.at_least).max()?;
    Some((highest, demanded.iter().map(|(rule, _)| rule.id.clone()).collect()))
}

/// A pattern for paths in a repository; upper and lower case are the same.
///
/// # Errors
/// Why it is none.
pub fn pattern(glob: &str) -> Result<globset::Glob, globset::Error> {
    GlobBuilder::new(glob).literal_separator(true).case_insensitive(true).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(paths: &[&str], kind: Option<&str>) -> String {
        let rules = builtin();
        let paths: Vec<String> = paths.iter().map(|p| (*p).to_owned()).collect();
        let found = Rules::new(&rules).demanded(&paths, kind);
        let level = level_of(&found).map_or_else(|| "-".to_owned(), |(level, _)| level.to_string());
        let ids: Vec<&str> = found.iter().map(|(rule, _)| rule.id.as_str()).collect();
        format!("{level} {}", ids.join(" "))
    }

    #[test]
    fn the_built_in_rules_fire_where_they_are_meant_to_and_nowhere_else() {
        assert_eq!(builtin().len(), 6);
        for rule in builtin() {
            assert!(!rule.about.is_empty() && !rule.paths.is_empty(), "{}", rule.id);
            assert!(rule.paths.iter().all(|glob| pattern(glob).is_ok()), "{}", rule.id);
        }
        assert_eq!(ids(&["docs/governance/PROJECT_CONSTITUTION.md"], None), "C4 AE-001");
        assert_eq!(ids(&["LICENSE"], None), "C4 AE-001");
        assert_eq!(ids(&["AGENTS.md"], None), "C3 AE-002");
        assert_eq!(ids(&["docs/decisions/0001-x.md"], None), "C3 AE-003");
        assert_eq!(ids(&["out/x.md"], Some("ADR")), "C3 AE-003");
        assert_eq!(ids(&["src/auth/token.rs"], None), "C3 AE-005");
        assert_eq!(ids(&["src/oauth_client.py"], None), "C3 AE-005");
        assert_eq!(ids(&["src/permissions.rs", "Cargo.toml"], None), "C3 AE-005 DEP-001");
        assert_eq!(ids(&[".github/workflows/ci.yml", "package.json"], None), "C2 CI-001 DEP-001");
        for calm in [
            "src/api/list.rs",
            "docs/author.md",
            "README.md",
            "src/authors/list.md",
            "src/author.rs",
            "docs/notes.md",
            "**",
        ] {
            assert_eq!(ids(&[calm], None), "- ", "{calm}");
        }
    }
}
