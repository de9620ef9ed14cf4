"""Fixtures of the store's tests."""

from encrypted_store import _template, fill, liar
from milvus_server import lite_url, milvus_lite, milvus_url

__all__ = ["_template", "fill", "liar", "lite_url", "milvus_lite", "milvus_url"]
