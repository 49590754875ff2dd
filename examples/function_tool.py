"""A question that is answered with a function of this program, with the official `openai` package.

python examples/function_tool.py "Are you open on Sunday?"
"""

import json
import sys

from openai import OpenAI

DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
TOOL = {
    "type": "function",
    "name": "opening_hours",
    "description": "Tell when the shop is open on a day of the week.",
    "parameters": {
        "type": "object",
        "properties": {"day": {"type": "string", "enum": DAYS}},
        "required": ["day"],
        "additionalProperties": False,
    },
}


def opening_hours(day: str) -> str:
    """What the model asks for."""
    hours = {"Saturday": "open from 10 to 16", "Sunday": "closed"}.get(day, "open from 9 to 18")
    return f"On {day} the shop is {hours}."


def main(question: str) -> None:
    """Ask, run what is called, and print the answer."""
    client = OpenAI(base_url="http://127.0.0.1:8700/v1", api_key="any")
    with client.realtime.connect(model="gpt-realtime") as connection:
        connection.session.update(session={"type": "realtime", "output_modalities": ["text"], "tools": [TOOL]})
        content = [{"type": "input_text", "text": question}]
        connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
        connection.response.create()
        for event in connection:
            if event.type == "error":
                sys.exit(event.error.message)
            if event.type == "response.output_text.delta":
                print(event.delta, end="", flush=True)
            if event.type == "response.done":
                calls = [item for item in event.response.output or [] if item.type == "function_call"]
                if not calls:
                    return
                for call in calls:
                    output = opening_hours(**json.loads(call.arguments))
                    print(f"[{call.name} {call.arguments}: {output}]")
                    result = {"type": "function_call_output", "call_id": call.call_id, "output": output}
                    connection.conversation.item.create(item=result)
                connection.response.create()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "Are you open on Sunday?")
