//! Pieces of documents, each with one error or none.

use super::rng::{Rng, dec};

/// The name of the error that a piece is to have; empty for none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plant(pub &'static str);

impl Plant {
    pub fn is(&self, name: &str) -> bool {
        self.0 == name
    }
}

/// Lines, and which of them are wrong.
#[derive(Default)]
pub struct Piece {
    pub lines: Vec<(String, bool)>,
}

impl Piece {
    pub fn line(&mut self, text: impl Into<String>) {
        self.add(text, false);
    }

    pub fn add(&mut self, text: impl Into<String>, wrong: bool) {
        self.lines.push((text.into(), wrong));
    }

    /// The error may be told at any line of it.
    pub fn all_wrong(&mut self) {
        self.lines.iter_mut().for_each(|l| l.1 = true);
    }
}

const WORDS: [&str; 21] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];
const THINGS: [&str; 10] = [
    "options",
    "findings",
    "risks",
    "open questions",
    "steps",
    "reasons",
    "constraints",
    "changes",
    "goals",
    "assumptions",
];
const CLAUSES: [&str; 14] = [
    "the cache is warm only after the first request",
    "nobody owns the nightly job",
    "the queue grows on Mondays",
    "certificates expire in silence",
    "the importer reads each file twice",
    "logs lack a request id",
    "two teams change the same table",
    "the load test skips the login",
    "retries have no upper bound",
    "backups were never restored",
    "the schema has no version",
    "alerts go to a list that nobody reads",
    "deploys wait for a manual step",
    "the client trusts the clock",
];

fn number(rng: &mut Rng, n: i64) -> String {
    if rng.coin() { WORDS[n as usize].to_owned() } else { n.to_string() }
}

fn off(rng: &mut Rng, n: i64) -> i64 {
    if n > 2 && rng.coin() { n - 1 } else { n + rng.int(1, 2) }
}

/// Plants: `list`, `table-count`, `heading-count`.
pub fn counted(rng: &mut Rng, plant: Plant) -> Piece {
    let mut piece = Piece::default();
    let n = rng.int(3, 7);
    let things = rng.pick(&THINGS);
    let said = if plant.0.is_empty() { n } else { off(rng, n) };
    let clauses = rng.some(&CLAUSES, n as usize);
    if plant.is("heading-count") {
        piece.add(format!("### Known {things} ({said})"), true);
        piece.line("");
    } else {
        let intro = match rng.int(0, 3) {
            0 => format!("We found {} {things}:", number(rng, said)),
            1 => format!("The following {} {things} stand out:", number(rng, said)),
            2 => format!("There are {} {things}:", number(rng, said)),
            _ => format!(
                "After two weeks and 14 interviews we agreed. There remain {} {things}:",
                number(rng, said)
            ),
        };
        piece.add(intro, !plant.0.is_empty());
        piece.line("");
    }
    if plant.is("table-count") || (plant.0.is_empty() && rng.coin()) {
        piece.line("| Id | What | Owner |");
        piece.line("|---|---|---|");
        for (at, clause) in clauses.iter().enumerate() {
            piece.line(format!("| X-{at} | {clause} | {} |", rng.pick(&["Ana", "Bo", "Cleo"])));
        }
    } else {
        let numbered = rng.coin();
        for (at, clause) in clauses.iter().enumerate() {
            let mark = if numbered { format!("{}.", at + 1) } else { "-".to_owned() };
            piece.line(format!("{mark} {clause}"));
        }
    }
    piece.line("");
    piece
}

/// Rows with severities and what is said of them. Plants: `tally`, `summary-table`, `parts`.
pub fn tallied(rng: &mut Rng, plant: Plant) -> Piece {
    let mut piece = Piece::default();
    let kinds = rng.pick(&[["Critical", "Major", "Minor"], ["High", "Medium", "Low"]]);
    let counts = [rng.int(1, 3), rng.int(2, 5), rng.int(2, 4)];
    let total: i64 = counts.iter().sum();
    let mut said = counts;
    let victim = rng.int(0, 2) as usize;
    if plant.is("tally") || plant.is("summary-table") {
        said[victim] = off(rng, said[victim]);
    }
    let sum = if plant.is("parts") { off(rng, total) } else { said.iter().sum() };
    if plant.is("summary-table") || (plant.0.is_empty() && rng.coin()) {
        piece.line("| Severity | Count |");
        piece.line("|---|---|");
        for (kind, n) in kinds.iter().zip(said) {
            piece.add(format!("| {kind} | {n} |"), plant.is("summary-table"));
        }
        if !plant.is("summary-table") {
            piece.line(format!("| **Total** | **{sum}** |"));
        }
    } else if plant.is("parts") || rng.coin() {
        let line = format!(
            "The review gave {sum} findings ({} {}, {} {}, {} {}).",
            said[0],
            kinds[0].to_lowercase(),
            said[1],
            kinds[1].to_lowercase(),
            said[2],
            kinds[2].to_lowercase()
        );
        piece.add(line, !plant.0.is_empty());
    } else {
        piece.add(
            format!(
                "Result: {} {}, {} {} and {} {}.",
                said[0], kinds[0], said[1], kinds[1], said[2], kinds[2]
            ),
            !plant.0.is_empty(),
        );
    }
    piece.line("");
    piece.line("| ID | Finding | Severity |");
    piece.line("|---|---|---|");
    let mut at = 0;
    for (kind, n) in kinds.iter().zip(counts) {
        for _ in 0..n {
            at += 1;
            piece.line(format!("| F-{at:03} | {} | {kind} |", CLAUSES[at as usize % CLAUSES.len()]));
        }
    }
    piece.line("");
    piece
}

/// A table with a total. Plants: `total-row`, `row-total`.
pub fn summed(rng: &mut Rng, plant: Plant) -> Piece {
    let mut piece = Piece::default();
    let money = rng.coin();
    let show = |n: i64| if money { format!("${},{:03}", n / 1000 + 1, n % 1000) } else { n.to_string() };
    let value = |n: i64| if money { (n / 1000 + 1) * 1000 + n % 1000 } else { n };
    let names = rng.some(&["Design", "Build", "Test", "Operations", "Training", "Licences"], 4);
    let mut sums = [0, 0];
    let across = rng.coin() || plant.is("row-total");
    piece.line(if across {
        "| Item | First half | Second half | Total |"
    } else {
        "| Item | First half | Second half |"
    });
    piece.line(if across { "|---|--:|--:|--:|" } else { "|---|--:|--:|" });
    let plain = |n: i64| if money { format!("${},{:03}", n / 1000, n % 1000) } else { n.to_string() };
    for (row, name) in names.iter().enumerate() {
        let cells = [rng.int(11, 900), rng.int(11, 900)];
        sums[0] += value(cells[0]);
        sums[1] += value(cells[1]);
        let mut line = format!("| {name} | {} | {} |", show(cells[0]), show(cells[1]));
        let wrong = plant.is("row-total") && row == 1;
        if across {
            let right = value(cells[0]) + value(cells[1]);
            line += &format!(" {} |", plain(if wrong { right + 10 } else { right }));
        }
        piece.add(line, wrong);
    }
    let wrong = plant.is("total-row");
    let first = if wrong { sums[0] + rng.pick(&[-10, 9, 20, 100]) } else { sums[0] };
    let mut line = format!("| **Total** | **{}** | {} |", plain(first), plain(sums[1]));
    if across && !wrong {
        line += &format!(" {} |", plain(sums[0] + sums[1]));
    } else if across {
        line += " |";
    }
    // A wrong row total must be the only error.
    if plant.is("row-total") {
        line = line.rsplitn(3, '|').nth(2).unwrap().to_owned() + "| |";
    }
    piece.add(line, wrong);
    piece.line("");
    piece
}

/// Plants: `ratio`, `split`, `boxes`.
pub fn shared(rng: &mut Rng, plant: Plant) -> Piece {
    let mut piece = Piece::default();
    let (part, whole) = rng.pick(&[(12, 15), (9, 12), (14, 20), (33, 40), (3, 8), (17, 25)]);
    let right = (100 * part + whole / 2) / whole;
    let said = if plant.is("ratio") { right + rng.pick(&[-12, -5, 4, 9]) } else { right };
    let form = rng.int(0, 2);
    piece.add(
        match form {
            0 => format!("{part} of {whole} stories are done: {part} of {whole} ({said}%)."),
            1 => format!("Coverage: {part}/{whole} ({said}%) of the modules have an owner."),
            _ => format!("We closed {said}% ({part} of {whole}) of the tickets."),
        },
        plant.is("ratio"),
    );
    piece.line("");
    if plant.is("split") || rng.coin() {
        let parts = rng.pick(&[[40, 35, 25], [50, 30, 20], [45, 35, 20]]);
        let last = if plant.is("split") { parts[2] + rng.pick(&[-5, 5, 10]) } else { parts[2] };
        piece.add(
            format!(
                "The budget is split: {}% for people, {}% for machines and {last}% for training.",
                parts[0], parts[1]
            ),
            plant.is("split"),
        );
        piece.line("");
    }
    if plant.is("boxes") || rng.coin() {
        piece.line("### Checklist");
        piece.line("");
        let done = rng.int(1, 4);
        let all = done + rng.int(1, 3);
        let said = if plant.is("boxes") { done + if done + 1 < all { 1 } else { -1 } } else { done };
        if said > 0 || !plant.is("boxes") {
            piece.add(format!("Progress: {said} of {all} tasks done."), plant.is("boxes"));
        } else {
            piece.add(format!("Progress: {all} of {all} tasks done."), true);
        }
        piece.line("");
        for at in 0..all {
            piece.line(format!("- [{}] {}", if at < done { "x" } else { " " }, CLAUSES[at as usize]));
        }
        piece.line("");
    }
    piece
}

/// Plants: `sum`, `product-text`, `rpn`, `price`, `risk`.
pub fn calculated(rng: &mut Rng, plant: Plant) -> Piece {
    let mut piece = Piece::default();
    let (a, b, c) = (rng.int(11, 60), rng.int(11, 60), rng.int(2, 9));
    let slip = |name: &str, rng: &mut Rng| if plant.is(name) { rng.pick(&[-3, -1, 2, 10]) } else { 0 };
    let sum = a + b + c + slip("sum", rng);
    piece.add(
        match rng.int(0, 2) {
            0 => format!("The effort is {a} + {b} + {c} = {sum} hours."),
            1 => format!("In total ({a} days + {b} days + {c} days = {sum} days) this fits the quarter."),
            _ => format!("- Effort: {a} + {b} + {c} = **{sum}**"),
        },
        plant.is("sum"),
    );
    piece.line("");
    let product = a * c + slip("product-text", rng);
    piece.add(
        match rng.int(0, 1) {
            0 => format!("It costs {c} × ${a} = ${product} a month."),
            _ => format!("We need {c} people × {a} hours = {product} hours."),
        },
        plant.is("product-text"),
    );
    piece.line("");
    match plant.0 {
        "rpn" => rpn(rng, true, &mut piece),
        "price" => price(rng, true, &mut piece),
        "risk" => risk(rng, true, &mut piece),
        _ => match rng.int(0, 3) {
            0 => rpn(rng, false, &mut piece),
            1 => price(rng, false, &mut piece),
            2 => risk(rng, false, &mut piece),
            _ => {}
        },
    }
    piece
}

fn rpn(rng: &mut Rng, wrong: bool, piece: &mut Piece) {
    piece.line("| Failure mode | S | O | D | RPN |");
    piece.line("|---|---|---|---|---|");
    for (row, mode) in CLAUSES.iter().take(4).enumerate() {
        let [s, o, d] = [0; 3].map(|_| rng.int(2, 9));
        let off = if wrong && row == 2 { 6 } else { 0 };
        piece.add(format!("| {} | {s} | {o} | {d} | {} |", mode, s * o * d + off), off > 0);
    }
    piece.line("");
}

fn price(rng: &mut Rng, wrong: bool, piece: &mut Piece) {
    piece.line("| Position | Qty | Unit price | Amount |");
    piece.line("|---|---|---|---|");
    let names = ["Servers", "Disks", "Switches", "Racks", "Cables"];
    for (row, name) in names.iter().enumerate() {
        let (n, each) = (rng.int(2, 12), rng.int(1200, 9900));
        let off = if wrong && row == 3 { 700 } else { 0 };
        piece.add(format!("| {name} | {n} | ${} | ${} |", dec(each), dec(n * each + off)), off > 0);
    }
    piece.line("");
}

fn risk(rng: &mut Rng, wrong: bool, piece: &mut Piece) {
    piece.line("| Risk | Probability | Impact | Score |");
    piece.line("|---|---|---|---|");
    for row in 0..5 {
        let (p, i) = (rng.int(2, 5), rng.int(2, 5));
        let off = if wrong && row == 1 { 3 } else { 0 };
        piece.add(format!("| {} | {p} | {i} | {} |", CLAUSES[row + 4], p * i + off), off > 0);
    }
    piece.line("");
}

/// Plants: `no-day`, `range`, `columns`, `pair`, `weekday`.
pub fn dated(rng: &mut Rng, plant: Plant) -> Piece {
    let mut piece = Piece::default();
    let month = rng.int(1, 9);
    let day = |m: i64, d: i64| format!("2026-{m:02}-{d:02}");
    let first = match plant.0 {
        "no-day" => rng
            .pick(&["2026-02-30", "2026-13-04", "2026-04-31", "31 June 2026", "February 29, 2026"])
            .to_owned(),
        _ => day(month, 14),
    };
    piece.add(format!("The review took place on {first} with all leads."), plant.is("no-day"));
    piece.line("");
    let (from, to) = (day(month, 3), day(month + 2, 20));
    let (from, to) = if plant.is("range") { (to, from) } else { (from, to) };
    piece.add(format!("The pilot ran from {from} to {to}."), plant.is("range"));
    piece.line("");
    if plant.is("weekday") || rng.coin() {
        // 2026-11-23 is a Monday.
        let name = if plant.is("weekday") { rng.pick(&["Tuesday", "Friday", "Sunday"]) } else { "Monday" };
        piece.add(format!("The next meeting is on {name}, 23 November 2026."), plant.is("weekday"));
        piece.line("");
    }
    if plant.is("pair") || rng.coin() {
        let (a, b) = (day(month, 5), day(month + 1, 9));
        let (a, b) = if plant.is("pair") { (b, a) } else { (a, b) };
        piece.line(format!("- **Created:** {a}"));
        piece.add(
            format!("- **{}:** {b}", rng.pick(&["Completed", "Closed", "Last updated"])),
            plant.is("pair"),
        );
        piece.line("- **Owner:** platform team");
        piece.line("");
    }
    if plant.is("columns") || rng.coin() {
        piece.line(format!(
            "| Milestone | {} |",
            rng.pick(&["Start | End", "Started | Finished", "Opened | Closed"])
        ));
        piece.line("|---|---|---|");
        for (row, name) in ["Discovery", "Build", "Pilot", "Rollout"].iter().enumerate() {
            let (a, b) = (day(month + row as i64 / 2, 2 + row as i64), day(month + 1 + row as i64 / 2, 11));
            let wrong = plant.is("columns") && row == 2;
            let (a, b) = if wrong { (b, a) } else { (a, b) };
            piece.add(format!("| {name} | {a} | {b} |"), wrong);
        }
        piece.line("");
    }
    piece
}

/// Plants: `legend`, `slip`, `grade`.
pub fn graded(rng: &mut Rng, plant: Plant) -> Piece {
    let mut piece = Piece::default();
    let legend = plant.is("legend") || (plant.0.is_empty() && rng.coin());
    let states = ["Open", "Blocked", "Done"];
    if legend {
        piece.line(match rng.int(0, 1) {
            0 => "Status is one of Open, Blocked or Done.",
            _ => "Allowed values for status: Open, Blocked, Done.",
        });
        piece.line("");
    }
    piece.line("| Work | Status | Criticality |");
    piece.line("|---|---|---|");
    for row in 0..6usize {
        let mut state = states[row % 3];
        let mut level = ["C1", "C2", "C3", "C4"][row % 4];
        let wrong = row == 4 && !plant.0.is_empty();
        if wrong {
            match plant.0 {
                "legend" => state = rng.pick(&["Paused", "Finished", "Parked"]),
                "slip" => state = "Blcoked",
                _ => level = rng.pick(&["C5", "C7"]),
            }
        }
        piece.add(format!("| {} | {state} | {level} |", CLAUSES[row]), wrong);
    }
    piece.line("");
    piece
}

/// Plants: `fewer`, `more`.
pub fn shaped(rng: &mut Rng, plant: Plant) -> Piece {
    let mut piece = Piece::default();
    piece.line("| Interface | Protocol | Owner | Notes |");
    piece.line("| --- | --- | --- | --- |");
    for row in 0..5usize {
        let mut line = format!(
            "| {} | {} | {} | `a \\| b` |",
            ["Intake", "Billing", "Search", "Export", "Audit"][row],
            rng.pick(&["HTTP", "gRPC", "AMQP"]),
            rng.pick(&["Ana", "Bo"])
        );
        let wrong = row == 2 && !plant.0.is_empty();
        if wrong {
            line = match plant.0 {
                "fewer" => "| Search | HTTP | Ana |".to_owned(),
                _ => line + " extra |",
            };
        }
        piece.add(line, wrong);
    }
    piece.line("");
    piece
}

/// Plants: `anchor`, `reference`, `footnote`, `citation`.
pub fn linked(rng: &mut Rng, plant: Plant) -> Piece {
    let mut piece = Piece::default();
    let anchor = if plant.is("anchor") { "#the-missing-part" } else { "#where-to-look" };
    piece.add(
        format!("Details are in [the part below]({anchor}) and in [the guide][guide]."),
        plant.is("anchor"),
    );
    piece.line("");
    let name = if plant.is("reference") { "handbook" } else { "guide" };
    piece.add(format!("Operators start with [their chapter][{name}]."), plant.is("reference"));
    piece.line("");
    let note = if plant.is("footnote") { "7" } else { "1" };
    piece.add(format!("The figure is from the vendor[^{note}]."), plant.is("footnote"));
    piece.line("");
    let cited = if plant.is("citation") { rng.int(5, 9) } else { rng.int(1, 3) };
    piece.add(format!("Earlier work came to the same result [{cited}]."), plant.is("citation"));
    for line in [
        "",
        "### Where to look",
        "",
        "Ask the platform team first.",
        "",
        "[guide]: https://example.org/guide",
        "",
        "[^1]: Data sheet, page 4.",
    ] {
        piece.line(line);
    }
    for line in
        ["", "### References", "", "1. The first paper", "2. The second paper", "3. The third paper", ""]
    {
        piece.line(line);
    }
    piece
}

/// Plants: `tbd`, `braces`, `todo`, `lorem`, `unscored`.
pub fn filled(rng: &mut Rng, plant: Plant) -> Piece {
    let mut piece = Piece::default();
    let owner = if plant.is("tbd") { rng.pick(&["TBD", "TODO", "???"]) } else { "Ana" };
    piece.add(format!("- **Owner:** {owner}"), plant.is("tbd"));
    piece.line("- **Approver:** Bo");
    piece.line("");
    let team = if plant.is("braces") { "{{team_name}}" } else { "the platform team" };
    piece.add(format!("Rollback is done by {team} within an hour."), plant.is("braces"));
    if plant.is("todo") {
        piece.add("TODO: describe the rollback of the schema.", true);
    }
    if plant.is("lorem") {
        piece.add("Lorem ipsum dolor sit amet, consectetur.", true);
    }
    piece.line("");
    if plant.is("unscored") || rng.coin() {
        piece.line("| Gate | Status | Score |");
        piece.line("|---|---|---|");
        piece.line("| Design | COMPLETE | 0.94 |");
        piece.add(
            format!("| Build | {} | --/0.92 |", if plant.is("unscored") { "COMPLETE" } else { "PENDING" }),
            plant.is("unscored"),
        );
        piece.line("");
    }
    piece
}

/// Plants: `metric`.
pub fn measured(rng: &mut Rng, plant: Plant) -> Piece {
    let mut piece = Piece::default();
    let (latency, error) = (rng.int(120, 480), rng.int(1, 9));
    let said = if plant.is("metric") { latency + rng.int(20, 90) } else { latency };
    piece.add(
        match rng.int(0, 1) {
            0 => format!("In the pilot the p95 latency was {said}ms, which is fine."),
            _ => format!("We reached a p95 latency of {said}ms in the last run."),
        },
        plant.is("metric"),
    );
    piece.line("");
    piece.line("| Metric | Value |");
    piece.line("|---|---|");
    piece.line(format!("| p95 latency | {latency}ms |"));
    piece.line(format!("| Error rate | 0.{error}% |"));
    piece.line("| Uptime | 99.95% |");
    piece.line("");
    piece
}
