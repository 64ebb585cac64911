from multigraft.core.run.times import Times


class Clock:
    """Seconds that pass when a test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_begins_inside_another_kind_is_taken_from_it():
    clock = Clock()
    times = Times(clock)
    clock.now += 10  # opening
    with times.spending("step"):
        clock.now += 5
        with times.spending("wait"):
            clock.now += 2
        with times.spending("score"):
            clock.now += 30
        clock.now += 1
        assert (times.spent("step"), times.spent("wait"), times.spent("step", "wait")) == (6, 2, 8)
    with times.spending("save"):
        clock.now += 4
    clock.now += 3
    parts = {"train/step": 6, "train/wait": 2, "train/save": 4}
    assert times.of_all_sessions() == {"train": 12, **parts, "score": 30, "total": 55}


def test_each_split_and_control_is_told_within_the_whole():
    clock = Clock()
    times = Times(clock)
    with times.spending("make"):
        clock.now += 60
    with times.spending("score"):
        clock.now += 1
        for what, seconds in (("validation", 5), ("test", 20), ("no-media", 10), ("validation", 7)):
            with times.spending(f"score/{what}"):
                clock.now += seconds
    parts = {"score/validation": 12, "score/test": 20, "score/no-media": 10}
    told = times.of_all_sessions()
    assert told == {"make": 60, "score": 43, **parts, "train": 0, "total": 103}
    assert list(told)[-1] == "total"


def test_sessions_add_up_and_the_longest_account_of_the_earlier_ones_counts():
    clock = Clock()
    times = Times(clock)
    times.go_on({"train": 50, "total": 60}, {"encode": 10, "train": 50, "train/step": 45, "score": 20, "total": 90}, {})
    with times.spending("step"):
        clock.now += 5
    assert times.of_all_sessions() == {"encode": 10, "train": 55, "train/step": 50, "score": 20, "total": 95}
