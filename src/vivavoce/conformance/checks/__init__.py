"""The checks, one file for each section of the protocol."""

from vivavoce.conformance.checks import (
    audio_response,
    cancel,
    captions,
    client_secrets,
    connecting,
    errors,
    input_buffer,
    interruption,
    items,
    limits,
    models,
    out_of_band,
    session_update,
    sideband,
    text_response,
    tools,
    transcription_sessions,
    translation_sessions,
    turn_detection,
    usage,
)
from vivavoce.conformance.client import Suite
from vivavoce.conformance.verdict import Section

SECTIONS: tuple[Section[Suite], ...] = (
    connecting.SECTION,
    session_update.SECTION,
    input_buffer.SECTION,
    items.SECTION,
    turn_detection.SECTION,
    captions.SECTION,
    text_response.SECTION,
    audio_response.SECTION,
    interruption.SECTION,
    cancel.SECTION,
    out_of_band.SECTION,
    tools.SECTION,
    errors.SECTION,
    usage.SECTION,
    limits.SECTION,
    transcription_sessions.SECTION,
    translation_sessions.SECTION,
    models.SECTION,
    client_secrets.SECTION,
    sideband.SECTION,
)
