//! Arithmetic of tables, exact: what a creator computes and what critics and judge check.

use crate::checks::markdown::{Cell, Page, Table};
use sha2::{Digest, Sha256};

/// A decimal in ten-thousandths.
fn decimal(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 9 || fraction.len() > 4 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let units: u64 = if fraction.is_empty() { 0 } else { format!("{fraction:0<4}").parse().ok()? };
    Some(whole.parse::<u64>().ok()? * 10_000 + units)
}

fn shown(units: u64) -> String {
    format!("{}.{:02}", units / 10_000, units % 10_000 / 100)
}

/// Dimensions with weights that a task declares, such as `Cost 0.10, Tool Surface 0.20`; empty
/// unless they add up to 1.
pub(super) fn weights(text: &str) -> Vec<(String, u64)> {
    let mut found: Vec<(String, u64)> = Vec::new();
    let mut last = String::new();
    for part in text.split([',', ';', '(', ')', ':', '\n', '|']) {
        let part = part.trim().trim_end_matches('.').trim_start_matches(['-', '*', ' ']);
        let (name, number) = part.rsplit_once(char::is_whitespace).unwrap_or(("", part));
        let name = if name.trim().is_empty() { last.clone() } else { name.trim().to_owned() };
        match decimal(number).filter(|_| number.contains('.')) {
            Some(weight) if !name.is_empty() => found.push((name, weight)),
            _ => {}
        }
        last = part.to_owned();
    }
    match found.len() >= 2 && found.iter().map(|(_, w)| w).sum::<u64>() == 10_000 {
        true => found,
        false => Vec::new(),
    }
}

/// The weighted table of two made-up options.
pub(super) fn comparison(weights: &[(String, u64)]) -> String {
    let mut rows = String::from(
        "| Dimension | Weight | Option A | Option A weighted | Option B | Option B weighted |\n",
    );
    rows.push_str("|---|---|---|---|---|---|\n");
    let mut totals = [0, 0];
    for (name, weight) in weights {
        let scores =
            ["A", "B"].map(|option| u64::from(Sha256::digest(format!("{option} {name}"))[0] % 5 + 1));
        for (total, score) in totals.iter_mut().zip(scores) {
            *total += weight * score;
        }
        rows.push_str(&format!(
            "| {name} | {} | {} | {} | {} | {} |\n",
            shown(*weight),
            scores[0],
            shown(weight * scores[0]),
            scores[1],
            shown(weight * scores[1])
        ));
    }
    let sum = weights.iter().map(|(_, w)| w).sum();
    rows + &format!("| Total | {} | | {} | | {} |\n", shown(sum), shown(totals[0]), shown(totals[1]))
}

/// What is wrong with the arithmetic of a page, in sentences.
pub(super) fn wrong(page: &Page) -> Vec<String> {
    page.tables.iter().flat_map(|t| wrong_products(t).into_iter().chain(wrong_totals(t))).collect()
}

fn at(row: &[Cell], column: usize) -> Option<u64> {
    decimal(&row.get(column)?.text)
}

fn is_total(row: &[Cell]) -> bool {
    row.iter().find(|c| !c.text.is_empty()).is_some_and(|c| c.text == "Total")
}

fn name(row: &[Cell]) -> &str {
    row.first().map_or("", |c| c.text.as_str())
}

/// `X weighted` is `Weight` times the column before it.
fn wrong_products(table: &Table) -> Vec<String> {
    let Some(weight) = table.head.iter().position(|c| c.text == "Weight") else { return Vec::new() };
    let mut wrong = Vec::new();
    for row in table.rows.iter().filter(|r| !is_total(r)) {
        for (column, head) in
            table.head.iter().enumerate().filter(|(i, h)| *i > 0 && h.text.ends_with(" weighted"))
        {
            let right = match (at(row, weight), at(row, column - 1), at(row, column)) {
                (Some(w), Some(s), Some(product)) => {
                    u128::from(w) * u128::from(s) == u128::from(product) * 10_000
                }
                _ => false,
            };
            if !right {
                wrong.push(format!(
                    "In the row {} the column {} is not weight times score.",
                    name(row),
                    head.text
                ));
            }
        }
    }
    wrong
}

/// A row `Total` holds the sums of the columns that are numbers throughout.
fn wrong_totals(table: &Table) -> Vec<String> {
    let Some((total, rows)) = table.rows.split_last().filter(|(last, _)| is_total(last)) else {
        return Vec::new();
    };
    let mut wrong = Vec::new();
    for (column, head) in table.head.iter().enumerate() {
        // A running number is not added up.
        if head.text == "No" || total.get(column).is_none_or(|c| c.text.is_empty() || c.text == "Total") {
            continue;
        }
        let sum: Option<u64> = rows.iter().map(|row| at(row, column)).sum();
        if sum != at(total, column) || sum.is_none() {
            wrong.push(format!("The total of the column {} is not the sum of its rows.", head.text));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_found_where_they_add_up() {
        let seed = "Trade-off scoring on 8 dimensions (Programmatic Control 0.20, Tool Surface 0.20, Session \
                    Persistence 0.15, Error Handling 0.10, DX 0.10, Cost 0.10, Jerry Integration 0.10, \
                    Scalability 0.05). Informed by worktree constraints.";
        let found = weights(seed);
        assert_eq!(found.len(), 8);
        assert_eq!(found[0], ("Programmatic Control".into(), 2_000));
        assert_eq!(weights("Cost (0.5), Speed (0.5)").len(), 2);
        assert!(weights("Cost 0.5, Speed 0.4").is_empty());
        assert!(weights("version 1.0").is_empty());
    }

    #[test]
    fn every_number_of_a_comparison_is_checked() {
        let table = comparison(&weights("Cost 0.25, Speed 0.30, Other: 0.45"));
        let read = |text: &str| Page::read(&format!("## T\n\n{text}"));
        assert!(wrong(&read(&table)).is_empty(), "{table}");
        let numbers: Vec<usize> = table.match_indices(|c: char| c.is_ascii_digit()).map(|(i, _)| i).collect();
        for at in numbers {
            let mut bytes = table.clone().into_bytes();
            bytes[at] = if bytes[at] == b'9' { b'8' } else { bytes[at] + 1 };
            let changed = String::from_utf8(bytes).expect("ascii");
            assert!(!wrong(&read(&changed)).is_empty(), "{changed}");
        }
    }
}
