import pytest
from hypothesis import given
from hypothesis import strategies as st

from multigraft.plugins.loggers.csv_file import build
from multigraft.plugins.loggers.options import CsvOptions


@pytest.fixture
def logger(tmp_path):
    return build(CsvOptions(kind="csv"), tmp_path)


def table(folder):
    return (folder / "metrics.csv").read_text()


def test_a_new_scalar_adds_a_column(logger, tmp_path):
    logger.log(1, {"loss": 1.5})
    logger.log(2, {"loss": 1.0, "eval/vqa, all": 0.5})
    logger.log(3, {"eval/vqa, all": 0.75})
    assert table(tmp_path) == 'step,loss,"eval/vqa, all"\n1,1.5,\n2,1.0,0.5\n3,,0.75\n'
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]


def test_a_resumed_run_keeps_columns_and_cuts_later_rows(logger, tmp_path):
    for step in (1, 2, 3):
        logger.log(step, {"loss": step, "rate": 0.1})
    resumed = build(CsvOptions(kind="csv"), tmp_path)
    resumed.resume(1)
    resumed.log(2, {"rate": 0.5})
    assert table(tmp_path) == "step,loss,rate\n1,1,0.1\n2,,0.5\n"


def test_a_row_that_was_never_finished_is_cut_away(logger, tmp_path):
    logger.log(1, {"loss": 1.25})
    logger.log(2, {"loss": 1.25})
    path = tmp_path / "metrics.csv"
    path.write_text(path.read_text()[:-2])
    logger.resume(2)
    assert table(tmp_path) == "step,loss\n1,1.25\n"


@given(st.lists(st.dictionaries(st.sampled_from("abcd"), st.integers(0, 9), max_size=4), max_size=6))
def test_every_value_is_in_its_column(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("run")
    logger = build(CsvOptions(kind="csv"), folder)
    for step, scalars in enumerate(steps):
        logger.log(step, scalars)
    header, *rows = [line.split(",") for line in table(folder).splitlines()] if steps else [[]]
    read = [dict(zip(header, row, strict=True)) for row in rows]
    assert [{k: v for k, v in row.items() if v} for row in read] == [
        {"step": str(step)} | {name: str(value) for name, value in scalars.items()}
        for step, scalars in enumerate(steps)
    ]
