"""A receptionist: answers the telephone, and puts callers through to whom they ask for.

python examples/receptionist.py     (with OPENAI_WEBHOOK_SECRET set, as for the server)
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from openai import InvalidWebhookSignatureError, OpenAI

client = OpenAI(base_url="http://127.0.0.1:8700/v1", api_key="any")
PEOPLE = {"sales": "sip:201@pbx.example", "support": "tel:+14155550123"}
TRANSFER = {
    "type": "function",
    "name": "transfer",
    "description": "Put the caller through, once it is clear to whom.",
    "parameters": {"type": "object", "properties": {"to": {"enum": list(PEOPLE)}}, "required": ["to"]},
}
SESSION = {
    "type": "realtime",
    "model": "gpt-realtime",
    "instructions": "You are the receptionist of a small shop. Greet the caller and ask how you can help.",
    "tools": [TRANSFER],
}


def talk(call_id: str) -> None:
    """One call, to its end."""
    client.realtime.calls.accept(call_id, **SESSION)
    with client.realtime.connect(call_id=call_id) as connection:
        connection.response.create()
        for event in connection:
            if event.type == "input_audio_buffer.dtmf_event_received" and event.event == "0":
                client.realtime.calls.refer(call_id, target_uri=PEOPLE["support"])
            if event.type == "response.function_call_arguments.done":
                client.realtime.calls.refer(call_id, target_uri=PEOPLE[json.loads(event.arguments)["to"]])


class Hook(BaseHTTPRequestHandler):
    """Where the server tells of calls that ring."""

    def do_POST(self) -> None:
        """Anybody can post: only what is signed with the secret counts."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            event = client.webhooks.unwrap(body, self.headers)
        except (InvalidWebhookSignatureError, ValueError):
            self.send_error(400)
            return
        self.send_response_only(200)
        self.end_headers()
        self.wfile.flush()
        if event.type == "realtime.call.incoming":
            talk(event.data.call_id)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", 8900), Hook).serve_forever()
