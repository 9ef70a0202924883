"""The official OpenAI client against a LivOS server with the demo model.

Usage: openai_client.py BASE_URL KEY
"""

import json
import sys

import openai

MODEL = "demo/demo"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


def user(text):
    return {"role": "user", "content": text}


def lists_models(client):
    models = [model.id for model in client.models.list()]
    assert MODEL in models, models


def answers_whole(client):
    answer = client.chat.completions.create(model=MODEL, messages=[user("12 * 7")])
    choice = answer.choices[0]
    assert "84" in choice.message.content, choice
    assert choice.finish_reason == "stop", choice
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.usage.completion_tokens > 0, answer.usage


def answers_streamed(client):
    stream = client.chat.completions.create(
        model=MODEL,
        messages=[user("12 * 7")],
        stream=True,
        stream_options={"include_usage": True},
    )
    text, reasons, usage = [], [], None
    for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text.append(choice.delta.content or "")
            reasons.append(choice.finish_reason)
    assert "84" in "".join(text), text
    assert len([piece for piece in text if piece]) > 1, "came in one piece"
    assert [reason for reason in reasons if reason] == ["stop"], reasons
    assert usage is not None and usage.completion_tokens > 0, usage


def passes_tools_through(client):
    messages = [user('call get_weather {"city": "Lisbon"}')]
    answer = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls", choice
    (call,) = choice.message.tool_calls
    assert call.function.name == "get_weather", call
    assert json.loads(call.function.arguments) == {"city": "Lisbon"}, call

    messages.append(choice.message)
    messages.append({"role": "tool", "tool_call_id": call.id, "content": "21 degrees"})
    answer = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    assert "21 degrees" in answer.choices[0].message.content, answer


def streams_tool_calls(client):
    stream = client.chat.completions.create(
        model=MODEL,
        messages=[user('call get_weather {"city": "Lisbon"}')],
        tools=[WEATHER],
        stream=True,
    )
    names, arguments, reasons = [], [], []
    for chunk in stream:
        for choice in chunk.choices:
            reasons.append(choice.finish_reason)
            for call in choice.delta.tool_calls or []:
                names.append(call.function.name)
                arguments.append(call.function.arguments or "")
    assert [name for name in names if name] == ["get_weather"], names
    assert json.loads("".join(arguments)) == {"city": "Lisbon"}, arguments
    assert [reason for reason in reasons if reason] == ["tool_calls"], reasons


def refuses(error, client, **changes):
    request = {"model": MODEL, "messages": [user("12 * 7")], **changes}
    try:
        client.chat.completions.create(**request)
    except error as refusal:
        assert refusal.body and refusal.body.get("message"), refusal.body
        return
    raise AssertionError(f"{changes} was not refused")


def refuses_what_is_wrong(client, base_url):
    stranger = openai.OpenAI(base_url=base_url, api_key="not-the-key-of-this-server", max_retries=0)
    refuses(openai.AuthenticationError, stranger)
    refuses(openai.NotFoundError, client, model="nobody/nothing")
    refuses((openai.BadRequestError, openai.UnprocessableEntityError), client, messages=[])


def main():
    base_url, key = sys.argv[1:]
    client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0)
    lists_models(client)
    answers_whole(client)
    answers_streamed(client)
    passes_tools_through(client)
    streams_tool_calls(client)
    refuses_what_is_wrong(client, base_url)
    print("the official client is content")


main()
