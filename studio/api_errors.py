"""Errors of the API as sentences: {"detail": sentence, "field": name or null, "code": word}."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import RequestDataTooBig
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.utils.decorators import sync_and_async_middleware
from ninja import NinjaAPI, Router
from ninja.errors import AuthenticationError, HttpError, ValidationError, ValidationErrorContext
from ninja.openapi.schema import REF_TEMPLATE, OpenAPISchema

from studio.api_types import ErrorOut
from studio.lib.anypath import api_path
from studio.lib.refusal import Refused

log = logging.getLogger(__name__)

_STATUS = {
    "not_found": 404,
    "forbidden": 403,
    "csrf": 403,
    "scope": 403,
    "snapshot_missing": 409,
    "base_missing": 409,
    "too_big": 413,
}
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "string": "text",
    "bool": "true or false",
    "list": "a list",
    "dict": "an object",
    "model": "an object",
}
_SHOWN = 80


nowhere = Router(auth=None)
"""Takes what no other router does, so that a wrong address is a sentence too."""


@nowhere.api_operation(
    ["GET", "POST", "PUT", "PATCH", "DELETE"], "/" + api_path("address"), include_in_schema=False
)
def anything_else(request: HttpRequest, address: str) -> None:
    """There is nothing."""
    raise Http404


class Api(NinjaAPI):
    """The API with our own way of saying no."""

    def validation_error_from_error_contexts(
        self, error_contexts: list[ValidationErrorContext[Any]]
    ) -> ValidationError:
        """All mistakes of a request, with what was given."""
        errors = [
            {**error, "loc": _place(context, error["loc"])}
            for context in error_contexts
            for error in context.pydantic_validation_error.errors(include_url=False)
        ]
        return ValidationError(errors)

    def get_openapi_schema(self, **where: Any) -> OpenAPISchema:
        """What the API takes and answers. Of refusals the routes name the status alone.

        Each body that a route names is a model of its own, made at every start: four fifths of
        them would be this one.
        """
        described = super().get_openapi_schema(**where)
        described["components"]["schemas"][ErrorOut.__name__] = ErrorOut.json_schema()
        body = {"schema": {"$ref": REF_TEMPLATE.format(model=ErrorOut.__name__)}}
        routes = [route for path in described["paths"].values() for route in path.values()]
        for route in routes:
            for status, answer in route["responses"].items():
                if status >= HTTPStatus.BAD_REQUEST:
                    answer["content"] = {self.renderer.media_type: body}
        return described


def _place(context: ValidationErrorContext[Any], place: tuple[Any, ...]) -> tuple[Any, ...]:
    """Where in the request, without the name of the function's argument."""
    whole: tuple[Any, ...] = context.model.__ninja_flatten_map_reverse__.get(place, place)
    return tuple(part for part in whole if part not in {"body", "query", "path", "payload"})


def add_error_handlers(api: NinjaAPI) -> None:
    """Make every way in which a request can fail end in a sentence."""
    handlers: Mapping[type[Exception], Any] = {
        Refused: _refused,
        AuthenticationError: _unknown_caller,
        ValidationError: _malformed,
        HttpError: _http_error,
        Http404: _no_such_address,
        RequestDataTooBig: _too_big,
        OperationalError: _database_away,
        Exception: _own_mistake,
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)


def _answer(status: int, sentence: str, *, field: str = "", code: str) -> HttpResponse:
    return JsonResponse({"detail": sentence, "field": field or None, "code": code}, status=status)


def _refused(request: HttpRequest, error: Refused) -> HttpResponse:
    return _answer(_STATUS.get(error.code, 422), error.sentence, field=error.field, code=error.code)


def _unknown_caller(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    answer = _answer(
        401,
        "The studio does not know this caller: run `runyard login URL --token T` with a token that "
        "is valid, or send it as `Authorization: Bearer T`. Your Account page makes one.",
        code="unauthorized",
    )
    answer["WWW-Authenticate"] = "Bearer"
    return answer


def _malformed(request: HttpRequest, error: ValidationError) -> HttpResponse:
    first = error.errors[0]
    field = ".".join(str(part) for part in first["loc"])
    return _answer(422, " ".join(malformed_sentences(error.errors)), field=field, code="malformed")


def malformed_sentences(errors: Sequence[Mapping[str, Any]]) -> list[str]:
    """One sentence for each field that is not as it must be."""
    return list(dict.fromkeys(_sentence(error) for error in errors))


def _sentence(error: Mapping[str, Any]) -> str:
    kind, given = error["type"], _short(error.get("input"))
    field = f"`{'.'.join(str(part) for part in error['loc'])}`" if error["loc"] else "The body"
    expected = _KINDS.get(kind.split("_")[0])
    if kind == "missing":
        return f"{field} is missing."
    if kind == "extra_forbidden":
        return f"{field} is not known here: check its spelling."
    if kind == "value_error":
        return f"{field} {error['ctx']['error']}."
    if expected and kind.endswith(("_type", "_parsing", "_from_float", "_attributes_type")):
        return f"{field} must be {expected}, not {given}."
    said = str(error["msg"])
    return f"{field} cannot be {given}: {said[:1].lower()}{said[1:]}."


def _short(given: object) -> str:
    text = "nothing" if given is None else repr(given)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    sentence = error.message
    if error.status_code == 400:
        sentence = "The body is not JSON, or not in UTF-8."
    return _answer(error.status_code, sentence, code="malformed")


def _no_such_address(request: HttpRequest, error: Http404) -> HttpResponse:
    return _answer(404, f"There is nothing at {request.path}.", code="not_found")


Handler = Callable[[HttpRequest], Any]


@sync_and_async_middleware
def wrong_method_as_sentence(get_response: Handler) -> Handler:
    """Say in the API's own words that an address knows no such method: ninja answers plain text."""

    def in_our_words(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
        if not (isinstance(answer, HttpResponseNotAllowed) and request.path.startswith("/api/")):
            return answer
        allowed = ", ".join(sorted(answer["Allow"].split(", ")))
        said = _answer(
            405,
            f"{request.path} does not know {request.method}: it takes {allowed}.",
            code="method",
        )
        said["Allow"] = allowed
        return said

    if iscoroutinefunction(get_response):
        later: Callable[[HttpRequest], Awaitable[HttpResponse]] = get_response

        async def answer_later(request: HttpRequest) -> HttpResponse:
            return in_our_words(request, await later(request))

        return answer_later

    def answer(request: HttpRequest) -> HttpResponse:
        return in_our_words(request, get_response(request))

    return answer


def _too_big(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return _answer(413, "The body is too big for this request.", code="too_big")


def _database_away(request: HttpRequest, error: OperationalError) -> HttpResponse:
    log.error("%s %s: %s", request.method, request.path, error)
    return _answer(
        503, "The studio's database does not answer: try again in a moment.", code="database"
    )


def _own_mistake(request: HttpRequest, error: Exception) -> HttpResponse:
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    return _answer(
        500, "The studio made a mistake; its own log has the details.", code="studio_error"
    )
