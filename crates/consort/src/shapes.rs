//! What `--json` prints, as a promise to programs: every output names its shape (`"schema": "consort.status/1"`), and
//! `consort schema status` prints the JSON Schema of it.
//!
//! Keys may be added within a number. The number rises when a key goes away or changes its meaning. Where an output
//! is a value of its own type the schema comes from that; the others are written down in [`told`].

mod told;

use schemars::JsonSchema;
use serde_json::{Value, json};

/// A shape: its name, and how its schema is made.
pub(crate) type Shape = (&'static str, fn(&str) -> Value);

/// All shapes, by name.
pub(crate) const ALL: &[Shape] = &[
    ("agents", of::<told::Agents>),
    ("check", of::<told::Check>),
    ("checkpoint-diff", of::<crate::commands::checkpoint::Diff<'static>>),
    ("checkpoint-list", of::<told::Checkpoints>),
    ("compare", of::<told::Compare>),
    ("cost", of::<told::Cost>),
    ("doctor", of::<told::Doctor>),
    ("events", of::<told::Event>),
    ("explain", of::<told::Explain>),
    ("fork", of::<crate::commands::fork::Json>),
    ("graph", of::<crate::commands::graph::Json>),
    ("inbox", of::<told::Inbox>),
    ("integrate", of::<told::Integrate>),
    ("lint", of::<told::Lint>),
    ("list", of::<told::List>),
    ("outlook", of::<crate::commands::outlook::Json>),
    ("prompt", of::<crate::commands::prompt::Json>),
    ("ps", of::<told::Ps>),
    ("report", of::<told::Report>),
    ("review", of::<crate::report::alone::Outcome>),
    ("roles", of::<told::Roles>),
    ("rollback", of::<crate::commands::rollback::Json>),
    ("score", of::<crate::report::alone::Outcome>),
    ("show", of::<told::Show>),
    ("status", of::<crate::commands::status::Json<'static>>),
    ("strategies", of::<told::Strategies>),
    ("timeline", of::<told::Timeline>),
    ("transcript", of::<crate::commands::transcript::Json>),
    ("verify", of::<consort_local::verify::Report>),
    ("why", of::<told::Why>),
];

/// What an output calls its shape.
pub(crate) fn name(verb: &str) -> String {
    format!("consort.{verb}/1")
}

fn of<T: JsonSchema>(verb: &str) -> Value {
    let mut schema = schemars::generate::SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value();
    schema["title"] = json!(name(verb));
    schema["properties"]["schema"] =
        json!({ "description": "The name and number of this shape.", "const": name(verb) });
    if let Some(required) = schema["required"].as_array_mut() {
        required.insert(0, json!("schema"));
    } else {
        schema["required"] = json!(["schema"]);
    }
    schema
}
