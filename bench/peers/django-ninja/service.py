"""The list and the creation of todos once more, with django-ninja: what `cargo xtask bench` measures todo-api beside.

One file, and as its users would tune it: no middleware, no debugging, no log of requests; a pool of connections that
are not asked each time whether they live; rows without model instances, rendered by orjson. All that todo-api does
besides (logs, metrics, traces, limits, headers, announcements) is left out here.
"""

import base64
import logging
import os
import re
import struct
import uuid
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any, Literal, Optional
from urllib.parse import urlsplit

import orjson
from django.conf import settings

# What is refused is no news.
logging.getLogger("django.request").setLevel("ERROR")

_url = urlsplit(os.environ["DATABASE_URL"])
settings.configure(
    ALLOWED_HOSTS=["*"],
    DEBUG=False,
    INSTALLED_APPS=[],
    LOGGING_CONFIG=None,
    MIDDLEWARE=[],
    ROOT_URLCONF=__name__,
    SECRET_KEY=uuid.uuid4().hex,
    USE_I18N=False,
    USE_TZ=True,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": _url.hostname,
            "PORT": _url.port,
            "USER": _url.username,
            "PASSWORD": _url.password,
            "NAME": _url.path[1:],
            "CONN_HEALTH_CHECKS": False,
            "OPTIONS": {
                # As todo-api does: not announced by a trigger, which would make commits wait for one another.
                "options": "-c todo_api.announces=later",
                "pool": {"min_size": int(os.environ["CONNECTIONS"]), "max_size": int(os.environ["CONNECTIONS"])},
                # Prepared by the server at the second use, and binary where psycopg can.
                "prepare_threshold": 1,
                "server_side_binding": True,
            },
        }
    },
)

import django  # noqa: E402

django.setup()

from django.core.asgi import get_asgi_application  # noqa: E402
from django.db import models  # noqa: E402
from django.db.models.functions import Now  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402
from ninja import NinjaAPI, Query, Schema  # noqa: E402
from ninja.errors import HttpError, ValidationError  # noqa: E402
from ninja.parser import Parser  # noqa: E402
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints  # noqa: E402
from uuid_utils.compat import uuid7  # noqa: E402


class ClockTimestamp(Now):
    template = "clock_timestamp()"

    def as_postgresql(self, compiler, connection, **context):
        return self.as_sql(compiler, connection, **context)


class Todo(models.Model):
    id = models.UUIDField(primary_key=True)
    title = models.TextField()
    notes = models.TextField(null=True)
    due_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=ClockTimestamp())
    updated_at = models.DateTimeField(db_default=ClockTimestamp())
    version = models.BigIntegerField(db_default=1)

    class Meta:
        app_label = "todos"
        db_table = "todos"
        managed = False


COLUMNS = [field.name for field in Todo._meta.fields]

# White space as Unicode has it, which is what todo-api trims: str.strip() also takes the separators \x1c to \x1f.
SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def one_line(text: str) -> str:
    text = text.strip(SPACE)
    if not 1 <= len(text) <= 200:
        raise ValueError("must have 1 to 200 characters")
    if CONTROL.search(text):
        raise ValueError("must not contain control characters")
    return text


def without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain NUL characters")
    return text


def moment(text: object) -> datetime:
    if not isinstance(text, str) or not RFC3339.fullmatch(text):
        raise ValueError("must be an RFC 3339 timestamp")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(timezone.utc)
    except OverflowError as error:
        raise ValueError("must be in the years 1 to 9999") from error


Moment = Annotated[datetime, BeforeValidator(moment)]


class NewTodo(Schema):
    model_config = ConfigDict(extra="forbid", strict=True)

    title: Annotated[str, AfterValidator(one_line)]
    notes: Optional[Annotated[str, StringConstraints(max_length=10_000), AfterValidator(without_nul)]] = None
    due_at: Optional[Moment] = None


class TodoOut(Schema):
    id: uuid.UUID
    title: str
    notes: Optional[str]
    due_at: Optional[datetime]
    completed_at: Optional[datetime]
    created_at: datetime
    updated_at: datetime
    version: int


class Page(Schema):
    items: list[TodoOut]
    next_cursor: Optional[str]


class OrJson(Parser):
    def parse_body(self, request):
        return orjson.loads(request.body)


api = NinjaAPI(docs_url=None, openapi_url=None, parser=OrJson())


def problem(status: int, kind: str, fields: list[str] = ()) -> HttpResponse:
    document = {
        "type": f"/problems/{kind}",
        "title": kind.replace("-", " ").capitalize(),
        "status": status,
        "detail": "cannot take " + (", ".join(fields) or "this"),
    }
    if fields:
        document["errors"] = [{"field": field, "detail": "cannot be taken"} for field in fields]
    return HttpResponse(orjson.dumps(document), status=status, content_type="application/problem+json")


@api.exception_handler(HttpError)
def malformed(request, error):
    return problem(error.status_code, "malformed-request")


@api.exception_handler(ValidationError)
def invalid(request, error):
    places = [entry["loc"] for entry in error.errors]
    fields = sorted({str(place[2]) for place in places if len(place) > 2})
    if request.method == "GET":
        return problem(400, "invalid-parameters", sorted({str(place[-1]) for place in places}))
    return problem(422, "invalid-fields", fields) if fields else problem(400, "malformed-request")


def json(value: dict, status: int = 200) -> HttpResponse:
    """An answer as it is: that the rows have the schema's form need not be validated with each of them."""
    body = orjson.dumps(value, option=orjson.OPT_UTC_Z)
    response = HttpResponse(body, status=status, content_type="application/json")
    # Otherwise in chunks.
    response["Content-Length"] = len(body)
    return response


def cursor_of(row: dict) -> str:
    micros = (row["created_at"] - EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(struct.pack(">q", micros) + row["id"].bytes).decode()


def place_of(cursor: object) -> tuple[datetime, uuid.UUID]:
    try:
        content = base64.b64decode(cursor, altchars=b"-_", validate=True)
        (micros,) = struct.unpack(">q", content[:8])
        return EPOCH + timedelta(microseconds=micros), uuid.UUID(bytes=content[8:])
    except (TypeError, ValueError, OverflowError, struct.error) as error:
        raise ValueError("must be a `next_cursor` from an earlier answer") from error


EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Wanted(Schema):
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    # A tuple to us, but not to ninja, which would look for several values.
    cursor: Annotated[Any, BeforeValidator(place_of)] = None
    state: Optional[Literal["open", "completed"]] = None
    due_from: Optional[Moment] = None
    due_before: Optional[Moment] = None


KNOWN = Wanted.model_fields.keys()
ROWS = Todo.objects.order_by("-created_at", "-id").values(*COLUMNS)


@api.get("/todos", response=Page)
def list_todos(request, wanted: Query[Wanted]):
    if unknown := request.GET.keys() - KNOWN:
        return problem(400, "invalid-parameters", sorted(unknown))
    rows = ROWS
    if wanted.state:
        rows = rows.filter(completed_at__isnull=wanted.state == "open")
    if wanted.due_from:
        rows = rows.filter(due_at__gte=wanted.due_from)
    if wanted.due_before:
        rows = rows.filter(due_at__lt=wanted.due_before)
    if wanted.cursor:
        created_at, id = wanted.cursor
        earlier = models.Q(created_at__lt=created_at) | models.Q(created_at=created_at, id__lt=id)
        rows = rows.filter(earlier, created_at__lte=created_at)
    # The one too many only tells that there is more.
    items = list(rows[: wanted.limit + 1])
    more = len(items) > wanted.limit
    del items[wanted.limit :]
    return json({"items": items, "next_cursor": cursor_of(items[-1]) if more else None})


@api.post("/todos", response={201: TodoOut})
def create_todo(request, new: NewTodo):
    todo = Todo(id=uuid7(), title=new.title, notes=new.notes, due_at=new.due_at, completed_at=None)
    todo.save(force_insert=True)
    response = json({name: getattr(todo, name) for name in COLUMNS}, status=201)
    response["Location"] = f"/api/todos/{todo.id}"
    response["ETag"] = f'"{todo.version}"'
    return response


urlpatterns = [path("api/", api.urls)]
app = get_asgi_application()
