"""`check` and `show` of a trunk with encoders of several modalities."""

import json

import pytest

AUDIO = "{kind: audio-transformer, weights: random, width: 16, layers: 2, heads: 2, feed_forward: 24, seconds: 1}"
HEARING = "{kind: linear, modality: audio, tokens: 4}"
BOTH = (
    f"trunk.encoders={{audio: {AUDIO}}}",
    f"trunk.prompt=[{{kind: linear, tokens: 4, frame_tokens: 1, frames: 4}}, {HEARING}]",
    "inputs=[image, video, audio]",
)


@pytest.fixture
def told(run, recipe_file):
    """What a verb says as JSON of the recipe of tests/core/conftest.py with overrides."""

    def answer(verb, *overrides):
        words = [word for one in overrides for word in ("--set", one)]
        outcome = run(verb, recipe_file, *words, "--json")
        assert outcome.exception is None or isinstance(outcome.exception, SystemExit), outcome.exception
        return json.loads(outcome.stdout)

    return answer


def problems(answer):
    return [(each["path"], each["message"]) for each in answer["problems"]]


def test_a_trunk_with_two_encoders_is_well(told):
    assert problems(told("check", *BOTH)) == []


def test_an_encoder_whose_media_no_input_reads(told):
    found = problems(told("check", *BOTH, "inputs=[image, video]"))
    assert found == [("trunk.encoders.audio", "no input reads audio media; those given read visual")]


def test_media_of_a_modality_without_encoder(told):
    alone = ("trunk.encoder=null", BOTH[0], f"trunk.prompt={HEARING}", "inputs=[image, video, audio]")
    found = problems(told("check", *alone))
    assert len(found) == 4
    assert {place for place, _ in found} == {"inputs"}
    assert found[0][1] == "no input reads the media of task 'vqa', which are png"


def test_adapters_reach_every_encoder_whose_stack_is_named(told):
    inside = told("show", *BOTH, "graft.adapters.0.sites={stack: [audio]}")
    rows = [(row["stack"], row["place"], row["layers"]) for row in inside["sites"] if row["method"] == "bottleneck"]
    assert rows == [("audio", "self-attention", [0, 1]), ("audio", "feed-forward", [0, 1])]
    (found,) = problems(told("check", *BOTH, "graft.adapters.0.sites={stack: [sound]}"))
    assert found == ("graft.adapters.0.sites.stack.0", "no site of this adapter has the stack 'sound'")


def test_stored_features_and_adapters_inside_do_not_go_together(told):
    found = problems(told("check", *BOTH, "data.features=true", "graft.adapters.0.sites={stack: [audio]}"))
    assert found[0][0] == "data.features"


def test_both_encoders_are_counted(told):
    one, two = told("check")["parameters"], told("check", *BOTH)["parameters"]
    stem = 64 * 16 * 3 + 16 + 16 * 16 * 3 + 16
    block = 4 * (16 * 16 + 16) + 2 * 16 * 24 + 24 + 16 + 4 * 16
    sounds = stem + 2 * block + 2 * 16
    added = two["total"] - one["total"]
    assert two["total_with_encoder"] - one["total_with_encoder"] == added + sounds
