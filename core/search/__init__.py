"""`multigraft search`: find values of a recipe's keys before it is trained."""
