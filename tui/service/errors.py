"""Errors of the service, in the shape the hosted one gives them."""

from __future__ import annotations

import errno
import sqlite3
from typing import Any

# EFBIG is what a process limit on file size gives: for the caller, the same as a full disk.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class ApiError(Exception):
    """An error answer.

    Args:
        status: The HTTP status.
        message: What went wrong, in a full sentence.
        kind: The error's ``type``.
        param: The parameter at fault, if one is.
        code: A stable word, if there is one.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.param = param
        self.code = code

    def to_json(self) -> dict[str, Any]:
        """Return the body of the answer."""
        return {
            "error": {
                "message": self.message,
                "type": self.kind,
                "param": self.param,
                "code": self.code,
            }
        }


def bad_request(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """Return a 400 about one parameter."""
    return ApiError(400, message, param=param, code=code)


def wrong_type(param: str, wanted: str, value: object) -> ApiError:
    """Return the error for a parameter of the wrong type."""
    names = {str: "a string", bool: "a boolean", int: "an integer", float: "a decimal",
             list: "an array", dict: "an object", type(None): "null"}  # fmt: skip
    got = names.get(type(value), "something else")
    return bad_request(
        f"Invalid type for '{param}': expected {wanted}, but got {got} instead.",
        param,
        "invalid_type",
    )


def storage_full() -> ApiError:
    """Return the answer for a full disk."""
    return ApiError(
        507,
        "The service's disk is full, so nothing was kept. Free some space and try again.",
        kind="server_error",
        code="insufficient_storage",
    )


def is_storage_full(error: BaseException) -> bool:
    """Tell whether an error means that there is no room left on the disk."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    if isinstance(error, sqlite3.OperationalError):
        name = getattr(error, "sqlite_errorname", "")
        return name in ("SQLITE_FULL", "SQLITE_IOERR_WRITE")
    return False
