"""/v1/users, /v1/tokens, /v1/audit: who may what, and who did what."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictBool
from starlette.requests import Request
from starlette.responses import Response

from headend.api import pages
from headend.api.asked import Asker, Front, Home
from headend.api.caller import Caller
from headend.api.pages import Cursor, Limit, Page
from headend.api.problem import Problem, documented
from headend.api.words import Id, Name, NamePath, Text, Whole
from headend.commands.told import ChangeTold
from headend.safety.function import Function
from storage.audit import Audit, AuditRow
from storage.people import EVERYWHERE, NewToken, Person, Token

router = APIRouter(tags=["people"])
_SAID = documented(["bad-request", "not-found", "conflict", "unsupported-media-type"])
PersonName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f/]+$")]


class Granted(BaseModel):
    """A role for functions (null: all) in areas ("*": all)."""

    id: int
    role: str
    functions: list[str] | None
    areas: list[str]


class User(BaseModel):
    name: str
    is_person: bool
    enabled: bool
    grants: list[Granted]


class NewUser(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: PersonName
    is_person: StrictBool = True


class Reason(BaseModel):
    model_config = ConfigDict(extra="forbid")
    reason: Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]


class NewGrant(BaseModel):
    model_config = ConfigDict(extra="forbid")
    role: Literal["reader", "requester", "approver", "operator", "administrator"]
    functions: Annotated[list[Function], Field(min_length=1)] | None = None
    areas: Annotated[list[PersonName], Field(min_length=1, max_length=10_000)] = [EVERYWHERE]


class TokenTold(BaseModel):
    """Never the secret."""

    id: int
    person: str
    label: str
    at: AwareDatetime
    expires: AwareDatetime
    by: str
    ended: AwareDatetime | None


class TokenAsked(BaseModel):
    """For `person`, or for oneself."""

    model_config = ConfigDict(extra="forbid")
    person: PersonName | None = None
    label: Text = ""
    days: Annotated[Whole, Field(le=366)] = 90


class TokenMade(BaseModel):
    """`secret` is shown this once. Where a second administrator is needed there is a `change` instead."""

    id: int | None = None
    secret: str | None = None
    expires: AwareDatetime | None = None
    change: ChangeTold | None = None


class Entry(BaseModel):
    """A row of the chain; `hash` covers the row and `previous`."""

    number: int
    at: AwareDatetime
    by: str
    action: str
    subject: str
    meter: str
    body: str
    role: str
    previous: str
    hash: str


def _told(person: Person) -> dict[str, Any]:
    grants = [
        {
            "id": one.id, "role": one.role.name, "areas": sorted(one.areas),
            "functions": None if one.functions is None else sorted(one.functions),
        }
        for one in person.grants
    ]  # fmt: skip
    return {"name": person.name, "is_person": person.is_person, "enabled": person.enabled, "grants": grants}


def _token(token: Token) -> dict[str, Any]:
    return {name: getattr(token, name) for name in Token.__slots__}


@router.get("/v1/users/me", response_model=User)
async def me(caller: Asker) -> Any:
    """Who the token says that you are."""
    return _told(caller.person)


@router.get("/v1/users", response_model=Page[User], responses=documented(["bad-cursor"]))
async def users(
    caller: Asker, front: Front, request: Request, response: Response, limit: Limit = 100, cursor: Cursor = None
) -> Any:
    """By name, for an administrator."""
    (after,) = pages.read(cursor, str) or ("",)
    found = sorted((one for one in await front.office.people(caller.person) if one.name > after), key=lambda p: p.name)
    return pages.named(found, limit, _told, request, response)


@router.post("/v1/users", status_code=201, response_model=User, responses=_SAID)
async def add(caller: Asker, front: Front, user: NewUser) -> Any:
    """A user without any right yet."""
    return _told(await front.office.add(caller.person, user.name, is_person=user.is_person))


@router.post("/v1/users/{name}/disable", status_code=204, response_model=None, responses=_SAID)
async def disable(caller: Asker, front: Front, name: NamePath, reason: Reason) -> None:
    """His tokens open nothing any more."""
    await front.office.disable(caller.person, name, reason.reason)


@router.post("/v1/users/{name}/enable", response_model=ChangeTold, responses=_SAID)
async def enable(caller: Asker, front: Front, name: NamePath, reason: Reason) -> Any:
    """Back again."""
    return await front.office.enable(caller.person, name, reason.reason)


@router.post("/v1/users/{name}/grants", response_model=ChangeTold, responses=_SAID)
async def grant(caller: Asker, front: Front, name: NamePath, grant: NewGrant) -> Any:
    """A role; where it commands, done when a second administrator asks the same."""
    functions = None if grant.functions is None else [function.value for function in grant.functions]
    return await front.office.grant(caller.person, name, grant.role, functions=functions, areas=grant.areas)


@router.delete("/v1/grants/{id}", status_code=204, response_model=None, responses=documented(["not-found", "conflict"]))
async def end_grant(caller: Asker, front: Front, id: Id) -> None:  # noqa: A002
    """Take a role away."""
    await front.office.end_grant(caller.person, id)


@router.get("/v1/tokens", response_model=Page[TokenTold], responses=documented(["bad-cursor"]))
async def tokens(
    caller: Asker, front: Front, request: Request, response: Response, limit: Limit = 100, cursor: Cursor = None
) -> Any:
    """One's own, or all of them for an administrator."""
    key = pages.read(cursor, int)
    found = [one for one in await front.office.tokens(caller.person) if key is None or one.id > key[0]]
    rows = sorted(found, key=lambda one: one.id)
    following = pages.write(rows[limit - 1].id) if len(rows) > limit else None
    return pages.page([_token(row) for row in rows[:limit]], following, request, response)


@router.post("/v1/tokens", status_code=201, response_model=TokenMade, responses=_SAID)
async def new_token(caller: Asker, front: Front, asked: TokenAsked) -> Any:
    """One's own at once; somebody else's by an administrator."""
    made = await front.office.new_token(
        caller.person, asked.person or caller.user, asked.label, timedelta(days=asked.days)
    )
    if isinstance(made, NewToken):
        return {"id": made.id, "secret": made.secret, "expires": made.expires}
    return {"change": made}


@router.delete("/v1/tokens/{id}", status_code=204, response_model=None, responses=documented(["not-found", "conflict"]))
async def end_token(caller: Asker, front: Front, id: Id) -> None:  # noqa: A002
    """Revoke it: it opens nothing from then on."""
    await front.office.end_token(caller.person, id)


def _overseer(caller: Caller) -> None:
    """The audit tells of all areas: for who oversees everywhere, and administrators. Raises `Problem`."""
    person = caller.person
    everywhere = any(one.role.oversight and EVERYWHERE in one.areas for one in person.grants)
    if not (everywhere or person.administers):
        raise Problem("forbidden", f"{caller.user} does not oversee everywhere")


@router.get("/v1/audit", response_model=Page[Entry], responses=documented(["bad-cursor"]))
async def audit(
    caller: Asker,
    house: Home,
    request: Request,
    response: Response,
    subject: Name | None = None,
    meter: Name | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """Rows of the chain by number."""
    _overseer(caller)
    (after,) = pages.read(cursor, int) or (0,)
    async with house.session() as session:
        rows = await Audit(session).rows(after=after, subject=subject, meter=meter, limit=limit + 1)
    following = pages.write(rows[limit - 1].number) if len(rows) > limit else None
    return pages.page([_entry(row) for row in rows[:limit]], following, request, response)


def _entry(row: AuditRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in AuditRow.__slots__}
