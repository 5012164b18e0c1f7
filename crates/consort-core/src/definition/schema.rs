//! The JSON Schema of workflow files, for editors.

use super::file::Workflow;
use serde_json::{Map, Value, json};

/// The JSON Schema of workflow files, indented, with a line break at its end.
pub fn schema() -> String {
    schema_of::<Workflow>()
}

/// The same for another type that is published.
pub(crate) fn schema_of<T: schemars::JsonSchema>() -> String {
    let generator = schemars::generate::SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    mend(&mut schema);
    schema.sort_all_objects();
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is plain JSON");
    text.push('\n');
    text
}

/// Optional keys may be left out, not be empty; and a description is one paragraph.
fn mend(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.values_mut().for_each(mend);
            without_null(object);
            if let Some(Value::String(about)) = object.get_mut("description") {
                *about = about.replace('\n', " ");
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mend),
        _ => {}
    }
}

fn without_null(object: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|t| t != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".into(), only);
        }
    }
    let Some(Value::Array(choices)) = object.get_mut("anyOf") else { return };
    let null = json!({ "type": "null" });
    if !choices.contains(&null) {
        return;
    }
    choices.retain(|choice| *choice != null);
    let [only] = choices.as_slice() else { return };
    let only = only.clone();
    object.remove("anyOf");
    match only {
        // Beside `$ref` a description would be ignored.
        Value::Object(inner) if inner.contains_key("$ref") => {
            object.insert("allOf".into(), json!([inner]));
        }
        Value::Object(inner) => inner.into_iter().for_each(|(key, value)| {
            object.entry(key).or_insert(value);
        }),
        other => {
            object.insert("allOf".into(), json!([other]));
        }
    }
}
