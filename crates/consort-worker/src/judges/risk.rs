//! Risk numbers: where a finding states severity x occurrence x detection, the product must be
//! right and the finding as grave as its number says.

use super::answer::Finding;
use consort_core::plan::RiskNumbers;
use consort_core::run::Severity;

/// `8 x 6 x 5 = 240` anywhere in a claim; a claim without one is left alone.
pub(super) fn check(finding: &Finding, bands: RiskNumbers) -> Result<(), String> {
    let Some((factors, stated)) = stated(&finding.claim) else { return Ok(()) };
    let id = &finding.id;
    if factors.iter().any(|f| !(1..=10).contains(f)) {
        return Err(format!("{id}: severity, occurrence and detection go from 1 to 10, not {factors:?}"));
    }
    let [severity, occurrence, detection] = factors;
    let right = severity * occurrence * detection;
    if right != stated {
        return Err(format!("{id}: {severity} x {occurrence} x {detection} is {right}, not {stated}"));
    }
    let due = match () {
        () if right >= bands.critical || severity >= 9 => Severity::Critical,
        () if right >= bands.major || severity >= 7 => Severity::Major,
        () => Severity::Minor,
    };
    if finding.severity < due {
        return Err(format!("{id}: a risk number of {right} with severity {severity} is {due:?}"));
    }
    Ok(())
}

/// Three factors and the product that is said of them.
fn stated(claim: &str) -> Option<([u32; 3], u32)> {
    let spaced: String = claim
        .chars()
        .map(|c| if matches!(c, '×' | '*') { 'x' } else { c })
        .flat_map(|c| match c {
            'x' | '=' => vec![' ', c, ' '],
            other => vec![other],
        })
        .collect();
    let words: Vec<&str> = spaced.split_whitespace().collect();
    words.windows(7).find_map(|w| {
        let number = |at: usize| w[at].trim_matches(|c: char| !c.is_ascii_digit()).parse::<u32>().ok();
        // `RPN` may stand before the product: `= RPN 240`.
        (w[1] == "x" && w[3] == "x" && w[5] == "=").then_some(())?;
        Some(([number(0)?, number(2)?, number(4)?], number(6)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(claim: &str, severity: Severity) -> Result<(), String> {
        let text = String::new;
        let finding = Finding {
            id: "FM-001".into(),
            severity,
            dimension: text(),
            location: text(),
            quote: text(),
            claim: claim.into(),
            remedy: text(),
        };
        check(&finding, RiskNumbers { critical: 200, major: 80 })
    }

    #[test]
    fn products_are_recomputed_and_severities_follow_from_them() {
        assert_eq!(told("It may hang: 5 x 4 x 4 = 80.", Severity::Major), Ok(()));
        assert_eq!(told("S x O x D: 8×6×5 = 240", Severity::Critical), Ok(()));
        assert_eq!(told("no number at all", Severity::Minor), Ok(()));
        assert_eq!(told("2 x 2 x 2 = 8", Severity::Critical), Ok(()), "graver than its number is no lie");
        for (claim, severity) in [
            ("8 x 6 x 5 = 230", Severity::Critical),
            ("8 x 6 x 5 = 240", Severity::Major),
            ("9 x 1 x 1 = 9", Severity::Major),
            ("7 x 1 x 1 = 7", Severity::Minor),
            ("11 x 1 x 1 = 11", Severity::Critical),
        ] {
            assert!(told(claim, severity).is_err(), "{claim} {severity:?}");
        }
    }
}
