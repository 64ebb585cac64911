"""METEOR 1.5, the Java program that pycocoevalcap brings."""

from collections.abc import Sequence
from importlib.resources import as_file, files
from subprocess import DEVNULL, PIPE, Popen

from pycocoevalcap.meteor.meteor import METEOR_JAR


def corpus_meteor(rows: Sequence[tuple[str, Sequence[str]]]) -> float:
    """METEOR of tokenized outputs, each with its references.

    Raises:
        OSError: Java cannot be run, or ends early.
        ValueError: the program answers with something else than a number.
    """
    with as_file(files("pycocoevalcap.meteor") / METEOR_JAR) as jar:
        command = ["java", "-Dfile.encoding=UTF-8", "-Xmx2G", "-jar", jar.name, "-", "-", "-stdio", "-l", "en", "-norm"]
        with Popen(command, cwd=jar.parent, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, encoding="utf-8") as program:
            statistics = [_answer(program, ["SCORE", *references, output]) for output, references in rows]
            scores = [_answer(program, ["EVAL", *statistics])] + [_answer(program) for _ in rows]
            return float(scores[-1])


def _answer(program: "Popen[str]", question: Sequence[str] = ()) -> str:
    """The program's next line, after a question if there is one; parts stand between `|||`."""
    if program.stdin is None or program.stdout is None:
        raise ValueError("the program was started without pipes")
    if question:
        print(" ||| ".join(part.replace("|", "") for part in question), file=program.stdin, flush=True)
    return program.stdout.readline().strip()
