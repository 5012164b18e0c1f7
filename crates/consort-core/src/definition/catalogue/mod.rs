//! The catalogue of review strategies: one data file each, read like a workflow file. A workflow
//! adds its own, or overrides one of these, under `catalogue`.

use super::decode::{At, Decode as _, Decoder, List, section};
use super::diagnostic::Diagnostic;
use super::values::{Plain, Prefix};
use super::{diagnostic, tree};
use crate::ids::StrategyId;
use crate::plan::{Deductions, Reads, RiskNumbers, Strategy};
use crate::quality::{Group, Score};
use std::sync::OnceLock;

macro_rules! files {
    ($($id:literal),*) => { [$(($id, include_str!(concat!($id, ".yaml")))),*] };
}

/// Id and text of each built-in strategy, by id.
const FILES: [(&str, &str); 10] =
    files!["S-001", "S-002", "S-003", "S-004", "S-007", "S-010", "S-011", "S-012", "S-013", "S-014"];

section! {
    /// One way of reviewing.
    StrategyDef as "a strategy of the catalogue" {
        /// Name for people.
        name: At<Plain>,
        /// Findings are numbered `<prefix>-001` and so on: two or three capital letters.
        prefix: At<Prefix>,
        /// When it is applied, A to F; strategies of one group run side by side. Default: D.
        group: Option<At<Group>>,
        /// What it is for, in one line.
        purpose: At<Plain>,
        /// What to do, in order.
        protocol: List<At<Plain>>,
        /// What makes a finding critical, major, minor.
        severity: Option<SeverityDef>,
        /// Strategies that must have been applied before; they are added where they are missing.
        #[schemars(default)]
        after: List<At<super::values::Strategy>>,
        /// What its reviewer is shown. Default: all of it.
        #[schemars(default)]
        reads: List<At<Reads>>,
        /// A score of its own: it starts at 1 and loses this for each finding.
        deductions: Option<DeductionsDef>,
        /// Risk numbers (severity x occurrence x detection) from which a finding is critical or major.
        risk_numbers: Option<RiskNumbersDef>,
    }
}

section! {
    /// What makes a finding critical, major, minor.
    SeverityDef as "`severity`" {
        /// Invalidates the core.
        critical: At<Plain>,
        /// Weakens the work.
        major: At<Plain>,
        /// An improvement.
        minor: At<Plain>,
    }
}

section! {
    /// What a finding costs.
    DeductionsDef as "`deductions`" {
        /// For each critical one.
        critical: At<Score>,
        /// For each major one.
        major: At<Score>,
        /// For each minor one.
        minor: At<Score>,
    }
}

section! {
    /// Bands of risk numbers.
    RiskNumbersDef as "`risk_numbers`" {
        /// From here on critical.
        critical: At<u32>,
        /// From here on major.
        major: At<u32>,
    }
}

impl StrategyDef {
    /// As the plan keeps it. `text` renders what may hold variables.
    pub(super) fn strategy(&self, id: &str, mut text: impl FnMut(&At<Plain>) -> String) -> Strategy {
        let reads: Vec<Reads> = self.reads.iter().map(|at| at.value).collect();
        Strategy {
            id: StrategyId::from(id),
            name: text(&self.name),
            prefix: self.prefix.value.0.clone(),
            group: self.group.as_ref().map_or(Group::D, |at| at.value),
            purpose: text(&self.purpose),
            protocol: self.protocol.iter().map(&mut text).collect(),
            severity: self
                .severity
                .as_ref()
                .map(|s| [&s.critical, &s.major, &s.minor].map(&mut text).to_vec())
                .unwrap_or_default(),
            after: self.after.iter().map(|at| StrategyId::from(at.value.0.as_str())).collect(),
            reads: if reads.is_empty() { Reads::ALL.to_vec() } else { reads },
            deductions: self.deductions.as_ref().map(|d| Deductions {
                critical: d.critical.value,
                major: d.major.value,
                minor: d.minor.value,
            }),
            risk_numbers: self
                .risk_numbers
                .as_ref()
                .map(|r| RiskNumbers { critical: r.critical.value, major: r.major.value }),
        }
    }
}

/// Reads one data file.
///
/// # Errors
/// Every mistake in it.
pub fn read(id: &str, text: &str) -> Result<Strategy, Vec<Diagnostic>> {
    let tree = tree::parse(text).map_err(|found| vec![found])?;
    let mut decoder = Decoder::default();
    let def = StrategyDef::decode(&tree, &mut decoder).unwrap_or_else(StrategyDef::broken);
    if def.protocol.items.is_empty() && decoder.diagnostics.is_empty() {
        decoder.report(
            Diagnostic::error("no-protocol", "a strategy without a protocol reviews nothing")
                .at(def.at.clone(), "this needs a `protocol`"),
        );
    }
    let mut found = decoder.diagnostics;
    if found.is_empty() {
        return Ok(def.strategy(id, |at| at.value.0.clone()));
    }
    diagnostic::sort(&mut found);
    Err(found)
}

/// The built-in strategies, by id.
pub fn builtin() -> &'static [Strategy] {
    static READ: OnceLock<Vec<Strategy>> = OnceLock::new();
    READ.get_or_init(|| {
        // A test reads every one of them.
        FILES.iter().filter_map(|(id, text)| read(id, text).ok()).collect()
    })
}

/// A strategy that a project only names: a general protocol under its own id.
pub fn unnamed(id: &StrategyId) -> Strategy {
    Strategy {
        id: id.clone(),
        name: "Review".into(),
        prefix: "RV".into(),
        group: Group::D,
        purpose: "Review the work by the strategy of this id, as the project's rules define it.".into(),
        protocol: vec![
            "Read the candidate and its inputs.".into(),
            "Apply the strategy to every part.".into(),
            "Write one finding for each weakness, with its place and a remedy.".into(),
        ],
        severity: Vec::new(),
        after: Vec::new(),
        reads: Reads::ALL.to_vec(),
        deductions: None,
        risk_numbers: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_data_file_is_right() {
        for (id, text) in FILES {
            let strategy = read(id, text).unwrap_or_else(|found| panic!("{id}: {found:?}"));
            assert!((3..=6).contains(&strategy.protocol.len()), "{id}");
            assert!(strategy.severity.len() == 3 || id == "S-014", "{id}");
        }
        let all = builtin();
        assert_eq!(all.len(), FILES.len());
        for (at, one) in all.iter().enumerate() {
            assert!(all[..at].iter().all(|other| other.prefix != one.prefix && other.id < one.id));
        }
        let of = |id: &str| all.iter().find(|s| s.id.as_str() == id).expect("it is built in");
        assert_eq!(of("S-002").after, [StrategyId::from("S-003")]);
        assert_eq!(of("S-007").deductions.map(|d| d.critical.to_string()), Some("0.10".into()));
        assert_eq!(of("S-012").risk_numbers, Some(RiskNumbers { critical: 200, major: 80 }));
        assert!(!of("S-011").reads.contains(&Reads::OpenFindings));
    }

    #[test]
    fn a_wrong_file_says_what_is_wrong() {
        for (text, says) in [
            ("name: X\nprefix: XX\npurpose: y\n", "protocol"),
            ("name: X\nprefix: x-1\npurpose: y\nprotocol: [a]\n", "prefix"),
            ("name: X\nprefix: XX\npurpose: y\nprotocol: [a]\ngroup: Z\n", "Z"),
            ("name: X\nprefix: XX\npurpose: y\nprotocol: [a]\nreads: [everything]\n", "everything"),
            ("name: X\nprefix: XX\nprotocol: [a]\n", "purpose"),
        ] {
            let found = read("S-900", text).expect_err(text);
            assert!(found.iter().any(|d| format!("{d:?}").contains(says)), "{text}: {found:?}");
        }
    }
}
