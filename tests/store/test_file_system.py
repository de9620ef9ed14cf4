"""Which file system lies under a path, by lines as `/proc/self/mounts` has them."""

from pathlib import Path

import pytest

import dlheir.store.file_system as file_system
from dlheir.store.file_system import file_system_type, is_network, is_read_only

# Of a machine with a network home, a disk in that home, and one place mounted twice.
MOUNTS = r"""
/dev/vda1 / ext4 rw,relatime,errors=remount-ro 0 0
proc /proc proc rw,nosuid,nodev,noexec,relatime 0 0
tmpfs /dev/shm tmpfs rw,nosuid,nodev 0 0
server:/export/home /home nfs4 rw,relatime,vers=4.2,addr=10.0.0.1 0 0
/dev/sdb1 /home/ada/disk xfs rw,relatime 0 0
//nas/pictures /mnt/two\040words cifs rw,relatime,vers=3.0 0 0
systemd-1 /net/data autofs rw,relatime,fd=46,direct 0 0
10.0.0.2@tcp:/data /net/data lustre rw,relatime 0 0
user@host:/ /home/ada/remote fuse.sshfs rw,nosuid,nodev,user_id=1000 0 0
""".strip().splitlines()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/srv/store.sqlite", "ext4"),
        ("/dev/shm/store.sqlite", "tmpfs"),
        ("/home", "nfs4"),
        ("/home/ada/store.sqlite", "nfs4"),
        ("/home/ada/disk/store.sqlite", "xfs"),  # a local disk below a network
        ("/home/ada/disk2/store.sqlite", "nfs4"),  # not below it, only named alike
        ("/home/ada/disk/../store.sqlite", "nfs4"),
        ("/home/ada/remote/deep/down/store.sqlite", "fuse.sshfs"),
        ("/homes/store.sqlite", "ext4"),
        ("/mnt/two words/store.sqlite", "cifs"),
        ("/mnt/two/store.sqlite", "ext4"),
        ("/net/data/store.sqlite", "lustre"),  # the later mount hides the earlier one
    ],
)
def test_the_deepest_mount_that_holds_the_path_counts(path, kind):
    assert file_system_type(Path(path), MOUNTS) == kind


def test_the_order_of_lines_matters_only_for_the_same_place():
    swapped = [line for line in MOUNTS if " lustre " in line]
    swapped += [line for line in MOUNTS if " lustre " not in line]
    assert file_system_type(Path("/net/data/x"), swapped) == "autofs"
    assert file_system_type(Path("/home/ada/disk/x"), MOUNTS[::-1]) == "xfs"
    assert file_system_type(Path("/home/ada/x"), MOUNTS[::-1]) == "nfs4"


def test_a_link_leads_to_where_the_file_is(tmp_path):
    (tmp_path / "local").mkdir()
    (tmp_path / "remote").mkdir()
    (tmp_path / "local/link").symlink_to(tmp_path / "remote")
    mounts = ["/dev/vda1 / ext4 rw 0 0", f"server:/ {tmp_path}/remote nfs rw 0 0"]
    assert file_system_type(tmp_path / "local/link/store.sqlite", mounts) == "nfs"
    assert file_system_type(tmp_path / "local/store.sqlite", mounts) == "ext4"


def test_a_relative_path_is_below_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mounts = ["/dev/vda1 / ext4 rw 0 0", f"server:/ {tmp_path} nfs rw 0 0"]
    assert file_system_type(Path("store.sqlite"), mounts) == "nfs"


@pytest.mark.parametrize(
    ("kind", "network"),
    [
        *((kind, True) for kind in ("nfs", "nfs4", "cifs", "smb3", "lustre", "9p", "fuse.sshfs")),
        *((kind, False) for kind in ("ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "fuseblk")),
    ],
)
def test_networks_are_told_from_disks(tmp_path, monkeypatch, kind, network):
    mounts = tmp_path / "mounts"
    above = "ext4" if network else "nfs"
    mounts.write_text(f"/dev/vda1 / {above} rw 0 0\nwhatever {tmp_path} {kind} rw 0 0\n")
    monkeypatch.setattr(file_system, "_MOUNTS", mounts)
    assert is_network(tmp_path / "store.sqlite") is network


def test_where_the_system_says_nothing_the_disk_is_taken_for_local(tmp_path, monkeypatch):
    monkeypatch.setattr(file_system, "_MOUNTS", tmp_path / "missing")
    assert is_network(tmp_path) is False


def test_this_machines_own_mounts_can_be_read():
    if not Path("/proc/self/mounts").exists():
        pytest.skip("needs Linux")
    assert file_system_type(Path("/proc"), Path("/proc/self/mounts").read_text().splitlines()) == (
        "proc"
    )


def test_a_disk_mounted_read_only_is_told(disk):
    assert is_read_only(disk("size=64k,ro"))
    assert not is_read_only(disk("size=64k"))
