"""Fixtures of published runs."""

from publishing_fixtures import own_run, painted_run, published

__all__ = ["own_run", "painted_run", "published"]
