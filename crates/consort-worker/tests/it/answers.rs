//! Answers: what is one and what is not.

use consort_core::ids::{DimensionId, Step};
use consort_core::run::{Given, ResponseLine, Severity, Usage};
use consort_worker::judges::answer::{ANSWER_BYTES_MAX, FINDINGS_MAX};
use consort_worker::judges::{self, Rules, Shown, content_hash};
use std::path::Path;

const NONCE: &str = "0123456789abcdef";
/// What was shown to judge and critic.
const SHOWN: &str =
    "# T\n\n## A\n\nAll of it is there, and the *second* sentence\nsays so. The third one too.\n\nwords\n";
const JUDGE: &str = r###"{"nonce": "0123456789abcdef", "scores": {
  "completeness": {"score": 0.93, "evidence": [{"location": "## A", "quote": "All of it is there"}, {"location": "## A", "quote": "the second sentence says so"}, {"location": "## A", "quote": "The third one too"}], "gaps": "", "improve": ""},
  "traceability": {"score": 0.9, "evidence": [{"location": "x", "quote": "The third one too."}], "gaps": "none", "improve": "none"}}}"###;
const REVIEW: &str = r###"{"nonce": "0123456789abcdef", "findings": [
  {"id": "DA-001", "severity": "major", "dimension": "completeness", "location": "## A",
   "quote": "", "claim": "thin", "remedy": "more"},
  {"id": "DA-002", "severity": "minor", "dimension": "traceability", "location": "line 3",
   "quote": "words", "claim": "vague", "remedy": "exact"}], "summary": "two things"}"###;

fn dimensions() -> Vec<DimensionId> {
    vec!["completeness".into(), "traceability".into()]
}

fn step(text: &str) -> Step {
    text.parse().unwrap()
}

fn read_bytes(step: &Step, bytes: &[u8]) -> Given {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("answer.json");
    std::fs::write(&path, bytes).unwrap();
    read_path(step, &path)
}

fn read_path(step: &Step, path: &Path) -> Given {
    let shown = Shown::of([SHOWN.as_bytes()]);
    let own = |id: &str| consort_core::definition::catalogue::builtin().iter().find(|s| s.id.as_str() == id);
    let strategy = own(judges::strategy_of(step).as_str());
    let rules =
        Rules { strategy, dimensions: &dimensions(), nonce: NONCE, criteria: &[], shown: Some(&shown) };
    judges::read(step, path, &rules).given
}

#[test]
fn good_answers_are_read_exactly() {
    let Given::Scores { scores, answer, .. } = read_bytes(&Step::Judge, JUDGE.as_bytes()) else { panic!() };
    let shown: Vec<String> = scores.iter().map(|s| format!("{} {}", s.dimension, s.score)).collect();
    assert_eq!(shown, ["completeness 0.93", "traceability 0.90"]);
    assert_eq!(answer, content_hash(JUDGE.as_bytes()));
    let Given::Review(review) = read_bytes(&step("S-002"), REVIEW.as_bytes()) else { panic!() };
    let shown: Vec<String> = review.findings.iter().map(|f| format!("{} {:?}", f.id, f.severity)).collect();
    assert_eq!(shown, ["DA-001 Major", "DA-002 Minor"]);
    let empty = format!(r#"{{"nonce": "{NONCE}", "findings": [], "summary": "mended two words"}}"#);
    assert!(matches!(read_bytes(&step("S-002"), empty.as_bytes()), Given::Review(_)));
    let answered = empty.replace(
        "\"summary\"",
        r#""responses": [{"finding": "S-002/DA-001", "verdict": "refused", "where": "out of scope"}], "summary""#,
    );
    let Given::Review(review) = read_bytes(&Step::SelfReview, answered.as_bytes()) else { panic!() };
    assert_eq!(review.responses, [ResponseLine { finding: "S-002/DA-001".into(), fixed: false }]);
    for (from, to) in [
        ("refused", "maybe"),
        ("out of scope", ""),
        ("\"finding\"", "\"id\""),
        ("}]", "}, {\"finding\": \"S-002/DA-001\", \"verdict\": \"fixed\", \"where\": \"## A\"}]"),
        ("[{", "{"),
    ] {
        let given = read_bytes(&Step::SelfReview, answered.replacen(from, to, 1).as_bytes());
        assert!(matches!(given, Given::Malformed(_)), "{from} -> {to}: {given:?}");
    }
    assert!(matches!(read_bytes(&Step::SelfReview, empty.as_bytes()), Given::Malformed(_)));
}

#[test]
fn scores_are_never_rounded_on_their_way() {
    for (literal, shown) in
        [("0.9199", "0.9199"), ("0.92", "0.92"), ("0.920000", "0.92"), ("0", "0.00"), ("-0", "0.00")]
    {
        let text = JUDGE.replace("0.93", literal);
        let Given::Scores { scores, .. } = read_bytes(&Step::Judge, text.as_bytes()) else {
            panic!("{literal}")
        };
        assert_eq!(scores[0].score.to_string(), shown);
    }
}

/// (what is replaced, by what), in a good judge's answer.
const JUDGE_BREAKS: &[(&str, &str)] = &[
    ("0.93", "NaN"),
    ("0.93", "nan"),
    ("0.93", "Infinity"),
    ("0.93", "-Infinity"),
    ("0.93", "null"),
    ("0.93", "true"),
    ("0.93", "\"0.93\""),
    ("0.93", "\"NaN\""),
    ("0.93", "\"high\""),
    ("0.93", "[0.93]"),
    ("0.93", "{\"value\": 0.93}"),
    ("0.93", "0.93e0"),
    ("0.93", "93e-2"),
    ("0.93", "9.3E-1"),
    ("0.93", "1e400"),
    ("0.93", "1.0001"),
    ("0.93", "1.02"),
    ("0.93", "2"),
    ("0.93", "93"),
    ("0.93", "100"),
    ("0.93", "-0.1"),
    ("0.93", "-1"),
    ("0.93", "0.93001"),
    ("0.93", "0.91999"),
    ("0.93", "0.9199999999999999999"),
    ("0.93", "0.92000000000000000000000000000000000000000000000000000000000000000000001"),
    ("0.93", ".93"),
    ("0.93", "0."),
    ("0.93", "+0.93"),
    ("0.93", "0,93"),
    ("0.93", "00.93"),
    ("0.93", "0x1"),
    ("0.93", "93%"),
    ("0.93", "0.93/1"),
    ("0.93", ""),
    ("\"score\": 0.93, ", ""),
    ("\"score\": 0.93", "\"score\": 0.93, \"score\": 0.99"),
    ("\"score\": 0.93", "\"score\": 0.93, \"weight\": 0.5"),
    ("\"score\": 0.93", "\"Score\": 0.93"),
    ("\"score\": 0.93", "\"sc\\u006fre\": 0.5, \"score\": 0.93"),
    // Evidence: none, too little, not a quotation, invented, too short, twice the same.
    ("{\"location\": \"## A\", \"quote\": \"All of it is there\"}, ", ""),
    ("{\"location\": \"## A\", \"quote\": \"All of it is there\"}", "\"## A\""),
    ("{\"location\": \"## A\", \"quote\": \"All of it is there\"}", "{}"),
    ("{\"location\": \"## A\", \"quote\": \"All of it is there\"}", "null"),
    ("{\"location\": \"## A\", \"quote\": \"All of it is there\"}", "[\"All of it is there\"]"),
    ("\"location\": \"## A\", \"quote\": \"All", "\"quote\": \"All"),
    ("\"location\": \"## A\"", "\"location\": \"\""),
    ("\"location\": \"## A\"", "\"location\": 3"),
    ("\"All of it is there\"", "\"\""),
    ("\"All of it is there\"", "\"   \""),
    ("\"All of it is there\"", "null"),
    ("\"All of it is there\"", "\"\\u0000\""),
    ("\"All of it is there\"", "\"\\ud800\""),
    ("\"All of it is there\"", "\"all of it is there, really\""),
    ("\"All of it is there\"", "\"an excellent piece of work\""),
    ("\"All of it is there\"", "\"All of it\""),
    ("\"All of it is there\"", "\"the second sentence\""),
    ("\"evidence\": [{\"location\": \"x\", \"quote\": \"The third one too.\"}]", "\"evidence\": []"),
    ("\"evidence\": [{\"location\": \"x\", \"quote\": \"The third one too.\"}], ", ""),
    ("\"score\": 0.9, ", "\"score\": 0.9001, "),
    ("\"scores\": {", "\"criteria\": [{\"met\": true, \"why\": \"so\", \"evidence\": []}], \"scores\": {"),
    ("\"gaps\": \"\", ", ""),
    ("\"gaps\": \"\"", "\"gaps\": null"),
    ("\"gaps\": \"\"", "\"gaps\": []"),
    (", \"improve\": \"\"", ""),
    ("\"improve\": \"\"", "\"improve\": 3"),
    ("\"improve\": \"\"", "\"improve\": \"\", \"extra\": 1"),
    ("\"completeness\"", "\"Completeness\""),
    ("\"completeness\"", "\"completeness \""),
    ("\"completeness\"", "\"composite\""),
    ("\"completeness\"", "\"traceability\""),
    ("\"completeness\"", "\"\""),
    ("\"traceability\": {", "\"depth\": {"),
    ("\"traceability\": {", "\"completeness\": {"),
    ("\"completeness\": {", "\"overall\": 0.95, \"completeness\": {"),
    (
        "{\"score\": 0.9, \"evidence\": [{\"location\": \"x\", \"quote\": \"The third one too.\"}], \"gaps\": \"none\", \"improve\": \"none\"}",
        "1",
    ),
    (
        "{\"score\": 0.9, \"evidence\": [{\"location\": \"x\", \"quote\": \"The third one too.\"}], \"gaps\": \"none\", \"improve\": \"none\"}",
        "null",
    ),
    (
        "{\"score\": 0.9, \"evidence\": [{\"location\": \"x\", \"quote\": \"The third one too.\"}], \"gaps\": \"none\", \"improve\": \"none\"}",
        "[1]",
    ),
    ("0123456789abcdef", "0123456789abcdee"),
    ("0123456789abcdef", "0123456789ABCDEF"),
    ("0123456789abcdef", "0123456789abcde"),
    ("0123456789abcdef", "0123456789abcdef "),
    ("0123456789abcdef", ""),
    ("\"0123456789abcdef\"", "81985529216486895"),
    ("\"0123456789abcdef\"", "null"),
    ("\"0123456789abcdef\"", "[\"0123456789abcdef\"]"),
    ("\"nonce\": \"0123456789abcdef\", ", ""),
    ("\"nonce\": ", "\"nonce\": \"x\", \"nonce\": "),
    ("\"scores\"", "\"score\""),
    ("\"scores\": {", "\"scores\": {}, \"scores\": {"),
    ("\"scores\"", "\"findings\": [], \"scores\""),
    ("\"scores\"", "\"verdict\": \"PASS\", \"scores\""),
    ("\"scores\"", "\"composite\": 0.99, \"scores\""),
    ("}}}", "}}"),
    ("}}}", "}}}}"),
    ("}}}", "}}} and that is my verdict"),
    ("}}}", "}}}{}"),
    ("}}}", "},}}"),
    ("{\"nonce\"", "```json\n{\"nonce\""),
    ("{\"nonce\"", "Here is my answer: {\"nonce\""),
    ("{\"nonce\"", "\u{feff}{\"nonce\""),
    ("{\"nonce\"", "// scores\n{\"nonce\""),
    ("{\"nonce\"", "[{\"nonce\""),
    ("\"nonce\"", "'nonce'"),
    ("\"nonce\"", "nonce"),
];

/// The same for a good review by S-002.
const REVIEW_BREAKS: &[(&str, &str)] = &[
    ("DA-001", "DA-1"),
    ("DA-001", "DA-0001"),
    ("DA-001", "DA-000"),
    ("DA-001", "DA001"),
    ("DA-001", "da-001"),
    ("DA-001", "SM-001"),
    ("DA-001", "RT-001"),
    ("DA-001", "DA-00a"),
    ("DA-001", "DA-001 "),
    ("DA-001", "DA--01"),
    ("DA-001", "DA-٠٠١"),
    ("DA-001", ""),
    ("DA-001", "DA-002"),
    ("\"DA-001\"", "1"),
    ("\"DA-001\"", "null"),
    ("\"id\": \"DA-001\", ", ""),
    ("\"major\"", "\"Major\""),
    ("\"major\"", "\"high\""),
    ("\"major\"", "\"blocker\""),
    ("\"major\"", "\"\""),
    ("\"major\"", "3"),
    ("\"major\"", "null"),
    ("\"severity\": \"major\", ", ""),
    ("\"severity\": \"major\"", "\"severity\": \"major\", \"severity\": \"minor\""),
    ("\"dimension\": \"completeness\"", "\"dimension\": \"beauty\""),
    ("\"dimension\": \"completeness\"", "\"dimension\": \"\""),
    ("\"dimension\": \"completeness\"", "\"dimension\": [\"completeness\"]"),
    ("\"dimension\": \"completeness\", ", ""),
    ("\"location\": \"## A\"", "\"location\": \"\""),
    ("\"location\": \"## A\"", "\"location\": 12"),
    ("\"location\": \"## A\",", ""),
    ("\"quote\": \"\", ", ""),
    ("\"quote\": \"\"", "\"quote\": null"),
    ("\"claim\": \"thin\"", "\"claim\": \"\""),
    ("\"claim\": \"thin\"", "\"claim\": \" \\n \""),
    ("\"claim\": \"thin\"", "\"claim\": {\"text\": \"thin\"}"),
    ("\"claim\": \"thin\"", "\"claim\": \"\\u001b[31mthin\""),
    ("\"claim\": \"thin\", ", ""),
    ("\"remedy\": \"more\"", "\"remedy\": \"\""),
    ("\"remedy\": \"more\"", "\"remedy\": \"more\", \"run\": \"rm\""),
    (", \"remedy\": \"more\"", ""),
    ("\"two things\"", "\"\""),
    ("\"two things\"", "null"),
    ("\"two things\"", "[\"two\"]"),
    (", \"summary\": \"two things\"", ""),
    ("\"summary\": \"two things\"", "\"summary\": \"two things\", \"scores\": {}"),
    ("\"summary\": \"two things\"", "\"summary\": \"two things\", \"findings\": []"),
    ("\"findings\": [", "\"findings\": [null, "),
    ("\"findings\": [", "\"findings\": [[], "),
    ("\"findings\": [", "\"findings\": [\"DA-003\", "),
    ("\"findings\": [", "\"findings\": {}, \"more\": ["),
    ("0123456789abcdef", "ffffffffffffffff"),
];

#[test]
fn no_malformed_answer_is_accepted_and_each_says_why() {
    let mut tried = 0;
    for (good, breaks, step) in [(JUDGE, JUDGE_BREAKS, Step::Judge), (REVIEW, REVIEW_BREAKS, step("S-002"))] {
        for (from, to) in breaks {
            let text = good.replacen(from, to, 1);
            assert_ne!(text, good, "{from} is not in the answer");
            match read_bytes(&step, text.as_bytes()) {
                Given::Malformed(why) => assert!(!why.is_empty() && why.chars().count() <= 500, "{why}"),
                other => panic!("{from} -> {to}: {other:?}"),
            }
            tried += 1;
        }
    }
    assert!(tried >= 120, "{tried}");
}

#[test]
fn rubbish_is_malformed() {
    let long = format!("{JUDGE}{}", " ".repeat(ANSWER_BYTES_MAX as usize));
    let deep = JUDGE.replace("\"x\"", &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)));
    let long_claim = REVIEW.replace("thin", &"x".repeat(2_001));
    let long_summary = REVIEW.replace("two things", &"é".repeat(4_001));
    let many: Vec<String> = (1..=FINDINGS_MAX + 1)
        .map(|n| {
            format!(r#"{{"id":"DA-{n:03}","severity":"minor","dimension":"completeness","location":"a","quote":"","claim":"c","remedy":"r"}}"#)
        })
        .collect();
    let many = format!(r#"{{"nonce":"{NONCE}","summary":"s","findings":[{}]}}"#, many.join(","));
    let keys: String = (0..5_000).map(|n| format!("\"k{n}\":1,")).collect();
    let keys = format!("{{{keys}\"nonce\":\"{NONCE}\"}}");
    let mut latin = JUDGE.as_bytes().to_vec();
    latin[3] = 0xe9;
    let all: [&[u8]; 13] = [
        b"",
        b" \n",
        b"null",
        b"[]",
        b"{}",
        b"0.95",
        b"\xff\xfe{\0}\0",
        &latin,
        long.as_bytes(),
        deep.as_bytes(),
        long_claim.as_bytes(),
        long_summary.as_bytes(),
        keys.as_bytes(),
    ];
    for bytes in all {
        for step in [Step::Judge, Step::SelfReview, step("S-002")] {
            let given = read_bytes(&step, bytes);
            assert!(matches!(given, Given::Malformed(_)), "{step}: {given:?}");
        }
    }
    assert!(
        matches!(read_bytes(&step("S-002"), many.as_bytes()), Given::Malformed(why) if why.contains("41"))
    );
}

#[test]
fn an_answer_for_another_step_is_none() {
    assert!(matches!(read_bytes(&Step::Judge, REVIEW.as_bytes()), Given::Malformed(_)));
    assert!(matches!(read_bytes(&step("S-002"), JUDGE.as_bytes()), Given::Malformed(_)));
    assert!(matches!(read_bytes(&step("S-004"), REVIEW.as_bytes()), Given::Malformed(_)));
    assert!(matches!(read_bytes(&Step::SelfReview, REVIEW.as_bytes()), Given::Malformed(_)));
    assert_eq!(read_bytes(&Step::Create, b"rubbish"), Given::Nothing);
}

#[test]
fn what_is_not_a_file_is_not_opened_for_long() {
    let dir = tempfile::tempdir().unwrap();
    let read = |path: &Path| read_path(&Step::Judge, path);
    assert_eq!(read(&dir.path().join("none")), Given::Nothing);
    std::fs::write(dir.path().join("real"), JUDGE).unwrap();
    std::os::unix::fs::symlink(dir.path().join("real"), dir.path().join("link")).unwrap();
    assert!(matches!(read(&dir.path().join("link")), Given::Malformed(why) if why.contains("link")));
    assert!(matches!(read(dir.path()), Given::Malformed(_)));
    let pipe = dir.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert!(matches!(read(&pipe), Given::Malformed(why) if why.contains("regular")));
    assert!(matches!(read(Path::new("/dev/zero")), Given::Malformed(why) if why.contains("regular")));
}

#[test]
fn a_judges_answer_becomes_findings_where_it_asks_for_more() {
    let text = JUDGE.replace("0.93,", "0.5,");
    let text =
        text.replace("\"gaps\": \"\", \"improve\": \"\"", "\"gaps\": \"half\", \"improve\": \"the rest\"");
    let text = text.replace("\"improve\": \"none\"", "\"improve\": \"\"");
    let found = judges::findings_of(&"S-014".into(), text.as_bytes()).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].id.as_str(), found[0].severity), ("LJ-001", Severity::Critical));
    assert_eq!((found[0].claim.as_str(), found[0].remedy.as_str()), ("half", "the rest"));
    for (score, severity) in
        [("0.5001", Severity::Major), ("0.8499", Severity::Major), ("0.85", Severity::Minor)]
    {
        let text = text.replace("0.5,", &format!("{score},"));
        assert_eq!(judges::findings_of(&"S-014".into(), text.as_bytes()).unwrap()[0].severity, severity);
    }
    assert!(
        judges::findings_of(&"S-014".into(), text.replace("0.5,", "0.92,").as_bytes()).unwrap().is_empty()
    );
    assert_eq!(judges::findings_of(&"S-002".into(), REVIEW.as_bytes()).unwrap().len(), 2);
}

#[test]
fn usage_is_what_the_file_says_or_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("usage.json");
    let read = |text: &str| {
        std::fs::write(&path, text).unwrap();
        judges::read_usage(&path)
    };
    assert_eq!(judges::read_usage(&path), Usage::default());
    let full = read(r#"{"tokens_in": 10, "tokens_out": 5, "micro_usd": 1200}"#);
    assert_eq!(full, Usage { tokens_in: 10, tokens_out: 5, micro_usd: Some(1200) });
    assert_eq!(read(r#"{"tokens_in": 10}"#), Usage { tokens_in: 10, tokens_out: 0, micro_usd: None });
    for rubbish in ["", "[]", "{\"tokens_in\": -1}", "{\"tokens_in\": 1.5}", "{\"tokens\": 1}", "\u{0}"] {
        assert_eq!(read(rubbish), Usage::default(), "{rubbish}");
    }
}
