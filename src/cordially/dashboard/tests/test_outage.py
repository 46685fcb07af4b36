"""What the host reads while the database is out of order."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, OperationalError
from django.test import Client

from cordially.invitations import campaigns
from cordially.invitations.models import Campaign


def pressed(browser: Client, campaign: Campaign, monkeypatch, error: Exception):
    def fails(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr(campaigns, "pause", fails)
    browser.raise_request_exception = False
    return browser.post(f"/e/maya-arjun/campaigns/{campaign.pk}/pause")


def test_a_press_on_a_button_says_that_nothing_was_changed(browser, campaign, monkeypatch, caplog):
    answer = pressed(
        browser, campaign, monkeypatch, OperationalError("database is locked\nDETAIL: by nobody")
    )
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    page = answer.content.decode()
    assert "nothing was changed" in page and "Try again in a few seconds" in page
    [line] = [record for record in caplog.records if record.name == "cordially.dashboard.outage"]
    assert line.getMessage().endswith("database is locked DETAIL: by nobody")
    assert line.exc_info is None, "one line, no trace"


@pytest.mark.parametrize("error", [IntegrityError("a row"), ValueError("a bug")])
def test_an_error_of_ours_is_none_of_the_databases(browser, campaign, monkeypatch, error):
    assert pressed(browser, campaign, monkeypatch, error).status_code == 500
