//! Identification, and the gate of the workflow as a whole.

use super::Lower;
use crate::definition::IdChoice;
use crate::definition::decode::At;
use crate::definition::diagnostic::{Diagnostic, Span};
use crate::definition::file::Header;
use crate::definition::values::{Plain, slug};
use crate::ids::{DimensionId, RunId};
use crate::plan::{Criticality, Dimension, IdSource, Quality, Workflow};
use crate::quality::Score;
use std::collections::HashSet;

/// The dimensions of the seed, with their weights in ten-thousandths.
const DIMENSIONS: [(&str, &str, u32, &str); 6] = [
    ("completeness", "Completeness", 2_000, "All required aspects covered"),
    ("internal_consistency", "Internal Consistency", 2_000, "No contradictions within or across artifacts"),
    ("methodological_rigor", "Methodological Rigor", 2_000, "Sound methodology"),
    ("evidence_quality", "Evidence Quality", 1_500, "Claims backed by verifiable evidence"),
    ("actionability", "Actionability", 1_500, "Findings lead to clear next steps"),
    ("traceability", "Traceability", 1_000, "Traceable to requirements and sources"),
];

impl Lower<'_> {
    pub(super) fn header(&mut self) -> Workflow {
        let file = self.file;
        let header = file.workflow.as_ref();
        let (id, id_source) = self.workflow_id();
        let mut text = |of: fn(&Header) -> &Option<At<Plain>>| {
            header.and_then(|h| of(h).as_ref()).map(|at| self.template.text(at))
        };
        let title = text(|h| &h.title);
        let (purpose, question) = (text(|h| &h.purpose), text(|h| &h.question));
        let (document_id, version, project) =
            (text(|h| &h.document_id), text(|h| &h.version), text(|h| &h.project));
        let (disclaimer, created) = (text(|h| &h.disclaimer), text(|h| &h.created));
        let title = title.unwrap_or_else(|| human(&stem(self.name)));
        let levels = header.into_iter().flat_map(|h| h.levels.iter());
        Workflow {
            purpose: purpose.unwrap_or_else(|| title.clone()),
            question,
            document_id,
            version: version.unwrap_or_else(|| "1.0".into()),
            project,
            disclaimer,
            created: created.unwrap_or_else(|| dashed(&self.options.today)),
            patterns: vec![],
            criticality: self.workflow_level(),
            criticality_rationale: file
                .criticality
                .as_ref()
                .and_then(|level| level.0.rationale.as_ref())
                .map(|at| self.template.text(at)),
            levels: levels
                .map(|(level, audience)| (level.value.0.clone(), self.template.text(audience)))
                .collect(),
            base_path: format!("orchestration/{id}"),
            title,
            id: RunId::from(id),
            id_source,
        }
    }

    pub(super) fn workflow_level(&self) -> Criticality {
        self.file.criticality.as_ref().map_or(Criticality::C2, |level| level.0.level.value)
    }

    /// The id of the file, or the first free one of the day.
    fn workflow_id(&mut self) -> (String, IdSource) {
        let header = self.file.workflow.as_ref();
        let declared = header.and_then(|h| h.id.as_ref());
        let name = header.and_then(|h| h.name.as_ref());
        let title = header.and_then(|h| h.title.as_ref());
        match (declared, &self.options.id) {
            (Some(id), IdChoice::Declared) => return (id.value.0.clone(), IdSource::User),
            (_, IdChoice::Of(id)) => return (id.clone(), IdSource::User),
            _ => {}
        }
        let purpose = match (name, declared, title) {
            (Some(name), ..) => name.value.0.clone(),
            (None, Some(id), _) => purpose_of(&id.value.0).to_owned(),
            (None, None, Some(title)) => slug(&title.value.0),
            (None, None, None) => stem(self.name),
        };
        let purpose = if purpose.is_empty() { "workflow".to_owned() } else { purpose };
        let at = name.map(|at| &at.span).or(title.map(|at| &at.span)).map_or(0..0, Clone::clone);
        (self.free_id(&purpose, at), IdSource::Auto)
    }

    /// The first free id of the day for this purpose; `at` is what it was named after.
    pub(super) fn free_id(&mut self, purpose: &str, at: Span) -> String {
        let prefix = format!("{purpose}-{}-", self.options.today);
        let taken: HashSet<&str> = self
            .options
            .existing_ids
            .iter()
            .filter_map(|id| id.strip_prefix(&prefix))
            .map(|rest| rest.split('.').next().unwrap_or(rest))
            .collect();
        let free = (1..=999).map(|n| format!("{n:03}")).find(|n| !taken.contains(n.as_str()));
        let number = free.unwrap_or_else(|| {
            self.report(
                Diagnostic::error(
                    "ids-used-up",
                    format!("all ids from `{prefix}001` to `{prefix}999` are taken"),
                )
                .at(at, "named after this")
                .help("give the workflow another `name`"),
            );
            "999".into()
        });
        format!("{prefix}{number}")
    }

    pub(super) fn quality(&mut self) -> Quality {
        let given = self.file.quality.as_ref();
        let threshold = given.and_then(|q| q.threshold.as_ref()).map(|at| at.value);
        let floor = given.and_then(|q| q.floor.as_ref()).map(|at| at.value);
        Quality {
            threshold: threshold.unwrap_or_else(default_threshold),
            floor: floor.unwrap_or_else(default_floor),
            dimensions: self.dimensions(),
        }
    }

    fn dimensions(&mut self) -> Vec<Dimension> {
        let file = self.file;
        let given =
            file.quality.as_ref().map(|q| &q.dimensions).filter(|d| d.broken || !d.entries.is_empty());
        let Some(given) = given else {
            return DIMENSIONS
                .iter()
                .map(|(id, name, weight, about)| Dimension {
                    id: DimensionId::from(*id),
                    name: (*name).into(),
                    weight: Score::from_ten_thousandths(*weight).unwrap_or(Score::ZERO),
                    about: Some((*about).into()),
                })
                .collect();
        };
        let broken = given.broken || given.iter().any(|(id, d)| id.broken || d.0.weight.broken);
        let sum: u32 = given.iter().map(|(_, d)| d.0.weight.value.ten_thousandths()).sum();
        if sum != 10_000 && !broken {
            self.weights_do_not_sum(sum);
        }
        given
            .iter()
            .map(|(id, d)| Dimension {
                id: DimensionId::from(id.value.0.as_str()),
                name: d.0.name.as_ref().map_or_else(|| human(&id.value.0), |at| self.template.text(at)),
                weight: d.0.weight.value,
                about: d.0.about.as_ref().map(|at| self.template.text(at)),
            })
            .collect()
    }

    fn weights_do_not_sum(&mut self, sum: u32) {
        let shown = format!("{}.{:04}", sum / 10_000, sum % 10_000);
        let shown = shown.trim_end_matches('0').trim_end_matches('.');
        let mut diagnostic = Diagnostic::error(
            "weights",
            format!("the weights of the dimensions add up to {shown}, not to 1"),
        );
        let dimensions = self.file.quality.iter().flat_map(|q| q.dimensions.iter());
        for (number, (_, dimension)) in dimensions.take(12).enumerate() {
            let label = if number == 0 { format!("these add up to {shown}") } else { String::new() };
            diagnostic = diagnostic.at(dimension.0.weight.span.clone(), label);
        }
        let off = sum.abs_diff(10_000);
        let direction = if sum > 10_000 { "take away" } else { "add" };
        let off = format!("{}.{:04}", off / 10_000, off % 10_000);
        self.report(diagnostic.help(format!("{direction} {} in all", off.trim_end_matches('0'))));
    }
}

/// A slug of the file's name; of its folder's, where the file is just called `workflow`.
fn stem(path: &str) -> String {
    let mut parts = path.rsplit(['/', '\\']).filter(|part| !part.is_empty());
    let file = parts.next().unwrap_or("");
    let stem = slug(file.strip_suffix(".yaml").or(file.strip_suffix(".yml")).unwrap_or(file));
    let folder = parts.next().map(slug).filter(|folder| stem == "workflow" && !folder.is_empty());
    match folder.unwrap_or(stem) {
        empty if empty.is_empty() => "workflow".into(),
        named => named,
    }
}

/// `2026-02-20` of `20260220`.
pub(super) fn dashed(date: &str) -> String {
    match (date.get(..4), date.get(4..6), date.get(6..)) {
        (Some(year), Some(month), Some(day)) => format!("{year}-{month}-{day}"),
        _ => date.to_owned(),
    }
}

/// `multi-instance` of `multi-instance-20260220-001`; ids of other forms as they are.
fn purpose_of(id: &str) -> &str {
    let digits = |text: &str, n: usize| text.len() == n && text.bytes().all(|b| b.is_ascii_digit());
    match id.rsplitn(3, '-').collect::<Vec<_>>()[..] {
        [number, date, purpose] if digits(number, 3) && digits(date, 8) => purpose,
        _ => id,
    }
}

/// `Internal Consistency` of `internal_consistency`.
pub(super) fn human(id: &str) -> String {
    id.split(['_', '-'])
        .map(|word| {
            let mut chars = word.chars();
            chars.next().map(|c| c.to_uppercase().chain(chars).collect::<String>()).unwrap_or_default()
        })
        .collect::<Vec<_>>()
        .join(" ")
}

pub(super) fn default_threshold() -> Score {
    Score::from_ten_thousandths(9_200).unwrap_or(Score::ONE)
}

pub(super) fn default_floor() -> Score {
    Score::from_ten_thousandths(8_500).unwrap_or(Score::ZERO)
}
