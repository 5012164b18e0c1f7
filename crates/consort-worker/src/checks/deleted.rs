//! A finding is answered, not taken away together with the part that it is about.

use super::markdown::Page;
use crate::judges::Finding;
use consort_core::run::Severity;

/// Headings that grave findings are about, that stood in the version before and are gone. A renamed
/// heading over the same text is no deletion.
pub fn check(before: &str, after: &str, findings: &[(String, Finding)]) -> Vec<String> {
    let (old, new) = (Page::read(before), Page::read(after));
    let mut found = Vec::new();
    for (strategy, finding) in findings.iter().filter(|(_, f)| f.severity != Severity::Minor) {
        let Some(heading) = place(&old, &finding.location) else { continue };
        let kept = new.headings.iter().any(|h| words(&h.text) == words(heading));
        if kept || body_stays(&old, heading, after) {
            continue;
        }
        found.push(format!(
            "the section `{heading}`, which finding {strategy}/{} is about, is gone: mend it, or keep it and refuse the \
             finding with a reason",
            finding.id
        ));
    }
    found.sort();
    found.dedup();
    found
}

/// The one heading that a location names: `## Risks`, `section Risks`, `Risks, second point`.
fn place<'a>(page: &'a Page, location: &str) -> Option<&'a str> {
    let location = format!(" {} ", words(location));
    let named = |text: &str| !words(text).is_empty() && location.contains(&format!(" {} ", words(text)));
    let mut all = page.headings.iter().filter(|h| h.level > 1 && named(&h.text));
    let longest = all.by_ref().max_by_key(|h| h.text.len())?;
    Some(&longest.text)
}

/// Most lines of the section's text stand in the new version under some other heading.
fn body_stays(page: &Page, heading: &str, after: &str) -> bool {
    let Some(section) = page.section(heading) else { return false };
    let text = section.text();
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|l| l.len() > 20).collect();
    let kept = lines.iter().filter(|line| after.contains(**line)).count();
    !lines.is_empty() && kept * 2 > lines.len()
}

/// Lower-case words with one space between.
fn words(text: &str) -> String {
    let split = text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty());
    split.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str =
        "# T\n\n## Summary\n\nShort.\n\n## Known risks\n\nThe supplier may fail in the second year.\n";

    fn finding(location: &str, severity: Severity) -> Vec<(String, Finding)> {
        let text = || "x".to_owned();
        let finding = Finding {
            id: "DA-001".into(),
            severity,
            dimension: text(),
            location: location.into(),
            quote: String::new(),
            claim: text(),
            remedy: text(),
        };
        vec![("S-002".into(), finding)]
    }

    #[test]
    fn a_section_that_was_found_weak_must_not_vanish() {
        let after = "# T\n\n## Summary\n\nShort.\n";
        let told = check(BEFORE, after, &finding("section Known risks, first sentence", Severity::Major));
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("`Known risks`") && told[0].contains("S-002/DA-001"), "{told:?}");
        assert!(check(BEFORE, after, &finding("Known risks", Severity::Minor)).is_empty());
        assert!(check(BEFORE, after, &finding("Summary", Severity::Critical)).is_empty());
        assert!(check(BEFORE, after, &finding("line 12", Severity::Critical)).is_empty());
    }

    #[test]
    fn mending_and_renaming_are_no_deletion() {
        for after in [
            "# T\n\n## Known Risks\n\nNone is left.\n",
            "# T\n\n## Threats\n\nThe supplier may fail in the second year.\n",
        ] {
            assert!(check(BEFORE, after, &finding("Known risks", Severity::Critical)).is_empty(), "{after}");
        }
    }
}
