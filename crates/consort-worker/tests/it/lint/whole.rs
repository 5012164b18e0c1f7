//! Whole documents: a head, some pieces in different orders and styles, a foot.

use super::matrices;
use super::parts::{self, Piece, Plant};
use super::rng::Rng;

pub struct Document {
    pub text: String,
    /// Numbers of the lines that are wrong; empty if the place does not matter.
    pub wrong: Vec<usize>,
}

impl Document {
    pub fn numbered(&self) -> String {
        self.text.lines().enumerate().map(|(at, l)| format!("{:4} {l}\n", at + 1)).collect()
    }
}

type Make = fn(&mut Rng, Plant) -> Piece;

const PIECES: [(&str, Make, &[&str]); 13] = [
    ("Comparison", matrices::matrix, &["product", "total", "weights", "rank", "winner", "order", "score"]),
    ("Robustness", matrices::sensitivity, &["cell", "champion", "robust"]),
    ("What we know", parts::counted, &["list", "table-count", "heading-count"]),
    ("Review", parts::tallied, &["tally", "summary-table", "parts"]),
    ("Money", parts::summed, &["total-row", "row-total"]),
    ("Progress", parts::shared, &["ratio", "split", "boxes"]),
    ("Effort", parts::calculated, &["sum", "product-text", "rpn", "price", "risk"]),
    ("Schedule", parts::dated, &["no-day", "range", "pair", "columns", "weekday"]),
    ("Work", parts::graded, &["legend", "slip", "grade"]),
    ("Interfaces", parts::shaped, &["fewer", "more"]),
    ("Reading", parts::linked, &["anchor", "reference", "footnote", "citation"]),
    ("Ownership", parts::filled, &["tbd", "braces", "todo", "lorem", "unscored"]),
    ("Measurements", parts::measured, &["metric"]),
];

const PROSE: [&str; 10] = [
    "The team met twice and wrote down what was agreed. Nothing here is new to those who were there.",
    "Version 2.3.1 is in use since 2024-05-06; it runs on 3 nodes with 16 GB each, about 40% of which is free.",
    "Most requests (roughly 80 of 100) are served from the cache, see section 4 of the manual.",
    "It takes 5-10 minutes to restore a node, and we have done so 3 times this year.",
    "The old system had 2 queues, 14 workers and one table; the new one has neither.",
    "We compared notes with two other teams, who had found the same 6 to 8 months ago.",
    "Latency went from 420 ms to 240 ms after the change, which is 43% less.",
    "If the contract is not renewed by 1 March 2027, the second phase starts without the vendor.",
    "See RFC 9110, ISO 8601 and CVE-2024-3094 for the background; ids such as REQ-17 are ours.",
    "A pool of size N + 1 is enough, with N = 4 in production.",
];

/// A document with one error, or with none if the plant is empty.
pub fn document(seed: u64, plant: Plant) -> Document {
    let mut rng = Rng::new(seed + 17);
    for _ in 0..8 {
        rng.next();
    }
    let own = PIECES.iter().position(|(_, _, plants)| plants.contains(&plant.0));
    // A few pieces of other sorts around it, each sort once.
    let others: Vec<usize> = (0..PIECES.len())
        .filter(|i| Some(*i) != own && !(own == Some(1) && *i == 0) && !(own == Some(0) && *i == 1))
        .collect();
    let count = rng.int(2, 4) as usize;
    let mut chosen = rng.some(&others, count);
    if chosen.contains(&0) {
        chosen.retain(|i| *i != 1);
    }
    chosen.insert(
        rng.int(0, chosen.len() as i64) as usize,
        own.unwrap_or(others[rng.int(0, others.len() as i64 - 1) as usize]),
    );
    let mut seen = Vec::new();
    chosen.retain(|i| {
        !seen.contains(i) && {
            seen.push(*i);
            true
        }
    });
    if chosen.contains(&0) && chosen.contains(&1) {
        chosen.retain(|i| *i != 1);
    }
    let mut piece = Piece::default();
    head(&mut rng, plant, &mut piece);
    body(&mut rng, plant, &chosen, &mut piece);
    let wrong = piece.lines.iter().enumerate().filter(|(_, l)| l.1).map(|(at, _)| at + 1).collect();
    let text = piece.lines.into_iter().map(|(l, _)| l + "\n").collect();
    Document { text, wrong }
}

fn head(rng: &mut Rng, plant: Plant, piece: &mut Piece) {
    let front = plant.0.starts_with("front") || rng.int(0, 2) == 0;
    if front {
        piece.add("---", plant.is("front-open"));
        piece.line("title: A comparison");
        if plant.is("front-syntax") {
            piece.add(
                rng.pick(&["owner: [ana, bo", "owner: \"ana", "title: twice", "tags: {a: b", "owner: a: b"]),
                true,
            );
        }
        let (created, updated) =
            if plant.is("front-dates") { ("2026-05-04", "2026-03-02") } else { ("2026-03-02", "2026-05-04") };
        piece.line(format!("created: {created}"));
        piece.add(format!("completed: {updated}"), plant.is("front-dates"));
        if !plant.is("front-open") {
            piece.line("---");
        }
        if plant.is("front-syntax") {
            piece.all_wrong();
        }
        piece.line("");
    }
    piece.line(rng.pick(&[
        "# ADR-7: Which way to go",
        "# Status report",
        "# Research: what is there",
        "# Plan for the second half",
    ]));
    piece.line("");
    if rng.coin() {
        piece.line("> **Status:** Accepted");
        piece.line("> **Version:** 1.2");
        piece.line("");
    }
    piece.line(rng.pick(&PROSE));
    piece.line("");
}

fn body(rng: &mut Rng, plant: Plant, chosen: &[usize], piece: &mut Piece) {
    let numbered = ["gap", "doubled", "contents"].contains(&plant.0) || rng.coin();
    let levels = plant.is("level") || rng.int(0, 3) == 0;
    let mut titles: Vec<String> = Vec::new();
    if levels {
        titles.push("L0: Summary".into());
        if !plant.is("level") {
            titles.push("L1: Detail".into());
        }
        titles.push("L2: Outlook".into());
    }
    let fixed = titles.len();
    let mut number = 0;
    let wrong_at = rng.int(1, 2) as usize;
    let mut names: Vec<&str> = chosen.iter().map(|c| PIECES[*c].0).collect();
    names.extend(["Background", "Next steps"]);
    let mut flagged = Vec::new();
    for (at, name) in names.iter().enumerate() {
        number += 1;
        if at == wrong_at && plant.is("gap") {
            number += 1;
        }
        if at == wrong_at && plant.is("doubled") {
            number -= 1;
        }
        flagged.push(at == wrong_at || at == wrong_at + 1);
        titles.push(if numbered { format!("{number}. {name}") } else { (*name).to_owned() });
    }
    if plant.is("contents") || rng.coin() {
        piece.line("## Contents");
        piece.line("");
        for (at, title) in titles.iter().enumerate() {
            let wrong = plant.is("contents") && at == fixed + wrong_at;
            let shown = if wrong { title.replacen(char::is_numeric, "9", 1) } else { title.clone() };
            piece.add(format!("- [{shown}](#{})", slug(title)), wrong);
        }
        piece.line("");
    }
    for title in &titles[..fixed] {
        piece.add(format!("## {title}"), plant.is("level"));
        piece.line("");
        piece.line(rng.pick(&PROSE));
        piece.line("");
    }
    for (at, title) in titles[fixed..].iter().enumerate() {
        let wrong = (plant.is("gap") || plant.is("doubled")) && flagged[at];
        piece.add(format!("## {title}"), wrong);
        piece.line("");
        if rng.coin() {
            piece.line(rng.pick(&PROSE));
            piece.line("");
        }
        match chosen.get(at) {
            Some(index) => {
                let (_, make, plants) = PIECES[*index];
                let own = if plants.contains(&plant.0) { plant } else { Plant("") };
                piece.lines.extend(make(rng, own).lines);
            }
            None => piece.line(rng.pick(&PROSE)),
        }
        if rng.coin() {
            piece.line("");
            piece.line(rng.pick(&PROSE));
        }
        piece.line("");
    }
}

fn slug(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-');
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}
