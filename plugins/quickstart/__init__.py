"""The quickstart's data, made from ordinary packages, and the text of its small trunk."""
