use std::time::Duration;

use livos_core::Clock;
use livos_core::SystemClock;

use super::*;

fn config() -> ProviderConfig {
    ProviderConfig::new("x", "http://127.0.0.1:1").unwrap().with_api_key("sk-secret").unwrap()
}

#[track_caller]
fn check(status: u16, body: &str, kind: &str) {
    let error = from_response(&config(), status, &HeaderMap::new(), body.as_bytes());
    assert_eq!((error.kind(), error.status()), (kind, Some(status)), "{body}");
}

#[test]
fn anthropic() {
    for (status, word, kind) in [
        (400, "invalid_request_error", "invalid_request"),
        (401, "authentication_error", "authentication"),
        (402, "billing_error", "quota_exhausted"),
        (403, "permission_error", "authentication"),
        (404, "not_found_error", "unknown_model"),
        (413, "request_too_large", "context_too_long"),
        (429, "rate_limit_error", "rate_limited"),
        (500, "api_error", "unavailable"),
        (504, "timeout_error", "timed_out"),
        (529, "overloaded_error", "overloaded"),
    ] {
        check(
            status,
            &format!(r#"{{"type":"error","error":{{"type":"{word}","message":"m"}}}}"#),
            kind,
        );
    }
    let too_long = "prompt is too long: 210000 tokens > 200000 maximum";
    let body = format!(r#"{{"error":{{"type":"invalid_request_error","message":"{too_long}"}}}}"#);
    check(400, &body, "context_too_long");
    let poor = "Your credit balance is too low to access the API";
    let body = format!(r#"{{"error":{{"type":"invalid_request_error","message":"{poor}"}}}}"#);
    check(400, &body, "quota_exhausted");
}

#[test]
fn openai_and_those_who_speak_like_it() {
    for (status, body, kind) in [
        (
            429,
            r#"{"error":{"message":"m","type":"insufficient_quota","code":"insufficient_quota"}}"#,
            "quota_exhausted",
        ),
        (
            429,
            r#"{"error":{"message":"m","type":"tokens","code":"rate_limit_exceeded"}}"#,
            "rate_limited",
        ),
        (
            404,
            r#"{"error":{"message":"m","type":"invalid_request_error","code":"model_not_found"}}"#,
            "unknown_model",
        ),
        (
            400,
            r#"{"error":{"message":"m","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
            "context_too_long",
        ),
        (
            400,
            r#"{"error":{"code":400,"message":"m","type":"exceed_context_size_error","n_ctx":4096}}"#,
            "context_too_long",
        ),
        (
            401,
            r#"{"error":{"message":"m","type":"invalid_request_error","code":"invalid_api_key"}}"#,
            "authentication",
        ),
        (404, r#"{"error":"model 'x' not found, try pulling it first"}"#, "unknown_model"),
        (402, r#"{"error":{"message":"Insufficient credits","code":402}}"#, "quota_exhausted"),
        (
            422,
            r#"{"object":"error","message":{"detail":[{"loc":["body"],"msg":"m"}]}}"#,
            "invalid_request",
        ),
        (503, "", "overloaded"),
        (502, "<html>bad gateway</html>", "unavailable"),
    ] {
        check(status, body, kind);
    }
}

#[test]
fn gemini_in_both_shapes() {
    for (status, body, kind) in [
        (503, r#"[{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}]"#, "overloaded"),
        (
            400,
            r#"{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}"#,
            "invalid_request",
        ),
        (
            400,
            r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}"#,
            "authentication",
        ),
        (
            403,
            r#"{"error":{"code":403,"message":"m","status":"PERMISSION_DENIED"}}"#,
            "authentication",
        ),
        (
            400,
            r#"{"error":{"code":400,"message":"The input token count (2000000) exceeds the maximum number of tokens allowed (1048575).","status":"INVALID_ARGUMENT"}}"#,
            "context_too_long",
        ),
    ] {
        check(status, body, kind);
    }
    let body = r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"13.5s"}]}}"#;
    let error = from_response(&config(), 429, &HeaderMap::new(), body.as_bytes());
    assert_eq!(error.kind(), "rate_limited");
    assert_eq!(error.retry_after(), Some(Duration::from_millis(13_500)));
}

#[test]
fn the_pause_is_read_from_every_header() {
    let pause = |name: &'static str, value: &str| {
        let headers = HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]);
        from_response(&config(), 429, &headers, b"").retry_after()
    };
    assert_eq!(pause("retry-after", "7"), Some(Duration::from_secs(7)));
    assert_eq!(pause("retry-after", "0.5"), Some(Duration::from_millis(500)));
    assert_eq!(pause("retry-after-ms", "250"), Some(Duration::from_millis(250)));
    assert_eq!(pause("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
    assert_eq!(pause("retry-after", "-1"), None);
    assert_eq!(pause("retry-after", "soon"), None);
    let soon = SystemClock.now().as_unix_micros() + 90_000_000;
    let soon = jiff::Timestamp::from_microsecond(soon).unwrap();
    let date =
        jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&soon).unwrap();
    let told = pause("retry-after", &date).unwrap();
    assert!((80..=90).contains(&told.as_secs()), "{told:?}");
}

#[test]
fn a_key_that_the_service_repeats_is_not_shown() {
    let body = br#"{"error":{"type":"authentication_error","message":"wrong key sk-secret"}}"#;
    let error = from_response(&config(), 401, &HeaderMap::new(), body);
    assert_eq!(error.to_string(), "x: wrong key [redacted] (HTTP 401)");
}

#[test]
fn an_error_inside_a_stream_is_sorted_like_any_other() {
    let object = serde_json::json!({"type": "overloaded_error", "message": "Overloaded"});
    assert_eq!(from_error_object(&"x".into(), &object).kind(), "overloaded");
    let object = serde_json::json!({"code": 429, "message": "slow down"});
    assert_eq!(from_error_object(&"x".into(), &object).kind(), "rate_limited");
}
