"""The verbs of the command line: path, what to import when it is called, and one line of help."""

from multigraft.core.registry.component import Command

_CLI = "multigraft.core.cli"

VERBS = (
    Command(("init",), f"{_CLI}.init:init", "Write a commented recipe to start from"),
    Command(("check",), f"{_CLI}.check:check", "Find every problem of a recipe before it costs time"),
    Command(("show",), f"{_CLI}.show:show", "Print a recipe with all defaults filled in"),
    Command(("train",), f"{_CLI}.train:train", "Train a graft, or go on with a run"),
    Command(("search",), f"{_CLI}.search:search", "Find values of a recipe's keys, at a fraction of a training"),
    Command(("eval",), f"{_CLI}.eval:evaluate", "Score a run, with or without a control"),
    Command(("predict",), f"{_CLI}.predict:predict", "Answer one question about your own pictures or video"),
    Command(("report",), f"{_CLI}.report:report", "Write a run's page of scores, curves and sample predictions"),
    Command(("export",), f"{_CLI}.export:export", "Take one task out of a run, to use alone"),
    Command(("merge",), f"{_CLI}.merge:merge", "Add up adapters of several tasks or runs, with weights"),
    Command(("data", "pack"), f"{_CLI}.data_pack:pack", "Pack your own tables and media into shards"),
    Command(("data", "inspect"), f"{_CLI}.data_inspect:inspect", "Show what is in a shard"),
    Command(("data", "index"), f"{_CLI}.data_index:index", "Make the indices of shards"),
    Command(("data", "verify"), f"{_CLI}.data_verify:verify", "Read all of some shards, and find what is wrong"),
    Command(("data", "merge"), f"{_CLI}.data_merge:merge", "Write the samples of shards to new ones of equal size"),
    Command(("data", "split"), f"{_CLI}.data_split:split", "Part shards so that no medium is in two parts"),
    Command(("data", "stats"), f"{_CLI}.data_stats:stats", "Count what shards hold, with a page of plots"),
    Command(("data", "encode"), f"{_CLI}.data_encode:encode", "Run the frozen encoders once, without a training"),
    Command(("plugins", "list"), f"{_CLI}.plugins_list:list_plugins", "List the plugins and what became of them"),
    Command(("plugins", "show"), f"{_CLI}.plugins_show:show_plugin", "Show a plugin's components and their options"),
    Command(("plugins", "doctor"), f"{_CLI}.plugins_doctor:doctor", "Find what is wrong with the plugins"),
)

GROUPS: dict[tuple[str, ...], str] = {
    ("bench",): "Compare methods with each other",
    ("data",): "Make, inspect and encode shards",
    ("plugins",): "See which plugins there are, and whether they are well",
}
