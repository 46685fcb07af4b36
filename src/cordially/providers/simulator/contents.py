"""The Content API: templates and their review by WhatsApp."""

from __future__ import annotations

import datetime as dt
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .config import SimulatorConfig
from .content import Content, read_approval, read_content
from .door import Gate, json_answer, page_number, page_size
from .errors import ApiError
from .review import Approval
from .store import Store


class ContentApi:
    def __init__(self, config: SimulatorConfig, store: Store, gate: Gate) -> None:
        self._config = config
        self._store = store
        guard = gate.guard
        one = "/v1/Content/{sid}"
        self.routes = [
            Route("/v1/Content", guard(self._create), methods=["POST"]),
            Route("/v1/Content", guard(self._list), methods=["GET"]),
            Route("/v1/ContentAndApprovals", guard(self._list_with_approvals), methods=["GET"]),
            Route(one, guard(self._fetch), methods=["GET"]),
            Route(one, guard(self._change), methods=["PUT"]),
            Route(one, guard(self._delete), methods=["DELETE"]),
            Route(f"{one}/ApprovalRequests/whatsapp", guard(self._submit), methods=["POST"]),
            Route(f"{one}/ApprovalRequests", guard(self._approval), methods=["GET"]),
        ]

    async def _create(self, request: Request) -> Response:
        given = read_content(await _read_json(request), "HX" + uuid.uuid4().hex, time.time())
        content = replace(given, account=request.state.account)
        self._store.save_content(content)
        return json_answer(self._show(request, content), 201)

    async def _fetch(self, request: Request) -> Response:
        return json_answer(self._show(request, self._find(request)))

    async def _change(self, request: Request) -> Response:
        content = self._find(request).changed(await _read_json(request))
        self._store.save_content(content)
        return json_answer(self._show(request, content))

    async def _delete(self, request: Request) -> Response:
        self._store.delete_content(self._find(request).sid)
        return Response(status_code=204)

    async def _list(self, request: Request) -> Response:
        return self._page(request, lambda content: self._show(request, content))

    async def _list_with_approvals(self, request: Request) -> Response:
        return self._page(request, self._show_with_approval)

    async def _submit(self, request: Request) -> Response:
        content = self._find(request)
        if content.approval is not None:
            raise ApiError(92009)
        approval = read_approval(await _read_json(request), content, time.time())
        self._store.save_content(replace(content, approval=approval))
        return json_answer(self._show_approval(content, approval, status="received"), 201)

    async def _approval(self, request: Request) -> Response:
        content = self._find(request)
        url = f"{_base_url(request)}/v1/Content/{content.sid}/ApprovalRequests"
        review = self._show_approval(content, content.approval)
        return json_answer(
            {
                "sid": content.sid,
                "account_sid": content.account,
                "url": url,
                "whatsapp": {"type": "whatsapp", **review, "flows": None},
            }
        )

    def _page(self, request: Request, show: Callable[[Content], dict[str, Any]]) -> Response:
        """One page; its PageToken is PT and the place of its first item."""
        size, number = page_size(request), page_number(request)
        token = request.query_params.get("PageToken", "")
        if token and not token.removeprefix("PT").isdigit():
            raise ApiError(20001)
        start = int(token.removeprefix("PT")) if token else 0
        contents = self._store.contents(request.state.account)[::-1]  # the newest first
        url = f"{_base_url(request)}{request.scope['path'].removeprefix(request.scope['root_path'])}"

        def page_url(page: int, place: int) -> str:
            paging = {"PageSize": size, "Page": page} | ({"PageToken": f"PT{place}"} if page else {})
            return f"{url}?{urlencode(paging)}"

        return json_answer(
            {
                "contents": [show(content) for content in contents[start : start + size]],
                "meta": {
                    "page": number,
                    "page_size": size,
                    "first_page_url": page_url(0, 0),
                    "previous_page_url": page_url(number - 1, max(start - size, 0)) if number else None,
                    "url": page_url(number, start),
                    "next_page_url": page_url(number + 1, start + size)
                    if len(contents) > start + size
                    else None,
                    "key": "contents",
                },
            }
        )

    def _find(self, request: Request) -> Content:
        content = self._store.content(request.path_params["sid"], request.state.account)
        if content is None:
            raise ApiError(20404, request.url.path)
        return content

    def _show(self, request: Request, content: Content) -> dict[str, Any]:
        url = f"{_base_url(request)}/v1/Content/{content.sid}"
        links = {
            "approval_create": f"{url}/ApprovalRequests/whatsapp",
            "approval_fetch": f"{url}/ApprovalRequests",
        }
        return {**self._show_bare(content), "url": url, "links": links}

    def _show_with_approval(self, content: Content) -> dict[str, Any]:
        review = self._show_approval(content, content.approval)
        return {**self._show_bare(content), "approval_requests": review}

    def _show_bare(self, content: Content) -> dict[str, Any]:
        created = dt.datetime.fromtimestamp(content.created_at, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "sid": content.sid,
            "account_sid": content.account,
            "friendly_name": content.friendly_name,
            "language": content.language,
            "variables": content.variables,
            "types": content.types,
            "date_created": created,
            "date_updated": created,
        }

    def _show_approval(self, content: Content, approval: Approval | None, status: str = "") -> dict[str, Any]:
        if approval is None:
            status, name, category, reason = "unsubmitted", "", "", ""
        else:
            config = self._config
            status = status or approval.status(time.time(), config.approve_after, config.lapse_after)
            name, category = approval.name, approval.counted_as(status)
            reason = approval.rejection_reason(status)
        return {
            "name": name,
            "category": category,
            "content_type": content.kind,
            "status": status,
            "rejection_reason": reason,
            "allow_category_change": True,
        }


async def _read_json(request: Request) -> Any:
    if not request.headers.get("Content-Type", "").lower().startswith("application/json"):
        raise ApiError(20001)
    try:
        return json.loads(await request.body())
    except ValueError:
        raise ApiError(20001) from None


def _base_url(request: Request) -> str:
    """Our own address with the prefix that we are mounted under (Request.base_url leaves it out)."""
    return f"{request.url.scheme}://{request.url.netloc}{request.scope['root_path']}"
