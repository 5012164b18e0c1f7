//! Ways of reviewing: what a critic is told to do. One row per strategy; a project's own
//! strategies get a general protocol under their own id.

use consort_core::ids::StrategyId;

/// One way of reviewing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strategy {
    /// Such as `S-002`; empty for a project's own.
    pub id: &'static str,
    /// Human name.
    pub name: &'static str,
    /// Findings are numbered `<prefix>-001` and so on.
    pub prefix: &'static str,
    /// What it is for, in one line.
    pub purpose: &'static str,
    /// What to do, in order.
    pub protocol: &'static [&'static str],
}

/// The catalogue, by id.
pub const CATALOGUE: &[Strategy] = &[
    Strategy {
        id: "S-001",
        name: "Red Team Analysis",
        prefix: "RT",
        purpose: "Look at the work as one named adversary would, and find the ways in.",
        protocol: &[
            "Name one adversary: who they are, what they want, what they can do.",
            "List the ways in which the work gives them what they want.",
            "For each way, look for the defence in the work and quote it, or its absence.",
            "Rank by damage and by ease.",
            "Write one finding per gap, with the counter-measure as the remedy.",
        ],
    },
    Strategy {
        id: "S-002",
        name: "Devil's Advocate",
        prefix: "DA",
        purpose: "Argue the opposite case against the claims and assumptions, and demand an answer of substance.",
        protocol: &[
            "List the central claims and the assumptions under them.",
            "For each, write the strongest case that it is wrong.",
            "Look for an answer to that case in the work.",
            "Where there is none, or a weak one, write a finding that quotes the claim.",
            "Say in the remedy what an answer of substance would have to show.",
        ],
    },
    Strategy {
        id: "S-003",
        name: "Steelman",
        prefix: "SM",
        purpose: "Rebuild the argument in its strongest form. Constructive: findings are improvements.",
        protocol: &[
            "State in one sentence what the work wants to achieve.",
            "Restate each argument as its best advocate would.",
            "Compare with what is written: where is the text weaker than the argument?",
            "Name the strengths that a revision must keep.",
            "Write findings as improvements, each with the stronger wording or the missing support.",
        ],
    },
    Strategy {
        id: "S-004",
        name: "Pre-Mortem",
        prefix: "PM",
        purpose: "Declare that the work was followed and failed; work back to the causes.",
        protocol: &[
            "Set the scene: the work was followed as written and the result is a failure.",
            "Write down causes, without filtering, from every part of the work.",
            "Rank them by likelihood times severity.",
            "For the highest, look for a mitigation in the work.",
            "Write a finding for each cause without one; the remedy is the mitigation.",
        ],
    },
    Strategy {
        id: "S-007",
        name: "Constitutional Critique",
        prefix: "CC",
        purpose: "Walk the rules that apply one by one and list where the work breaks them.",
        protocol: &[
            "List the constraints and criteria that apply to this work.",
            "For each, find the passage that keeps it or breaks it, and quote it.",
            "A broken hard rule is critical; a weakened one major; a matter of form minor.",
            "Write one finding per broken rule, naming the rule.",
            "Say in the remedy what would keep it.",
        ],
    },
    Strategy {
        id: "S-010",
        name: "Self-Refine",
        prefix: "SR",
        purpose: "Review and mend your own work before anyone else sees it.",
        protocol: &[
            "Put the work aside, then read it as a stranger would.",
            "Compare it with the task, the criteria and the required sections, one by one.",
            "Check every number, name, path and quotation against its source.",
            "Mend what you find, in place.",
            "Report as findings only what you could not mend; say in the summary what you did mend.",
        ],
    },
    Strategy {
        id: "S-011",
        name: "Chain-of-Verification",
        prefix: "CV",
        purpose: "Take the claims that can be checked, answer them from the sources alone, compare.",
        protocol: &[
            "Extract every claim that can be checked: numbers, quotations, names, sums.",
            "Turn each into a question.",
            "Answer the question from the inputs, without looking at the work.",
            "Compare. Write a finding for each answer that differs or cannot be found.",
        ],
    },
    Strategy {
        id: "S-012",
        name: "Failure Mode and Effects Analysis",
        prefix: "FM",
        purpose: "Split the work into elements and ask of each how it fails, how badly, how likely, how visibly.",
        protocol: &[
            "Split the work into elements.",
            "For each, list failure modes with severity, occurrence and detection from 1 to 10.",
            "Multiply to a risk priority number.",
            "200 and above, or severity 9 and above: critical. 80 to 199: major. Else minor.",
            "Write a finding for each mode that the work does not treat, with the corrective action.",
        ],
    },
    Strategy {
        id: "S-013",
        name: "Inversion",
        prefix: "IN",
        purpose: "Negate the goals, list what would bring that about, and stress each assumption.",
        protocol: &[
            "State the goals and turn each into its opposite.",
            "List what would surely bring the opposite about.",
            "Look for these things in the work.",
            "List the assumptions and ask of each what happens if it is false.",
            "Write a finding for each assumption that is not stated or not safe.",
        ],
    },
    Strategy {
        id: "S-014",
        name: "LLM-as-Judge",
        prefix: "LJ",
        purpose: "Score each dimension against the rubric, with evidence.",
        protocol: &[
            "Read the candidate as a whole, then the inputs.",
            "Score each dimension by itself; compare with the rubric word by word.",
            "If you waver between two scores, take the lower.",
            "For each score give places in the candidate and quote them; above 0.90 three of them.",
            "Check the arithmetic of every table.",
            "Say for each dimension what is missing and what would improve it.",
        ],
    },
];

/// A project's own strategy.
const OWN: Strategy = Strategy {
    id: "",
    name: "Review",
    prefix: "RV",
    purpose: "Review the work by the strategy of this id, as the project's rules define it.",
    protocol: &[
        "Read the candidate and its inputs.",
        "Apply the strategy to every part.",
        "Write one finding for each weakness, with its place and a remedy.",
    ],
};

/// A strategy by id; a general one for ids outside the catalogue.
pub fn of(id: &StrategyId) -> Strategy {
    CATALOGUE.iter().find(|s| s.id == id.as_str()).copied().unwrap_or(OWN)
}

/// What a judge compares with: dimension key, then what 0.9 and above, 0.7, 0.5 and less mean.
pub const RUBRIC: &[(&str, [&str; 4])] = &[
    (
        "completeness",
        [
            "every requirement, in depth",
            "most, with small gaps",
            "notable parts missing",
            "major parts missing",
        ],
    ),
    (
        "internal_consistency",
        ["no contradiction", "small contradictions", "some contradictions", "contradicts itself in the core"],
    ),
    (
        "methodological_rigor",
        ["a rigorous, structured method", "sound, small gaps", "weak method", "no method"],
    ),
    (
        "evidence_quality",
        ["every claim has its source", "most claims have one", "some unsupported", "mostly unsupported"],
    ),
    (
        "actionability",
        ["specific steps one can do", "some vague steps", "unclear steps", "nothing follows from it"],
    ),
    ("traceability", ["a full chain to requirements", "most of the chain", "parts of the chain", "no chain"]),
];

/// The rubric row of a dimension; a general one for a project's own.
pub fn rubric(dimension: &str) -> [&'static str; 4] {
    RUBRIC
        .iter()
        .find(|(name, _)| *name == dimension)
        .map_or(["excellent", "good, small gaps", "weak", "not there"], |(_, row)| *row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_strategy_says_what_to_do_and_has_a_prefix_of_its_own() {
        for (at, one) in CATALOGUE.iter().enumerate() {
            assert!((3..=6).contains(&one.protocol.len()), "{}", one.id);
            assert!(CATALOGUE[..at].iter().all(|other| other.prefix != one.prefix && other.id < one.id));
            assert_eq!(of(&one.id.into()), *one);
        }
        assert_eq!(of(&"S-900".into()).prefix, "RV");
    }
}
