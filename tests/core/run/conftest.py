"""Tables with pictures beside them, and a recipe that names these as they are."""

import json
from io import BytesIO
from types import SimpleNamespace

import pytest
from PIL import Image

RECIPE = """
trunk:
  encoder: {{kind: timm, model: test_efficientnet, weights: random, size: 64}}
  backbone:
    kind: t5
    weights: random
    architecture:
      {{vocab_size: 300, d_model: 16, d_kv: 8, d_ff: 24, num_layers: 2, num_heads: 2, dropout_rate: 0.1,
       decoder_start_token_id: 0}}
  prompt: {{kind: linear, tokens: 4, frame_tokens: 1, frames: 4}}
tasks:
  vqa:
    kind: visual-question-answering
    data:
      train: {train}
      validation: {validation}
    evaluator: {{kind: generate, max_tokens: 6}}
graft:
  adapters: [{{kind: bottleneck, width: 4}}]
train: {{steps: 4, batch: 8, log_every: 1, checkpoint_every: 2,
        optimizer: {{rate: 5.0e-3, schedule: constant, warmup: 0}}}}
eval: {{batch: 16, controls: [shuffled-media]}}
data: {{root: {root}}}
"""
TRAIN = "{table: train.jsonl, media: images/, map: {question: text, answers: answers, image: media}}"
VALIDATION = "[{table: validation.csv, media: images, map: {question: text, answer: answers, image: media}}]"
COLOURS = {"red": (220, 30, 30), "green": (30, 180, 30), "blue": (30, 30, 220)}


def picture(colour, number):
    """A square on a ground whose grey is another one for each number."""
    image = Image.new("RGB", (32, 32), (200 - number,) * 3)
    image.paste(COLOURS[colour], (8, 8, 24, 24))
    stream = BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="session")
def make_tables():
    """Write 24 rows about 12 pictures as JSON lines, and 10 rows as CSV, into a folder with a recipe for them."""

    def make(folder, train=TRAIN, validation=VALIDATION):
        (folder / "images" / "more").mkdir(parents=True)
        rows = []
        for number in range(24):
            colour = list(COLOURS)[number % 3]
            name = f"more/{number % 12}.png" if number % 2 else f"{number % 12}.png"
            (folder / "images" / name).write_bytes(picture(colour, number % 12))
            answers = [colour, {"text": f"dark {colour}", "score": 0.3}]
            rows.append({"question": f"what colour is {number}?", "answers": answers, "image": name})
        (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        lines = [f"{row['question']},{row['answers'][0]},{row['image']}\n" for row in rows[:10]]
        (folder / "validation.csv").write_text("question,answer,image\n" + "".join(lines))
        (folder / "recipe.yaml").write_text(RECIPE.format(root=folder, train=train, validation=validation))
        return SimpleNamespace(folder=folder, recipe=folder / "recipe.yaml", rows=rows)

    return make


@pytest.fixture
def tables(make_tables, tmp_path):
    """Such tables in a folder of their own."""
    return make_tables(tmp_path / "data")
