"""Which folders are refused because another machine serves them."""

import os

import pytest

from proxy.errors import StartError
from proxy.network_folder import refuse_network, type_of

MOUNTS = r"""
22 1 0:21 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:30 / /srv rw - nfs4 server:/export rw,vers=4.2
31 30 0:31 / /srv/local rw - xfs /dev/vdb rw
32 22 0:32 / /with\040blank rw - cifs //server/share rw
33 22 0:33 / /home/me/remote rw - fuse.sshfs me@there:/ rw
34 22 0:34 / /home/me/crypt rw - fuse.gocryptfs /home/me/.crypt rw
35 22 0:35 / /twice rw - nfs4 server:/a rw
36 22 0:36 / /twice rw - tmpfs tmpfs rw
odd line
""".strip().splitlines()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/var/lib/teelog", "ext4"),
        ("/srv", "nfs4"),
        ("/srv/data", "nfs4"),
        ("/srvs", "ext4"),
        ("/srv/local/data", "xfs"),
        ("/with blank/data", "cifs"),
        ("/home/me/remote", "fuse.sshfs"),
        ("/home/me/crypt/data", "fuse.gocryptfs"),
        ("/twice/data", "tmpfs"),
    ],
)
def test_what_a_folder_is_on(path, kind):
    """The deepest mount that holds a path decides, and of two in one place the later."""
    assert type_of(path, MOUNTS) == kind


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "fuse.glusterfs"])
def test_it_is_refused(tmp_path, kind):
    """A data folder on a network file system is refused with what to do, also one that is still to be made."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        f"22 1 0:21 / / rw - ext4 /dev/vda rw\n30 22 0:30 / {os.path.realpath(tmp_path)} rw - {kind} x rw\n"
    )

    with pytest.raises(StartError, match=r"network file system .*allow_network_folder"):
        refuse_network(tmp_path / "still" / "to be made", mounts)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "fuse.gocryptfs", "zfs"])
def test_it_is_not_refused(tmp_path, kind):
    """Local file systems are taken, and so is what nothing is known of."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"22 1 0:21 / / rw - {kind} x rw\n")

    refuse_network(tmp_path, mounts)
    refuse_network(tmp_path, tmp_path / "none")
    refuse_network(tmp_path)
