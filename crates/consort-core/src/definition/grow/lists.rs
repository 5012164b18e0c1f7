//! Lists that are known when the plan is made.

use super::{Flat, Group, Groups, Grow, Many, Need, Scope};
use crate::definition::base::BaseFiles;
use crate::definition::decode::{At, listed};
use crate::definition::diagnostic::{Diagnostic, Span};
use crate::definition::file_grow::{ForEach, Raw};
use crate::definition::file_work::Task;
use crate::definition::lower::outputs::path_fault;
use crate::definition::tree;
use crate::definition::values::{Id, Plain, id_fault};
use crate::definition::words::Produces;
use crate::ids::TaskId;
use crate::plan::Grown;
use crate::plan::growth::{self, EACH_DEFAULT, EACH_MAX, Item};
use serde_json::Value;

impl Grow<'_> {
    /// One task for each item of a list that is known now.
    pub(super) fn each(
        &mut self,
        key: &At<Id>,
        task: &Task,
        scope: &Scope,
        groups: &mut Groups,
    ) -> Vec<Flat> {
        let Some(each) = &task.for_each else { return vec![] };
        if task.produces.as_ref().is_some_and(|at| at.value == Produces::Tasks) {
            self.report(delegates(
                each.at.clone(),
                task.produces.as_ref().map_or(0..0, |at| at.span.clone()),
            ));
        }
        for (given, word) in [(!each.roles.items.is_empty(), "roles"), (each.approval.is_some(), "approval")]
        {
            if given {
                let message = format!("`{word}` of `for_each` is for lists that a task makes");
                let diagnostic = Diagnostic::error("stray-key", message);
                self.report(diagnostic.at(each.at.clone(), "this one is known when the plan is made"));
            }
        }
        let max = self.max(each);
        let Some(items) = self.items(each, scope, max) else {
            // Who refers to it is not wrong because of that.
            groups.insert(key.value.0.clone(), Group { is_list: true, broken: true, ..Group::default() });
            return vec![];
        };
        self.made += items.len();
        if self.too_many(&each.at) {
            return vec![];
        }
        let name = &key.value.0;
        let flat: Vec<Flat> = items
            .into_iter()
            .zip(1..)
            .map(|(item, number)| instance(key, task, scope, item, number, max))
            .collect();
        let long = flat.last().filter(|flat| id_fault(&flat.key.value.0).is_some());
        if let (Some(flat), false) = (long, key.broken) {
            let message = format!("`{}` is too long for an id: at most 60 characters", flat.key.value.0);
            self.report(
                Diagnostic::error("long-name", message).at(key.span.clone(), "choose a shorter name"),
            );
        }
        let ids: Vec<String> = flat.iter().map(|flat| flat.key.value.0.clone()).collect();
        groups.insert(
            name.clone(),
            Group { last: ids.clone(), made: ids.clone(), is_list: true, ..Group::default() },
        );
        self.extra.many.push(Many {
            name: name.clone(),
            tasks: ids,
            side_by_side: each.side_by_side.as_ref().map_or(0, |at| at.value),
            budget: each.budget.clone(),
        });
        flat
    }

    /// How many items there may be.
    pub(in crate::definition) fn max(&mut self, each: &ForEach) -> u32 {
        let found = bound(each);
        self.found.extend(found.1);
        found.0
    }

    fn items(&mut self, each: &ForEach, scope: &Scope, max: u32) -> Option<Vec<Item>> {
        let kinds =
            [("values", each.values.present), ("files", each.files.present), ("file", each.file.is_some())];
        let given: Vec<&str> = kinds.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
        if given.len() != 1 {
            if !each.broken {
                let what = if given.is_empty() { "none of them".to_owned() } else { listed(&given) };
                self.report(
                    Diagnostic::error(
                        "one-list",
                        "a list is one of `values`, `files`, `file` and `artifact`",
                    )
                    .at(each.at.clone(), format!("this has {what}")),
                );
            }
            return None;
        }
        let (values, span) = match given[0] {
            "values" => (self.values(each)?, each.at.clone()),
            "files" => {
                (self.files(each, scope)?, each.files.items.first().map_or(0..0, |at| at.span.clone()))
            }
            _ => {
                let at = each.file.as_ref()?;
                (self.file(at, scope)?, at.span.clone())
            }
        };
        let json = Value::Array(values).to_string();
        match growth::read(json.as_bytes(), max, None) {
            Ok(items) => Some(items),
            Err(wrong) => {
                for why in wrong {
                    let diagnostic = Diagnostic::error("bad-list", why).at(span.clone(), "this list");
                    let help = format!(
                        "a list has at most {EACH_DEFAULT} items unless `max` says otherwise, and never more than {EACH_MAX}"
                    );
                    self.report(if diagnostic.message.contains("(max)") {
                        diagnostic.help(help)
                    } else {
                        diagnostic
                    });
                }
                None
            }
        }
    }

    fn values(&mut self, each: &ForEach) -> Option<Vec<Value>> {
        (!each.values.broken).then(|| each.values.iter().map(|raw| raw.value.clone()).collect())
    }

    fn files(&mut self, each: &ForEach, scope: &Scope) -> Option<Vec<Value>> {
        if each.files.broken {
            return None;
        }
        let mut patterns = globset::GlobSetBuilder::new();
        for at in each.files.iter() {
            let glob = self.text(&at.value.0, &at.span, scope);
            match globset::GlobBuilder::new(&glob).literal_separator(true).build() {
                Ok(pattern) => drop(patterns.add(pattern)),
                Err(error) => {
                    let message = format!("`{glob}` is not a pattern: {}", error.kind());
                    let diagnostic = Diagnostic::error("bad-glob", message);
                    self.report(diagnostic.at(at.span.clone(), "expected something like `docs/**/*.md`"));
                    return None;
                }
            }
        }
        let place = each.files.items.first().map_or(each.at.clone(), |at| at.span.clone());
        let (Ok(patterns), BaseFiles::Known(files)) = (patterns.build(), &self.options.base_files) else {
            let message = "nobody could see which files are in the repository";
            self.report(Diagnostic::error("no-files", message).at(place, "cannot be listed here"));
            return None;
        };
        // What another task writes is not there yet; links and folders are no files of the base.
        let found: Vec<Value> =
            files.iter().filter(|file| patterns.is_match(file)).map(|file| file.clone().into()).collect();
        if found.is_empty() {
            self.report(
                Diagnostic::warning("empty-list", "no file of the repository fits: there will be no task")
                    .at(place, "fits nothing that is committed"),
            );
        }
        Some(found)
    }

    /// The list in a file of the repository.
    fn file(&mut self, at: &At<Plain>, scope: &Scope) -> Option<Vec<Value>> {
        if at.broken {
            return None;
        }
        let path = self.text(&at.value.0, &at.span, scope);
        if let Some(why) = path_fault(&path) {
            let message = format!("`{path}` is not a path of the repository: {why}");
            self.report(Diagnostic::error("bad-path", message).at(at.span.clone(), why));
            return None;
        }
        let wrong = |why: String| {
            Diagnostic::error("bad-list", format!("the list {path} cannot be used: {why}"))
                .at(at.span.clone(), "the list")
        };
        let text = match self.options.given.lists.get(&path) {
            Some(Ok(text)) => text,
            Some(Err(why)) => {
                let found = wrong(why.clone());
                self.report(found);
                return None;
            }
            None => {
                let found = wrong("nobody handed it in".into());
                self.wanted.insert(Need::List(path.clone()));
                self.report(found);
                return None;
            }
        };
        match tree::parse(text).map(|node| Raw::of(&node)) {
            Ok(Value::Array(all)) => Some(all),
            Ok(_) => {
                let found =
                    wrong("it holds no list".into()).help("such as: [a, b], or {name: a} item by item");
                self.report(found);
                None
            }
            Err(error) => {
                let (line, column) = error.position(text);
                let found = wrong(format!("line {line}, column {column}: {}", error.message));
                self.report(found);
                None
            }
        }
    }
}

/// The bound of a list, and what is wrong with what the file says about it.
pub(in crate::definition) fn bound(each: &ForEach) -> (u32, Option<Diagnostic>) {
    let Some(at) = each.max.as_ref().filter(|at| !at.broken) else { return (EACH_DEFAULT, None) };
    if (1..=EACH_MAX).contains(&at.value) {
        return (at.value, None);
    }
    let message = format!("a list makes from 1 to {EACH_MAX} tasks");
    (EACH_DEFAULT, Some(Diagnostic::error("out-of-range", message).at(at.span.clone(), "out of bounds")))
}

/// What `produces: tasks` under `for_each` gets to hear.
pub(in crate::definition) fn delegates(each: Span, produces: Span) -> Diagnostic {
    Diagnostic::error(
        "delegates-further",
        "a task that a list made makes no list itself: one level of delegation (P-003)",
    )
    .at(produces, "would make more tasks")
    .at(each, "itself made by a list")
}

fn instance(key: &At<Id>, task: &Task, scope: &Scope, item: Item, number: u32, max: u32) -> Flat {
    let id = growth::name_of(&key.value.0, number, max);
    let mut scope = scope.clone();
    let value: Value = serde_json::from_str(&item.json).unwrap_or_default();
    named(&mut scope, "item", &value);
    scope.values.insert("index".into(), number.to_string());
    scope.grown = Some(Grown {
        of: TaskId::from(key.value.0.as_str()),
        number,
        key: item.id.unwrap_or_else(|| number.to_string()),
        item: item.json,
    });
    let mut task = Box::new(task.clone());
    task.for_each = None;
    Flat { key: At { value: Id(id), ..key.clone() }, task, scope }
}

/// A value under its name, and what is in it under longer ones.
fn named(scope: &mut Scope, name: &str, value: &Value) {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    scope.values.insert(name.to_owned(), text);
    if let Value::Object(fields) = value {
        for (key, value) in fields {
            named(scope, &format!("{name}.{key}"), value);
        }
    }
}
