"""Every method that is registered, ours or another distribution's, under every sharing rule that makes sense for it.

A method is an adapter, or a prompt generator that needs no media; it has its default options and sites, and those of
VARIANTS beside; adapters stand in a visual encoder too. What anybody registers comes in by itself.
"""

import importlib.util
import re
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from multigraft.core.errors import OptionError
from multigraft.core.graft.saving import load_graft
from multigraft.core.graft.weight_starts import asked
from multigraft.core.model.build import allocate, build_model
from multigraft.core.model.methods import sharing_rule
from multigraft.core.options.options import Decoding
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.writing import dump_recipe
from multigraft.core.registry.registry import load_registry
from multigraft.core.run.artifact import open_artifact
from multigraft.core.run.run_setup import open_run
from multigraft.core.training.checkpoint import save_checkpoint
from multigraft.core.training.export_task import export_task
from multigraft.core.training.loop import Trainer
from multigraft.core.training.optimizer import make_optimizer
from multigraft.core.training.step_data import StepMaker
from multigraft.core.training.train_lines import TrainLines
from multigraft.core.types.initial import OfWeight
from multigraft.core.types.site import Site

SAMPLE = Path(__file__).parents[1] / "thirdparty" / "multigraft-sample" / "src" / "multigraft_sample"
ABSENT = "statements"
RULES = {
    "groups": {"groups": {"ends": ["vqa", "captions"], "middle": [ABSENT]}},
    "hypernetwork": {"embedding": 6, "hidden": 6, "projected": 4},
    "hypernetwork++": {
        "kind": "hypernetwork", "embedding": 6, "hidden": 6, "projected": 4, "block_embeddings": True,
    },
}  # fmt: skip
"""Options of the rules for which the default ones will not do."""
REFUSED = {
    ("ia3", "half-shared"), ("channel-scale", "half-shared"), ("learned", "half-shared"), ("learned", "hypernetwork"),
    ("dora", "hypernetwork"), ("ladder", "hypernetwork"),
}  # fmt: skip
"""Of the methods and rules that are known here: one part cannot be halved, and neither prompts
nor side networks nor what starts of a weight are generated."""
KNOWN = (
    "bottleneck", "compacter", "low-rank", "ia3", "lora", "dora", "prefix", "vl-pet", "ladder", "channel-scale",
    "learned",
)  # fmt: skip
NOISE = {
    "t5": 0.1,
    "bart": 0.1,
    "decoder": 0.1,
    "gpt2": 0.1,
    "bert": 0.1,
    "bert-decoder": 0.1,
    "vision": 0.1,
    "sapling": 0.02,
}
"""Added to what is trained, so that nothing is trivial; the sapling is twelve times as wide."""
COLOURS = ["a box", *(f"{shade}{colour}" for shade in ("", "dark ") for colour in ("red", "green", "blue"))]
UNPREDICTED = {
    "vqa": {"objective": {"kind": "classification", "labels": COLOURS}, "evaluator": "classify"},
    ABSENT: {"objective": {"kind": "classification", "labels": ["true", "false"]}, "evaluator": "classify"},
    "captions": {"objective": {"kind": "masked-words", "share": 0.5}, "evaluator": "loss"},
}
"""What tasks say over a backbone that predicts no targets."""
DECODINGS = [Decoding(beams=beams, max_tokens=6) for beams in (1, 3)]
PROMPT, SITE = "prompt-1", Site("prompt", None, None, "module", None, 0, 0, "")


@dataclass(frozen=True)
class Method:
    """A registered method by its name in a recipe, and what it is given beside."""

    kind: str
    name: str
    variant: str = ""
    options: Mapping[str, object] = field(default_factory=dict, compare=False)

    @property
    def text(self):
        return f"{self.name}, {self.variant}" if self.variant else self.name


BLIND = ("k_proj.bias", "key.bias")
"""Parts of a ladder whose gradient is 0 but for roundings: they add one number to all scores of a query, which a
softmax is blind to."""
OPTIONS = {"ladder": {"reduction": 2, "trunk_precision": "same"}}
"""For methods whose default options will not do: a trunk in 16 bits gives other roundings in other company, and an
eighth of the tiny trunks' width is 2, where a norm leaves signs alone."""
VARIANTS = [
    Method("adapters", "bottleneck", "parallel with norms", {
        "placement": "parallel", "scale": 4, "pre_norm": True, "post_norm": True, "activation": "gelu", "width": 4,
    }),
    Method("adapters", "bottleneck", "parallel at projections", {
        "placement": "parallel", "width": 4, "sites": {"inner": ["value", "up"]},
    }),
    Method("adapters", "vl-pet", "a number a token", {"gate": "middle-x", "width": 4}),
    Method("adapters", "vl-pet", "a number a channel", {"gate": "middle-y", "width": 4}),
    Method("adapters", "vl-pet", "a number a text", {"gate": "small", "width": 4, "sites": {"stack": ["encoder"]}}),
    Method("adapters", "ladder", "that drops layers", {
        "reduction": 2, "trunk_precision": "same", "trunk_reads": "all", "layers": {"encoder": [1], "decoder": [1]},
        "gate_temperature": None,
    }),
    Method("adapters", "compacter", "factorised", {"rank": 1, "rule_rank": 1, "shared_rule": True}),
]  # fmt: skip
"""Options by which a method computes something else."""


def sample_names(hook):
    """Names that the distribution in tests/thirdparty registers, which is not installed when tests are collected."""
    spec = importlib.util.spec_from_file_location("listed", SAMPLE / "__init__.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [component.name for component in getattr(module, hook)()]


def prompts_without_media(registry):
    names = registry.names("prompt_generators")
    return [name for name in names if not registry.options("prompt_generators", name).reads_media]


INSTALLED = load_registry()
ADAPTERS = sorted({*INSTALLED.names("adapters"), *sample_names("register_adapters")})
METHODS = [
    *(Method("adapters", name, options=OPTIONS.get(name, {})) for name in ADAPTERS),
    *(Method("prompt_generators", name) for name in prompts_without_media(INSTALLED)),
    *VARIANTS,
]
SHARING = sorted({*INSTALLED.names("sharing"), *sample_names("register_sharing")})
CASES = [
    *(pytest.param("t5", method, rule, id=f"t5 {method.text} {rule}") for method in METHODS for rule in SHARING),
    *(
        pytest.param(backbone, method, "per-task", id=f"{backbone} {method.text} per-task")
        for backbone in ("bart", "decoder", "gpt2", "bert", "bert-decoder", "sapling")
        for method in METHODS
        if method.variant != "a number a text" or backbone not in ("decoder", "gpt2", "bert-decoder")
    ),
    *(
        pytest.param("vision", method, rule, id=f"in the visual encoder {method.text} {rule}")
        for method in METHODS
        if method.kind == "adapters" and method.name != "ladder"  # which stands beside the language model
        for rule in ("single", "per-task")
    ),
    pytest.param("t5", Method("adapters", "bottleneck"), "hypernetwork++", id="t5 bottleneck hypernetwork++"),
    pytest.param("bart", Method("adapters", "compacter"), "hypernetwork++", id="bart compacter hypernetwork++"),
]


@pytest.fixture(scope="module")
def registry(thirdparty_folder):
    """What is installed, and the third party's distribution."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(thirdparty_folder))
        yield load_registry()
    for name in [name for name in sys.modules if name.partition(".")[0] == "multigraft_sample"]:
        del sys.modules[name]


class Bench:
    """Trunks that are built once, each in a run that is open, and what is made over them."""

    def __init__(self, registry, shards, tiny, folder):
        self.registry, self.shards, self.tiny, self.folder = registry, shards, tiny, folder
        self.runs, self.batches, self._parts = {}, {}, {}
        self.trunks = {
            "t5": tiny.T5, "bart": tiny.BART, "decoder": tiny.DECODER, "gpt2": tiny.GPT2, "bert": tiny.BERT,
            "bert-decoder": {**tiny.BERT, "form": "decoder"},
            "vision": tiny.T5, "sapling": {"kind": "sapling"},
        }  # fmt: skip

    def open(self, stack):
        for backbone in NOISE:
            run = stack.enter_context(open_run(self.recipe(backbone), self.registry, self.folder / backbone))
            self.runs[backbone] = run
            self.batches[backbone] = list(run.data.stream(run.rank).batches(0, 2))
        return self

    def recipe(self, backbone, method=None, rule="single"):
        """A recipe with a method under a rule, in which a task never comes."""
        adapters = [{"kind": method.name, **method.options}] if method and method.kind == "adapters" else []
        encoder = {"kind": "timm", "model": "test_efficientnet", "weights": "random", "size": 64}
        if backbone == "vision":
            encoder["model"] = "test_vit"
            adapters = [{**each, "sites": {**each.get("sites", {}), "stack": ["vision"]}} for each in adapters]
        prompts = [{"kind": "linear", "tokens": 4}]
        if backbone == "bert-decoder" and (method is None or method.name != "ladder"):
            prompts[0]["layer"] = "memory"
        if method and not adapters:
            prompts.append({"kind": method.name, "sharing": rule})
        data = {"train": ["pictures-train-*.tar"]}
        weights = {"vqa": 1, ABSENT: 0, "captions": 1}
        recipe = {
            "trunk": {
                "encoder": encoder,
                "backbone": self.trunks[backbone],
                "prompt": prompts,
            },
            "tasks": {
                name: self.tiny.TASKS[name] | {"data": data} | (UNPREDICTED[name] if backbone == "bert" else {})
                for name in weights
            },
            "graft": {"adapters": adapters, "sharing": rule if adapters else "single"},
            "train": {"steps": 3, "batch": 4, "sampler": {"kind": "weights", "weights": weights}},
            "data": {"root": str(self.shards)},
        }
        return Recipe.model_validate(recipe, context={"registry": self.registry})

    def model(self, backbone, recipe, tasks=None):
        """The model of a recipe over the trunk that is there."""
        model = build_model(recipe, self.registry, self.runs[backbone].trunk, tasks)
        allocate(model, torch.device("cpu"))
        return model

    def parts(self, method):
        """The parts of a method by name, at the first of its sites."""
        if method not in self._parts:
            graft = self.model("t5", self.recipe("t5", method)).graft
            found = {part.name: part for each in [*graft.attachments()][:1] for part in each.adapter.parts(each.site)}
            if PROMPT in graft.modules:
                keys = graft.modules[PROMPT].keys["vqa"]
                found = {name: graft.bank.entries[key].part for name, key in keys.items()}
            self._parts[method] = found
        return self._parts[method]

    def rule(self, method, name):
        """Options of a rule for a method; half of it is its first part."""
        half = {"shared": [next(iter(self.parts(method)))]} if name == "half-shared" else {}
        return {"kind": name, **RULES.get(name, {}), **half}

    def refusal(self, method, name):
        """Why a rule is refused for a method; None if it is not."""
        recipe, parts = self.recipe("t5", method, self.rule(method, name)), self.parts(method)
        prompt = method.kind == "prompt_generators"
        sharing = sharing_rule(
            self.registry, recipe.trunk.prompt[1].sharing if prompt else recipe.graft.sharing, recipe
        )
        with torch.device("meta"):
            generates = sharing.generator([(SITE, asked(part)) for part in parts.values()]) is not None
        if generates and (prompt or method.name == "ladder"):
            return "by a hypernetwork can do so for adapters alone"
        if generates and any(isinstance(part.initial, OfWeight) for part in parts.values()):
            return "which a hypernetwork cannot start from"
        return sharing.refuse(parts)


@pytest.fixture(scope="module")
def bench(registry, shards, tiny, tmp_path_factory):
    with ExitStack() as stack:
        yield Bench(registry, shards, tiny, tmp_path_factory.mktemp("methods")).open(stack)


def moved_by_noise(model, scale):
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for value in model.graft.bank.trained().values():
            value.add_(scale * torch.randn(value.shape, generator=generator))
    return model


def losses_of(model, batch):
    return {task: loss.sum.item() for task, (loss,) in model.losses(batch, training=False).items()}


def sums_and_gradients(model, batch):
    sums = {task: loss.sum for task, (loss,) in model.losses(batch, training=True).items()}
    trained = list(model.graft.bank.trained().values())
    return sums, torch.autograd.grad(torch.stack(list(sums.values())).sum(), trained, allow_unused=True)


def texts_of(model, batch):
    """Greedy, then with beams; labels where no text is predicted."""
    if model.backbone.predicts is None:
        return [[said.text for said in model.answers(batch)]]
    outputs = model.run(batch, training=False).values()
    return [[text for each in outputs for text in each.generate(decoding)] for decoding in DECODINGS]


def check_that_a_mixed_batch_gives_what_samples_give_alone(model, samples, batch_of):
    alone = [sums_and_gradients(model, batch_of(model, [each])) for each in samples]
    sums, gradients = sums_and_gradients(model, batch_of(model, samples))
    for task, whole in sums.items():
        assert whole.item() == pytest.approx(sum(own[task].item() for own, _ in alone if task in own), rel=1e-5)
    largest = max(float(gradient.abs().max()) for gradient in gradients if gradient is not None)
    for key, whole, *pieces in zip(model.graft.bank.trained(), gradients, *(found for _, found in alone), strict=True):
        present = [piece for piece in pieces if piece is not None]
        assert (whole is None) == (not present), key.text
        if whole is not None:
            total = torch.stack(present).sum(0)
            if key.part.startswith("ladder.") and key.part.endswith(BLIND):
                assert max(whole.abs().max(), total.abs().max()) < 1e-6 * largest
                continue
            assert_close(whole, total, atol=5e-5 * float(total.abs().max()) + 1e-9, rtol=1e-4, msg=key.text)
    singles = [texts_of(model, batch_of(model, [each])) for each in samples]
    assert texts_of(model, batch_of(model, samples)) == [list(chain(*each)) for each in zip(*singles, strict=True)]


def state_of(trainer):
    """Copies of each trained tensor and of what the optimizer knows of it."""
    state = trainer.optimizer.state
    return {
        key: [value.detach().clone(), *(moment.clone() for moment in state.get(value, {}).values())]
        for key, value in trainer.run.model.graft.bank.trained().items()
    }


def check_that_present_tasks_alone_move(trainer, samples, before):
    """Tensors of a task that had a sample have moved since `before`, those of no such task have not at all."""
    graft, present = trainer.run.model.graft, {each.task for each in samples}
    in_use = set().union(*(graft.keys_of(task) for task in present))
    for key, now in state_of(trainer).items():
        same = len(now) == len(before[key]) and all(map(torch.equal, now, before[key]))
        assert same == (key not in in_use), key.text


def check_training(bench, backbone, recipe, folder):
    """Two steps of the recipe, then one of a single task; saved. The trained model."""
    model = bench.model(backbone, recipe)
    run = replace(bench.runs[backbone], recipe=recipe, model=model, folder=folder, results={})
    trainer = Trainer(run, make_optimizer(model.graft.bank, recipe.train.optimizer))
    first, second = bench.batches[backbone]
    before = state_of(trainer)
    for step, some in enumerate((first, second)):
        trainer.step(step, StepMaker(trainer.run).of(some))
    check_that_present_tasks_alone_move(trainer, first + second, before)
    assert ABSENT not in {each.task for each in first + second}
    before, one = state_of(trainer), [each for each in second if each.task == "vqa"]
    trainer.step(2, StepMaker(trainer.run).of(one))
    check_that_present_tasks_alone_move(trainer, one, before)
    save_checkpoint(run, 3, trainer.optimizer, TrainLines(run))
    (folder / "recipe.yaml").write_text(dump_recipe(recipe))
    return model


def loaded(bench, backbone, folder):
    saved = open_artifact(folder, bench.registry)
    model = bench.model(backbone, saved.recipe, saved.tasks)
    load_graft(saved.graft, model.graft.bank, bench.runs[backbone].trunk.fingerprints)
    return model


def check_saved_and_exported(bench, backbone, model, folder, samples, batch_of):
    again = loaded(bench, backbone, folder)
    assert losses_of(again, batch_of(again, samples)) == losses_of(model, batch_of(model, samples))
    export_task(open_artifact(folder, bench.registry), "vqa", folder / "vqa", bench.registry)
    alone, own = loaded(bench, backbone, folder / "vqa"), [each for each in samples if each.task == "vqa"]
    assert alone.graft.tasks == ("vqa",)
    assert losses_of(alone, batch_of(alone, own)) == losses_of(model, batch_of(model, own))
    assert texts_of(alone, batch_of(alone, own)) == texts_of(model, batch_of(model, own))


@pytest.mark.parametrize(("backbone", "method", "rule"), CASES)
def test_a_method_under_a_rule(backbone, method, rule, bench, samples, batch_of, tmp_path):
    if reason := bench.refusal(method, rule):
        with pytest.raises(OptionError, match=re.escape(reason)):
            bench.model(backbone, bench.recipe(backbone, method, bench.rule(method, rule)))
        return
    recipe = bench.recipe(backbone, method, bench.rule(method, rule))
    three = [each for each in samples if each.task in recipe.tasks]
    model = moved_by_noise(bench.model(backbone, recipe), NOISE[backbone])
    check_that_a_mixed_batch_gives_what_samples_give_alone(model, three, batch_of)
    model = check_training(bench, backbone, recipe, tmp_path)
    check_saved_and_exported(bench, backbone, model, tmp_path, three, batch_of)


def test_every_method_and_rule_that_is_registered_is_among_the_cases(registry):
    names = [*registry.names("adapters"), *prompts_without_media(registry)]
    assert sorted({method.name for method in METHODS}) == sorted(names)
    assert registry.names("sharing") == SHARING


def test_which_rules_are_refused(bench):
    refused = {(method.name, rule) for method in METHODS for rule in SHARING if bench.refusal(method, rule)}
    known = {
        (method, rule) for method in KNOWN for rule in ("single", "half-shared", "per-task", "groups", "hypernetwork")
    }
    assert refused & known == REFUSED
