"""Sources of published data sets, from the annotation files that their authors give out."""
