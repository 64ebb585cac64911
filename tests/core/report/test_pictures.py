"""Pictures of media by `SHARD#KEY.FIELD`, decoded by the inputs of a run's recipe."""

import base64
import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from multigraft.core.registry.registry import default_registry
from multigraft.core.report.media_decoder import decoder_of
from multigraft.core.report.pictures import thumbnails

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\nnewpath\nshowpage\n%%EOF\n"


def write_tar(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


def png(size: tuple[int, int], colour: tuple[int, ...] | int, mode: str = "RGB", **options: object) -> bytes:
    target = io.BytesIO()
    Image.new(mode, size, colour).save(target, "PNG", **options)
    return target.getvalue()


def opened(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


@pytest.fixture
def shown(tmp_path: Path):
    """What is shown of the members of a shard `a.tar`, as `FILE: (URIs, problem)`."""

    def show(members: dict[str, bytes], *names: str, inputs: object = None) -> dict[str, tuple[tuple[str, ...], str]]:
        write_tar(tmp_path / "a.tar", members)
        decoder, _ = decoder_of({"inputs": inputs} if inputs else {}, default_registry())
        try:
            found = thumbnails([f"a.tar#{name}" for name in names or members], [tmp_path], decoder)
        finally:
            decoder.close()
        return {name.partition("#")[2]: (each.uris, each.problem) for name, each in found.items()}

    return show


def test_a_picture_is_made_small_and_keeps_its_sides(shown):
    ((uri,), problem) = shown({"0.png": png((600, 300), (250, 0, 0))})["0.png"]
    assert opened(uri).size == (144, 72)
    assert opened(uri).getpixel((70, 30))[0] > 240
    assert not problem


def test_what_is_seen_through_is_white(shown):
    ((uri,), _) = shown({"0.png": png((8, 8), (0, 0, 0, 0), "RGBA")})["0.png"]
    assert opened(uri).size == (8, 8)
    assert opened(uri).getpixel((4, 4)) == (255, 255, 255)


def test_fields_are_found_whatever_their_case_and_keys_only_in_theirs(shown):
    members = {"./folder/Key.0.PNG": png((8, 8), (0, 0, 0))}
    found = shown(members, "folder/Key.0.png", "folder/key.0.png", "Key.0.png")
    assert [name for name, (uris, _) in found.items() if uris] == ["folder/Key.0.png"]
    assert found["Key.0.png"][1] == "a.tar#Key.0.png: the shard has no such key"


def test_what_cannot_be_shown_is_said(shown, tmp_path: Path):
    members = {"0.png": png((8, 8), (0, 0, 0)), "1.png": b"no picture", "2.mp4": b"no video", "3.pdf": b"%PDF"}
    problems = {name: problem for name, (_, problem) in shown(members).items() if problem}
    assert problems == {
        "1.png": "a.tar#1.png: not an image: begins with b'no picture'; JPEG, PNG and WebP are read",
        "2.mp4": "a.tar#2.mp4: not a video: begins with b'no video'",
        "3.pdf": "a.tar#3.pdf: no input reads it: field pdf; the recipe's inputs read "
        "jpg, jpeg, png, webp, mp4, m4v, mov, mkv, webm, avi, ts, m2ts, mpg",
    }


@pytest.mark.parametrize("data", [EPS, b"GIF89a" + bytes(40), b"%PDF-1.4\n"])
def test_a_name_does_not_open_other_formats(shown, data):
    """Pillow would hand an EPS to a program of its own, whatever the file is called."""
    ((), problem) = shown({"0.png": data})["0.png"]
    assert "not an image" in problem


def test_the_recipes_own_bounds_hold(shown):
    inputs = [{"kind": "image", "max_pixels": 50}]
    assert "too large: 8 x 8 pixels" in shown({"0.png": png((8, 8), (0, 0, 0))}, inputs=inputs)["0.png"][1]
    assert "no input reads it" in shown({"0.mp4": b"clip"}, inputs=inputs)["0.mp4"][1]


def test_a_narrow_picture_takes_no_memory(shown):
    ((uri,), _) = shown({"0.png": png((1, 60_000), 0, "L")})["0.png"]
    assert opened(uri).size == (1, 144)


def test_a_clip_gives_four_frames(shown, clip_file):
    uris, _ = shown({"0.mp4": clip_file(frames=30)})["0.mp4"]
    assert [opened(uri).size for uri in uris] == [(64, 48)] * 4


def test_cut_and_missing_shards_are_named(shown, tmp_path: Path):
    shown({"0.png": png((8, 8), (0, 0, 0)), "1.png": png((900, 900), (0, 0, 0))})
    data = (tmp_path / "a.tar").read_bytes()
    for index in tmp_path.glob("a.tar.*"):
        index.unlink()
    (tmp_path / "a.tar").write_bytes(data[: 512 * 3 + 100])
    decoder, _ = decoder_of({}, default_registry())
    found = thumbnails(["a.tar#1.png", "b.tar#0.png"], [tmp_path], decoder)
    assert "a.tar" in found["a.tar#1.png"].problem
    assert found["b.tar#0.png"].problem == "b.tar#0.png: the shard is not there"


def test_an_input_that_is_not_installed_is_said_and_the_others_work():
    decoder, problems = decoder_of(
        {"inputs": ["image", "sonogram", {"kind": "video", "frames": 0}]}, default_registry()
    )
    decoder.close()
    assert len(problems) == 2
    assert problems[0].startswith("The recipe's input sonogram cannot be used here: ")
    assert problems[1].startswith("The recipe's input video cannot be used here: frames: ")


def test_showing_media_needs_no_torch(tmp_path: Path):
    write_tar(tmp_path / "a.tar", {"0.png": png((8, 8), (0, 0, 0))})
    program = "import sys; from pathlib import Path; from multigraft.core.registry.registry import default_registry\n"
    program += "from multigraft.core.report.media_decoder import decoder_of\n"
    program += "from multigraft.core.report.pictures import thumbnails\n"
    program += "decoder, _ = decoder_of({}, default_registry())\n"
    program += "print(len(thumbnails(['a.tar#0.png'], [Path(sys.argv[1])], decoder)['a.tar#0.png'].uris))\n"
    program += "print([name for name in ('torch', 'transformers') if name in sys.modules])"
    command = [sys.executable, "-c", program, str(tmp_path)]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.split() == ["1", "[]"]
