"""The model files that engines load: what exists, what of it is in the cache, and how to fetch the rest.

`catalogue.toml` pins every file by size and sha256 and lists where to look for it. Nothing here knows what a
model is for; engines ask for a folder by asset name.
"""

from .catalogue import Asset, Catalogue, File, ModelError, catalogue
from .fetch import pull
from .store import asset_dir, cache_dir, state, verify

__all__ = [
    "Asset",
    "Catalogue",
    "File",
    "ModelError",
    "asset_dir",
    "cache_dir",
    "catalogue",
    "pull",
    "state",
    "verify",
]
