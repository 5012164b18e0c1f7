//! A decision matrix: criteria with weights, options with scores, and what is stated of them.

use super::doc::Span;
use super::number::Number;

/// A number of a table and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) number: Number,
    pub(super) at: Span,
}

impl Value {
    pub(super) fn value(&self) -> f64 {
        self.number.value
    }
}

#[derive(Clone, Debug)]
pub(super) struct Criterion {
    pub(super) label: String,
    pub(super) weight: Value,
}

/// What a summary row or column of an option holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// Says that it is weighted.
    Weighted,
    /// Says that it is not weighted.
    Raw,
    /// Says neither.
    Total,
}

#[derive(Clone, Debug)]
pub(super) struct Total {
    pub(super) sort: Sort,
    /// How it is called.
    pub(super) name: String,
    pub(super) value: Value,
}

/// One option of a matrix. Vectors have an entry for each criterion.
#[derive(Clone, Debug, Default)]
pub(super) struct Choice {
    pub(super) label: String,
    pub(super) scores: Vec<Option<Value>>,
    pub(super) weighted: Vec<Option<Value>>,
    pub(super) totals: Vec<Total>,
    pub(super) rank: Option<Value>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Matrix {
    /// Index of the table.
    pub(super) table: usize,
    pub(super) section: Option<usize>,
    pub(super) at: Span,
    pub(super) criteria: Vec<Criterion>,
    pub(super) choices: Vec<Choice>,
    /// The stated sum of the weights.
    pub(super) weight_total: Option<Value>,
    /// The cells are weight times score already.
    pub(super) contributions: bool,
    /// How a total is made; see [`How`]. `None` if nothing says so.
    pub(super) how: Option<How>,
    /// A cell is known to belong to the matrix: other rules keep off.
    pub(super) sure: bool,
}

/// How the total of an option comes from its scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum How {
    /// The sum of weight times score, times this.
    Sum(f64),
    /// The same divided by the sum of the weights.
    Mean,
    /// The sum of the cells: they are weighted already.
    Cells,
    /// The share of what could be reached, with this as the best score, times this.
    OfBest(f64, f64),
    /// The plain sum of the scores.
    Plain,
    /// The plain mean of the scores.
    PlainMean,
}

impl Matrix {
    pub(super) fn weights(&self) -> Vec<f64> {
        self.criteria.iter().map(|c| c.weight.value()).collect()
    }

    pub(super) fn weight_sum(&self) -> f64 {
        self.criteria.iter().map(|c| c.weight.value()).sum()
    }

    /// True if the weights are shares of a whole: all percentages, or fractions near one, or
    /// whole numbers that make about 100.
    pub(super) fn shares(&self) -> Option<f64> {
        let sum = self.weight_sum();
        let all = |f: &dyn Fn(&Number) -> bool| self.criteria.iter().all(|c| f(&c.weight.number));
        if self.criteria.len() < 2 {
            return None;
        }
        if all(&|n| n.is_percent()) {
            return (70.0..130.0).contains(&sum).then_some(100.0);
        }
        if all(&|n| n.unit.is_empty() && n.value < 1.0 && (n.digits > 0 || n.value == 0.0)) {
            return (0.7..1.3).contains(&sum).then_some(1.0);
        }
        let whole = all(&|n| n.unit.is_empty() && n.digits == 0 && n.value >= 1.0);
        // Without a sign only totals that are divided by 100 show that it is percent.
        let round =
            all(&|n| n.value % 5.0 == 0.0) && (84.0..116.0).contains(&sum) && self.criteria.len() >= 3;
        let divided = round && self.how == Some(How::Sum(0.01));
        (whole && ((sum - 100.0).abs() < 1e-9 || divided)).then_some(100.0)
    }

    /// The score of an option on a criterion; from its contribution if only that is given.
    pub(super) fn score(&self, choice: usize, criterion: usize) -> Option<f64> {
        let given = self.choices[choice].scores.get(criterion)?.as_ref()?.value();
        if !self.contributions {
            return Some(given);
        }
        let weight = self.criteria[criterion].weight.value();
        (weight != 0.0).then(|| given / weight)
    }

    /// The total of an option under other weights of the same sort.
    pub(super) fn total_under(&self, choice: usize, weights: &[f64], how: How) -> Option<f64> {
        let mut sum = 0.0;
        let (mut plain, mut best) = (0.0, 0.0);
        for (at, weight) in weights.iter().enumerate() {
            let score = self.score(choice, at)?;
            sum += score * weight;
            plain += score;
            best += weight;
        }
        let n = weights.len() as f64;
        Some(match how {
            How::Sum(scale) => sum * scale,
            How::Mean => sum / best,
            How::OfBest(most, times) => sum / (best * most) * times,
            How::Cells => sum,
            How::Plain => plain,
            How::PlainMean => plain / n,
        })
        .filter(|t| t.is_finite())
    }

    /// The right total of an option.
    pub(super) fn total(&self, choice: usize) -> Option<f64> {
        match self.how? {
            How::Cells => {
                let cells = match self.contributions {
                    true => &self.choices[choice].scores,
                    false => &self.choices[choice].weighted,
                };
                cells.iter().map(|c| c.as_ref().map(Value::value)).sum()
            }
            how => self.total_under(choice, &self.weights(), how),
        }
    }

    /// The total that is stated and meant as the weighted one.
    pub(super) fn stated(&self, choice: usize) -> Option<&Total> {
        let totals = &self.choices[choice].totals;
        let with = |sort| totals.iter().find(move |t| t.sort == sort);
        with(Sort::Weighted).or_else(|| with(Sort::Total))
    }

    /// What readers take for the total: the right one, or the stated one where it cannot be known.
    pub(super) fn known(&self, choice: usize) -> Option<f64> {
        self.total(choice).or_else(|| self.stated(choice).map(|t| t.value.value()))
    }

    pub(super) fn choice(&self, label: &str) -> Option<usize> {
        let wanted = super::norm(label);
        if wanted.is_empty() {
            return None;
        }
        self.choices.iter().position(|c| super::norm(&c.label) == wanted)
    }

    /// The highest known totals, as indexes: more than one at a tie. Empty if one is not known.
    pub(super) fn winners(&self) -> Vec<usize> {
        let all: Option<Vec<f64>> = (0..self.choices.len()).map(|c| self.known(c)).collect();
        let Some(all) = all.filter(|a| a.len() >= 2) else { return Vec::new() };
        let best = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // A tie within what rounding hides is a tie.
        (0..all.len()).filter(|i| (all[*i] - best).abs() < 1e-6).collect()
    }
}
