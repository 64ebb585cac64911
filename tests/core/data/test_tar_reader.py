"""Every byte of a tar is read or named, whichever program wrote it."""

import bz2
import gzip
import lzma
import tarfile

import pytest

from multigraft.core.data.indexing import make_index
from multigraft.core.data.shard import Shard
from multigraft.core.data.tar_reader import RefusedShardError


def tar_bytes(make_tar, path, *members, **options):
    return make_tar(path, *members, **options).read_bytes()


@pytest.fixture
def file(tmp_path):
    """A file with some bytes, under the name of a shard."""

    def write(data):
        path = tmp_path / "x.tar"
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize("padding", [0, 512, 10_240, 3 << 20])
def test_tars_laid_end_to_end_are_read_to_the_last(tmp_path, make_tar, file, padding):
    one, two = (tar_bytes(make_tar, tmp_path / "y.tar", (f"{key}.jpg", key.encode())) for key in "ab")
    shard = Shard(file(one + bytes(padding) + two))
    assert [shard.read(sample, "jpg") for sample in range(2)] == [b"a", b"b"]
    assert {problem.reason for problem in shard.index.problems} == {"no question"}


def test_what_lies_behind_the_end_and_is_no_tar_is_named(tmp_path, make_tar, file):
    one = tar_bytes(make_tar, tmp_path / "y.tar", ("a.jpg", b"a"))
    for tail, kind in (
        (b"some text\n" * 60, "text"),
        (gzip.compress(one, mtime=0), "compressed with gzip"),
        (b"\1\2\3", "no tar"),
    ):
        problem = make_index(file(one + tail)).problems[-1]
        assert problem.reason == "data behind the end"
        assert problem.detail == f"{len(tail)} bytes from byte {len(one)} on are {kind}, and are not read"


def test_checksums_of_signed_bytes_are_right_too(tmp_path, make_tar, file):
    data = bytearray(tar_bytes(make_tar, tmp_path / "y.tar", ("ab.jpg", b"a")))
    data[:2] = "é".encode()
    data[148:156] = b"%06o\0 " % (sum(data[:148]) + 8 * 32 + sum(data[156:512]) - 2 * 256)
    assert make_index(file(bytes(data))).keys == ["é"]


def test_a_file_that_is_too_short_for_a_header_is_called_so(file):
    for data in (b"x" * 100, b"<html>", b"\0"):
        (problem,) = make_index(file(data)).problems
        assert problem.detail.startswith(f"the file has {len(data)} bytes, too few for a tar's first header: fetch")


def test_an_entry_of_an_unknown_type_is_refused_by_its_letter(tmp_path, make_tar):
    entry = tarfile.TarInfo("folder")
    entry.type = b"D"
    with pytest.raises(RefusedShardError, match="'folder' is an entry of type 'D'; shards hold plain files only"):
        make_index(make_tar(tmp_path / "x.tar", entry))


def test_a_second_tar_that_is_cut_is_named(tmp_path, make_tar, file):
    one, two = (tar_bytes(make_tar, tmp_path / "y.tar", (f"{key}.jpg", bytes(2000))) for key in "ab")
    index = make_index(file(one + two[:1000]))
    assert (index.keys, index.problems[-1].reason) == (["a"], "cut tar")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"a text of a hundred bytes, more or less", r"is text; fetch"),
        ("Straße und Häuser\n".encode() * 99, r"is text; fetch"),
        (b"<!DOCTYPE html><html>404</html>", r"is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", r"a Git LFS pointer.*git lfs pull"),
        (gzip.compress(b"1", mtime=0), r"compressed with gzip; unpack it with `gzip -d`"),
        (bz2.compress(b"1"), r"compressed with bzip2; unpack it with `bzip2 -d`"),
        (lzma.compress(b"1"), r"compressed with xz; unpack it with `xz -d`"),
        (b"\x28\xb5\x2f\xfd" + bytes(20), r"compressed with zstd; unpack it with `zstd -d`"),
        (b"PK\3\4" + bytes(600), r"a zip archive"),
        (b"\x89PNG" + bytes(600), r"a PNG picture"),
        (b"\1" * 600, r"not a plain tar"),
    ],
)
def test_what_is_no_tar_is_told_by_what_it_is(file, data, told):
    with pytest.raises(RefusedShardError, match=rf"x\.tar: no tar header at byte 0; .*{told}"):
        make_index(file(data))


@pytest.mark.parametrize("size", ["²", "9" * 5000, "9" * 15 + "²", "-1", " 3", "3 ", "", "0x3", "1_0", "٣"])
def test_sizes_in_extended_headers_are_digits(tmp_path, make_tar, size):
    info = tarfile.TarInfo("k.jpg")
    info.pax_headers = {"size": size}
    with pytest.raises(RefusedShardError, match=r"x\.tar: the header at byte \d+ has the size .*; pack it again"):
        make_index(make_tar(tmp_path / "x.tar", info, format=tarfile.PAX_FORMAT))


@pytest.mark.parametrize(
    "record", [b"\xb2 path=a\n", b"9" * 5000 + b" path=a\n", b"-9 path=a\n", b"0 a=b\n", b"99 a=b\n", b"6 ab\n", b"x"]
)
def test_lengths_in_extended_headers_are_digits(tmp_path, make_tar, file, record):
    info = tarfile.TarInfo("header")
    info.type, info.size = tarfile.XHDTYPE, len(record)
    data = info.tobuf(tarfile.USTAR_FORMAT) + record.ljust(-(-len(record) // 512) * 512, b"\0")
    with pytest.raises(RefusedShardError, match="an extended header that is damaged at its byte 0"):
        make_index(file(data + tar_bytes(make_tar, tmp_path / "y.tar", ("a.jpg", b"1"))))


def test_headers_that_change_the_members_in_other_ways_are_refused(tmp_path, make_tar):
    info = tarfile.TarInfo("k.jpg")
    info.pax_headers = {"GNU.sparse.major": "1"}
    with pytest.raises(RefusedShardError, match="sparse file"):
        make_index(make_tar(tmp_path / "x.tar", info, format=tarfile.PAX_FORMAT))
    with pytest.raises(RefusedShardError, match="a header for all members sets path"):
        make_index(make_tar(tmp_path / "x.tar", ("k.jpg", b""), format=tarfile.PAX_FORMAT, pax_headers={"path": "x"}))


def test_comments_labels_and_folders_hold_no_bytes(tmp_path, make_tar):
    label, folder = tarfile.TarInfo("label"), tarfile.TarInfo("folder")
    label.type, folder.type = b"V", tarfile.DIRTYPE
    options = {"format": tarfile.PAX_FORMAT, "pax_headers": {"comment": "made by git"}}
    path = make_tar(tmp_path / "x.tar", label, folder, ("folder/k.jpg", b"1"), **options)
    assert make_index(path).keys == ["folder/k"]
    assert [problem.reason for problem in make_index(path).problems] == ["no question"]
