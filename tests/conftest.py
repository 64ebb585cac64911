"""What all tests share."""

import os
import signal
import struct
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image


def pytest_collection_modifyitems(items):
    """Tests marked `cuda` are skipped where there is no GPU; torch is imported only where there are such tests."""
    marked = [item for item in items if item.get_closest_marker("cuda")]
    if marked:
        import torch

        if not torch.cuda.is_available():
            for item in marked:
                item.add_marker(pytest.mark.skip(reason="torch sees no GPU on this machine"))


settings.register_profile("multigraft", deadline=None, derandomize=True)
settings.load_profile("multigraft")


ADAPTER = """
    from multigraft import Component, hookimpl

    @hookimpl
    def register_adapters():
        yield Component("{name}", "multigraft:AdapterOptions", "{module}:build")

    def build(options, tasks):
        from multigraft import Adapter, Part
        from multigraft.init import ones

        class Scaled(Adapter):
            origin = "{module}"

            def parts(self, site):
                return (Part("scale", (site.width_out,), ones),)

            def after(self, call, parts):
                return call.output * parts["scale"]

        return Scaled()
"""

STOPPING = """
    import os, signal, sys
    from functools import wraps
    from pkgutil import resolve_name

    owner, name, times, sent = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    owner = resolve_name(owner)
    function, calls = getattr(owner, name), []

    @wraps(function)
    def stopping(*args, **options):
        done = function(*args, **options)
        calls.append(name)
        if len(calls) == times:
            os.kill(os.getpid(), sent)
        return done

    setattr(owner, name, stopping)
    from multigraft.core.cli import main
    sys.argv[1:] = sys.argv[5:]
    main()
"""


@pytest.fixture(scope="session")
def stopped_after():
    """Run the command in a process that sends itself a signal when one of our functions has returned so many times."""

    def run(owner, name, times, words, sent=signal.SIGKILL):
        words = [sys.executable, "-c", dedent(STOPPING), owner, name, times, int(sent), *words]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        outcome = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=300, env=environment)
        if sent == signal.SIGKILL:
            assert outcome.returncode == -sent, outcome.stderr
        return outcome

    return run


@pytest.fixture(scope="session")
def picture_file():
    """Bytes of a picture of one colour."""

    def make(colour=(200, 30, 30), size=(40, 30), form="PNG", mode="RGB", **options):
        stream = BytesIO()
        Image.new(mode, size, colour).save(stream, form, **options)
        return stream.getvalue()

    return make


@pytest.fixture(scope="session")
def png_header():
    """Bytes of a PNG that promises a size and holds next to nothing."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    def make(width, height):
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 10)) + chunk(b"IEND", b"")

    return make


@pytest.fixture(scope="session")
def clip_file():
    """Bytes of a real video; frame number n is a grey of brightness 4 n."""
    import av

    def make(frames=30, form="mp4", codec="libx264", rate=30, size=(64, 48), **options):
        stream = BytesIO()
        with av.open(stream, "w", format=form) as container:
            video = container.add_stream(codec, rate=rate, options={"g": "12", **options})
            video.width, video.height = size
            video.pix_fmt = "yuv420p"
            for number in range(frames):
                grey = np.full((size[1], size[0], 3), 4 * number, np.uint8)
                container.mux(video.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
            container.mux(video.encode())
        return stream.getvalue()

    return make


@pytest.fixture(scope="session")
def thirdparty_folder(tmp_path_factory):
    """A folder for PYTHONPATH into which pip installed the distribution tests/thirdparty/multigraft-sample."""
    source = Path(__file__).parent / "thirdparty" / "multigraft-sample"
    folder = tmp_path_factory.mktemp("thirdparty")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet"]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "--target", folder, source], check=True)
    return folder


@pytest.fixture
def adapter_plugin():
    """Code of a plugin with one adapter."""

    def code(module, name="scaled"):
        return ADAPTER.format(module=module, name=name)

    return code


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a distribution with one plugin, a module of the same name, where Python finds it."""
    monkeypatch.syspath_prepend(tmp_path)
    modules = []

    def make(module, code, entry_point="", distribution="", group="multigraft.v2"):
        distribution = distribution or module.replace("_", "-")
        (tmp_path / f"{module}.py").write_text(dedent(code))
        facts = tmp_path / f"{distribution.replace('-', '_')}-1.5.dist-info"
        facts.mkdir(exist_ok=True)
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n")
        (facts / "entry_points.txt").write_text(f"[{group}]\n{entry_point or module} = {module}\n")
        modules.append(module)

    yield make
    for module in modules:
        sys.modules.pop(module, None)


@pytest.fixture
def plugin_file(tmp_path):
    """Write a one-file plugin."""
    stems = []
    before = list(sys.path)

    def write(name, code):
        path = tmp_path / "files" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(dedent(code))
        stems.append(path.stem)
        return path

    yield write
    sys.path[:] = before
    for stem in stems:
        sys.modules.pop(stem, None)
