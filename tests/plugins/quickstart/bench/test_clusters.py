"""Which scored rows belong together."""

from multigraft import Prediction
from multigraft.plugins.quickstart.bench.clusters import clustered


def row(name, *media):
    return Prediction(name, "", (), media=media)


def test_rows_about_one_medium_are_one_cluster_in_all_tasks():
    found = clustered({
        "vqa": [(row("q1", "t#k.0"), 1.0), (row("q2", "t#k.0"), 0.0), (row("q3", "t#k.1"), 0.5)],
        "captions": [(row("c1", "t#k.1"), 1.0)],
    })  # fmt: skip
    assert found.names == ("t#k.0", "t#k.1")
    assert found.tasks == {"vqa": {0: [1.0, 0.0], 1: [0.5]}, "captions": {1: [1.0]}}
    assert found.to_json()["tasks"]["vqa"] == {"clusters": [0, 1], "sums": [1.0, 0.5], "rows": [2, 1]}


def test_a_statement_joins_its_pictures_and_a_chain_of_statements_all_of_them():
    found = clustered({
        "statements": [(row("s1", "b", "c"), 1.0), (row("s2", "d", "c"), 0.0)],
        "vqa": [(row("q1", "d"), 1.0), (row("q2", "a"), 1.0)],
    })  # fmt: skip
    assert found.names == ("a", "b")
    assert found.tasks == {"statements": {1: [1.0, 0.0]}, "vqa": {0: [1.0], 1: [1.0]}}


def test_the_clusters_do_not_depend_on_the_order_of_rows():
    rows = [(row("s1", "a", "b"), 1.0), (row("s2", "c", "d"), 1.0), (row("s3", "d", "a"), 1.0), (row("s4", "e"), 1.0)]
    assert clustered({"t": rows}).names == clustered({"t": rows[::-1]}).names == ("a", "e")


def test_rows_without_media_are_alone():
    assert clustered({"text": [(row("1"), 1.0), (row("2"), 0.0)]}).names == ("text 1", "text 2")
