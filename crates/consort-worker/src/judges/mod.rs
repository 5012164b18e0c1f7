//! Answers of critics and judges: read strictly, never repaired.

pub mod answer;
pub mod evidence;
mod object;
pub mod quotes;
mod responses;
mod risk;

pub use answer::{Answer, FINDINGS_MAX, Finding, Rules, findings_of, nonce, parse, read, read_usage};
pub use quotes::Shown;
pub use responses::{Response, responses_of};

use consort_core::ids::{ContentHash, Step, StrategyId};
use sha2::{Digest, Sha256};

/// The strategy that a step applies.
pub fn strategy_of(step: &Step) -> StrategyId {
    match step {
        Step::Create | Step::SelfReview => "S-010".into(),
        Step::Review(strategy) => strategy.clone(),
        Step::Judge | Step::Panel(_) => "S-014".into(),
    }
}

/// Lower-case hex of some bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// SHA-256 of some bytes, as the content store names them.
pub fn content_hash(bytes: &[u8]) -> ContentHash {
    ContentHash(hex(&Sha256::digest(bytes)))
}
