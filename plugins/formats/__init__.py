"""Answers as leaderboards take them."""
