"""`bert` gives what transformers gives, from a config, a whole folder or one without a head."""

import warnings

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertForMaskedLM, BertForPreTraining, BertModel, BertTokenizer, ByT5Tokenizer

from multigraft.core.errors import MultigraftError, OptionError
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.interfaces.stack import Insert
from multigraft.core.trunk.passes import Passes, Texts
from multigraft.core.types.tokens import Tokens
from multigraft.plugins.backbones import bert
from multigraft.plugins.backbones.bert import BertBackbone
from multigraft.plugins.backbones.options import BertOptions
from multigraft.plugins.backbones.sapling_tokenizer import sapling_tokenizer

SMALL = {
    "vocab_size": 60, "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 3, "intermediate_size": 40,
    "max_position_embeddings": 30,
}  # fmt: skip
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "box", "##es", "what", "?"]


def built(weights="random", **options):
    return bert.build(BertOptions(kind="bert", weights=weights, **options))


@pytest.fixture
def backbone():
    torch.manual_seed(0)
    return BertBackbone(BertForMaskedLM(BertConfig(**SMALL)).eval(), sapling_tokenizer())


@pytest.fixture
def text():
    """Three rows of mixed lengths."""
    ids = torch.randint(5, 60, (3, 7), generator=torch.Generator().manual_seed(1))
    return ids, torch.arange(7) < torch.tensor([[7], [3], [5]])


@pytest.fixture
def folder(tmp_path):
    """A saved model of a class, with a word-piece tokenizer."""

    def save(model_class, **changes):
        torch.manual_seed(2)
        model = model_class(BertConfig(**SMALL)).eval()
        with torch.no_grad():  # biases and gains that are not trivial
            for value in model.parameters():
                value.add_(0.1 * torch.randn(value.shape))
        model.save_pretrained(tmp_path)
        BertTokenizer(vocab={word: number for number, word in enumerate(WORDS)}).save_pretrained(tmp_path)
        return model

    save.path = tmp_path
    return save


def passes(backbone, text, intercept=None, **options):
    ids, mask = text
    return Passes(backbone, Texts(ids, mask, torch.full((len(ids), 1), 5)), intercept or NoGraft(), **options)


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_states_of_every_layer_and_logits(backbone, text):
    ids, mask = text
    theirs = backbone.model(input_ids=ids, attention_mask=mask.long(), output_hidden_states=True)
    output = passes(backbone, text, taps={"encoder": range(3)}).output("encoder")
    for number in range(3):
        close(output.taps[number].states[mask], theirs.hidden_states[number][mask])
    close(output.states[mask], theirs.hidden_states[3][mask])
    close(backbone.output(output.states, NoGraft())[mask], theirs.logits[mask])


def test_a_row_does_not_depend_on_its_padding(backbone, text):
    ids, mask = text
    whole = passes(backbone, text).output("encoder").states
    for row, count in enumerate([7, 3, 5]):
        alone = passes(backbone, (ids[row : row + 1, :count], mask[row : row + 1, :count])).output("encoder").states
        close(whole[row, :count], alone[0])


def test_the_summary_is_the_first_tokens_state_behind_a_prompt(backbone, text):
    prompt = Tokens(torch.randn(3, 2, 24, generator=torch.Generator().manual_seed(0)))
    run = passes(backbone, text, inserts=[Insert("encoder", 1, "front", lambda text: prompt)])
    states = run.output("encoder").tokens.states
    assert states.shape == (3, 9, 24)
    close(run.summary(), states[:, 2])
    assert not torch.allclose(run.summary(), passes(backbone, text).summary(), atol=1e-3)


def test_a_mark_is_put_on_the_text_once_the_prompt_is_made_of_it(backbone, text):
    bare = passes(backbone, text, taps={"encoder": [1]}).output("encoder").taps[1].states
    behind = [Insert("encoder", 1, "back", lambda states: Tokens(2 * states.states[:, :1]), mark=lambda x: x + 7)]
    entered = passes(backbone, text, inserts=behind, taps={"encoder": [1]}).output("encoder").taps[1].states
    close(entered, torch.cat([bare + 7, 2 * bare[:, :1]], 1))


def test_every_site_is_called_and_names_a_module(backbone, text, recorder):
    intercept = recorder(backbone)
    backbone.output(passes(backbone, text, intercept).output("encoder").states, intercept)
    names = [site.name for site in backbone.sites()]
    assert sorted(intercept.seen) == sorted(names)
    assert {"words", "head", "encoder.embedding-norm", "encoder.2.self-attention.memory"} < set(names)
    assert len(names) == 3 + 3 * (1 + 4 + 1 + 1 + 1 + 2 + 1)


def test_it_predicts_no_targets(backbone, text):
    run = passes(backbone, text)
    with pytest.raises(MultigraftError, match="this backbone predicts no targets"):
        run.target_states()
    with pytest.raises(MultigraftError, match="this backbone predicts no targets"):
        _ = run.beginning


def test_random_weights_come_from_the_seed_with_sapling_texts():
    small = {**SMALL, "vocab_size": 5000}
    one, same, other = built(architecture=small), built(architecture=small), built(architecture=small, seed=1)
    assert one.fingerprint() == same.fingerprint() != other.fingerprint()
    ids, mask = one.tokenize(["a red box", "a"])
    tokenizer = sapling_tokenizer()
    assert ids[:, 0].tolist() == [tokenizer.bos_token_id] * 2
    assert ids[0, -1] == one.end == tokenizer.eos_token_id
    assert mask.sum(1).tolist()[0] == ids.shape[1] > mask.sum(1).tolist()[1]
    assert one.detokenize(ids) == ["a red box", "a"]
    assert one.longest.input == 30


@pytest.mark.parametrize("model_class", [BertForMaskedLM, BertForPreTraining])
def test_a_folder_with_a_head(folder, text, model_class):
    theirs = folder(model_class)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a pooler and a next-sentence head are known not to be needed
        ours = built(f"path:{folder.path}")
    ids, mask = ours.tokenize(["what red boxes?", "a box"])
    assert ids.tolist() == [[2, 9, 6, 7, 8, 10, 3], [2, 5, 7, 3, 0, 0, 0]]
    logits = theirs(input_ids=ids, attention_mask=mask.long())
    logits = logits.logits if model_class is BertForMaskedLM else logits.prediction_logits
    close(ours.output(passes(ours, (ids, mask)).output("encoder").states, NoGraft())[mask], logits[mask])


def test_a_folder_without_a_head_gives_states_and_refuses_logits(folder, text):
    theirs = folder(BertModel)
    before = torch.get_rng_state()
    ours, again = built(f"path:{folder.path}"), built(f"path:{folder.path}")
    assert torch.equal(torch.get_rng_state(), before)
    ids, mask = text
    states = passes(ours, text).output("encoder").states
    close(states[mask], theirs(input_ids=ids, attention_mask=mask.long()).last_hidden_state[mask])
    with pytest.raises(MultigraftError, match="have no masked-language-model head"):
        ours.output(states, NoGraft())
    assert ours.fingerprint() == again.fingerprint()


def edit(folder, change):
    """Change the saved weights of a folder."""
    path = folder.path / "model.safetensors"
    state = load_file(path)
    change(state)
    save_file(state, path, metadata={"format": "pt"})


@pytest.mark.parametrize("name", ["bert.encoder.layer.1.output.dense.weight", "cls.predictions.transform.dense.bias"])
def test_a_weight_that_would_be_random_is_named(folder, name):
    folder(BertForMaskedLM)
    edit(folder, lambda state: state.pop(name))
    with pytest.raises(OptionError, match=f"lack what this model needs: {name}"):
        built(f"path:{folder.path}")


def test_more_layers_than_the_folder_has_are_an_error(folder):
    folder(BertForMaskedLM)
    with pytest.raises(OptionError, match=r"bert\.encoder\.layer\.3\.attention.* and 11 more"):
        built(f"path:{folder.path}", architecture={"num_hidden_layers": 4})


def test_a_weight_that_is_left_out_is_told(folder):
    folder(BertForMaskedLM)
    edit(folder, lambda state: state.update({"bert.encoder.gate": torch.ones(2)}))
    with pytest.warns(UserWarning, match=r"have what this model leaves out: bert\.encoder\.gate"):
        built(f"path:{folder.path}")


@pytest.mark.parametrize(
    ("options", "place", "message"),
    [
        ({"is_decoder": True}, ("architecture", "is_decoder"), "`form` says whether this BERT decodes"),
        ({"vocab_size": 60}, ("architecture",), "the tokenizer has 4000 ids, and the model has words for 60"),
        ({"hidden_sise": 8}, ("architecture", "hidden_sise"), "no field"),
    ],
)
def test_an_architecture_that_cannot_be(options, place, message):
    with pytest.raises(OptionError, match=message) as caught:
        built(architecture={**SMALL, "vocab_size": 5000, **options})
    assert caught.value.location == place


def test_a_tokenizer_without_a_first_token(backbone):
    with pytest.raises(OptionError, match="the tokenizer has no cls_token and no bos_token"):
        BertBackbone(backbone.model, ByT5Tokenizer()).tokenize(["a"])


@pytest.mark.parametrize("place", ["front", "back"])
@pytest.mark.parametrize("layer", ["embedding", 0, 1])
def test_a_prompt_before_a_layer_is_as_the_same_tokens_put_in_by_hand(layer, place, backbone, text):
    ids, mask = text
    prompt = torch.randn(len(ids), 2, backbone.width, generator=torch.Generator().manual_seed(3))
    inserts = [Insert("encoder", layer, place, lambda states: Tokens(prompt))]
    ours = passes(backbone, text, inserts=inserts).output("encoder")
    inner = backbone.model.bert
    for row, count in enumerate(mask.sum(1).tolist()):
        own = prompt[row : row + 1]
        x = inner.embeddings(input_ids=ids[row : row + 1, :count])
        for number, block in enumerate(inner.encoder.layer):
            if number == (0 if layer == "embedding" else layer):
                x = torch.cat([own, x] if place == "front" else [x, own], 1)
            made = block(x)
            x = made[0] if isinstance(made, tuple) else made
        alone = x[:, 2:] if place == "front" else x[:, :count]
        close(ours.states[row : row + 1, :count], alone)
