//! `{{ name }}` in texts and paths. No expressions, no loops: a value stands where its name
//! stood, and is not looked at again.

use crate::definition::PlanOptions;
use crate::definition::decode::At;
use crate::definition::diagnostic::{Diagnostic, Span, closest};
use crate::definition::file::Workflow;
use crate::definition::grow::{Extra, Scope};
use crate::definition::values::Plain;
use std::collections::{BTreeMap, BTreeSet};

/// Longest value of a variable, and of all texts together after expansion.
const VALUE_MAX: usize = 64 << 10;
const EXPANDED_MAX: usize = 16 << 20;

/// The values of a workflow's variables, and what was found while using them.
pub(super) struct Template<'f> {
    file: &'f Workflow,
    text: &'f str,
    values: BTreeMap<String, String>,
    used: BTreeSet<String>,
    expanded: usize,
    diagnostics: Vec<Diagnostic>,
    /// Of the task whose texts are filled in.
    scope: Option<&'f Scope>,
    /// A task will make the list of the one whose texts are filled in.
    listed_later: bool,
}

impl<'f> Template<'f> {
    /// Declared variables with their values: `--var` first, then the default.
    pub(super) fn new(file: &'f Workflow, text: &'f str, options: &PlanOptions, extra: &'f Extra) -> Self {
        let mut this = Self {
            file,
            text,
            values: BTreeMap::new(),
            used: extra.used.clone(),
            expanded: 0,
            diagnostics: vec![],
            scope: None,
            listed_later: false,
        };
        for (name, variable) in file.variables.iter() {
            let given = options.variables.get(&name.value.0).cloned();
            let about = variable.0.about.as_ref().map(|at| at.value.0.clone());
            let default = || variable.0.default.as_ref().map(|at| at.value.0.clone());
            match given.or_else(default) {
                Some(value) if value.len() <= VALUE_MAX && !value.contains('\0') => {
                    this.values.insert(name.value.0.clone(), value);
                }
                Some(_) => this.diagnostics.push(
                    Diagnostic::error(
                        "bad-variable",
                        format!("the value of `{}` is too long or not a text", name.value.0),
                    )
                    .at(name.span.clone(), format!("at most {VALUE_MAX} bytes, no zero byte")),
                ),
                None => this.diagnostics.push(
                    Diagnostic::error(
                        "variable-missing",
                        format!("the variable `{}` has no value", name.value.0),
                    )
                    .at(name.span.clone(), about.unwrap_or_else(|| "declared without a default".into()))
                    .help(format!("give one: --var {}=VALUE", name.value.0)),
                ),
            }
        }
        this.check_given(options);
        this
    }

    fn check_given(&mut self, options: &PlanOptions) {
        let known: Vec<&str> = self.file.variables.iter().map(|(name, _)| name.value.0.as_str()).collect();
        for name in options.variables.keys().filter(|name| !known.contains(&name.as_str())) {
            let diagnostic = Diagnostic::error(
                "unknown-variable",
                format!("--var {name}: the workflow declares no variable `{name}`"),
            );
            self.diagnostics.push(match closest(name, known.iter().copied()) {
                Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")),
                None if known.is_empty() => diagnostic.help("it declares none; see the key `variables`"),
                None => diagnostic.help(format!("it declares {}", super::super::decode::listed(&known))),
            });
        }
    }

    /// From here on the texts are those of a task with a scope of its own; without, of the workflow.
    pub(super) fn enter(&mut self, scope: Option<&'f Scope>, listed_later: bool) {
        self.scope = scope;
        self.listed_later = listed_later;
    }

    /// The values, for the plan.
    pub(super) fn values(&self) -> BTreeMap<String, String> {
        self.values.clone()
    }

    /// The text with its variables replaced.
    pub(super) fn text(&mut self, at: &At<Plain>) -> String {
        let source = &at.value.0;
        if at.broken || !source.contains("{{") {
            return source.clone();
        }
        let mut out = String::with_capacity(source.len());
        let mut rest = source.as_str();
        let mut seen = 0;
        while let Some(open) = rest.find("{{") {
            out.push_str(&rest[..open]);
            let inside = &rest[open + 2..];
            let Some(close) = inside.find("}}") else {
                self.malformed(at, "{{", seen, "`{{` without `}}`");
                return out;
            };
            let name = inside[..close].trim();
            let written = &rest[open..open + close + 4];
            match self.value(name) {
                Some(value) => out.push_str(&value),
                None => self.unknown(at, name, written, seen),
            }
            seen += 1;
            rest = &inside[close + 2..];
        }
        out.push_str(rest);
        self.bounded(at, out)
    }

    fn value(&mut self, name: &str) -> Option<String> {
        if let Some(scope) = self.scope {
            match scope.values.get(name) {
                Some(value) => {
                    if !scope.closed {
                        self.used.insert(name.to_owned());
                    }
                    return Some(value.clone());
                }
                None if scope.closed => return None,
                None => {}
            }
        }
        self.used.insert(name.to_owned());
        self.values.get(name).cloned()
    }

    fn bounded(&mut self, at: &At<Plain>, out: String) -> String {
        let before = self.expanded;
        self.expanded = before.saturating_add(out.len());
        if self.expanded <= EXPANDED_MAX {
            return out;
        }
        if before <= EXPANDED_MAX {
            self.diagnostics.push(
                Diagnostic::error(
                    "too-large",
                    format!("with all variables filled in, the texts have more than {EXPANDED_MAX} bytes"),
                )
                .at(at.span.clone(), "here the limit was passed")
                .help("put long texts into files and declare these as inputs"),
            );
        }
        String::new()
    }

    fn unknown(&mut self, at: &At<Plain>, name: &str, written: &str, seen: usize) {
        let mut known: Vec<&str> =
            self.file.variables.iter().map(|(name, _)| name.value.0.as_str()).collect();
        if let Some(scope) = self.scope {
            if scope.closed {
                known.clear();
            }
            known.extend(scope.values.keys().map(String::as_str));
        }
        if known.contains(&name) {
            return; // it has no value, which is reported once, where it is declared
        }
        if name == "index" || name.split('.').next() == Some("item") {
            return self.no_item(at, name, written, seen);
        }
        if name.is_empty() || name.chars().any(|c| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')) {
            return self.malformed(
                at,
                written,
                seen,
                "only the name of a variable may stand between `{{` and `}}`",
            );
        }
        let span = self.place(at, written, seen);
        let diagnostic = Diagnostic::error("unknown-variable", format!("there is no variable `{name}`"));
        let meant =
            closest(name, known.iter().copied().take(if self.diagnostics.len() > 100 { 0 } else { 1_000 }));
        self.diagnostics.push(match meant {
            Some(meant) => diagnostic.at(span, format!("did you mean `{meant}`?")),
            None if self.scope.is_some_and(|scope| scope.closed) => diagnostic
                .at(span, "not declared in this part")
                .help(format!("hand it in: inputs: {{{name}: {{default: ...}}}}")),
            None => diagnostic
                .at(span, "not declared")
                .help(format!("declare it: variables: {{{name}: a default}}")),
        });
    }

    fn no_item(&mut self, at: &At<Plain>, name: &str, written: &str, seen: usize) {
        let span = self.place(at, written, seen);
        let diagnostic = Diagnostic::error("no-item", format!("there is no `{name}` here"));
        self.diagnostics.push(if self.listed_later {
            diagnostic
                .at(span, "a task makes this list when it runs")
                .help("what an agent writes is data and never part of an instruction: the agent gets its item beside the text")
        } else if self.scope.is_some_and(|scope| scope.grown.is_some()) {
            diagnostic.at(span, "its item has no such key")
        } else {
            diagnostic.at(span, "only a task with `for_each` has items")
        });
    }

    fn malformed(&mut self, at: &At<Plain>, written: &str, seen: usize, why: &str) {
        let span = self.place(at, written, seen);
        self.diagnostics.push(Diagnostic::error("bad-template", why).at(span, "here"));
    }

    /// Where in the file the braces stand; the whole value if they were escaped or folded.
    fn place(&self, at: &At<Plain>, written: &str, seen: usize) -> Span {
        let Some(value) = self.text.get(at.span.clone()) else { return at.span.clone() };
        let Some((open, _)) = value.match_indices("{{").nth(seen) else { return at.span.clone() };
        let start = at.span.start + open;
        if value[open..].starts_with(written) { start..start + written.len() } else { start..start + 2 }
    }

    /// Something other than a text uses this variable.
    pub(super) fn uses(&mut self, name: &str) {
        self.used.insert(name.to_owned());
    }

    /// Where in the file a piece of a value stands; the whole value if it was escaped or folded.
    pub(super) fn within(&self, at: &At<Plain>, piece: &Span) -> Span {
        let written = self.text.get(at.span.clone());
        match written.and_then(|written| written.find(&at.value.0)) {
            Some(start) => at.span.start + start + piece.start..at.span.start + start + piece.end,
            None => at.span.clone(),
        }
    }

    /// What was found, with remarks about variables that nothing uses.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        if self.diagnostics.iter().any(|d| matches!(d.code, "unknown-variable" | "bad-template")) {
            return self.diagnostics; // a misspelt use of it
        }
        for (name, _) in self.file.variables.iter().filter(|(name, _)| !name.broken) {
            if !self.used.contains(&name.value.0) {
                self.diagnostics.push(
                    Diagnostic::warning(
                        "unused-variable",
                        format!("the variable `{}` is never used", name.value.0),
                    )
                    .at(
                        name.span.clone(),
                        format!("write {{{{ {} }}}} where its value belongs", name.value.0),
                    ),
                );
            }
        }
        self.diagnostics
    }
}
