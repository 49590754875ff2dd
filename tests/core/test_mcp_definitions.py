"""PROTOCOL.md 3.7: MCP servers as a client defines them, and what is refused by name."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.core.caller import CAN, Caller, error, refusal, tags
from tests.core.mcp_caller import ABLE, SHOP, McpCaller, shopping

from vivavoce.core import effects as fx
from vivavoce.core.mcp_definitions import MOST_SERVERS
from vivavoce.protocol import server as wire
from vivavoce.protocol.codec import encode
from vivavoce.protocol.session import SessionObject
from vivavoce.protocol.tools import McpTool

SECRET = "hush"


def server(**fields: object) -> dict[str, object]:
    return {"type": "mcp", "server_label": "shop", **fields}


def asked(outputs: list[fx.Output]) -> list[McpTool]:
    """The servers that are asked for their tools."""
    return [output.server for output in outputs if isinstance(output, fx.ListTools)]


@pytest.mark.parametrize(
    ("tool", "code", "param"),
    [
        (server(), "missing_required_parameter", "server_url"),
        (server(server_url="https://a.example", connector_id="connector_gmail"), "invalid_value", "connector_id"),
        (server(connector_id="connector_gmail"), "unsupported_value", "connector_id"),
        (server(tunnel_id="tunnel_" + "a" * 32), "unsupported_value", "tunnel_id"),
        (server(server_url="ftp://a.example"), "invalid_value", "server_url"),
        (server(server_url="https://"), "invalid_value", "server_url"),
        (server(server_url="https://a.example:99999"), "invalid_value", "server_url"),
        (server(server_url="https://a.example:0"), "invalid_value", "server_url"),
        (server(server_url="https://[a.example"), "invalid_value", "server_url"),
        (server(server_url="https://a.example/a b"), "invalid_value", "server_url"),
        (server(server_url="https://a.example/\n"), "invalid_value", "server_url"),
        (server(server_url="https://me:hush@a.example"), "invalid_value", "server_url"),
        (server(server_url="/mcp"), "invalid_value", "server_url"),
        ({**SHOP, "authorization": "t", "headers": {"AUTHORIZATION": "t"}}, "invalid_value", "headers"),
        ({**SHOP, "authorization": "a\r\nb: c"}, "invalid_value", "authorization"),
        ({**SHOP, "headers": {"a b": "c"}}, "invalid_value", "headers"),
        ({**SHOP, "headers": {"a": "b\nc"}}, "invalid_value", "headers"),
        ({**SHOP, "headers": {"Host": "b.example"}}, "invalid_value", "headers"),
        ({**SHOP, "allowed_callers": ["direct", "programmatic"]}, "unsupported_value", "allowed_callers"),
        ({**SHOP, "allowed_callers": []}, "unsupported_value", "allowed_callers"),
        ({**SHOP, "defer_loading": True}, "unsupported_value", "defer_loading"),
        (server(server_label="house", headers={"a": "b"}), "unsupported_value", "headers"),
        (server(server_label="house", authorization="t"), "unsupported_value", "authorization"),
        (server(server_label="a b", server_url="https://a.example"), "invalid_value", "server_label"),
        ({**SHOP, "require_approval": "sometimes"}, "invalid_value", "require_approval"),
    ],
)
def test_what_cannot_be_served_is_refused_by_name_and_nothing_changes(
    tool: dict[str, object], code: str, param: str
) -> None:
    caller = McpCaller()
    before = caller.session.settings
    outputs = caller.update(tools=[{"type": "function", "name": "clock"}, tool])
    found_code, found_param = refusal(outputs)
    assert found_code == code
    assert (found_param or "").startswith(f"session.tools[1].{param}")
    assert caller.session.settings == before
    refused = caller.send("response.create", response={"tools": [tool]})
    assert (refusal(refused)[1] or "").startswith(f"response.tools[0].{param}")


def test_a_label_comes_once() -> None:
    assert refusal(McpCaller(SHOP, SHOP).updated) == ("invalid_value", "session.tools[1].server_label")


def test_there_is_an_end_to_servers() -> None:
    many = [{**SHOP, "server_label": f"shop{number}"} for number in range(MOST_SERVERS + 1)]
    assert refusal(McpCaller(*many).updated) == ("invalid_value", "session.tools")
    assert len(asked(McpCaller(*many[1:]).updated)) == MOST_SERVERS


def test_where_there_are_no_servers_the_type_is_refused() -> None:
    caller = Caller(can=replace(CAN, tools=True))
    assert refusal(caller.update(tools=[SHOP])) == ("unsupported_value", "session.tools[0].type")


def test_a_model_that_calls_nothing_has_no_servers_either() -> None:
    assert refusal(Caller(can=replace(ABLE, tools=False)).update(tools=[SHOP])) == (
        "unsupported_value",
        "session.tools",
    )


def test_a_server_of_the_configuration_needs_its_label_alone() -> None:
    (asked_one,) = asked(McpCaller(server(server_label="house", authorization=None, headers={})).updated)
    assert asked_one.server_label == "house"


def test_a_label_alone_stands_for_its_definition() -> None:
    caller = shopping(authorization=SECRET, server_description="Sells tea.")
    assert tags(caller.update(tools=[])) == ["session.updated", "warm"]
    again = caller.update(tools=[server(allowed_tools=["find"])])
    assert asked(again) == []  # it has been listed
    defined = caller.session.settings.tools[0]
    assert isinstance(defined, McpTool)
    assert (defined.server_url, defined.authorization) == (SHOP["server_url"], SECRET)
    assert (defined.server_description, defined.allowed_tools) == ("Sells tea.", ["find"])


def test_a_new_address_inherits_nothing() -> None:
    caller = shopping(authorization=SECRET)
    (defined,) = asked(caller.update(tools=[server(server_url="https://elsewhere.example")]))
    assert not defined.authorization


def test_what_one_response_defines_is_known_to_the_session() -> None:
    caller = McpCaller()
    outputs = caller.send("response.create", response={"tools": [SHOP]})
    assert len(asked(outputs)) == 1
    assert asked(caller.update(tools=[server()])) == []  # it is being listed
    assert caller.session.settings.tools == (replace(asked(outputs)[0]),)


@pytest.mark.parametrize("credentials", [{"authorization": SECRET}, {"headers": {"X-Key": SECRET}}])
def test_credentials_are_used_and_never_shown(credentials: dict[str, object]) -> None:
    caller = McpCaller({**SHOP, **credentials})
    (used,) = asked(caller.updated)
    assert used.authorization == SECRET or used.headers == {"X-Key": SECRET}
    outputs = [*caller.updated, *caller.tell(fx.Joined()), *caller.listed(), *caller.update(instructions="Be brief.")]
    shown = [encode(output) for output in outputs if isinstance(output, wire.ServerEvent)]
    assert not [frame for frame in shown if SECRET in frame]
    assert "https://shop.example/mcp" in shown[0]


def test_an_address_with_a_password_is_not_repeated_in_the_refusal() -> None:
    assert "hush" not in error(McpCaller(server(server_url="https://me:hush@a.example")).updated).message


def test_a_session_may_begin_with_servers() -> None:
    settings = McpCaller(SHOP).session.settings
    assert isinstance(settings, SessionObject)
    caller = Caller(can=ABLE, settings=settings)
    assert tags(caller.started) == [
        "session.created",
        "conversation.item.added",
        "mcp_list_tools.in_progress",
        "list_tools",
        "warm",
    ]
