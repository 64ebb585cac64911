"""The built-in plugin: hook implementations only. It imports nothing heavy and uses what any third party may use."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from multigraft import Component, RecipeFolder, hookimpl
from multigraft.plugins.history import batch_loaded as batch_loaded
from multigraft.plugins.history import checkpoint_loaded as checkpoint_loaded
from multigraft.plugins.history import checkpoint_saving as checkpoint_saving
from multigraft.plugins.history import evaluated as evaluated
from multigraft.plugins.history import note_resuming
from multigraft.plugins.history import run_started as run_started
from multigraft.plugins.history import step_ended as step_ended
from multigraft.plugins.sources.published import PUBLISHED

if TYPE_CHECKING:
    from multigraft import Run

_PLUGINS = "multigraft.plugins"


def _components(folder: str, names: dict[str, tuple[str, str]], **common: object) -> Iterator[Component]:
    """Components whose options are in `FOLDER/options.py`: name -> (options model, `module:callable`)."""
    for name, (model, build) in names.items():
        yield Component(name, f"{_PLUGINS}.{folder}.options:{model}", f"{_PLUGINS}.{folder}.{build}", **common)  # type: ignore[arg-type]


@hookimpl
def register_visual_encoders() -> Iterable[Component]:
    """Models of open_clip, timm and transformers."""
    yield from _components(
        "encoders",
        {"open-clip": ("OpenClipOptions", "open_clip_encoder:build")},
        requires=("open_clip",),
        extra="multigraft[open-clip]",
    )
    yield from _components(
        "encoders", {"timm": ("TimmOptions", "timm_encoder:build")}, requires=("timm",), extra="multigraft[timm]"
    )
    yield from _components("encoders", {"transformers": ("TransformersOptions", "transformers_encoder:build")})


@hookimpl
def register_encoders() -> Iterable[Component]:
    """Sound."""
    return _components("encoders", {"audio-transformer": ("AudioTransformerOptions", "audio_transformer:build")})


@hookimpl
def register_backbones() -> Iterable[Component]:
    """BART, T5, BERT, decoder-only models, and sapling, a small BART that comes along."""
    return _components(
        "backbones",
        {
            "bart": ("BartOptions", "bart:build"),
            "t5": ("T5Options", "t5:build"),
            "decoder": ("DecoderOptions", "decoder:build"),
            "bert": ("BertOptions", "bert:build"),
            "sapling": ("SaplingOptions", "sapling:build"),
        },
    )


@hookimpl
def register_prompt_generators() -> Iterable[Component]:
    """The VL-Adapter projection, generators that pool or read the media, and prompt tuning."""
    return _components(
        "prompts",
        {
            "linear": ("LinearOptions", "linear:build"),
            "pool": ("PoolOptions", "pool:build"),
            "resampler": ("ResamplerOptions", "resampler:build"),
            "dynamic": ("DynamicOptions", "dynamic:build"),
            "learned": ("LearnedOptions", "learned:build"),
        },
    )


@hookimpl
def register_adapters() -> Iterable[Component]:
    """Bottlenecks, low-rank updates, scales, prefixes and side networks."""
    return _components(
        "adapters",
        {
            "bottleneck": ("BottleneckOptions", "bottleneck:build"),
            "compacter": ("CompacterOptions", "compacter:build"),
            "low-rank": ("LowRankOptions", "low_rank:build"),
            "lora": ("LoraOptions", "lora:build"),
            "dora": ("DoraOptions", "dora:build"),
            "ia3": ("Ia3Options", "ia3:build"),
            "vl-pet": ("VlPetOptions", "vl_pet:build"),
            "prefix": ("PrefixOptions", "prefix:build"),
            "ladder": ("LadderOptions", "ladder:build"),
        },
    )


@hookimpl
def register_sharing() -> Iterable[Component]:
    """Who owns what."""
    return _components(
        "sharing",
        {
            "single": ("SingleOptions", "single:build"),
            "half-shared": ("HalfSharedOptions", "half_shared:build"),
            "per-task": ("PerTaskOptions", "per_task:build"),
            "groups": ("GroupsOptions", "groups:build"),
            "hypernetwork": ("HypernetworkOptions", "hypernetwork:build"),
        },
    )


@hookimpl
def register_objectives() -> Iterable[Component]:
    """Losses."""
    return _components(
        "objectives",
        {
            "generation": ("GenerationOptions", "generation:build"),
            "classification": ("ClassificationOptions", "classification:build"),
            "answers": ("AnswersOptions", "answers:build"),
            "masked-words": ("MaskedWordsOptions", "masked_words:build"),
            "contrastive": ("ContrastiveOptions", "contrastive:build"),
            "matching": ("MatchingOptions", "matching:build"),
        },
    )


@hookimpl
def register_evaluators() -> Iterable[Component]:
    """Generating, choosing, ranking, classifying, retrieving; or the loss alone."""
    return _components(
        "evaluators",
        {
            "generate": ("GenerateOptions", "generate:build"),
            "choices": ("ChoicesOptions", "choices:build"),
            "classify": ("ClassifyOptions", "classify:build"),
            "rank": ("RankOptions", "rank:build"),
            "retrieve": ("RetrieveOptions", "retrieve:build"),
            "loss": ("LossOptions", "loss:build"),
        },
    )


@hookimpl
def register_inputs() -> Iterable[Component]:
    """Pictures, videos and sound."""
    yield from _components("inputs", {"image": ("ImageOptions", "image:build")})
    yield from _components("inputs", {"video": ("VideoOptions", "video:build")})
    yield from _components(
        "inputs", {"audio": ("AudioOptions", "audio:build")}, requires=("soundfile",), extra="multigraft[audio]"
    )


@hookimpl
def register_video_decoders() -> Iterable[Component]:
    """PyAV for all clips, and others for those in which they can be trusted."""
    yield from _components("inputs", {"auto": ("AutoDecoderOptions", "auto_decoder:build")})
    video = {"extra": "multigraft[video]"}
    yield from _components("inputs", {"pyav": ("PyavOptions", "pyav_frames:build")}, requires=("av",), **video)
    yield from _components(
        "inputs", {"decord": ("DecordOptions", "decord_frames:build")}, requires=("av", "decord"), **video
    )
    yield from _components(
        "inputs",
        {"torchcodec": ("TorchcodecOptions", "torchcodec_frames:build")},
        requires=("av", "torchcodec"),
        extra="multigraft[torchcodec]",
        trouble="multigraft.plugins.inputs.torchcodec_frames:trouble",
    )


@hookimpl
def register_tasks() -> Iterable[Component]:
    """One folder a task."""
    names = {
        "visual-question-answering": "VisualQuestionAnswering",
        "compositional-question-answering": "CompositionalQuestionAnswering",
        "two-image-statements": "TwoImageStatements",
        "image-captioning": "ImageCaptioning",
        "multiple-choice-video-question-answering": "MultipleChoiceVideoQuestionAnswering",
        "open-video-question-answering": "OpenVideoQuestionAnswering",
        "video-captioning": "VideoCaptioning",
        "text-classification": "TextClassification",
        "text-generation": "TextGeneration",
        "text-denoising": "TextDenoising",
        "image-text-pairs": "ImageTextPairs",
    }
    for name, model in names.items():
        folder = f"multigraft.tasks.{name.replace('-', '_')}"
        yield Component(name, f"{folder}.options:{model}Options", f"{folder}.task:build")


@hookimpl
def register_metrics() -> Iterable[Component]:
    """Scores; caption scores come from pycocoevalcap."""
    return _components(
        "metrics",
        {
            "exact-match": ("ExactMatchOptions", "exact_match:build"),
            "vqa-accuracy": ("VqaAccuracyOptions", "vqa_accuracy:build"),
            "accuracy-by-type": ("AccuracyByTypeOptions", "accuracy_by_type:build"),
            "recall": ("RecallOptions", "recall:build"),
            "consistency": ("ConsistencyOptions", "consistency:build"),
            "cider": ("CiderOptions", "captions:build_cider"),
            "bleu": ("BleuOptions", "captions:build_bleu"),
            "rouge-l": ("RougeLOptions", "captions:build_rouge_l"),
            "meteor": ("MeteorOptions", "captions:build_meteor"),
        },
    )


@hookimpl
def register_search_strategies() -> Iterable[Component]:
    """How a search spends its steps."""
    return _components(
        "search",
        {
            "bandit": ("BanditOptions", "bandit:build"),
            "round-robin": ("RoundRobinSearchOptions", "round_robin:build"),
            "sweep": ("SweepOptions", "sweep:build"),
        },
    )


@hookimpl
def register_samplers() -> Iterable[Component]:
    """How a batch is shared out among the tasks."""
    return _components(
        "samplers",
        {
            "proportional": ("ProportionalOptions", "weighted:build_proportional"),
            "temperature": ("TemperatureOptions", "weighted:build_temperature"),
            "equal": ("EqualOptions", "weighted:build_equal"),
            "weights": ("WeightsOptions", "weighted:build_weights"),
            "schedule": ("ScheduleOptions", "scheduled:build"),
            "round-robin": ("RoundRobinOptions", "round_robin:build"),
            "one-task": ("OneTaskOptions", "one_task:build"),
        },
    )


@hookimpl
def register_sources() -> Iterable[Component]:
    """Tables, forms of files, and published data sets."""
    yield from _components(
        "sources",
        {
            "table": ("TableOptions", "table:build"),
            "images": ("ImagesOptions", "images:build"),
            "llava": ("LlavaOptions", "llava:build"),
            "coco": ("CocoOptions", "coco:build"),
        },
    )
    yield from _components("sources.published", PUBLISHED)


@hookimpl
def register_answer_formats() -> Iterable[Component]:
    """What leaderboards take."""
    names = ("vqa", "gqa", "nlvr2", "coco-captions", "value")
    models = {name: f"{''.join(map(str.capitalize, name.split('-')))}FormatOptions" for name in names}
    return _components("formats", {name: (models[name], f"{name.replace('-', '_')}:build") for name in names})


@hookimpl
def register_loggers() -> Iterable[Component]:
    """Files always, TensorBoard behind an extra."""
    yield from _components(
        "loggers", {"jsonl": ("JsonLinesOptions", "jsonl:build"), "csv": ("CsvOptions", "csv_file:build")}
    )
    yield from _components(
        "loggers",
        {"tensorboard": ("TensorBoardOptions", "tensorboard:build")},
        requires=("tensorboard",),
        extra="multigraft[tensorboard]",
    )


@hookimpl
def run_ended(run: "Run", error: BaseException | None) -> None:
    """Say how a run that was stopped goes on."""
    if error is not None:
        note_resuming(run, error)


@hookimpl
def register_engines() -> Iterable[Component]:
    """Ray."""
    return _components(
        "engines", {"ray": ("RayOptions", "ray_engine:build")}, requires=("ray",), extra="multigraft[ray]"
    )


@hookimpl
def register_recipes() -> Iterable[RecipeFolder]:
    """The recipes in configs/."""
    yield RecipeFolder("multigraft.configs")
