//! What a task asks of the form of its artifact: sections, front matter, words, a schema.

use super::lint::{Kind, Options, lint};
use super::{Problem, problem, told};
use consort_core::plan::{Form, Task};
use serde_json::Value;

/// Rules of `lint` that say whether a form is kept.
const RULES: [&str; 5] = ["sections", "front-matter", "word-budget", "json", "yaml"];

/// What is wrong with the declared files of a candidate. `schema` is the text of the form's schema, if it
/// was there. Players of a rehearsal are held neither to words nor to a schema.
pub fn check(
    task: &Task,
    files: &[(String, Vec<u8>)],
    schema: Option<&str>,
    rehearsal: bool,
) -> Vec<Problem> {
    let Form { sections, front_matter, words_max, schema: named } = &task.form;
    if task.form.is_empty() {
        return Vec::new();
    }
    let schema = match schema.filter(|_| !rehearsal).map(serde_json::from_str::<Value>) {
        None => None,
        Some(Ok(schema)) => Some(schema),
        Some(Err(error)) => {
            let name = named.as_deref().unwrap_or("the schema");
            return vec![problem(
                "form",
                format!("`{name}` is not JSON, so nothing can be checked by it: {error}"),
            )];
        }
    };
    let words_max = words_max.filter(|_| !rehearsal).map(|most| most as usize);
    let mut found = Vec::new();
    for (path, bytes) in files.iter().filter(|(path, _)| task.output.paths().contains(path)) {
        let Ok(text) = std::str::from_utf8(bytes) else { continue };
        let kind = Kind::of(path);
        let prose = kind == Kind::Markdown;
        let options = Options {
            kind,
            rules: RULES.map(str::to_owned).to_vec(),
            words_max: words_max.filter(|_| prose),
            required_sections: if prose { sections.clone() } else { Vec::new() },
            required_keys: if prose { front_matter.clone() } else { Vec::new() },
            schema: schema.clone(),
        };
        let mut faults = lint(text, &options);
        // What holds for every document is said of the judged one already.
        if prose && task.output.paths().first() == Some(path) {
            let said = lint(text, &Options { kind, rules: options.rules, ..Options::default() });
            faults.retain(|fault| !said.contains(fault));
        }
        found.extend(faults.iter().map(|fault| problem("form", format!("`{path}`, {}", told(fault)))));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_asked_by_an_empty_form() {
        assert!(Form::default().is_empty());
        assert!(!Form { words_max: Some(0), ..Form::default() }.is_empty());
    }
}
