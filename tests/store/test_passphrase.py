"""Sealing under a passphrase, and what a hostile file may not ask for."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from dlheir.store import passphrase
from dlheir.store.errors import StoreInputError
from dlheir.store.passphrase import PassphraseKey


@pytest.fixture
def cheap(monkeypatch):
    monkeypatch.setitem(passphrase._COST, "n", 2**14)


def never() -> str:
    raise AssertionError("nobody must be asked for this")


def test_what_is_sealed_opens_with_another_implementation():
    """At the cost that key files have: 128 MiB."""
    key = PassphraseKey.new("correct horse")
    assert (key.scrypt["n"], key.scrypt["r"], key.scrypt["p"]) == (131072, 8, 1)
    sealed = key.seal(b"the keys", b"bound")
    other = Scrypt(bytes.fromhex(key.scrypt["salt"]), length=32, n=131072, r=8, p=1)
    derived = other.derive(b"correct horse")
    assert AESGCM(derived).decrypt(sealed[:12], sealed[12:], b"bound") == b"the keys"


def test_the_passphrase_opens_it_again(cheap):
    key = PassphraseKey.new("Grüße")
    sealed = key.seal(b"the keys", b"bound")
    assert PassphraseKey.ask(key.scrypt, lambda: "Grüße").open(sealed, b"bound") == b"the keys"


def test_an_accent_typed_as_two_signs_is_the_same_letter(cheap):
    key = PassphraseKey.new("Gr\u00fc\u00dfe")
    assert PassphraseKey.ask(key.scrypt, lambda: "Gru\u0308\u00dfe").key == key.key


def test_what_the_terminal_could_not_read_still_works(cheap):
    key = PassphraseKey.new("\udcfc")
    assert PassphraseKey.ask(key.scrypt, lambda: "\udcfc").key == key.key


def test_salts_and_nonces_are_fresh(cheap):
    one, two = PassphraseKey.new("same"), PassphraseKey.new("same")
    assert one.scrypt["salt"] != two.scrypt["salt"]
    assert one.key != two.key
    assert len({one.seal(b"", b"")[:12] for _ in range(1000)}) == 1000


def test_wrong_passphrase_bound_bytes_and_damage_look_alike(cheap):
    key = PassphraseKey.new("right")
    sealed = key.seal(b"the keys", b"bound")
    wrong = PassphraseKey.ask(key.scrypt, lambda: "wrong")
    attempts = [(wrong, sealed, b"bound"), (key, sealed, b"other")]
    attempts += [(key, sealed[:length], b"bound") for length in range(len(sealed))]
    for bit in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        attempts.append((key, bytes(changed), b"bound"))
    for tried, damaged, bound in attempts:
        with pytest.raises(StoreInputError, match="wrong passphrase, or changed bytes"):
            tried.open(damaged, bound)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n", 2**13),
        ("n", 2**21),
        ("n", 2**14 + 1),
        ("n", 2.0**14),
        ("n", "16384"),
        ("n", [16384]),
        ("r", 2**20),
        ("p", 5),
        ("p", 0),
        ("p", True),
        ("salt", "00"),
        ("salt", "zz"),
        ("salt", None),
    ],
)
def test_parameters_that_are_weak_or_would_take_all_memory_are_refused(field, value):
    scrypt = {"n": 2**14, "r": 8, "p": 1, "salt": "00" * 32, field: value}
    with pytest.raises(StoreInputError):
        PassphraseKey.ask(scrypt, never)


@pytest.mark.parametrize("scrypt", [None, [], "n", {}, {"n": 2**14, "r": 8, "p": 1}])
def test_parameters_that_are_none_are_refused(scrypt):
    with pytest.raises(StoreInputError, match="damaged"):
        PassphraseKey.ask(scrypt, never)


def test_the_key_does_not_show():
    assert repr(b"k" * 32)[2:-1] not in repr(PassphraseKey({}, b"k" * 32))
