//! What a handoff says of itself: how sure it is, what stands in the way, and data for programs.

use super::markdown::{Page, Section};
use crate::words::one_line;
use consort_core::quality::Score;

/// Most blockers of one handoff.
pub const BLOCKERS_MAX: usize = 20;

/// Largest data block, in bytes.
pub const DATA_BYTES_MAX: usize = 16 * 1024;

/// As far as it can be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Envelope {
    /// How sure its author is, from 0 to 1.
    pub confidence: Option<Score>,
    /// Why.
    pub reason: String,
    /// What keeps the consumers from going on: id and text.
    pub blockers: Vec<(String, String)>,
    /// The object of its data block.
    pub data: Option<serde_json::Value>,
}

/// Reads a handoff's envelope; what is not in the form is left out.
pub fn parse_envelope(text: &str) -> Envelope {
    parse(&Page::read(text))
}

fn parse(page: &Page) -> Envelope {
    let (confidence, reason) = page.section("Confidence").map(|s| confidence(&s)).unwrap_or_default();
    Envelope {
        confidence,
        reason,
        blockers: page.section("Blockers").map(|s| blockers(&s)).unwrap_or_default(),
        data: page.section("Data").and_then(|s| data(&s).ok()),
    }
}

/// `0.8: why`
fn confidence(section: &Section<'_>) -> (Option<Score>, String) {
    let text = section.text().trim();
    let (number, reason) = text.split_once(':').unwrap_or((text, ""));
    (Score::parse(number.trim().trim_matches('`')).ok(), reason.trim().to_owned())
}

/// `- BLK-001: text`
fn blockers(section: &Section<'_>) -> Vec<(String, String)> {
    let read = |item: &str| {
        let (id, text) = item.split_once(':')?;
        Some((id.trim().to_owned(), text.trim().to_owned()))
    };
    section
        .items()
        .take(BLOCKERS_MAX + 1)
        .map(|i| read(&i.text).unwrap_or((i.text.clone(), String::new())))
        .collect()
}

fn data(section: &Section<'_>) -> Result<serde_json::Value, String> {
    let right = "write one block fenced with three backticks and `json` that holds an object";
    let text = section.text().trim();
    let inside = text.strip_prefix("```json\n").and_then(|rest| rest.strip_suffix("\n```"));
    let inside = inside.filter(|inside| !inside.contains("```")).ok_or_else(|| right.to_owned())?;
    if inside.len() > DATA_BYTES_MAX {
        return Err(format!("it has {} bytes, {DATA_BYTES_MAX} is the most", inside.len()));
    }
    match serde_json::from_str(inside) {
        Ok(value @ serde_json::Value::Object(_)) => Ok(value),
        Ok(_) => Err(right.to_owned()),
        Err(error) => Err(format!("it is not JSON: {error}")),
    }
}

/// What is wrong with it, in sentences. That sections are missing is said elsewhere.
pub(super) fn check(page: &Page) -> Vec<String> {
    let mut wrong = Vec::new();
    let envelope = parse(page);
    if page.section("Confidence").is_some() {
        if envelope.confidence.is_none() {
            wrong.push("`## Confidence` begins with no number from 0 to 1; write `0.8: why`".to_owned());
        } else if !envelope.reason.contains(char::is_alphabetic) {
            wrong.push("`## Confidence` gives no reason; write `0.8: why`".to_owned());
        }
    }
    if let Some(section) = page.section("Blockers") {
        wrong.extend(check_blockers(&section, &envelope.blockers));
    }
    if let Some(Err(why)) = page.section("Data").map(|s| data(&s)) {
        wrong.push(format!("`## Data`: {why}"));
    }
    wrong
}

fn check_blockers(section: &Section<'_>, blockers: &[(String, String)]) -> Option<String> {
    let form = "write `None.`, or one item per blocker: `- BLK-001: what stands in the way`";
    if blockers.is_empty() {
        let none = section.text().trim().trim_end_matches('.').eq_ignore_ascii_case("none");
        return (!none).then(|| format!("`## Blockers` names none and does not say so; {form}"));
    }
    if blockers.len() > BLOCKERS_MAX {
        return Some(format!("there are more than {BLOCKERS_MAX} blockers; name those that matter"));
    }
    let mut numbered = (1..).zip(blockers);
    let (_, (id, _)) = numbered
        .find(|(n, (id, text))| *id != format!("BLK-{n:03}") || !text.contains(char::is_alphanumeric))?;
    Some(format!("`## Blockers` has `{}`, which is not in the form; {form}", one_line(id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(confidence: &str, blockers: &str, data: &str) -> String {
        format!(
            "# T\n\n## Confidence\n\n{confidence}\n\n## Blockers\n\n{blockers}\n{data}\n## Sources\n\nNone.\n"
        )
    }

    #[test]
    fn an_envelope_is_read() {
        let data = "\n## Data\n\n```json\n{\"options\": [\"a\", \"b\"]}\n```\n";
        let text = page("0.75: two of three sources agree", "- BLK-001: no key\n- BLK-002: no quota", data);
        assert_eq!(check(&Page::read(&text)), Vec::<String>::new());
        let read = parse_envelope(&text);
        assert_eq!(read.confidence.expect("a number").to_string(), "0.75");
        assert_eq!(read.reason, "two of three sources agree");
        assert_eq!(read.blockers[1], ("BLK-002".to_owned(), "no quota".to_owned()));
        assert_eq!(read.data.expect("an object")["options"][1], "b");
    }

    #[test]
    fn each_fault_is_named() {
        let one = |text: String, says: &str| {
            let wrong = check(&Page::read(&text));
            assert!(wrong.len() == 1 && wrong[0].contains(says), "{says}: {wrong:?}");
        };
        one(page("high", "None.", ""), "no number from 0 to 1");
        one(page("1.2: sure", "None.", ""), "no number from 0 to 1");
        one(page("0.9", "None.", ""), "gives no reason");
        one(page("0.9: so", "There might be some.", ""), "does not say so");
        one(page("0.9: so", "- no key", ""), "not in the form");
        one(page("0.9: so", "- BLK-002: gap", ""), "`BLK-002`");
        one(page("0.9: so", "None.", "\n## Data\n\nsee above\n"), "`## Data`: write one block");
        one(page("0.9: so", "None.", "\n## Data\n\n```json\n[1]\n```\n"), "holds an object");
        one(page("0.9: so", "None.", "\n## Data\n\n```json\n{1}\n```\n"), "not JSON");
    }
}
