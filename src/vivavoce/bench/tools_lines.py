"""What callers say to an assistant with tools, and what it should call.

`REPORTED` is what `vivavoce bench tools` measures. Prompts and thresholds are never tuned on it: that is what
`DEVELOPMENT`, with other tools and other words, is for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vivavoce.ports import Tool

Accepted = tuple[object, ...]
"""Values of an argument that are right; `None`: it may be left out."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that a caller says."""

    words: str
    tool: str = ""
    """What should be called; empty: nothing."""
    arguments: Mapping[str, Accepted] = field(default_factory=dict)
    """Those that are not named here must be left out. Texts count without case, punctuation and articles."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Tools, what asks for them, and what only sounds a little like it."""

    tools: tuple[Tool, ...]
    requests: tuple[Line, ...]
    talk: tuple[str, ...]


def _tool(name: str, description: str, required: tuple[str, ...], **properties: object) -> Tool:
    schema = {"type": "object", "properties": properties, "required": [*required], "additionalProperties": False}
    return Tool(name, description, schema)


_TEXT = {"type": "string"}

REPORTED = Lines(
    tools=(
        _tool(
            "set_light",
            "Switch the light of a room on or off.",
            ("room", "state"),
            room={"type": "string", "enum": ["kitchen", "bedroom", "living room", "bathroom", "garage"]},
            state={"type": "string", "enum": ["on", "off"]},
            brightness={"type": "integer", "minimum": 1, "maximum": 100, "description": "Percent."},
        ),
        _tool(
            "add_to_shopping_list",
            "Put something on the shopping list.",
            ("item",),
            item=_TEXT,
            quantity={"type": "integer", "minimum": 1},
        ),
        _tool("start_timer", "Start a countdown.", ("minutes",), minutes={"type": "integer", "minimum": 1}),
        _tool(
            "find_train",
            "Look up the next trains between two cities.",
            ("origin", "destination"),
            origin=_TEXT,
            destination=_TEXT,
            day={"type": "string", "enum": ["today", "tomorrow"]},
        ),
        _tool(
            "convert_money",
            "Convert an amount of money between currencies at today's rate.",
            ("amount", "source", "target"),
            amount={"type": "number", "exclusiveMinimum": 0},
            source={"type": "string", "enum": ["EUR", "USD", "GBP", "JPY"]},
            target={"type": "string", "enum": ["EUR", "USD", "GBP", "JPY"]},
        ),
    ),
    requests=(
        Line("Turn on the light in the kitchen.", "set_light", {"room": ("kitchen",), "state": ("on",)}),
        Line("Switch off the bedroom light, please.", "set_light", {"room": ("bedroom",), "state": ("off",)}),
        Line("Could you turn the garage light off?", "set_light", {"room": ("garage",), "state": ("off",)}),
        Line(
            "Set the living room light to forty percent.",
            "set_light",
            {"room": ("living room",), "state": ("on",), "brightness": (40,)},
        ),
        Line(
            "Please put milk on the shopping list.", "add_to_shopping_list", {"item": ("milk",), "quantity": (None, 1)}
        ),
        Line("Add six eggs to my shopping list.", "add_to_shopping_list", {"item": ("eggs", "egg"), "quantity": (6,)}),
        Line(
            "We need to buy bread, write it down.", "add_to_shopping_list", {"item": ("bread",), "quantity": (None, 1)}
        ),
        Line(
            "Put three bottles of water on the list.",
            "add_to_shopping_list",
            {"item": ("water", "bottles of water", "bottle of water", "water bottles"), "quantity": (3,)},
        ),
        Line("Start a timer for ten minutes.", "start_timer", {"minutes": (10,)}),
        Line("Set a timer for half an hour.", "start_timer", {"minutes": (30,)}),
        Line("Tell me when twenty minutes are over.", "start_timer", {"minutes": (20,)}),
        Line("Count down five minutes for my tea.", "start_timer", {"minutes": (5,)}),
        Line(
            "When is the next train from Berlin to Hamburg?",
            "find_train",
            {"origin": ("berlin",), "destination": ("hamburg",), "day": (None, "today")},
        ),
        Line(
            "Find me a train from London to Manchester tomorrow.",
            "find_train",
            {"origin": ("london",), "destination": ("manchester",), "day": ("tomorrow",)},
        ),
        Line(
            "I have to go from Paris to Lyon tomorrow, are there any trains?",
            "find_train",
            {"origin": ("paris",), "destination": ("lyon",), "day": ("tomorrow",)},
        ),
        Line(
            "Which trains go from Rome to Milan today?",
            "find_train",
            {"origin": ("rome",), "destination": ("milan",), "day": (None, "today")},
        ),
        Line(
            "How much is one hundred dollars in euros?",
            "convert_money",
            {"amount": (100,), "source": ("usd",), "target": ("eur",)},
        ),
        Line(
            "Convert fifty pounds to yen.", "convert_money", {"amount": (50,), "source": ("gbp",), "target": ("jpy",)}
        ),
        Line(
            "What are twelve point five euros in dollars?",
            "convert_money",
            {"amount": (12.5,), "source": ("eur",), "target": ("usd",)},
        ),
        Line(
            "I have two thousand yen, what is that in pounds?",
            "convert_money",
            {"amount": (2000,), "source": ("jpy",), "target": ("gbp",)},
        ),
    ),
    talk=(
        "Good morning, how did you sleep?",
        "Who painted the Mona Lisa?",
        "I am a bit tired today.",
        "What is the capital of Canada?",
        "Thank you, you are very kind.",
        "My kitchen is my favourite room.",
        "I like eggs for breakfast.",
        "Do you ever get bored?",
        "Trains are my favourite way to travel.",
        "How many days does February have?",
        "It got dark early this evening.",
        "What is the opposite of cold?",
        "My grandmother turned ninety last week.",
        "Can you tell me something funny?",
        "Money cannot buy happiness, they say.",
        "I spent the whole day cleaning the garage.",
        "What language do they speak in Brazil?",
        "I was in Berlin last summer, it was great.",
        "Ten minutes of sport a day are enough for me.",
        "Okay, that is all for now, goodbye.",
    ),
)

DEVELOPMENT = Lines(
    tools=(
        _tool(
            "get_weather",
            "The weather in a city today or on one of the next days.",
            ("city",),
            city=_TEXT,
            day={"type": "string", "enum": ["today", "tomorrow", "weekend"]},
        ),
        _tool(
            "set_alarm",
            "Set an alarm at a time of day.",
            ("hour", "minute"),
            hour={"type": "integer", "minimum": 0, "maximum": 23},
            minute={"type": "integer", "minimum": 0, "maximum": 59},
            label=_TEXT,
        ),
        _tool(
            "play_music",
            "Play music.",
            ("query",),
            query={"type": "string", "description": "Artist, song or kind of music."},
            volume={"type": "integer", "minimum": 1, "maximum": 10},
        ),
        _tool("send_message", "Send a text message to a contact.", ("to", "text"), to=_TEXT, text=_TEXT),
    ),
    requests=(
        Line("What's the weather like in Madrid?", "get_weather", {"city": ("madrid",), "day": (None, "today")}),
        Line("Will it rain in Oslo tomorrow?", "get_weather", {"city": ("oslo",), "day": ("tomorrow",)}),
        Line("Wake me up at half past six.", "set_alarm", {"hour": (6,), "minute": (30,)}),
        Line("Play some jazz, please.", "play_music", {"query": ("jazz", "some jazz")}),
        Line("Put on Taylor Swift at volume seven.", "play_music", {"query": ("taylor swift",), "volume": (7,)}),
        Line("Is it warm in Lisbon right now?", "get_weather", {"city": ("lisbon",), "day": (None, "today")}),
        Line("I want to hear the Beatles.", "play_music", {"query": ("beatles",)}),
        Line("Get me up at seven tomorrow morning.", "set_alarm", {"hour": (7,), "minute": (0,)}),
    ),
    talk=(
        "Hello, how are you today?",
        "My friend Anna lives in Madrid.",
        "My alarm did not ring this morning.",
        "I love jazz, it reminds me of my father.",
        "It's so cold outside today.",
        "What does the word melancholy mean?",
        "I sent a message to my boss yesterday.",
        "What day comes after Monday?",
    ),
)


@dataclass(frozen=True, slots=True)
class Wait:
    """A call whose result takes three turns of other talk to come."""

    request: str
    tool: str
    arguments: str
    talk: tuple[str, str, str]
    output: str
    told: tuple[str, ...]
    """Words of the result, of which the answer must hold one."""
    claims: tuple[str, ...] = ()
    """Words that nobody may say before it."""


WAITS = (
    Wait(
        "When is the next train from Berlin to Hamburg?",
        "find_train",
        '{"origin": "Berlin", "destination": "Hamburg"}',
        ("What is the capital of Canada?", "Do you have the train yet?", "Tell me something funny."),
        '{"departure": "16:42", "platform": 7}',
        ("16:42", "4:42", "seven", "7"),
    ),
    Wait(
        "How much is one hundred dollars in euros?",
        "convert_money",
        '{"amount": 100, "source": "USD", "target": "EUR"}',
        ("I am planning a holiday.", "How many days does February have?", "And, what did you find out?"),
        '{"amount": 91.7, "currency": "EUR"}',
        ("91.7", "91.70", "ninety-one"),
    ),
    Wait(
        "Find me a train from London to Manchester tomorrow.",
        "find_train",
        '{"origin": "London", "destination": "Manchester", "day": "tomorrow"}',
        ("While we wait, who wrote Hamlet?", "I like that play.", "Any news about my train?"),
        '{"departure": "09:15", "price": "32 pounds"}',
        ("09:15", "9:15", "32"),
    ),
    Wait(
        "Put three bottles of water on the list.",
        "add_to_shopping_list",
        '{"item": "water", "quantity": 3}',
        ("It is very hot today.", "What is the opposite of cold?", "Is the water on the list yet?"),
        '{"error": "The list is full."}',
        ("full",),
        ("on the list", "added"),
    ),
    Wait(
        "Turn on the light in the kitchen.",
        "set_light",
        '{"room": "kitchen", "state": "on"}',
        ("I am about to cook.", "What goes well with rice?", "Is the light on now?"),
        '{"error": "The lamp in the kitchen does not answer."}',
        ("answer", "respond", "unable", "not"),
        ("is on", "is now on", "turned on", "switched on"),
    ),
    Wait(
        "Which trains go from Rome to Milan today?",
        "find_train",
        '{"origin": "Rome", "destination": "Milan"}',
        ("What language do they speak in Brazil?", "How do you say thank you there?", "What about the trains?"),
        '{"departure": "18:05", "platform": 3}',
        ("18:05", "6:05", "three", "3"),
    ),
)
