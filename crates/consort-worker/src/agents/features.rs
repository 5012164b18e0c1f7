//! What each runtime of this build can do, line by line: the matrix of `consort agents`. Tools, servers and
//! skills come from its offer, which `consort check` believes; everything else is what the conformance suite saw
//! it do (`conformance.json`, written by the suite).

use consort_core::definition::Offer;
use consort_core::plan::Tool;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the suite found.
const FOUND: &str = include_str!("conformance.json");

/// How a runtime has a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Has {
    /// It has it.
    Yes,
    /// It has not; why is said where somebody knows.
    No,
    /// Not itself: the engine sees to it from outside.
    Engine,
    /// It should, and was seen to fail.
    Fails,
}

/// One line of the matrix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Feature {
    /// Such as `web search`.
    pub name: String,
    /// Whether.
    pub has: Has,
    /// True: the conformance suite saw it; false: the runtime's offer says so.
    pub seen: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// The suite's file.
#[derive(Deserialize)]
struct Found {
    versions: BTreeMap<String, String>,
    cases: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    says: String,
    /// By runtime; and the case's own name.
    #[serde(flatten)]
    by: BTreeMap<String, String>,
}

const TOOLS: [(&str, Tool); 6] = [
    ("reads files", Tool::Read),
    ("writes files", Tool::Write),
    ("searches files", Tool::Search),
    ("runs commands", Tool::Shell),
    ("fetches pages", Tool::Fetch),
    ("searches the web", Tool::WebSearch),
];

fn found() -> Found {
    serde_json::from_str(FOUND).expect("the suite writes what this reads, and a test reads it")
}

/// The version of a runtime's program with which the suite was run; `None` for what is built in.
pub fn seen_with(runtime: &str) -> Option<String> {
    found().versions.remove(runtime)
}

/// The features of one runtime: `offer` is that of one that is talked to.
pub fn of(runtime: &str, offer: Option<&Offer>) -> Vec<Feature> {
    offered(runtime, offer).chain(found().cases.into_iter().map(|line| seen(runtime, line))).collect()
}

fn offered<'a>(runtime: &'a str, offer: Option<&'a Offer>) -> impl Iterator<Item = Feature> + 'a {
    let tools = TOOLS.iter().map(move |(name, tool)| match offer {
        Some(offer) => (*name, offer.tools.contains(tool)),
        // Players read and write; whatever a program does is its own affair.
        None => (*name, runtime == "rehearsal" && matches!(tool, Tool::Read | Tool::Write)),
    });
    let taken = [
        ("servers of tools", offer.is_some_and(|o| o.servers)),
        ("skills", offer.is_some_and(|o| o.skills)),
        ("models of role files", offer.is_some_and(|o| o.role_models)),
    ];
    tools.chain(taken).map(|(name, has)| Feature {
        name: name.to_owned(),
        has: if has { Has::Yes } else { Has::No },
        seen: false,
        why: None,
    })
}

fn seen(runtime: &str, line: Line) -> Feature {
    let found = line.by.get(runtime).map_or("no", String::as_str);
    let has = match found {
        "yes" => Has::Yes,
        "engine" => Has::Engine,
        "fails" => Has::Fails,
        _ => Has::No,
    };
    Feature { name: line.says, has, seen: true, why: found.strip_prefix("no: ").map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::offers;

    #[test]
    fn every_runtime_of_this_build_has_its_own_column() {
        for offer in offers::known() {
            let features = of(&offer.runtime, Some(&offer));
            let has = |name: &str| features.iter().find(|f| f.name == name).map(|f| f.has);
            assert_eq!(has("writes files") == Some(Has::Yes), offer.creates());
            assert_eq!(has("gives a structured answer"), Some(Has::Yes), "{} answers by form", offer.runtime);
            let silent = features.iter().find(|f| f.seen && f.has == Has::No && f.why.is_none());
            assert_eq!(silent, None, "{}: nobody says why not", offer.runtime);
        }
    }
}
