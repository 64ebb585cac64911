"""Write the tables of the benchmark from what is kept of its pieces: `python benchmarks/quickstart/collect.py`.

They stand between marks in the project's README.md and in the one beside this file. With `--check`, nothing is written,
and the exit code is 1 where a table is not what the pieces say.
"""

import argparse
import sys
from pathlib import Path

from pieces import HERE, kept_pieces
from tables import Kept, readme_table, score_table, time_table, variant_table

TABLES = {
    HERE.parents[1] / "README.md": {"quickstart scores": readme_table},
    HERE / "README.md": {"scores": score_table, "variants": variant_table, "times": time_table},
}
"""Who makes the table between `<!-- NAME -->` and `<!-- /NAME -->` of a page."""


def written(page: Path, kept: Kept) -> str:
    """The page with its tables made anew."""
    text = page.read_text(encoding="utf-8")
    for name, table in TABLES[page].items():
        before, start, rest = text.partition(f"<!-- {name} -->")
        _, end, after = rest.partition(f"<!-- /{name} -->")
        if not end:
            sys.exit(f"{page} has no `<!-- {name} -->` with `<!-- /{name} -->` after it")
        text = f"{before}{start}\n\n{table(kept)}\n\n{end}{after}"
    return text


def main() -> None:
    """Write the tables, or say which are out of date."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    kept = kept_pieces()
    texts = {page: written(page, kept) for page in TABLES}
    stale = [page for page, text in texts.items() if page.read_text(encoding="utf-8") != text]
    if check and stale:
        pages = ", ".join(map(str, stale))
        sys.exit(f"not what the pieces say: {pages}; run `python benchmarks/quickstart/collect.py`")
    for page in stale:
        page.write_text(texts[page], encoding="utf-8")
        print(f"{page}: written")


if __name__ == "__main__":
    main()
