"""Sounds that cannot be read are left out, counted and listed; odd ones that can be read are not."""

import json
from io import BytesIO

import numpy as np
import pytest
import soundfile

from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.types.annotation import Annotation, Record, ScoredAnswer


def tone(seconds, rate=8000, channels=1, loud=0.3):
    stream = BytesIO()
    times = np.arange(round(seconds * rate)) / rate
    wave = loud * np.sin(5000 * times)[:, None].repeat(channels, 1)
    soundfile.write(stream, wave, rate, format="WAV")
    return stream.getvalue()


GOOD = {
    "rate": tone(0.5, 44100),
    "slow": tone(0.5, 4000),
    "stereo": tone(0.5, channels=2),
    "silent": tone(0.5, loud=0),
    "short": tone(0.001),
    "whole": tone(1.5),
}
BAD = {
    "empty": (b"", "empty file", ""),
    "cut": (tone(0.5)[:-999], "truncated audio", "it has fewer bytes than its header says"),
    "long": (tone(1.6), "too long", "1.6 s, and the encoder reads 1.5 at most"),
    "none": (tone(0.0), "no sound", "it holds no samples"),
    "words": (b"no sound at all", "not audio", "begins with"),
}


@pytest.fixture
def folder(tmp_path):
    answers = (ScoredAnswer(text="high"),)
    with ShardWriter(tmp_path, "odd") as writer:
        for key, data in {**GOOD, **{key: bad[0] for key, bad in BAD.items()}}.items():
            asked = {"id": key, "task": "sounds", "text": "which pitch?", "answers": answers, "media": ("wav",)}
            writer.write(key, Record(id=key, annotations=(Annotation(**asked),)), {"wav": data})
        asked |= {"id": "three", "media": ("0.wav", "1.wav", "2.wav")}
        media = dict.fromkeys(asked["media"], GOOD["rate"])
        writer.write("three", Record(id="three", annotations=(Annotation(**asked),)), media)
    return tmp_path


@pytest.mark.parametrize("features", ["true", "false"])
def test_bad_sounds_are_counted_and_listed(train_hearing, folder, tmp_path, features):
    data = "data: {train: [odd-*.tar], validation: [odd-*.tar]}"
    tasks = f"tasks={{sounds: {{kind: open-video-question-answering, {data}}}}}"
    options = (f"data.root={folder}", "data.bad_limit=1", f"data.features={features}", "train.steps=2", "train.batch=6")
    results = train_hearing(tmp_path / "run", tasks, *options)
    listed = [json.loads(line) for line in (tmp_path / "run" / "skipped.jsonl").read_text().splitlines()]
    found = {row["annotation"]: (row["reason"], row["detail"]) for row in listed}
    assert found.keys() == {*BAD, "three"}
    for key, (_, reason, detail) in BAD.items():
        assert found[key][0] == reason
        assert detail in found[key][1]
    assert found["three"] == ("too many audios", "the annotation names 3, and the prompt takes 2")
    assert results["tasks"]["sounds"]["n"] == len(GOOD)
    assert results["data"]["bad"] > 0
    assert results["data"]["drawn"] == 2 * 6 + results["data"]["bad"]
