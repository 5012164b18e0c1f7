//! Where the work of a task goes, and which paths are legal.

use super::Lower;
use super::outline::{Outline, TaskSpot};
use crate::definition::decode::At;
use crate::definition::diagnostic::Diagnostic;
use crate::definition::file_work::Task;
use crate::definition::values::Plain;
use crate::definition::words::Produces;
use crate::plan::{Output, WorkspaceKind};

/// Files that the engine writes into a checkpoint's tree.
const STATE_FILES: [&str; 4] =
    ["ORCHESTRATION.yaml", "ORCHESTRATION_PLAN.md", "ORCHESTRATION_WORKTRACKER.md", "state.json"];

/// Why a text cannot be a path in a repository, if it cannot.
pub(in crate::definition) fn path_fault(path: &str) -> Option<&'static str> {
    if path.starts_with('/') || path.get(1..3).is_some_and(|c| c == ":/") {
        return Some("it must be relative to the repository");
    }
    if path.starts_with(['-', ':', '~', '!']) {
        return Some("it must not start with `-`, `:`, `~` or `!`");
    }
    if path.contains('\\') {
        return Some("folders are separated by `/`");
    }
    if path.chars().any(char::is_control) {
        return Some("it has a control character or a line break");
    }
    if path.len() > 400 {
        return Some("it has more than 400 bytes");
    }
    path.split('/').find_map(|part| match part {
        "" => Some("it has an empty part"),
        "." | ".." => Some("it must not have `.` or `..`"),
        part if part.eq_ignore_ascii_case(".git") => Some("`.git` belongs to git"),
        part if part.eq_ignore_ascii_case(".consort") => Some("`.consort` belongs to consort"),
        part if part.starts_with('-') => Some("no part may start with `-`"),
        part if part.ends_with([' ', '.']) => Some("no part may end with a space or a dot"),
        part if part.len() > 200 => Some("one of its parts has more than 200 bytes"),
        _ => None,
    })
}

impl<'f> Lower<'f> {
    /// A checked path; empty if there is a mistake, which is then reported.
    pub(super) fn path(&mut self, at: &At<Plain>) -> String {
        let path = self.template.text(at);
        if at.broken || path.is_empty() {
            return path;
        }
        let Some(why) = path_fault(&path) else { return path };
        self.report(
            Diagnostic::error("bad-path", format!("`{path}` is not a path of the repository: {why}"))
                .at(at.span.clone(), why),
        );
        String::new()
    }

    /// What a declared task makes.
    pub(super) fn output(
        &mut self,
        outline: &Outline<'f>,
        spot: &TaskSpot<'f>,
        task: &'f Task,
        base: &str,
    ) -> Output {
        let writes = task.writes.items.first();
        let implied = if writes.is_some() { Produces::Change } else { Produces::Document };
        let produces = task.produces.as_ref().map_or(implied, |at| at.value);
        let paths: Vec<String> = task.path.iter().map(|at| self.path(at)).collect();
        self.check_output(task, produces);
        match produces {
            Produces::Change => Output::Change { writes: self.writes(task) },
            Produces::Data => Output::Data { paths, tasks: false },
            Produces::Tasks if paths.is_empty() && !task.path.broken => {
                Output::Data { paths: vec![format!("{}-tasks.json", spot.id)], tasks: true }
            }
            Produces::Tasks => Output::Data { paths, tasks: true },
            Produces::Document if paths.is_empty() && !task.path.broken => {
                Output::Document { paths: vec![default_path(outline, spot, task, base)] }
            }
            Produces::Document => {
                for (at, path) in task.path.iter().zip(&paths) {
                    self.check_document(at, path, base);
                }
                Output::Document { paths }
            }
        }
    }

    fn check_output(&mut self, task: &Task, produces: Produces) {
        let at = task.produces.as_ref().map_or(task.at.clone(), |at| at.span.clone());
        let stray = |key: &str, word: &str, span| {
            Diagnostic::error("stray-key", format!("`{key}` does not belong to a {word}"))
                .at(span, "takes no effect here")
        };
        let (path, writes) = (task.path.items.first(), task.writes.items.first());
        match produces {
            Produces::Change => {
                if let Some(path) = path {
                    self.report(
                        stray("path", "change", path.span.clone())
                            .help("a change has `writes`, a document has `path`"),
                    );
                }
                if writes.is_none() && !task.writes.broken {
                    self.report(
                        Diagnostic::error("no-writes", "a change must say where it may write")
                            .at(at, "`writes` is missing")
                            .help("writes: [src/parser/**]"),
                    );
                }
                if self.workspace(Some(task)) == WorkspaceKind::None {
                    let span =
                        task.workspace.as_ref().or(self.file.workspace.as_ref()).map(|w| w.span.clone());
                    self.report(
                        Diagnostic::error(
                            "change-without-git",
                            "a change is a diff, and there is no git in `workspace: none`",
                        )
                        .at(span.unwrap_or(0..0), "a scratch directory without git")
                        .help("use `workspace: clone`, or produce a document"),
                    );
                }
            }
            Produces::Document | Produces::Data | Produces::Tasks => {
                let word = match produces {
                    Produces::Data => "data",
                    Produces::Tasks => "list of tasks",
                    _ => "document",
                };
                if let Some(writes) = writes {
                    self.report(
                        stray("writes", word, writes.span.clone())
                            .help("write `produces: change`, or leave `produces` out"),
                    );
                }
                if produces == Produces::Data && path.is_none() && !task.path.broken {
                    self.report(
                        Diagnostic::error("no-path", "data needs to say which files it is")
                            .at(at, "`path` is missing")
                            .help("path: [out/table.csv], relative to the workspace"),
                    );
                }
            }
        }
        if let (Some(kind), true) = (&task.r#type, path.is_some() || produces != Produces::Document) {
            self.report(stray("type", "task whose files have names of their own", kind.span.clone()));
        }
    }

    fn check_document(&mut self, at: &At<Plain>, path: &str, base: &str) {
        if !super::globs::is_literal(path) {
            self.report(
                Diagnostic::error("bad-path", format!("`{path}` is a pattern; a document has a fixed path"))
                    .at(at.span.clone(), "which file?")
                    .help("for whatever changes within a pattern, write `writes` instead of `path`"),
            );
        }
        let state = path.strip_prefix(base).and_then(|rest| rest.strip_prefix('/'));
        if state.is_some_and(|rest| STATE_FILES.contains(&rest)) {
            self.report(
                Diagnostic::error("reserved", format!("`{path}` is written by consort itself"))
                    .at(at.span.clone(), "choose another path"),
            );
        }
    }

    fn writes(&mut self, task: &Task) -> Vec<String> {
        let mut all = Vec::with_capacity(task.writes.items.len());
        for at in task.writes.iter() {
            let glob = self.path(at);
            if glob.is_empty() {
                continue;
            }
            if let Err(error) = globset::GlobBuilder::new(&glob).literal_separator(true).build() {
                self.report(
                    Diagnostic::error("bad-glob", format!("`{glob}` is not a pattern: {}", error.kind()))
                        .at(at.span.clone(), "expected something like `src/**/*.rs`"),
                );
            }
            all.push(glob);
        }
        all
    }
}

/// `<base>/<alias>/phase-<n>-<name>/<task>/<task>-<type>.md`; without a pipeline
/// `<base>/<task>/<task>-<type>.md`.
fn default_path(outline: &Outline<'_>, spot: &TaskSpot<'_>, task: &Task, base: &str) -> String {
    let kind = task.r#type.as_ref().map_or("document", |at| at.value.0.as_str());
    let id = &spot.id;
    match spot.place {
        Some((pipeline, phase)) => {
            let pipeline = &outline.pipelines[pipeline];
            format!("{base}/{}/{}/{id}/{id}-{kind}.md", pipeline.alias, pipeline.phases[phase].path_id)
        }
        None => format!("{base}/{id}/{id}-{kind}.md"),
    }
}

#[cfg(test)]
mod tests {
    use super::path_fault;

    #[test]
    fn paths_stay_within_the_repository() {
        for good in ["a", "docs/a b.md", ".github/x.yml", "src/**/*.rs", "ü/ö.md", "a.git/x"] {
            assert_eq!(path_fault(good), None, "{good}");
        }
        for bad in [
            "/etc/passwd",
            "../x",
            "a/../b",
            "./a",
            "a//b",
            "a/",
            "-rf",
            "a/-x",
            ".git/config",
            "a/.GIT/x",
            "C:/x",
            "a\\b",
            "a\nb",
            ":(top)x",
            "~/x",
            ".consort/store",
            "a /b",
            "a./b",
            "!x",
        ] {
            assert!(path_fault(bad).is_some(), "{bad}");
        }
    }
}
