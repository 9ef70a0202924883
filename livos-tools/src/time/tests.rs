use jiff::Timestamp;

use super::*;

fn call(args: &Value) -> Result<Value, ToolError> {
    let args: TimeArgs = serde_json::from_value(args.clone()).unwrap();
    let zone = parse_zone(args.time_zone.as_deref())?;
    let now: Timestamp = "2026-11-22T15:00:00Z".parse().unwrap();
    let now = now.to_zoned(zone);
    match args.operation {
        Operation::Now => Ok(described(&now)),
        Operation::Difference => difference(&args, &now),
        Operation::Add => add(&args, &now),
    }
}

#[test]
fn now_in_a_zone() {
    let answer = call(&json!({"operation": "now", "time_zone": "Asia/Tokyo"})).unwrap();
    assert_eq!(
        answer,
        json!({
            "time": "2026-11-23T00:00:00+09:00[Asia/Tokyo]",
            "utc": "2026-11-22T15:00:00Z",
            "weekday": "Monday",
            "iso_week": "2026-W48",
            "day_of_year": 327,
            "unix_seconds": 1_795_359_600_i64,
        })
    );
}

#[test]
fn a_calendar_day_over_a_clock_change_keeps_the_time_of_day() {
    let add = |duration: &str| {
        let answer = call(&json!({
            "operation": "add",
            "time_zone": "Europe/Berlin",
            "from": "2026-03-28T12:00",
            "duration": duration,
        }));
        answer.unwrap()["time"].as_str().unwrap().to_owned()
    };
    assert_eq!(add("P1D"), "2026-03-29T12:00:00+02:00[Europe/Berlin]");
    assert_eq!(add("24 hours"), "2026-03-29T13:00:00+02:00[Europe/Berlin]");
    assert_eq!(add("-1 month"), "2026-02-28T12:00:00+01:00[Europe/Berlin]");
}

#[test]
fn a_difference_in_words_and_seconds() {
    let answer = call(&json!({
        "operation": "difference",
        "from": "2026-01-01",
        "to": "2026-03-01T06:00:00+02:00",
    }))
    .unwrap();
    assert_eq!(answer["difference"], "2mo 4h");
    assert_eq!(answer["days"], 59);
    assert_eq!(answer["seconds"], 5_112_000);
    let back = call(&json!({"operation": "difference", "from": "2026-11-23T15:00:00Z"})).unwrap();
    assert_eq!(back["seconds"], -86_400);
}

#[test]
fn what_cannot_be_read_is_answered_with_what_can() {
    for (args, expected) in [
        (json!({"operation": "now", "time_zone": "Berlin"}), "did you mean Europe/Berlin"),
        (json!({"operation": "now", "time_zone": "Nowhere"}), "use an IANA name"),
        (json!({"operation": "difference"}), "needs from"),
        (json!({"operation": "add"}), "needs duration"),
        (json!({"operation": "add", "duration": "soon"}), "'soon' is not a duration"),
        (json!({"operation": "difference", "from": "yesterday"}), "'yesterday' is not a time"),
        (json!({"operation": "add", "duration": "P19000Y"}), "out of range"),
    ] {
        let error = call(&args).unwrap_err().to_string();
        assert!(error.contains(expected), "{args}: {error}");
    }
}
