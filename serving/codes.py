"""Every problem the service can tell of: what it means, what usually causes it, and what to do next.

The texts are shown at ``/docs`` and written to ``docs/problems.md``; an answer carries the code, so that a program
can tell problems apart without reading sentences.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Advice(NamedTuple):
    """What is said about a problem.

    Attributes:
        status: of HTTP. title: the same for every occurrence. cause: what usually leads to it. next_step: what to do.
    """

    status: int
    title: str
    cause: str
    next_step: str


class Code(Enum):
    """A problem. The name in lower case is what clients see and never changes."""

    BODY_INVALID = Advice(
        422,
        "The body does not say what this endpoint needs",
        "A field is missing, unknown, of another type, or out of its range; `errors` points at each.",
        "Mend the fields that `errors` names; the endpoint's fields are listed at /docs.",
    )
    PARAMETER_INVALID = Advice(
        422,
        "A parameter of the address or a header cannot be meant",
        "A query parameter, a part of the path or a header is of another form than the endpoint takes.",
        "Mend the parameter that `errors` names. Moments need a time zone, such as 2026-05-04T09:30:00Z.",
    )
    JSON_INVALID = Advice(
        400,
        "The body is not valid JSON",
        "It is cut off, not UTF-8, or holds NaN, Infinity, a number too large for a double, or half a "
        "surrogate pair; a byte order mark counts too.",
        "Send what a strict JSON writer writes, in UTF-8; leave a value that is not known out, or send null.",
    )
    JSON_DUPLICATE_KEY = Advice(
        400,
        "The body says the same key twice",
        "An object in the body has one key more than once, so that it is not clear which value is meant.",
        "Send every key of an object once.",
    )
    JSON_TOO_DEEP = Advice(
        400,
        "The body is nested too deeply",
        "Objects and lists of the body lie more than 32 deep in each other.",
        "Send the fields that /docs lists; none of them needs such depth.",
    )
    JSON_TOO_MANY_PARTS = Advice(
        413,
        "The body has too many parts",
        "It holds more than 400,000 objects and lists, counted by their opening brackets.",
        "Send fewer items at once; a hundred thousand leads go through /v1/jobs.",
    )
    JSON_NUL = Advice(
        400,
        "The body holds a NUL character",
        "A text or a key holds U+0000, which databases and files cannot keep.",
        "Remove the character where the text comes from.",
    )
    BODY_MISSING = Advice(
        400,
        "The body is missing",
        "The endpoint needs a JSON body, and none was sent.",
        "Send the body that /docs shows for this endpoint.",
    )
    REQUEST_INVALID = Advice(
        400,
        "The request cannot be understood",
        "It is not valid HTTP, or a form or header of it is broken.",
        "Send the request with an ordinary HTTP client; what proxies in between change may be the cause.",
    )
    KEY_MISSING = Advice(
        401,
        "An API key is needed",
        "The request carries no key, or one that is unknown, expired or revoked.",
        "Send `Authorization: Bearer ll_...`; `leadlight keys create` makes a key.",
    )
    SCOPE_MISSING = Advice(
        403,
        "The key may not do this",
        "The key is valid, but was made without the scope that this endpoint needs.",
        "Use a key with the scope that /docs names for the endpoint; `leadlight keys create --scope` makes one.",
    )
    NOT_FOUND = Advice(
        404,
        "There is nothing at this address",
        "The path is mistyped, or belongs to another version of the service.",
        "Compare the path with the list at /docs.",
    )
    LEAD_NOT_FOUND = Advice(
        404,
        "There is no such lead",
        "Nothing was delivered for this lead id yet, or another tenant's key delivered it.",
        "Deliver the lead with POST /v1/leads or its events with POST /v1/events, then ask again.",
    )
    PREDICTION_NOT_FOUND = Advice(
        404,
        "There is no such prediction",
        "The id is mistyped, belongs to another tenant, or is older than the time that answers are kept.",
        "Use the `prediction_id` of an answer; how long answers are kept is LEADLIGHT_RETENTION_DAYS.",
    )
    JOB_NOT_FOUND = Advice(
        404,
        "There is no such job",
        "The id is mistyped, belongs to another tenant, or the job was removed after its time.",
        "List the jobs with GET /v1/jobs.",
    )
    LEAD_FORGOTTEN = Advice(
        410,
        "This lead was erased",
        "Somebody asked for erasure (`leadlight forget`), so nothing may be recorded about this lead again.",
        "Remove the lead from what you deliver and ask for.",
    )
    METHOD_NOT_ALLOWED = Advice(
        405,
        "This address does not take this method",
        "The path is right, the method is not.",
        "Use a method that the header `Allow` names.",
    )
    NOT_ACCEPTABLE = Advice(
        406,
        "The answer cannot be given in the form that is asked for",
        "The header `Accept` names no form that this endpoint can answer in.",
        "Leave `Accept` out, or name a form that /docs lists for the endpoint.",
    )
    READ_TIMEOUT = Advice(
        408,
        "The request did not arrive in time",
        "The connection is slow, or the client stopped sending before the end of the body.",
        "Send it again, in smaller pieces if the connection is slow; bulk data goes through /v1/jobs.",
    )
    IN_PROGRESS = Advice(
        409,
        "The same request is being worked on",
        "Another request with this Idempotency-Key has not been answered yet.",
        "Wait for the seconds in `Retry-After`, then send the same request again for its answer.",
    )
    CONFLICT = Advice(
        409,
        "The state does not allow this",
        "What is asked for was possible in an earlier or later state only.",
        "Read the state first, then decide.",
    )
    IDEMPOTENCY_KEY_REUSED = Advice(
        422,
        "This Idempotency-Key was used for another request",
        "Method, path, query or body differ from the request that first used the key.",
        "Use a new key for a new request, and the same one only to repeat it.",
    )
    IDEMPOTENCY_KEY_INVALID = Advice(
        400,
        "The Idempotency-Key cannot be used",
        "It is empty, longer than 255 bytes, sent twice, or holds characters that are not printable ASCII.",
        "Use a random UUID for every request.",
    )
    BODY_TOO_LARGE = Advice(
        413,
        "The body is too large",
        "It is larger than LEADLIGHT_MAX_BODY_BYTES.",
        "Send fewer items at once; a hundred thousand leads go through /v1/jobs.",
    )
    MEDIA_TYPE = Advice(
        415,
        "The body has to be JSON",
        "The header `Content-Type` is missing or names another form.",
        "Send `Content-Type: application/json`.",
    )
    CONTENT_ENCODING = Advice(
        415,
        "Compressed bodies are not taken",
        "The request has a header `Content-Encoding`.",
        "Send the body as it is.",
    )
    AS_OF_IN_FUTURE = Advice(
        422,
        "as_of lies in the future",
        "The moment asked about is later than the service's clock; what will be known then is not known now.",
        "Leave `as_of` out to ask about now; see that the clock of the sender is right.",
    )
    AS_OF_BEFORE_LEAD = Advice(
        422,
        "as_of is before the lead was created",
        "There was nobody to score at that moment.",
        "Ask about a moment after `created_at` of the lead.",
    )
    EVIDENCE_UNUSABLE = Advice(
        422,
        "The evidence of this lead cannot be used",
        "Rows of it contradict each other or the form of a history.",
        "Compare the rows (GET /v1/leads/{lead_id}/history) with the source, and deliver them again.",
    )
    LEAD_OBJECTED = Advice(
        409,
        "This person objected to profiling",
        "An objection is recorded for the lead, so nothing is computed about it.",
        "Work the lead without a score. Only the person can withdraw the objection.",
    )
    NO_SHEET = Advice(
        404,
        "The playbook has no point sheet",
        "The model was made with a playbook that holds no hand-set points.",
        "Add a `sheet` to the playbook and train again, or read the model's own points.",
    )
    RATE_LIMITED = Advice(
        429,
        "Too many requests",
        "The key, or the address after failed attempts to sign in, asked more often than is allowed.",
        "Wait for the seconds in `Retry-After`; ask for many leads at once (POST /v1/score, /v1/jobs).",
    )
    TOO_MANY_JOBS = Advice(
        429,
        "Too many bulk jobs are kept",
        "As many jobs as one tenant may have are not over yet, or their uploads take all the room there is for them.",
        "Let jobs end, or abort and delete those that are not needed: DELETE /v1/jobs/{job_id} makes room.",
    )
    HEADERS_TOO_LARGE = Advice(
        431,
        "The headers are too large",
        "Address and headers together are larger than 64 KiB.",
        "Send shorter headers; data belongs into the body.",
    )
    INTERNAL = Advice(
        500,
        "Something is wrong on our side",
        "The service met a state it was not made for. Nothing about it is told here; its log has the place.",
        "Send it again once. If it stays, give the header `X-Request-ID` of the answer to who runs the service.",
    )
    MODEL_NOT_AVAILABLE = Advice(
        503,
        "No model can answer",
        "Nothing is activated, or what is activated, or what gave the answer, cannot be loaded.",
        "Whoever runs the service sees why in its log and at `/readyz`; `leadlight activate BUNDLE` mends it.",
    )
    STORE_UNAVAILABLE = Advice(
        503,
        "The database cannot answer now",
        "It is locked, full or cannot be reached. Nothing was recorded, so nothing is answered.",
        "Wait for the seconds in `Retry-After`, then send the same request again.",
    )
    STORAGE_FULL = Advice(
        503,
        "The disk of the service is nearly full",
        "An upload would take room that the database needs, so none of it was kept.",
        "Delete jobs that are over; whoever runs the service has to make room on the disk.",
    )
    OVERLOADED = Advice(
        503,
        "Too much is being worked on",
        "More requests are under way than the service can answer soon.",
        "Wait for the seconds in `Retry-After`, then send it again, more slowly.",
    )
    SHUTTING_DOWN = Advice(
        503,
        "The service is being stopped",
        "It finishes what it began and takes nothing new.",
        "Send the same request again; another worker or the restarted service answers.",
    )

    @property
    def text(self) -> str:
        """The code as clients see it."""
        return self.name.lower()

    @property
    def advice(self) -> Advice:
        """What is said about it."""
        return self.value

    @property
    def status(self) -> int:
        """Of HTTP."""
        return self.value.status

    @classmethod
    def of(cls, text: str) -> Code:
        """The code that clients see as ``text``.

        >>> Code.of("lead_not_found").status
        404
        """
        return cls[text.upper()]


def markdown() -> str:
    """The page ``docs/problems.md``."""
    parts = [
        "# Problems",
        (
            "Every error is answered as `application/problem+json` "
            "([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) with a `code` of this list. "
            "No answer repeats what was sent; `errors` points at it (JSON Pointer). "
            "Made from `serving/codes.py` by `python -m serving.openapi docs`."
        ),
    ]
    for code in Code:
        status, title, cause, next_step = code.advice
        parts.append(
            f'<a id="{code.text}"></a>\n\n## {code.text}\n\n'
            f"**{status}: {title}.**\n\n- Cause: {cause}\n- Next step: {next_step}"
        )
    return "\n\n".join(parts) + "\n"
