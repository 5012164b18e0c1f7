//! What a creator says became of the findings that it was asked to answer.

use super::object::{Object, cut};
use consort_core::run::ResponseLine;

/// Most responses of one self-review.
const RESPONSES_MAX: usize = 400;

/// A creator's answer to one finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Strategy and id: `S-002/DA-001`.
    pub finding: String,
    /// True: mended. False: refused.
    pub fixed: bool,
    /// Where it is mended, or why it is refused.
    pub text: String,
}

impl Response {
    /// Without its text.
    pub fn line(&self) -> ResponseLine {
        ResponseLine { finding: self.finding.clone(), fixed: self.fixed }
    }
}

/// The responses of a self-review's answer.
pub(super) fn responses(object: &Object) -> Result<Vec<Response>, String> {
    let mut all: Vec<Response> = Vec::new();
    for (at, raw) in object.list("responses", RESPONSES_MAX, "the answer")?.iter().enumerate() {
        let place = format!("response {}", at + 1);
        let one = Object::parse(raw.get(), &place)?;
        one.only(&["finding", "verdict", "where"], &place)?;
        let finding = one.text("finding", 1, 100, &place)?;
        let fixed = match one.text("verdict", 1, 16, &place)?.as_str() {
            "fixed" => true,
            "refused" => false,
            other => {
                let other = cut(other);
                return Err(format!("{place} has the verdict `{other}`; it may be fixed or refused"));
            }
        };
        let text = one.text("where", 3, 1_000, &place)?;
        if all.iter().any(|r| r.finding == finding) {
            return Err(format!("`{}` is answered twice", cut(&finding)));
        }
        all.push(Response { finding, fixed, text });
    }
    Ok(all)
}

/// The responses in a stored self-review.
///
/// # Errors
/// Why the bytes are not one.
pub fn responses_of(bytes: &[u8]) -> Result<Vec<Response>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "the answer is not UTF-8".to_owned())?;
    let object = Object::parse(text, "the answer")?;
    // Reviews of earlier versions have none.
    if object.raw("responses").is_none() { Ok(Vec::new()) } else { responses(&object) }
}
