"""The tables, from files as a benchmark keeps them."""

import json

import pytest

from multigraft import MultigraftError
from multigraft.plugins.quickstart.bench.plot import svg
from multigraft.plugins.quickstart.bench.standings import standings
from multigraft.plugins.quickstart.bench.tables import comma_separated, markdown


def kept(row, scores, seed=0, steps=20, trainable=300, **more):
    """Two clusters of two rows a task."""
    tasks = {task: {"clusters": [0, 1], "sums": list(sums), "rows": [2, 2]} for task, sums in scores.items()}
    return {
        "row": row, "seed": seed, "rate": 0.01 if steps else 0.0, "steps": steps, "split": "test",
        "tasks": {task: {"metric": "exact-match", "score": sum(sums) / 4, "n": 4} for task, sums in scores.items()},
        "parameters": {"total": 10_000, "trainable": trainable, "percent": trainable / 100, "projection": 200},
        "seconds": {"train/step": 10.0 + seed},
        "clusters": {"count": 2, "names": "ab", "tasks": tasks},
        "made_with": {},
    } | more  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """A folder with a row of two seeds, one without training, and one that failed."""
    pieces = [
        kept("single", {"vqa": (2, 0), "captions": (1, 1)}),
        kept("single", {"vqa": (2, 1), "captions": (1, 1)}, seed=1),
        kept("untrained", {"vqa": (0, 0), "captions": (1, 0)}, steps=0),
        {"row": "broken", "seed": 0, "rate": 1.0, "steps": 20, "split": "test", "error": "bad\nnews", "made_with": {}},
    ]
    for each in pieces:
        (tmp_path / f"{each['row']}-{each['seed']}.json").write_text(json.dumps(each))
    return tmp_path


def test_the_table(folder):
    assert markdown(standings(folder)) == (
        "| row | trained, % | without the projection, % | mean score | 95% interval | sd of seeds | vqa | captions "
        "| seeds | rate | steps | seconds of steps |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|---|\n"
        "| single | 3.00 | 1.00 | 0.562 | 0.375 to 0.750 | 0.088 | 0.625 | 0.500 | 0, 1 | 0.01 | 20 | 10 |\n"
        "| untrained | 0.00 | 0.00 | 0.125 | 0.000 to 0.250 | – | 0.000 | 0.250 | 0 | – | 0 | – |\n"
        "\n"
        "Percent of all numbers but the encoders'. At most 4 samples of each task were scored, of the split `test`. "
        "The interval is that of the mean over tasks, from 2,000 draws of 2 clusters: what is about one picture, "
        "concept or episode is one.\n"
        "\n"
        "- failed: broken, seed 0: bad\n"
    )


def test_the_same_for_programs(folder):
    assert comma_separated(standings(folder)).splitlines() == [
        "row,trained,percent,percent_without_projection,score,low,high,spread,vqa,captions,seeds,rate,steps,seconds",
        "single,300,3.0,1.0,0.5625,0.375,0.75,0.08838834764831845,0.625,0.5,0 1,0.01,20,10.5",
        "untrained,0,0.0,0.0,0.125,0.0,0.25,,0.0,0.25,0,0.0,0,10.0",
    ]


def test_the_plot_names_the_rows_and_is_the_same_again(folder):
    drawn = svg(standings(folder))
    assert "1  single" in drawn
    assert "2  untrained" in drawn
    assert drawn == svg(standings(folder))


def test_seeds_that_do_not_go_together_are_refused(folder):
    other = kept("single", {"vqa": (2, 0), "captions": (1, 1)}, seed=1, rate=0.1)
    (folder / "single-1.json").write_text(json.dumps(other))
    with pytest.raises(MultigraftError, match="row 'single': seeds 0 and 1 have other steps, rates or samples"):
        standings(folder)


def test_a_damaged_file_is_refused(folder):
    (folder / "single-1.json").write_text('{"row": "single"')
    with pytest.raises(MultigraftError, match=r"single-1\.json is damaged; remove it"):
        standings(folder)
