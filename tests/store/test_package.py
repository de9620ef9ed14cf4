"""The package's names, which are imported on first use."""

import subprocess
import sys

import pytest

import dlheir.store as store


def test_every_listed_name_is_there():
    for name in store.__all__:
        assert getattr(store, name).__name__ == name


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        _ = store.nonsense


def test_nothing_is_imported_before_it_is_asked_for():
    script = (
        "import sys, dlheir.store as s; s.CloudServer; assert 'Crypto' not in sys.modules; "
        "s.OwnerKeys; assert 'Crypto' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
