"""``/v1/fine_tuning/alpha/graders``: try a grader before a job is paid for."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tui.service.errors import bad_request, wrong_type
from tui.service.graders import Grade, check_grader, grade
from tui.service.service import json_body

# Every way in which a grader can fail, in the hosted service's words; those here are few.
_ERRORS = (
    "formula_parse_error",
    "sample_parse_error",
    "truncated_observation_error",
    "unresponsive_reward_error",
    "invalid_variable_error",
    "other_error",
    "python_grader_server_error",
    "python_grader_runtime_error",
    "model_grader_server_error",
    "model_grader_refusal_error",
    "model_grader_parse_error",
)
_DETAILS = (
    "python_grader_server_error_type",
    "python_grader_runtime_error_details",
    "model_grader_server_error_details",
)


async def validate(request: Request) -> Response:
    """Say whether a grader can be run."""
    body = await json_body(request)
    if not isinstance(body, dict):
        raise bad_request("The request body must be a JSON object.")
    return JSONResponse({"grader": check_grader(body.get("grader"))})


async def run(request: Request) -> Response:
    """Grade one answer."""
    body = await json_body(request)
    if not isinstance(body, dict):
        raise bad_request("The request body must be a JSON object.")
    grader, sample, item = check_grader(body.get("grader")), body.get("model_sample"), {}
    if sample is None:
        raise bad_request(
            "Missing required parameter: 'model_sample'.",
            "model_sample",
            "missing_required_parameter",
        )
    if not isinstance(sample, str):
        raise wrong_type("model_sample", "a string", sample)
    if body.get("item") is not None:
        item = body["item"]
        if not isinstance(item, dict):
            raise wrong_type("item", "an object", item)
    result = await asyncio.to_thread(grade, grader, item, sample)
    return JSONResponse(_object(str(grader["name"]), str(grader["type"]), result))


def _object(name: str, kind: str, result: Grade) -> dict[str, object]:
    scores = result.scores or {name: result.reward}
    return {
        "reward": result.reward,
        "metadata": {
            "name": name,
            "type": kind,
            "errors": {
                **{error: error in result.errors for error in _ERRORS},
                **dict.fromkeys(_DETAILS),
            },
            "execution_time": result.seconds,
            "scores": scores,
            "token_usage": None,
            "sampled_model_name": None,
        },
        "sub_rewards": result.scores,
        "model_grader_token_usage_per_model": {},
    }


ROUTES = [
    Route("/v1/fine_tuning/alpha/graders/validate", validate, methods=["POST"]),
    Route("/v1/fine_tuning/alpha/graders/run", run, methods=["POST"]),
]
