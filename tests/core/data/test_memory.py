import subprocess
import sys

BOUNDED = """
import numpy as np
from multigraft.core.data.memory import memory_at_most, bound_this_process

def fits(megabytes):
    try:
        return bool(np.ones(megabytes << 20, np.uint8)[-1])
    except MemoryError:
        return False

with memory_at_most(20 << 20):
    print(fits(60))
bound_this_process()
with memory_at_most(100 << 20):
    with memory_at_most(20 << 20):
        print(fits(10), fits(60))
    print(fits(60), fits(200))
print(fits(200))
"""


def test_a_bounded_process_allocates_no_more_than_it_may_and_others_what_they_like():
    done = subprocess.run([sys.executable, "-c", BOUNDED], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["True", "True False", "True False", "True", ""]
