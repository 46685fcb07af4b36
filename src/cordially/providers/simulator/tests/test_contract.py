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


def check(name: str, path: str, method: str, status: int, answer: Any) -> None:
    """Right types, and exactly the fields that Twilio names."""
    whole = specification(name)
    answers = whole["paths"][path][method]["responses"]
    schema = answers[str(status)]["content"]["application/json"]["schema"]
    components = as_json_schema(whole["components"])
    Draft4Validator({**as_json_schema(schema), "components": components}).validate(answer)
    if "$ref" in schema:
        schema = whole["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    assert set(answer) == set(schema["properties"])


def ask(stand: Stand, method: str, path: str, status: int, **given: Any) -> Any:
    config = stand.simulator.config
    with requests.Session() as session:
        session.trust_env = False
        answer = session.request(
            method, stand.base + path, auth=(config.account_sid, config.auth_token), timeout=10, **given
        )
    assert answer.status_code == status, answer.text
    return answer.json()


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


def test_contents_answer_as_the_specification_says(stand: Stand) -> None:
    name = "twilio_content_v1.json"
    given = {"friendly_name": "x", "language": "en", "variables": {"1": "a", "2": "b"}, "types": TEXT}
    created = ask(stand, "POST", "/v1/Content", 201, json=given)
    check(name, "/v1/Content", "post", 201, created)
    one = f"/v1/Content/{created['sid']}"
    check(name, "/v1/Content/{Sid}", "get", 200, ask(stand, "GET", one, 200))

    review = f"{one}/ApprovalRequests"
    check(name, "/v1/Content/{Sid}/ApprovalRequests", "get", 200, ask(stand, "GET", review, 200))
    answer = ask(stand, "POST", f"{review}/whatsapp", 201, json={"name": "x", "category": "UTILITY"})
    check(name, "/v1/Content/{ContentSid}/ApprovalRequests/whatsapp", "post", 201, answer)
    fetched = ask(stand, "GET", review, 200)
    check(name, "/v1/Content/{Sid}/ApprovalRequests", "get", 200, fetched)
    keys = {"type", "name", "category", "content_type", "status", "rejection_reason"}
    assert set(fetched["whatsapp"]) == keys | {"allow_category_change", "flows"}

    ask(stand, "POST", "/v1/Content", 201, json=given)
    for path in ("/v1/Content", "/v1/ContentAndApprovals"):
        check(name, path, "get", 200, ask(stand, "GET", path, 200))
        check(name, path, "get", 200, ask(stand, "GET", f"{path}?PageSize=1", 200))


def test_the_sdk_reads_every_kind_of_answer(stand: Stand) -> None:
    given = {"friendly_name": "x", "language": "en", "types": TEXT}
    content = stand.client.content.v1.contents.create(ContentList.ContentCreateRequest(given))
    message = stand.send("+491701234567", content.sid)
    assert message.date_created is not None and message.date_created.utcoffset() is not None
    assert content.date_created is not None
    assert stand.client.api.v2010.accounts(stand.simulator.config.account_sid).fetch().status == "active"
