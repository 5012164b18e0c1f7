//! `sensitivity`: tables of totals under other weights, each cell recomputed, and what is said of
//! winners and robustness.

use super::claims::Ranking;
use super::doc::{Cell, Doc, Span, Table, What};
use super::matrix::{How, Matrix};
use super::number::{Number, only_number, show};
use super::scenario::{self, Weights};
use super::{Found, arithmetic, has_word, norm};

const RULE: &str = "sensitivity";

pub(super) fn check(doc: &Doc<'_>, matrices: &[Matrix], found: &mut Found<'_>) {
    let all = scenarios(doc, matrices);
    for scenario in &all {
        scenario.cells(found);
        scenario.winner(found);
    }
    robust(doc, matrices, &all, found);
}

/// One set of weights with the totals that are stated for it.
struct Scenario<'a> {
    matrix: &'a Matrix,
    name: String,
    section: Option<usize>,
    at: Span,
    stated: Vec<(usize, Number, Span)>,
    right: Vec<f64>,
    /// Wrong cells may be told.
    sure: bool,
    winner: Option<(Vec<usize>, Span, String)>,
    base: bool,
    /// Its section is about nothing else.
    alone: bool,
}

impl Scenario<'_> {
    fn cells(&self, found: &mut Found<'_>) {
        if !self.sure {
            return;
        }
        for (choice, number, at) in &self.stated {
            let right = self.right[*choice];
            if !number.rounds(right) {
                let label = &self.matrix.choices[*choice].label;
                let message = match self.base {
                    true => format!("the total of `{label}` is not that of the matrix"),
                    false => {
                        format!("the total of `{label}` is not what the weights of \"{}\" give", self.name)
                    }
                };
                found.wrong(
                    RULE,
                    at.clone(),
                    message,
                    show(number.value, number.digits),
                    show(right, number.digits),
                );
            }
        }
    }

    fn best(&self) -> Vec<usize> {
        let top = self.right.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let digits = self.stated.iter().map(|(_, n, _)| n.digits).max().unwrap_or(2);
        let near = |v: f64| format!("{v:.*}", digits as usize) == format!("{top:.*}", digits as usize);
        (0..self.right.len())
            .filter(|i| (self.right[*i] - top).abs() < 1e-6 || near(self.right[*i]))
            .collect()
    }

    fn winner(&self, found: &mut Found<'_>) {
        let Some((named, at, text)) = &self.winner else { return };
        let best = self.best();
        if self.sure && !named.iter().any(|n| best.contains(n)) {
            let right: Vec<String> = best
                .iter()
                .map(|b| format!("{} ({})", self.matrix.choices[*b].label, show(self.right[*b], 2)))
                .collect();
            let message = format!("another option wins under the weights of \"{}\"", self.name);
            found.wrong(RULE, at.clone(), message, text.clone(), right.join(", "));
        }
    }
}

/// Scenarios of one option per row, as rankings that the prose beside them speaks of.
pub(super) fn rankings(doc: &Doc<'_>, matrices: &[Matrix]) -> Vec<Ranking> {
    let usable = |s: &Scenario<'_>| s.sure && !s.base && s.alone;
    scenarios(doc, matrices)
        .into_iter()
        .filter(usable)
        .map(|s| {
            let stated = |c: usize| s.stated.iter().find(|(i, ..)| *i == c).map(|(_, n, _)| n.value);
            Ranking {
                labels: s.matrix.choices.iter().map(|c| c.label.clone()).collect(),
                stated: (0..s.right.len()).map(stated).collect(),
                digits: s.stated.iter().map(|(_, n, _)| n.digits).max().unwrap_or(2),
                right: s.right,
                section: s.section,
                at: s.at,
                rule: RULE,
                scenario: true,
            }
        })
        .collect()
}

fn totals(matrix: &Matrix, weights: &[f64]) -> Option<Vec<f64>> {
    let how = match (matrix.how?, matrix.shares()) {
        (How::Cells | How::Sum(_) | How::Mean, Some(whole)) => How::Sum(1.0 / whole),
        (How::Cells, None) => How::Sum(1.0),
        (how, _) => how,
    };
    (0..matrix.choices.len()).map(|c| matrix.total_under(c, weights, how)).collect()
}

fn scenarios<'a>(doc: &Doc<'_>, matrices: &'a [Matrix]) -> Vec<Scenario<'a>> {
    let mut all = Vec::new();
    let base = |m: &&Matrix| {
        m.sure
            && m.choices.len() >= 2
            && matches!(m.how, Some(How::Sum(_) | How::Mean | How::Cells))
            && m.choices.iter().all(|c| !c.label.is_empty())
    };
    let bases: Vec<&Matrix> = matrices.iter().filter(base).collect();
    if bases.is_empty() {
        return all;
    }
    for (index, table) in doc.tables.iter().enumerate() {
        if matrices.iter().any(|m| m.table == index && m.sure)
            || table.rows.len() > 200
            || table.head.len() > 40
        {
            continue;
        }
        // The nearest base before it, else the first.
        let base = bases
            .iter()
            .rev()
            .find(|m| m.at.start < table.at.start && fits(m, table))
            .or_else(|| bases.iter().find(|m| fits(m, table)));
        let Some(matrix) = base else { continue };
        let named = named_weights(doc, matrix);
        match by_rows(matrix, table) {
            Some(rows) => of_rows(doc, matrix, index, &rows, &named, &mut all),
            None => of_columns(doc, matrix, index, &named, &mut all),
        }
    }
    all
}

fn fits(matrix: &Matrix, table: &Table) -> bool {
    by_rows(matrix, table).is_some() || option_columns(matrix, table).len() >= 2
}

/// The row of each option, if the rows are options.
fn by_rows(matrix: &Matrix, table: &Table) -> Option<Vec<(usize, usize)>> {
    let rows: Vec<(usize, usize)> = table
        .rows
        .iter()
        .enumerate()
        .filter_map(|(at, r)| Some((at, choice(matrix, &r.cells[0].text)?)))
        .collect();
    (rows.len() >= 2 && rows.len() * 10 >= table.rows.len() * 7).then_some(rows)
}

fn option_columns(matrix: &Matrix, table: &Table) -> Vec<(usize, usize)> {
    let head = table.head.iter().enumerate().skip(1);
    head.filter_map(|(at, h)| Some((at, choice(matrix, &h.text)?))).collect()
}

/// The option that a text names, alone or with a remark.
fn choice(matrix: &Matrix, text: &str) -> Option<usize> {
    let bare = text.split('(').next().unwrap_or(text);
    matrix.choice(text).or_else(|| matrix.choice(bare)).or_else(|| {
        let short = |l: &str| norm(l.split(['(', ':']).next().unwrap_or(l));
        let wanted = norm(bare);
        let hits: Vec<usize> = (0..matrix.choices.len())
            .filter(|i| short(&matrix.choices[*i].label) == wanted && !wanted.is_empty())
            .collect();
        (hits.len() == 1).then(|| hits[0])
    })
}

fn is_base(name: &str) -> bool {
    let name = norm(name);
    ["original", "base", "baseline", "current", "default"].iter().any(|w| has_word(&name, w))
}

fn is_difference(head: &str) -> bool {
    let head = norm(head);
    ["delta", "change", "diff", "difference", "rank", "ranking", "position", "margin", "gap", "shift"]
        .iter()
        .any(|w| has_word(&head, w))
        || head == "δ"
}

/// A name for comparing: `Scenario 1: Cost` and `S1` are the same.
fn key(name: &str) -> String {
    let text = norm(name);
    let mut words = text.split(' ');
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    if matches!(first, "scenario" | "case" | "sc") && (digits(second) || second.len() == 1) {
        return format!("s{second}");
    }
    if first.len() >= 2 && first.starts_with('s') && digits(&first[1..]) {
        return first.to_owned();
    }
    norm(name.split([':', '(']).next().unwrap_or(name))
}

/// Weights by the name of their scenario: from tables of weights, and from items and paragraphs
/// that begin with the name.
fn named_weights(doc: &Doc<'_>, matrix: &Matrix) -> Vec<(String, Weights)> {
    let mut named = Vec::new();
    for (_, table) in doc.tables.iter().enumerate().filter(|(i, _)| *i != matrix.table) {
        table_weights(matrix, table, &mut named);
    }
    for block in doc.blocks.iter().filter(|b| !b.heading) {
        let Some(colon) = block.text.find([':', '(', '—', '=']).filter(|c| *c <= 60 && *c > 0) else {
            continue;
        };
        let name = key(&block.text[..colon]);
        let scenario = has_word(&norm(&block.text[..colon]), "scenario")
            || (name.len() <= 4 && name.starts_with('s'))
            || doc.under(block.section, &["sensitivity", "scenario"]);
        if scenario && let Some(weights) = scenario::weights(&block.text[colon..], matrix) {
            named.push((name, weights));
        }
    }
    named
}

fn criterion(matrix: &Matrix, text: &str) -> Option<usize> {
    let wanted = norm(text.split('(').next().unwrap_or(text));
    let label = |c: &super::matrix::Criterion| norm(c.label.split('(').next().unwrap_or_default());
    matrix.criteria.iter().position(|c| label(c) == wanted && !wanted.is_empty())
}

/// A table with a row or a column for each criterion, whose numbers make a whole.
fn table_weights(matrix: &Matrix, table: &Table, named: &mut Vec<(String, Weights)>) {
    let total = matrix.weight_sum();
    let mut take = |name: &str, cells: Vec<(usize, Option<Number>)>| {
        let mut weights = vec![None; matrix.criteria.len()];
        for (criterion, number) in cells {
            weights[criterion] = number.and_then(|n| same_scale(&n, matrix));
        }
        let weights: Option<Vec<f64>> = weights.into_iter().collect();
        if let Some(weights) = weights.filter(|w| (w.iter().sum::<f64>() - total).abs() < 0.02 * total) {
            named.push((key(name), Weights { candidates: vec![weights], certain: true }));
        }
    };
    let rows: Vec<(usize, usize)> = table
        .rows
        .iter()
        .enumerate()
        .filter_map(|(at, r)| Some((at, criterion(matrix, &r.cells[0].text)?)))
        .collect();
    if rows.len() == matrix.criteria.len() {
        for column in 1..table.head.len() {
            let cell = |row: usize| only_number(&table.rows[row].cells[column].text);
            take(&table.head[column].text, rows.iter().map(|(row, c)| (*c, cell(*row))).collect());
        }
    }
    let columns: Vec<(usize, usize)> =
        table.head.iter().enumerate().filter_map(|(at, h)| Some((at, criterion(matrix, &h.text)?))).collect();
    if columns.len() == matrix.criteria.len() {
        for row in &table.rows {
            let cells = columns.iter().map(|(at, c)| (*c, only_number(&row.cells[*at].text))).collect();
            take(&row.cells[0].text, cells);
        }
    }
}

fn same_scale(number: &Number, matrix: &Matrix) -> Option<f64> {
    match matrix.shares() {
        Some(1.0) if number.is_percent() => Some(number.value / 100.0),
        Some(100.0) if !number.is_percent() && number.value <= 1.0 && number.digits > 0 => {
            Some(number.value * 100.0)
        }
        _ => Some(number.value),
    }
}

/// Rows are options: each column of numbers is a scenario.
fn of_rows<'a>(
    doc: &Doc<'_>,
    matrix: &'a Matrix,
    index: usize,
    rows: &[(usize, usize)],
    named: &[(String, Weights)],
    all: &mut Vec<Scenario<'a>>,
) {
    let table = &doc.tables[index];
    let number = |column: usize| -> Vec<(usize, Number, Span)> {
        let cell = |(row, choice): &(usize, usize)| {
            let cell = &table.rows[*row].cells[column];
            only_number(&cell.text).map(|n| (*choice, n, cell.at.clone()))
        };
        rows.iter().filter_map(cell).collect()
    };
    let numeric: Vec<usize> = (1..table.head.len())
        .filter(|c| number(*c).len() >= 2 && !is_difference(&table.head[*c].text))
        .collect();
    let fresh: Vec<usize> = numeric.iter().filter(|c| !is_base(&table.head[**c].text)).copied().collect();
    for column in numeric {
        let head = &table.head[column].text;
        let stated = number(column);
        if is_base(head) {
            push(
                matrix,
                head,
                table,
                stated,
                &Weights { candidates: vec![matrix.weights()], certain: true },
                None,
                all,
            );
            if let Some(last) = all.last_mut() {
                last.base = true;
            }
            continue;
        }
        let own = scenario::weights(head, matrix);
        let by_name = named.iter().find(|(name, _)| *name == key(head)).map(|(_, w)| w);
        let around =
            (fresh.len() == 1).then(|| around(doc, index)).filter(|text| is_scenario(doc, table, text, head));
        let around = around.and_then(|text| scenario::weights(&text, matrix));
        let name = if fresh.len() == 1 {
            section_name(doc, table).unwrap_or_else(|| head.clone())
        } else {
            head.clone()
        };
        let Some(weights) = by_name.or(own.as_ref()).or(around.as_ref()) else { continue };
        // A heading that repeats a weight of the matrix makes no scenario.
        if by_name.is_none() && weights.candidates[0] == matrix.weights() {
            continue;
        }
        push(matrix, &name, table, stated, weights, None, all);
        if let Some(last) = all.last_mut() {
            last.alone = fresh.len() == 1;
        }
    }
}

/// The table is about other weights, not about something else of the options.
fn is_scenario(doc: &Doc<'_>, table: &Table, around: &str, head: &str) -> bool {
    let says = [
        "scenario",
        "sensitivity",
        "reweight",
        "new weight",
        "weight shift",
        "what if",
        "robust",
        "alternative weight",
        "adjusted",
        "doubled",
        "redistribut",
        "perturb",
    ];
    let near = [around, head].map(str::to_lowercase);
    doc.under(table.section, &says) || says.iter().any(|s| near.iter().any(|n| n.contains(s)))
}

fn section_name(doc: &Doc<'_>, table: &Table) -> Option<String> {
    let heading = &doc.headings[table.section?].text;
    Some(super::clip(heading, 60))
}

/// The heading and the paragraphs directly before a table, since the last other table.
fn around(doc: &Doc<'_>, table: usize) -> String {
    let at = doc.flow.iter().position(|e| e.what == What::Table(table)).unwrap_or(0);
    let mut parts: Vec<&str> = Vec::new();
    for element in doc.flow[..at].iter().rev().take(12) {
        match element.what {
            What::Block(b) => {
                parts.push(&doc.blocks[b].text);
                if doc.blocks[b].heading {
                    break;
                }
            }
            What::Table(_) => break,
            _ => {}
        }
    }
    parts.reverse();
    parts.join("\n")
}

/// Columns are options: each row is a scenario.
fn of_columns<'a>(
    doc: &Doc<'_>,
    matrix: &'a Matrix,
    index: usize,
    named: &[(String, Weights)],
    all: &mut Vec<Scenario<'a>>,
) {
    let table = &doc.tables[index];
    let columns = option_columns(matrix, table);
    // Rows of criteria are scores, not totals.
    let scores = table.rows.iter().filter(|r| criterion(matrix, &r.cells[0].text).is_some()).count();
    if scores * 2 > table.rows.len() {
        return;
    }
    for row in &table.rows {
        let label = &row.cells[0].text;
        let cell = |(at, choice): &(usize, usize)| {
            let cell = &row.cells[*at];
            only_number(&cell.text).map(|n| (*choice, n, cell.at.clone()))
        };
        let stated: Vec<_> = columns.iter().filter_map(cell).collect();
        if stated.len() < 2 {
            continue;
        }
        let winner = winner_cell(matrix, table, &row.cells);
        let text = row
            .cells
            .iter()
            .enumerate()
            .filter(|(at, _)| !columns.iter().any(|(c, _)| c == at) && !is_winner(&table.head[*at].text));
        let text: Vec<&str> = text.map(|(_, c)| c.text.as_str()).collect();
        let by_name = named.iter().find(|(name, _)| *name == key(label)).map(|(_, w)| w);
        let own = scenario::weights(&text.join(": "), matrix);
        let base = Weights { candidates: vec![matrix.weights()], certain: true };
        let bare_base = is_base(label) && own.is_none();
        let weights = match (by_name, &own) {
            (Some(weights), _) => weights,
            (None, Some(own)) => own,
            (None, None) if bare_base => &base,
            _ => continue,
        };
        push(matrix, label, table, stated, weights, winner, all);
        if let Some(last) = all.last_mut() {
            last.base = bare_base;
        }
    }
}

fn is_winner(head: &str) -> bool {
    let head = norm(head);
    ["winner", "wins", "first", "leader"].iter().any(|w| has_word(&head, w))
        || head == "best"
        || head == "top option"
}

fn winner_cell(matrix: &Matrix, table: &Table, cells: &[Cell]) -> Option<(Vec<usize>, Span, String)> {
    let column = table.head.iter().position(|h| is_winner(&h.text))?;
    let cell = &cells[column];
    let parts = cell.text.split(['/', ',', '&', '+']).flat_map(|p| p.split(" and "));
    let named: Vec<usize> = parts.filter_map(|p| choice(matrix, p.trim())).collect();
    (!named.is_empty()).then(|| (named, cell.at.clone(), cell.text.clone()))
}

fn push<'a>(
    matrix: &'a Matrix,
    name: &str,
    table: &Table,
    stated: Vec<(usize, Number, Span)>,
    weights: &Weights,
    winner: Option<(Vec<usize>, Span, String)>,
    all: &mut Vec<Scenario<'a>>,
) {
    let hits = |right: &Vec<f64>| stated.iter().filter(|(c, n, _)| n.rounds(right[*c])).count();
    let readings: Vec<Vec<f64>> = weights.candidates.iter().filter_map(|w| totals(matrix, w)).collect();
    let Some(right) = readings.iter().rev().max_by_key(|r| hits(r)).cloned() else { return };
    let n = hits(&right);
    let best = right.iter().copied().fold(0.0, f64::max);
    // Totals, not something else about the options.
    let plausible =
        stated.iter().all(|(_, number, _)| number.value > 0.0 && number.value < 1.5 * best && !number.about);
    let sure = plausible && (weights.certain || (n > 0 && n * 2 >= stated.len()));
    all.push(Scenario {
        matrix,
        name: super::clip(name, 60),
        section: table.section,
        at: table.at.clone(),
        stated,
        right,
        sure,
        winner,
        base: false,
        alone: false,
    });
}

/// "X wins in all scenarios".
fn robust(doc: &Doc<'_>, matrices: &[Matrix], all: &[Scenario<'_>], found: &mut Found<'_>) {
    let real: Vec<&Scenario<'_>> = all.iter().filter(|s| !s.base && s.sure).collect();
    let Some(first) = real.first() else { return };
    let matrix = first.matrix;
    let winners = matrix.winners();
    if winners.is_empty() || matrices.is_empty() {
        return;
    }
    for block in doc.blocks.iter().filter(|b| !b.heading) {
        for sentence in arithmetic::sentences(&block.text) {
            let text = &block.text[sentence.clone()];
            let words = norm(text);
            let has = |all: &[&str]| all.iter().any(|w| has_word(&words, w));
            let every = has(&["all", "every", "each", "any"])
                && has(&["scenario", "scenarios", "perturbations", "weightings"]);
            let wins = has(&[
                "robust", "wins", "win", "remains", "stays", "holds", "leads", "first", "stable", "top",
                "best",
            ]);
            if !(every && wins) || has(&["not", "except", "but", "unless", "only"]) {
                continue;
            }
            let named = (0..matrix.choices.len()).filter(|i| {
                let label = norm(&matrix.choices[*i].label);
                words.contains(&label) && !label.is_empty()
            });
            let named: Vec<usize> = named.collect();
            let subject = match named.as_slice() {
                [] => winners.clone(),
                [one] => vec![*one],
                _ => continue,
            };
            let lost = real.iter().find(|s| !s.best().iter().any(|b| subject.contains(b)));
            if let Some(lost) = lost {
                let best: Vec<String> =
                    lost.best().iter().map(|b| matrix.choices[*b].label.clone()).collect();
                let message = "this does not hold in all scenarios";
                let right = format!("\"{}\": {} wins", lost.name, best.join(", "));
                found.wrong(RULE, block.place(&sentence), message, super::clip(text.trim(), 80), right);
            }
        }
    }
}
