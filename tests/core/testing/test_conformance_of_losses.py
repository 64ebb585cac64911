"""Objectives that keep their contract, and what is said of others."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from multigraft import Head, Loss, Need, Objective, TextRow, View
from multigraft.core.options.options import ObjectiveOptions
from multigraft.core.testing.conformance import check_built
from multigraft.init import normal

ANY = ObjectiveOptions(kind="any", sharing={"kind": "single"})
ROWS = Need("summary")


class Line(Head):
    """Two numbers of a row."""

    def __init__(self, width):
        super().__init__()
        self.output = nn.Linear(width, 2)

    def forward(self, x):
        return self.output(x)

    def initial(self, parameter):
        return normal(0.1)


class Kind(Objective):
    """Whether the target has more than three letters; a well-behaved objective that the others below spoil."""

    needs, labels = (ROWS,), ("short", "long")

    def modules(self, shapes):
        return {"kind": Line(shapes.width)}

    def prepare(self, row, draw, vocabulary):
        label = torch.tensor([int(len(row.texts["target"].ids) > 4)])
        return row.with_text("kind", TextRow(label, labels=label))

    def denominator(self, rows):
        return float(len(rows))

    def loss(self, rows, outputs):
        scores, wanted = self.label_scores(rows, outputs), rows.texts["kind"].labels
        return Loss((-scores.gather(1, wanted[:, None])[:, 0] * rows.weights).sum())

    def label_scores(self, rows, outputs):
        return outputs.module("kind", outputs.summary()).log_softmax(1)


class Needy(Kind):
    needs = (ROWS, Need("everything"))


class Reading(Kind):
    needs = (ROWS, Need("summary", View(text="masked")))


class Heavy(Kind):
    def modules(self, shapes):
        with torch.device("cpu"):
            return super().modules(shapes)


class Careless(Kind):
    def modules(self, shapes):
        head = super().modules(shapes)["kind"]
        head.initial = lambda parameter: lambda shape, generator: torch.rand(shape)
        return {"kind": head}


class Idle(Kind):
    def modules(self, shapes):
        return {**super().modules(shapes), "unused": Line(shapes.width)}


class Aside(Kind):
    def loss(self, rows, outputs):
        outputs.module("kind", outputs.summary())
        return Loss((outputs.summary().sum(1) * rows.weights).sum())


class Moody(Kind):
    def prepare(self, row, draw, vocabulary):
        return row.with_text("kind", TextRow(torch.randint(0, 2, (9,))))


class Swapping(Kind):
    def prepare(self, row, draw, vocabulary):
        made = super().prepare(row, draw, vocabulary)
        return replace(made, sample=replace(row.sample))


class Short(Kind):
    def prepare(self, row, draw, vocabulary):
        made = super().prepare(row, draw, vocabulary)
        return made.with_text("kind", TextRow(torch.arange(3), labels=torch.arange(2)))


class Endless(Kind):
    def denominator(self, rows):
        return float("inf")


class Mean(Kind):
    def denominator(self, rows):
        return 1.0


class Averaging(Kind):
    def loss(self, rows, outputs):
        return Loss(super().loss(rows, outputs).sum / len(rows.rows))


class Unweighted(Kind):
    def loss(self, rows, outputs):
        return super().loss(replace(rows, weights=torch.ones_like(rows.weights)), outputs)


class Wide(Kind):
    def loss(self, rows, outputs):
        return Loss(super().loss(rows, outputs).sum.expand(2))


class Detached(Kind):
    def loss(self, rows, outputs):
        return Loss(super().loss(rows, outputs).sum.detach())


class Showing(Kind):
    parts = ("right",)


class Remembering(Kind):
    """Appends a number a row, and keeps their mean."""

    def state(self, shapes, generator):
        return {"mean": torch.zeros(())}

    def append_shapes(self, shapes):
        return {"own": ((), torch.float32)}

    def advance(self, state, appended):
        return {"mean": appended["own"].mean()}

    def loss(self, rows, outputs):
        return replace(super().loss(rows, outputs), append={"own": rows.weights})


class Pairing(Remembering):
    def append_shapes(self, shapes):
        return {"own": ((2,), torch.float32)}


class Growing(Remembering):
    def advance(self, state, appended):
        return {"mean": appended["own"]}


class Overwriting(Remembering):
    def advance(self, state, appended):
        state["mean"].add_(1)
        return dict(state)


class Sharing(Kind):
    """All rows see each other's weights."""

    def feature_shapes(self, shapes):
        return {"weight": ((), torch.float32)}

    def features(self, rows, outputs):
        return {"weight": rows.weights}


class Misshapen(Sharing):
    def feature_shapes(self, shapes):
        return {"weight": ((), torch.float64)}


class Certain(Kind):
    def label_scores(self, rows, outputs):
        return super().label_scores(rows, outputs).exp()

    def loss(self, rows, outputs):
        return Loss(outputs.module("kind", outputs.summary()).sum() * rows.weights[0])


class Long(Kind):
    embeds = ("text",)

    def embeddings(self, rows, outputs):
        return {"text": 2 + outputs.summary()}


@pytest.mark.parametrize("objective", [Kind, Remembering, Sharing])
def test_objectives_that_keep_it(objective):
    assert check_built("objectives", lambda options: objective(), ANY) == []


@pytest.mark.parametrize(
    ("objective", "line"),
    [
        (Needy, "its `needs` hold Need(what='everything', view=View(text='text', values='student', media=True)); what "
                "is one of targets, beginning, summary, states, media, pairs, and values of student, teacher"),
        (Reading, "it reads the text 'masked', and `prepare` gives a row no such text"),
        (Heavy, "its module 'kind' takes memory on the meta device"),
        (Careless, "in its module 'kind' the start value of output.weight does not come from the generator alone"),
        (Idle, "its module 'unused' is never called by its loss"),
        (Aside, "no gradient reaches any of its modules"),
        (Moody, "`prepare` gives another row when called again with the same draw"),
        (Swapping, "`prepare` gives no row of the same sample"),
        (Short, "`prepare` gives the text 'kind' 3 ids and labels (2,)"),
        (Endless, "its denominator of 4 rows is inf, no finite number"),
        (Mean, "its denominator of 4 rows is 1, and 4 of each alone, added up"),
        (Unweighted, "rows of weight 2 have the loss"),
        (Averaging, "say `splittable = False` if rows see each other"),
        (Wide, "no finite scalar"),
        (Detached, "no gradient reaches anything that is trained"),
        (Showing, "its loss shows the parts [], and `parts` says ['right']"),
        (Pairing, "`Loss.append` is {'own': ((4,), torch.float32)}, and its shapes of rows say {'own': ((4, 2), "
                  "torch.float32)}"),
        (Growing, "`advance` gives ['mean'], or other shapes or dtypes than the state ['mean'] has"),
        (Overwriting, "`advance` writes into the state that it is given"),
        (Misshapen, "`features` is {'weight': ((4,), torch.float32)}, and its shapes of rows say {'weight': ((4,), "
                    "torch.float64)}"),
        (Certain, "`label_scores` are no log-probabilities of its labels, (rows, labels)"),
        (Long, "`embeddings` gives text vectors that are not (rows, width) of length 1"),
    ],
)  # fmt: skip
def test_objectives_that_break_it(objective, line):
    lines = check_built("objectives", lambda options: objective(), ANY)
    assert any(line in each for each in lines), lines
