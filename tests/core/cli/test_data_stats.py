import json
import re

import pytest

from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.types.annotation import Annotation, Record


@pytest.fixture
def folder(tmp_path, picture_file, clip_file):
    """Three pictures of known sizes and a clip, with questions, captions and choices of known lengths."""
    asked = [("red", "which colour is it"), ("red", "which one"), ("blue", "what is it")]
    with ShardWriter(tmp_path / "shards", "a") as writer:
        for number, ((answer, text), width) in enumerate(zip(asked, (10, 20, 40), strict=True)):
            notes = (
                Annotation(
                    id=f"{number}/q", task="vqa", type="colour", text=text, answers=[{"text": answer}], media=("png",)
                ),
                Annotation(id=f"{number}/c", task="captions", references=("a red thing", "<b>red</b>"), media=("png",)),
            )
            record = Record(id=f"k{number}", source="made", annotations=notes)
            writer.write(f"k{number}", record, {"png": picture_file(size=(width, 8))})
        note = Annotation(id="v", task="choose", source="clips", choices=("a", "b", "c"), media=("mp4",))
        writer.write("v", Record(id="v", annotations=(note,)), {"mp4": clip_file(frames=45, rate=15)})
    return tmp_path / "shards"


@pytest.fixture
def told(folder, run):
    found = json.loads(run("data", "stats", folder, "--json").stdout)
    tasks = {(row["task"], row["source"]): row for row in found["tasks"]}
    return found, tasks, {row["ending"]: row for row in found["media"]}


def test_annotations_are_counted_by_task_and_source(told):
    found, tasks, _ = told
    assert (found["shards"], found["samples"], found["findings"]) == (1, 4, [])
    assert {name: (row["annotations"], row["samples"]) for name, row in tasks.items()} == {
        ("captions", "made"): (3, 3), ("choose", "clips"): (1, 1), ("vqa", "made"): (3, 3),
    }  # fmt: skip
    assert tasks["vqa", "made"]["types"] == {"colour": 3}


def test_answers_and_lengths_in_words(told):
    _, tasks, _ = told
    vqa, captions = tasks["vqa", "made"], tasks["captions", "made"]
    assert vqa["most_frequent_answers"] == [["red", 2], ["blue", 1]]
    assert (vqa["answers"], vqa["distinct_answers"]) == (3, 2)
    assert vqa["question_words"] == {
        "n": 3, "mean": 3, "least": 2, "p5": 2, "p25": 2, "median": 3, "p75": 3, "p95": 3, "most": 4,
    }  # fmt: skip
    assert (captions["answers"], captions["answer_words"]["most"], captions["choices"]) == (6, 3, {})
    assert tasks["choose", "clips"]["choices"]["median"] == 3


def test_headers_tell_the_sizes_of_pictures_and_the_lengths_of_clips(told, folder):
    _, _, media = told
    png, mp4 = media["png"], media["mp4"]
    assert (png["kind"], png["files"], png["headers"]) == ("image", 3, 3)
    assert [png["width"][name] for name in ("least", "median", "most")] == [10, 20, 40]
    assert (png["height"]["least"], png["height"]["most"]) == (8, 8)
    assert (mp4["kind"], mp4["seconds"]["most"], mp4["fps"]["most"], mp4["width"]["most"]) == ("video", 3, 15, 64)
    assert mp4["total_bytes"] == mp4["bytes"]["most"] > 500


def test_so_many_headers_as_asked_for(folder, run):
    found = json.loads(run("data", "stats", folder, "--json", "--headers", "2").stdout)
    png = next(row for row in found["media"] if row["ending"] == "png")
    assert (png["files"], png["headers"], png["width"]["n"]) == (3, 2, 2)
    assert (png["width"]["least"], png["width"]["most"]) == (10, 40)


def test_a_picture_without_a_header_is_told(tmp_path, run):
    with ShardWriter(tmp_path, "a") as writer:
        note = Annotation(id="k", task="vqa", text="what?", media=("jpg",))
        writer.write("k", Record(id="k", annotations=(note,)), {"jpg": b"no picture"})
    result = run("data", "stats", tmp_path)
    assert "1 x not an image, first" in result.stdout
    assert "a-000000.tar#k: begins with b'no picture'" in result.stdout


def test_a_clip_is_never_what_makes_ffmpeg_look_elsewhere_and_what_is_cut_is_counted_by_reason(
    tmp_path, run, clip_file
):
    """A playlist and a list of files to join, both of which FFmpeg would follow; and clips that are cut or damaged."""
    other = tmp_path / "other.mp4"
    other.write_bytes(clip_file(frames=5))
    whole = clip_file(frames=45, rate=15)
    clips = {
        "list": f"ffconcat version 1.0\nfile {other}\n".encode(),
        "playlist": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10.0,\n{other}\n#EXT-X-ENDLIST\n".encode(),
        "cut": whole[:-100], "empty": b"", "boxes": b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x08moov", "whole": whole,
    }  # fmt: skip
    with ShardWriter(tmp_path / "shards", "a") as writer:
        for key, data in clips.items():
            writer.write(key, None, {"mp4": data})
    result = run("data", "stats", tmp_path / "shards", "--json")
    found = json.loads(result.stdout)
    [mp4] = found["media"]
    assert (result.exit_code, mp4["headers"], mp4["seconds"]["n"], mp4["seconds"]["most"]) == (0, 6, 1, 3)
    reasons = {row["reason"]: (row["count"], row["first"]["key"]) for row in found["findings"]}
    for reason, expected in {
        "not a video": (2, "list"), "truncated video": (1, "cut"), "empty file": (1, "empty"),
    }.items():  # fmt: skip
        assert reasons[reason] == expected
    assert "boxes" in {key for _, key in reasons.values()}


def test_the_page_needs_no_other_file_and_shows_what_was_counted(folder, run, tmp_path):
    result = run("data", "stats", folder, "--page", "stats.html")
    assert result.exit_code == 0
    assert "stats.html is written" in result.stderr
    page = (tmp_path / "stats.html").read_text()
    assert re.findall(r"(?:src|href)=|https?://|@import|url\(", page) == []
    for piece in ("vqa, made", "choose, clips", "png (image)", "width in pixels", "&lt;b&gt;red&lt;/b&gt;", "<rect "):
        assert piece in page
    assert "<b>red" not in page


def test_what_cannot_be_used_is_counted_on_stderr_and_at_the_head_of_the_page(folder, run, tmp_path, bad_tar):
    bad_tar(folder / "b.tar")
    result = run("data", "stats", folder, "--page", "stats.html")
    assert result.exit_code == 0
    assert "problems in the data: 2 x bad annotation, 1 x missing field; the first: " in result.stderr
    head = (tmp_path / "stats.html").read_text().partition("</header>")[0]
    assert "2 × bad annotation, 1 × missing field" in head
    assert run("data", "verify", folder).exit_code == 1


def test_what_is_no_shard_is_told_and_the_others_are_counted(folder, run):
    (folder / "page.tar").write_text("<html>404 not found</html>")
    result = run("data", "stats", folder, folder / "none.tar", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert (found["shards"], [row["reason"] for row in found["findings"]]) == (1, ["no shard"])
    assert "none.tar: No such file" in result.stderr
    assert "1 x no shard; the first: " in result.stderr
    assert result.stderr.count("page.tar") == 1


def test_annotations_without_answers_are_counted(folder, run, tmp_path):
    rows = json.loads(run("data", "stats", folder, "--json").stdout)["tasks"]
    assert {row["task"]: row["without_answers"] for row in rows} == {"captions": 0, "choose": 1, "vqa": 0}
    run("data", "stats", folder, "--page", "stats.html")
    assert "1 annotations of 1 samples; 1 without answers;" in (tmp_path / "stats.html").read_text()


def test_long_answers_stand_on_the_page(tmp_path, run):
    read, book = "a very long answer " * 10, "w" * 1000
    with ShardWriter(tmp_path / "long", "a") as writer:
        note = Annotation(id="a", task="captions", references=(read, book))
        writer.write("k", Record(id="k", annotations=(note,)), {})
    run("data", "stats", "long", "--page", "stats.html")
    page = (tmp_path / "stats.html").read_text()
    assert f"<span>{read}</span>" in page
    assert f"<span>{'w' * 300}… (1,000 characters)</span>" in page


def test_a_page_of_nothing_says_so(tmp_path, run):
    with ShardWriter(tmp_path, "a") as writer:
        writer.write("k", None, {})
    assert run("data", "stats", tmp_path, "--page", "stats.html").exit_code == 0
    page = (tmp_path / "stats.html").read_text()
    assert "There are no annotations." in page
    assert "There are no media." in page
