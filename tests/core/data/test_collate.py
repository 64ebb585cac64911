import numpy as np
import pytest
import torch

from multigraft.core.data.collate import collate
from multigraft.core.data.rows import RowMaker, TextLimits
from multigraft.core.types.annotation import Annotation
from multigraft.core.types.batch import IGNORED, Segment
from multigraft.core.types.media import Media
from multigraft.core.types.sample import Sample, TextPair
from multigraft.core.types.vocabulary import Vocabulary


class CharacterBackbone:
    """Tokens are characters; 1 ends a text."""

    vocabulary = Vocabulary(256)

    def tokenize(self, texts, limit=None):
        rows = [[*text.encode()[: limit - 1], 1] for text in texts]
        width = max(map(len, rows))
        ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
        return ids, ids != 0

    def tokenize_targets(self, texts, limit=None):
        ids, mask = self.tokenize(texts, limit)
        return ids.masked_fill(~mask, IGNORED)


def picture(value):
    return Media("image", "visual", np.full((1, 3, 4, 4), value, np.uint8), np.zeros(1, np.float32))


def clip(*values):
    frames = np.stack([np.full((3, 4, 4), value, np.uint8) for value in values])
    return Media("video", "visual", frames, np.arange(len(values), dtype=np.float32) / 2)


def sample(task, text, *media, target="no", weight=1.0):
    return Sample(task, Annotation(id=text, task=task), TextPair(text, target, weight), media, "a.tar#k")


def collated(samples, limits=None):
    limits = limits or {"a": TextLimits(9, 9)}
    return collate(RowMaker(CharacterBackbone(), limits).rows(samples), list(limits))


@pytest.fixture
def batch():
    samples = [
        sample("b", "one", clip(5, 6)),
        sample("a", "twelve", picture(1), picture(2), weight=0.5),
        sample("b", "2", picture(3), clip(7, 8, 9), target="maybe"),
        sample("a", "xy"),
    ]
    return collated(samples, {"a": TextLimits(5, 9), "b": TextLimits(9, 9)})


def test_rows_are_sorted_by_task_and_stay_in_order_within_it(batch):
    assert [each.example.text for each in batch.samples] == ["twelve", "xy", "one", "2"]
    assert batch.segments == (Segment("a", 0, 2), Segment("b", 2, 4))
    assert batch.weights.tolist() == [0.5, 1.0, 1.0, 1.0]


def test_rows_about_the_same_media_have_equal_keys():
    def asked(task, text, span=None, fields=("png",), origin="a.tar#k"):
        annotation = Annotation(id=text, task=task, media=fields, span=span)
        return Sample(task, annotation, TextPair(text, "no"), (), origin)

    same = [asked("a", "what?"), asked("a", "where?"), asked("b", "what?")]
    others = [asked("b", "1", (0.0, 1.0)), asked("b", "2", fields=("1.png",)), asked("b", "3", origin="a.tar#l")]
    keys = collated(same + others, {"a": TextLimits(9, 9), "b": TextLimits(9, 9)}).media_keys.tolist()
    assert len(set(keys[:3])) == 1
    assert len(set(keys)) == 4


def test_texts_are_cut_by_task_and_padded_over_all(batch):
    assert batch.texts["text"].ids.tolist()[0] == [*b"twel", 1]
    assert batch.texts["text"].mask.sum(1).tolist() == [5, 3, 4, 2]
    assert batch.texts["text"].mask.dtype == torch.bool
    assert batch.texts["target"].ids.tolist()[0] == [*b"no", 1, IGNORED, IGNORED, IGNORED]
    assert batch.texts["target"].ids.tolist()[3] == [*b"maybe", 1]
    assert batch.texts["target"].counts == (3, 3, 3, 6)


def test_pictures_of_a_kind_lie_end_to_end(batch):
    images, videos = batch.media
    assert (images.kind, images.rows.tolist()) == ("image", [0, 3])
    assert (images.slot.tolist(), images.order.tolist()) == ([0, 0, 1], [0, 1, 0])
    assert images.arrays[:, 0, 0, 0].tolist() == [1, 2, 3]
    assert (images.numbers, images.counts, images.mask) == ((0, 3), (2, 1), None)
    assert (videos.kind, videos.rows.tolist()) == ("video", [2, 3])
    assert (videos.slot.tolist(), videos.order.tolist()) == ([0, 0, 1, 1, 1], [0, 1, 0, 1, 2])
    assert videos.arrays[:, 0, 0, 0].tolist() == [5, 6, 7, 8, 9]
    assert videos.times.tolist() == [0.0, 0.5, 0.0, 0.5, 1.0]
    assert (videos.numbers, videos.counts) == ((2, 3), (2, 3))
    assert videos.arrays.dtype == torch.uint8


def test_media_of_one_kind_and_two_modalities_are_apart_and_longer_ones_have_a_mask():
    def clip_of(modality, windows):
        return Media("audio", modality, np.ones((1, windows, 3), np.float32), np.zeros(1, np.float32))

    batch = collated(
        [sample("a", "x", clip_of("audio", 2), clip_of("speech", 4)), sample("a", "", clip_of("audio", 1))]
    )
    heard, spoken = batch.media
    assert [(each.kind, each.modality) for each in batch.media] == [("audio", "audio"), ("audio", "speech")]
    assert heard.arrays.shape == (2, 2, 3)
    assert heard.mask.tolist() == [[True, True], [True, False]]
    assert (spoken.arrays.shape, spoken.mask) == ((1, 4, 3), None)


def test_two_clips_of_a_row_are_numbered_on():
    both = collated([sample("a", "x", clip(1, 2), clip(3))])
    assert both.media[0].order.tolist() == [0, 1, 2]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_stored_features_keep_their_values(dtype):
    values = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0)).to(dtype)
    bits = values.view(torch.uint16).numpy() if dtype == torch.bfloat16 else values.numpy()
    media = Media("image", "visual", None, np.zeros(2, np.float32), bits)
    batch = collated([sample("a", "x", media)])
    assert batch.media[0].arrays is None
    assert torch.equal(batch.media[0].features, values)


def test_text_alone_has_no_media():
    batch = collated([sample("a", "x")])
    assert batch.media == ()
