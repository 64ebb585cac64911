"""One self-contained HTML page about a run."""

from multigraft.core.report.write import write_report

__all__ = ["write_report"]
