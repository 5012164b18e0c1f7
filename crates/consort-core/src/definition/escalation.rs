//! Criticality rises by itself: rules on paths, kinds of artifacts, how many files are touched and
//! what becomes of files that were there, for any repository. A level never falls; of several rules
//! the highest wins, and all are named.
//!
//! A rule looks at the files of a task twice: at those that it declares, before anything runs, and at
//! those that its agent really changed.

use super::base::BaseFiles;
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
    READ.get_or_init(|| {
        let mut rules = read(RULES);
        rules.push(EscalationRule {
            id: CARRIED.to_owned(),
            at_least: Criticality::C1,
            paths: vec![],
            types: vec![],
            existing: false,
            deleted: false,
            files_above: 0,
            about: "what crosses a barrier keeps its level".into(),
            off: None,
        });
        rules
    })
    .clone()
}

/// The rule that is about no file: a handoff has at least the level of the work that it carries, and who
/// reads it at least that of the handoff.
pub const CARRIED: &str = "CP-04";

/// A test reads the one text that there is.
fn read(text: &str) -> Vec<EscalationRule> {
    let Ok(tree) = tree::parse(text) else { return Vec::new() };
    let file = Map::<Escalation, RuleName>::decode(&tree, &mut Decoder::default());
    let rule = |(name, own): &(At<RuleName>, Escalation)| EscalationRule {
        id: name.value.0.clone(),
        at_least: own.at_least.as_ref().map_or(Criticality::C3, |at| at.value),
        paths: own.paths.iter().map(|at| at.value.0.clone()).collect(),
        types: own.types.iter().map(|at| at.value.0.clone()).collect(),
        existing: own.existing.as_ref().is_some_and(|at| at.value),
        deleted: own.deleted.as_ref().is_some_and(|at| at.value),
        files_above: own.files_above.as_ref().map_or(0, |at| at.value),
        about: own.about.as_ref().map(|at| at.value.0.clone()).unwrap_or_default(),
        off: None,
    };
    file.iter().flat_map(Map::iter).map(rule).collect()
}

/// What a task says before it runs.
#[derive(Clone, Copy, Debug)]
pub struct Declared<'d> {
    /// Paths, or patterns of paths.
    pub paths: &'d [String],
    /// The kind of its artifact, if it names one.
    pub kind: Option<&'d str>,
    /// False for data, which never comes into the repository: no file there is touched.
    pub in_repository: bool,
}

/// A file that an agent really changed, made or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Relative to the repository.
    pub path: String,
    /// It is gone.
    pub deleted: bool,
    /// It was in the repository when the run began. Asked for only where a rule wants to know
    /// ([`Rules::want_to_know_of`]).
    pub existed: bool,
}

/// A rule that holds for a task.
#[derive(Clone, Debug)]
pub struct Demand<'r> {
    /// Which one.
    pub rule: &'r EscalationRule,
    /// What of the task it is about, in a few words.
    pub what: String,
}

/// A rule with its patterns built once: a plan may have thousands of tasks.
struct Built<'r> {
    rule: &'r EscalationRule,
    globs: GlobSet,
}

impl Built<'_> {
    /// A rule that names neither paths nor kinds is about every file.
    fn is_about(&self, path: &str) -> bool {
        (self.rule.paths.is_empty() && self.rule.types.is_empty()) || self.globs.is_match(path)
    }

    fn enough(&self, files: usize) -> bool {
        files > self.rule.files_above as usize
    }

    /// What of this declaration the rule is about, if it holds.
    fn declared(&self, task: Declared<'_>, base: &BaseFiles) -> Option<String> {
        let rule = self.rule;
        if rule.id == CARRIED {
            return None;
        }
        // Which files will go is seen when they are gone; data touches none.
        if rule.deleted || (!task.in_repository && (rule.existing || rule.files_above > 0)) {
            return None;
        }
        let named = task.kind.filter(|kind| rule.types.iter().any(|t| t.eq_ignore_ascii_case(kind)));
        if let (Some(kind), false, 0) = (named, rule.existing, rule.files_above) {
            return Some(format!("type {kind}"));
        }
        let about = |path: &str| named.is_some() || self.is_about(path);
        let mut files = task.paths.iter().filter(|path| about(path));
        if rule.files_above > 0 {
            // How many files a pattern stands for is seen when they are changed.
            let literal = files.filter(|path| is_literal(path));
            let count = literal.filter(|path| !rule.existing || base.has(path, |_| true).is_some()).count();
            return self.enough(count).then(|| format!("{count} files"));
        }
        if !rule.existing {
            return files.next().cloned();
        }
        files.find_map(|path| base.has(path, about))
    }

    fn changed(&self, files: &[Changed]) -> Option<String> {
        let rule = self.rule;
        if rule.id == CARRIED {
            return None;
        }
        let counts = |file: &&Changed| {
            self.is_about(&file.path) && (!rule.existing || file.existed) && (!rule.deleted || file.deleted)
        };
        let first = files.iter().find(counts)?;
        let count = files.iter().filter(counts).count();
        let what = || if rule.files_above > 0 { format!("{count} files") } else { first.path.clone() };
        self.enough(count).then(what)
    }
}

/// The rules that are in force.
pub struct Rules<'r>(Vec<Built<'r>>);

impl<'r> Rules<'r> {
    /// Patterns that are none are left out: `check` names those of the file.
    pub fn new(rules: &'r [EscalationRule]) -> Self {
        let built = |rule: &'r EscalationRule| {
            let mut set = GlobSetBuilder::new();
            for glob in rule.paths.iter().filter_map(|glob| pattern(glob).ok()) {
                set.add(glob);
            }
            Built { rule, globs: set.build().unwrap_or_else(|_| GlobSet::empty()) }
        };
        Rules(rules.iter().filter(|rule| rule.off.is_none()).map(built).collect())
    }

    /// True if levels go over barriers ([`CARRIED`]).
    pub fn carry(&self) -> bool {
        self.0.iter().any(|built| built.rule.id == CARRIED)
    }

    /// The rules that hold for what a task declares.
    pub fn declared(&self, task: Declared<'_>, base: &BaseFiles) -> Vec<Demand<'r>> {
        let of = |built: &Built<'r>| Some(Demand { rule: built.rule, what: built.declared(task, base)? });
        highest_first(self.0.iter().filter_map(of).collect())
    }

    /// The rules that hold for what was really changed. Kinds of artifacts were looked at before.
    pub fn changed(&self, files: &[Changed]) -> Vec<Demand<'r>> {
        let of = |built: &Built<'r>| Some(Demand { rule: built.rule, what: built.changed(files)? });
        highest_first(self.0.iter().filter_map(of).collect())
    }

    /// True if a rule asks whether this file was there when the run began.
    pub fn want_to_know_of(&self, file: &Changed) -> bool {
        let asks = |built: &Built<'_>| {
            built.rule.existing && (!built.rule.deleted || file.deleted) && built.is_about(&file.path)
        };
        self.0.iter().any(asks)
    }
}

/// A list that is cut keeps those that decide.
fn highest_first(mut demands: Vec<Demand<'_>>) -> Vec<Demand<'_>> {
    demands.sort_by_key(|demand| std::cmp::Reverse(demand.rule.at_least));
    demands
}

/// The level that these rules ask for, and their ids.
pub fn level_of(demands: &[Demand<'_>]) -> Option<(Criticality, Vec<String>)> {
    let highest = demands.iter().map(|demand| demand.rule.at_least).max()?;
    Some((highest, demands.iter().map(|demand| demand.rule.id.clone()).collect()))
}

/// True for a path that is no pattern.
pub(super) fn is_literal(path: &str) -> bool {
    !path.contains(['*', '?', '[', '{'])
}

/// A pattern for paths in a repository; upper and lower case are the same.
///
/// # Errors
/// Why it is none.
pub fn pattern(glob: &str) -> Result<globset::Glob, globset::Error> {
    GlobBuilder::new(glob).literal_separator(true).case_insensitive(true).build()
}

#[cfg(test)]
mod tests;
