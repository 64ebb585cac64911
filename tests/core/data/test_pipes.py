"""Shards that a command gives."""

import shlex

import pytest

from multigraft.core.data.open_shards import OpenShards
from multigraft.core.data.remote import retrying
from multigraft.core.data.remote.address import Address, addresses_of, fault_of
from multigraft.core.data.remote.cache import ShardCache
from multigraft.core.data.remote.remote_shard import RemoteShards
from multigraft.core.errors import MultigraftError


@pytest.fixture(autouse=True)
def _hardly_pause(monkeypatch):
    monkeypatch.setattr(retrying, "_FIRST_PAUSE", 0.01)


@pytest.fixture
def tar(tmp_path, make_tar, record):
    """A tar of three questions."""
    members = [(f"k{n}.json", record({"text": f"what {n}?"}, key=f"k{n}")) for n in range(3)]
    return make_tar(tmp_path / "some.tar", *members)


@pytest.fixture
def piped(tmp_path):
    """Open what a command gives."""

    def make(command, room=1 << 30, allow=True):
        return RemoteShards(ShardCache(tmp_path / "cache", room), allow).open(Address(f"pipe:{command}"))

    return make


def test_what_a_command_gives_is_spooled_once(piped, tar, tmp_path):
    command = f"echo x >> {tmp_path}/runs; cat {shlex.quote(str(tar))}"
    assert [piped(command).annotation(row).text for row in range(3)] == ["what 0?", "what 1?", "what 2?"]
    assert piped(command).index.keys == ["k0", "k1", "k2"]
    assert (tmp_path / "runs").read_text() == "x\n"


def test_a_command_is_run_only_where_the_recipe_allows_it(piped, tmp_path):
    with pytest.raises(MultigraftError, match=r"runs a command; `data\.allow_pipes: true` allows that"):
        piped(f"touch {tmp_path}/ran", allow=False)
    with pytest.raises(MultigraftError, match="is no local file"):
        OpenShards().shards([Address(f"pipe:touch {tmp_path}/ran")])
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("echo no such thing >&2; exit 3", "ended with 3: no such thing"), ("cat none.tar", "No such file"),
        ("cat none.tar | cat", "No such file"), ("true", "gave nothing"),
    ],
)  # fmt: skip
def test_a_command_that_fails_is_told_with_its_words_after_three_tries(piped, command, message, tmp_path, capsys):
    with pytest.raises(MultigraftError, match=f"running pipe:.* failed 3 times; .*{message}"):
        piped(command)
    assert capsys.readouterr().err.count("try") == 2
    assert list(tmp_path.glob("cache/*/*.tar")) == []


def test_a_command_that_fails_at_first_is_tried_again(piped, tar, tmp_path):
    command = f"if [ -e {tmp_path}/begun ]; then cat {tar}; else touch {tmp_path}/begun; head -c 1000 {tar}; exit 1; fi"
    assert piped(command).index.keys == ["k0", "k1", "k2"]


def test_a_tar_that_is_cut_is_an_error_and_leaves_nothing(piped, tar, tmp_path):
    with pytest.raises(MultigraftError, match="gives a tar that is cut: no end-of-archive block at byte 2048"):
        piped(f"head -c 2048 {tar}")
    assert list(tmp_path.glob("cache/*/pipe.tar*")) == []


def test_a_command_without_an_end_is_ended(piped):
    with pytest.raises(MultigraftError, match="gave more than the 3,000,000 bytes"):
        piped("yes", room=3_000_000)


def test_braces_make_several_commands(tar, tmp_path):
    known = OpenShards(RemoteShards(ShardCache(tmp_path / "cache", 1 << 30), allow_pipes=True))
    places = known.named(f"pipe:tail -c +{{1,1}} {tar}", tmp_path)
    assert [shard.index.keys for shard in known.shards(places)] == [["k0", "k1", "k2"]] * 2


@pytest.mark.parametrize(
    ("command", "commands"),
    [
        ("cat {a,b}.tar", ["cat a.tar", "cat b.tar"]), ("cat {08..09}", ["cat 08", "cat 09"]),
        ("awk '{print $1}' x", ["awk '{print $1}' x"]),
        ("awk '{print $1,$2}' {a,b}", ["awk '{print $1,$2}' a", "awk '{print $1,$2}' b"]),
        ("cat ${HOME}/${x,,} {} {", ["cat ${HOME}/${x,,} {} {"]),
    ],
)  # fmt: skip
def test_braces_of_a_command_that_are_no_range_or_list_stay(command, commands):
    assert [each.text for each in addresses_of(f"pipe:{command}")] == [f"pipe:{each}" for each in commands]


def test_of_a_command_the_first_word_alone_is_told_also_beside_its_copy(piped, tar, tmp_path, capsys):
    command = f"cat {shlex.quote(str(tar))} # secret"
    name = piped(command).name
    assert name.startswith("pipe:cat ... (")
    assert name != piped(f"{command} other").name
    assert all("secret" not in path.read_text() for path in tmp_path.glob("cache/*/facts.json"))
    assert str(Address("pipe:TOKEN=secret curl x")).startswith("pipe:TOKEN= ... (")
    for wrong in ("false secret", "echo secret {2..1}"):
        with pytest.raises(MultigraftError) as error:
            piped(wrong)
        assert "secret" not in str(error.value) + capsys.readouterr().err
    assert "secret" not in fault_of("pipe:curl secret", allow_pipes=False)


def test_a_password_is_hidden_whole_and_a_wrong_host_is_told():
    assert str(Address("https://u:p@ss@host/x@y.tar?key=1")) == "https://host/x@y.tar?..."
    for wrong in ("http://[bad/x", "http://host:port/x"):
        assert fault_of(wrong, allow_pipes=False) == f"{wrong} is no address: its host or port cannot be read"
