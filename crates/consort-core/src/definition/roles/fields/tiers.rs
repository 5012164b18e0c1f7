//! Tiers of tools.

use super::Reader;
use crate::definition::decode::listed;
use crate::definition::diagnostic::Diagnostic;
use crate::definition::roles::tools;
use crate::definition::tree::Node;
use crate::plan::{Rule, Tool};

impl Reader<'_> {
    pub(super) fn tier(&mut self, value: &Node) {
        const TIERS: [&str; 5] = ["T1", "T2", "T3", "T4", "T5"];
        let Some(text) = self.text(value) else { return };
        match TIERS.iter().position(|tier| text.eq_ignore_ascii_case(tier)) {
            Some(at) => self.tier = Some((at as u8 + 1, value.span.clone(), self.file.clone())),
            None => self.word(value, &TIERS),
        }
    }

    /// A tier gives tools where none are listed, and takes what lies beyond it.
    pub(super) fn apply_tier(&mut self) {
        const ALL: [Tool; 4] = [Tool::Write, Tool::Shell, Tool::Fetch, Tool::WebSearch];
        let mut may: Option<Vec<Tool>> = None;
        if let Some((tier, at, file)) = self.tier.clone() {
            let Some(offered) = tools::of_tier(tier) else {
                self.found.push(
                    Diagnostic::error(
                        "tier-delegates",
                        format!("the role `{}` is of tier T5: it starts other agents", self.name),
                    )
                    .at(at, "not for an agent of a workflow")
                    .help("give it the tier of what it does itself, T1 to T4; the engine starts the others")
                    .in_file(file),
                );
                return;
            };
            let beyond: Vec<&Tool> =
                ALL.iter().filter(|tool| self.role.tools.contains(tool) && !offered.contains(tool)).collect();
            if !beyond.is_empty() {
                let names: Vec<&str> = beyond.iter().map(|tool| tools::word(tool)).collect();
                let message =
                    format!("the role `{}` lists {} beyond its tier T{tier}", self.name, listed(&names));
                self.found.push(
                    Diagnostic::warning("beyond-tier", message)
                        .at(at.clone(), "the tier counts")
                        .in_file(file.clone()),
                );
            }
            if tier < 3 && !self.role.servers.is_empty() {
                let message =
                    format!("the role `{}` names servers of tools, and its tier T{tier} has none", self.name);
                self.found.push(
                    Diagnostic::warning("beyond-tier", message).at(at, "the tier counts").in_file(file),
                );
                self.role.servers.clear();
                self.role
                    .tools
                    .retain(|tool| !matches!(tool, Tool::Other(name) if tools::server(name).is_some()));
            }
            if !self.listed_tools {
                self.role.tools.extend(offered.iter().cloned());
            }
            self.role.tools.retain(|tool| !ALL.contains(tool) || offered.contains(tool));
            may = Some(offered.to_vec());
        }
        // What is listed is what it gets.
        if self.listed_tools || may.is_some() {
            for tool in ALL {
                let refused =
                    self.deny.iter().any(|rule| rule.grip.is_none() && rule.tool.as_ref() == Some(&tool));
                if !self.role.tools.contains(&tool) && !refused {
                    self.deny.push(Rule { tool: Some(tool), grip: None });
                }
            }
        }
        let denied = |tool: &Tool| {
            self.deny.iter().any(|rule| rule.grip.is_none() && rule.tool.as_ref() == Some(tool))
        };
        self.role.tools.retain(|tool| !denied(tool));
    }
}
