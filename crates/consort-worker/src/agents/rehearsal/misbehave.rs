//! Scripts of misbehaviour: what a player does wrong, for tests of everything around it.

use consort_core::ids::Step;
use consort_core::quality::Score;

/// One way to misbehave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misdeed {
    /// Do nothing, for ever.
    Hang,
    /// End by SIGKILL.
    Crash,
    /// End with this code.
    Exit(u8),
    /// Write no output.
    NoArtifact,
    /// Write empty outputs.
    EmptyArtifact,
    /// Answer with text that is not JSON.
    MalformedScore,
    /// Answer with a score above 1, or a finding of unknown severity.
    ScoreAboveOne,
    /// Answer with NaN.
    Nan,
    /// Write no answer.
    NoAnswer,
    /// Write 200 MB to standard output, then go on.
    Flood,
    /// Hang and ignore SIGTERM, SIGINT and SIGHUP.
    IgnoreSigterm,
    /// Leave a sleeping process in a session of its own, then go on.
    Daemonise,
    /// Be the sleeping process: what `Daemonise` starts.
    DaemonBody,
    /// Write files outside the declared outputs, then go on.
    StrayFiles,
    /// Echo another nonce.
    WrongNonce,
    /// Answer with this score in every dimension, whatever the work is like.
    Score(Score),
    /// Creators answer findings without mending anything; critics find nothing.
    Lie,
    /// Answer for no handoff.
    NoAcknowledgement,
    /// Name a blocker in a handoff.
    Blocker,
    /// Answer for no finding.
    NoResponses,
    /// Quote words that nobody wrote.
    InventedQuote,
    /// Answer with a verdict.
    Verdict,
    /// Wait so many milliseconds, then go on.
    Slow(u64),
}

impl Misdeed {
    /// Reads a name such as `crash`, `exit-3` or `slow-250`.
    ///
    /// # Errors
    /// The name is unknown; the text lists those that are.
    pub fn parse(text: &str) -> Result<Self, String> {
        let score = text.strip_prefix("score-").and_then(|s| Score::parse(s).ok());
        let number = |prefix: &str| text.strip_prefix(prefix).and_then(|n| n.parse::<u64>().ok());
        Ok(match text {
            "hang" => Misdeed::Hang,
            "crash" => Misdeed::Crash,
            "no-artifact" => Misdeed::NoArtifact,
            "empty-artifact" => Misdeed::EmptyArtifact,
            "malformed-score" => Misdeed::MalformedScore,
            "score-above-1" => Misdeed::ScoreAboveOne,
            "nan" => Misdeed::Nan,
            "no-answer" => Misdeed::NoAnswer,
            "flood" => Misdeed::Flood,
            "ignore-sigterm" => Misdeed::IgnoreSigterm,
            "daemonise" => Misdeed::Daemonise,
            "daemon-body" => Misdeed::DaemonBody,
            "stray-files" => Misdeed::StrayFiles,
            "wrong-nonce" => Misdeed::WrongNonce,
            "lie" => Misdeed::Lie,
            "no-acknowledgement" => Misdeed::NoAcknowledgement,
            "blocker" => Misdeed::Blocker,
            "no-responses" => Misdeed::NoResponses,
            "invented-quote" => Misdeed::InventedQuote,
            "verdict" => Misdeed::Verdict,
            _ => match (number("exit-"), number("slow-"), score) {
                (Some(code @ 1..=255), ..) => Misdeed::Exit(code as u8),
                (_, Some(ms), _) => Misdeed::Slow(ms),
                (_, _, Some(score)) => Misdeed::Score(score),
                _ => {
                    return Err(format!(
                        "`{text}` is no misdeed; known are hang, crash, exit-N (1 to 255), no-artifact, \
                         empty-artifact, malformed-score, score-above-1, nan, no-answer, flood, \
                         ignore-sigterm, daemonise, stray-files, wrong-nonce, lie, no-acknowledgement, \
                         blocker, no-responses, invented-quote, verdict, score-0.NNNN, slow-MS"
                    ));
                }
            },
        })
    }
}

/// One line of a script: `<step or *>:<which try at it or *>:<misdeed>`.
///
/// # Errors
/// What is wrong with the line.
pub fn check_line(line: &str) -> Result<(), String> {
    let mut parts = line.splitn(3, ':');
    let (Some(step), Some(nth), Some(what)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(format!("`{line}` is not `<step>:<try>:<misdeed>`, such as `create:1:crash`"));
    };
    if step != "*" {
        step.parse::<Step>()?;
    }
    if nth != "*" && !nth.parse::<u32>().is_ok_and(|n| n > 0) {
        return Err(format!("`{nth}` in `{line}` is neither `*` nor a number from 1"));
    }
    Misdeed::parse(what).map(|_| ())
}

/// The misdeeds of a script for one try at a step, in the script's order.
pub fn select(script: &[String], step: &Step, try_number: u32) -> Vec<String> {
    let name = step.to_string();
    script
        .iter()
        .filter_map(|line| {
            let mut parts = line.splitn(3, ':');
            let (on, nth, what) = (parts.next()?, parts.next()?, parts.next()?);
            let fits = (on == "*" || on == name) && (nth == "*" || nth == try_number.to_string());
            fits.then(|| what.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_picks_by_step_and_try() {
        let script: Vec<String> =
            ["create:1:crash", "judge:*:nan", "*:2:slow-5", "S-002:1:hang"].map(String::from).to_vec();
        script.iter().for_each(|line| check_line(line).expect(line));
        let picks = |step: &str, n| select(&script, &step.parse().expect("step"), n).join(" ");
        assert_eq!(picks("create", 1), "crash");
        assert_eq!(picks("create", 2), "slow-5");
        assert_eq!(picks("create", 3), "");
        assert_eq!(picks("judge", 2), "nan slow-5");
        assert_eq!(picks("S-002", 1), "hang");
    }

    #[test]
    fn lines_that_mean_nothing_are_refused() {
        for wrong in ["", "crash", "create:crash", "create:0:crash", "create:x:crash", ":1:crash", "*:*:crsh"]
        {
            assert!(check_line(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Misdeed::parse("score-0.9199").map(|m| format!("{m:?}")), Ok("Score(Score(9199))".into()));
        for wrong in ["score-2", "score-", "exit-0", "exit-256", "exit-x", "slow-", "slow--1"] {
            assert!(Misdeed::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Misdeed::parse("exit-3"), Ok(Misdeed::Exit(3)));
        assert_eq!(Misdeed::parse("slow-20"), Ok(Misdeed::Slow(20)));
    }
}
