"""Saved grafts of one trunk answer together: one pass, each medium encoded once, and what each says alone."""

import pytest
from torch.nn.modules.module import register_module_forward_hook

from multigraft.core.errors import MultigraftError
from multigraft.core.evaluation.predictor import Predictor
from multigraft.core.evaluation.questions import Question
from multigraft.core.interfaces.encoder import VisualEncoder
from multigraft.core.trunk import passes
from multigraft.core.trunk.run_beside import run_beside

LABELS = ("red", "green", "blue", "dark red", "dark green", "dark blue")
CLASSES = f"{{kind: classification, labels: [{', '.join(LABELS)}]}}"
FRAMES = 8
"""Of a clip."""
WIDE = ("train.optimizer.rate=0.05", "eval.limit=2", "eval.final_split=none")
LOW = (
    *WIDE, "graft.adapters=[{kind: lora, rank: 2}]", "graft.sharing=per-task", f"tasks.vqa.objective={CLASSES}",
    "tasks.vqa.evaluator=classify", "train.seed=5",
)  # fmt: skip


@pytest.fixture(scope="module")
def folders(train, tmp_path_factory):
    """Two runs over one random trunk: of bottlenecks, which generate, and of LoRA, one task of which classifies."""
    home = tmp_path_factory.mktemp("runs")
    train(home / "wide", *WIDE)
    train(home / "low", *LOW)
    return {"wide": home / "wide", "low": home / "low"}


@pytest.fixture(scope="module")
def predictor(folders, registry):
    with Predictor.load(folders, registry) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def files(tmp_path_factory, picture_file, clip_file):
    folder = tmp_path_factory.mktemp("media")
    (folder / "red.png").write_bytes(picture_file((220, 30, 30)))
    (folder / "same.png").write_bytes(picture_file((220, 30, 30)))
    (folder / "blue.png").write_bytes(picture_file((30, 30, 220)))
    (folder / "clip.mp4").write_bytes(clip_file(frames=8))
    return folder


@pytest.fixture
def questions(files):
    """Two grafts and three tasks; the red picture in four rows, under two names."""
    red, same, blue, clip = (files / name for name in ("red.png", "same.png", "blue.png", "clip.mp4"))
    return [
        Question("vqa", "what colour?", (red,), graft="low"),
        Question("statements", "both are red", (red, blue), graft="wide"),
        Question("videos", "which colour?", (clip,), graft="low"),
        Question("vqa", "what colour?", (same,), graft="wide"),
        Question("statements", "both are blue", (blue, same), graft="low"),
        Question("vqa", "what is it?", (blue,), graft="low"),
    ]


def test_a_mixed_batch_is_one_pass_and_equal_files_are_encoded_once(folders, registry, questions, monkeypatch):
    stacks, pictures = [], []

    def counting(stack, *given, **options):
        cache = options.get("cache")
        if cache is None or cache.is_empty:  # else a token is decoded
            stacks.append(stack.name)
        return run_beside(stack, *given, **options)

    def count(module, given, made):
        if isinstance(module, VisualEncoder):
            pictures.append(len(given[0]))

    monkeypatch.setattr(passes, "run_beside", counting)
    with Predictor.load(folders, registry) as fresh, register_module_forward_hook(count):
        fresh.answer(questions)
        assert stacks == ["encoder", "decoder"]
        assert pictures == [2 + FRAMES]
        fresh.answer(questions[:2])
        assert stacks == ["encoder", "decoder"] * 2
        assert pictures == [2 + FRAMES]


def test_a_mixed_batch_says_what_each_question_alone_gets(predictor, folders, registry, questions):
    together = predictor.answer(questions)
    for question, reply in zip(questions, together, strict=True):
        with Predictor.load(folders[question.graft], registry) as single:
            alone = single.answer([Question(question.task, question.text, question.media)])[0]
        assert (reply.output, reply.cut) == (alone.output, alone.cut)
        assert [other.text for other in reply.others] == [other.text for other in alone.others]
        assert (reply.score is None) == (alone.score is None)
        if reply.score is not None:
            assert reply.score == pytest.approx(alone.score, abs=1e-4)
    assert together[0].output in LABELS
    assert len(together[0].others) == 4 < len(LABELS) - 1
    assert {together[1].output, together[1].others[0].text} == {"true", "false"}


def test_texts_are_scored_as_answers(predictor, questions):
    vqa, statement, other = questions[0], questions[1], questions[4]
    said = predictor.answer([vqa, statement])
    pairs = [(statement, "false"), (vqa, "green"), (statement, "true"), (other, "true"), (vqa, "red")]
    scores = predictor.score(pairs)
    known = {each.text: each.score for each in said[0].others} | {said[0].output: said[0].score}
    assert scores[1] == pytest.approx(known.get("green", scores[1]), abs=1e-4)
    assert {round(scores[0], 3), round(scores[2], 3)} == {round(said[1].score, 3), round(said[1].others[0].score, 3)}
    with pytest.raises(MultigraftError, match="task 'vqa': no label 'rde'; did you mean 'red'"):
        predictor.score([(vqa, "rde")])


def test_what_cannot_be_asked_together_is_refused(predictor, folders, registry, questions, train, tmp_path):
    with pytest.raises(MultigraftError, match="no graft named 'wild'; did you mean 'wide'"):
        predictor.answer([Question("vqa", "what?", questions[0].media, graft="wild")])
    with pytest.raises(MultigraftError, match="the objective of task 'vqa' trains no vectors"):
        predictor.encode(questions[:1])
    train(tmp_path / "other", *WIDE, "trunk.encoder.size=32")
    with pytest.raises(MultigraftError, match=r"other has another trunk than .*wide, and they answer over one"):
        Predictor.load({"wide": folders["wide"], "other": tmp_path / "other"}, registry)
    train(tmp_path / "alone", *WIDE, "tasks.vqa.evaluator=loss")
    silent = "task 'vqa' has the evaluator `loss`, which answers no questions"
    with Predictor.load(tmp_path / "alone", registry) as alone, pytest.raises(MultigraftError, match=silent):
        alone.answer([Question("vqa", "what?", questions[0].media)])
    train(tmp_path / "choosing", *WIDE, "tasks.vqa.evaluator=choices", "eval.split=none")
    lacking = "task 'vqa': its evaluator needs choices, and the question has none"
    with Predictor.load(tmp_path / "choosing", registry) as choosing, pytest.raises(MultigraftError, match=lacking):
        choosing.answer([Question("vqa", "what?", questions[0].media)])
