//! What a judge compares with.

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
