//! Weights that a sentence describes: "Cost doubled to 40%, others scaled proportionally",
//! "redistributing 0.15 equally from Control and Tools", "equal weights".

use super::doc::Span;
use super::matrix::Matrix;
use super::norm;
use super::number::{Number, numbers};

/// What a text may mean, likeliest first.
#[derive(Debug)]
pub(super) struct Weights {
    pub(super) candidates: Vec<Vec<f64>>,
    /// The text says how the other weights make room.
    pub(super) certain: bool,
}

#[derive(Clone, Debug)]
enum Token {
    Criterion(usize),
    Number(Number),
    Word(String),
    Arrow,
    Open,
    Close,
    Stop,
}

/// The weights of a matrix under what a text says; `None` if it says nothing that is understood.
pub(super) fn weights(text: &str, matrix: &Matrix) -> Option<Weights> {
    if text.len() > 4_000 {
        return None;
    }
    let base = matrix.weights();
    let words = norm(text);
    let said = Said::read(&tokens(text, matrix), &base, matrix.shares());
    let total: f64 = base.iter().sum();
    let n = base.len();
    if said.explicit.iter().all(Option::is_none) {
        let equal = [
            "equal weight",
            "equal weights",
            "equally weighted",
            "weighted equally",
            "uniform weight",
            "equal weighting",
            "uniform weights",
            "all weights equal",
            "unweighted",
        ];
        return equal
            .iter()
            .any(|e| words.contains(e))
            .then(|| Weights { candidates: vec![vec![total / n as f64; n]], certain: true });
    }
    let fresh: Vec<f64> = said.explicit.iter().zip(&base).map(|(e, b)| e.unwrap_or(*b)).collect();
    let off = total - fresh.iter().sum::<f64>();
    if off.abs() < 1e-6 {
        return Some(Weights { candidates: vec![fresh], certain: true });
    }
    let moved = moved(&said, &base, &fresh, off, total);
    if !moved.is_empty() {
        return Some(Weights { candidates: moved, certain: true });
    }
    let others: Vec<usize> = (0..n).filter(|i| said.explicit[*i].is_none()).collect();
    let rest: f64 = others.iter().map(|i| base[*i]).sum();
    if others.is_empty() || rest <= 0.0 {
        return None;
    }
    let with = |f: &dyn Fn(f64) -> f64| -> Vec<f64> {
        (0..n).map(|i| if said.explicit[i].is_some() { fresh[i] } else { f(base[i]) }).collect()
    };
    let proportional = with(&|b| b * (rest + off) / rest);
    let even = with(&|b| b + off / others.len() as f64);
    let same_share = with(&|_| (rest + off) / others.len() as f64);
    let sum: f64 = fresh.iter().sum();
    let normalised: Vec<f64> = fresh.iter().map(|f| f * total / sum).collect();
    let has = |all: &[&str]| all.iter().any(|w| words.contains(w));
    if has(&["proportion", "pro rata", "scaled", "rescaled", "scale the", "renormali"]) {
        let mut candidates = vec![proportional];
        if has(&["renormali", "normali"]) {
            candidates.push(normalised);
        }
        return Some(Weights { candidates, certain: true });
    }
    if has(&["others equal", "other criteria equal", "evenly", "equally", "share the rest equally"]) {
        return Some(Weights { candidates: vec![even, same_share], certain: true });
    }
    if has(&["unchanged", "others fixed", "other weights fixed", "all else"]) {
        return Some(Weights { candidates: vec![normalised, fresh], certain: matrix.shares().is_none() });
    }
    Some(Weights { candidates: vec![proportional, even, same_share, normalised, fresh], certain: false })
}

/// Room is made by, or for, criteria that are named.
fn moved(said: &Said, base: &[f64], fresh: &[f64], off: f64, total: f64) -> Vec<Vec<f64>> {
    let named: Vec<(usize, Option<f64>)> =
        said.sides.iter().filter(|(i, _)| said.explicit[*i].is_none()).copied().collect();
    if named.is_empty() {
        return Vec::new();
    }
    let whole = |w: &Vec<f64>| (w.iter().sum::<f64>() - total).abs() < 1e-6;
    let mut all = Vec::new();
    if named.iter().all(|(_, n)| n.is_some()) {
        let set = |f: &dyn Fn(usize, f64) -> f64| {
            let mut w = fresh.to_vec();
            named.iter().for_each(|(i, n)| w[*i] = f(*i, n.unwrap_or_default()));
            w
        };
        let sign = off.signum();
        all.extend([set(&|_, n| n), set(&|i, n| base[i] + sign * n)].into_iter().filter(whole));
    }
    let mut even = fresh.to_vec();
    named.iter().for_each(|(i, _)| even[*i] += off / named.len() as f64);
    let rest: f64 = named.iter().map(|(i, _)| base[*i]).sum();
    let mut shared = fresh.to_vec();
    named.iter().for_each(|(i, _)| shared[*i] += off * base[*i] / rest);
    if all.is_empty() {
        all.push(even);
        all.push(shared);
    }
    all.retain(|w| w.iter().all(|v| *v >= -1e-9));
    all
}

/// Before the weight that it was.
const OLD: [&str; 9] =
    ["from", "was", "were", "previously", "of", "originally", "currently", "versus", "than"];

/// What a text says of single criteria.
struct Said {
    explicit: Vec<Option<f64>>,
    /// Criteria that weight is taken from or given to, with a number behind them.
    sides: Vec<(usize, Option<f64>)>,
}

impl Said {
    fn read(tokens: &[Token], base: &[f64], whole: Option<f64>) -> Self {
        let mut said = Said { explicit: vec![None; base.len()], sides: Vec::new() };
        let mut group: Vec<usize> = Vec::new();
        let mut since = 0;
        let mut side = false;
        let mut factor: Option<f64> = None;
        let mut sign = 1.0;
        let mut assigned = false;
        let mut last_word = String::new();
        for (at, token) in tokens.iter().enumerate() {
            since += 1;
            match token {
                Token::Criterion(i) => {
                    let joined = matches!(last_word.as_str(), "and" | "the" | "both" | "") || since <= 2;
                    if side && (joined || last_word == "from" || last_word == "to") {
                        said.sides.push((*i, None));
                    } else {
                        side = false;
                        if assigned || since > 3 {
                            group.clear();
                        }
                        assigned = false;
                        group.push(*i);
                        if let Some(factor) = factor {
                            said.explicit[*i] = Some(base[*i] * factor);
                        }
                    }
                    since = 0;
                    last_word.clear();
                }
                Token::Number(number) => {
                    let Some(value) = scaled(number, whole) else { continue };
                    let arrow = matches!(tokens.get(at + 1), Some(Token::Arrow));
                    if side {
                        if let (Some(last), true) = (said.sides.last_mut(), since <= 2) {
                            last.1 = Some(value);
                        }
                    } else if OLD.contains(&last_word.as_str())
                        || arrow
                        || group.is_empty()
                        || since > 9
                        || (assigned && last_word != "to")
                    {
                        // The old weight, or of nobody.
                    } else if last_word == "by" {
                        for i in &group {
                            said.explicit[*i] = Some(base[*i] + sign * value);
                        }
                        assigned = true;
                    } else {
                        for i in &group {
                            said.explicit[*i] = Some(value);
                        }
                        (assigned, factor) = (true, None);
                    }
                    last_word.clear();
                }
                Token::Word(word) => {
                    let next_criterion = tokens[at + 1..].iter().take(3).find(|t| !filler(t));
                    let to_criterion = matches!(next_criterion, Some(Token::Criterion(_)));
                    match word.as_str() {
                        "from" | "to" | "into" | "across" | "toward" | "between" if to_criterion => {
                            side = true
                        }
                        "doubled" | "doubling" | "double" | "doubles" => {
                            multiply(&mut said, &mut factor, &group, base, 2.0, to_criterion)
                        }
                        "halved" | "halving" | "halve" => {
                            multiply(&mut said, &mut factor, &group, base, 0.5, to_criterion)
                        }
                        "tripled" | "tripling" | "triple" => {
                            multiply(&mut said, &mut factor, &group, base, 3.0, to_criterion)
                        }
                        "reduced" | "lowered" | "decreased" | "cut" | "reducing" | "decreasing"
                        | "lowering" | "minus" => sign = -1.0,
                        "increased" | "raised" | "increasing" | "raising" | "plus" => sign = 1.0,
                        _ => {}
                    }
                    last_word.clone_from(word);
                }
                Token::Stop => {
                    side = false;
                    group.clear();
                    factor = None;
                    last_word.clear();
                }
                Token::Arrow | Token::Open | Token::Close => {}
            }
        }
        said
    }
}

fn filler(token: &Token) -> bool {
    matches!(token, Token::Word(w) if matches!(w.as_str(), "the" | "both" | "equally" | "evenly" | "criterion" | "weight" | "of"))
}

fn multiply(
    said: &mut Said,
    pending: &mut Option<f64>,
    group: &[usize],
    base: &[f64],
    by: f64,
    follows: bool,
) {
    if follows {
        *pending = Some(by);
        return;
    }
    for i in group {
        said.explicit[*i] = Some(base[*i] * by);
    }
}

/// A weight in the scale of the matrix.
fn scaled(number: &Number, whole: Option<f64>) -> Option<f64> {
    let value = number.value;
    match whole {
        Some(1.0) if number.is_percent() => Some(value / 100.0),
        Some(1.0) => (value <= 1.0 && (number.digits > 0 || value == 0.0)).then_some(value),
        Some(_) if number.is_percent() => Some(value),
        Some(whole) if number.digits > 0 && value < 1.0 => Some(value * whole),
        Some(_) => (value >= 5.0).then_some(value),
        None => number.unit.is_empty().then_some(value),
    }
}

/// The forms in which a criterion may be named, longest first.
fn forms(matrix: &Matrix) -> Vec<(String, usize, bool)> {
    let labels: Vec<String> = matrix
        .criteria
        .iter()
        .map(|c| c.label.split('(').next().unwrap_or_default().trim().to_owned())
        .collect();
    let mut all = Vec::new();
    for (index, label) in labels.iter().enumerate() {
        let words: Vec<&str> = label.split_whitespace().collect();
        all.push((label.to_lowercase(), index, false));
        let initials: String =
            words.iter().filter_map(|w| w.chars().next()).filter(|c| c.is_uppercase()).collect();
        if words.len() >= 2 && initials.len() >= 2 {
            all.push((initials, index, true));
            // DX, UX
            if words.len() == 2 && words[1].eq_ignore_ascii_case("experience") {
                all.push((
                    format!("{}X", &words[0][..words[0].chars().next().map_or(0, char::len_utf8)]),
                    index,
                    true,
                ));
            }
        }
        for word in [words.first(), words.last()].into_iter().flatten() {
            let lower = word.to_lowercase();
            let alone =
                labels.iter().filter(|l| l.to_lowercase().split_whitespace().any(|w| w == lower)).count()
                    == 1;
            if words.len() >= 2 && alone && word.len() >= 4 {
                all.push((lower, index, false));
            }
        }
    }
    all.retain(|(form, ..)| !form.is_empty());
    all.sort_by_key(|(form, ..)| std::cmp::Reverse(form.len()));
    all
}

fn criteria_in(text: &str, matrix: &Matrix) -> Vec<(usize, Span)> {
    let lower = text.to_ascii_lowercase();
    let mut found: Vec<(usize, Span)> = Vec::new();
    for (form, index, exact) in forms(matrix) {
        let hay = if exact { text } else { lower.as_str() };
        for (at, _) in hay.match_indices(form.as_str()) {
            let end = at + form.len();
            let joins = |c: char| c.is_alphanumeric() || c == '_';
            let loose = !text[..at].ends_with(joins) && !text[end..].starts_with(joins);
            if loose && !found.iter().any(|(_, f)| f.start < end && at < f.end) {
                found.push((index, at..end));
            }
        }
    }
    found.sort_by_key(|(_, f)| f.start);
    found
}

/// Criteria that a text names, each once.
pub(super) fn named(text: &str, matrix: &Matrix) -> Vec<usize> {
    let mut all: Vec<usize> = criteria_in(text, matrix).into_iter().map(|(i, _)| i).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn tokens(text: &str, matrix: &Matrix) -> Vec<Token> {
    let mut marks: Vec<(Span, Token)> =
        criteria_in(text, matrix).into_iter().map(|(i, at)| (at, Token::Criterion(i))).collect();
    for number in numbers(text) {
        if !marks.iter().any(|(at, _)| at.start < number.whole.end && number.whole.start < at.end) {
            marks.push((number.whole.clone(), Token::Number(number)));
        }
    }
    marks.sort_by_key(|(at, _)| at.start);
    let mut all = Vec::new();
    let mut from = 0;
    for (at, token) in marks {
        rest(&text[from..at.start], &mut all);
        from = at.end;
        all.push(token);
    }
    rest(&text[from..], &mut all);
    all
}

fn rest(gap: &str, all: &mut Vec<Token>) {
    let mut word = String::new();
    let mut chars = gap.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
            continue;
        }
        if !word.is_empty() {
            all.push(Token::Word(std::mem::take(&mut word)));
        }
        match c {
            '→' => all.push(Token::Arrow),
            '-' if chars.peek() == Some(&'>') => all.push(Token::Arrow),
            '(' => all.push(Token::Open),
            ')' => all.push(Token::Close),
            '.' | ';' | '\n' => all.push(Token::Stop),
            _ => {}
        }
    }
    if !word.is_empty() {
        all.push(Token::Word(word));
    }
}
