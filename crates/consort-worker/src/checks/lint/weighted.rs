//! `weighted-table`: products, totals, ranks and the sum of the weights.

use super::Found;
use super::doc::Doc;
use super::matrix::{How, Matrix, Sort, Total, Value};
use super::number::{Number, show};

const RULE: &str = "weighted-table";

/// Finds out how the totals of a matrix are made.
pub(super) fn settle(matrix: &mut Matrix) {
    if repeats_one_weight(matrix) {
        // A table per criterion: rows are options.
        return;
    }
    if !matrix.contributions && holds_contributions(matrix) {
        matrix.contributions = true;
    }
    if matrix.contributions {
        matrix.how = Some(How::Cells);
        matrix.sure = true;
        return;
    }
    let weights = matrix.weights();
    let all = matrix.choices.len();
    let mut best: Option<(usize, How)> = None;
    for how in ways(matrix) {
        let hits = (0..all).filter(|c| fits(matrix, *c, how, &weights)).count();
        if best.is_none_or(|(most, _)| hits > most) {
            best = Some((hits, how));
        }
        // No later way can fit better.
        if hits == all {
            break;
        }
    }
    matrix.how = match best {
        Some((n, how)) if n > 0 => Some(how),
        _ => likely(matrix),
    };
    matrix.sure = best.is_some_and(|(n, _)| n > 0);
}

/// The same weight in each row and no total: the rows are options, not criteria.
pub(super) fn repeats_one_weight(matrix: &Matrix) -> bool {
    let first = matrix.criteria[0].weight.value();
    let shares = matrix.criteria.len() as f64 * first;
    let whole = (shares - 1.0).abs() < 0.011 || (shares - 100.0).abs() < 1.1;
    matrix.criteria.iter().all(|c| c.weight.value() == first)
        && !whole
        && matrix.choices.iter().all(|c| c.totals.is_empty())
}

fn ways(matrix: &Matrix) -> Vec<How> {
    let weighted = matrix.choices.iter().all(|c| c.weighted.iter().all(Option::is_some));
    let mut ways = Vec::new();
    let scale = matrix.shares().map_or(1.0, |whole| 1.0 / whole);
    ways.push(How::Sum(scale));
    if weighted && !matrix.choices.is_empty() {
        ways.push(How::Cells);
    }
    ways.extend([How::Mean, How::Sum(1.0), How::Sum(0.01), How::Sum(0.1)]);
    for best in [5.0, 10.0, 4.0, 3.0, 100.0] {
        ways.extend([How::OfBest(best, 100.0), How::OfBest(best, 1.0), How::OfBest(best, 10.0)]);
    }
    if !matrix.choices.iter().flat_map(|c| &c.totals).any(|t| t.sort == Sort::Weighted) {
        ways.extend([How::Plain, How::PlainMean]);
    }
    ways
}

fn computed(matrix: &Matrix, choice: usize, how: How, weights: &[f64]) -> Option<f64> {
    match how {
        How::Cells => matrix.choices[choice].weighted.iter().map(|c| c.as_ref().map(Value::value)).sum(),
        how => matrix.total_under(choice, weights, how),
    }
}

fn fits(matrix: &Matrix, choice: usize, how: How, weights: &[f64]) -> bool {
    let Some(stated) = matrix.stated(choice) else { return false };
    computed(matrix, choice, how, weights).is_some_and(|c| stated.value.number.rounds(c))
}

/// Cells that are weight times score already: they add up to the totals, and divided by their
/// weights they give whole or half scores.
fn holds_contributions(matrix: &Matrix) -> bool {
    let shares = matrix.shares().is_some();
    let bare = matrix.choices.iter().all(|c| c.weighted.iter().all(Option::is_none));
    let adds = |c: usize| {
        let sum: Option<f64> = matrix.choices[c].scores.iter().map(|v| v.as_ref().map(Value::value)).sum();
        match (matrix.stated(c), sum) {
            (Some(t), Some(sum)) => t.value.number.rounds(sum),
            _ => false,
        }
    };
    let n = matrix.choices.len();
    let added = (0..n).filter(|c| adds(*c)).count();
    let scale = matrix.shares().unwrap_or(1.0);
    let mut nice = 0;
    let mut all = 0;
    for choice in &matrix.choices {
        for (value, criterion) in choice.scores.iter().zip(&matrix.criteria) {
            let Some(value) = value else { continue };
            all += 1;
            let score = value.value() / (criterion.weight.value() / scale);
            nice += usize::from(
                (score * 2.0 - (score * 2.0).round()).abs() < 0.02
                    && score <= 100.0
                    && value.number.digits > 0,
            );
        }
    }
    shares && bare && n > 0 && added * 2 >= n && nice * 10 >= all * 8 && all >= 4
}

/// What a total must be where none of the stated ones fits anything.
fn likely(matrix: &Matrix) -> Option<How> {
    let whole = matrix.shares()?;
    let weights = matrix.weights();
    let plausible = |c: usize| {
        let stated = matrix.stated(c)?;
        let right = computed(matrix, c, How::Sum(1.0 / whole), &weights)?;
        let scores = || matrix.choices[c].scores.iter().flatten().map(Value::value);
        let (low, high) = (scores().fold(f64::MAX, f64::min), scores().fold(f64::MIN, f64::max));
        let t = stated.value.value();
        Some(t >= low - 0.5 && t <= high + 0.5 && (t - right).abs() <= 0.25 * right.abs().max(1.0))
    };
    let all: Vec<bool> = (0..matrix.choices.len()).filter_map(plausible).collect();
    (!all.is_empty() && all.iter().all(|p| *p)).then_some(How::Sum(1.0 / whole))
}

/// Checks every matrix.
pub(super) fn check(doc: &Doc<'_>, matrices: &[Matrix], found: &mut Found<'_>) {
    for matrix in matrices {
        if turned_round(doc, matrix) {
            continue;
        }
        products(matrix, found);
        totals(matrix, found);
        weight_sum(matrix, found);
        ranks(matrix, found);
    }
}

/// Scores that count the other way round are not simply multiplied.
fn turned_round(doc: &Doc<'_>, matrix: &Matrix) -> bool {
    let table = &doc.tables[matrix.table];
    let said = doc.source[table.at.clone()].to_ascii_lowercase();
    ["invert", "reverse", "6 -", "11 -", "penalt"].iter().any(|w| said.contains(w))
}

fn name(matrix: &Matrix, choice: usize) -> String {
    match matrix.choices[choice].label.as_str() {
        "" => "the total".to_owned(),
        label => format!("`{label}`"),
    }
}

/// Weight times score, in the scale that most cells keep to.
fn products(matrix: &Matrix, found: &mut Found<'_>) {
    let mut cells: Vec<(&Value, f64, &str, &str)> = Vec::new();
    for choice in &matrix.choices {
        for ((score, weighted), criterion) in choice.scores.iter().zip(&choice.weighted).zip(&matrix.criteria)
        {
            if let (Some(score), Some(weighted)) = (score, weighted) {
                let product = score.value() * criterion.weight.value();
                cells.push((weighted, product, &criterion.label, &choice.label));
            }
        }
    }
    if cells.is_empty() {
        return;
    }
    let percent = matrix.criteria.iter().all(|c| c.weight.number.is_percent());
    let first = if percent { 0.01 } else { 1.0 };
    let best_score = |n: f64| 1.0 / n;
    let mut scales = vec![first, 1.0, 0.01, 1.0 / matrix.weight_sum()];
    scales.extend([best_score(5.0), best_score(10.0), best_score(4.0), best_score(3.0), 0.002, 0.001, 0.1]);
    let hits = |k: f64| cells.iter().filter(|(w, p, ..)| w.number.rounds(p * k)).count();
    let best = scales.iter().rev().map(|k| (hits(*k), *k)).max_by_key(|(n, _)| *n);
    let scale = match best {
        Some((n, k)) if n * 2 >= cells.len() && n > 0 => k,
        Some((0, _)) if cells.len() >= 2 && matrix.shares().is_some() => first,
        _ => return,
    };
    for (weighted, product, criterion, choice) in cells {
        let right = product * scale;
        if !weighted.number.rounds(right) {
            let of = if choice.is_empty() { String::new() } else { format!(" of `{choice}`") };
            found.wrong(
                RULE,
                weighted.at.clone(),
                format!("the weighted score{of} on `{criterion}` is not weight times score"),
                stated(&weighted.number),
                show(right, weighted.number.digits),
            );
        }
    }
}

fn stated(number: &Number) -> String {
    show(number.value, number.digits) + if number.is_percent() { "%" } else { "" }
}

fn totals(matrix: &Matrix, found: &mut Found<'_>) {
    for (at, choice) in matrix.choices.iter().enumerate() {
        // A row of means is rounded on its own.
        let words = super::norm(&choice.label);
        if ["average", "mean", "avg"].iter().any(|w| super::has_word(&words, w)) {
            continue;
        }
        for total in &choice.totals {
            check_total(matrix, at, total, found);
        }
    }
}

fn check_total(matrix: &Matrix, at: usize, total: &Total, found: &mut Found<'_>) {
    let number = &total.value.number;
    let right = match total.sort {
        Sort::Raw => {
            // Blank, or the plain sum or mean, or the weighted one in the wrong column.
            let plain = matrix.total_under(at, &matrix.weights(), How::Plain);
            let fine = [How::Plain, How::PlainMean]
                .iter()
                .any(|how| matrix.total_under(at, &matrix.weights(), *how).is_some_and(|c| number.rounds(c)));
            let weighted = matrix.total(at).is_some_and(|c| number.rounds(c));
            let Some(plain) = plain.filter(|_| !fine && !weighted) else { return };
            // Without a word for it, only what is near is meant as the sum.
            if (number.value - plain).abs() > 0.2 * plain.abs() {
                return;
            }
            plain
        }
        _ => {
            let Some(right) = matrix.total(at) else { return };
            // The total is right if it is that of the exact or of the shown products.
            let cells: Option<f64> =
                matrix.choices[at].weighted.iter().map(|c| c.as_ref().map(Value::value)).sum();
            let exact = matrix.how.and_then(|how| computed(matrix, at, how, &matrix.weights()));
            if [Some(right), cells, exact].into_iter().flatten().any(|c| number.rounds(c)) {
                return;
            }
            if !matrix.sure && (number.value - right).abs() > 0.5 * right.abs() {
                return;
            }
            right
        }
    };
    let what = total.name.trim();
    let what = if what.is_empty() { "total" } else { what };
    let how = match total.sort {
        Sort::Raw => "the sum of its scores",
        _ if matrix.how == Some(How::Cells) => "the sum of its weighted scores",
        _ if matrix.how == Some(How::Plain) => "the sum of its scores",
        _ => "what its weights and scores give",
    };
    found.wrong(
        RULE,
        total.value.at.clone(),
        format!("\"{what}\" of {} is not {how}", name(matrix, at)),
        stated(number),
        show(right, number.digits),
    );
}

/// Shares must make a whole, and a stated sum must be one.
fn weight_sum(matrix: &Matrix, found: &mut Found<'_>) {
    if repeats_one_weight(matrix) || matrix.criteria.len() < 2 {
        return;
    }
    let sum = matrix.weight_sum();
    let digits = matrix.criteria.iter().map(|c| c.weight.number.digits).max().unwrap_or(0);
    let whole = matrix.shares();
    let off = whole.map_or(0.0, |w| (sum - w).abs());
    if let Some(total) = &matrix.weight_total {
        let number = &total.number;
        // `100%` over fractions.
        let same =
            [1.0, 100.0, 0.01].iter().any(|k| number.rounds(sum * k) && (*k == 1.0 || number.is_percent()));
        let rounded = whole
            .is_some_and(|w| (number.share() - 1.0).abs() < 1e-9 || (number.value - w).abs() < 1e-9)
            && looks_rounded(matrix, off, digits);
        if !same && !rounded {
            found.wrong(
                RULE,
                total.at.clone(),
                "the stated sum of the weights is not their sum",
                stated(number),
                show(sum, digits),
            );
            return;
        }
    }
    let Some(whole) = whole else { return };
    if off > 1e-9
        && !looks_rounded(matrix, off, digits)
        && !repeats_one_weight(matrix)
        && used_as_shares(matrix)
    {
        let percent = matrix.criteria.iter().all(|c| c.weight.number.is_percent());
        let sign = if percent { "%" } else { "" };
        found.wrong(
            RULE,
            matrix.criteria[0].weight.at.clone(),
            "the weights are shares and do not make a whole",
            show(sum, digits) + sign,
            show(whole, digits) + sign,
        );
    }
}

/// Weights without any option might be something else.
fn used_as_shares(matrix: &Matrix) -> bool {
    !matrix.choices.is_empty() || matrix.weight_total.is_some() || matrix.criteria.len() >= 3
}

/// `0.33, 0.33, 0.33`: off by the last digit, and more than one weight is no round number.
fn looks_rounded(matrix: &Matrix, off: f64, digits: u32) -> bool {
    let ulp = 10f64.powi(-(digits as i32));
    let odd = |c: &&super::matrix::Criterion| {
        let steps = (c.weight.value() / ulp).round() as i64;
        steps % 5 != 0
    };
    off < 1e-9
        || (off <= 1.5 * ulp
            && matrix.criteria.iter().filter(odd).count() >= 2
            && matrix.criteria.len() >= 3
            && digits != 1)
}

/// A better total must not have a worse rank.
fn ranks(matrix: &Matrix, found: &mut Found<'_>) {
    let mut all: Vec<(f64, &Value, usize)> = Vec::new();
    for (at, choice) in matrix.choices.iter().enumerate() {
        // A wrong total is told as such; the rank follows what is stated.
        let total = matrix.stated(at).map(|t| t.value.value()).or_else(|| matrix.known(at));
        if let (Some(rank), Some(total)) = (&choice.rank, total) {
            all.push((total, rank, at));
        }
    }
    if all.len() < 2 {
        return;
    }
    let pairs = |wrong_way: bool| {
        let mut n = 0;
        for a in &all {
            for b in &all {
                let better = a.0 > b.0 + 1e-9;
                n += usize::from(
                    better && (a.1.value() > b.1.value()) != wrong_way && a.1.value() != b.1.value(),
                );
            }
        }
        n
    };
    // The smallest number first in all of them: less is better here.
    if all.len() >= 3 && pairs(true) == 0 {
        return;
    }
    for (total, rank, at) in &all {
        let above = all.iter().filter(|o| o.0 > total + 1e-9).count();
        let same = all.iter().filter(|o| (o.0 - total).abs() <= 1e-9).count();
        let right = above + 1;
        let mut better: Vec<i64> =
            all.iter().filter(|o| o.0 > total + 1e-9).map(|o| (o.0 * 1e6).round() as i64).collect();
        better.sort_unstable();
        better.dedup();
        let stated = rank.value() as usize;
        if !(right..right + same).contains(&stated) && stated != better.len() + 1 {
            let message = format!("the rank of {} does not follow from the totals", name(matrix, *at));
            found.wrong(RULE, rank.at.clone(), message, stated.to_string(), right.to_string());
        }
    }
}
