"""What all tests share."""

from hypothesis import settings

settings.register_profile("multigraft", deadline=None, derandomize=True)
settings.load_profile("multigraft")
