"""Engines on any server that speaks OpenAI's HTTP API, each role on its own server.

Paths and shapes are those of the API reference (`audio/transcriptions`, `chat/completions`, `audio/speech`), which
vLLM, llama.cpp, Ollama, LocalAI, Speaches, Kokoro-FastAPI and others follow.
"""
