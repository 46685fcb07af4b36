"""The answers against Twilio's own OpenAPI files, which lie beside the repository where they are at hand."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests
from jsonschema import Draft4Validator
from twilio.rest.content.v1.content import ContentList

from .conftest import TEXT, Stand, wait_for

CONTENTS = "twilio_content_v1.json"
_OPENAPI = Path(__file__).parents[6] / "shared" / "reference" / "openapi"
_MESSAGES = "/2010-04-01/Accounts/{AccountSid}/Messages.json"
_MESSAGE = "/2010-04-01/Accounts/{AccountSid}/Messages/{Sid}.json"


@cache
def specification(name: str) -> dict[str, Any]:
    path = _OPENAPI / name
    if not path.exists():
        pytest.skip(f"Twilio's OpenAPI file is not at {path}")
    return dict(json.loads(path.read_text()))


def as_json_schema(value: Any) -> Any:
    """OpenAPI 3.0's `nullable`, put into JSON Schema's words."""
    if isinstance(value, list):
        return [as_json_schema(each) for each in value]
    if not isinstance(value, dict):
        return value
    schema = {key: as_json_schema(each) for key, each in value.items() if key != "nullable"}
    return {"anyOf": [schema, {"type": "null"}]} if value.get("nullable") is True else schema


def validate(name: str, schema: dict[str, Any], given: Any) -> None:
    components = as_json_schema(specification(name)["components"])
    Draft4Validator({**as_json_schema(schema), "components": components}).validate(given)


def check(name: str, path: str, method: str, status: int, answer: Any) -> None:
    """Right types, and exactly the fields that Twilio names."""
    whole = specification(name)
    answers = whole["paths"][path][method]["responses"]
    schema = answers[str(status)]["content"]["application/json"]["schema"]
    validate(name, schema, answer)
    if "$ref" in schema:
        schema = whole["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    assert set(answer) == set(schema["properties"])
    for content in [answer, *answer.get("contents", ())]:
        if "types" in content:
            check_types(content["types"])


def check_request(path: str, method: str, given: Any) -> None:
    """A body that Twilio's Content API takes."""
    body = specification(CONTENTS)["paths"][path][method]["requestBody"]
    validate(CONTENTS, body["content"]["application/json"]["schema"], given)
    if "types" in given:
        check_types(given["types"])


def check_types(types: Any) -> None:
    """Known ones, each with its own fields. The specification says that of requests alone."""
    schema = specification(CONTENTS)["components"]["schemas"]["types"]
    validate(CONTENTS, schema, types)
    assert set(types) <= set(schema["properties"])


def ask(stand: Stand, method: str, path: str, status: int, **given: Any) -> Any:
    config = stand.simulator.config
    with requests.Session() as session:
        session.trust_env = False
        answer = session.request(
            method, stand.base + path, auth=(config.account_sid, config.auth_token), timeout=10, **given
        )
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


def test_messages_answer_as_the_specification_says(stand: Stand) -> None:
    messages, name = (
        f"/2010-04-01/Accounts/{stand.simulator.config.account_sid}/Messages",
        "twilio_messages.json",
    )
    form = {
        "To": "whatsapp:+491701234567",
        "From": "whatsapp:+15550100000",
        "ContentSid": stand.approved(),
    }
    created = ask(stand, "POST", f"{messages}.json", 201, data=form)
    check(name, _MESSAGES, "post", 201, created)

    one = f"{messages}/{created['sid']}.json"
    wait_for(lambda: ask(stand, "GET", one, 200)["status"] == "read")
    check(name, _MESSAGE, "get", 200, ask(stand, "GET", one, 200))
    check(name, _MESSAGE, "post", 200, ask(stand, "POST", one, 200, data={"Body": ""}))

    failed = ask(stand, "POST", f"{messages}.json", 201, data={**form, "To": "whatsapp:+12025550102"})
    wait_for(lambda: ask(stand, "GET", f"{messages}/{failed['sid']}.json", 200)["status"] == "failed")
    check(name, _MESSAGES, "get", 200, ask(stand, "GET", f"{messages}.json", 200))
    check(name, _MESSAGES, "get", 200, ask(stand, "GET", f"{messages}.json?PageSize=1", 200))


_ACTIONS = [
    {"type": "QUICK_REPLY", "title": "Yes", "id": "yes"},
    {"type": "URL", "title": "Answer", "url": "https://x.example/r/{{1}}"},
]
_WHOLE_BODY = TEXT["twilio/text"]
TYPES: dict[str, dict[str, Any]] = {
    "twilio/text": _WHOLE_BODY,
    "twilio/media": {**_WHOLE_BODY, "media": ["https://x.example/a.jpg"]},
    "twilio/quick-reply": {**_WHOLE_BODY, "actions": _ACTIONS[:1]},
    "twilio/call-to-action": {**_WHOLE_BODY, "actions": _ACTIONS[1:]},
    "twilio/card": {"title": "Dear {{1}}", "subtitle": "No gifts", "actions": _ACTIONS},
    "whatsapp/card": {**_WHOLE_BODY, "header_text": "Come", "footer": "No gifts", "actions": _ACTIONS},
}


@pytest.mark.parametrize("kind", TYPES)
def test_contents_answer_as_the_specification_says(stand: Stand, kind: str) -> None:
    types = {kind: TYPES[kind]}
    given = {"friendly_name": "x", "language": "en", "variables": {"1": "a", "2": "b"}, "types": types}
    check_request("/v1/Content", "post", given)
    created = ask(stand, "POST", "/v1/Content", 201, json=given)
    check(CONTENTS, "/v1/Content", "post", 201, created)
    one = f"/v1/Content/{created['sid']}"
    check(CONTENTS, "/v1/Content/{Sid}", "get", 200, ask(stand, "GET", one, 200))

    check_request("/v1/Content/{Sid}", "put", {**given, "friendly_name": "y"})
    changed = ask(stand, "PUT", one, 200, json={**given, "friendly_name": "y"})
    check(CONTENTS, "/v1/Content/{Sid}", "put", 200, changed)
    assert changed == {**created, "friendly_name": "y"}

    review, path = f"{one}/ApprovalRequests", "/v1/Content/{ContentSid}/ApprovalRequests/whatsapp"
    check(CONTENTS, "/v1/Content/{Sid}/ApprovalRequests", "get", 200, ask(stand, "GET", review, 200))
    wanted = {"name": "x", "category": "UTILITY"}
    check_request(path, "post", wanted)
    answer = ask(stand, "POST", f"{review}/whatsapp", 201, json=wanted)
    check(CONTENTS, path, "post", 201, answer)
    fetched = ask(stand, "GET", review, 200)
    check(CONTENTS, "/v1/Content/{Sid}/ApprovalRequests", "get", 200, fetched)
    keys = {"type", "name", "category", "content_type", "status", "rejection_reason"}
    assert set(fetched["whatsapp"]) == keys | {"allow_category_change", "flows"}
    assert fetched["whatsapp"]["content_type"] == kind

    ask(stand, "POST", "/v1/Content", 201, json=given)
    for path in ("/v1/Content", "/v1/ContentAndApprovals"):
        check(CONTENTS, path, "get", 200, ask(stand, "GET", path, 200))
        check(CONTENTS, path, "get", 200, ask(stand, "GET", f"{path}?PageSize=1", 200))
    for item in ask(stand, "GET", "/v1/ContentAndApprovals", 200)["contents"]:
        assert set(item["approval_requests"]) == keys - {"type"} | {"allow_category_change"}

    assert ask(stand, "DELETE", one, 204) is None
    ask(stand, "GET", one, 404)


def test_the_sdk_reads_every_kind_of_answer(stand: Stand) -> None:
    variables = {"1": "a", "2": "b"}
    given = {"friendly_name": "x", "language": "en", "variables": variables, "types": TEXT}
    content = stand.client.content.v1.contents.create(ContentList.ContentCreateRequest(given))
    message = stand.send("+491701234567", content.sid)
    assert message.date_created is not None and message.date_created.utcoffset() is not None
    assert content.date_created is not None
    assert stand.client.api.v2010.accounts(stand.simulator.config.account_sid).fetch().status == "active"
