"""The application: resources, what their errors look like, and its own description."""

from __future__ import annotations

import re
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from headend.api import problem
from headend.api.caller import Doorkeeper
from headend.api.doorstep import Doorstep
from headend.api.faults import as_problem
from headend.api.house import House
from headend.api.problem import Problem, Told
from headend.api.routes import (
    campaigns,
    collection,
    commands,
    events,
    meters,
    network,
    people,
    readings,
    rules,
    status,
    supply,
    validated,
    webhooks,
)
from headend.errors import HeadendError
from protocols.errors import ModelError
from storage.errors import StorageError

ROUTERS: Final[tuple[APIRouter, ...]] = (
    meters.router, network.router, readings.router, collection.router, events.router, supply.router, status.router,
    commands.router, campaigns.router, rules.router, people.router, webhooks.router, validated.router,
)  # fmt: skip
_KNOWN: Final = (Problem, HTTPException, RequestValidationError, StorageError, HeadendError, ModelError, TimeoutError)
_EVERYWHERE: Final = (
    "unauthenticated",
    "forbidden",
    "too-large",
    "invalid",
    "too-many-requests",
    "fault",
    "unavailable",
)


def build(house: House, doorkeeper: Doorkeeper) -> ASGIApp:
    """Everything behind the doorstep."""
    table = house.table
    return Doorstep(
        application(house), doorkeeper, body=table.body, requests=table.requests, patience_s=house.patience_s
    )


def application(house: House | None = None) -> FastAPI:
    """Without `house` it only describes itself."""
    app = FastAPI(
        title="headend", version=version("headend"), docs_url=None, redoc_url=None, redirect_slashes=False,
        responses=problem.documented(_EVERYWHERE),
    )  # fmt: skip
    app.state.house = house
    for router in ROUTERS:
        app.include_router(router)
    for kind in (*_KNOWN, Exception):
        app.add_exception_handler(kind, _answer)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    app.openapi()  # now: it takes its time, which nobody has once meters are read
    return app


async def _answer(request: Request, error: Exception) -> Response:
    found = as_problem(error)
    if found.status == HTTPStatus.METHOD_NOT_ALLOWED:
        found.headers["allow"] = ", ".join(_methods(request.app, request.url.path))
    return problem.response(found, request.url.path, request.state.request_id)


def _methods(app: FastAPI, path: str) -> list[str]:
    """All that a resource has; starlette tells of the first route alone."""
    paths = app.openapi()["paths"]
    found = {path} if path in paths else {one for one in paths if re.fullmatch(re.sub(r"{\w+}", "[^/]+", one), path)}
    return sorted({method.upper() for one in found for method in paths[one]})


def _described(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1, with the token and the problems as they are."""
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title, version=app.version, routes=app.routes,
            description="Values are exact decimals in strings; times are RFC 3339 with their offset.",
        )  # fmt: skip
        parts = found.setdefault("components", {})
        parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        schemas = parts.setdefault("schemas", {})
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        told = Told.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= told.pop("$defs", {}) | {"Problem": told}
        found["security"] = [{"token": []}]
        app.openapi_schema = found
    return app.openapi_schema
