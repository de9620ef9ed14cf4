"""New keys: rotation, revocation, and what is left when either is interrupted."""

import pytest
from encrypted_store import rotate_some

from dlheir.store import CloudServer, DataOwner, KeyFile, OwnerKeys
from dlheir.store.public_keys import public_key_text


def interrupt(*arguments, **more):
    raise KeyboardInterrupt


@pytest.mark.parametrize("mode", ["plain", "keyed", "client"])
def test_interrupted_rotation_goes_on_and_nobody_notices(desk, mode):
    desk.fill("--codes", mode)
    anna = desk.user("anna")
    before = desk.search("before").ranking
    file = KeyFile.open(desk.keys)
    assert isinstance(file.keys, OwnerKeys)
    with desk.server() as server:
        file.keys.start_version()
        file.save()
        rotate_some(DataOwner(file.keys, server), 11)
        assert server.key_versions == {1: 19, 2: 11}
    assert "a rotation is not finished" in desk.run("status", desk.store).out
    assert desk.search("owner, between").ranking == before
    assert desk.search("anna, between", "--complete", keys=anna).ranking == before

    finished = desk.run("rotate", desk.store, "--keys", desk.keys)
    assert "going on" in finished.err
    with desk.server() as server:
        assert server.key_versions == {2: 30}
    assert desk.open(desk.keys).primary == 2
    assert desk.search("anna, after", keys=anna).ranking == before


@pytest.mark.parametrize("command", ["rotate", "revoke"])
def test_new_keys_are_kept_before_anything_is_sealed_under_them(desk, monkeypatch, command):
    desk.fill()
    anna, _ = desk.user("anna"), desk.user("bert")
    names = ["bert"] if command == "revoke" else []
    with monkeypatch.context() as patch:
        patch.setattr(CloudServer, "replace", interrupt)
        stopped = desk.run(command, desk.store, *names, "--keys", desk.keys, code=130)
    assert "interrupted; the same command goes on" in stopped.err
    keys = desk.open(desk.keys)
    assert keys.primary == 2
    assert keys.users.keys() == ({"anna"} if names else {"anna", "bert"})
    with desk.server() as server:
        assert server.key_versions == {1: 30}

    again = desk.run(command, desk.store, *names, "--keys", desk.keys, code=2 if names else 0)
    if command == "revoke":
        assert "no such user; authorised are: anna" in again.err
        assert "dlheir store rotate goes on with it" in again.err
        desk.run("rotate", desk.store, "--keys", desk.keys)
    with desk.server() as server:
        assert server.key_versions == {2: 30}
    desk.search("answers", keys=anna)


def test_revoked_user_gets_no_new_key(desk):
    desk.fill()
    bert = desk.open(desk.user("bert"))
    desk.run("revoke", desk.store, "bert", "--keys", desk.keys)
    desk.run("rotate", desk.store, "--keys", desk.keys)
    with desk.server() as server:
        assert server.grants(bert.public_key) == []


def test_user_is_noted_before_the_grant_is_out(desk, monkeypatch):
    """Or a kill would leave a user whom nobody could revoke."""
    desk.fill()
    with monkeypatch.context() as patch:
        patch.setattr(CloudServer, "put_grant", interrupt)
        with pytest.raises(AssertionError):
            desk.user("anna")
    assert desk.open(desk.keys).users.keys() == {"anna"}
    desk.run("revoke", desk.store, "anna", "--keys", desk.keys)


def test_authorizing_again_is_no_error(desk):
    desk.fill()
    anna = desk.user("anna")
    public = public_text(desk, anna)
    desk.run("authorize", desk.store, public, "--name", "anna", "--keys", desk.keys)
    desk.search("answers", keys=anna)


def public_text(desk, keys):
    return public_key_text("user", desk.open(keys).public_key)


def test_names_and_keys_are_each_of_one_user(desk):
    desk.fill()
    anna, bert = (public_text(desk, desk.user(name)) for name in ("anna", "bert"))
    for public, name, line in [
        (bert, "anna", "--name anna: the name is another user's already"),
        (anna, "bertha", "--name bertha: the key is anna's already"),
        (anna, " ", "--name: is empty"),
    ]:
        given = (public, "--name", name, "--keys", desk.keys)
        assert line in desk.run("authorize", desk.store, *given, code=2).err
