use proptest::prelude::*;

use super::*;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn slots(recurrence: &Recurrence, after: &str, count: usize) -> Vec<String> {
    let timetable = recurrence.timetable(time(after)).unwrap();
    timetable.slots(time(after), count).map(|slot| slot.to_string()).collect()
}

fn fault(expression: &str, zone: Option<&str>) -> ScheduleFault {
    let cron =
        Recurrence::Cron { expression: expression.to_owned(), time_zone: zone.map(str::to_owned) };
    cron.timetable(time("2026-01-01T00:00:00Z")).unwrap_err()
}

#[test]
fn cron_has_five_or_six_fields() {
    let after = "2026-01-01T00:00:00Z";
    assert_eq!(
        slots(&Recurrence::cron("30 9 * * MON-FRI"), after, 3),
        ["2026-01-01T09:30:00Z", "2026-01-02T09:30:00Z", "2026-01-05T09:30:00Z"]
    );
    assert_eq!(
        slots(&Recurrence::cron("*/20 59 23 31 12 *"), after, 2),
        ["2026-12-31T23:59:00Z", "2026-12-31T23:59:20Z"]
    );
    assert_eq!(slots(&Recurrence::cron("@daily"), after, 1), ["2026-01-02T00:00:00Z"]);
    assert_eq!(slots(&Recurrence::cron("0 0 30 2 *"), after, 1), Vec::<String>::new());
}

#[test]
fn a_time_of_day_survives_daylight_saving() {
    // 2026-03-29: 02:00 becomes 03:00 in Berlin; 2026-10-25: 03:00 becomes 02:00.
    let half_past_two = Recurrence::cron_in("30 2 * * *", "Europe/Berlin");
    assert_eq!(
        slots(&half_past_two, "2026-03-28T00:00:00Z", 3),
        ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
        "the time that does not exist is right after the gap"
    );
    assert_eq!(
        slots(&half_past_two, "2026-10-24T12:00:00Z", 2),
        ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        "the time that exists twice is the first of both"
    );
    let hourly = Recurrence::cron_in("0 * * * *", "Europe/Berlin");
    assert_eq!(slots(&hourly, "2026-10-24T22:30:00Z", 26).len(), 26);
    let day: Vec<_> = slots(&hourly, "2026-10-24T21:59:59Z", 25);
    assert_eq!(day.last().unwrap(), "2026-10-25T22:00:00Z", "the day has 25 hours");
    let day: Vec<_> = slots(&hourly, "2026-03-28T22:59:59Z", 23);
    assert_eq!(day.last().unwrap(), "2026-03-29T21:00:00Z", "the day has 23 hours");
}

#[test]
fn wrong_expressions_say_what_is_wrong() {
    for expression in
        ["", "* * * *", "61 * * * *", "0 0 0 1 1 * 2020", "@reboot", "hello", "*/0 * * * *"]
    {
        let fault = fault(expression, None);
        assert_eq!(fault.field(), "recurrence.expression", "{expression}: {fault}");
    }
    assert!(matches!(fault(&"*".repeat(300), None), ScheduleFault::Cron { .. }));
    for zone in ["Mars/Olympus", "", "../etc/passwd", "Europe/berlin/x"] {
        let fault = fault("0 0 * * *", Some(zone));
        assert_eq!(fault, ScheduleFault::UnknownTimeZone { name: zone.to_owned() });
    }
}

#[test]
fn intervals_are_counted_from_their_anchor() {
    let every = Recurrence::every(Duration::from_secs(90));
    let timetable = every.timetable(time("2026-01-01T00:00:00Z")).unwrap();
    let next = |after: &str| timetable.next_after(time(after)).unwrap().to_string();
    assert_eq!(next("2025-06-01T00:00:00Z"), "2026-01-01T00:01:30Z");
    assert_eq!(next("2026-01-01T00:01:29.999999Z"), "2026-01-01T00:01:30Z");
    assert_eq!(next("2026-01-01T00:01:30Z"), "2026-01-01T00:03:00Z");
}

#[test]
fn missed_slots_are_counted() {
    let from = time("2026-01-01T00:00:00Z");
    let count = |recurrence: Recurrence, to: &str| {
        let timetable = recurrence.timetable(from).unwrap();
        let first = timetable.next_after(from).unwrap();
        let (newest, count) = timetable.newest_up_to(first, time(to));
        (newest.to_string(), count)
    };
    let hourly = Recurrence::cron("0 * * * *");
    assert_eq!(count(hourly.clone(), "2026-01-01T05:30:00Z"), ("2026-01-01T05:00:00Z".into(), 4));
    assert_eq!(count(hourly.clone(), "2026-01-01T01:00:00Z"), ("2026-01-01T01:00:00Z".into(), 0));
    assert_eq!(count(hourly, "2027-01-01T05:30:00Z"), ("2027-01-01T05:00:00Z".into(), 1000));
    let every = Recurrence::every(Duration::from_secs(10));
    assert_eq!(count(every, "2030-01-01T00:00:05Z"), ("2030-01-01T00:00:00Z".into(), 1000));
}

fn any_recurrence() -> impl Strategy<Value = Recurrence> {
    let expressions = prop::sample::select(vec![
        "*/5 * * * *",
        "30 2 * * *",
        "0 0 1 * *",
        "0 9 * * MON-FRI",
        "*/7 3 * * * *",
        "0 0 29 2 *",
        "15 1-3 * * *",
        "0 0 L * *",
        "59 59 23 31 12 *",
    ]);
    let zones = prop::sample::select(vec![
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "America/Sao_Paulo",
    ]);
    prop_oneof![
        (expressions, zones).prop_map(|(expression, zone)| Recurrence::cron_in(expression, zone)),
        (1_u64..100_000).prop_map(|seconds| Recurrence::Every { seconds }),
        (0_i64..4_000_000_000)
            .prop_map(|second| Recurrence::at(Timestamp::from_unix_micros(second * 1_000_000))),
    ]
}

proptest! {
    #[test]
    fn the_next_slot_is_strictly_later_and_no_slot_is_in_between(
        recurrence in any_recurrence(),
        after in 1_500_000_000_000_000_i64..2_200_000_000_000_000,
        step in 1_i64..10_000_000_000,
    ) {
        let anchor = Timestamp::from_unix_micros(1_600_000_000_000_000);
        let timetable = recurrence.timetable(anchor).unwrap();
        let after = Timestamp::from_unix_micros(after);
        if let Some(next) = timetable.next_after(after) {
            prop_assert!(next > after, "{next} is not after {after}");
            // Whoever looks in between comes to the same slot.
            let between = Timestamp::from_unix_micros(after.as_unix_micros() + step);
            if between < next {
                prop_assert_eq!(timetable.next_after(between), Some(next));
            }
            prop_assert!(timetable.next_after(next) > Some(next) || timetable.next_after(next).is_none());
        }
    }

    #[test]
    fn any_text_is_a_cron_expression_or_an_error(expression in "\\PC{0,40}", zone in "\\PC{0,20}") {
        let cron = Recurrence::cron_in(expression, zone);
        if let Ok(timetable) = cron.timetable(Timestamp::from_unix_micros(0)) {
            timetable.next_after(Timestamp::from_unix_micros(1_767_225_600_000_000));
        }
    }

    #[test]
    fn anything_that_looks_like_cron_ends(expression in "[0-9*/,LW#?+ -]{5,24}") {
        if let Ok(timetable) = Recurrence::cron(expression).timetable(Timestamp::from_unix_micros(0)) {
            timetable.next_after(Timestamp::from_unix_micros(1_767_225_600_000_000));
        }
    }
}
