"""BabyAI episodes: what is planned, played, filmed and asked."""

import io
from collections import Counter, defaultdict

import av
import numpy as np
import pytest

from multigraft.plugins.quickstart.episode import Leg, play
from multigraft.plugins.quickstart.episode_plan import KINDS, Plan, Thing, plan_episodes, split_sizes
from multigraft.plugins.quickstart.episode_questions import ask
from multigraft.plugins.quickstart.film import encode, timed_frames


def plan(kind, target, seed=5):
    return Plan("babyai-train-000000", kind, target, asks_action=True, answer_place=2, seed=seed)


def multiple_choice(episodes=1000):
    """Questions about planned episodes; the rooms play no part in them."""
    rows = []
    for one in plan_episodes("train", episodes, 0):
        visited = (one.target,) if one.target else tuple(Thing(c, "ball") for c in ("red", "blue", "grey", "green"))
        rows += [row for row in ask(one, visited, "") if row.choices]
    return rows


def test_splits_hold_all_episodes_and_most_are_for_training():
    assert split_sizes(4500) == {"validation": 270, "test": 630, "train": 3600}
    assert sum(split_sizes(20).values()) == 20
    assert min(split_sizes(3).values()) == 1


def test_things_are_dealt_evenly():
    plans = plan_episodes("train", 4500, 0)
    kinds = Counter(one.kind for one in plans)
    reached = Counter(one.target for one in plans if one.kind in ("go-to", "pick-up", "open"))

    assert kinds == {kind: 90 * share for kind, share in KINDS.items()}
    assert len(reached) == 24
    assert max(reached.values()) - min(reached.values()) <= 2


def test_every_question_has_four_choices_and_the_right_one_at_every_place():
    rows = multiple_choice()
    places = Counter(row.choices.index(row.answers[0].text) for row in rows)

    assert all(len(set(row.choices)) == 4 for row in rows)
    assert all(places[place] / len(rows) == pytest.approx(0.25, abs=0.03) for place in range(4))


@pytest.mark.parametrize("kind", ["object", "colour", "type", "action"])
def test_each_choice_is_equally_likely_given_the_text(kind):
    """Majority answers of one half, by set of choices and then overall, are right at chance on the other half."""
    rows = [row for row in multiple_choice(12000) if row.type == kind]
    by_choices, overall = defaultdict(Counter), Counter()
    for row in rows[::2]:
        by_choices[row.text, frozenset(row.choices)][row.answers[0].text] += 1
        overall[row.text, row.answers[0].text] += 1

    def guess(row):
        counts = by_choices[row.text, frozenset(row.choices)]
        return max(row.choices, key=lambda choice: (counts[choice], overall[row.text, choice]))

    rest = rows[1::2]
    right = sum(guess(row) == row.answers[0].text for row in rest)
    assert right / len(rest) == pytest.approx(0.25, abs=0.035)


def test_the_answers_to_what_came_first_and_last_are_the_order_of_the_stops():
    stops = [Thing("red", "ball"), Thing("blue", "key"), Thing("grey", "box"), Thing("green", "ball")]
    rows = [row for row in ask(plan("tour", None), stops, "") if row.choices]

    assert [row.answers[0].text for row in rows] == ["red ball", "green ball"]
    assert all(set(row.choices) == {str(stop) for stop in stops} for row in rows)


@pytest.mark.parametrize(
    ("kind", "target", "mission"),
    [
        ("go-to", Thing("red", "ball"), "go to the red ball"),
        ("pick-up", Thing("grey", "key"), "pick up the grey key"),
        ("open", Thing("blue", "door"), "open the blue door"),
        ("put-next", Thing("green", "box"), "put the green box next to the "),
    ],
)
def test_the_expert_does_what_was_planned(kind, target, mission):
    episode = play(plan(kind, target))

    assert episode.mission.startswith(mission)
    assert episode.visited[0] == target
    assert episode.legs[0].frames[0].shape == (126, 126, 3)


def test_a_tour_stops_in_front_of_four_things_in_view_at_even_times():
    episode = play(plan("tour", None))
    film = timed_frames(episode.legs)
    shown = [film[round(third * (len(film) - 1) / 3)] for third in range(4)]

    assert len(set(episode.visited)) == 4
    assert all(np.array_equal(view, leg.frames[-1]) for view, leg in zip(shown, episode.legs, strict=True))


def test_the_last_frame_of_a_leg_is_held_until_its_share_is_over():
    black, white, red = (np.full((2, 2, 3), value, np.uint8) for value in (0, 255, 99))
    film = timed_frames([Leg((black, white), 0.75, 0.5), Leg((red,), 0.25, 0.25)])

    assert [frame[0, 0, 0] for frame in film] == [0, 255, 255, 99]


def test_a_film_is_a_real_mp4_whose_colours_survive():
    film = timed_frames(play(plan("go-to", Thing("purple", "box"))).legs)
    with av.open(io.BytesIO(encode(film))) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]

    assert len(decoded) == len(film)
    errors = [np.abs(a.astype(int) - b).mean() for a, b in zip(decoded, film, strict=True)]
    assert max(errors) < 6


def test_equal_plans_give_equal_films():
    one, other = (encode(timed_frames(play(plan("pick-up", Thing("red", "key"))).legs)) for _ in range(2))

    assert one == other
