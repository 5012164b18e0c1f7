//! What the prose says of a matrix: scores (`mismatch`), winners, ranks and orders
//! (`weighted-table`).

use super::doc::{Block, Doc, Span};
use super::matrix::Matrix;
use super::number::{Number, numbers, show};
use super::{Found, arithmetic, norm};

/// A matrix, or a scenario over one, that prose may speak of.
pub(super) struct Ranking {
    pub(super) labels: Vec<String>,
    /// The right totals.
    pub(super) right: Vec<f64>,
    /// What is stated as totals in the table.
    pub(super) stated: Vec<Option<f64>>,
    /// Digits that the totals are shown with.
    pub(super) digits: u32,
    pub(super) section: Option<usize>,
    pub(super) at: Span,
    pub(super) rule: &'static str,
    /// A table under other weights.
    pub(super) scenario: bool,
}

pub(super) fn check(doc: &Doc<'_>, matrices: &[Matrix], found: &mut Found<'_>) {
    let mut rankings: Vec<Ranking> = matrices.iter().filter_map(of_matrix).collect();
    rankings.extend(super::sensitivity::rankings(doc, matrices));
    if rankings.is_empty() {
        return;
    }
    // Many tables have the same options: each name is looked for once.
    let mut labels: Vec<&String> =
        rankings.iter().flat_map(|r| &r.labels).filter(|l| !l.is_empty()).collect();
    labels.sort();
    labels.dedup();
    for block in doc.blocks.iter().filter(|b| may_claim(&b.text)) {
        let lower = block.text.to_ascii_lowercase();
        if labels.iter().any(|l| !label_places(&block.text, &lower, l).is_empty()) {
            speak(doc, block, &rankings, matrices, found);
        }
    }
}

/// A number, or a word that a claim is made with.
fn may_claim(text: &str) -> bool {
    let words = [
        "win",
        "won",
        "rank",
        "highest",
        "first",
        "beats",
        "lead",
        ">",
        "scor",
        "outperform",
        "ahead",
        "edges",
        "comes",
        "finish",
        "place",
        "top",
    ];
    if text.bytes().any(|b| b.is_ascii_digit()) {
        return true;
    }
    let lower = text.to_ascii_lowercase();
    words.iter().any(|w| lower.contains(w))
}

fn of_matrix(matrix: &Matrix) -> Option<Ranking> {
    if matrix.choices.len() < 2 || !matrix.sure {
        return None;
    }
    let right: Option<Vec<f64>> = (0..matrix.choices.len()).map(|c| matrix.known(c)).collect();
    let stated = |c: usize| matrix.stated(c).map(|t| t.value.value());
    let digits =
        (0..matrix.choices.len()).filter_map(|c| matrix.stated(c)).map(|t| t.value.number.digits).max();
    Some(Ranking {
        labels: matrix.choices.iter().map(|c| c.label.clone()).collect(),
        right: right?,
        stated: (0..matrix.choices.len()).map(stated).collect(),
        digits: digits.unwrap_or(2),
        section: matrix.section,
        at: matrix.at.clone(),
        rule: "weighted-table",
        scenario: false,
    })
}

fn mentions(text: &str, ranking: &Ranking) -> bool {
    let lower = text.to_ascii_lowercase();
    ranking.labels.iter().any(|l| !l.is_empty() && !label_places(text, &lower, l).is_empty())
}

/// Where a label stands as words of its own. Short forms without `Option` or a bracket count too. `lower` is
/// the text in lower case: there are many labels for one text.
fn label_places(text: &str, lower: &str, label: &str) -> Vec<Span> {
    let mut forms = vec![label];
    if let Some((short, _)) = label.split_once('(') {
        forms.push(short.trim());
    }
    if let Some((id, name)) = label.split_once(':') {
        forms.extend([id.trim(), name.trim()]);
    }
    let mut found: Vec<Span> = Vec::new();
    for form in forms
        .iter()
        .filter(|f| !f.is_empty() && f.len() > 1 || f.len() == 1 && f.chars().all(char::is_uppercase))
    {
        let one = form.chars().count() == 1;
        let (hay, needle) = if one { (text, (*form).to_owned()) } else { (lower, form.to_ascii_lowercase()) };
        // Most texts do not name it, and that is seen faster than where it is.
        if !hay.contains(needle.as_str()) {
            continue;
        }
        for (at, _) in hay.match_indices(needle.as_str()) {
            let end = at + needle.len();
            let joins = |c: char| c.is_alphanumeric() || c == '_';
            let loose = !text[..at].ends_with(joins) && !text[end..].starts_with(joins);
            // "A" the article, or a part of a longer name.
            let article = one
                && (text[..at].trim().is_empty() || text[..at].ends_with(". "))
                && text[end..].trim_start().starts_with(|c: char| c.is_lowercase())
                && !verb(text[end..].split_whitespace().next().unwrap_or_default());
            if loose
                && !article
                && !text[..at].ends_with('-')
                && !found.iter().any(|f| f.start < end && at < f.end)
            {
                found.push(at..end);
            }
        }
    }
    found.sort_by_key(|f| f.start);
    found
}

fn verb(word: &str) -> bool {
    [
        "scores", "scored", "wins", "won", "ranks", "ranked", "leads", "is", "reaches", "totals", "achieves",
        "comes", "beats", "has",
    ]
    .contains(&word)
}

/// Places of all options in a text; a longer label hides a shorter one inside it.
fn options_in(text: &str, ranking: &Ranking) -> Vec<(usize, Span)> {
    let lower = text.to_ascii_lowercase();
    let mut all: Vec<(usize, Span)> = Vec::new();
    let mut order: Vec<usize> = (0..ranking.labels.len()).collect();
    order.sort_by_key(|i| std::cmp::Reverse(ranking.labels[*i].len()));
    for index in order {
        for place in label_places(text, &lower, &ranking.labels[index]) {
            if !all.iter().any(|(_, p)| p.start < place.end && place.start < p.end) {
                all.push((index, place));
            }
        }
    }
    all.sort_by_key(|(_, p)| p.start);
    all
}

/// The ranking that a sentence is about: the nearest in its own section, else the base one.
fn about<'a>(doc: &Doc<'_>, block: &Block, text: &str, rankings: &'a [Ranking]) -> Option<&'a Ranking> {
    let own: Vec<&Ranking> =
        rankings.iter().filter(|r| r.section == block.section && mentions(text, r)).collect();
    match own.as_slice() {
        [] => {
            let words = norm(text);
            let elsewhere = [
                "scenario",
                "scenarios",
                "sensitivity",
                "if",
                "when",
                "under",
                "doubling",
                "doubled",
                "even",
            ]
            .iter()
            .any(|w| super::has_word(&words, w))
                || doc.under(block.section, &["scenario", "sensitivity"]);
            if elsewhere {
                return None;
            }
            rankings.iter().find(|r| !r.scenario && mentions(text, r))
        }
        [one] => Some(one),
        // Before the first or after the last: the one that stands nearest before.
        many => many.iter().rev().find(|r| r.at.start < block.at.start).or(many.first()).copied(),
    }
}

fn speak(doc: &Doc<'_>, block: &Block, rankings: &[Ranking], matrices: &[Matrix], found: &mut Found<'_>) {
    for sentence in arithmetic::sentences(&block.text) {
        let text = &block.text[sentence.clone()];
        let Some(ranking) = about(doc, block, text, rankings) else { continue };
        let place = |at: &Span| block.place(&(sentence.start + at.start..sentence.start + at.end));
        let options = options_in(text, ranking);
        scores(text, &options, ranking, rankings, matrices, &place, found);
        winners(text, &options, ranking, &place, found);
        order(text, &options, ranking, &place, found);
        margin(text, &options, ranking, &place, found);
    }
}

/// Words that may stand between an option and its score.
const LINKS: [&str; 62] = [
    "scores",
    "scored",
    "score",
    "of",
    "is",
    "at",
    "with",
    "a",
    "an",
    "the",
    "total",
    "totals",
    "weighted",
    "composite",
    "has",
    "reaches",
    "reached",
    "achieves",
    "achieved",
    "wins",
    "won",
    "ranks",
    "ranked",
    "first",
    "second",
    "third",
    "leads",
    "comes",
    "came",
    "out",
    "by",
    "in",
    "gets",
    "got",
    "received",
    "receives",
    "earned",
    "earns",
    "and",
    "its",
    "highest",
    "overall",
    "clearly",
    "narrowly",
    "on",
    "top",
    "place",
    "final",
    "result",
    "still",
    "follows",
    "closely",
    "followed",
    "rank",
    "winner",
    "last",
    "just",
    "only",
    "leading",
    "at",
    "obtains",
    "stands",
];

#[allow(clippy::too_many_arguments, reason = "a sentence, what it names, and what is known of it")]
fn scores(
    text: &str,
    options: &[(usize, Span)],
    ranking: &Ranking,
    rankings: &[Ranking],
    matrices: &[Matrix],
    place: &dyn Fn(&Span) -> Span,
    found: &mut Found<'_>,
) {
    let all = numbers(text);
    for (at, (option, span)) in options.iter().enumerate() {
        let stop = options.get(at + 1).map_or(text.len(), |(_, s)| s.start);
        let Some(number) = all.iter().find(|n| n.at.start >= span.end && n.whole.end <= stop) else {
            continue;
        };
        let between = norm(&text[span.end..number.whole.start]);
        let linked = between.split(' ').filter(|w| !w.is_empty()).all(|w| LINKS.contains(&w));
        let between_raw = &text[span.end..number.whole.start];
        let closes = between_raw.matches(')').count() > between_raw.matches('(').count();
        let broken =
            closes || between_raw.contains(['.', ';', '/', '+', '×', '<', '>', '~', '≥', '=', '→', '|']);
        let gap = number.whole.start - span.end;
        if !linked
            || broken
            || gap > 60
            || number.about
            || !number.unit.is_empty()
            || !same_sort(number, ranking, &between)
        {
            continue;
        }
        let tail = norm(&text[number.whole.end..]);
        let behind = tail.split(' ').next().unwrap_or_default();
        // Of something else: a criterion, a difference, a number of things.
        let other = [
            "on", "in", "for", "points", "point", "times", "more", "percent", "of", "higher", "lower",
            "years", "months", "votes",
        ]
        .contains(&behind)
            && !tail.starts_with("of 10")
            && !tail.starts_with("of 5")
            && !tail.starts_with("points ");
        let multiplied = text[number.whole.end..]
            .trim_start()
            .starts_with(['+', '×', '*', '=', '%', '-', '\u{2013}', 'x'])
            && behind != "x";
        // The score that it had before.
        let past = norm(&text[..span.start]);
        let past = ["prior", "previous", "last", "old", "former"]
            .contains(&past.split(' ').next_back().unwrap_or_default());
        let by = past || between.split(' ').next_back() == Some("by");
        let ratio = text[number.whole.end..].starts_with('/')
            && !text[number.whole.end..].starts_with("/10")
            && !text[number.whole.end..].starts_with("/5")
            && !text[number.whole.end..].starts_with("/100");
        if other || multiplied || by || ratio || known_elsewhere(number, *option, ranking, rankings, matrices)
        {
            continue;
        }
        found.wrong(
            "mismatch",
            place(&number.at),
            format!("the text gives `{}` another score than its table", ranking.labels[*option]),
            show(number.value, number.digits),
            show(ranking.right[*option], ranking.digits.max(number.digits)),
        );
    }
}

/// A total, not a rank or a count: as many digits, and of the size of totals.
fn same_sort(number: &Number, ranking: &Ranking, between: &str) -> bool {
    let best = ranking.right.iter().copied().fold(0.0, f64::max);
    let size = number.value > 0.0
        && number.value <= best * 1.6
        && number.value * 4.0 >= ranking.right.iter().copied().fold(f64::MAX, f64::min);
    let says = ["score", "scores", "scored", "total", "totals", "composite"]
        .iter()
        .any(|w| super::has_word(between, w));
    let decimal = ranking.right.iter().any(|r| r.fract().abs() > 1e-9);
    size && (number.digits > 0 || (says && !decimal) || (!decimal && number.value > 10.0))
}

/// True if the number is right somewhere: as a total, stated or computed, or as a cell.
fn known_elsewhere(
    number: &Number,
    option: usize,
    ranking: &Ranking,
    rankings: &[Ranking],
    matrices: &[Matrix],
) -> bool {
    let label = norm(&ranking.labels[option]);
    let fits = |r: &Ranking| {
        r.labels.iter().enumerate().any(|(i, l)| {
            norm(l) == label && (number.rounds(r.right[i]) || r.stated[i].is_some_and(|s| number.rounds(s)))
        })
    };
    // In its own section only the table there counts.
    if fits(ranking)
        || (!ranking.scenario
            && rankings.iter().any(|r| r.scenario && fits(r))
            && rankings.len() > 1
            && number.digits > ranking.digits)
    {
        return true;
    }
    let cell = matrices.iter().flat_map(|m| &m.choices).filter(|c| norm(&c.label) == label).any(|c| {
        let same = |v: &Option<super::matrix::Value>| v.as_ref().is_some_and(|v| v.value() == number.value);
        c.scores.iter().any(same)
            || c.weighted.iter().any(same)
            || c.totals.iter().any(|t| t.value.value() == number.value)
    });
    cell || matrices.iter().any(|m| m.criteria.iter().any(|c| c.weight.value() == number.value))
        && number.value < 1.0
}

/// The highest first; ties together.
fn best(ranking: &Ranking) -> Vec<usize> {
    let top = ranking.right.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // What looks the same in the shown digits is a tie too.
    let same = |v: f64| (v - top).abs() < 1e-6 || show_as(v, ranking.digits) == show_as(top, ranking.digits);
    (0..ranking.right.len()).filter(|i| same(ranking.right[*i])).collect()
}

fn show_as(value: f64, digits: u32) -> String {
    format!("{value:.*}", digits as usize)
}

const WINS: [&str; 25] = [
    "wins",
    "still wins",
    "is the winner",
    "ranks first",
    "ranked first",
    "comes out first",
    "comes first",
    "comes out on top",
    "is first",
    "has the highest score",
    "has the highest total",
    "has the highest weighted",
    "scores highest",
    "scored highest",
    "scores the highest",
    "ranks highest",
    "achieves the highest",
    "receives the highest",
    "takes first place",
    "is ranked first",
    "leads the",
    "is the highest scoring",
    "is the clear winner",
    "clearly wins",
    "remains the winner",
];
const WINNER_BEFORE: [&str; 9] = [
    "winner",
    "winner is",
    "the winner is",
    "highest scoring option is",
    "highest score goes to",
    "top scorer",
    "top ranked option is",
    "highest ranked option is",
    "first place",
];

fn winners(
    text: &str,
    options: &[(usize, Span)],
    ranking: &Ranking,
    place: &dyn Fn(&Span) -> Span,
    found: &mut Found<'_>,
) {
    let best = best(ranking);
    let lower = norm(text);
    let hedged = [
        "would",
        "could",
        "if",
        "unless",
        "not",
        "never",
        "no longer",
        "without",
        "until",
        "criterion",
        "dimension",
        "per",
        "tie",
        "tied",
        "tiebreak",
    ]
    .iter()
    .any(|w| super::has_word(&lower, w));
    if hedged || best.len() == ranking.right.len() {
        return;
    }
    for (at, (option, span)) in options.iter().enumerate() {
        let stop = options.get(at + 1).map_or(text.len(), |(_, s)| s.start);
        let after = norm(&text[span.end..stop]);
        let previous = at.checked_sub(1).map_or(0, |i| options[i].1.end);
        let before = norm(&text[previous..span.start]);
        // "A and B": together they may win.
        let joined = matches!(norm(&text[span.end..stop]).as_str(), "and" | "or" | "") && stop < text.len();
        let with_previous = matches!(before.as_str(), "and" | "or" | "") && at > 0;
        let wins = WINS.iter().any(|w| after == *w || after.starts_with(&format!("{w} ")));
        let named = WINNER_BEFORE.iter().any(|w| before == *w || before.ends_with(&format!(" {w}")));
        let on_one = after.contains(" on ")
            || after.contains(" in terms")
            || after.contains(" for ") && wins && !after.starts_with("wins for");
        if !(wins || named) || on_one || (joined && !wins) || with_previous || best.contains(option) {
            continue;
        }
        let message =
            format!("`{}` is said to win, by the weights and scores it does not", ranking.labels[*option]);
        let right: Vec<String> = best
            .iter()
            .map(|b| format!("{} ({})", ranking.labels[*b], show(ranking.right[*b], ranking.digits)))
            .collect();
        let stated =
            format!("{} ({})", ranking.labels[*option], show(ranking.right[*option], ranking.digits));
        found.wrong(ranking.rule, place(span), message, stated, right.join(", "));
    }
}

/// `A > B > C`, and `B ranks second`.
fn order(
    text: &str,
    options: &[(usize, Span)],
    ranking: &Ranking,
    place: &dyn Fn(&Span) -> Span,
    found: &mut Found<'_>,
) {
    for two in options.windows(2) {
        let gap = &text[two[0].1.end..two[1].1.start];
        let signs: String = gap.chars().filter(|c| matches!(c, '>' | '<' | '=' | '≈' | '→')).collect();
        let plain = gap
            .chars()
            .all(|c| c.is_whitespace() || c.is_ascii_digit() || matches!(c, '>' | '(' | ')' | '.' | '*'));
        let (a, b) = (ranking.right[two[0].0], ranking.right[two[1].0]);
        if signs == ">" && plain && a < b - 1e-9 && show_as(a, ranking.digits) != show_as(b, ranking.digits) {
            let at = two[0].1.start..two[1].1.end;
            let stated = text[at.clone()].to_owned();
            let right = format!("{} > {}", ranking.labels[two[1].0], ranking.labels[two[0].0]);
            found.wrong(ranking.rule, place(&at), "the order does not follow from the totals", stated, right);
        }
    }
    let places = [("first", 0), ("second", 1), ("third", 2), ("fourth", 3), ("last", usize::MAX)];
    for (at, (option, span)) in options.iter().enumerate() {
        let stop = options.get(at + 1).map_or(text.len(), |(_, s)| s.start);
        let after = norm(&text[span.end..stop]);
        let mut words = after.split(' ');
        let (verb, rank) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (verb, rank) = if verb == "is" && rank == "ranked" {
            ("ranked", words.next().unwrap_or_default())
        } else {
            (verb, rank)
        };
        if !["ranks", "ranked", "comes", "finishes", "finished", "places"].contains(&verb)
            || words.next() == Some("on")
        {
            continue;
        }
        let Some((_, wanted)) = places.iter().find(|(w, _)| *w == rank) else { continue };
        let above = ranking.right.iter().filter(|r| **r > ranking.right[*option] + 1e-9).count();
        let same = ranking.right.iter().filter(|r| (**r - ranking.right[*option]).abs() <= 1e-9).count();
        let wanted_at = (*wanted).min(ranking.right.len() - 1);
        if wanted_at != 0 && !(above..above + same).contains(&wanted_at) {
            let message = format!("`{}` does not come {rank} by its total", ranking.labels[*option]);
            found.wrong(ranking.rule, place(span), message, rank, (above + 1).to_string());
        }
    }
}

/// `A beats B by 0.45`, `A is 0.45 ahead of B`.
fn margin(
    text: &str,
    options: &[(usize, Span)],
    ranking: &Ranking,
    place: &dyn Fn(&Span) -> Span,
    found: &mut Found<'_>,
) {
    let [(first, a), (second, b)] = options else { return };
    if first == second {
        return;
    }
    let between = norm(&text[a.end..b.start]);
    let verb = ["beats", "outscores", "outperforms", "leads", "is ahead of", "edges out"]
        .iter()
        .any(|v| between == *v);
    let after = &text[b.end..];
    let tail = norm(after);
    if !verb {
        return;
    }
    let (x, y) = (ranking.right[*first], ranking.right[*second]);
    if x < y - 1e-9 {
        let message =
            format!("`{}` does not score above `{}`", ranking.labels[*first], ranking.labels[*second]);
        found.wrong(ranking.rule, place(a), message, show(x, ranking.digits), show(y, ranking.digits));
        return;
    }
    if tail.starts_with("by ")
        && let Some(number) =
            numbers(after).into_iter().find(|n| n.unit.is_empty() && n.digits > 0 && n.at.start <= 8)
        && !number.rounds(x - y)
    {
        let at = b.end + number.at.start..b.end + number.at.end;
        let message = "the distance is not the difference of the totals";
        found.wrong(
            ranking.rule,
            place(&at),
            message,
            show(number.value, number.digits),
            show(x - y, number.digits),
        );
    }
}
