//! Decision matrices and sensitivity tables in the ways that people write them.

use super::parts::{Piece, Plant};
use super::rng::{Rng, dec};

const CRITERIA: [&str; 12] = [
    "Cost",
    "Performance",
    "Operability",
    "Security",
    "Team familiarity",
    "Ecosystem",
    "Time to market",
    "Scalability",
    "Vendor risk",
    "Developer experience",
    "Data residency",
    "Observability",
];
const OPTIONS: [[&str; 4]; 6] = [
    ["Postgres", "MySQL", "DynamoDB", "Cockroach"],
    ["Kafka", "RabbitMQ", "NATS", "Pulsar"],
    ["Option A", "Option B", "Option C", "Option D"],
    ["Build in house", "Buy a product", "Extend the old system", "Do nothing"],
    ["Agent Kit", "Plain CLI", "Hybrid", "Raw API"],
    ["Vendor North", "Vendor South", "Vendor East", "Vendor West"],
];
const SHARES: [&[i64]; 6] = [
    &[30, 25, 20, 15, 10],
    &[40, 30, 20, 10],
    &[35, 25, 20, 20],
    &[20, 20, 15, 15, 10, 10, 10],
    &[50, 30, 20],
    &[25, 25, 20, 15, 15],
];

/// A matrix in numbers: shares in percent, scores of 1 to 10, totals in hundredths.
pub struct Numbers {
    criteria: Vec<&'static str>,
    options: Vec<&'static str>,
    weights: Vec<i64>,
    scores: Vec<Vec<i64>>,
}

impl Numbers {
    pub fn new(rng: &mut Rng) -> Self {
        loop {
            let weights = rng.pick(&SHARES).to_vec();
            let count = rng.int(2, 4) as usize;
            let options = rng.pick(&OPTIONS)[..count].to_vec();
            let criteria = rng.some(&CRITERIA, weights.len());
            let scores = (0..count).map(|_| weights.iter().map(|_| rng.int(3, 10)).collect()).collect();
            let numbers = Numbers { criteria, options, weights, scores };
            let mut totals = numbers.totals(&numbers.weights);
            totals.sort_unstable();
            totals.dedup();
            // Clear winners make clear claims.
            if totals.len() == count {
                return numbers;
            }
        }
    }

    fn totals(&self, weights: &[i64]) -> Vec<i64> {
        self.scores.iter().map(|s| s.iter().zip(weights).map(|(s, w)| s * w).sum()).collect()
    }

    fn best(&self, totals: &[i64]) -> usize {
        (0..totals.len()).max_by_key(|i| totals[*i]).unwrap()
    }
}

fn weight(style: i64, percent: i64) -> String {
    match style {
        0 => dec(percent),
        1 => format!("{percent}%"),
        _ => format!("{percent}"),
    }
}

fn bold(rng: &mut Rng, text: String) -> String {
    match rng.int(0, 3) {
        0 => format!("**{text}**"),
        1 => format!("`{text}`"),
        _ => text,
    }
}

/// A matrix with what the text says of it. Plants: `product`, `total`, `weights`, `rank`,
/// `winner`, `score`, `order`.
pub fn matrix(rng: &mut Rng, plant: Plant) -> Piece {
    let numbers = Numbers::new(rng);
    let mut layout = rng.int(0, 5);
    match plant {
        Plant("product") => layout = rng.pick(&[0, 3]),
        Plant("rank") => layout = rng.pick(&[1, 2, 4]),
        _ => {}
    }
    let mut piece = Piece::default();
    let totals = numbers.totals(&numbers.weights);
    let mut shown = totals.clone();
    let victim = rng.int(0, totals.len() as i64 - 1) as usize;
    if plant.is("total") {
        shown[victim] += rng.pick(&[-40, -15, 10, 30, 55]);
    }
    let mut weights = numbers.weights.clone();
    if plant.is("weights") {
        weights[0] += rng.pick(&[-10, -5, 5, 10]);
        shown = numbers.totals(&weights);
    }
    draw(rng, &numbers, &weights, &shown, layout, plant, victim, &mut piece);
    claims(rng, &numbers, &numbers.totals(&weights), plant, &mut piece);
    piece
}

#[allow(clippy::too_many_arguments)]
fn draw(
    rng: &mut Rng,
    numbers: &Numbers,
    weights: &[i64],
    shown: &[i64],
    layout: i64,
    plant: Plant,
    victim: usize,
    piece: &mut Piece,
) {
    let style = rng.int(0, 2);
    let rows = numbers.criteria.len();
    let wrong_row = rng.int(0, rows as i64 - 1) as usize;
    let order = |at: usize| 1 + shown.iter().filter(|t| **t > shown[at]).count() as i64;
    let rank = |at: usize| {
        if plant.is("rank") && at == victim { order(at) % shown.len() as i64 + 1 } else { order(at) }
    };
    let name = rng.pick(&["Total", "**Weighted total**", "Weighted score", "TOTAL"]);
    let sum = if rng.coin() { weight(style, weights.iter().sum()) } else { String::new() };
    match layout {
        // Criteria in rows; scores and weighted scores side by side.
        0 => {
            let heads: String = numbers.options.iter().map(|o| format!(" {o} | {o} weighted |")).collect();
            piece.line(format!("| Criterion | Weight |{heads}"));
            piece.line(format!("|---|---|{}", "---|---|".repeat(numbers.options.len())));
            for (r, criterion) in numbers.criteria.iter().enumerate() {
                let mut line = format!("| {criterion} | {} |", weight(style, weights[r]));
                let mut hit = false;
                for (o, scores) in numbers.scores.iter().enumerate() {
                    let mut product = scores[r] * weights[r];
                    if plant.is("product") && o == victim && r == wrong_row {
                        product += rng.pick(&[-20, 15, 30]);
                        hit = true;
                    }
                    line += &format!(" {} | {} |", scores[r], dec(product));
                }
                piece.add(line, hit);
            }
            let cells: String = shown.iter().map(|t| format!(" | {} |", bold(rng, dec(*t)))).collect();
            piece.add(format!("| {name} | {sum} |{cells}"), plant.is("total") || plant.is("weights"));
        }
        // Criteria in rows, plain scores.
        1 => {
            piece.line(format!("| Criterion | Weight | {} | Why |", numbers.options.join(" | ")));
            piece.line(format!("|:--|--:|{}---|", ":-:|".repeat(numbers.options.len())));
            for (r, criterion) in numbers.criteria.iter().enumerate() {
                let cells: Vec<String> = numbers.scores.iter().map(|s| s[r].to_string()).collect();
                piece.line(format!(
                    "| {criterion} | {} | {} | measured in March |",
                    weight(style, weights[r]),
                    cells.join(" | ")
                ));
            }
            let cells: Vec<String> = shown.iter().map(|t| dec(*t)).collect();
            piece.add(
                format!("| {name} | {sum} | {} | |", cells.join(" | ")),
                plant.is("total") || plant.is("weights"),
            );
            if plant.is("rank") || rng.coin() {
                let cells: Vec<String> = (0..shown.len()).map(|o| rank(o).to_string()).collect();
                piece.add(format!("| Rank | | {} | |", cells.join(" | ")), plant.is("rank"));
            }
        }
        // Options in rows, weights in the heads.
        2 => {
            let form = rng.int(0, 2);
            let heads: Vec<String> = numbers
                .criteria
                .iter()
                .zip(weights)
                .map(|(c, w)| match form {
                    0 => format!("{c} ({w}%)"),
                    1 => format!("{c} ({})", dec(*w)),
                    _ => format!("{c} (weight {})", dec(*w)),
                })
                .collect();
            piece.add(
                format!("| Option | {} | Weighted score | Rank |", heads.join(" | ")),
                plant.is("weights"),
            );
            piece.line(format!("|---|{}---|---|", "---|".repeat(rows)));
            for (o, option) in numbers.options.iter().enumerate() {
                let cells: Vec<String> = numbers.scores[o].iter().map(|s| format!("{s}/10")).collect();
                let hit = o == victim && (plant.is("total") || plant.is("rank"));
                piece.add(
                    format!(
                        "| {} | {} | {} | {} |",
                        bold(rng, (*option).to_owned()),
                        cells.join(" | "),
                        dec(shown[o]),
                        rank(o)
                    ),
                    hit,
                );
            }
        }
        // Score and weighted score in one cell.
        3 => {
            piece.line(format!("| Criterion | Weight | {} |", numbers.options.join(" | ")));
            piece.line(format!("|---|---|{}", "---|".repeat(numbers.options.len())));
            let form = rng.coin();
            for (r, criterion) in numbers.criteria.iter().enumerate() {
                let mut hit = false;
                let cells: Vec<String> = numbers
                    .scores
                    .iter()
                    .enumerate()
                    .map(|(o, s)| {
                        let mut product = s[r] * weights[r];
                        if plant.is("product") && o == victim && r == wrong_row {
                            product += 25;
                            hit = true;
                        }
                        if form {
                            format!("{} ({})", s[r], dec(product))
                        } else {
                            format!("{} / {}", s[r], dec(product))
                        }
                    })
                    .collect();
                piece.add(
                    format!("| {criterion} | {} | {} |", weight(style, weights[r]), cells.join(" | ")),
                    hit,
                );
            }
            let cells: Vec<String> = shown.iter().map(|t| bold(rng, dec(*t))).collect();
            piece.add(
                format!("| {name} | {sum} | {} |", cells.join(" | ")),
                plant.is("total") || plant.is("weights"),
            );
        }
        // Options in rows with a row of weights.
        4 => {
            piece.line(format!("| Option | {} | Total | Rank |", numbers.criteria.join(" | ")));
            piece.line(format!("|---|{}---|---|", "---|".repeat(rows)));
            let cells: Vec<String> = weights.iter().map(|w| weight(style, *w)).collect();
            piece.add(format!("| *Weight* | {} | {sum} | |", cells.join(" | ")), plant.is("weights"));
            for (o, option) in numbers.options.iter().enumerate() {
                let cells: Vec<String> = numbers.scores[o].iter().map(ToString::to_string).collect();
                let hit = o == victim && (plant.is("total") || plant.is("rank"));
                piece.add(
                    format!("| {option} | {} | {} | {} |", cells.join(" | "), dec(shown[o]), rank(o)),
                    hit,
                );
            }
        }
        // Rounded to one digit.
        _ => {
            piece.line(format!("| Criterion | Weight | {} |", numbers.options.join(" | ")));
            piece.line(format!("|---|---|{}", "---|".repeat(numbers.options.len())));
            for (r, criterion) in numbers.criteria.iter().enumerate() {
                let cells: Vec<String> = numbers.scores.iter().map(|s| s[r].to_string()).collect();
                piece.line(format!(
                    "| **{criterion}** | {} | {} |",
                    weight(style, weights[r]),
                    cells.join(" | ")
                ));
            }
            let round = |t: i64| format!("{}.{}", (t + 5) / 100, (t + 5) % 100 / 10);
            let exact = plant.is("total") || rng.coin();
            let cells: Vec<String> = shown.iter().map(|t| if exact { dec(*t) } else { round(*t) }).collect();
            piece.add(
                format!("| {name} | {sum} | {} |", cells.join(" | ")),
                plant.is("total") || plant.is("weights"),
            );
        }
    }
    if plant.is("weights") {
        piece.all_wrong();
    }
    piece.line("");
}

fn claims(rng: &mut Rng, numbers: &Numbers, totals: &[i64], plant: Plant, piece: &mut Piece) {
    let best = numbers.best(totals);
    let worst = (0..totals.len()).min_by_key(|i| totals[*i]).unwrap();
    let names = &numbers.options;
    match plant {
        Plant("score") => {
            let said = dec(totals[best] - rng.pick(&[20, 35, 60]));
            let form = rng.int(0, 3);
            piece.add(
                match form {
                    0 => format!("{} wins with a weighted score of {said}.", names[best]),
                    1 => format!("In short, **{}** scores {said} and comes first.", names[best]),
                    2 => format!(
                        "{} ({said}) is ahead of {} ({}).",
                        names[best],
                        names[worst],
                        dec(totals[worst])
                    ),
                    _ => format!("- {}: {said}", names[best]),
                },
                true,
            );
        }
        Plant("winner") => {
            let form = rng.int(0, 3);
            piece.add(
                match form {
                    0 => format!("By these numbers {} wins.", names[worst]),
                    1 => format!("{} has the highest weighted score and is recommended.", names[worst]),
                    2 => format!("Winner: **{}**.", names[worst]),
                    _ => format!("{} ranks first in this comparison.", names[worst]),
                },
                true,
            );
        }
        Plant("order") => piece.add(format!("Ranking: {} > {}.", names[worst], names[best]), true),
        _ => {
            let mut order: Vec<usize> = (0..totals.len()).collect();
            order.sort_by_key(|i| -totals[*i]);
            let line = match rng.int(0, 6) {
                0 => format!(
                    "{} wins with {}, followed by {} at {}.",
                    names[order[0]],
                    dec(totals[order[0]]),
                    names[order[1]],
                    dec(totals[order[1]])
                ),
                1 => format!("Ranking: {}.", order.iter().map(|i| names[*i]).collect::<Vec<_>>().join(" > ")),
                2 => format!(
                    "{} scores {} on {} alone, which is not the whole picture.",
                    names[worst], numbers.scores[worst][0], numbers.criteria[0]
                ),
                3 => format!(
                    "We still recommend {} because the contract with its vendor ends in 2027.",
                    names[worst]
                ),
                4 => format!("{} would win if {} did not count.", names[worst], numbers.criteria[0]),
                5 => format!(
                    "{} ({}) beats {} by {}.",
                    names[order[0]],
                    dec(totals[order[0]]),
                    names[order[1]],
                    dec(totals[order[0]] - totals[order[1]])
                ),
                _ => "The differences are small.".to_owned(),
            };
            piece.line(line);
        }
    }
    piece.line("");
}

/// A base matrix and totals under other weights. Plants: `cell`, `champion`, `robust`.
pub fn sensitivity(rng: &mut Rng, plant: Plant) -> Piece {
    loop {
        if let Some(piece) = try_sensitivity(rng, plant) {
            return piece;
        }
    }
}

fn try_sensitivity(rng: &mut Rng, plant: Plant) -> Option<Piece> {
    let numbers = Numbers::new(rng);
    let n = numbers.weights.len();
    let totals = numbers.totals(&numbers.weights);
    let mut piece = Piece::default();
    let layout = rng.pick(&[0, 1, 2, 3, 4]);
    draw(rng, &numbers, &numbers.weights, &totals, layout, Plant(""), 0, &mut piece);
    let moved = 10;
    // Weight goes from the first to the last criterion; the words for it vary.
    let mut other = numbers.weights.clone();
    other[n - 1] += moved;
    other[0] -= moved;
    let (first, last) = (numbers.criteria[0], numbers.criteria[n - 1]);
    let words = match rng.int(0, 3) {
        0 => format!(
            "{last} weight increased to {}% (from {}%), redistributing {moved}% from {first}",
            other[n - 1],
            numbers.weights[n - 1]
        ),
        1 => format!("{last} raised to {} and {first} lowered to {}", dec(other[n - 1]), dec(other[0])),
        2 => format!("{first} {}%, {last} {}%, all others unchanged", other[0], other[n - 1]),
        _ => format!(
            "{last} weighted at {} (was {}), taking {} from {first}",
            dec(other[n - 1]),
            dec(numbers.weights[n - 1]),
            dec(moved)
        ),
    };
    let fresh = numbers.totals(&other);
    let (base_best, best) = (numbers.best(&totals), numbers.best(&fresh));
    let tied = fresh.iter().filter(|t| **t == fresh[best]).count() > 1;
    if tied || (plant.is("robust")) != (base_best != best) {
        return None;
    }
    let victim = rng.int(0, fresh.len() as i64 - 1) as usize;
    let mut shown = fresh.clone();
    if plant.is("cell") {
        shown[victim] += rng.pick(&[-30, -12, 15, 45]);
    }
    let loser = (0..fresh.len()).min_by_key(|i| fresh[*i]).unwrap();
    piece.line("### Sensitivity analysis");
    piece.line("");
    if rng.coin() {
        piece.line(format!("#### Scenario 1: {words}"));
        piece.line("");
        piece.line("| Option | Original | Reweighted |");
        piece.line("|---|---|---|");
        for (o, option) in numbers.options.iter().enumerate() {
            piece.add(
                format!("| {option} | {} | {} |", dec(totals[o]), dec(shown[o])),
                plant.is("cell") && o == victim,
            );
        }
        piece.line("");
        let champion = if plant.is("champion") { loser } else { best };
        piece.add(format!("{} still wins here.", numbers.options[champion]), plant.is("champion"));
    } else {
        piece.line(format!("| Scenario | {} | Winner |", numbers.options.join(" | ")));
        piece.line(format!("|---|{}---|", "---|".repeat(numbers.options.len())));
        let cells = |all: &[i64]| all.iter().map(|t| dec(*t)).collect::<Vec<_>>().join(" | ");
        piece.line(format!("| Baseline | {} | {} |", cells(&totals), numbers.options[base_best]));
        let champion = if plant.is("champion") { loser } else { best };
        piece.add(
            format!("| {words} | {} | {} |", cells(&shown), numbers.options[champion]),
            plant.is("cell") || plant.is("champion"),
        );
    }
    piece.line("");
    if plant.is("robust") {
        piece.add(format!("{} wins in all scenarios.", numbers.options[base_best]), true);
    } else if rng.coin() {
        piece.line(format!("{} remains first in all scenarios.", numbers.options[base_best]));
    }
    piece.line("");
    Some(piece)
}
