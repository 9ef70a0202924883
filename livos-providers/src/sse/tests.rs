use futures::executor::block_on;
use proptest::prelude::*;

use super::*;

type Events = Vec<(String, String)>;

fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<Events, SseError> {
    let mut events = Events::new();
    let mut decoder = SseDecoder::default();
    for chunk in chunks {
        decoder.feed::<SseError>(chunk, |name, data| {
            events.push((name.to_owned(), data.to_owned()));
            Ok(Flow::Continue)
        })?;
    }
    Ok(events)
}

/// What the crate alone makes of the whole text.
fn reference(text: &str) -> Events {
    let whole = stream::iter([Ok::<_, SseError>(text.to_owned())]).eventsource();
    block_on(
        whole
            .map(Result::unwrap)
            .map(|event| {
                let name = if event.event == "message" { String::new() } else { event.event };
                (name, event.data)
            })
            .collect(),
    )
}

#[track_caller]
fn check_at_every_cut(text: &str, expected: &[(&str, &str)]) {
    for cut in 0..=text.len() {
        let (left, right) = text.as_bytes().split_at(cut);
        let events = decode([left, right]).unwrap();
        let events: Vec<_> = events.iter().map(|(n, d)| (n.as_str(), d.as_str())).collect();
        assert_eq!(events, expected, "cut at {cut}");
    }
    assert_eq!(decode(text.as_bytes().chunks(1)).unwrap().len(), expected.len(), "byte by byte");
}

#[test]
fn the_vendors_forms_are_read_at_every_cut() {
    check_at_every_cut(
        "event: ping\ndata: {\"a\":\"é\"}\n\ndata: [DONE]\n\n",
        &[("ping", "{\"a\":\"é\"}"), ("", "[DONE]")],
    );
    check_at_every_cut("data: {\"a\":1}\r\n\r\ndata: {}\r\n\r\n", &[("", "{\"a\":1}"), ("", "{}")]);
}

#[test]
fn a_byte_order_mark_behind_the_start_is_part_of_a_name() {
    check_at_every_cut("data: a\n\n\u{feff}data: b\n\ndata: c\n\n", &[("", "a"), ("", "c")]);
    check_at_every_cut("\u{feff}\u{feff}\n\ndata: a\n\n", &[("", "a")]);
    check_at_every_cut("\u{feff}data: a\n\n", &[("", "a")]);
}

#[test]
fn comments_several_data_lines_and_ids_are_read_at_every_cut() {
    check_at_every_cut(
        ": PROCESSING\n\nid: 7\nevent:x\ndata:one\ndata: two 😀\nretry: 10\n\n",
        &[("x", "one\ntwo 😀")],
    );
}

#[test]
fn a_byte_order_mark_is_skipped_at_every_cut() {
    check_at_every_cut("\u{feff}data: 1\n\n", &[("", "1")]);
}

#[test]
fn what_is_cut_inside_a_frame_is_no_event() {
    let mut decoder = SseDecoder::default();
    let given = decoder.feed::<SseError>(b"data: {\"a\":", |_, _| panic!("not whole"));
    assert_eq!(given, Ok(Flow::Continue));
}

#[test]
fn bytes_that_are_no_text_and_endless_events_are_errors() {
    assert_eq!(decode([&b"data: \xff\n\n"[..]]), Err(SseError::NotUtf8));
    let chunk = vec![b'a'; 1 << 20];
    assert_eq!(decode((0..17).map(|_| chunk.as_slice())), Err(SseError::TooLarge));
}

#[test]
fn nothing_is_given_after_stop() {
    let mut decoder = SseDecoder::default();
    let mut count = 0;
    let flow = decoder.feed::<SseError>(b"data: 1\n\ndata: 2\n\n", |_, _| {
        count += 1;
        Ok(Flow::Stop)
    });
    assert_eq!((flow, count), (Ok(Flow::Stop), 1));
}

proptest! {
    #[test]
    fn any_text_in_any_cut_is_read_as_the_crate_reads_it(
        lines in proptest::collection::vec("(event|data|id|:c|x)?:? ?[a-zé]{0,4}(\n|\r\n|\n\n|\r\n\r\n)", 0..12),
        size in 1..9_usize,
    ) {
        let text = lines.concat();
        prop_assert_eq!(decode(text.as_bytes().chunks(size)).unwrap(), reference(&text));
    }
}
