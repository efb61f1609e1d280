"""``/v1/fine_tuning/checkpoints/…/permissions``: sharing, which takes an admin key.

This service has one project and one key, which is no admin key; so the answer is the one that any
other key gets.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tui.service.errors import ApiError
from tui.service.routes.models import no_such_model
from tui.service.service import service_of

_SCOPES = {
    "GET": "api.fine_tuning.checkpoints.read",
    "POST": "api.fine_tuning.checkpoints.write",
    "DELETE": "api.fine_tuning.checkpoints.write",
}


async def refuse(request: Request) -> Response:
    """Say that it takes an admin key."""
    model = request.path_params["model"]
    if service_of(request).store.model(model) is None:
        raise no_such_model(model)
    scope = _SCOPES.get(request.method, _SCOPES["GET"])
    raise ApiError(
        403,
        f"You have insufficient permissions for this operation. Missing scopes: {scope}. Sharing a"
        " checkpoint takes an admin key, and this service has one project only.",
        code="missing_scope",
    )


_ALL = "/v1/fine_tuning/checkpoints/{model}/permissions"
ROUTES = [
    Route(_ALL, refuse, methods=["GET", "POST"]),
    Route(f"{_ALL}/{{permission_id}}", refuse, methods=["DELETE"]),
]
