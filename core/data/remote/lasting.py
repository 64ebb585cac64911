"""Which errors of stores and web servers stay however long one waits."""

_NOT_FOR_US = (401, 403, 404, 410)
_NO_CREDENTIALS = (
    "NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "DefaultCredentialsError",
    "ClientAuthenticationError",
)  # fmt: skip
"""Names of errors in botocore, google-auth and azure-core, none of which need be installed."""
_FORBIDDEN = "Forbidden:"
"""How gcsfs begins an OSError of the status 403."""


def stays(error: Exception) -> bool:
    """Whether a file is not there, or is not for us."""
    if status_of(error) in _NOT_FOR_US:
        return True
    if isinstance(error, FileNotFoundError | PermissionError):
        return not _may_pass(error.__cause__)
    return isinstance(error, OSError) and str(error).startswith(_FORBIDDEN)


def lacks_credentials(error: Exception) -> bool:
    """Whether there is nothing by which a store could know who asks."""
    return any(each.__name__ in _NO_CREDENTIALS for each in type(error).__mro__)


def status_of(error: Exception) -> int | None:
    """The HTTP status that a server answered with; None where none is told."""
    told = (getattr(error, "status", None), getattr(error.__cause__, "status", None), getattr(error, "code", None))
    return next((value for value in told if isinstance(value, int)), None)


def _may_pass(cause: BaseException | None) -> bool:
    """Whether a file was not found because of a network: fsspec says so of every error of a web server."""
    if isinstance(cause, FileNotFoundError | PermissionError):
        return False
    return isinstance(cause, OSError | TimeoutError) or type(cause).__module__.startswith("aiohttp")
