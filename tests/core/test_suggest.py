"""The nearest known name, also for what is called otherwise elsewhere."""

import pytest

from multigraft.core import suggest
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.recipe.problems import RecipeError
from multigraft.core.suggest import did_you_mean, nearest_file, nearest_name


def test_a_name_with_a_slip_is_found_among_what_there_is():
    assert nearest_name("linaer", ["linear", "bottleneck"]) == "linear"
    assert nearest_name("zebra", ["linear", "bottleneck"]) == ""
    assert did_you_mean("linaer", ["linear", "bottleneck"]) == "did you mean 'linear'? known: bottleneck, linear"
    assert did_you_mean("zebra", []) == "there are none"


def test_a_file_is_compared_with_what_lies_beside_it_where_that_is_not_very_much(tmp_path, monkeypatch):
    for name in ("train.tar", "a.tar", "b.tar"):
        (tmp_path / name).touch()
    assert nearest_file(tmp_path / "trian.tar") == f" (did you mean {str(tmp_path / 'train.tar')!r}?)"
    (tmp_path / "link.tar").symlink_to("nowhere.tar")
    assert nearest_file(tmp_path / "link.tar") == " (it is a link to 'nowhere.tar')"
    monkeypatch.setattr(suggest, "_MOST_BESIDE", 2)
    assert nearest_file(tmp_path / "trian.tar") == ""


def test_a_key_of_an_earlier_release_says_what_to_write_instead():
    with pytest.raises(RecipeError) as caught:
        load_recipe("quickstart", ["tasks.vqa.decoding.beams=4"])
    (problem,) = caught.value.problems
    assert (problem.path, problem.message) == ("tasks.vqa.decoding", "key 'decoding' is no more")
    assert problem.hint == (
        "write `evaluator: {kind: generate, beams: 1, max_tokens: 20}` generates, `evaluator: choices` chooses"
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("train.learning_rate=1e-3", "optimizer.rate"),
        ("train.optimizer.learning_rate=1e-3", "rate"),
        ("learning_rate=1e-3", "train.optimizer.rate"),
        ("tasks.vqa.num_beams=4", "evaluator.beams"),
        ("tasks.vqa.evaluator={kind: generate, num_beams: 4}", "beams"),
        ("tasks.vqa.evaluator={kind: generate, max_new_tokens: 4}", "max_tokens"),
        ("tasks.vqa.max_length=4", "text_limit"),
    ],
)
def test_what_users_type_elsewhere_is_known(written, meant):
    with pytest.raises(RecipeError, match=f"did you mean '{meant}'"):
        load_recipe("quickstart", [written])
