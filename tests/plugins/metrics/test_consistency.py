from multigraft.plugins.metrics.consistency import build
from multigraft.plugins.metrics.options import ConsistencyOptions


def test_a_sentence_must_be_right_on_all_its_pictures(row, scores):
    metric = build(ConsistencyOptions(kind="consistency"))
    rows = [
        row("true", "true", text="both are red"),
        row("false", "false", text="both are red"),
        row("true", "true", text="one is blue"),
        row("true", "false", text="one is blue"),
        row("false", "true", text="one is a ball"),
    ]
    assert scores(metric, rows) == {"consistency": 1 / 3}
    assert metric.facts() == {"sentences": 3}
