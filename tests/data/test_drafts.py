"""Folders that are whole or absent."""

import pytest

from dlheir.data.drafts import whole_folder


def write(folder, is_whole, meanwhile=lambda: None):
    with whole_folder(folder, is_whole) as draft:
        draft.mkdir()
        (draft / "new").touch()
        assert not (folder / "new").exists()
        meanwhile()


def test_folder_appears_when_it_is_whole(tmp_path):
    write(tmp_path / "a" / "b", lambda: False)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["new"]


@pytest.mark.parametrize("is_whole", [False, True])
def test_what_another_process_wrote_meanwhile_stays(tmp_path, is_whole):
    folder = tmp_path / "b"

    def other():
        folder.mkdir()
        (folder / "theirs").touch()

    if is_whole:
        write(folder, lambda: True, other)
    else:
        with pytest.raises(OSError, match="not empty"):
            write(folder, lambda: False, other)
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    assert [path.name for path in folder.iterdir()] == ["theirs"]
