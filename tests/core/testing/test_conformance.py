"""Everything registered keeps its contract, and what does not is found."""

from itertools import count

import pytest
import torch

from multigraft.core.interfaces.adapter import Adapter
from multigraft.core.interfaces.metric import Metric
from multigraft.core.interfaces.sampler import Sampler
from multigraft.core.interfaces.search_strategy import ScoredDraw, SearchStrategy
from multigraft.core.interfaces.sharing import Sharing
from multigraft.core.options.base import Options
from multigraft.core.options.options import AdapterOptions
from multigraft.core.options.sampler_options import SamplerOptions
from multigraft.core.options.search_options import SearchStrategyOptions
from multigraft.core.registry.component import import_name
from multigraft.core.registry.hookspecs import KINDS
from multigraft.core.registry.registry import load_registry
from multigraft.core.testing.conformance import DEEPER, check_built, check_component
from multigraft.core.training.graft_acts import check_graft_acts
from multigraft.core.types.initial import normal, zeros
from multigraft.core.types.part import Part
from multigraft.plugins.adapters.lora import Lora

REGISTRY = load_registry()
REGISTERED = [
    one
    for kind in KINDS
    for one in REGISTRY.registrations(kind)
    if one.plugin.built_in and one.component.name != "meteor"  # each score starts a Java program for seconds
]
ANY = Options(kind="any")


@pytest.mark.parametrize("registration", REGISTERED, ids=lambda one: f"{one.kind}-{one.component.name}")
def test_every_built_in_conforms(registration):
    assert check_component(registration, REGISTRY) == []


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("sharing", {"kind": "groups", "groups": {"pictures": ["vqa", "captions"], "rest": ["videos"]}}),
        ("sharing", {"kind": "half-shared", "shared": ["down.*"]}),
        ("adapters", {"kind": "bottleneck", "start": "identity", "width": 3}),
        ("adapters", {"kind": "bottleneck", "activation": "relu"}),
        ("adapters", {"kind": "bottleneck", "activation": "silu"}),
        ("adapters", {"kind": "lora", "rank": 2, "scaling": "sqrt-rank", "dropout": 0.2}),
        ("adapters", {"kind": "ia3", "scale_input": ["up"]}),
        ("adapters", {"kind": "prefix", "reparametrised": {"hidden": 3}}),
        ("adapters", {"kind": "ladder", "reduction": 4, "gate_temperature": None}),
        ("adapters", {"kind": "compacter", "shared_rule": True, "rank": 1, "hypercomplex_division": 4}),
        ("samplers", {"kind": "temperature", "value": 5}),
        ("objectives", {"kind": "classification", "labels": ["red", "blue"]}),
        ("objectives", {"kind": "answers", "labels": ["red", "blue"]}),
        ("objectives", {"kind": "generation", "reduction": "token-mean"}),
        ("objectives", {"kind": "masked-words", "distillation": 0.4}),
        ("objectives", {"kind": "contrastive", "in_batch": False, "queue": 6, "teacher": True, "distillation": 0.4}),
        ("objectives", {"kind": "matching", "negatives": "alike"}),
        ("evaluators", {"kind": "rank", "answers": ["red", "blue", "green"]}),
        (
            "tasks",
            {
                "kind": "text-classification",
                "data": ["a.tar"],
                "objective": {"kind": "classification", "labels": ["red", "blue"]},
            },
        ),
    ],
)
def test_options_that_must_be_given_or_are_not_the_default(kind, options):
    model = REGISTRY.options(kind, options["kind"])
    build = REGISTRY.find(kind, options["kind"]).component.build
    assert check_built(kind, import_name(build), model.model_validate(options, context={"registry": REGISTRY})) == []


class Scale(Adapter):
    """A well-behaved adapter that the others below spoil."""

    kinds = ("block", "projection", "norm")

    def parts(self, site):
        return (Part("scale", (site.width_out,), normal(0.1, 1.0)),)

    def after(self, call, parts):
        return call.output * parts["scale"]


class InPlace(Scale):
    def after(self, call, parts):
        return call.output.mul_(parts["scale"])


class Narrow(Scale):
    def after(self, call, parts):
        return super().after(call, parts)[..., :-1]


class Moody(Scale):
    def after(self, call, parts):
        return super().after(call, parts) + torch.rand(())


class Crowd(Scale):
    def after(self, call, parts):
        return super().after(call, parts) - call.output.mean(0)


class Idle(Scale):
    def parts(self, site):
        return (*super().parts(site), Part("unused", (2,), zeros))


class Keeper(Scale):
    def __init__(self, options, tasks):
        self.scale = torch.nn.Parameter(torch.ones(8))


class Elsewhere(Scale):
    kinds = ("embedding",)


class Careless(Scale):
    def parts(self, site):
        return (Part("scale", (site.width_out,), lambda shape, generator: torch.rand(shape)),)


class Twice(Scale):
    def parts(self, site):
        return super().parts(site) * 2


class Failing(Scale):
    def after(self, call, parts):
        return parts["missing"]


class Normed(Lora):
    """LoRA's parts and delta, and another effect."""

    def after(self, call, parts):
        return super().after(call, parts) * 1.1


class Shrunk(Lora):
    def merged(self, site, weight, bias, parts):
        return 0.9 * weight, bias


class Turned(Lora):
    def delta(self, site, parts):
        return super().delta(site, parts)[::-1]


@pytest.mark.parametrize(
    ("adapter", "line"),
    [
        (Normed, "at a projection: what `delta` gives is not what it adds to the output of a projection"),
        (Shrunk, "at a projection: the projection that `merged` gives does not act as it does"),
        (
            Turned,
            "at a projection: the factors that `delta` gives are (2, 8) and (12, 2), not (width_out, rank) and "
            "(rank, width_in)",
        ),
    ],
)
def test_adapters_whose_delta_is_not_what_they_add(adapter, line):
    options = REGISTRY.options("adapters", "lora").model_validate({"kind": "lora", "rank": 2})
    assert line in check_built("adapters", lambda options, tasks: adapter(options), options)


@pytest.mark.parametrize(
    ("adapter", "line"),
    [
        (InPlace, "at a block: it changes its inputs in place"),
        (Narrow, "at a block: it gives (3, 4, 7) torch.float32, not (3, 4, 8) torch.float32"),
        (Moody, "at a norm: it gives another output when called again"),
        (Crowd, "at a projection: the output of a row depends on the other rows"),
        (Idle, "at a block: no gradient reaches its part unused"),
        (Keeper, "it stores tensors or modules; all that is trained is a declared part"),
        (Elsewhere, "it names the kind of site 'embedding'; adapters act at block, projection, norm"),
        (Careless, "at a block: the start value of scale does not come from the generator alone"),
        (Twice, "at a block: the names of its parts are none or repeat: ['scale', 'scale']"),
        (Failing, "it fails when it is used: KeyError: 'missing'"),
    ],
)
def test_adapters_that_break_the_contract(adapter, line):
    build = adapter if adapter is Keeper else lambda options, tasks: adapter()
    assert line in check_built("adapters", build, AdapterOptions(kind="any"))


def test_an_adapter_that_keeps_it():
    assert check_built("adapters", lambda options, tasks: Scale(), AdapterOptions(kind="any")) == []


class ByTask(Sharing):
    def task_scope(self, task, site, part):
        return f"task:{task}"


class Counting(ByTask):
    def __init__(self):
        self.numbers = count()

    def task_scope(self, task, site, part):
        return f"group:{next(self.numbers) % 2}"


class Slashes(ByTask):
    def task_scope(self, task, site, part):
        return "group:a/b"


class Tuples(ByTask):
    def task_scope(self, task, site, part):
        return (task, site.name)


class Narrowing(ByTask):
    def place(self, site, part):
        return site.name


@pytest.mark.parametrize(
    ("rule", "lines"),
    [
        (ByTask, []),
        (Counting, ["its task scopes are not a function of task, site and part alone"]),
        (Slashes, ["task scope 'group:a/b' is not `shared`, `task:NAME` or `group:NAME`, NAME of letters, digits, "
                   "`-` and `_`"]),
        (Tuples, ["its task scope ('vqa', 'encoder.0.self-attention') is no text"]),
        (Narrowing, ["`place` takes apart what the scope 'layer' of a part puts together"]),
    ],
)  # fmt: skip
def test_sharing_rules(rule, lines):
    assert check_built("sharing", lambda options, tasks: rule(), ANY) == lines


class Turns(Sampler):
    """A task a step."""

    def __init__(self, sizes, batch):
        self.tasks, self.batch = list(sizes), batch

    def consumed(self, step):
        turns = len(self.tasks)
        return {task: (step + turns - 1 - own) // turns * self.batch for own, task in enumerate(self.tasks)}


class Remembering(Turns):
    last = 0

    def consumed(self, step):
        self.last = max(step, self.last)
        return super().consumed(self.last)


class Falling(Turns):
    def consumed(self, step):
        owner = self.tasks[0] if step < 5 else self.tasks[-1]
        return {task: step * self.batch if task == owner else 0 for task in self.tasks}


class TooFew(Turns):
    def consumed(self, step):
        return {task: number // 2 for task, number in super().consumed(step).items()}


class Doubled(Turns):
    def consumed(self, step):
        return {task: number * 2 for task, number in super().consumed(step).items()}


class Endless(Turns):
    def epoch_steps(self, sizes, batch):
        return 0


@pytest.mark.parametrize(
    ("sampler", "line"),
    [
        (Remembering, "`consumed` depends on what was asked before"),
        (Falling, "`consumed` falls at step 4"),
        (TooFew, "do not sum to 1 to 1, the largest batch"),
        (Doubled, "do not sum to 1 to 1, the largest batch"),
        (Endless, "an epoch has 0 steps"),
    ],
)
def test_samplers(sampler, line):
    def build(kind):
        return lambda options, sizes, batch, seed: kind(sizes, batch)

    options = SamplerOptions(kind="any")
    assert check_built("samplers", build(Turns), options) == []
    assert any(line in each for each in check_built("samplers", build(sampler), options))


class TakingTurns(SearchStrategy):
    """The next value of each choice, and the last reward of each."""

    def __init__(self, sizes, draws):
        self.sizes, self.draws, self.last = sizes, draws, [[None] * size for size in sizes]

    def trained(self, step):
        return tuple(step % size for size in self.sizes)

    def scored(self, step):
        return [ScoredDraw(tuple(step % size for size in self.sizes), step)] * self.draws

    def learn(self, draws, rewards):
        for draw, own in zip(draws, rewards, strict=True):
            for choice, reward in enumerate(own):
                self.last[choice][draw.arms[choice]] = reward

    def preferences(self):
        return self.last

    def state(self):
        return {"last": self.last}

    def restore(self, state):
        self.last = state["last"]


class BeyondTheLast(TakingTurns):
    def trained(self, step):
        return tuple(step % (size + 1) for size in self.sizes)


class TooOften(TakingTurns):
    def scored(self, step):
        return super().scored(step) * 2


class OneForAll(TakingTurns):
    def preferences(self):
        return self.last[:1]


class Forgetful(TakingTurns):
    """Trains what was best, and does not keep what that is."""

    def trained(self, step):
        return self.best()

    def scored(self, step):
        return [ScoredDraw(tuple(step % size for size in self.sizes), step)]

    def restore(self, state):
        pass


@pytest.mark.parametrize(
    ("strategy", "line"),
    [
        (BeyondTheLast, "it draws values that are none of 2, numbered from 0"),
        (TooOften, "it scores 240 batches in 24 steps, and `draws: 5` allows 120"),
        (OneForAll, "`preferences` does not have 4, 3 values"),
        (Forgetful, "what it draws is another when it goes on from `state`"),
    ],
)
def test_search_strategies(strategy, line):
    def build(kind):
        return lambda options, sizes, steps, seed: kind(sizes, options.draws)

    options = SearchStrategyOptions(kind="any")
    assert check_built("search_strategies", build(TakingTurns), options) == []
    assert any(line in each for each in check_built("search_strategies", build(strategy), options))


class LastSeen(Metric):
    """The length of the last output: depends on the order."""

    value = None

    def update(self, prediction):
        self.value = len(prediction.output)

    def compute(self):
        return {} if self.value is None else {"last": self.value}


class Generous(LastSeen):
    def score(self, prediction):
        return 2.0

    def facts(self):
        return {"rows": {1, 2}}


def test_metrics():
    lines = check_built("metrics", lambda options: LastSeen(), ANY)
    assert lines == ["its scores depend on the order of predictions: {'last': 5} and {'last': 3}"]
    lines = check_built("metrics", lambda options: Generous(), ANY)
    assert lines[1:] == [
        "its facts are no JSON: Object of type set is not JSON serializable",
        "its score of a single prediction is 2.0, neither None nor within 0 and 1",
    ]


def test_what_is_built_must_be_of_its_kind():
    for kind, name in {
        "adapters": "Adapter, no Prefix and no SideNetwork",
        "backbones": "Backbone",
        "encoders": "Encoder",
        "evaluators": "Evaluator",
        "inputs": "Input",
        "loggers": "Logger",
        "metrics": "Metric",
        "objectives": "Objective",
        "prompt_generators": "PromptGenerator",
        "samplers": "Sampler",
        "search_strategies": "SearchStrategy",
        "engines": "Engine",
        "sharing": "Sharing",
        "tasks": "Task",
        "video_decoders": "VideoDecoder",
        "visual_encoders": "VisualEncoder",
    }.items():
        assert check_built(kind, lambda options, **context: {}, ANY) == [f"`build` gives dict, no {name}"]
    assert set(KINDS) == set(DEEPER)


KEY_BIAS = "k_proj.bias"
"""It adds one number to all scores of a query, which a softmax does not see: its gradient is 0 but for rounding."""


@pytest.mark.parametrize("backbone", ["T5", "BART"])
@pytest.mark.parametrize("adapter", [one.component.name for one in REGISTRY.registrations("adapters")])
def test_adapters_act_at_every_site_of_the_backbones(adapter, backbone, tiny, tiny_model, samples, batch_of):
    graft = {"adapters": [{"kind": adapter}], "sharing": "per-task"}
    model = tiny_model(backbone=getattr(tiny, backbone), graft=graft)
    check_graft_acts(model, batch_of(model, samples))
    batch = batch_of(model, samples)
    torch.stack([loss.sum for (loss,) in model.losses(batch, training=True).values()]).sum().backward()
    trained = model.graft.bank.trained()
    still = [key.part for key, value in trained.items() if value.grad is None or not value.grad.any()]
    assert [part for part in still if not part.endswith(KEY_BIAS)] == []
