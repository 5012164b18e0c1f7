//! One round of a task.

use crate::ids::{ContentHash, Revision, StrategyId};
use crate::quality::{Band, Composite};
use crate::run::event::{Judged, RoundKind, Verdict};
use crate::run::input::{Candidate, DimensionScore, Raised, Review, Severity};
use serde::{Deserialize, Serialize};

/// One round.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Round {
    /// Its number, from 1.
    pub iteration: u32,
    /// Creation or confirmation.
    pub kind: RoundKind,
    /// The creator's own review.
    pub self_review: Option<Review>,
    /// Critics' reviews, in the order they came in.
    pub reviews: Vec<(StrategyId, Review)>,
    /// The commit that was judged.
    pub revision: Option<Revision>,
    /// That commit's contents.
    pub candidate: Option<Candidate>,
    /// How many problems the checks found.
    pub problems: u32,
    /// What each judge said, where there are several, in the order they came in.
    pub judged: Vec<Judged>,
    /// The judge's scores, or the median of several.
    pub scores: Vec<DimensionScore>,
    /// Criteria that a judge says are not met, by their position in the plan.
    pub unmet: Vec<u32>,
    /// Criteria whose command ended well, by their position in the plan.
    pub passed: Vec<u32>,
    /// Rules that ask for a higher level, by what was really changed.
    pub raised: Option<Raised>,
    /// The judge's answer in the content store.
    pub scores_answer: Option<ContentHash>,
    /// Their exact composite.
    pub composite: Option<Composite>,
    /// Its band.
    pub band: Option<Band>,
    /// How the round was decided.
    pub verdict: Option<Verdict>,
}

impl Round {
    /// Open findings of this severity, over all critics.
    pub fn count(&self, severity: Severity) -> u32 {
        self.reviews.iter().map(|(_, review)| review.count(severity)).sum()
    }

    /// Findings over all critics, those with invented quotes left out.
    pub fn findings(&self) -> u32 {
        let lines = self.reviews.iter().flat_map(|(_, review)| &review.findings);
        lines.filter(|line| !line.void).count() as u32
    }

    /// The lowest and the highest composite, where there are several judges.
    pub fn spread(&self) -> Option<(Composite, Composite)> {
        let all = || self.judged.iter().map(|j| j.composite);
        (self.judged.len() > 1).then(|| Some((all().min()?, all().max()?))).flatten()
    }
}
