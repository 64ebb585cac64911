"""Shards behind a real web server, and in other stores of fsspec."""

import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from multigraft.core.data.index import index_path
from multigraft.core.data.open_file import OpenFile
from multigraft.core.data.open_shards import OpenShards
from multigraft.core.data.remote import retrying
from multigraft.core.data.remote.address import Address
from multigraft.core.data.remote.cache import Entry, ShardCache
from multigraft.core.data.remote.remote_shard import RemoteShards
from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.errors import BadSample, MultigraftError
from multigraft.core.types.annotation import Annotation, Record

SIZE = 4000


@pytest.fixture(autouse=True)
def _hardly_pause(monkeypatch):
    monkeypatch.setattr(retrying, "_FIRST_PAUSE", 0.01)


@pytest.fixture
def served(web):
    """Three shards of two samples each, with indices and a manifest, on the web server."""
    with ShardWriter(web.folder, "a", 2) as writer:
        for number in range(6):
            note = Annotation(id=f"q{number}", task="vqa", text=f"what {number}?", media=("bin",))
            writer.write(f"k{number}", Record(id=f"k{number}", annotations=(note,)), {"bin": bytes([number]) * SIZE})
    return web


@pytest.fixture
def cache(tmp_path):
    return ShardCache(tmp_path / "cache", 1 << 30)


@pytest.fixture
def opened(served, tmp_path):
    """The shard of a name, opened as another process would."""

    def make(name="a-000000.tar"):
        return RemoteShards(ShardCache(tmp_path / "cache", 1 << 30)).open(Address(f"{served.address}/{name}"))

    return make


def copies(folder):
    return sorted(folder.glob("cache/*/*.tar"))


def test_the_index_alone_is_fetched_until_something_is_read(served, opened, tmp_path):
    shard = opened()
    assert (shard.index.keys, shard.index.head.tasks) == (["k0", "k1"], ("vqa",))
    assert (served.fetched("a-000000.tar.index"), served.fetched("a-000000.tar"), copies(tmp_path)) == (1, 0, [])
    assert shard.annotation(1).text == "what 1?"
    assert shard.read(0, "bin") == bytes(SIZE)
    assert served.fetched("a-000000.tar") == 1
    assert copies(tmp_path) == [shard.path]
    assert shard.path.read_bytes() == (served.folder / "a-000000.tar").read_bytes()
    assert shard.name == f"{served.address}/a-000000.tar"


def test_what_is_here_is_not_fetched_again(served, opened):
    opened().read(0, "bin")
    asked = len(served.asked)
    assert opened().read(1, "bin") == b"\1" * SIZE
    assert served.asked[asked:] == [("HEAD", "a-000000.tar")]


def test_without_an_index_the_shard_is_fetched_and_indexed_once(served, opened):
    index_path(served.folder / "a-000000.tar").unlink()
    assert opened().index.keys == ["k0", "k1"]
    assert opened().read(1, "bin") == b"\1" * SIZE
    assert served.fetched("a-000000.tar") == 1


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-3] + b"???", lambda data: b"<html>404</html>", lambda data: b""]
)
def test_an_index_that_cannot_be_believed_is_made_here(served, opened, damage, capsys):
    path = index_path(served.folder / "a-000000.tar")
    path.write_bytes(damage(path.read_bytes()))
    assert opened().read(1, "bin") == b"\1" * SIZE
    assert "a-000000.tar.index is of no use, and made here" in capsys.readouterr().err


def test_an_index_of_another_shard_of_the_same_size_gives_no_wrong_bytes(served, opened):
    shutil.copy(index_path(served.folder / "a-000001.tar"), index_path(served.folder / "a-000000.tar"))
    with pytest.raises(MultigraftError, match="stale"):
        opened().read(0, "bin")
    assert opened().read(0, "bin") == bytes(SIZE)


def test_errors_that_pass_are_tried_again_and_told(served, opened, capsys):
    served.refused["a-000000.tar"] = [500, 500, 503, 503]  # one try is a HEAD and a GET
    assert opened().index.keys == ["k0", "k1"]
    told = capsys.readouterr().err
    assert f"asking for {served.address}/a-000000.tar: HTTP 500" in told
    assert "try 3 of 3" in told


def test_errors_that_stay_end_with_address_tries_and_reason(served, opened):
    shard = opened()
    served.refused["a-000000.tar"] = [502] * 9
    with pytest.raises(
        MultigraftError, match=r"fetching http://.*/a-000000\.tar failed 3 times; the last time: HTTP 502"
    ):
        shard.read(0, "bin")


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_what_no_waiting_mends_is_asked_for_once(served, opened, capsys, status):
    shard = opened()
    capsys.readouterr()
    served.refused["a-000000.tar"] = [status] * 9
    with pytest.raises(MultigraftError, match=rf"a-000000\.tar is not there, or not for us(: HTTP {status})?$"):
        shard.read(0, "bin")
    assert opened() is None
    assert "try 2" not in capsys.readouterr().err


@pytest.mark.parametrize("status", [408, 429])
def test_a_server_that_asks_for_patience_gets_it(served, opened, capsys, status):
    served.refused["a-000000.tar"] = [status] * 2  # a HEAD and a GET
    assert opened().index.keys == ["k0", "k1"]
    assert f"HTTP {status}" in capsys.readouterr().err


class NoCredentialsError(Exception):
    """As botocore's, which is not installed everywhere."""


def not_there(cause):
    """An error that a file is not there, as a store raises it out of another."""
    error = FileNotFoundError("bucket/a.tar")
    error.__cause__ = cause
    return error


class OfGoogleError(Exception):
    """With a status as gcsfs tells it."""

    code = 401


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (
            NoCredentialsError("Unable to locate credentials"),
            r"credentials: NoCredentialsError: Unable .*; set",
        ),
        (OSError("Forbidden: bucket/a.tar"), r"not for us: OSError: Forbidden: bucket/a\.tar"),
        (not_there(FileNotFoundError(2, "No such file")), "is not there, or not for us"),
        (OfGoogleError("Invalid Credentials, 401"), "not for us: HTTP 401"),
    ],
)
def test_a_store_that_refuses_us_is_asked_once(cache, capsys, monkeypatch, raised, told):
    asked = []

    def info(self, path, **options):
        asked.append(path)
        raise raised

    monkeypatch.setattr(MemoryFileSystem, "info", info)
    try:
        outcome = RemoteShards(cache).open(Address("memory://bucket/a.tar"))
        said = capsys.readouterr().err
    except MultigraftError as error:
        outcome, said = None, str(error)
    assert outcome is None
    assert re.search(told, said)
    assert len(asked) == 1


@pytest.mark.parametrize("silently", [False, True])
def test_a_lost_connection_is_found_by_the_length_and_tried_again(served, opened, capsys, silently):
    (served.folder / "manifest.json").unlink(missing_ok=True)
    served.cut_silently = silently
    shard = opened()
    served.cut["a-000000.tar"] = 2
    assert shard.read(1, "bin") == b"\1" * SIZE
    assert served.fetched("a-000000.tar") == 3
    assert "try 3 of 3" in capsys.readouterr().err


def test_a_connection_that_is_always_lost_leaves_no_half_copy(served, opened, tmp_path):
    shard = opened()
    served.cut["a-000000.tar"] = 9
    with pytest.raises(MultigraftError, match="failed 3 times"):
        shard.read(1, "bin")
    assert copies(tmp_path) == []
    assert [each.name for each in shard.path.parent.iterdir() if each.name.endswith(".part")] == []


def test_a_file_that_changed_under_way_is_an_error_and_a_new_one_afterwards(served, opened, tmp_path):
    shard = opened()
    served.marks["a-000000.tar"] = '"new"'
    with pytest.raises(MultigraftError, match="is another file than when it was opened"):
        shard.read(0, "bin")
    new = opened()
    assert new.read(0, "bin") == bytes(SIZE)
    assert new.path != shard.path


def test_bytes_that_the_manifest_denies_are_refused(served, opened):
    manifest = served.folder / "manifest.json"
    facts = json.loads(manifest.read_text())
    facts["shards"]["a-000001.tar"]["sha256"] = "0" * 64
    manifest.write_text(json.dumps(facts))
    with pytest.raises(MultigraftError, match=r"SHA-256 is not that of the manifest\.json beside it"):
        opened("a-000001.tar").read(0, "bin")
    assert opened("a-000000.tar").read(0, "bin") == bytes(SIZE)


def test_what_is_not_there_is_no_shard_and_a_length_is_needed(served, opened, capsys):
    assert opened("none.tar") is None
    assert "none.tar is not there, or not for us: HTTP 404" in capsys.readouterr().err
    served.says_length = False
    assert opened() is None
    assert "does not say how long it is" in capsys.readouterr().err


def test_a_server_that_is_away_is_told_with_its_address(served, opened):
    served.close()
    with pytest.raises(MultigraftError, match=r"asking for http://127.0.0.1:\d+/a-000000.tar failed 3 times"):
        opened()


def test_files_of_one_name_in_two_folders_are_two(served, cache):
    for name in ("one", "two"):
        with ShardWriter(served.folder / name, "x") as writer:
            writer.write("k", None, {"txt": name.encode()})
    remote = RemoteShards(cache)
    shards = [remote.open(Address(f"{served.address}/{name}/x-000000.tar")) for name in ("one", "two")]
    assert [shard.read(0, "txt") for shard in shards] == [b"one", b"two"]


def test_a_signature_in_an_address_is_used_and_not_told(served, cache):
    shard = RemoteShards(cache).open(Address(f"{served.address}/a-000000.tar?signature=secret"))
    assert shard.read(0, "bin") == bytes(SIZE)
    assert shard.name == f"{served.address}/a-000000.tar?..."
    assert all("secret" not in str(path) + path.read_text() for path in shard.path.parent.glob("facts.json"))
    assert served.fetched("a-000000.tar.index") == 1


def test_an_error_is_told_without_the_password_of_an_address():
    error = OSError('no connection to "http://user:secret@host:1/bucket/a.tar"')
    assert retrying.told(error) == 'OSError: no connection to "http://host:1/bucket/a.tar"'


def test_a_full_cache_loses_what_was_not_used_for_longest(served, tmp_path):
    size = (served.folder / "a-000000.tar").stat().st_size
    shards = [
        RemoteShards(ShardCache(tmp_path / "cache", int(2.5 * size))).open(Address(f"{served.address}/a-00000{n}.tar"))
        for n in range(3)
    ]
    for number, shard in enumerate(shards):
        shard.read(0, "bin")
        os.utime(shard.path.parent / "facts.json", (number, number))
        if number == 0:
            shard._cache._held.clear()  # as if its process had ended
    assert copies(tmp_path) == sorted(shard.path for shard in shards[1:])
    assert shards[0].read(0, "bin") == bytes(SIZE)
    assert served.fetched("a-000000.tar") == 2
    assert served.fetched("a-000000.tar.index") == 1


def test_what_another_process_reads_is_never_removed(served, tmp_path, capsys):
    size = (served.folder / "a-000000.tar").stat().st_size
    cache = ShardCache(tmp_path / "cache", int(1.5 * size))
    first, second = (RemoteShards(cache).open(Address(f"{served.address}/a-00000{n}.tar")) for n in range(2))
    first.read(0, "bin")
    code = "import sys\nfrom pathlib import Path\nfrom multigraft.core.data.open_file import OpenFile\n"
    code += "file = OpenFile(Path(sys.argv[1]))\nprint(file.hold(), flush=True)\nsys.stdin.read()"
    reader = subprocess.Popen(
        [sys.executable, "-c", code, first.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert reader.stdout.readline() == "True\n"
    cache._held.clear()
    second.read(0, "bin")
    assert first.path.exists()
    assert "all of it is being read" in capsys.readouterr().err
    reader.communicate("")
    cache._held.clear()
    OpenFile(second.path)
    third = RemoteShards(cache).open(Address(f"{served.address}/a-000002.tar"))
    third.read(0, "bin")
    assert copies(tmp_path) == [third.path]


def test_one_process_holds_half_of_the_cache_at_most_and_goes_through_all(served, tmp_path, capsys):
    size = (served.folder / "a-000000.tar").stat().st_size
    remote = RemoteShards(ShardCache(tmp_path / "cache", 2 * size))
    shards = [remote.open(Address(f"{served.address}/a-00000{n}.tar")) for n in range(3)]
    for _ in range(3):
        assert [shard.read(0, "bin")[0] for shard in shards] == [0, 2, 4]
        assert len(copies(tmp_path)) == 2
    assert "all of it" not in capsys.readouterr().err


def test_what_a_killed_process_left_half_fetched_goes_and_what_another_one_fetches_counts(tmp_path, capsys):
    code = "import sys, time\nfrom pathlib import Path\n"
    code += "from multigraft.core.data.remote.cache import Entry, ShardCache\n"
    code += "def fetch(target, most):\n    target.write_bytes(bytes(5000))\n    print(flush=True)\n    time.sleep(60)\n"
    code += "ShardCache(Path(sys.argv[1]), 10_000).opened(Entry(sys.argv[2], 'a.tar', 'far', 6000, fetch))"
    command = [sys.executable, "-c", code, tmp_path / "cache"]
    killed, living = (subprocess.Popen([*command, name], stdout=subprocess.PIPE) for name in ("killed", "living"))
    for process in (killed, living):
        process.stdout.readline()
    killed.kill()
    killed.communicate()
    entry = Entry("new", "a.tar", "far", 6000, lambda target, most: target.write_bytes(bytes(6000)))
    ShardCache(tmp_path / "cache", 10_000).opened(entry)
    assert [each.parent.name for each in tmp_path.glob("cache/*/.*.part")] == ["living"]
    assert "all of it is being read" in capsys.readouterr().err
    living.kill()
    living.communicate()


def test_a_shard_larger_than_the_cache_is_refused(served, tmp_path):
    shard = RemoteShards(ShardCache(tmp_path / "cache", 1000)).open(Address(f"{served.address}/a-000000.tar"))
    with pytest.raises(MultigraftError, match=r"more than all of `data\.cache\.gigabytes`"):
        shard.read(0, "bin")


def test_threads_and_processes_fetch_a_shard_once(served, tmp_path):
    code = "import sys\nfrom pathlib import Path\nfrom multigraft.core.data.remote.address import Address\n"
    code += "from multigraft.core.data.remote.cache import ShardCache\n"
    code += "from multigraft.core.data.remote.remote_shard import RemoteShards\n"
    code += "shard = RemoteShards(ShardCache(Path(sys.argv[1]), 1 << 30)).open(Address(sys.argv[2]))\n"
    code += "print(len(shard.read(0, 'bin')))"
    command = [sys.executable, "-c", code, tmp_path / "cache", f"{served.address}/a-000000.tar"]
    others = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    shard = RemoteShards(ShardCache(tmp_path / "cache", 1 << 30)).open(Address(f"{served.address}/a-000000.tar"))
    with ThreadPoolExecutor(4) as pool:
        assert {len(data) for data in pool.map(lambda n: shard.read(n % 2, "bin"), range(16))} == {SIZE}
    assert [other.communicate()[0] for other in others] == [f"{SIZE}\n"] * 2
    assert served.fetched("a-000000.tar") == 1


def test_a_copy_that_was_cut_is_fetched_again(served, opened):
    shard = opened()
    shard.read(0, "bin")
    shard.path.write_bytes(shard.path.read_bytes()[:3000])
    assert opened().read(1, "bin") == b"\1" * SIZE
    assert served.fetched("a-000000.tar") == 2


def test_a_damaged_copy_is_a_bad_sample(served, opened):
    shard = opened()
    shard.read(0, "bin")
    data, status = shard.path.read_bytes(), shard.path.stat()
    shard.path.write_bytes(data.replace(b"\1" * SIZE, b"\1" * (SIZE - 1) + b"?"))
    os.utime(shard.path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(BadSample, match=r"wrong crc: .* remove its copy"):
        opened().read(1, "bin")
    shard.path.unlink()
    (shard.path.parent / "facts.json").unlink()
    assert opened().read(1, "bin") == b"\1" * SIZE


@pytest.mark.parametrize("scheme", ["memory", "file"])
def test_other_stores_are_read_as_well(served, cache, scheme, tmp_path):
    data = (served.folder / "a-000000.tar").read_bytes()
    text = "memory://bucket/a.tar" if scheme == "memory" else f"file://{tmp_path}/elsewhere/a.tar"
    for address, content in ((text, data), (f"{text}.index", index_path(served.folder / "a-000000.tar").read_bytes())):
        store, path = fsspec.core.url_to_fs(address)
        store.makedirs(path.rpartition("/")[0], exist_ok=True)
        store.pipe_file(path, content)
    shard = RemoteShards(cache).open(Address(text))
    assert not shard.path.exists()
    assert shard.read(1, "bin") == b"\1" * SIZE
    assert RemoteShards(cache).open(Address(text.replace("a.tar", "none.tar"))) is None


def test_a_recipe_s_patterns_open_local_and_remote_shards_in_their_order(served, cache):
    known = OpenShards(RemoteShards(cache))
    places = [
        place
        for pattern in (f"{served.address}/a-{{000002,000000}}.tar", "a-000001.tar")
        for place in known.named(pattern, served.folder)
    ]
    shards = known.shards(places)
    assert [shard.index.keys[0] for shard in shards] == ["k4", "k0", "k2"]
    assert known.shards(places) == shards
    with pytest.raises(MultigraftError, match="is no local file"):
        OpenShards().shards(places)
