"""Vivavoce: a self-hosted realtime speech-to-speech server that speaks the OpenAI Realtime API."""

__version__ = "0.1.0"
