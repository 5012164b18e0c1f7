//! Two tasks that may run at once must not write the same path.

use super::Lower;
use super::globs::{is_literal, literal_prefix, overlap};
use super::links::{Links, Order};
use super::outline::{Kind, Outline};
use crate::definition::decode::At;
use crate::definition::diagnostic::{Diagnostic, Span};
use crate::definition::values::Plain;
use crate::plan::{Output, Plan, WorkspaceKind};
use std::collections::{BTreeMap, BTreeSet};

/// Pairs of patterns that are compared before giving up, and mistakes that are reported.
const PAIRS_MAX: usize = 2_000_000;
const REPORTS_MAX: usize = 20;

/// True where files live in git, false in the scratch directory of `workspace: none`.
type InGit = bool;
type Users = BTreeMap<(InGit, String), Vec<usize>>;

impl<'f> Lower<'f> {
    pub(super) fn check_overlaps(
        &mut self,
        outline: &Outline<'f>,
        links: &Links<'f>,
        order: &Order,
        plan: &Plan,
    ) {
        let mut users: Users = BTreeMap::new();
        for (index, task) in plan.tasks.iter().enumerate() {
            let in_git = task.workspace != WorkspaceKind::None;
            if in_git && matches!(task.output, Output::Data { .. }) {
                continue; // each workspace has its own
            }
            let mut own: Vec<&String> = task.output.paths().iter().filter(|p| !p.is_empty()).collect();
            own.sort_unstable();
            own.dedup();
            for path in own {
                users.entry((in_git, path.clone())).or_default().push(index);
            }
        }
        for tasks in users.values_mut() {
            tasks.sort_by_key(|t| order.rank[*t]);
        }
        let mut check = Check { outline, links, order, found: vec![], seen: BTreeSet::new() };
        for ((_, path), tasks) in &users {
            check.ordered(tasks, path, path);
        }
        check.pairs(&users);
        check.folders(&users);
        self.diagnostics.extend(check.found);
    }
}

struct Check<'a, 'f> {
    outline: &'a Outline<'f>,
    links: &'a Links<'f>,
    order: &'a Order,
    found: Vec<Diagnostic>,
    seen: BTreeSet<(usize, usize)>,
}

impl Check<'_, '_> {
    /// Users of one path, by rank: if each waits for the one before it, no two run at once.
    fn ordered(&mut self, tasks: &[usize], a: &str, b: &str) {
        for pair in tasks.windows(2) {
            let &[first, second] = pair else { continue };
            if self.found.len() >= REPORTS_MAX || first == second {
                continue;
            }
            if !self.links.waits_for(second, first, self.order) {
                self.report(first, second, a, b);
            }
        }
    }

    /// Different patterns: only those whose folders lie in each other can meet. Sorted by
    /// folder, the ones above a pattern are on a stack.
    fn pairs(&mut self, users: &Users) {
        let mut sorted: Vec<(InGit, &str, &str)> =
            users.keys().map(|(in_git, path)| (*in_git, literal_prefix(path), path.as_str())).collect();
        sorted.sort_unstable();
        let mut above: Vec<(InGit, &str, &str)> = Vec::new();
        let mut compared = 0;
        for entry in sorted {
            let (in_git, folder, path) = entry;
            while above.last().is_some_and(|(git, f, _)| *git != in_git || !folder.starts_with(f)) {
                above.pop();
            }
            for (_, _, other) in above.iter().filter(|(_, _, other)| !(is_literal(other) && is_literal(path)))
            {
                compared += 1;
                if compared > PAIRS_MAX {
                    return self.too_many();
                }
                if overlap(other, path) {
                    self.meeting(users, in_git, other, path);
                }
            }
            above.push(entry);
        }
    }

    fn meeting(&mut self, users: &Users, in_git: InGit, a: &str, b: &str) {
        let of = |path: &str| users.get(&(in_git, path.to_owned())).map_or(&[][..], Vec::as_slice);
        let mut both: Vec<usize> = of(a).iter().chain(of(b)).copied().collect();
        both.sort_by_key(|t| self.order.rank[*t]);
        both.dedup();
        self.ordered(&both, a, b);
    }

    /// A path that is a file for one task and a folder for another can never be merged.
    fn folders(&mut self, users: &Users) {
        let literal: Vec<(&(InGit, String), usize)> =
            users.iter().filter(|(k, _)| is_literal(&k.1)).map(|(k, t)| (k, t[0])).collect();
        for (key, task) in &literal {
            for (slash, _) in key.1.match_indices('/') {
                let folder = (key.0, key.1[..slash].to_owned());
                if let Some(other) = users.get(&folder).and_then(|t| t.first())
                    && self.found.len() < REPORTS_MAX
                {
                    let (file, below) = (self.id(*other), self.id(*task));
                    self.found.push(
                        Diagnostic::error(
                            "file-and-folder",
                            format!("`{}` is a file of `{file}` and a folder of `{below}`", folder.1),
                        )
                        .at(self.place(*task, &key.1), "needs a folder of this name")
                        .at(self.place(*other, &folder.1), "the file"),
                    );
                }
            }
        }
    }

    fn report(&mut self, first: usize, second: usize, a: &str, b: &str) {
        if !self.seen.insert((first, second)) {
            return;
        }
        let (one, two) = (self.id(first), self.id(second));
        // One entry of the file that is many tasks.
        let alike = self.outline.tasks[first].span == self.outline.tasks[second].span;
        let help = match alike {
            true => "put {{ index }} or {{ item }} into the path, or leave it out".to_owned(),
            false => format!("give them different paths, or order them: add needs: [{one}] to `{two}`"),
        };
        let what = if a == b { format!("`{a}`") } else { format!("`{a}` and `{b}`") };
        self.found.push(
            Diagnostic::error(
                "overlap",
                format!("`{one}` and `{two}` may run at once and both write {what}"),
            )
            .at(self.either(second, a, b), format!("written by `{two}`"))
            .at(self.either(first, a, b), format!("written by `{one}`"))
            .help(help),
        );
    }

    fn too_many(&mut self) {
        self.found.push(
            Diagnostic::error(
                "too-complex",
                "the patterns under `writes` are too many to compare with each other",
            )
            .help("let each start with a folder of its own, such as `src/parser/**`"),
        );
    }

    fn id(&self, task: usize) -> &str {
        &self.outline.tasks[task].id
    }

    fn either(&self, task: usize, a: &str, b: &str) -> Span {
        let place = self.place(task, a);
        if place == self.outline.tasks[task].span { self.place(task, b) } else { place }
    }

    /// Where a task declares a path; its name if the path is a default.
    fn place(&self, task: usize, path: &str) -> Span {
        let spot = &self.outline.tasks[task];
        let Kind::Declared(declared) = spot.kind else { return spot.span.clone() };
        let is_it = |at: &&At<Plain>| at.value.0 == path;
        let found = declared.path.iter().chain(declared.writes.iter()).find(is_it);
        found.map_or(spot.span.clone(), |at| at.span.clone())
    }
}
