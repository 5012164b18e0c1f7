//! Rehearsal: players that stand in for agents, without model, key or network. A player is a
//! process like any agent's and gets what any agent gets: a request and a directory. What it
//! writes and how it scores follows from bytes alone.

mod defects;
mod document;
mod files;
pub mod misbehave;
mod os;
mod review;
mod room;
mod strength;
mod sums;

pub use room::{Room, Source};

use super::request::{AnswerBrief, Purpose, Request};
use consort_core::quality::Score;
use misbehave::Misdeed;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use strength::Strength;

/// The hidden verb: plays one attempt in the current directory. `request` may be missing only
/// where a misdeed needs none. Exit code 0: done; 2: the request cannot be played; misdeeds as
/// they say.
pub fn play(request: Option<&Path>, misdeeds: &[String]) -> ExitCode {
    let result = (|| {
        let misdeeds: Vec<Misdeed> = misdeeds.iter().map(|m| Misdeed::parse(m)).collect::<Result<_, _>>()?;
        if let Some(code) = misdeeds.iter().find_map(os::commit) {
            return Ok(ExitCode::from(code));
        }
        let path = request.ok_or("no --request was given")?;
        let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let cwd = std::env::current_dir().map_err(|e| format!("no current directory: {e}"))?;
        perform(Request::parse(&text)?, &cwd, &misdeeds)?;
        Ok::<_, String>(ExitCode::SUCCESS)
    })();
    result.unwrap_or_else(|why| {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "rehearsal: {why}");
        ExitCode::from(2)
    })
}

/// Plays one attempt in a directory: what [`play`] does after its misdeeds that end or delay it.
///
/// # Errors
/// Why the request cannot be played, in a sentence.
pub fn perform(request: Request, cwd: &Path, misdeeds: &[Misdeed]) -> Result<(), String> {
    let room = Room::enter(request, cwd);
    if misdeeds.contains(&Misdeed::StrayFiles) {
        for name in ["stray-notes.txt", ".stray/deep/notes.txt"] {
            put(&room, &cwd.join(name), b"left behind by a player\n")?;
        }
    }
    let answer = room.request.answer.as_ref();
    match &room.request.purpose {
        Purpose::Create => create(&room, misdeeds),
        Purpose::SelfReview { .. } => self_review(&room, answer.ok_or("no answer is asked for")?, misdeeds),
        Purpose::Review { strategy } => {
            let answer = answer.ok_or("no answer is asked for")?;
            let text = room.candidate().ok_or("the candidate is not there")?;
            let right = match misdeeds.contains(&Misdeed::Lie) {
                true => review::praise(answer),
                false => review::review(&room, &text, strategy, answer),
            };
            give(&room, answer, &sorted(right), misdeeds)
        }
        Purpose::Judge { .. } => {
            let answer = answer.ok_or("no answer is asked for")?;
            let text = room.candidate().ok_or("the candidate is not there")?;
            let forced = misdeeds.iter().find_map(|m| match m {
                Misdeed::Score(score) => Some(*score),
                Misdeed::Lie => Some(Score::ONE),
                _ => None,
            });
            give(&room, answer, &sorted(review::judge(&room, &text, answer, forced)), misdeeds)
        }
    }
}

fn put(room: &Room, path: &Path, bytes: &[u8]) -> Result<(), String> {
    files::write(room, path, bytes).map_err(|e| format!("{}: {e}", path.display()))
}

fn create(room: &Room, misdeeds: &[Misdeed]) -> Result<(), String> {
    if misdeeds.contains(&Misdeed::NoArtifact) {
        return Ok(());
    }
    let targets = files::targets(room)?;
    for (at, target) in targets.iter().enumerate() {
        let path = room.cwd.join(target);
        if misdeeds.contains(&Misdeed::EmptyArtifact) {
            put(room, &path, b"")?;
            continue;
        }
        // Only what was captured counts as a last version: after a try that failed, the
        // workspace may hold what nobody has seen.
        let last = (!room.request.candidate.is_empty()).then(|| files::last(room, target)).flatten();
        let prose = match at {
            0 => prose(room, last.as_deref(), misdeeds),
            _ => format!("# Beside `{}`\n\n{}\n", targets[0], document::NOTICE),
        };
        put(room, &path, files::wrap(room, target, &prose).as_bytes())?;
    }
    Ok(())
}

/// What the judged file says.
fn prose(room: &Room, last: Option<&str>, misdeeds: &[Misdeed]) -> String {
    let has = match misdeeds.contains(&Misdeed::Lie) {
        true => BTreeSet::from(Strength::FIRST_DRAFT),
        false => document::strengths(room, last),
    };
    let text = document::write(room, &has, last, !misdeeds.contains(&Misdeed::NoAcknowledgement));
    match misdeeds.contains(&Misdeed::Blocker) {
        true => text.replace("## Blockers\n\nNone.", "## Blockers\n\n- BLK-001: a script says so"),
        false => text,
    }
}

/// Mends what is small and one's own: the note that was left.
fn self_review(room: &Room, answer: &AnswerBrief, misdeeds: &[Misdeed]) -> Result<(), String> {
    let target = files::targets(room)?.remove(0);
    let prose = files::last(room, &target).ok_or("there is nothing to review")?;
    let mended: String = prose.replace("\n\nTBD: look over this text once more.", "");
    let mut done = "nothing had to be mended";
    if mended != prose {
        put(room, &room.cwd.join(&target), files::wrap(room, &target, &strip_marks(&mended)).as_bytes())?;
        done = "a note TBD was taken out";
    }
    let text = serde_json::json!({
        "nonce": answer.nonce, "findings": [], "summary": format!("Rehearsal. Looked over the work: {done}."),
        "responses": responses(room, misdeeds),
    });
    give(room, answer, &sorted(text), misdeeds)
}

/// Says of each finding that matters where it is fixed: a player writes everything that is asked for.
fn responses(room: &Room, misdeeds: &[Misdeed]) -> Vec<serde_json::Value> {
    if misdeeds.contains(&Misdeed::NoResponses) {
        return Vec::new();
    }
    let kind = &room.request.task.produces;
    let open = room.request.open_findings.iter().filter(|f| f.severity != "minor" && f.strategy != "S-014");
    open.map(|finding| {
        serde_json::json!({
            "finding": format!("{}/{}", finding.strategy, finding.id), "verdict": "fixed",
            "where": format!("section {}", document::answered_in(finding, kind)),
        })
    })
    .collect()
}

/// Prose that was read back from a file without the marks around it.
fn strip_marks(prose: &str) -> String {
    let is_mark = |l: &&str| !l.contains("REHEARSAL BEGIN") && !l.contains("REHEARSAL END");
    prose.lines().filter(is_mark).fold(String::new(), |text, line| text + line + "\n")
}

/// The same bytes for the same answer, in whatever order its keys were written down.
fn sorted(mut answer: serde_json::Value) -> String {
    answer.sort_all_objects();
    answer.to_string()
}

/// Writes the answer, right or as badly as a script demands.
fn give(room: &Room, answer: &AnswerBrief, right: &str, misdeeds: &[Misdeed]) -> Result<(), String> {
    let mut text = right.to_owned();
    for misdeed in misdeeds {
        text = match misdeed {
            Misdeed::NoAnswer => return Ok(()),
            Misdeed::MalformedScore => "The scores are fine, all of them.".into(),
            Misdeed::WrongNonce => text.replace(&answer.nonce, "0000000000000000"),
            Misdeed::Nan => with_first_score(&text, "NaN"),
            Misdeed::InventedQuote => text.replace("\"quote\":\"", "\"quote\":\"words that nobody wrote: "),
            Misdeed::Verdict => format!("{{\"nonce\":\"{}\",\"verdict\":\"PASS\"}}", answer.nonce),
            Misdeed::ScoreAboveOne => with_first_score(&text, "1.02"),
            _ => continue,
        };
    }
    put(room, Path::new(&answer.path), text.as_bytes())
}

/// A judge's answer with another first score; a review with that as its findings.
fn with_first_score(text: &str, score: &str) -> String {
    for key in ["\"score\":", "\"findings\":"] {
        if let Some(at) = text.find(key) {
            let start = at + key.len();
            let end = text[start..].find([',', '}']).map_or(text.len(), |i| start + i);
            return format!("{}{score}{}", &text[..start], &text[end..]);
        }
    }
    text.to_owned()
}

/// Which good features a text has, by name: for tests and for people who wonder about a score.
pub fn features(text: &str) -> BTreeSet<String> {
    let page = crate::checks::markdown::Page::read(text);
    let all = Strength::ALL.into_iter().filter(|s| s.shows_in(&page, text));
    all.map(|s| format!("{s:?}").to_lowercase()).collect()
}
