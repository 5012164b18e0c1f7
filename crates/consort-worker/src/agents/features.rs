//! What each runtime of this build can do, feature by feature: the matrix of `consort agents`. Tools,
//! servers and skills come from its offer; the rest is what its code here does.

use super::runtimes::{api, claude};
use consort_core::definition::Offer;
use consort_core::plan::Tool;
use serde::Serialize;

/// How a runtime has a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Has {
    /// It has it.
    Yes,
    /// It has not, or nobody can know it.
    No,
    /// Not itself: the engine sees to it from outside.
    Engine,
}

/// One line of the matrix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Feature {
    /// Such as `web search`.
    pub name: &'static str,
    /// Whether.
    pub has: Has,
}

/// Features that are no tools: name, then `claude`, `api`, `command`, `rehearsal`.
const REST: [(&str, [Has; 4]); 14] = {
    use Has::{Engine as E, No as N, Yes as Y};
    [
        ("sessions and turns", [Y, Y, N, N]),
        ("resume", [Y, N, N, N]),
        ("session id of our choice", [Y, Y, N, N]),
        ("fork", [N, N, N, N]),
        ("interrupt", [Y, Y, N, N]),
        ("permission requests", [Y, N, N, N]),
        ("structured answers", [Y, Y, N, N]),
        ("choice of model", [Y, Y, N, N]),
        ("effort", [Y, Y, N, N]),
        ("use in tokens", [Y, Y, N, N]),
        ("context fill", [Y, N, N, N]),
        ("cap on turns", [Y, E, N, N]),
        ("cap on money", [Y, E, N, N]),
        ("wall time", [E, E, E, E]),
    ]
};
const TOOLS: [(&str, Tool); 6] = [
    ("reads files", Tool::Read),
    ("writes files", Tool::Write),
    ("searches files", Tool::Search),
    ("runs commands", Tool::Shell),
    ("fetches pages", Tool::Fetch),
    ("searches the web", Tool::WebSearch),
];

/// The features of one runtime: `offer` is that of one that is talked to.
pub fn of(runtime: &str, offer: Option<&Offer>) -> Vec<Feature> {
    let yes = |has: bool| if has { Has::Yes } else { Has::No };
    let tools = TOOLS.iter().map(|(name, tool)| {
        let has = match offer {
            Some(offer) => offer.tools.contains(tool),
            // Players read and write; whatever a program does is its own affair.
            None => runtime == "rehearsal" && matches!(tool, Tool::Read | Tool::Write),
        };
        Feature { name, has: yes(has) }
    });
    let taken = [
        ("servers of tools", offer.is_some_and(|o| o.servers)),
        ("skills", offer.is_some_and(|o| o.skills)),
        ("models of role files", offer.is_some_and(|o| o.role_models)),
    ];
    let taken = taken.into_iter().map(|(name, has)| Feature { name, has: yes(has) });
    let column = [claude::NAME, api::NAME, "command", "rehearsal"].iter().position(|name| *name == runtime);
    let rest = REST.iter().map(|(name, has)| Feature { name, has: column.map_or(Has::No, |c| has[c]) });
    tools.chain(taken).chain(rest).collect()
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
            assert_eq!(has("wall time"), Some(Has::Engine), "{}: no column", offer.runtime);
            assert_eq!(has("writes files") == Some(Has::Yes), offer.creates());
            assert_eq!(has("structured answers"), Some(Has::Yes), "{} answers by form", offer.runtime);
        }
    }
}
