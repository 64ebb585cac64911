"""Media by their names in folders and tars."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multigraft.core.data.media_store import MediaStore, ending, media_name
from multigraft.core.data.tar_reader import RefusedShardError
from multigraft.core.errors import BadSample, MultigraftError
from multigraft.core.interfaces.source import MediaPlace


@pytest.fixture
def folder(tmp_path):
    """A folder of two pictures, a file beside it, and links."""
    (tmp_path / "media" / "deep").mkdir(parents=True)
    (tmp_path / "media" / "a.jpg").write_bytes(b"first")
    (tmp_path / "media" / "deep" / "B.PNG").write_bytes(b"second")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    os.symlink("../secret.jpg", tmp_path / "media" / "out.jpg")
    os.symlink("..", tmp_path / "media" / "up")
    os.symlink("deep/B.PNG", tmp_path / "media" / "within.png")
    return tmp_path / "media"


def refused(store, name):
    with pytest.raises(BadSample) as error:
        store.check(name)
    return error.value.reason


def test_a_folder_gives_files_by_their_paths(folder):
    store = MediaStore.of([folder])
    assert [store.read(name) for name in ("a.jpg", "deep/B.PNG", "within.png")] == [b"first", b"second", b"second"]
    assert refused(store, "deep/b.png") == "missing medium"
    assert refused(store, "deep") == "missing medium"
    assert refused(store, "a.jpg/b.jpg") == "missing medium"
    assert refused(store, f"{'long' * 100}.jpg") == "missing medium"


@pytest.mark.parametrize("name", ["out.jpg", "up/secret.jpg", "up/media/../secret.jpg"])
def test_links_do_not_lead_out_of_a_folder(folder, name):
    store = MediaStore.of([folder])
    assert refused(store, name) == "bad medium name"
    with pytest.raises(BadSample, match="leads out of its folder"):
        store.read(name)


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/passwd", "a/../../secret.jpg", "", ".", "a\0.jpg", "/"])
def test_names_stay_within_a_folder(name):
    with pytest.raises(BadSample, match="bad medium name"):
        media_name(name)


def test_a_name_is_written_in_one_way():
    assert [media_name(name) for name in ("a.jpg", "./a.jpg", "b//c.jpg", "b/./c.jpg")] == [
        "a.jpg", "a.jpg", "b/c.jpg", "b/c.jpg",
    ]  # fmt: skip
    assert [ending(name) for name in ("a.JPG", "x.y/b", "k.0.png")] == ["jpg", "", "png"]


@given(text=st.text(st.sampled_from("ab./\\~:\0é"), max_size=12))
def test_no_name_leads_out(text):
    try:
        name = media_name(text)
    except BadSample:
        return
    assert os.path.normpath(os.path.join("/media", name)).startswith("/media/")
    assert media_name(name) == name


def test_what_is_no_file_is_not_opened(folder):
    os.mkfifo(folder / "pipe.jpg")
    assert refused(MediaStore.of([folder]), "pipe.jpg") == "missing medium"


def test_an_empty_file_is_bad(folder):
    (folder / "empty.jpg").touch()
    assert refused(MediaStore.of([folder]), "empty.jpg") == "empty file"


@pytest.fixture
def tars(tmp_path, make_tar):
    """Two tars as img2dataset writes them, with a key that both have."""
    first, second = tmp_path / "00000.tar", tmp_path / "00001.tar"
    make_tar(
        first, ("000000000.jpg", b"zero"), ("000000000.json", b'{"caption": "c"}'), ("000000001.JPG", b"one"),
        ("000000009.jpg", b"nine here"),
    )  # fmt: skip
    make_tar(
        second, ("000010000.jpg", b"ten"), ("2.jpg", b""), ("000000009.jpg", b"nine there"), ("dir/7.0.png", b"seven")
    )
    return [first, second]


def test_tars_give_files_by_key_and_field(tars):
    store = MediaStore.of(tars)
    names = ("000000000.jpg", "000000001.jpg", "000010000.jpg", "dir/7.0.png")
    assert [store.read(name) for name in names] == [b"zero", b"one", b"ten", b"seven"]
    assert [refused(store, name) for name in ("7.0.png", "000000000.png", "000000005.jpg")] == ["missing medium"] * 3


def test_an_empty_file_of_a_tar_is_bad(tars):
    assert refused(MediaStore.of(tars), "2.jpg") == "empty file"


def test_what_several_have_is_refused(tars, folder):
    assert refused(MediaStore.of(tars), "000000009.jpg") == "ambiguous medium"
    assert MediaStore.of(tars[:1]).read("000000009.jpg") == b"nine here"
    (folder / "000010000.jpg").write_bytes(b"mine")
    assert refused(MediaStore.of([*tars, folder]), "000010000.jpg") == "ambiguous medium"


class Inside(MediaPlace):
    """What a source holds itself."""

    def has(self, name):
        return name == "a.jpg"

    def read(self, name):
        return b"mine"


def test_a_source_s_own_media_come_first(folder):
    store = MediaStore.of([folder], Inside())
    assert store.read("a.jpg") == b"mine"
    assert store.read("deep/B.PNG") == b"second"


def test_a_place_that_is_not_there_is_told_with_what_is_like_it(folder):
    with pytest.raises(MultigraftError, match=r"medai is not there \(did you mean '.*/media'\?\)"):
        MediaStore.of([folder.with_name("medai")])


def test_a_file_that_is_no_tar_is_refused(folder):
    (folder / "page.tar").write_text("<html>404 not found</html>")
    with pytest.raises(RefusedShardError, match="web page"):
        MediaStore.of([folder / "page.tar"])


def test_a_medium_that_changed_within_a_tar_is_bad(tars):
    store = MediaStore.of(tars)
    store.check("000010000.jpg")
    stamp = os.stat(tars[1])
    tars[1].write_bytes(tars[1].read_bytes().replace(b"ten", b"TEN"))
    os.utime(tars[1], ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    with pytest.raises(BadSample, match="wrong crc"):
        store.read("000010000.jpg")
