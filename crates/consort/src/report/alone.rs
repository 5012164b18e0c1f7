//! What came of one document that was scored or reviewed alone: a value for machines, and the same
//! for people. Only what journal and store say.

use crate::out::Out;
use consort_core::ids::ContentHash;
use consort_core::quality::Score;
use consort_core::run::{GateRefusal, Round, Severity, State, TaskStage, Verdict};
use consort_core::view::report::Answer;
use consort_core::view::{clean, wrap};
use consort_worker::evidence;
use consort_worker::store::Store;
use consort_worker::words::cut;
use serde::Serialize;
use serde_json::Value;
use std::cmp::Reverse;

/// Columns of a text that is read on a terminal.
const WIDTH: usize = 96;

/// See the module. The keys are documented in docs/gate.md.
#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Outcome {
    pub run: String,
    /// `score` or `review`.
    pub kind: &'static str,
    pub file: String,
    pub sha256: String,
    pub rehearsal: bool,
    /// `pass`, `fail`, or `none` where no score or review came of it.
    pub verdict: &'static str,
    /// Why it is not a pass, in words.
    pub why: Option<String>,
    /// What the gate says against it, one by one.
    pub refusals: Vec<String>,
    /// What deterministic checks say against it.
    pub problems: Vec<Problem>,
    pub score: Option<Scored>,
    pub strategies: Vec<Strategy>,
    /// The gravest first. Those with invented quotations are only counted, in `strategies`.
    pub findings: Vec<Finding>,
    pub agent_calls: u32,
}

#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Problem {
    pub check: String,
    pub text: String,
}

#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Scored {
    /// Exact; a decimal as text, as all scores here.
    pub composite: String,
    pub threshold: String,
    pub floor: String,
    pub band: Option<String>,
    pub judges: Vec<Judge>,
    pub dimensions: Vec<Dimension>,
}

#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Judge {
    pub judge: u8,
    pub composite: String,
}

#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Dimension {
    pub dimension: String,
    pub name: String,
    pub weight: String,
    pub score: String,
    /// Each quotation stands in the document.
    pub evidence: Vec<Evidence>,
    pub gaps: String,
    pub improve: String,
    /// What is missing to 1.00, by weight: what to mend first.
    #[serde(skip)]
    gap: u32,
}

#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Evidence {
    pub location: String,
    pub quote: String,
}

#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Strategy {
    pub id: String,
    pub name: String,
    pub critical: u32,
    pub major: u32,
    pub minor: u32,
    /// Findings whose quotations are not in the document.
    pub dropped: u32,
    pub summary: String,
}

#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Finding {
    pub strategy: String,
    pub id: String,
    pub severity: Severity,
    pub dimension: String,
    pub location: String,
    pub quote: String,
    pub claim: String,
    pub remedy: String,
}

/// What the records of a run say that looked at one document.
pub(crate) fn result(state: &State, store: &Store) -> Outcome {
    let stored = evidence::Evidence { store, repo: None };
    let answer = |hash: &ContentHash| stored.answer(hash);
    let (task, it) = (state.graph.task(0), &state.tasks[0]);
    let round = it.round();
    let refusals: &[GateRefusal] = match round.and_then(|r| r.verdict.as_ref()) {
        Some(Verdict::Broken { refusals, .. } | Verdict::Revise(refusals)) => refusals,
        _ => &[],
    };
    let (verdict, why) = match &it.stage {
        TaskStage::Accepted => ("pass", None),
        TaskStage::Failed(why) if refusals.is_empty() => ("none", Some(clean(why))),
        TaskStage::Failed(why) => ("fail", Some(clean(why))),
        _ if state.is_over() => ("none", Some("the run was cancelled".to_owned())),
        _ => ("none", Some("the run is not over: `consort resume` goes on with it".to_owned())),
    };
    Outcome {
        run: state.start.as_ref().map(|s| s.run.to_string()).unwrap_or_default(),
        kind: if task.judged { "score" } else { "review" },
        file: clean(&task.output.paths().join(", ")),
        sha256: task.given.as_ref().map(ToString::to_string).unwrap_or_default(),
        rehearsal: state.graph.plan.rehearsal,
        verdict,
        why,
        refusals: refusals.iter().map(ToString::to_string).collect(),
        problems: it
            .problems
            .iter()
            .map(|p| Problem { check: p.check.clone(), text: clean(&p.text) })
            .collect(),
        score: round.and_then(|round| scored(state, round, &answer)),
        strategies: round.map(|round| strategies(state, round, &answer)).unwrap_or_default(),
        findings: round.map(|round| findings(round, &answer)).unwrap_or_default(),
        agent_calls: state.used.agent_calls,
    }
}

fn said(value: &Value, key: &str) -> String {
    clean(value[key].as_str().unwrap_or_default())
}

fn scored(state: &State, round: &Round, answer: &Answer<'_>) -> Option<Scored> {
    let (task, composite) = (state.graph.task(0), round.composite?);
    let said_by_judge = round.scores_answer.as_ref().map(answer).unwrap_or_default();
    let dimension = |d: &consort_core::plan::Dimension| {
        let score = round.scores.iter().find(|s| s.dimension == d.id)?.score;
        let one = &said_by_judge["scores"][d.id.as_str()];
        let points = one["evidence"].as_array().into_iter().flatten();
        Some(Dimension {
            dimension: d.id.to_string(),
            name: clean(&d.name),
            weight: d.weight.to_string(),
            score: score.to_string(),
            evidence: points
                .map(|p| Evidence { location: said(p, "location"), quote: said(p, "quote") })
                .collect(),
            gaps: said(one, "gaps"),
            improve: said(one, "improve"),
            gap: d.weight.ten_thousandths() * (Score::ONE.ten_thousandths() - score.ten_thousandths()),
        })
    };
    let mut judges: Vec<Judge> =
        round.judged.iter().map(|j| Judge { judge: j.judge, composite: j.composite.to_string() }).collect();
    if judges.is_empty() {
        judges.push(Judge { judge: 1, composite: composite.to_string() });
    }
    judges.sort_by_key(|j| j.judge);
    Some(Scored {
        composite: composite.to_string(),
        threshold: task.threshold.to_string(),
        floor: task.floor.to_string(),
        band: round.band.map(|band| band.to_string()),
        judges,
        dimensions: state.graph.plan.quality.dimensions.iter().filter_map(dimension).collect(),
    })
}

fn strategies(state: &State, round: &Round, answer: &Answer<'_>) -> Vec<Strategy> {
    let one = |(id, review): &(consort_core::ids::StrategyId, consort_core::run::Review)| Strategy {
        id: id.to_string(),
        name: clean(&state.graph.plan.strategy(id).name),
        critical: review.count(Severity::Critical),
        major: review.count(Severity::Major),
        minor: review.count(Severity::Minor),
        dropped: review.dropped(),
        summary: said(&answer(&review.answer), "summary"),
    };
    round.reviews.iter().map(one).collect()
}

fn findings(round: &Round, answer: &Answer<'_>) -> Vec<Finding> {
    let mut all = Vec::new();
    for (strategy, review) in &round.reviews {
        let full = answer(&review.answer);
        for (at, line) in review.findings.iter().enumerate().filter(|(_, line)| !line.void) {
            let of = |key: &str| said(&full["findings"][at], key);
            all.push(Finding {
                strategy: strategy.to_string(),
                id: line.id.clone(),
                severity: line.severity,
                dimension: of("dimension"),
                location: of("location"),
                quote: of("quote"),
                claim: of("claim"),
                remedy: of("remedy"),
            });
        }
    }
    all.sort_by_key(|f| Reverse(f.severity));
    all
}

/// For people.
pub(crate) fn text(of: &Outcome, out: &Out) -> String {
    let mut text = match (of.kind, &of.score) {
        ("score", Some(score)) => score_text(of, score, out),
        ("score", None) => none_text(of, "NO SCORE", out),
        _ if of.verdict == "none" => none_text(of, "NO REVIEW", out),
        _ => review_text(of, out),
    };
    text.push('\n');
    if of.rehearsal {
        text += "  this was a rehearsal: players stood in for the agents, and nothing here is a result\n";
    }
    let run = &of.run;
    for (name, what) in
        [("all of it:", format!("consort report {run}")), ("check it:", format!("consort verify {run}"))]
    {
        text += &format!("  {name:12} {what}\n");
    }
    text
}

fn score_text(of: &Outcome, score: &Scored, out: &Out) -> String {
    let verdict = match of.verdict {
        "pass" => out.stdout.good("PASSES"),
        _ => out.stdout.error("DOES NOT PASS"),
    };
    let judges = match score.judges.as_slice() {
        [_] => "one judge".to_owned(),
        many => {
            let each: Vec<&str> = many.iter().map(|j| j.composite.as_str()).collect();
            format!("{} judges ({}), the lower median counts", many.len(), each.join(", "))
        }
    };
    let mut text =
        format!("{verdict}  {}: {} of {}, by {judges}\n", of.file, score.composite, score.threshold);
    if !of.refusals.is_empty() {
        text += &format!("  against it: {}\n", of.refusals.join(", "));
    }
    let wide = score.dimensions.iter().map(|d| d.name.chars().count()).max().unwrap_or(0).max(9);
    text += &out.stdout.dim(&format!("\n  {:wide$}  WEIGHT  SCORE   FOR EXAMPLE", "DIMENSION"));
    text.push('\n');
    for d in &score.dimensions {
        let quote = d.evidence.first().map(|e| format!("\"{}\"", cut(&e.quote, 48))).unwrap_or_default();
        text += &format!("  {:wide$}  {:6}  {:6}  {quote}\n", d.name, d.weight, d.score);
    }
    text + &advice(score)
}

/// What to mend, what weighs most first.
fn advice(score: &Scored) -> String {
    let mut advised: Vec<&Dimension> =
        score.dimensions.iter().filter(|d| !d.improve.trim().is_empty()).collect();
    advised.sort_by_key(|d| Reverse(d.gap));
    if advised.is_empty() {
        return String::new();
    }
    let mut text = "\n  What would be better, what weighs most first:\n".to_owned();
    for d in advised {
        text += &hanging(&format!("{} from {}: {}", d.name, d.score, d.improve), "    - ");
    }
    text
}

fn none_text(of: &Outcome, head: &str, out: &Out) -> String {
    let head = out.stdout.error(head);
    if of.problems.is_empty() {
        let mut text = format!("{head}  {}\n", of.file);
        text += &hanging(of.why.as_deref().unwrap_or_default(), "  ");
        let run = &of.run;
        text += &format!("  what was answered: consort logs {run}\n");
        return text + &critics_text(of, out);
    }
    let n = of.problems.len();
    let found = if n == 1 { "1 problem".to_owned() } else { format!("{n} problems") };
    let mut text = format!("{head}  {}: checks found {found}, and no judge was asked\n", of.file);
    for problem in &of.problems {
        text += &hanging(&format!("{}: {}", problem.check, problem.text), "    - ");
    }
    text + "  the same checks alone: consort lint FILE\n"
}

fn review_text(of: &Outcome, out: &Out) -> String {
    let count = |of_one: fn(&Strategy) -> u32| of.strategies.iter().map(of_one).sum::<u32>();
    let (critical, major, minor) = (count(|s| s.critical), count(|s| s.major), count(|s| s.minor));
    let head = match of.verdict {
        "pass" => out.stdout.good("NOTHING GRAVE"),
        _ => out.stdout.error("FINDINGS"),
    };
    format!("{head}  {}: {critical} Critical, {major} Major, {minor} Minor\n", of.file)
        + &critics_text(of, out)
}

/// What each critic says, then all findings.
fn critics_text(of: &Outcome, out: &Out) -> String {
    let mut text = String::new();
    for s in &of.strategies {
        let dropped = match s.dropped {
            0 => String::new(),
            n => format!(" ({n} dropped: what they quote is not in the document)"),
        };
        let found = s.critical + s.major + s.minor;
        text += &hanging(&format!("{} {}: {found} found{dropped}. {}", s.id, s.name, s.summary), "  ");
    }
    for f in &of.findings {
        let severity = match f.severity {
            Severity::Critical => out.stdout.error("Critical"),
            Severity::Major => out.stdout.warning("Major"),
            Severity::Minor => "Minor".to_owned(),
        };
        text += &format!("\n  {}/{}  {severity}  {}\n", f.strategy, f.id, cut(&f.location, 60));
        text += &hanging(&f.claim, "    ");
        if !f.quote.trim().is_empty() {
            text += &hanging(&format!("\"{}\"", f.quote), "    ");
        }
        text += &hanging(&format!("remedy: {}", f.remedy), "    ");
    }
    text
}

/// Wrapped, with the first line behind `lead` and the others below it.
fn hanging(text: &str, lead: &str) -> String {
    let below = " ".repeat(lead.chars().count());
    let lines = wrap(text, WIDTH - lead.chars().count());
    let lines = lines.iter().enumerate();
    lines.map(|(at, line)| format!("{}{line}\n", if at == 0 { lead } else { &below })).collect()
}
