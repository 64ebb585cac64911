"""What of the shards is not used is told in a line."""

from multigraft.core.data.problem_lines import problem_lines
from multigraft.core.types.annotation import Annotation


def test_annotations_that_no_reading_task_takes_are_counted(pack, open_task):
    def asked(*tasks):
        return [(f"k{n}", [Annotation(id=f"{task}/{n}", task=task, text="t")], {}) for n, task in enumerate(tasks)]

    pack(asked("vqa", "echo", "VQA", "VQA"), "a")
    pack(asked("vqa", "caption", "v\x1bqa"), "b")
    first, second = open_task("vqa", data={"train": ["a-*.tar"]}), open_task("caption", data={"train": ["b-*.tar"]})
    assert list(problem_lines([first, second])) == [
        "annotations that no task takes which reads their shards: 2 for 'VQA', 1 for 'vqa', 1 for 'v\\x1bqa'"
    ]
    both = open_task("vqa", data={"train": ["a-*.tar", "b-*.tar"]})
    (line,) = problem_lines([both, second])
    assert "for 'vqa'" not in line


def test_nothing_is_told_where_everything_is_used(pack, questions, open_task):
    pack(questions(vqa=4, echo=4))
    assert list(problem_lines([open_task("vqa")])) == []
