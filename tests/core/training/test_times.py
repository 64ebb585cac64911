from multigraft.core.training.times import Times


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
    assert times.of_all_sessions() == {"train": 12, "score": 30, "total": 55}


def test_sessions_add_up_and_the_longest_account_of_the_earlier_ones_counts():
    clock = Clock()
    times = Times(clock)
    times.go_on({"train": 50, "score": 0, "total": 60}, {"train": 50, "score": 20, "total": 90}, {})
    with times.spending("step"):
        clock.now += 5
    assert times.of_all_sessions() == {"train": 55, "score": 20, "total": 95}
