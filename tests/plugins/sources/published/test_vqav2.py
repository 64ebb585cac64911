"""VQA 2.0 from files of its published form: a handful of questions about four pictures of COCO."""

import json
from random import Random

import pytest

from multigraft.core.errors import MultigraftError, OptionError
from multigraft.core.interfaces.source import Dropped
from multigraft.core.types.annotation import Annotation, ScoredAnswer
from multigraft.plugins.metrics.vqa_accuracy import VqaAccuracy
from multigraft.plugins.sources.published.vqa_answers import frequent_answers, soft_answers
from multigraft.tasks.visual_question_answering.task import VisualQuestionAnswering

TRAINING = [(42000, 42, "What colour is it?"), (42001, 42, "Is it a cat?"), (9000, 9, "How many dogs?")]
VALIDATION = [(100 * picture, picture, f"What is in {picture}?") for picture in (7, 3, 5, 1)]
TEN = ["red"] * 5 + ["dark red"] * 2 + ["The Red", "red.", "pink"]


def questions(subset, rows):
    return {
        "info": {"year": 2017},
        "data_subtype": subset,
        "questions": [{"question_id": number, "image_id": picture, "question": text} for number, picture, text in rows],
    }


def annotated(subset, given, kind="other"):
    """Annotations by question: the ten answers, whose first is the choice of most."""
    rows = [
        {
            "question_id": number,
            "answer_type": kind,
            "question_type": "what",
            "multiple_choice_answer": answers[0],
            "answers": [
                {"answer_id": place, "answer": text, "answer_confidence": "yes"}
                for place, text in enumerate(answers, 1)
            ],
        }
        for number, answers in given.items()
    ]
    return {"annotations": rows, "data_subtype": subset, "data_type": "mscoco"}


@pytest.fixture
def files(write):
    """Write JSON files; their paths."""

    def to(**values):
        return [write(f"{name}.json", json.dumps(value)) for name, value in values.items()]

    return to


@pytest.fixture
def training(files):
    given = {42000: TEN, 42001: ["no"] * 10, 9000: [str(number) for number in range(10)]}
    return files(questions=questions("train2014", TRAINING), annotations=annotated("train2014", given))


@pytest.fixture
def listed(write):
    return str(write("answers.txt", "red\npink\nno\n"))


def test_answers_of_the_list_are_scored_by_agreement_and_all_ten_are_references(source, training, listed):
    colour, cat, dogs = source(*training, kind="vqav2", answers=listed).annotations()
    assert colour == Annotation(
        id="vqav2#42000",
        task="vqa",
        source="vqav2",
        type="other",
        text="What colour is it?",
        answers=(ScoredAnswer(text="red", score=1.0), ScoredAnswer(text="pink", score=0.3)),
        references=tuple(TEN),
        media=("COCO_train2014_000000000042.jpg",),
    )
    assert cat.answers == (ScoredAnswer(text="no", score=1.0),)
    assert dogs.answers == (ScoredAnswer(text="0", score=0.0),)
    assert dogs.references == tuple("0123456789")


def test_scores_are_those_of_leaving_one_annotator_out():
    given = ["a"] * 4 + ["b"] * 3 + ["c"] * 2 + ["d"]
    found = {answer.text: answer.score for answer in soft_answers(given, {"a", "b", "c", "d"})}
    assert found == {"a": 1.0, "b": 0.9, "c": 0.6, "d": 0.3}


def test_the_list_is_counted_after_the_official_normalisation(files):
    most = ["The red", "red", "Red!", "two", "2", "1,000", "1000", "blue"]
    paths = files(
        first=annotated("train2014", {number: [text] for number, text in enumerate(most[:4])}),
        second=annotated("val2014", {number: [text] for number, text in enumerate(most[4:], 4)}),
    )
    assert frequent_answers(paths, 2) == ["red", "1000", "2"]
    assert frequent_answers(paths, 3) == ["red"]
    assert frequent_answers(paths) == []


def test_without_a_list_answers_are_those_of_nine_questions(source, files):
    rows = [(number, 42, "What?") for number in range(10)]
    given = {number: ["red"] * 6 + ["dark"] * 4 for number in range(9)} | {9: ["dark"] * 6 + ["red"] * 4}
    paths = files(q=questions("train2014", rows), a=annotated("train2014", given))
    made = list(source(*paths, kind="vqav2").annotations())
    assert {each.answers for each in made} == {(ScoredAnswer(text="red", score=1.0),)}
    with pytest.raises(MultigraftError, match=r"no answer is that of 10 questions.*--set answers=FILE"):
        list(source(*paths, kind="vqav2", least=10).annotations())


def test_test_questions_have_no_answers(source, files):
    [path] = files(q=questions("test-dev2015", TRAINING[:1]))
    [one] = source(path, kind="vqav2").annotations()
    assert (one.id, one.answers, one.references, one.type) == ("vqav2#42000", (), (), "")
    assert one.media == ("COCO_test2015_000000000042.jpg",)


def test_what_cannot_be_used_is_dropped_in_its_place(source, files, listed):
    rows = questions("train2014", [*TRAINING[:1], (1, 42, "Where?")])
    rows["questions"][1:1] = [{"question_id": 2, "image_id": "x", "question": "?"}, [], {"question_id": None}]
    rows["questions"].append({"question_id": 3, "image_id": 42, "question": " "})
    said = annotated("train2014", {42000: TEN, 3: TEN})
    said["annotations"].append({"question_id": 1, "answers": ["red"]})
    good, *dropped = source(*files(q=rows, a=said), kind="vqav2", answers=listed).annotations()
    assert good.id == "vqav2#42000"
    assert dropped == [
        Dropped("q#questions.1", "bad row", "its 'image_id' is 'x', no number"),
        Dropped("q#questions.2", "bad row", "its 'question_id' is None, no number"),
        Dropped("q#questions.3", "bad row", "its 'question_id' is None, no number"),
        Dropped("q#questions.4", "no answers", "question 1 is in no annotations of train2014"),
        Dropped("q#questions.5", "bad row", "its 'question' is empty"),
    ]


def ids(source, *paths, **options):
    return [each.id for each in source(*paths, kind="vqav2", **options).annotations()]


def test_karpathys_splits(source, files, write):
    images = [(7, "restval"), (3, "val"), (5, "test"), (42, "train"), (9, "train")]
    split = [{"cocoid": picture, "split": name, "sentences": []} for picture, name in images]
    karpathy = str(write("dataset_coco.json", json.dumps({"images": split, "dataset": "coco"})))
    paths = files(t=questions("train2014", TRAINING), v=questions("val2014", VALIDATION))
    found = {name: ids(source, *paths, karpathy=karpathy, split=name) for name in ("train", "restval", "val", "test")}
    assert found == {
        "train": ["vqav2#42000", "vqav2#42001", "vqav2#9000"], "restval": ["vqav2#700"], "val": ["vqav2#300"],
        "test": ["vqav2#500"],
    }  # fmt: skip
    assert ids(source, *paths, karpathy=karpathy, split=["train", "restval"]) == found["train"] + found["restval"]


def test_no_picture_is_in_two_of_dvps_splits_and_its_held_out_ones_are_the_last_of_validation(source, files):
    test = questions("test2015", [(1, 77, "Here?")])
    more = [(701, 7, "And?")]  # a picture stands where its first question does
    paths = files(t=questions("train2014", TRAINING), v=questions("val2014", [*VALIDATION, *more]), x=test)
    pictures = {}
    for name in ("dvp-train", "dvp-held-out"):
        made = source(*paths, kind="vqav2", split=name, held_out=2).annotations()
        pictures[name] = {each.media[0] for each in made}
    assert pictures["dvp-held-out"] == {f"COCO_val2014_{number:012}.jpg" for number in (5, 1)}
    kept = [*(f"train2014_{number:012}" for number in (42, 9)), *(f"val2014_{number:012}" for number in (7, 3))]
    assert pictures["dvp-train"] == {f"COCO_{name}.jpg" for name in kept}
    assert pictures["dvp-train"] & pictures["dvp-held-out"] == set()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"split": "train"}, "Karpathy's splits need `karpathy`"),
        ({"karpathy": "dataset_coco.json"}, "Karpathy's splits need `karpathy`"),
        ({"split": ["dvp-train", "dvp-held-out"]}, "dvp-train cannot be taken with another one"),
        ({"answers": "nowhere.txt"}, "nowhere.txt cannot be read"),
    ],
)
def test_options_that_do_not_fit_are_refused(source, training, options, told):
    with pytest.raises(OptionError, match=told):
        source(*training, kind="vqav2", **options)


def test_files_of_another_form_are_refused(source, files):
    said, other, late = files(
        a=annotated("train2014", {1: TEN}), b={"images": []}, c={"questions": questions("", TRAINING)["questions"]}
    )
    with pytest.raises(OptionError, match="there are annotations alone"):
        source(said, kind="vqav2")
    with pytest.raises(OptionError, match=r"b.json has neither `questions` nor `annotations`") as error:
        source(said, other, kind="vqav2")
    assert error.value.location == ("files", 1)
    with pytest.raises(MultigraftError, match=r"c.json: it has no `data_subtype`"):
        list(source(late, kind="vqav2").annotations())


@pytest.mark.parametrize(("output", "accuracy"), [("red", 1.0), ("dark red", 0.6), ("pink", 0.3), ("blue", 0.0)])
def test_the_official_accuracy_goes_by_all_ten_annotators(source, training, listed, output, accuracy):
    colour, *_ = source(*training, kind="vqav2", answers=listed).annotations()
    assert VqaAccuracy().score(VisualQuestionAnswering().prediction(colour, output)) == pytest.approx(accuracy)


def test_a_question_without_a_listed_answer_weighs_nothing_in_training(source, training, listed):
    colour, _, dogs = source(*training, kind="vqav2", answers=listed).annotations()
    drawn = [VisualQuestionAnswering().example(colour, Random(seed)) for seed in range(20)]
    assert {(each.target, each.weight) for each in drawn} == {("red", 1.0), ("pink", 0.3)}
    example = VisualQuestionAnswering().example(dogs, Random(0))
    assert (example.target, example.weight) == ("", 0.0)


def test_an_answer_that_is_no_text_drops_its_question_alone(source, files):
    paths = files(q=questions("train2014", [(1, 42, "What?"), (2, 42, "Who?")]),
                  a=annotated("train2014", {1: ["\ud800"] * 10, 2: ["red"] * 10}))  # fmt: skip
    broken, well = source(*paths, kind="vqav2", least=1).annotations()
    assert (broken.row, broken.reason, well.id) == ("q#questions.0", "bad row", "vqav2#2")


def test_a_picture_without_a_number_is_held_out_by_nobody(source, files):
    [path] = files(q=questions("val2014", [(1, 42, "What?"), (2, 43, "Who?")]))
    held = json.loads(path.read_text())
    held["questions"].insert(0, {"question_id": 3, "image_id": [1], "question": "Why?"})
    path.write_text(json.dumps(held))
    broken, one = source(path, kind="vqav2", split="dvp-held-out", held_out=1).annotations()
    assert (broken.reason, one.id) == ("bad row", "vqav2#2")


def test_questions_beside_the_annotations_of_others_are_refused(source, files):
    given = files(questions=questions("val2014", VALIDATION), annotations=annotated("train2014", {42000: TEN}))
    told = "annotations given are of train2014, so the questions of val2014 would have no answers"
    with pytest.raises(MultigraftError, match=told):
        list(source(*given, kind="vqav2").annotations())
