//! Finds decision matrices in tables: a weight column with options in other columns, options in
//! rows with weights in a row or in the heads, one option with score and weighted columns.

use super::doc::{Cell, Doc, Table};
use super::matrix::{Choice, Criterion, Matrix, Sort, Total, Value};
use super::number::{Number, numbers, only_number};
use super::{has_word, norm};
use std::borrow::Cow;

/// More cells than a person weighs by hand.
const CELLS_MAX: usize = 4_000;

/// All matrices, in order.
pub(super) fn all(doc: &Doc<'_>) -> Vec<Matrix> {
    let mut found = Vec::new();
    for (index, table) in doc.tables.iter().enumerate() {
        let columns = table.head.len();
        if columns < 2 || table.rows.is_empty() || columns * table.rows.len() > CELLS_MAX {
            continue;
        }
        let upright = Grid::upright(table);
        let matrix = read(&upright).or_else(|| read(&upright.turned()));
        if let Some(mut matrix) = matrix {
            (matrix.table, matrix.section, matrix.at) = (index, table.section, table.at.clone());
            super::weighted::settle(&mut matrix);
            found.push(matrix);
        }
    }
    found
}

/// Cells by row and column; row 0 is the head, column 0 holds the labels.
struct Grid<'a> {
    rows: Vec<Vec<Cow<'a, Cell>>>,
}

impl<'a> Grid<'a> {
    fn upright(table: &'a Table) -> Self {
        let row = |cells: &'a [Cell]| cells.iter().map(Cow::Borrowed).collect::<Vec<_>>();
        let mut rows = vec![row(&table.head)];
        rows.extend(table.rows.iter().map(|r| row(&r.cells)));
        let width = table.head.len();
        rows.iter_mut().for_each(|r| r.resize_with(width, Cow::default));
        let mut grid = Grid { rows };
        grid.drop_numbering();
        grid.merge_second_head();
        grid
    }

    fn turned(&self) -> Self {
        let width = self.rows[0].len();
        let column = |c: usize| self.rows.iter().map(|r| r[c].clone()).collect();
        Grid { rows: (0..width).map(column).collect() }
    }

    /// A first column `#` or `ID` is no label.
    fn drop_numbering(&mut self) {
        let head = norm(&self.rows[0][0].text);
        let numbering = matches!(head.as_str(), "" | "no" | "nr" | "id" | "n") && self.rows[0].len() >= 3;
        let short = |c: &Cow<'_, Cell>| c.text.len() <= 5 && c.text.bytes().any(|b| b.is_ascii_digit());
        let body = &self.rows[1..];
        if numbering && body.iter().filter(|r| short(&r[0])).count() * 2 > body.len() {
            for row in &mut self.rows {
                let first = row.remove(0);
                if row[0].text.is_empty() {
                    row[0] = first;
                }
            }
        }
    }

    /// `Option A | | Option B |` over `Raw | Weighted | Raw | Weighted`.
    fn merge_second_head(&mut self) {
        let Some(second) = self.rows.get(1) else { return };
        const WORDS: [&str; 8] = ["raw", "score", "weighted", "wtd", "s", "w", "ws", "raw score"];
        let filled: Vec<String> =
            second[1..].iter().map(|c| norm(&c.text)).filter(|t| !t.is_empty()).collect();
        if filled.len() < 2 || !filled.iter().all(|t| WORDS.contains(&t.as_str())) {
            return;
        }
        let second = self.rows.remove(1);
        let mut last = String::new();
        for (cell, under) in self.rows[0].iter_mut().zip(second).skip(1) {
            if !cell.text.is_empty() {
                last.clone_from(&cell.text);
            }
            if !under.text.is_empty() {
                cell.to_mut().text = format!("{last} {}", under.text);
            }
        }
    }
}

/// Words that summary rows are made of.
const KEY: [&str; 11] = [
    "total",
    "totals",
    "sum",
    "overall",
    "composite",
    "result",
    "score",
    "weighted",
    "average",
    "mean",
    "gesamt",
];
const BESIDE: [&str; 22] = [
    "scores",
    "final",
    "grand",
    "raw",
    "unweighted",
    "points",
    "simple",
    "of",
    "the",
    "out",
    "max",
    "subtotal",
    "plain",
    "value",
    "rating",
    "results",
    "all",
    "and",
    "in",
    "for",
    "weight",
    "weights",
];

/// True if a label says that its row sums up.
pub(super) fn is_summary(label: &str) -> bool {
    let label = norm(label);
    let digits = |w: &str| w.bytes().all(|b| b.is_ascii_digit());
    let known = |w: &str| KEY.contains(&w) || BESIDE.contains(&w) || digits(w);
    !label.is_empty() && label.split(' ').all(known) && label.split(' ').any(|w| KEY.contains(&w))
}

fn is_rank(label: &str) -> bool {
    let label = norm(label);
    label.split(' ').any(|w| matches!(w, "rank" | "ranking" | "ranks" | "place" | "placement"))
        && label.len() < 24
}

fn sort_of(label: &str) -> Sort {
    let label = norm(label);
    let has = |words: &[&str]| words.iter().any(|w| has_word(&label, w));
    if has(&["raw", "unweighted", "simple", "plain"]) {
        return Sort::Raw;
    }
    if has(&["weighted", "composite"]) { Sort::Weighted } else { Sort::Total }
}

/// Weights of goods or fonts are no weights of criteria.
fn is_weight(head: &str) -> bool {
    let head = norm(head);
    let has = |words: &[&str]| words.iter().any(|w| has_word(&head, w));
    (has(&["weight", "weights", "weighting", "wt", "weightage", "gewicht"])
        || head == "w"
        || head == "importance")
        && !has(&[
            "kg",
            "g",
            "lb",
            "lbs",
            "oz",
            "gram",
            "grams",
            "font",
            "gross",
            "net",
            "body",
            "weighted",
            "tons",
            "molecular",
            "score",
        ])
}

/// Columns that are numbers but no scores.
fn is_beside(head: &str) -> bool {
    let head = norm(head);
    let words = [
        "rank",
        "ranking",
        "max",
        "min",
        "maximum",
        "minimum",
        "priority",
        "notes",
        "delta",
        "change",
        "diff",
        "difference",
        "threshold",
        "target",
        "id",
        "confidence",
        "no",
        "evidence",
        "ref",
        "best",
        "count",
    ];
    words.iter().any(|w| has_word(&head, w))
}

/// `Cost (30%)`, `Cost (w=0.3)`, `Cost x3`: the name and the weight.
fn embedded(cell: &Cell) -> Option<(String, Number)> {
    let text = cell.text.trim();
    let all = numbers(text);
    let number = all.last()?.clone();
    let open = text[..number.at.start].rfind(['(', '[']);
    let (name, inner) = match open {
        Some(open) => (&text[..open], text[open + 1..].trim_end_matches([')', ']', ' '])),
        None => (&text[..number.whole.start], &text[number.whole.start..]),
    };
    let around = inner.replace(number_text(inner, &number, open.map_or(number.whole.start, |o| o + 1)), " ");
    let words = norm(&around);
    let said = words.split(' ').filter(|w| !w.is_empty()).all(|w| matches!(w, "w" | "wt" | "weight" | "x"));
    let sign = !words.is_empty() || around.contains('×');
    let share = number.is_percent() || (number.digits > 0 && number.value > 0.0 && number.value < 1.0);
    let name = name.trim().trim_end_matches(['-', ':', '–', '—', ',', '×', '@']).trim();
    let fits = said && (share || sign) && !name.is_empty() && !number.about;
    fits.then(|| (name.to_owned(), Number { unit: number.unit.replace('x', ""), ..number }))
}

fn number_text<'a>(inner: &'a str, number: &Number, offset: usize) -> &'a str {
    inner.get(number.whole.start.saturating_sub(offset)..number.whole.end - offset).unwrap_or(inner)
}

fn read(grid: &Grid<'_>) -> Option<Matrix> {
    let width = grid.rows[0].len();
    if grid.rows.len() < 3 || width < 2 {
        return None;
    }
    let weight = (1..width).find(|c| is_weight(&grid.rows[0][*c].text));
    let mut criteria = Vec::new();
    let mut criterion_rows = Vec::new();
    let mut summaries = Vec::new();
    for (at, row) in grid.rows.iter().enumerate().skip(1) {
        let label = &row[0].text;
        let number = match weight {
            Some(column) => only_number(&row[column].text).map(|n| (label.clone(), n, &row[column])),
            None => embedded(&row[0]).map(|(name, n)| (name, n, &row[0])),
        };
        let summary = number.is_some() && (label.is_empty() || is_summary(label) || is_rank(label));
        match number {
            Some((label, number, cell)) if !summary => {
                criteria.push(Criterion { label, weight: Value { number, at: cell.at.clone() } });
                criterion_rows.push(at);
            }
            _ => summaries.push(at),
        }
    }
    // What is not weighed in between makes the rest uncertain.
    let strange = summaries.iter().filter(|at| {
        let label = &grid.rows[**at][0].text;
        !is_summary(label) && !is_rank(label) && !label.is_empty()
    });
    let odd: Vec<usize> = strange.copied().collect();
    let last = criterion_rows.last().copied().unwrap_or_default();
    if criteria.len() < 2 || odd.iter().any(|at| *at < last && filled(grid, *at) > 1) {
        return None;
    }
    let mut matrix = Matrix { criteria, ..Matrix::default() };
    let columns = Columns::read(grid, weight, &criterion_rows);
    read_choices(grid, &columns, &criterion_rows, &mut matrix);
    if let (Some(column), Some(at)) = (weight, summaries.iter().find(|at| !is_rank(&grid.rows[**at][0].text)))
    {
        let cell = &grid.rows[*at][column];
        matrix.weight_total = only_number(&cell.text).map(|number| Value { number, at: cell.at.clone() });
    }
    for at in summaries {
        read_summary(grid, at, &columns.roles, &mut matrix);
    }
    let stated =
        matrix.choices.iter().any(|c| !c.totals.is_empty() || c.weighted.iter().any(Option::is_some));
    let only_weights = matrix.choices.is_empty() && weight.is_some();
    (stated || only_weights || matrix.choices.len() >= 2).then_some(matrix)
}

fn filled(grid: &Grid<'_>, row: usize) -> usize {
    grid.rows[row][1..].iter().filter(|c| only_number(&c.text).is_some()).count()
}

/// What a column is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Role {
    Other,
    Score(usize),
    Weighted(usize),
}

/// Which columns hold scores, and which weighted scores of which option.
struct Columns {
    roles: Vec<Role>,
    /// The numbers of each row of a criterion, for the columns that have a role.
    numbers: Vec<Vec<Vec<Number>>>,
}

impl Columns {
    fn read(grid: &Grid<'_>, weight: Option<usize>, rows: &[usize]) -> Self {
        let width = grid.rows[0].len();
        let mut numbers = vec![Vec::new(); width];
        for column in (1..width).filter(|c| Some(*c) != weight && !is_beside(&grid.rows[0][*c].text)) {
            let cells: Vec<_> = rows.iter().map(|r| cell_numbers(&grid.rows[*r][column].text)).collect();
            let good = cells.iter().filter(|c| !c.is_empty()).count();
            if good * 10 >= rows.len() * 7 && good >= 2 {
                numbers[column] = cells;
            }
        }
        Columns { roles: roles(grid, &numbers), numbers }
    }
}

fn roles(grid: &Grid<'_>, numbers: &[Vec<Vec<Number>>]) -> Vec<Role> {
    let mut roles = vec![Role::Other; numbers.len()];
    let mut names: Vec<String> = Vec::new();
    for column in (0..numbers.len()).filter(|c| !numbers[*c].is_empty()) {
        let head = &grid.rows[0][column].text;
        let bare = bare_name(head);
        if says_weighted(head) {
            let same = names.iter().position(|n| !bare.is_empty() && *n == bare);
            let left = match roles[column - 1] {
                Role::Score(n) if !roles.contains(&Role::Weighted(n)) => Some(n),
                _ => None,
            };
            match same.or(left) {
                Some(n) => roles[column] = Role::Weighted(n),
                None => {
                    roles[column] = Role::Weighted(names.len());
                    names.push(bare);
                }
            }
        } else {
            // A score column right of its weighted one, by name.
            roles[column] = Role::Score(names.len());
            names.push(bare);
        }
    }
    roles
}

fn says_weighted(head: &str) -> bool {
    let name = norm(head);
    let has = |w: &str| has_word(&name, w);
    has("weighted")
        || has("wtd")
        || has("contribution")
        || has("ws")
        || (has("weight") && (has("score") || has("x")))
        || ((head.contains('×') || head.contains('*')) && name.split(' ').all(|w| w.len() <= 6))
}

/// A head without the words that say what sort of number it is.
fn bare_name(head: &str) -> String {
    const SORTS: [&str; 9] =
        ["weighted", "wtd", "score", "raw", "rating", "contribution", "ws", "points", "scores"];
    let name = norm(head);
    name.split(' ').filter(|w| !SORTS.contains(w)).collect::<Vec<_>>().join(" ")
}

fn read_choices(grid: &Grid<'_>, columns: &Columns, rows: &[usize], matrix: &mut Matrix) {
    let roles = &columns.roles;
    let count = roles.iter().filter_map(|r| match r {
        Role::Score(n) | Role::Weighted(n) => Some(n + 1),
        Role::Other => None,
    });
    let count = count.max().unwrap_or(0);
    matrix.choices =
        vec![
            Choice { scores: vec![None; rows.len()], weighted: vec![None; rows.len()], ..Choice::default() };
            count
        ];
    for (column, role) in roles.iter().enumerate() {
        let (Role::Score(n) | Role::Weighted(n)) = *role else { continue };
        let choice = &mut matrix.choices[n];
        if choice.label.is_empty() {
            let head = &grid.rows[0][column].text;
            choice.label = label_of(head);
            // An option may be called `Raw`.
            if choice.label.is_empty() && count > 1 && !says_weighted(head) {
                choice.label.clone_from(head);
            }
        }
        for (at, row) in rows.iter().enumerate() {
            let cell = &grid.rows[*row][column];
            let mut found = columns.numbers[column][at].iter().cloned();
            let value = |number| Value { number, at: cell.at.clone() };
            match role {
                Role::Weighted(_) => choice.weighted[at] = found.next().map(value),
                _ => {
                    choice.scores[at] = found.next().map(value);
                    if let Some(second) = found.next() {
                        choice.weighted[at] = Some(value(second));
                    }
                }
            }
        }
    }
    // Only weighted cells: their options are known by their contributions.
    let bare = |c: &Choice| c.scores.iter().all(Option::is_none);
    if !matrix.choices.is_empty() && matrix.choices.iter().all(bare) {
        matrix.contributions = true;
        for choice in &mut matrix.choices {
            choice.scores = std::mem::replace(&mut choice.weighted, vec![None; rows.len()]);
        }
    } else if matrix.choices.iter().any(bare) {
        matrix.choices.retain(|c| !bare(c));
    }
}

/// A head as the name of an option.
fn label_of(head: &str) -> String {
    let words = head.split_whitespace().filter(|w| {
        let w = norm(w);
        !matches!(w.as_str(), "weighted" | "wtd" | "raw" | "score" | "scores" | "rating")
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The numbers of a score cell: the score and, if it is there, the weighted score. Empty if the
/// cell is something else.
fn cell_numbers(text: &str) -> Vec<Number> {
    if let Some(one) = only_number(text) {
        return vec![one];
    }
    let text = text.trim();
    let all = numbers(text);
    if all.is_empty() || all.len() > 3 || text.len() > 40 || all.iter().any(|n| n.about) {
        return Vec::new();
    }
    let mut rest = text.to_owned();
    for number in all.iter().rev() {
        rest.replace_range(number.whole.clone(), " ");
    }
    let marks: String = rest.chars().filter(|c| !c.is_whitespace()).collect();
    let between = |allowed: &[&str]| allowed.contains(&marks.as_str());
    let (first, last) = (all[0].clone(), all[all.len() - 1].clone());
    match all.len() {
        2 if between(&["()", "[]", "→", "->", "=>", "=", "|", ";", "⇒"]) => vec![first, last],
        2 if between(&["/"]) && (last.digits > 0 || last.value < first.value) => vec![first, last],
        // Of so many.
        2 if between(&["/"]) && [3.0, 4.0, 5.0, 10.0, 100.0].contains(&last.value) => vec![first],
        3 if between(&["×=", "x=", "*=", "·=", "(×)", "(x)"]) => {
            // `8 × 0.2 = 1.6`, or the weight first: the score is what is not the weight; the caller knows.
            let score = if all[0].value >= all[1].value { all[0].clone() } else { all[1].clone() };
            vec![score, last]
        }
        3 if between(&["/()"]) && [5.0, 10.0, 100.0].contains(&all[1].value) => vec![first, last],
        _ => Vec::new(),
    }
}

fn read_summary(grid: &Grid<'_>, row: usize, roles: &[Role], matrix: &mut Matrix) {
    let label = &grid.rows[row][0].text;
    let last_criterion = row + 1 == grid.rows.len();
    let ranks = is_rank(label);
    if !(ranks || is_summary(label) || label.is_empty() && last_criterion) {
        return;
    }
    let both: Vec<usize> = roles
        .iter()
        .filter_map(|r| match r {
            Role::Weighted(n) if roles.contains(&Role::Score(*n)) => Some(*n),
            _ => None,
        })
        .collect();
    for (column, role) in roles.iter().enumerate() {
        let (Role::Score(n) | Role::Weighted(n)) = *role else { continue };
        let cell = &grid.rows[row][column];
        let Some(choice) = matrix.choices.get_mut(n) else { continue };
        if ranks {
            let digits: String = cell.text.chars().filter(char::is_ascii_digit).collect();
            if let Some(number) = only_number(&digits).filter(|n| n.digits == 0) {
                choice.rank = Some(Value { number, at: cell.at.clone() });
            }
            continue;
        }
        let Some(number) = total_number(&cell.text) else { continue };
        let sort = match (role, sort_of(label)) {
            // Scores are added up beside their weighted ones.
            (Role::Score(n), Sort::Total) if both.contains(n) => Sort::Raw,
            (Role::Weighted(_), Sort::Total) => Sort::Weighted,
            (_, sort) => sort,
        };
        choice.totals.push(Total { sort, name: label.clone(), value: Value { number, at: cell.at.clone() } });
    }
}

/// `8.70`, `8.70 / 10`, `8.70 (1st)`.
fn total_number(text: &str) -> Option<Number> {
    only_number(text).or_else(|| {
        let all = numbers(text);
        let first = all.first()?;
        let head = text[..first.whole.start].trim();
        let tail = text[first.whole.end..].trim();
        let of = tail.starts_with('/') && all.len() == 2;
        let place = tail.starts_with('(') && tail.ends_with(')') && all.len() == 1;
        (head.is_empty() && (of || place) && !first.about).then(|| first.clone())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_read_from_labels() {
        let read = |text: &str| {
            embedded(&Cell { text: text.into(), ..Cell::default() }).map(|(name, n)| (name, n.value))
        };
        assert_eq!(read("Cost (30%)"), Some(("Cost".into(), 30.0)));
        assert_eq!(read("Cost (0.30)"), Some(("Cost".into(), 0.3)));
        assert_eq!(read("Cost (w=0.3)"), Some(("Cost".into(), 0.3)));
        assert_eq!(read("Cost (weight: 3)"), Some(("Cost".into(), 3.0)));
        assert_eq!(read("Cost (×3)"), Some(("Cost".into(), 3.0)));
        assert_eq!(read("Cost 30%"), Some(("Cost".into(), 30.0)));
        assert_eq!(read("Cost (2026)"), None);
        assert_eq!(read("Phase 2"), None);
    }

    #[test]
    fn score_cells_hold_one_or_two_numbers() {
        let read = |text: &str| cell_numbers(text).iter().map(|n| n.value).collect::<Vec<_>>();
        assert_eq!(read("8 (1.6)"), [8.0, 1.6]);
        assert_eq!(read("8 / 1.60"), [8.0, 1.6]);
        assert_eq!(read("8 × 0.2 = 1.6"), [8.0, 1.6]);
        assert_eq!(read("4/5"), [4.0]);
        assert_eq!(read("High"), [] as [f64; 0]);
    }
}
