"""``/v1/models``: what can be tuned or used."""

from __future__ import annotations

import shutil

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tui.service.errors import ApiError, bad_request
from tui.service.objects import model_object, plain_list
from tui.service.service import Service, service_of

# Base models have always been there; a fixed date keeps the list the same from call to call.
BASE_CREATED = 1_763_683_200


def _objects(service: Service) -> dict[str, dict[str, object]]:
    found = {name: model_object(name, BASE_CREATED) for name in sorted(service.config.engines)}
    for row in service.store.models():
        found[row["id"]] = model_object(row["id"], row["created_at"], "org-local")
    return found


def no_such_model(model_id: str) -> ApiError:
    """Return the error for a model that is not there."""
    return ApiError(
        404,
        f"The model '{model_id}' does not exist or you do not have access to it.",
        param="model",
        code="model_not_found",
    )


async def list_models(request: Request) -> Response:
    """List base models and fine-tuned ones."""
    return JSONResponse(plain_list(_objects(service_of(request)).values()))


async def retrieve(request: Request) -> Response:
    """Show a model."""
    model_id = request.path_params["model_id"]
    found = _objects(service_of(request)).get(model_id)
    if found is None:
        raise no_such_model(model_id)
    return JSONResponse(found)


async def delete(request: Request) -> Response:
    """Delete a fine-tuned model."""
    service = service_of(request)
    model_id = request.path_params["model_id"]
    if model_id in service.config.engines:
        raise bad_request(f"{model_id} is a base model and cannot be deleted.", "model")
    row = service.store.model(model_id)
    if row is None:
        raise no_such_model(model_id)
    if service.queue.in_use(row["path"]):
        raise bad_request(
            f"{model_id} is in use by an unfinished job; cancel that first.",
            "model",
            "model_in_use",
        )
    with service.store.transaction():
        service.store.delete_model(model_id)
        service.store.drop_checkpoints_at(row["path"])
    if not service.store.path_in_use(row["path"]):
        shutil.rmtree(service.config.data_dir / row["path"], ignore_errors=True)
    return JSONResponse({"id": model_id, "object": "model", "deleted": True})


ROUTES = [
    Route("/v1/models", list_models, methods=["GET"]),
    Route("/v1/models/{model_id:path}", retrieve, methods=["GET"]),
    Route("/v1/models/{model_id:path}", delete, methods=["DELETE"]),
]
