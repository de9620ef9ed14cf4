"""The keys of owner and user, and what their JSON refuses."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlheir.errors import InputError
from dlheir.store.errors import StoreInputError
from dlheir.store.keys import Access, OwnerKeys, UserKeys, new_policy
from dlheir.store.policy import NO_NETWORK
from dlheir.store.signing import public_key


@pytest.fixture
def owner() -> OwnerKeys:
    owner = OwnerKeys.generate().bind(new_policy(48, "keyed"))
    owner.start_version()
    owner.users["jo"] = UserKeys.generate(owner.owner_public).public_key
    owner.seen = 7
    return owner


@pytest.fixture
def user(owner) -> UserKeys:
    user = UserKeys.generate(owner.owner_public)
    user.seen[owner.policy.store_id.hex()] = 7
    return user


def test_all_secrets_are_32_fresh_bytes():
    owners = [OwnerKeys.generate() for _ in range(50)]
    secrets = [
        secret for one in owners for secret in (one.naming_key, one.signing_key, one.versions[1])
    ]
    secrets += [UserKeys.generate(bytes(32)).private_key for _ in range(50)]
    assert len(set(secrets)) == 200
    assert {len(secret) for secret in secrets} == {32}
    assert owners[0].primary == 1


def test_a_new_policy_has_a_fresh_store_id():
    policies = [new_policy(12, "client", b"n" * 32), new_policy(12, "client", b"n" * 32)]
    assert policies[0].store_id != policies[1].store_id
    assert [(p.bits, p.mode, p.network) for p in policies] == [(12, "client", b"n" * 32)] * 2
    assert new_policy(12, "plain").network == NO_NETWORK


def test_picture_ids_are_the_first_half_of_an_hmac():
    """RFC 4231, test case 2."""
    owner = OwnerKeys(b"Jefe", bytes(32), {1: bytes(32)})
    name = "what do ya want for nothing?"
    assert owner.picture_id(name).hex() == "5bdcc146bf60754e6a042426089575c7"


def test_picture_ids_depend_on_name_and_owner(owner):
    assert owner.picture_id("ä.jpg") == owner.picture_id("ä.jpg")
    assert owner.picture_id("ä.jpg") != owner.picture_id("a.jpg")
    assert owner.picture_id("ä.jpg") != OwnerKeys.generate().picture_id("ä.jpg")


def test_a_name_that_is_not_utf8_is_refused(owner):
    with pytest.raises(InputError, match="not UTF-8"):
        owner.picture_id("\udcff.jpg")


def test_a_users_public_key_is_the_rfcs():
    """RFC 7748, section 6.1: Alice's keys."""
    private = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"
    public = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    assert UserKeys(bytes.fromhex(private), bytes(32)).public_key.hex() == public


def test_a_new_version_becomes_the_primary_and_the_old_ones_stay(owner):
    before = dict(owner.versions)
    assert owner.primary == 2
    assert owner.start_version() == 3
    assert owner.primary == 3
    assert len(set(owner.versions.values())) == 3
    assert before.items() <= owner.versions.items()


def test_a_dropped_version_gives_its_number_to_no_other(owner):
    del owner.versions[1]
    assert owner.start_version() == 3


def test_keys_belong_to_one_store_for_good():
    owner = OwnerKeys.generate()
    with pytest.raises(StoreInputError, match="belong to no store"):
        _ = owner.policy
    policy = new_policy(48, "plain")
    assert owner.bind(policy) is owner
    assert owner.bind(policy).policy == policy
    with pytest.raises(StoreInputError, match="another store"):
        owner.bind(new_policy(48, "plain"))
    assert owner.policy == policy


def test_access_is_a_copy_of_what_opens_the_store(owner):
    access = owner.access()
    assert access == Access(owner.policy, public_key(owner.signing_key), owner.versions)
    owner.start_version()
    assert sorted(access.versions) == [1, 2]


def test_no_secret_shows_when_keys_are_printed(owner, user):
    printed = f"{owner!r} {owner} {user!r} {user} {owner.access()!r}"
    secrets = [owner.naming_key, owner.signing_key, user.private_key, *owner.versions.values()]
    for secret in secrets:
        assert repr(secret)[2:-1] not in printed
        assert secret.hex() not in printed


def test_keys_come_back_from_json(owner, user):
    assert OwnerKeys.from_json(json.loads(json.dumps(owner.to_json()))) == owner
    assert UserKeys.from_json(json.loads(json.dumps(user.to_json()))) == user
    unbound = OwnerKeys.generate()
    assert OwnerKeys.from_json(json.loads(json.dumps(unbound.to_json()))) == unbound


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("naming_key", "5ec7e7"),
        ("naming_key", None),
        ("signing_key", "5ec7e7zz" * 8),
        ("versions", {}),
        ("versions", {"0": "5ec7e700" * 8}),
        ("versions", {"4294967296": "5ec7e700" * 8}),
        ("versions", {"one": "5ec7e700" * 8}),
        ("versions", {"1": "5ec7e7"}),
        ("versions", ["5ec7e7"]),
        ("policy", "5ec7e7"),
        ("policy", "5ec7e700" * 12 + "5ec7e7"),
        ("policy", 7),
        ("users", {"jo": "5ec7e7"}),
        ("users", None),
        ("seen", -1),
        ("seen", 2**64),
        ("seen", "5ec7e7"),
        ("seen", True),
    ],
)
def test_a_damaged_owner_is_refused_without_showing_it(owner, field, value):
    with pytest.raises(StoreInputError, match="owner's keys: damaged") as error:
        OwnerKeys.from_json({**owner.to_json(), field: value})
    assert "5ec7e7" not in str(error.value)
    assert error.value.__suppress_context__


@pytest.mark.parametrize(
    ("field", "value"),
    [("private_key", "5ec7e7"), ("owner_public", 7), ("seen", [7]), ("seen", {"a": -1})],
)
def test_a_damaged_user_is_refused_without_showing_it(user, field, value):
    with pytest.raises(StoreInputError, match="user's keys: damaged") as error:
        UserKeys.from_json({**user.to_json(), field: value})
    assert "5ec7e7" not in str(error.value)


@pytest.mark.parametrize("field", ["naming_key", "signing_key", "versions", "policy", "users"])
def test_a_missing_field_is_damage(owner, field):
    value = owner.to_json()
    del value[field]
    with pytest.raises(StoreInputError, match="damaged"):
        OwnerKeys.from_json(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_any_other_json_is_refused(value):
    for kind in (OwnerKeys, UserKeys):
        with pytest.raises(StoreInputError):
            kind.from_json(value)
