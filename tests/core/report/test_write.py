"""The page about a run: complete, escaped, and needing no other file."""

import re
import resource
import signal
from html.parser import HTMLParser
from pathlib import Path

import pytest

from multigraft.core.errors import MultigraftError
from multigraft.core.report import write_report


class Page(HTMLParser):
    """Tags with their attributes, and the text a reader sees."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture
def page(run_folder: Path) -> Page:
    return Page(write_report(run_folder).read_text(encoding="utf-8"))


def test_the_page_lies_in_the_run_folder(run_folder: Path):
    assert write_report(run_folder) == run_folder / "report.html"


def test_nothing_is_loaded_from_elsewhere_and_nothing_runs(page: Page):
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    loaded = [value for _, attributes in page.tags for name, value in attributes.items() if name in ("src", "href")]
    assert loaded
    assert all(value.startswith("data:image/jpeg;base64,") for value in loaded)
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)


def test_the_first_line_tells_recipe_trunk_graft_steps_seed_seconds_and_versions(page: Page):
    assert (
        "first & best recipe quickstart · trunk tf_efficientnet_lite0 + sapling · "
        "graft bottleneck of width 24, half-shared · 2,000 steps · seed 7 · 432 seconds · "
        "multigraft 0.1.0, python 3.11.2, torch 2.14.1"
    ) in page.text


@pytest.mark.parametrize(
    "row",
    [
        "task metric n score no-media shuffled-frames bounds",
        "★ main metric of a task. Split: test. task",
        "vqa vqa-accuracy ★ 9,673 0.931 0.670 – majority 0.373, question alone 0.670",
        "vqa exact-match 9,673 0.881 0.620 –",
        "caption cider ★ 1,000 4.123 0.210 –",
        "video exact-match ★ 600 0.734 0.260 of 590 0.600 chance 0.250",
        "vqa type: yes/no & <other>, vqa-accuracy 9,673 0.900",
        "video type: which came first, exact-match 100 0.710 – 0.253",
        "caption: tokeniser: ptb, corpus: 1000",
        "no-media leaves out 10 of 600 samples of 'video': no media (c1, c2 and 8 more)",
        "shuffled-frames leaves out task 'vqa': no video",
        "412,345 trained of 4,012,345 (10.28 %), 7,362,345 with the encoders.",
        "shared 250,000 task:vqa 54,115",
        "bottleneck.down.weight 180,000",
        "3 of 12,000 samples drawn for training were bad (0.025 %) and replaced by others.",
        "task texts cut context choices question target video 3,000 4.0 % 4.0 % 0.1 % – –",
        "easy-000.tar not an image 3 17: <text>; 19",
        "clips-001.tar truncated 1 c3: no moov box",
        "6 of 15 right and 5 of 5 wrong ones, drawn evenly.",
        "what shape is the red thing?",
        "a red ball / a blue key / a green box / a grey ball",
        'prefix: "vqa: <b>"',
        "packages.torch 2.14.1",
    ],
)
def test_what_the_run_wrote_can_be_read(page: Page, row: str):
    assert row in page.text


def test_what_a_model_says_is_shown_and_not_obeyed(run_folder: Path):
    text = write_report(run_folder).read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; ✗" in text
    assert "<script>" not in text
    assert "vqa: &lt;b&gt;" in text


def test_curves_are_drawn_by_task(page: Page):
    figures = [attributes["aria-label"] for tag, attributes in page.tags if tag == "svg" and "role" in dict(attributes)]
    assert figures == ["training loss over steps", "vqa-accuracy over steps", "exact-match over steps"]
    assert len([tag for tag, _ in page.tags if tag == "polyline"]) == 5
    assert re.search(r"loss .* vqa 0\.037 caption 0\.137 video 0\.237", page.text)


def test_a_task_has_one_colour_in_tables_curves_bars_and_predictions(run_folder: Path):
    text = write_report(run_folder).read_text(encoding="utf-8")
    after = re.findall(r'var\(--c(\d)\)"[^>]*>(?:</svg>)?(vqa|caption|video)\b', text)
    assert {task: {colour for colour, name in after if name == task} for _, task in after} == {
        "vqa": {"0"},
        "caption": {"1"},
        "video": {"2"},
    }
    assert re.search(r"<span>task:caption</span><span><span [^>]*var\(--c1\)", text)


def test_pictures_and_frames_stand_beside_their_predictions(page: Page):
    """11 easy-vqa rows with a picture each, one clip of three with four frames."""
    assert len([tag for tag, _ in page.tags if tag == "img"]) == 11 + 4


def test_a_run_that_goes_on_has_sentences_in_place_of_what_is_missing(tmp_path: Path):
    (tmp_path / "recipe.yaml").write_text("train: {steps: 50}\n")
    (tmp_path / "metrics.jsonl").write_text('{"step": 10, "train/vqa/loss": 2.5}\n{"step": 20, "train/vq')
    text = Page(write_report(tmp_path).read_text()).text
    assert "10 of 50 steps" in text
    assert "training loss vqa 10 2.500" in text
    for sentence in (
        "No scores yet: the run has not written results.json.",
        "No parameter counts yet: the run has not written results.json.",
        "No sample was skipped so far.",
        "No predictions yet: the folder predictions is empty.",
        "There is no environment.json.",
    ):
        assert sentence in text


def test_a_clean_run_says_that_no_sample_was_skipped(run_folder: Path):
    (run_folder / "skipped.jsonl").unlink()
    text = Page(write_report(run_folder).read_text()).text
    assert "Skipped samples 3 of 12,000" in text
    assert "No sample was skipped. " in text
    assert "last one logged" not in text


def test_scores_of_a_run_that_was_stopped_are_not_called_its_end(run_folder: Path):
    with (run_folder / "metrics.jsonl").open() as file:
        rows = file.readlines()
    (run_folder / "metrics.jsonl").write_text("".join(row for row in rows if '"step": 2000' not in row))
    text = Page(write_report(run_folder).read_text()).text
    assert "1,990 of 2,000 steps" in text
    assert "has not made and scored all of its steps; the last one logged is 1,990." in text


def test_a_page_that_cannot_be_written_leaves_the_old_one(run_folder: Path):
    before = write_report(run_folder).read_text(encoding="utf-8")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limit[1]))
    try:
        with pytest.raises(MultigraftError, match=r"report\.html cannot be written: File too large"):
            write_report(run_folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, ignored)
    assert (run_folder / "report.html").read_text(encoding="utf-8") == before
    assert not list(run_folder.glob(".*part"))


def test_predictions_without_their_shards_are_shown_without_pictures(run_folder: Path):
    for shard in (run_folder / "shards").iterdir():
        shard.unlink()
    page = Page(write_report(run_folder).read_text())
    assert "img" not in {tag for tag, _ in page.tags}
    assert "what shape is the red thing?" in page.text


def test_a_folder_of_something_else_is_refused(tmp_path: Path):
    with pytest.raises(MultigraftError, match="is no run folder"):
        write_report(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("results.json", "{", r"results\.json is damaged"),
        ("metrics.jsonl", '{"step": 1}\nnot json\n', r"metrics\.jsonl:2 is damaged"),
        ("recipe.yaml", "a: [", r"recipe\.yaml is damaged"),
    ],
)
def test_damaged_files_are_named(run_folder: Path, name: str, content: str, place: str):
    (run_folder / name).write_text(content)
    with pytest.raises(MultigraftError, match=place):
        write_report(run_folder)


def test_media_that_cannot_be_shown_are_named_on_the_page(run_folder: Path):
    recipe = run_folder / "recipe.yaml"
    recipe.write_text(recipe.read_text() + "inputs: [image, video, sonogram]\n")
    text = Page(write_report(run_folder).read_text()).text
    assert "cannot be shown: clips-000.tar#c1.mp4: not a video: begins with b'no video'" in text
    assert "cannot be shown: clips-001.tar#c2.mp4: the shard is not there" in text
    assert "The recipe's input sonogram cannot be used here" in text
