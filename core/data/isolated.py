"""Decodes in processes that can be ended: native code may hang or crash without taking the run along.

The processes are started from the command line, not forked and not through `multiprocessing`, so they inherit no locks
and never import the user's main module, nor torch. They answer with JSON and plain bytes.
"""

import os
import pickle
import queue
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from multigraft.core.data.messages import Message, receive, send
from multigraft.core.errors import BadSample, MultigraftError
from multigraft.core.types.media import Media, Span

if TYPE_CHECKING:
    from multigraft.core.data.modalities import Prepared

_START_SECONDS = 120.0
_BAD_UNTIL_REPLACED = 20
"""Native decoders leak the bytes of bad media: after so many a process is replaced."""
_EXIT_SECONDS = 5.0
_TAIL = 400


@dataclass(frozen=True)
class Job:
    """What to decode: number of the input, stretch, and where the bytes come from."""

    input: int
    span: Span | None
    origin: str


class IsolatedDecoders:
    """A pool of decoding processes, each started when first needed. `decode` is safe to call from several threads."""

    def __init__(self, inputs: "Prepared", processes: int, deadline: float) -> None:
        self._inputs, self._deadline = inputs, deadline
        self._slots: queue.LifoQueue[_Process | None] = queue.LifoQueue()
        for _ in range(processes):
            self._slots.put(None)
        self._processes = processes
        self._poison: dict[str, BadSample] = {}

    def decode(self, job: Job, data: bytes) -> Media:
        """Decode in a process.

        Raises:
            BadSample: what the input found, `deadline passed` or `decoder crashed`; the last two are remembered, and
                such bytes are not tried again.
        """
        return _media(self._answer(job, data))

    def facts(self, job: Job, data: bytes) -> dict[str, float]:
        """What the input says of a medium without decoding it.

        Raises:
            BadSample: as `decode`.
        """
        facts: dict[str, float] = _good(self._answer(job, data, facts=True)).header["facts"]
        return facts

    def _answer(self, job: Job, data: bytes, facts: bool = False) -> Message:
        if job.origin in self._poison:
            known = self._poison[job.origin]
            raise BadSample(known.reason, known.detail)
        process = self._slots.get()
        try:
            process = process or _Process(self._inputs)
            answer = process.run(job, data, self._deadline, facts)
            if process.worn:
                process.end()
                process = None
        except _DeadError as error:
            process = None
            self._poison[job.origin] = error.bad
            raise BadSample(error.bad.reason, error.bad.detail) from None
        finally:
            self._slots.put(process)
        return answer

    def close(self) -> None:
        """End all processes."""
        taken = [self._slots.get() for _ in range(self._processes)]
        for process in taken:
            if process is not None:
                process.end()
            self._slots.put(None)


class _DeadError(Exception):
    def __init__(self, bad: BadSample) -> None:
        super().__init__(bad)
        self.bad = bad


class _Process:
    def __init__(self, inputs: "Prepared") -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `end`
        path = os.pathsep.join(each for each in sys.path if each)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "multigraft.core.data.isolated_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
        self._bad = 0
        try:
            self._exchange({}, pickle.dumps(dict(inputs)), _START_SECONDS)
        except _DeadError as error:
            raise MultigraftError(f"a decoding process does not start: {error.bad.detail}") from None

    @property
    def worn(self) -> bool:
        return self._bad >= _BAD_UNTIL_REPLACED

    def run(self, job: Job, data: bytes, deadline: float, facts: bool) -> Message:
        span = [job.span.start, job.span.stop] if job.span else None
        answer = self._exchange({"input": job.input, "span": span, "facts": facts}, data, deadline)
        self._bad += "bad" in answer.header
        return answer

    def _exchange(self, header: dict[str, Any], data: bytes, deadline: float) -> Message:
        late = threading.Event()

        def end_it() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(deadline, end_it)
        timer.start()
        try:
            if self._process.stdin is None or self._process.stdout is None:
                raise EOFError
            send(self._process.stdin, Message(header, data))
            return receive(self._process.stdout)
        except (EOFError, OSError, ValueError):
            raise _DeadError(self._why(late.is_set(), deadline)) from None
        finally:
            timer.cancel()

    def _why(self, late: bool, deadline: float) -> BadSample:
        code = self._exit_status()
        self._errors.seek(0)
        said = self._errors.read().decode("utf-8", "replace").strip()[-_TAIL:]
        self.end()
        if late:
            return BadSample("deadline passed", f"not decoded after {deadline:g} s")
        return BadSample("decoder crashed", f"exit status {code}; {said}")

    def _exit_status(self) -> int:
        try:
            return self._process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:  # bytes that the dead process never read
                    continue
        self._errors.close()


def _good(answer: Message) -> Message:
    if "bad" in answer.header:
        raise BadSample(*answer.header["bad"])
    return answer


def _media(answer: Message) -> Media:
    header = _good(answer).header
    arrays = np.frombuffer(answer.data, header["type"]).reshape(header["shape"])
    return Media(header["kind"], header["modality"], arrays, np.array(header["times"], np.float32))
