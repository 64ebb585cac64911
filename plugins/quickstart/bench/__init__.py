"""`multigraft bench methods`: rows of method and sharing rule, trained with one budget and held against each other."""
