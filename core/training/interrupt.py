"""Ctrl-C in training: the step under way is finished and saved; a second one stops at once."""

import signal
import sys
import threading
from types import FrameType, TracebackType


class StopRequest:
    """Whether Ctrl-C was pressed; a context manager. Of several processes, or in another thread, none is held back."""

    def __init__(self, gentle: bool) -> None:
        self.asked = False
        self._gentle = gentle and threading.current_thread() is threading.main_thread()

    def __enter__(self) -> "StopRequest":
        if self._gentle:
            self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._gentle:
            signal.signal(signal.SIGINT, self._before)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        print("stopping after this step; press Ctrl-C again to stop at once", file=sys.stderr, flush=True)
