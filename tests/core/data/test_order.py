from hypothesis import given
from hypothesis import strategies as st

from multigraft.core.data.order import Order
from multigraft.core.data.seeding import permutation, seeded

counts = st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(any)


@given(counts, st.integers(0, 3), st.integers(1, 5), st.integers(0, 3))
def test_each_annotation_comes_exactly_once_an_epoch(counts, seed, window, epoch):
    order = Order(counts, seed, "vqa", window)
    places = [order.place(epoch * order.size + position) for position in range(order.size)]
    assert {place.epoch for place in places} == {epoch}
    assert sorted((place.shard, place.row) for place in places) == [
        (shard, row) for shard, count in enumerate(counts) for row in range(count)
    ]


@given(counts, st.integers(1, 5), st.randoms())
def test_the_order_does_not_depend_on_what_was_asked_before(counts, window, random):
    straight = Order(counts, 7, "vqa", window)
    jumping = Order(counts, 7, "vqa", window)
    indices = list(range(3 * straight.size))
    expected = [straight.place(index) for index in indices]
    random.shuffle(indices)
    assert all(jumping.place(index) == expected[index] for index in indices)


def test_epochs_seeds_and_tasks_have_orders_of_their_own():
    def first_epoch(seed=0, task="vqa", epoch=0):
        order = Order([50] * 4, seed, task, 2)
        return [(place.shard, place.row) for place in map(order.place, range(epoch * 200, epoch * 200 + 200))]

    orders = [first_epoch(), first_epoch(seed=1), first_epoch(task="caption"), first_epoch(epoch=1)]
    assert all(a != b for number, a in enumerate(orders) for b in orders[:number])
    assert first_epoch() == first_epoch()


def test_only_a_window_of_shards_is_open_at_a_time():
    order = Order([100] * 20, 0, "vqa", 4)
    for start in range(0, 2000, 400):
        assert len({order.place(index).shard for index in range(start, start + 400)}) == 4
    assert len({order.place(index).shard for index in range(32)}) == 4


def test_ten_million_annotations_are_entered_anywhere_without_walking_them():
    order = Order([500] * 20_000, 0, "vqa", 8)
    places = [order.place(index) for index in range(9_000_000, 9_000_100)]
    assert len({(place.shard, place.row) for place in places}) == 100
    assert len({place.shard for place in places}) <= 8


def test_numbers_do_not_change_between_versions():
    assert seeded("vqa", 1) == 248725608698917470730169950216242651882
    assert permutation(8, "vqa", 1).tolist() == [4, 1, 5, 6, 0, 2, 3, 7]


@given(counts, st.integers(0, 50))
def test_replacements_are_of_the_same_epoch_and_repeat(counts, index):
    order = Order(counts, 0, "vqa", 2)
    drawn = [order.drawn(index, attempt) for attempt in range(5)]
    assert drawn == [order.drawn(index, attempt) for attempt in range(5)]
    assert all(place.epoch == index // order.size and place.row < counts[place.shard] for place in drawn)
