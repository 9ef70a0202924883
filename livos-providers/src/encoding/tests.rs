use std::cell::RefCell;

use livos_core::ToolResult;

use super::*;

/// Encodes texts as they are and notes which were encoded.
fn encode(conversation: &Conversation, format: u64, seen: &RefCell<Vec<String>>) -> String {
    let bytes = encode_messages(conversation, format, |_, message, buffer| {
        seen.borrow_mut().push(message.text());
        buffer.extend_from_slice(message.text().as_bytes());
    });
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn only_new_messages_are_encoded() {
    let seen = RefCell::default();
    let mut conversation = Conversation::from_iter([Message::user("a"), Message::user("b")]);
    assert_eq!(encode(&conversation, 1, &seen), "a,b");
    conversation.push(Message::user("c"));
    assert_eq!(encode(&conversation, 1, &seen), "a,b,c");
    assert_eq!(encode(&conversation, 1, &seen), "a,b,c");
    assert_eq!(*seen.borrow(), ["a", "b", "c"]);
}

#[test]
fn the_buffer_is_taken_over_and_not_copied_when_no_request_holds_it() {
    let write = |_: &[Arc<Message>], _: &Message, buffer: &mut Vec<u8>| {
        buffer.extend_from_slice(&[b'x'; 100]);
    };
    let mut conversation = (0..64).map(|_| Message::user("x")).collect::<Conversation>();
    drop(encode_messages(&conversation, 1, write));
    conversation.push(Message::user("grows the buffer beyond its length"));
    let address = encode_messages(&conversation, 1, write).as_ptr();
    conversation.push(Message::user("fits"));
    assert_eq!(encode_messages(&conversation, 1, write).as_ptr(), address);
}

#[test]
fn clones_that_grew_apart_do_not_get_each_others_bytes() {
    let seen = RefCell::default();
    let mut one = Conversation::from_iter([Message::user("a")]);
    let mut two = one.clone();
    one.push(Message::user("b"));
    two.push(Message::user("c"));
    assert_eq!(encode(&one, 1, &seen), "a,b");
    assert_eq!(encode(&two, 1, &seen), "a,c");
    assert_eq!(encode(&one, 1, &seen), "a,b");
}

#[test]
fn another_format_or_a_shorter_clone_starts_anew() {
    let seen = RefCell::default();
    let short = Conversation::from_iter([Message::user("a")]);
    let mut long = short.clone();
    long.push(Message::user("b"));
    assert_eq!(encode(&long, 1, &seen), "a,b");
    assert_eq!(encode(&long, 2, &seen), "a,b");
    assert_eq!(encode(&short, 2, &seen), "a");
    assert_eq!(seen.borrow().len(), 5);
}

#[test]
fn a_head_is_encoded_once_and_again_when_anything_in_it_changes() {
    let mut request = ChatRequest::new("m", [Message::user("a")]);
    let count = RefCell::new(0);
    let head = |request: &ChatRequest| {
        encode_head(request, 1, |buffer| {
            *count.borrow_mut() += 1;
            buffer.push(b'h');
        })
    };
    assert_eq!(head(&request), head(&request));
    assert_eq!(*count.borrow(), 1);
    request.system = Some("be brief".into());
    head(&request);
    request.model = "n".into();
    head(&request);
    assert_eq!(*count.borrow(), 3);
}

#[test]
fn items_of_no_bytes_leave_no_comma() {
    let mut buffer = b"[".to_vec();
    push_item(&mut buffer, |b| b.extend_from_slice(b"1"));
    push_item(&mut buffer, |_| ());
    push_item(&mut buffer, |b| b.extend_from_slice(b"2"));
    assert_eq!(buffer, b"[1,2");
}

#[test]
fn a_call_is_open_until_its_result_came() {
    let asking = Message::new(
        Role::Assistant,
        ["a", "b"]
            .map(|id| ContentBlock::ToolUse(ToolCall::new(id, "t", serde_json::json!({}))))
            .into(),
    );
    let answer = |id: &str| {
        let result =
            ToolResult { call_id: id.into(), name: "t".into(), content: vec![], is_error: false };
        Arc::new(Message::new(Role::User, vec![ContentBlock::ToolResult(result)]))
    };
    let open = |messages: &[Arc<Message>]| -> Vec<String> {
        open_calls(messages).iter().map(|call| call.call_id.to_string()).collect()
    };
    let asking = Arc::new(asking);
    assert_eq!(open(std::slice::from_ref(&asking)), ["a", "b"]);
    assert_eq!(open(&[asking.clone(), answer("b")]), ["a"]);
    assert!(open(&[asking, answer("b"), answer("a")]).is_empty());
}
