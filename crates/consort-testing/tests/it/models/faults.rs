//! What goes wrong, in every language.

use super::{ALL, ask, understood};
use consort_testing::model::trouble::Trouble;
use consort_testing::model::{Fault, ModelServer, Outcome, Reply, Rule, Rules, Wire};
use std::time::{Duration, Instant};

fn server(replies: impl IntoIterator<Item = Reply>) -> ModelServer {
    let rule = replies.into_iter().fold(Rule::always(), Rule::reply);
    ModelServer::start(Rules::of([rule]))
}

/// Waits until the log says what became of the newest request.
async fn outcome(server: &ModelServer) -> Outcome {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let outcome = server.seen().last().unwrap().outcome;
        if outcome != Outcome::Open || Instant::now() > end {
            return outcome;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn errors_have_status_form_and_retry_after_and_are_passed_once() {
    for wire in ALL {
        let server = server([Reply::limited(7), Reply::http(529), Reply::text("at last")]);
        let limited = ask(&server, wire, "go", true).await;
        assert_eq!((limited.status, limited.headers["retry-after"].to_str().unwrap()), (429, "7"));
        let error = &limited.json()["error"];
        let word = match wire {
            Wire::Anthropic => "rate_limit_error",
            Wire::Chat | Wire::Responses => "rate_limit_exceeded",
            Wire::Gemini => "RESOURCE_EXHAUSTED",
        };
        let key = if wire == Wire::Gemini { "status" } else { "type" };
        assert_eq!(error[key], word, "{wire:?}");
        assert!(error["message"].as_str().unwrap().contains("429"));
        let overloaded = ask(&server, wire, "go", false).await;
        assert_eq!(overloaded.status, 529);
        assert!(!overloaded.headers.contains_key("retry-after"));
        let back = ask(&server, wire, "go", false).await;
        assert_eq!(understood(wire, false, &back).text, "at last", "{wire:?}");
        // Another conversation has its own trouble.
        assert_eq!(ask(&server, wire, "another", false).await.status, 429);
    }
}

#[tokio::test]
async fn a_stream_is_cut_in_the_middle() {
    for wire in ALL {
        let server = server([Reply::fault(Fault::Cut { after: 2 }), Reply::text("whole")]);
        let cut = ask(&server, wire, "go", true).await;
        assert_eq!((cut.status, cut.whole), (200, false), "{wire:?}");
        assert_eq!(outcome(&server).await, Outcome::Broken);
        // A client that asks for it in one piece gets that.
        let back = ask(&server, wire, "go", false).await;
        assert_eq!(understood(wire, false, &back).text, "whole");
        let early =
            ModelServer::start(Rules::of([Rule::always().reply(Reply::fault(Fault::Cut { after: 10_000 }))]));
        assert!(!ask(&early, wire, "go", true).await.whole, "{wire:?}: a short answer is cut at its end");
        assert!(!ask(&early, wire, "go", false).await.whole, "{wire:?}: not in pieces");
    }
}

#[tokio::test]
async fn an_error_in_the_stream_ends_it() {
    for wire in ALL {
        let fault = Fault::InBand { after: 1, kind: "overloaded_error".into(), message: "too much".into() };
        let server = server([Reply::fault(fault)]);
        let back = ask(&server, wire, "go", true).await;
        assert!(back.whole);
        let events = back.events();
        assert_eq!(events.len(), 2, "{wire:?}: {}", back.text);
        assert!(events[1].1.to_string().contains("too much"), "{wire:?}");
        assert_eq!(events[1].0, ["error", "", "response.failed", ""][wire as usize]);
        assert_eq!(ask(&server, wire, "go", false).await.status, 500);
    }
}

#[tokio::test]
async fn a_hanging_stream_ends_with_its_client_and_with_the_server() {
    for wire in ALL {
        let server = server([Reply::fault(Fault::Hang { after: 2 })]);
        for stream in [true, false] {
            let patience = Duration::from_millis(300);
            assert!(tokio::time::timeout(patience, ask(&server, wire, "go", stream)).await.is_err());
            assert_eq!(outcome(&server).await, Outcome::ClientGone, "{wire:?} {stream}");
        }
        let url = server.url();
        let asked = tokio::spawn(async move {
            let client = super::client();
            let body = super::body(wire, "go", true);
            let mut response =
                client.post(format!("{url}{}", super::path(wire, true))).json(&body).send().await.unwrap();
            while let Ok(Some(_)) = response.chunk().await {}
        });
        while server.seen().last().unwrap().outcome != Outcome::Open {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let begun = Instant::now();
        drop(server);
        asked.await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(5), "{wire:?}");
    }
}

#[tokio::test]
async fn a_flood_has_the_size_that_was_asked_for() {
    const BYTES: u64 = 3 * 1024 * 1024;
    for wire in ALL {
        let server = server([Reply { flood_bytes: BYTES, text: "begin ".into(), ..Reply::default() }]);
        let whole = ask(&server, wire, "go", false).await;
        assert_eq!(understood(wire, false, &whole).text.len() as u64, BYTES + 6, "{wire:?}");
        let pieces = ask(&server, wire, "go", true).await;
        assert!(pieces.whole);
        let sent = pieces.text.bytes().filter(|b| *b == b'x').count() as u64;
        assert!((BYTES..BYTES + 10_000).contains(&sent), "{wire:?}: {sent}");
    }
}

#[tokio::test]
async fn answers_wait_and_drip() {
    let drip = Reply { piece_ms: 20, delay_ms: 100, ..Reply::text("y".repeat(48 * 5)) };
    let server = server([drip]);
    let begun = Instant::now();
    ask(&server, Wire::Anthropic, "go", true).await;
    // Eight pieces beside the text's five: seven and five pauses at least.
    assert!(begun.elapsed() >= Duration::from_millis(100 + 20 * 9), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn trouble_comes_first_and_again_and_again() {
    let trouble = Trouble { limited_first: 2, retry_after_s: 1, overloaded_every: 5 };
    let server = ModelServer::start(trouble.around(|request| Reply::text(request.prompt())));
    let mut got = Vec::new();
    for prompt in ["a", "a", "a", "b", "b", "b", "b", "a", "a", "a"] {
        got.push(ask(&server, Wire::Chat, prompt, false).await.status);
    }
    assert_eq!(got, [429, 429, 200, 429, 529, 429, 200, 200, 200, 529]);
}

#[tokio::test]
async fn code_that_fails_is_an_error_of_the_server() {
    let server = ModelServer::start(consort_testing::model::Scenario::code(|request| {
        assert!(request.prompt() != "bad", "no answer to that");
        Reply::text("fine")
    }));
    assert_eq!(ask(&server, Wire::Anthropic, "bad", true).await.status, 500);
    assert_eq!(ask(&server, Wire::Anthropic, "good", true).await.status, 200);
}
