import importlib
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from multigraft.core.data.isolated import IsolatedDecoders, Job
from multigraft.core.errors import BadSample, MultigraftError
from multigraft.core.interfaces.input import Input
from multigraft.core.types.media import Span

TROUBLE = '''
import os, sys, time
import numpy as np
from multigraft.core.errors import BadSample
from multigraft.core.types.media import Media
from multigraft.core.data.memory import memory_at_most
from multigraft.core.interfaces.input import Input

class Trouble(Input):
    """Does what its bytes say."""
    kind, extensions, isolated = "video", ("do",), True

    def decode(self, data, preparation, span):
        word = data.decode()
        if word == "hang":
            time.sleep(600)
        if word == "crash":
            print("native code fell over", file=sys.stderr, flush=True)
            os.abort()
        if word == "bad":
            raise BadSample("broken video", "as asked")
        if word == "greed":
            with memory_at_most(32 << 20):
                np.ones(256 << 20, np.uint8)
        if word == "fail":
            raise ZeroDivisionError("as asked")
        os.write(1, b"native chatter on standard output")
        seen = np.full((2, 3, preparation.size, preparation.size), "torch" in sys.modules, np.uint8)
        return Media("video", "visual", seen, np.array([0, span.start if span else os.getpid() % 1000], np.float32))

    def fingerprint(self):
        return "trouble"

class Loading(Trouble):
    """Needs a module that its process would not import by itself."""
    def __init__(self, module):
        self.module = module

    def load(self):
        __import__(self.module)
'''


@pytest.fixture
def trouble(tmp_path, monkeypatch):
    (tmp_path / "trouble_input.py").write_text(TROUBLE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "trouble_input", raising=False)
    return importlib.import_module("trouble_input").Trouble()


@pytest.fixture
def decoders(trouble, transform):
    pool = IsolatedDecoders({0: (trouble, transform)}, processes=1, deadline=1.0)
    yield pool
    pool.close()


@pytest.fixture
def decode(decoders):
    def run(word, span=None, origin=None):
        return decoders.decode(Job(0, span, origin or word), word.encode())

    return run


def test_frames_come_back_from_a_process_without_torch(decode):
    media = decode("go", Span(1.5, 2.0))
    assert (media.kind, media.arrays.shape, media.arrays.dtype) == ("video", (2, 3, 16, 16), np.uint8)
    assert media.arrays.max() == 0
    assert media.times.tolist() == [0.0, 1.5]


def test_a_hang_ends_at_the_deadline_and_the_next_clip_is_decoded(decode):
    before = decode("go").times[1]
    with pytest.raises(BadSample, match="deadline passed: not decoded after 1 s"):
        decode("hang")
    assert decode("go").times[1] != before


def test_a_crash_is_a_bad_sample_that_says_what_was_printed(decode):
    with pytest.raises(BadSample, match=r"decoder crashed: exit status -6; native code fell over"):
        decode("crash")
    assert decode("go").arrays is not None


def test_bytes_that_hung_are_not_tried_again(decode):
    with pytest.raises(BadSample, match="deadline passed"):
        decode("hang", origin="x.tar#k.mp4")
    start = time.monotonic()
    with pytest.raises(BadSample, match="deadline passed"):
        decode("hang", origin="x.tar#k.mp4")
    assert time.monotonic() - start < 0.5


@pytest.mark.parametrize(
    ("word", "message"),
    [("bad", "broken video: as asked"), ("fail", "decoder failed: ZeroDivisionError"),
     ("greed", "too large: decoding asks for more memory than it may take")],
)  # fmt: skip
def test_what_an_input_raises_arrives_as_a_bad_sample(decode, word, message):
    with pytest.raises(BadSample, match=message):
        decode(word)


def test_a_process_that_saw_many_bad_clips_is_replaced(decode):
    before = decode("go").times[1]
    for _ in range(20):
        with pytest.raises(BadSample):
            decode("bad")
    assert decode("go").times[1] != before


def test_several_threads_share_the_processes(decoders):
    results = []

    def work():
        results.append(decoders.decode(Job(0, None, "go"), b"go").kind)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == ["video"] * 6


@pytest.mark.parametrize(
    "module",
    ["core.data.isolated_worker", "plugins.inputs.video", "plugins.inputs.image", "plugins.samplers.options",
     "core.cli.data_inspect", "core.data.shard_summary"],
)  # fmt: skip
def test_what_decodes_or_only_looks_does_not_import_torch(module):
    code = f"import sys, multigraft.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(("module", "there"), [("json", 0), ("torch", 1)])
def test_an_input_says_what_its_process_loads_before_it_decodes(trouble, transform, module, there):
    pool = IsolatedDecoders({0: (sys.modules["trouble_input"].Loading(module), transform)}, 1, 1.0)
    try:
        assert pool.decode(Job(0, None, "x"), b"go").arrays.max() == there
    finally:
        pool.close()


def test_what_cannot_be_loaded_is_a_clear_error_and_no_bad_sample(trouble, transform):
    pool = IsolatedDecoders({0: (sys.modules["trouble_input"].Loading("no_such_module"), transform)}, 1, 1.0)
    with pytest.raises(MultigraftError, match=r"(?s)does not start: .*No module named 'no_such_module'"):
        pool.decode(Job(0, None, "x"), b"")


class NotImportable(Input):
    kind, extensions = "video", ("do",)

    def decode(self, data, preparation, span):
        raise NotImplementedError

    def fingerprint(self):
        return ""


def test_an_input_that_the_process_cannot_import_is_a_clear_error(transform, monkeypatch):
    monkeypatch.setattr(sys, "path", [path for path in sys.path if "tests" not in path])
    pool = IsolatedDecoders({0: (NotImportable(), transform)}, 1, 1.0)
    with pytest.raises(MultigraftError, match=r"(?s)a decoding process does not start: .*Error: No module"):
        pool.decode(Job(0, None, "x"), b"")
