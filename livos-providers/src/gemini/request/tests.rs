use livos_core::Conversation;
use livos_core::Document;
use livos_core::Effect;
use livos_core::Image;
use livos_core::MediaSource;
use livos_core::Text;
use livos_core::Thinking;
use livos_core::ThinkingEffort;
use livos_core::ToolCall;
use livos_core::ToolCallId;
use livos_core::ToolChoice;
use livos_core::ToolInput;
use livos_core::ToolResult;
use livos_core::ToolSpec;
use serde_json::json;

use super::*;
use crate::encoding::NO_RESULT;

fn body(request: &ChatRequest) -> Value {
    serde_json::from_slice(&encode(request).joined()).unwrap()
}

fn contents(model: &str, messages: impl IntoIterator<Item = Message>) -> Value {
    body(&ChatRequest::new(model, messages))["contents"].clone()
}

fn signed(value: &str) -> Signature {
    Signature { issuer: ISSUER.into(), value: value.to_owned() }
}

fn foreign() -> Signature {
    Signature { issuer: "anthropic".into(), value: "not for you".to_owned() }
}

fn call(id: &str, signature: Option<Signature>) -> ContentBlock {
    let mut call = ToolCall::new(id, "weather", ToolInput::parse(r#"{"city":"Paris"}"#));
    call.signature = signature;
    ContentBlock::ToolUse(call)
}

fn result(id: &str, content: Vec<ContentBlock>, is_error: bool) -> ContentBlock {
    ContentBlock::ToolResult(ToolResult {
        call_id: id.into(),
        name: "weather".into(),
        content,
        is_error,
    })
}

fn weather() -> Arc<[ToolSpec]> {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    Arc::from([ToolSpec::new("weather", "Tells the weather.", schema, Effect::ReadOnly)])
}

#[test]
fn a_request_is_written_in_the_order_of_how_long_it_lives() {
    let mut request = ChatRequest::new("gemini-2.5-flash", [Message::user("Hi")]);
    request.system = Some("Be brief.".into());
    request.tools = weather();
    request.tool_choice = ToolChoice::Tool("weather".into());
    request.volatile = Some("It is noon.".into());
    request.max_output_tokens = Some(99);
    request.temperature = Some(0.5);
    request.stop_sequences = vec!["END".to_owned()];
    request.thinking = ThinkingEffort::Low;
    assert_eq!(
        String::from_utf8(encode(&request).joined()).unwrap(),
        concat!(
            r#"{"systemInstruction":{"parts":[{"text":"Be brief."}]},"#,
            r#""tools":[{"functionDeclarations":[{"name":"weather","description":"Tells the weather.","#,
            r#""parametersJsonSchema":{"type":"object","properties":{"city":{"type":"string"}}}}]}],"#,
            r#""contents":[{"role":"user","parts":[{"text":"Hi"}]},"#,
            r#"{"role":"user","parts":[{"text":"It is noon."}]}],"#,
            r#""generationConfig":{"maxOutputTokens":99,"temperature":0.5,"stopSequences":["END"],"#,
            r#""thinkingConfig":{"includeThoughts":true,"thinkingBudget":1024}},"#,
            r#""toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["weather"]}}}"#,
        )
    );
}

#[test]
fn signatures_go_back_where_they_came_from() {
    let answer = Message::new(
        Role::Assistant,
        vec![
            ContentBlock::Thinking(Thinking { text: "hmm".into(), signature: Some(signed("s1")) }),
            ContentBlock::Thinking(Thinking { text: "foreign".into(), signature: Some(foreign()) }),
            ContentBlock::Text(Text {
                text: "Looking.".into(),
                signature: Some(foreign()),
                ..Text::default()
            }),
            call("fc-1", Some(signed("s2"))),
            call(ToolCallId::generate().as_str(), None),
            ContentBlock::Text(Text { signature: Some(signed("s3")), ..Text::default() }),
            ContentBlock::text(""),
        ],
    );
    assert_eq!(
        contents("gemini-3-flash-preview", [answer]),
        json!([{"role": "model", "parts": [
            {"text": "hmm", "thought": true, "thoughtSignature": "s1"},
            {"text": "Looking."},
            {"functionCall": {"id": "fc-1", "name": "weather", "args": {"city": "Paris"}}, "thoughtSignature": "s2"},
            {"functionCall": {"name": "weather", "args": {"city": "Paris"}}},
            {"text": "", "thoughtSignature": "s3"},
        ]}])
    );
}

#[test]
fn the_first_call_of_another_vendor_is_signed_where_the_model_insists() {
    let answer =
        || Message::new(Role::Assistant, vec![call("toolu_1", None), call("toolu_2", None)]);
    let parts = |model| contents(model, [answer()])[0]["parts"].clone();
    let third = parts("gemini-3-flash-preview");
    assert_eq!(third[0]["thoughtSignature"], FOREIGN_SIGNATURE);
    assert!(third[1].get("thoughtSignature").is_none());
    assert!(parts("gemini-2.5-flash")[0].get("thoughtSignature").is_none());
}

#[test]
fn results_pair_with_their_calls_and_errors_say_so() {
    let generated = ToolCallId::generate();
    let picture = ContentBlock::Image(Image {
        media_type: "image/png".into(),
        source: MediaSource::Base64("aGk=".into()),
    });
    let asked = Message::new(
        Role::Assistant,
        vec![call("fc-1", Some(signed("s"))), call(generated.as_str(), None)],
    );
    let answered = Message::new(
        Role::User,
        vec![
            result("fc-1", vec![ContentBlock::text("{\"id\":175928847299117063}"), picture], false),
            result(generated.as_str(), vec![ContentBlock::text("no such city")], true),
        ],
    );
    let given = contents("gemini-3-flash-preview", [asked.clone(), answered.clone()]);
    let inside = json!([{"inlineData": {"mimeType": "image/png", "data": "aGk="}}]);
    assert_eq!(
        given[1],
        json!({"role": "user", "parts": [
            {"functionResponse": {"id": "fc-1", "name": "weather",
                "response": {"result": "{\"id\":175928847299117063}"}, "parts": inside}},
            {"functionResponse": {"name": "weather", "response": {"error": "no such city"}}},
        ]})
    );
    let older = contents("gemini-2.5-flash", [asked, answered]);
    assert_eq!(older[1]["parts"][2], inside[0], "older models see it beside the response");
}

#[test]
fn a_call_that_was_never_answered_gets_an_answer() {
    let asked = Message::new(Role::Assistant, vec![call("fc-1", Some(signed("s")))]);
    let given = contents("gemini-3-flash-preview", [asked, Message::user("Never mind.")]);
    assert_eq!(given[1]["parts"][0]["functionResponse"]["response"], json!({"error": NO_RESULT}));
    assert_eq!(given[2]["parts"][0]["text"], "Never mind.");
}

#[test]
fn media_native_parts_and_image_signatures_are_sent() {
    let file = ContentBlock::Document(Document {
        media_type: "application/pdf".into(),
        source: MediaSource::Url("https://example.com/a.pdf".into()),
        title: Some("A".into()),
    });
    let picture = ContentBlock::Image(Image {
        media_type: "image/png".into(),
        source: MediaSource::Base64("aGk=".into()),
    });
    let native =
        |issuer: &str, value| ContentBlock::Native(NativeBlock { issuer: issuer.into(), value });
    let code = json!({"executableCode": {"language": "PYTHON", "code": "1"}});
    let answer = vec![
        native(ISSUER, code.clone()),
        native("anthropic", json!({"type": "redacted_thinking"})),
        picture,
        native(ISSUER, json!({"thoughtSignature": "s5"})),
    ];
    assert_eq!(
        contents(
            "gemini-2.5-flash",
            [Message::new(Role::User, vec![file]), Message::new(Role::Assistant, answer)]
        ),
        json!([
            {"role": "user", "parts": [
                {"text": "A"},
                {"fileData": {"mimeType": "application/pdf", "fileUri": "https://example.com/a.pdf"}},
            ]},
            {"role": "model", "parts": [
                code,
                {"inlineData": {"mimeType": "image/png", "data": "aGk="}, "thoughtSignature": "s5"},
            ]},
        ])
    );
}

#[test]
fn a_message_without_parts_is_not_sent() {
    let empty = Message::new(Role::Assistant, vec![]);
    let given = contents(
        "gemini-2.5-flash",
        [Message::user("a"), empty.clone(), Message::user("b"), empty],
    );
    assert_eq!(given.as_array().unwrap().len(), 2);
}

#[test]
fn a_schema_is_enforced_where_it_can_be_and_asked_for_elsewhere() {
    let with_schema = |model: &str, tools: Arc<[ToolSpec]>| {
        let mut request = ChatRequest::new(model, [Message::user("Hi")]);
        request.tools = tools;
        let schema = Arc::new(json!({"type": "object"}));
        request.output = OutputFormat::JsonSchema { name: "x".into(), schema };
        body(&request)
    };
    let enforced = with_schema("gemini-2.5-flash", Arc::default());
    assert_eq!(enforced["generationConfig"]["responseMimeType"], "application/json");
    assert_eq!(enforced["generationConfig"]["responseJsonSchema"], json!({"type": "object"}));
    let third = with_schema("gemini-3-flash-preview", weather());
    assert_eq!(third["generationConfig"]["responseMimeType"], "application/json");
    for body in
        [with_schema("gemini-2.5-flash", weather()), with_schema("gemma-3-27b-it", Arc::default())]
    {
        assert!(body["generationConfig"].get("responseMimeType").is_none());
        let plea = body["contents"][1]["parts"][0]["text"].as_str().unwrap();
        assert!(plea.contains(r#"{"type":"object"}"#), "{plea}");
    }
}

#[test]
fn a_model_without_system_instruction_hears_it_first() {
    let mut request = ChatRequest::new("gemma-3-27b-it", [Message::user("Hi")]);
    request.system = Some("Be brief.".into());
    let body = body(&request);
    assert!(body.get("systemInstruction").is_none());
    assert_eq!(body["contents"][0]["parts"][0]["text"], "Be brief.");
    assert_eq!(body["contents"][1]["parts"][0]["text"], "Hi");
}

#[test]
fn what_was_sent_is_a_prefix_of_what_is_sent_next_over_fifty_turns() {
    for model in ["gemini-2.5-flash", "gemini-3-flash-preview", "gemma-3-27b-it"] {
        let mut conversation = Conversation::new();
        let mut before: Vec<u8> = Vec::new();
        for turn in 0..50 {
            let id = format!("fc-{turn}");
            conversation.push(Message::user(format!("Question {turn}")));
            conversation.push(Message::new(Role::Assistant, vec![call(&id, Some(signed("s")))]));
            conversation.push(Message::new(
                Role::User,
                vec![result(&id, vec![ContentBlock::text("7")], false)],
            ));
            let mut request = ChatRequest::of(model, conversation.clone());
            request.system = Some("Be brief.".into());
            request.tools = weather();
            request.volatile = Some(format!("It is turn {turn}.").into());
            let sent = encode(&request).joined();
            let marker = format!(r#",{{"role":"user","parts":[{{"text":"It is turn {turn}."}}]}}"#);
            let sent_text = String::from_utf8(sent).unwrap();
            let stable = sent_text.find(&marker).expect("the volatile part is there");
            assert!(sent_text.as_bytes().starts_with(&before), "turn {turn} of {model}");
            let mut fresh = request.clone();
            fresh.conversation = conversation.iter().cloned().collect();
            assert_eq!(
                encode(&fresh).joined(),
                sent_text.as_bytes(),
                "kept bytes equal fresh ones"
            );
            before = sent_text.as_bytes().get(..stable).unwrap().to_vec();
            conversation.push(Message::assistant(format!("Answer {turn}")));
        }
    }
}
