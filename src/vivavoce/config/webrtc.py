"""The settings of calls from browsers."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from vivavoce.config.section import Section, Variable


class WebRtc(Section, frozen=True, kw_only=True):
    """How calls from browsers reach this server: UDP, one port for each call and address."""

    udp_ports: Annotated[
        Annotated[str, Meta(pattern="^[0-9]{1,5}-[0-9]{1,5}$")] | None,
        Meta(description="Ports of calls, as 40000-40999. Absent: any that the system gives."),
    ] = None
    public_address: Annotated[
        str | None,
        Meta(description="IP address by which callers reach this machine through a NAT that keeps ports (1:1)."),
    ] = None
    stun: Annotated[
        Annotated[str, Meta(pattern="^stun:[^:/?]+(:[0-9]{1,5})?$")] | None,
        Meta(description="Server that tells this one its public address, as stun:stun.example.com:3478."),
    ] = None
    turn: Annotated[
        Annotated[str, Meta(pattern=r"^turns?:[^:/?]+(:[0-9]{1,5})?(\?transport=(udp|tcp))?$")] | None,
        Meta(description="Relay for this server's side, as turn:turn.example.com:3478?transport=udp."),
    ] = None
    turn_username: Annotated[str | None, Meta(description="Its user.")] = None
    turn_password: Annotated[str | None, Meta(description="Its password; turn_password_env keeps it out of files.")] = (
        None
    )
    turn_password_env: Annotated[Variable | None, Meta(description="Environment variable that holds the password.")] = (
        None
    )
