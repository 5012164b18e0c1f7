//! Answers of critics and judges are read again from their stored bytes; composites are summed
//! again from the scores in them.

use super::{Check, at, counted};
use crate::journal::Record;
use consort_core::ids::{AttemptId, ContentHash, TaskId};
use consort_core::quality::Composite;
use consort_core::run::{
    DECISION_VERSION, DimensionScore, Event, EventKind, FoundState, Given, Graph, Input, Report, State,
};
use consort_worker::briefing::measure;
use consort_worker::judges;
use consort_worker::store::Store;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) struct Answers<'a> {
    store: &'a Store,
    graph: Arc<Graph>,
    answers: Check,
    composites: Check,
    /// Scores as they stand in the stored bytes, by the answer's hash.
    read: BTreeMap<ContentHash, Vec<DimensionScore>>,
    /// Answers of the judges of a round, where there are several.
    judged: BTreeMap<(TaskId, u32), Vec<ContentHash>>,
}

/// Whether quotations stand in the candidate is not in the answer's bytes.
fn quotes_aside(given: &Given) -> Given {
    let mut given = given.clone();
    if let Given::Review(review) = &mut given {
        review.findings.iter_mut().for_each(|finding| finding.void = false);
    }
    given
}

impl<'a> Answers<'a> {
    pub(super) fn new(graph: Arc<Graph>, store: &'a Store) -> Self {
        Self {
            store,
            graph,
            answers: Check::new("answers"),
            composites: Check::new("composites"),
            read: BTreeMap::new(),
            judged: BTreeMap::new(),
        }
    }

    pub(super) fn take(&mut self, state: &State, record: &Record) {
        // Answers had another form then; the check of decisions names such records as unchecked.
        if record.decision_version != DECISION_VERSION {
            return;
        }
        let nonce = state.start.as_ref().map(|start| start.nonce.clone()).unwrap_or_default();
        match &record.cause {
            Input::Reported(Report::AttemptEnded { attempt, ended }) => {
                self.answer(&nonce, attempt, &ended.given, record);
            }
            Input::Opened { found, .. } => {
                for found in found {
                    if let FoundState::Ended(ended) = &found.state {
                        self.answer(&nonce, &found.attempt, &ended.given, record);
                    }
                }
            }
            _ => {}
        }
        for event in &record.events {
            self.composite(event, record);
        }
        // What the next record is measured by.
        self.graph = state.graph.clone();
    }

    fn answer(&mut self, nonce: &str, attempt: &AttemptId, given: &Given, record: &Record) {
        let hash = match given {
            Given::Review(review) => &review.answer,
            Given::Scores { answer, .. } => answer,
            Given::Nothing | Given::Malformed(_) => return,
        };
        self.answers.count += 1;
        let place = format!("{}, {attempt}", at(record));
        let bytes = match self.store.get(hash) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                return self.answers.fault(place, format!("its answer {hash} is not in the content store"));
            }
            Err(error) => return self.answers.fault(place, error.to_string()),
        };
        let measure = measure(&self.graph.plan, attempt, nonce);
        let again = judges::parse(&attempt.step, &bytes, &measure.rules(None));
        if let Given::Scores { scores, answer, .. } = &again {
            self.read.insert(answer.clone(), scores.clone());
        }
        self.answers.unless(again == quotes_aside(given), &place, || match again {
            Given::Malformed(why) => format!("its stored answer is none: {why}"),
            _ => "its stored answer says something else than the journal".into(),
        });
    }

    fn composite(&mut self, event: &Event, record: &Record) {
        if let EventKind::Judged { task, iteration, judged } = &event.kind {
            let round = self.judged.entry((task.clone(), *iteration)).or_default();
            return round.push(judged.answer.clone());
        }
        let EventKind::Scored { task, iteration, scores, composite, band, answer, .. } = &event.kind else {
            return;
        };
        self.composites.count += 1;
        let place = format!("{}, {task} round {iteration}", at(record));
        let Some(read) = self.said(task, *iteration, answer) else {
            return self.composites.fault(place, format!("no judge gave the answer {answer}"));
        };
        self.composites.unless(read == *scores, &place, || "its scores are not those of its judges".into());
        let weights = self.graph.plan.quality.dimensions.iter().map(|d| d.weight);
        let again = Composite::of(weights.zip(read.iter().map(|s| s.score)));
        self.composites.unless(again == Some(*composite), &place, || {
            let again = again.map_or_else(|| "none".to_owned(), |c| c.to_string());
            format!("its scores add up to {again}, the journal says {composite}")
        });
        let Some(task) = self.graph.plan.task(task) else {
            return self.composites.fault(place, "the plan has no such task");
        };
        let right = composite.band(task.threshold, task.floor);
        self.composites
            .unless(right == *band, &place, || format!("{composite} is {right}, the journal says {band}"));
    }

    /// What the judges of a round say together: of several the lower median of each dimension.
    fn said(&self, task: &TaskId, iteration: u32, answer: &ContentHash) -> Option<Vec<DimensionScore>> {
        let alone = || vec![answer.clone()];
        let answers = self.judged.get(&(task.clone(), iteration)).cloned().unwrap_or_else(alone);
        let all: Option<Vec<&Vec<DimensionScore>>> = answers.iter().map(|a| self.read.get(a)).collect();
        let all = all.filter(|_| answers.contains(answer))?;
        let dimension = |(at, first): (usize, &DimensionScore)| {
            let mut scores: Vec<_> = all.iter().filter_map(|one| Some(one.get(at)?.score)).collect();
            scores.sort_unstable();
            let score = scores[(scores.len() - 1) / 2];
            DimensionScore { dimension: first.dimension.clone(), score }
        };
        Some(all.first()?.iter().enumerate().map(dimension).collect())
    }

    pub(super) fn end(self) -> (Check, Check) {
        let read = format!("{} of critics and judges read again", counted(self.answers.count, "answer"));
        let summed =
            format!("{} summed again from the judges' scores", counted(self.composites.count, "composite"));
        (self.answers.said(read), self.composites.said(summed))
    }
}
