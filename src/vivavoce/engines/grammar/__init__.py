"""Grammars for llama.cpp from JSON schemas."""
