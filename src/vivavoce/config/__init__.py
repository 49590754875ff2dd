"""One typed tree of settings from a TOML file and the environment; nothing else reads the environment."""

from __future__ import annotations

from vivavoce.config.check import catalogue_models, engine_options
from vivavoce.config.load import ConfigError, load
from vivavoce.config.render import render
from vivavoce.config.tree import Config

__all__ = ["Config", "ConfigError", "catalogue_models", "engine_options", "load", "render"]
