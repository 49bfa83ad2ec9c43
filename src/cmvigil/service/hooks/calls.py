"""What a record sends: the call of a service, and the feedback to a card. What we do not use is not looked at.

So fields that are unknown here, those of the 3.0 ballot among them, do no harm; what we use must be right.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import orjson
from fastapi.responses import Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, HttpUrl, ValidationError, model_validator

_Body = TypeVar("_Body", bound=BaseModel)
JSON = ("application/json", "application/fhir+json")
Resource = dict[str, Any]


class RefusedError(ValueError):
    """A call that is not answered with cards. ``problems`` say what was found and what is expected."""

    def __init__(self, status: int, code: str, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.status, self.code, self.problems = status, code, problems

    def answer(self) -> Response:
        """As an OperationOutcome, which is what records read."""
        issues = [{"severity": "error", "code": self.code, "diagnostics": each} for each in self.problems]
        content = orjson.dumps({"resourceType": "OperationOutcome", "issue": issues})
        return Response(content, self.status, media_type="application/fhir+json")


def wrong(*problems: str) -> RefusedError:
    """What a call is refused with that is not as the specification has it."""
    return RefusedError(400, "invalid", list(problems))


Identity = Annotated[str, Field(pattern=r"^[A-Za-z0-9\-.]{1,64}$")]


class FhirAuthorization(BaseModel):
    """The token with which the record's FHIR server may be asked, during this call."""

    access_token: str = Field(pattern=r"^[\x21-\x7e]+$", max_length=8192)
    token_type: Annotated[str, Field(pattern="^[Bb]earer$")] = "Bearer"
    patient: Identity | None = None


class Context(BaseModel):
    """What the user is doing: whose record is open; in the order hooks what is being ordered."""

    patientId: Identity  # noqa: N815
    draftOrders: Any = None  # noqa: N815
    selections: list[str] | None = None


class Call(BaseModel):
    """The call of a service."""

    hook: str
    hookInstance: UUID  # noqa: N815
    context: Context
    fhirServer: HttpUrl | None = None  # noqa: N815
    fhirAuthorization: FhirAuthorization | None = None  # noqa: N815
    prefetch: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _whole(self) -> Call:
        if self.fhirAuthorization is None:
            return self
        if self.fhirServer is None:
            raise ValueError("fhirAuthorization needs fhirServer")
        if self.fhirAuthorization.patient not in (None, self.context.patientId):
            raise ValueError("fhirAuthorization.patient is another patient than context.patientId")
        return self

    @property
    def server(self) -> str | None:
        """The address of the FHIR server, without a slash at its end."""
        return None if self.fhirServer is None else str(self.fhirServer).rstrip("/")


class Coding(BaseModel):
    """A code of a code system."""

    system: str = Field("", max_length=300)
    code: str = Field(max_length=100)


class OverrideReason(BaseModel):
    """Why a card was set aside."""

    reason: Coding | None = None
    userComment: str = Field("", max_length=10_000)  # noqa: N815


def _of_our_time(moment: datetime) -> datetime:
    if not 2000 <= moment.year < 3000:
        raise ValueError("expected a time of this millennium")
    return moment


class Feedback(BaseModel):
    """What became of one card."""

    card: str = Field(min_length=1, max_length=100)
    outcome: Literal["accepted", "overridden"]
    outcomeTimestamp: Annotated[AwareDatetime, AfterValidator(_of_our_time)]  # noqa: N815
    overrideReason: OverrideReason | None = None  # noqa: N815


class Report(BaseModel):
    """What became of cards."""

    feedback: list[Feedback] = Field(max_length=1000)


def read(kind: type[_Body], body: bytes) -> _Body:
    """A body as what it must be. Raises :class:`RefusedError` naming each place that is wrong, without its value."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise wrong(f"line {error.lineno}: not JSON ({error.msg})") from None
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
        raise wrong(*(f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}" for each in found)) from None
