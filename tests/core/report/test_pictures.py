"""Pictures of media by `SHARD#KEY.FIELD`."""

import base64
import io
import tarfile
from pathlib import Path

from PIL import Image

from multigraft.core.report.pictures import thumbnails


def write_tar(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


def png(size: tuple[int, int], colour: tuple[int, ...], mode: str = "RGB") -> bytes:
    target = io.BytesIO()
    Image.new(mode, size, colour).save(target, "PNG")
    return target.getvalue()


def opened(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_a_picture_is_made_small_and_keeps_its_sides(tmp_path: Path):
    write_tar(tmp_path / "a.tar", {"0.png": png((600, 300), (250, 0, 0))})
    (uri,) = thumbnails(["a.tar#0.png"], [tmp_path])["a.tar#0.png"]
    assert opened(uri).size == (144, 72)
    assert opened(uri).getpixel((70, 30))[0] > 240


def test_what_is_seen_through_is_white(tmp_path: Path):
    write_tar(tmp_path / "a.tar", {"0.png": png((8, 8), (0, 0, 0, 0), "RGBA")})
    (uri,) = thumbnails(["a.tar#0.png"], [tmp_path])["a.tar#0.png"]
    assert opened(uri).getpixel((4, 4)) == (255, 255, 255)


def test_fields_are_found_whatever_their_case_and_keys_only_in_theirs(tmp_path: Path):
    write_tar(tmp_path / "a.tar", {"./folder/Key.0.PNG": png((8, 8), (0, 0, 0))})
    names = ["a.tar#folder/Key.0.png", "a.tar#folder/key.0.png", "a.tar#Key.0.png"]
    assert list(thumbnails(names, [tmp_path])) == ["a.tar#folder/Key.0.png"]


def test_bad_bytes_cut_tars_and_missing_shards_give_no_picture(tmp_path: Path):
    write_tar(
        tmp_path / "a.tar", {"0.png": png((8, 8), (0, 0, 0)), "1.png": b"no picture", "2.png": png((9, 9), (0, 0, 0))}
    )
    data = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "a.tar").write_bytes(data[: 512 * 4 + 520])
    names = ["a.tar#0.png", "a.tar#1.png", "a.tar#2.png", "b.tar#0.png"]
    assert list(thumbnails(names, [tmp_path])) == ["a.tar#0.png"]
