"""How captions are cut into words before they are compared."""

import shutil
import subprocess
import unicodedata
from collections.abc import Callable, Sequence
from importlib.resources import as_file, files

from pycocoevalcap.tokenizer.ptbtokenizer import PUNCTUATIONS, STANFORD_CORENLP_3_4_1_JAR

from multigraft import MultigraftError, OptionError

Tokenizer = Callable[[Sequence[str]], list[str]]
"""Texts to the same texts with words parted by single spaces."""


def tokenizer(name: str) -> Tokenizer:
    """The tokenizer `simple` or `ptb`.

    Raises:
        MultigraftError: `ptb` without Java.
    """
    if name == "ptb" and not java():
        raise OptionError(
            ("tokenizer",),
            "caption metrics: `tokenizer: ptb` needs Java, and there is no `java` on the PATH",
            "install a Java runtime, or use `tokenizer: simple`",
        )
    return {"simple": simple, "ptb": penn_treebank}[name]


def java() -> str | None:
    """Path of the `java` program, if there is one."""
    return shutil.which("java")


def simple(texts: Sequence[str]) -> list[str]:
    """Lower case, words at white space, punctuation and symbols cut from both ends of a word."""
    return [" ".join(filter(None, map(_bare, text.lower().split()))) for text in texts]


def _bare(word: str) -> str:
    kept = [at for at, character in enumerate(word) if unicodedata.category(character)[0] not in "PS"]
    return word[kept[0] : kept[-1] + 1] if kept else ""


def penn_treebank(texts: Sequence[str]) -> list[str]:
    """The tokenizer of the COCO caption evaluation: Stanford's, lower case, its punctuation tokens left out."""
    lines = [" ".join(text.split()) for text in texts]
    with as_file(files("pycocoevalcap.tokenizer") / STANFORD_CORENLP_3_4_1_JAR) as jar:
        command = ["java", "-cp", str(jar), "edu.stanford.nlp.process.PTBTokenizer"]
        options = ["-preserveLines", "-lowerCase", "-encoding", "UTF-8"]
        done = subprocess.run(
            [*command, *options], input="\n".join([*lines, ""]), capture_output=True, encoding="utf-8"
        )
    tokenized = done.stdout.split("\n")[:-1]
    if done.returncode or len(tokenized) != len(lines):
        raise MultigraftError(
            f"the Penn Treebank tokenizer failed; use `tokenizer: simple`. Java says: {done.stderr[-500:]}"
        )
    return [" ".join(word for word in line.split() if word not in PUNCTUATIONS) for line in tokenized]
