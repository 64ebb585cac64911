"""A predictor encodes each clip of sound once, like each picture, where no graft acts in its encoder."""

import json

import pytest

from multigraft.core.data.shard import open_shard
from multigraft.core.evaluation.predictor import Predictor
from multigraft.core.evaluation.questions import Question
from multigraft.plugins.encoders.audio_transformer import AudioTransformer


@pytest.fixture
def questions(sounds, tmp_path):
    """Clips of six lengths, the first two times."""
    shard, asked = open_shard(sounds / "sounds-validation-000000.tar"), []
    for sample in (*range(6), 0):
        path = tmp_path / f"{sample}.{('wav', 'flac')[sample % 2]}"
        path.write_bytes(shard.read(sample, path.suffix[1:], 1 << 20))
        asked.append(Question("sounds", "which pitch?", (path,)))
    return asked


def test_a_clip_is_encoded_once_and_answered_as_in_evaluation(
    train_hearing, registry, questions, tmp_path, monkeypatch
):
    train_hearing(tmp_path / "run", "train.steps=2")
    encode, clips = AudioTransformer.encode, []

    def counting(self, arrays, mask, intercept):
        clips.append(len(arrays))
        return encode(self, arrays, mask, intercept)

    monkeypatch.setattr(AudioTransformer, "encode", counting)
    with Predictor.load(tmp_path / "run", registry) as predictor:
        replies = [*predictor.answer(questions), *predictor.answer(questions[:2])]
    assert clips == [6]
    rows = [json.loads(line) for line in (tmp_path / "run" / "predictions" / "sounds.jsonl").open()]
    for reply, number in zip(replies, (*range(6), 0, 0, 1), strict=True):
        assert reply.output == rows[number]["output"]
        assert reply.score == pytest.approx(rows[number]["confidence"], abs=1e-4)
