"""POST /v1/suggestions/batch: hashtags for many posts at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import ExitStack
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from core.errors import DeadlineExceeded, Overloaded
from service.answer.post import answer_post
from service.engine.batch_places import Line, unless_gone
from service.engine.inference import Inference
from service.engine.loading import Loaded
from service.intake.batch import read_batch, read_item
from service.intake.budget import Claim
from service.observe.logs import LOGGER
from service.observe.stages import Stages
from service.protocol.auth import caller, charge_more
from service.protocol.idempotency import PARAMETER, IdempotencyLock, digest_of, lock_of, once
from service.protocol.middleware import problem_of
from service.protocol.problems import documented, refusal_for
from service.protocol.query_strings import nothing_asked
from service.schemas.answers import BatchAnswer
from service.store.idempotency import StoredAnswer

NDJSON = "application/x-ndjson"
# After the time of a batch is up, this much is left to a slow reader for what is done.
READING_SLACK_S = 30.0
RETRY_S = 0.25

router = APIRouter(tags=["suggestions"])

BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/BatchRequest"}}},
    },
    "parameters": [PARAMETER],
}
PROBLEMS = documented(
    "malformed_body",
    "conflict",
    "body_too_large",
    "unsupported_content_type",
    "invalid_request",
    "overloaded",
    "internal_error",
    "timed_out",
    "not_ready",
)
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "each post's answer or problem: whole, in order; or line by line, as each is done",
        "content": {NDJSON: {"schema": {"$ref": "#/components/schemas/BatchEntry"}}},
    },
    **PROBLEMS,
}


@router.post(
    "/v1/suggestions/batch",
    summary="Suggest hashtags for up to 100 posts",
    response_model=BatchAnswer,
    responses=ANSWERS,
    openapi_extra=BODY,
    dependencies=[Depends(caller("suggest")), Depends(nothing_asked)],
)
async def suggest_batch(request: Request) -> Response:
    """Answer each post as it would be answered alone; a post that cannot be answered gets its problem in its place.

    With `Accept: application/x-ndjson` each post is one line, sent as soon as it is done.
    """
    settings, batches = request.app.state.settings, request.app.state.batches
    inference, loaded = request.app.state.service.inference, request.app.state.service.loaded
    deadline = asyncio.get_running_loop().time() + settings.batch_deadline_s
    with ExitStack() as stack:
        claim = stack.enter_context(request.app.state.bodies.claims())
        try:
            async with asyncio.timeout_at(deadline):
                with request.state.stages.measured("read"):
                    posts = await read_batch(request, claim)
                    # Not before: bodies that drip in would keep the few places for as long as a batch may take.
                    stack.enter_context(batches.entered())
                    await charge_more(request, len(posts) - 1)
        except TimeoutError:
            raise DeadlineExceeded("The batch's time ran out.", retry_after_s=1.0) from None
        one = _OneByOne(request, posts, claim, deadline, inference, loaded)
        lines = batches.answers(len(posts), one.line)
        by_line = NDJSON in request.headers.get("accept", "").lower()

        def digest() -> bytes:
            return digest_of(b"batch lines" if by_line else b"batch", json.dumps(posts, default=repr).encode())

        if by_line:
            turn = await lock_of(request, digest, deadline_s=settings.batch_deadline_s + READING_SLACK_S)
            if isinstance(turn, Response):
                return turn
            return _Lines(lines, stack.pop_all(), deadline + READING_SLACK_S, turn)

        async def answer() -> Response:
            in_order = b",".join(line for _, line in sorted(await unless_gone(request, lines)))
            request_id = json.dumps(request.state.request_id).encode("ascii")
            return Response(b'{"request_id":%s,"results":[%s]}' % (request_id, in_order), media_type="application/json")

        return await once(request, digest, answer, deadline_s=settings.batch_deadline_s)


class _OneByOne:
    """Answers the posts of one batch by their places."""

    def __init__(
        self, request: Request, posts: list[object], claim: Claim, deadline: float, inference: Inference, loaded: Loaded
    ) -> None:
        self._request = request
        self._posts = posts
        self._claim = claim
        self._deadline = deadline
        self._desk = inference
        self._loaded = loaded

    async def line(self, place: int) -> bytes:
        """Return the entry of one post as JSON."""
        request, stages = self._request, Stages()
        try:
            kind, content = b"answer", await self._answer(place, stages)
        except Exception as error:
            if refusal_for(error).code == "internal_error":
                LOGGER.error("fault", exc_info=error, extra={"fields": {"request_id": request.state.request_id}})
            kind, content = b"problem", json.dumps(problem_of(request, error)).encode("ascii")
        for stage, ms in stages.ms.items():
            request.state.stages.add(stage, ms / 1000.0)
        return b'{"index":%d,"%s":%s}' % (place, kind, content)

    async def _answer(self, place: int, stages: Stages) -> bytes:
        post, self._posts[place] = self._posts[place], None  # a picture is held no longer than it is needed
        until = min(self._deadline, asyncio.get_running_loop().time() + self._request.app.state.settings.deadline_s)
        try:
            async with asyncio.timeout_at(until):
                read = await asyncio.to_thread(read_item, post)
                while True:
                    await self._desk.gate.place()
                    try:
                        answer = await answer_post(
                            self._request, read, self._desk, self._loaded, claim=self._claim, stages=stages
                        )
                    except Overloaded:  # others were quicker: a batch waits where a single post is refused
                        await asyncio.sleep(RETRY_S)
                    else:
                        return answer.model_dump_json().encode()
        except TimeoutError:
            raise DeadlineExceeded("The batch's time ran out before this post's turn was over.") from None


class _Lines(StreamingResponse):
    """Sends lines as they come, and lets go of what the batch holds when the last one, or the client, has gone."""

    def __init__(self, lines: AsyncGenerator[Line], held: ExitStack, until: float, turn: IdempotencyLock) -> None:
        super().__init__(_ended(lines, turn), media_type=NDJSON)
        self._lines = lines
        self._held = held
        self._until = until
        self._turn = turn

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._held:
            try:
                async with asyncio.timeout_at(self._until):
                    await super().__call__(scope, receive, send)
            finally:
                await self._lines.aclose()
                await self._turn.give_up()


async def _ended(lines: AsyncIterator[Line], turn: IdempotencyLock) -> AsyncIterator[bytes]:
    """Yield each line with its end; a caller who has read the last knows that all of them are kept."""
    sent = bytearray()
    async for _, line in lines:
        if turn.answer_counts:
            sent += line + b"\n"
        yield line + b"\n"
    await turn.keep(StoredAnswer(200, NDJSON, bytes(sent)))
