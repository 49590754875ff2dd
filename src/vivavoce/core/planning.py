"""What an answer is made from: the session's values, with those of the request over them (PROTOCOL.md 3.9)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import UnsetType
from msgspec.structs import replace

from vivavoce.core import effects as fx
from vivavoce.core.audio_settings import check_format, check_voice, voice_locked_error
from vivavoce.core.brought import made
from vivavoce.core.capabilities import Capabilities
from vivavoce.core.conversation import Conversation
from vivavoce.core.ids import Ids
from vivavoce.core.images import check_images
from vivavoce.core.mcp import Mcp, Offer
from vivavoce.core.mcp_definitions import resolve
from vivavoce.core.prompts import render
from vivavoce.core.response import Plan
from vivavoce.core.settings import one_modality
from vivavoce.core.tools import check_choice, check_tools, chosen
from vivavoce.protocol import server as wire
from vivavoce.protocol.client import ResponseParams
from vivavoce.protocol.errors import ProtocolError, unsupported
from vivavoce.protocol.items import ClientApproval, ClientItem, Item, ItemReference
from vivavoce.protocol.session import Reasoning, SessionObject
from vivavoce.protocol.tools import Tool, ToolChoice


class Planner:
    """Makes the plans of one session's answers."""

    def __init__(self, conversation: Conversation, can: Capabilities, ids: Ids, mcp: Mcp) -> None:
        self._conversation = conversation
        self._can = can
        self._ids = ids
        self._mcp = mcp

    def automatic(self, settings: SessionObject, choice: ToolChoice | None = None) -> Plan:
        """An answer that no client asked for: what is wrong with it is told where it ends."""
        try:
            return self.plan(ResponseParams(tool_choice=choice), settings, in_band=True)
        except ProtocolError as error:
            fault = wire.ResponseErrorBody(type=error.kind, code=error.code or "invalid_value", message=error.message)
            return Plan(context=self.context(settings), format=settings.audio.output.format, fault=fault)

    def going_on(self, choice: ToolChoice, settings: SessionObject) -> Plan:
        """The answer that follows the result of a call by itself."""
        return replace(self.automatic(settings, choice), follows_up=True)

    def following(self, answered: Plan, made: Iterable[Item], choice: ToolChoice, settings: SessionObject) -> Plan:
        """The answer that goes on where one with calls has ended; `made`: the items of that one.

        What was asked for that one holds for this one too, except what it had to call.
        """
        if answered.own == "no":
            return self.going_on(choice, settings)
        items = self._mcp.history() if answered.own == "values" else (*answered.context.items, *made)
        mode: Literal["none", "auto"] = "none" if choice == "none" else "auto"
        return replace(
            answered,
            context=replace(answered.context, items=items, tool_choice=mode, callable=None),
            metadata=None,
            heard_ms=self._conversation.audio_ms(items),
            follows_up=True,
        )

    def context(self, settings: SessionObject) -> fx.Context:
        """What an answer is made from, by the session's values alone."""
        limit, calls = settings.max_output_tokens, settings.parallel_tool_calls
        return fx.Context(
            instructions=settings.instructions,
            items=self._mcp.history(),
            modality=settings.output_modalities[0],
            voice=settings.audio.output.voice,
            speed=settings.audio.output.speed,
            max_output_tokens=None if limit == "inf" else limit,
            truncation=settings.truncation,
            effort=settings.reasoning.effort if isinstance(settings.reasoning, Reasoning) else None,
            parallel_tool_calls=None if isinstance(calls, UnsetType) else calls,
            tools=self._mcp.offer(settings.tools, may_ask=True).tools,
        )

    def plan(self, params: ResponseParams, settings: SessionObject, in_band: bool) -> Plan:
        """The session's values with the response's own over them (PROTOCOL.md 3.9). Raises `ProtocolError`."""
        context = self.context(settings)
        changes: dict[str, object] = {}
        if params.input is not None:
            changes["items"] = self._given(params.input)
        if params.prompt is not None:
            changes["instructions"] = render(params.prompt, self._can, "response.prompt")
        if params.instructions is not None:
            changes["instructions"] = params.instructions
        if params.reasoning is not None:
            changes["effort"] = params.reasoning.effort
        if params.parallel_tool_calls is not None:
            changes["parallel_tool_calls"] = params.parallel_tool_calls
        if params.output_modalities is not None:
            changes["modality"] = one_modality(params.output_modalities, "response.output_modalities")[0]
        if params.max_output_tokens is not None:
            limit = params.max_output_tokens
            changes["max_output_tokens"] = None if limit == "inf" else limit
        output = params.audio.output if params.audio else None
        if output and output.format is not None:
            check_format(output.format, self._can, "response.audio.output.format")
        if output and output.voice is not None:
            voice = check_voice(output.voice, self._can, "response.audio.output.voice")
            if in_band and self._conversation.has_spoken and voice != context.voice:
                raise voice_locked_error()
            changes["voice"] = voice
        offer = self._offer(params, settings, in_band)
        changes["tools"] = offer.tools
        changes["tool_choice"], changes["callable"] = self._choice(params, settings, offer)
        changes["aside"] = params.input is not None or not in_band
        context = replace(context, **changes)
        own = params != ResponseParams(metadata=params.metadata, tool_choice=params.tool_choice)
        return Plan(
            context=context,
            format=(output and output.format) or settings.audio.output.format,
            metadata=params.metadata,
            heard_ms=self._conversation.audio_ms(context.items),
            served=offer.served,
            own="items" if params.input is not None else "values" if own else "no",
        )

    def tools(self, params: ResponseParams) -> tuple[Tool, ...]:
        """The tools that the request brings, its MCP servers whole. Raises `ProtocolError`."""
        given = params.tools or []
        check_tools(given, self._can, "response.tools")
        return tuple(resolve(given, self._mcp.known, self._can, "response.tools"))

    def _offer(self, params: ResponseParams, settings: SessionObject, in_band: bool) -> Offer:
        # Out of band nobody could be asked: what is decided on later belongs into the conversation.
        return self._mcp.offer(settings.tools if params.tools is None else self.tools(params), may_ask=in_band)

    def _choice(
        self, params: ResponseParams, settings: SessionObject, offer: Offer
    ) -> tuple[Literal["none", "auto", "required"], tuple[str, ...] | None]:
        tools = settings.tools if params.tools is None else params.tools
        wanted = settings.tool_choice if params.tool_choice is None else params.tool_choice
        where = "session.tool_choice" if params.tool_choice is None else "response.tool_choice"
        check_choice(wanted, tools, self._can, where)
        choice = chosen(wanted, offer.tools, offer.served, where)
        return choice.mode, choice.callable

    def _given(self, given: list[ClientItem | ItemReference]) -> tuple[Item, ...]:
        """The items of `response.create.input`. Raises `ProtocolError`."""
        items: list[Item] = []
        for index, item in enumerate(given):
            where = f"response.input[{index}]"
            if isinstance(item, ClientApproval):
                raise unsupported(f"{where}.type", "An approval belongs into the conversation: create the item there.")
            if not isinstance(item, ItemReference):
                # An id of its own, whatever the client calls it: it is no item of the conversation, and must not
                # pass for one.
                items.append(made(item, self._ids("item"), self._ids, items, where))
                check_images(items[-1], items[:-1], self._can, where)
            elif found := self._conversation.get(item.id):
                items.append(found)
            else:
                message = f"Item with item_id not found: {item.id}"
                raise ProtocolError("item_not_found", message, param=f"{where}.id")
        return tuple(items)
