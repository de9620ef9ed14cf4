"""Fixtures of the store's tests."""

from encrypted_store import _template, fill, liar

__all__ = ["_template", "fill", "liar"]
