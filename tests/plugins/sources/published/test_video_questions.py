"""TVQA and How2QA from lines as VALUE gives them out; what is left of one with long subtitles."""

import json
from types import SimpleNamespace

import pytest

from multigraft.core.data.tokens import tokenize_inputs
from multigraft.core.errors import OptionError
from multigraft.core.interfaces.source import Dropped
from multigraft.core.types.annotation import Annotation, ScoredAnswer
from multigraft.plugins.backbones.sapling_tokenizer import sapling_tokenizer
from multigraft.plugins.backbones.text import TextCodec
from multigraft.tasks.multiple_choice_video_question_answering.task import MultipleChoiceVideoQuestionAnswering

LINE = {
    "a0": "Because Sheldon is being rude.", "a1": "Because he is late.", "a2": "They are having an argument.",
    "a3": "Because Howard left.", "a4": "No reason.", "answer_idx": 2, "q": "Why is Howard frustrated?",
    "qid": 122039, "show_name": "The Big Bang Theory", "ts": "20.16-25.12", "vid_name": "s03e02_seg02_clip_10",
}  # fmt: skip
SAID = {
    "vid_name": "s03e02_seg02_clip_10",
    "sub": [
        {"text": " Leonard : Early.", "start": 1.0, "end": 20.16},
        {"text": "Howard : Stop \n it.", "start": 19.0, "end": 21.5},
        {"text": "Raj : Why?", "start": 24.9, "end": 30.0},
        {"text": "Penny : Late.", "start": 25.12, "end": 31.0},
    ],
}


@pytest.fixture
def made(source, write):
    """What a source makes of lines, with subtitles if any are given."""

    def make(*lines, kind="tvqa", said=(), **options):
        if said:
            options["subtitles"] = str(write("subtitles.jsonl", "".join(f"{json.dumps(line)}\n" for line in said)))
        path = write("val.jsonl", "".join(f"{json.dumps(line)}\n" for line in lines))
        return list(source(path, kind=kind, **options).annotations())

    return make


def test_a_question_has_its_choices_its_stretch_and_what_is_said_in_it(made):
    assert made(LINE, said=[SAID]) == [
        Annotation(
            id="tvqa#122039",
            task="vqa",
            source="tvqa",
            type="The Big Bang Theory",
            text="Why is Howard frustrated?",
            context="Howard : Stop it. Raj : Why?",
            choices=tuple(LINE[f"a{number}"] for number in range(5)),
            answers=(ScoredAnswer(text="They are having an argument."),),
            span=(20.16, 25.12),
            media=("s03e02_seg02_clip_10.mp4",),
        )
    ]


def test_the_whole_video_may_be_taken_with_all_that_is_said(made):
    [one] = made(LINE, said=[SAID], span="whole", media_name="videos/{}.mkv")
    assert (one.span, one.media) == (None, ("videos/s03e02_seg02_clip_10.mkv",))
    assert one.context == "Leonard : Early. Howard : Stop it. Raj : Why? Penny : Late."


@pytest.mark.parametrize("times", ["nan-nan", "nan-3.0", None])
def test_an_unknown_stretch_is_dropped_or_the_whole_video(made, times):
    [dropped] = made({**LINE, "ts": times})
    assert dropped == Dropped("val#0", "no span", f"its `ts` is {times!r}; unknown_span=whole takes the whole video")
    [whole] = made({**LINE, "ts": times}, said=[SAID], unknown_span="whole")
    assert whole.span is None
    assert whole.context.startswith("Leonard")


def test_how2qa_has_four_choices_and_test_sets_no_answers(made):
    four = {key: value for key, value in LINE.items() if key not in ("a4", "show_name", "answer_idx")}
    [one] = made({**four, "qid": 30351, "vid_name": "25848"}, kind="how2qa")
    assert (one.id, len(one.choices), one.answers, one.type) == ("how2qa#30351", 4, (), "")


def test_bad_lines_are_dropped(made):
    lines = [
        {**LINE, "answer_idx": 5}, {**LINE, "a3": None}, {**LINE, "ts": "soon"}, {**LINE, "ts": "9.0-3.0"},
        {**LINE, "vid_name": ""}, "x",
    ]  # fmt: skip
    said = [{"vid_name": "b", "sub": [{"start": 1, "end": 2}]}, {"vid_name": "c"}]
    assert made(*lines, said=said) == [
        Dropped("subtitles#0", "bad subtitles", "a line has no text"),
        Dropped("subtitles#1", "bad subtitles", "its 'sub' is no list of objects"),
        Dropped("val#0", "bad row", "its `answer_idx` is 5, and it has 5 choices"),
        Dropped("val#1", "bad row", "it has no 'a3'"),
        Dropped("val#2", "bad row", "its `ts` is 'soon', no start and end"),
        Dropped("val#3", "bad row", "span: it ends at 3 s, before it starts at 9 s"),
        Dropped("val#4", "bad row", "its 'vid_name' is empty"),
        Dropped("val#5", "bad row", "str, no object"),
    ]


def test_subtitles_that_are_not_there_are_an_error(made):
    with pytest.raises(OptionError, match=r"nowhere.jsonl is not there"):
        made(LINE, subtitles="nowhere.jsonl")


def test_long_subtitles_are_cut_and_question_choices_and_prefix_are_not(made):
    words = " ".join(f"word {number}" for number in range(3000))
    [one] = made(LINE, said=[{"vid_name": LINE["vid_name"], "sub": [{"text": words, "start": 20.0, "end": 25.0}]}])
    example = MultipleChoiceVideoQuestionAnswering().ask(one).with_prefix("tvqa: ")
    codec = TextCodec(sapling_tokenizer(), [0], [2], 1)
    ids, mask, [lost] = tokenize_inputs(SimpleNamespace(tokenize=codec.inputs), [example], 120)
    assert (int(mask.sum()), lost) == (120, {"context"})
    [text] = codec.decode(ids)  # in lower case, as the tokenizer reads
    assert text.startswith("tvqa: why is howard frustrated? context: word 0 word 1 word 2")
    assert text.endswith(f" choices: {', '.join(one.choices).lower()}")
