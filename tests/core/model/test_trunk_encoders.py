"""A trunk with an encoder for each modality."""

import pytest

from multigraft.core.errors import MultigraftError
from multigraft.core.model.build import build_model, count
from multigraft.core.model.trunk import Trunk, build_trunk
from multigraft.core.types.log_mel import LogMel
from multigraft.core.types.transform import Transform

AUDIO = {"kind": "audio-transformer", "weights": "random", "width": 16, "heads": 2, "seconds": 1.0}


@pytest.fixture(scope="module")
def recipe(tiny_recipe):
    plain = tiny_recipe().model_dump()["trunk"]
    hearing = {"kind": "linear", "modality": "audio", "tokens": 4}
    return tiny_recipe(trunk=plain | {"encoders": {"audio": AUDIO}, "prompt": [plain["prompt"], hearing]})


@pytest.fixture(scope="module")
def trunk(recipe, registry):
    return build_trunk(recipe, registry)


def test_each_encoder_says_what_it_wants_and_what_it_is(trunk):
    assert {name: type(each) for name, each in trunk.preparations.items()} == {"visual": Transform, "audio": LogMel}
    assert set(trunk.fingerprints) == {"backbone", "encoder", "audio encoder"}
    assert trunk.fingerprints["audio encoder"] == trunk.encoders["audio"].fingerprint()
    assert trunk.origins() == {"backbone": "random", "encoder": "random", "audio encoder": "random"}


def test_two_stacks_of_one_name_are_refused(trunk):
    hearing = trunk.encoders["audio"]
    told = "the noise encoder and the audio encoder both have a stack called 'audio'"
    with pytest.raises(MultigraftError, match=told):
        Trunk.of(trunk.backbone, {"audio": hearing, "noise": hearing})


def test_each_prompt_has_the_width_of_its_encoder(recipe, registry, trunk):
    model = build_model(recipe, registry, trunk)
    widths = [prompt.generator.feature.in_features for prompt in model.prompts]
    assert widths == [trunk.encoders["visual"].width, 16]
    table = count(model)
    sizes = [sum(each.numel() for each in encoder.parameters()) for encoder in trunk.encoders.values()]
    assert table.total_with_encoder - table.total == sum(sizes)
