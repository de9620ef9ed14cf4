"""Fixtures of the store's commands."""

from desk import desk

__all__ = ["desk"]
