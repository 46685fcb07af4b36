"""Templates at a real simulator over the wire: handed in, followed, brought in; and a test message."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import socket
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as live_settings

from cordially import approvals, service
from cordially.delivery.duties import Duties
from cordially.invitations import campaigns, library
from cordially.invitations.models import CampaignState, MessageTemplate, Review, TemplateVersion
from cordially.providers.twilio import content
from cordially.providers.twilio.content import ContentError, WholeContent
from cordially.templating.components import Button, ButtonKind, Components

from .people import a_guest, a_sender, an_event, later
from .processes import Simulator, simulator, until

pytestmark = [pytest.mark.django_db, pytest.mark.process]

LINK = Button(ButtonKind.LINK, "Will you come?")
WORDS = Components("Dear {{guest_name|friend}}, we ask you all to come to {{hall}} on {{event_date}} please.")
WHOLE = Components(
    "Dear {{guest_name|friend}}, we all ask you to come to *{{hall}}* on {{event_date}} please, "
    "{{guest_name}} and all the others!",
    header="For {{first_name}} alone",
    footer="The Levi and Rao families",
    buttons=(Button(ButtonKind.REPLY, "We come"), Button(ButtonKind.REPLY, "We can’t"), LINK),
)


@pytest.fixture(scope="module")
def twilio() -> Iterator[Simulator]:
    with simulator(approve_after=0.3, lapse_after=0.3) as running:
        yield running


@pytest.fixture(autouse=True)
def account(twilio: Simulator, settings: Any) -> str:
    for name, value in twilio.account.items():
        setattr(settings, name, value)
    settings.USE_SIMULATOR = False
    return twilio.account["TWILIO_ACCOUNT_SID"]


def decide(twilio: Simulator, ref: str, **told: str) -> None:
    """WhatsApp changes its mind."""
    request = urllib.request.Request(
        f"{twilio.url}/_simulator/contents/{ref}",
        json.dumps(told).encode(),
        {"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=10).read()


def a_template(components: Components = WORDS, name: str = "party") -> MessageTemplate:
    return library.create(name.capitalize(), {"en": components}, name=name)


def followed(version: TemplateVersion, state: Review) -> TemplateVersion:
    """Asked as the server asks, whenever it is time to."""

    def is_so() -> bool:
        TemplateVersion.objects.update(checked_at=None)  # as if it were time
        approvals.follow()
        version.refresh_from_db()
        return version.state == state

    until(is_so, 10, f"the template is {state}")
    return version


def listed(ref: str) -> content.ListedContent:
    return next(each for each in approvals.importable() if each.ref == ref)


def test_a_text_is_handed_in_and_followed_until_it_is_approved(account: str) -> None:
    template = a_template(WHOLE)
    version = approvals.hand_in(template.texts.get())
    assert version.state in (Review.RECEIVED, Review.PENDING) and not library.sendable(template, account)
    followed(version, Review.APPROVED)
    assert library.sendable(template, account)["en"] == version
    assert [slot.key for slot in version.slots] == [
        "first_name", "guest_name|friend", "hall", "event_date", "guest_name", "rsvp_token",
    ]  # fmt: skip
    there = content.fetch_content(approvals.credentials(), version.ref)
    assert (
        there.header == "For {{1}} alone"
        and "{{2}}, we all ask you to come to *{{3}}* on {{4}}" in there.body
    )
    assert there.buttons[-1].url == f"{live_settings.SITE_URL}/r/{{{{6}}}}"


def test_a_rejection_comes_with_its_reason(account: str) -> None:
    template = a_template(name="reject_me")
    version = followed(approvals.hand_in(template.texts.get()), Review.REJECTED)
    assert version.reason == "The name asks for it."
    [standing] = library.standings(template, account)
    assert standing.state == "rejected"


def test_whatsapp_may_put_it_into_another_category() -> None:
    template = library.create("Recategorise", {"en": WORDS}, category="UTILITY", name="recategorise")
    version = followed(approvals.hand_in(template.texts.get()), Review.APPROVED)
    assert version.category == "MARKETING"


def test_what_whatsapp_would_surely_reject_never_leaves(account: str) -> None:
    before = {each.ref for each in content.list_contents(approvals.credentials())}
    text = a_template(Components("Dear friend, this is for {{guest_name}}")).texts.get()
    with pytest.raises(approvals.CantHandIn, match="ends with a variable"):
        approvals.hand_in(text)
    with pytest.raises(approvals.CantHandIn, match="hall"):
        approvals.hand_in(a_template(name="halls").texts.get(), known=["table"])
    assert {each.ref for each in content.list_contents(approvals.credentials())} == before


def test_nothing_is_left_behind_when_the_review_cannot_be_asked_for(monkeypatch: Any) -> None:
    before = {each.ref for each in content.list_contents(approvals.credentials())}

    def refused(*given: object) -> object:
        raise ContentError(approvals.content.codes.fault(approvals.content.codes.CODES[20003]))

    monkeypatch.setattr(approvals.content, "request_approval", refused)
    with pytest.raises(ContentError):
        approvals.hand_in(a_template().texts.get())
    assert not TemplateVersion.objects.exists()
    assert {each.ref for each in content.list_contents(approvals.credentials())} == before


def test_a_template_that_is_paused_stops_the_campaigns_that_use_it(twilio: Simulator, account: str) -> None:
    template = a_template(Components("Dear {{guest_name}}, please come all of you to {{event_name}} in May."))
    version = followed(approvals.hand_in(template.texts.get()), Review.APPROVED)
    guest = a_guest(an_event())
    event = guest.event
    sender = a_sender(account=account)
    campaign = campaigns.start_campaign(event, event.guests.all(), template=template, sender=sender)
    decide(twilio, version.ref, status="paused")
    followed(version, Review.PAUSED)
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.PAUSED and "paused the template “Party”" in campaign.paused_reason
    decide(twilio, version.ref, status="approved")
    followed(version, Review.APPROVED)
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.PAUSED, "the host decides when it goes on"


def test_who_waits_is_asked_about_often_and_who_is_decided_seldom(monkeypatch: Any) -> None:
    monkeypatch.setattr(approvals.senders, "is_real", lambda of="": True)
    waiting = approvals.hand_in(a_template(name="one").texts.get())
    decided = library.hand_in(a_template(name="two").texts.get(), waiting.account, "HX2", state="approved")
    at = waiting.checked_at

    def due(seconds: float) -> set[str]:
        return {version.ref for version in approvals._due(waiting.account, later(seconds, at))}

    assert due(30) == set()
    assert due(61) == {waiting.ref}
    assert due(3700) == {waiting.ref, decided.ref}


def test_the_simulator_is_asked_every_few_seconds_about_what_is_decided(account: str) -> None:
    assert not approvals.senders.is_real()
    decided = library.hand_in(a_template().texts.get(), account, "HX2", state="approved")
    assert approvals._due(account, later(6, decided.checked_at)) == [decided]
    assert approvals._due(account, later(4, decided.checked_at)) == []


def test_what_is_at_twilio_already_is_brought_in(account: str) -> None:
    whole = WholeContent(
        "wedding_2027",
        "he",
        "שלום {{1}}, אנחנו מבקשים שתבואו אל {{2}} בשמחה!",
        footer="המשפחות",
        samples=("דנה", "הגן"),
    )
    ref = content.put_up(approvals.credentials(), whole)
    content.request_approval(approvals.credentials(), ref, "wedding_2027", "MARKETING")
    found = listed(ref)
    with pytest.raises(approvals.CantHandIn, match="Say what"):
        approvals.bring_in(found, {"1": "guest_name"})
    text = approvals.bring_in(found, {"1": "guest_name", "2": "hall|הגן"})
    assert (text.template.title, text.language, text.template.fallback_language) == (
        "wedding_2027",
        "he",
        "he",
    )
    assert (
        text.body == "שלום {{guest_name}}, אנחנו מבקשים שתבואו אל {{hall|הגן}} בשמחה!"
        and text.footer == "המשפחות"
    )
    version = followed(text.versions.get(), Review.APPROVED)
    assert [slot.key for slot in version.slots] == ["guest_name", "hall|הגן"]
    assert ref not in {each.ref for each in approvals.importable()}, "it is known now"
    assert not library.standings(text.template, account)[0].is_draft


def test_another_language_of_it_becomes_a_text_of_the_same_template() -> None:
    refs = []
    for language, words in (
        ("en", "Dear {{1}}, come to us please!"),
        ("fr", "Bonjour {{1}}, venez chez nous !"),
    ):
        whole = WholeContent("gala", language, words, samples=("Ana",))
        refs.append(content.put_up(approvals.credentials(), whole))
    texts = [approvals.bring_in(listed(ref), {"1": "guest_name"}) for ref in refs]
    assert texts[0].template == texts[1].template and texts[0].template.texts.count() == 2


def test_a_button_that_leads_elsewhere_is_not_brought_in() -> None:
    button = content.ContentButton("link", "Open", "https://elsewhere.example.com/x/{{1}}")
    whole = WholeContent(
        "foreign", "en", "Come to us please, all of you!", buttons=(button,), samples=("8Vq2",)
    )
    ref = content.put_up(approvals.credentials(), whole)
    with pytest.raises(approvals.CantHandIn, match="elsewhere.example.com"):
        approvals.bring_in(listed(ref), {})
    assert not MessageTemplate.objects.filter(title="foreign").exists()


def test_a_reference_is_adopted_only_when_it_says_the_same() -> None:
    whole = WholeContent("mine", "en", "Dear {{1}}, come to us please!", samples=("Ana",))
    ref = content.put_up(approvals.credentials(), whole)
    same = a_template(Components("Dear {{guest_name}}, come to us please!"), "same").texts.get()
    other = a_template(Components("Dear {{guest_name}}, stay at home please!"), "other").texts.get()
    adopted = approvals.adopt(same, ref)
    assert adopted.state == Review.UNSUBMITTED
    assert approvals.hand_in(same) == adopted, "it is at Twilio already: only the review is asked for"
    followed(adopted, Review.APPROVED)
    with pytest.raises(approvals.CantHandIn, match="has other words at Twilio"):
        approvals.adopt(other, ref)
    with pytest.raises(approvals.CantHandIn):
        approvals.adopt(other, "HX" + "9" * 32)


def test_a_wrong_password_is_told_and_changes_nothing(settings: Any) -> None:
    settings.TWILIO_AUTH_TOKEN = "wrong"
    with pytest.raises(ContentError, match="password"):
        approvals.hand_in(a_template().texts.get())
    assert not TemplateVersion.objects.exists()


def test_a_default_text_that_cannot_be_handed_in_stops_no_server(caplog: Any) -> None:
    template = library.default_template()
    template.texts.exclude(language="en").delete()
    library.save_text(template, "en", Components("We ask you to come, dear {{guest_name}}"))
    approvals.prepare_simulated()
    assert "ends with a variable" in caplog.text and not TemplateVersion.objects.exists()
    library.save_text(template, "en", WORDS)
    approvals.prepare_simulated()
    assert library.sendable(template, approvals.senders.account())


ADOPTABLE = Components(
    "Dear {{guest_name}}, come to us please!",
    header="Hello",
    footer="The families",
    buttons=(Button(ButtonKind.REPLY, "We come"), LINK),
)


@pytest.mark.parametrize(
    ("differs", "told"),
    [
        ({"header": "Hi"}, "another header"),
        ({"footer": ""}, "another footer"),
        ({"buttons": (Button(ButtonKind.REPLY, "Yes"), LINK)}, "other buttons"),
        ({"buttons": (LINK,)}, "other buttons"),
    ],
)
def test_what_is_adopted_says_the_same_in_every_part(differs: dict[str, Any], told: str) -> None:
    text = a_template(ADOPTABLE, "adoptable").texts.get()
    ref = content.put_up(approvals.credentials(), approvals._whole(text))
    assert approvals.adopt(text, ref).ref == ref
    assert approvals.adopt(text, ref) == text.versions.get(), "once more is no second version"
    other = a_template(dataclasses.replace(ADOPTABLE, **differs), "different").texts.get()
    with pytest.raises(approvals.CantHandIn, match=f"{told} at Twilio"):
        approvals.adopt(other, ref)
    assert not other.versions.exists()


def test_a_link_to_another_server_is_not_adopted(settings: Any) -> None:
    text = a_template(ADOPTABLE, "moved").texts.get()
    ref = content.put_up(approvals.credentials(), approvals._whole(text))
    settings.SITE_URL = "https://another.example.com"
    with pytest.raises(approvals.CantHandIn, match="other buttons"):
        approvals.adopt(text, ref)


def test_one_reference_stands_for_one_text() -> None:
    one, two = (a_template(WORDS, name).texts.get() for name in ("one", "two"))
    ref = content.put_up(approvals.credentials(), approvals._whole(one))
    approvals.adopt(one, ref)
    with pytest.raises(approvals.CantHandIn, match="stands for “One” already"):
        approvals.adopt(two, ref)


def test_nothing_is_adopted_unread_while_twilio_is_away(settings: Any) -> None:
    settings.TWILIO_API_URL = "http://127.0.0.1:9"
    with pytest.raises(approvals.CantHandIn, match=r"can’t be reached.*Nothing was kept.*Try again"):
        approvals.adopt(a_template().texts.get(), "HX" + "1" * 32)
    assert not TemplateVersion.objects.exists()


@pytest.mark.parametrize("press", [approvals.adopt, approvals.bring_in])
def test_two_presses_keep_one_version(press: Any, account: str, monkeypatch: Any) -> None:
    text = a_template(WORDS, "kept").texts.get()
    ref = content.put_up(approvals.credentials(), approvals._whole(text))
    found = listed(ref)
    # looked whether somebody has it, and not kept yet
    step = "_keep" if press is approvals.adopt else "named"
    go_on = getattr(approvals, step)

    def meanwhile(*given: Any, **more: Any) -> Any:
        library.hand_in(a_template(WORDS, "faster").texts.get(), account, ref)
        return go_on(*given, **more)

    monkeypatch.setattr(approvals, step, meanwhile)
    given = {"1": "guest_name", "2": "hall", "3": "event_date"}
    with pytest.raises(approvals.CantHandIn, match="right now"):
        press(text, ref) if press is approvals.adopt else press(found, given)
    assert TemplateVersion.objects.get().text.template.name == "faster"
    assert MessageTemplate.objects.count() == 2, "and nothing is left of the other"


def test_another_kind_is_asked_for_anew(account: str) -> None:
    template = a_template(name="kind")
    first = approvals.hand_in(template.texts.get())
    template.category = "UTILITY"
    template.save()
    second = approvals.hand_in(template.texts.get())
    assert second.ref != first.ref and second.asked_category == "UTILITY"
    assert approvals.hand_in(template.texts.get()) == second, "and once more is the same"


def test_what_was_never_asked_for_is_asked_for_as_the_kind_that_it_is_now(account: str) -> None:
    template = a_template(name="kept_back")
    text = template.texts.get()
    ref = content.put_up(approvals.credentials(), approvals._whole(text))
    assert approvals.adopt(text, ref).asked_category == "MARKETING"
    template.category = "UTILITY"
    template.save()
    version = approvals.hand_in(template.texts.get())
    assert (version.ref, version.asked_category) == (ref, "UTILITY")
    assert not library.standings(version.text.template, account)[0].is_draft


def refs_at_twilio() -> set[str]:
    return {each.ref for each in content.list_contents(approvals.credentials())}


def test_two_presses_hand_in_one_content(monkeypatch: Any) -> None:
    text = a_template(name="pressed").texts.get()
    before = refs_at_twilio()
    put_up, second = content.put_up, []

    def meanwhile(*given: Any) -> str:
        """The second press comes while the first one waits for Twilio."""
        with pytest.raises(approvals.CantHandIn, match="right now"):
            approvals.hand_in(text)
        second.append(True)
        return put_up(*given)

    monkeypatch.setattr(approvals.content, "put_up", meanwhile)
    first = approvals.hand_in(text)
    assert second and len(refs_at_twilio() - before) == 1
    assert approvals.hand_in(text) == first, "and who presses after it gets the same"
    assert len(refs_at_twilio() - before) == 1


def test_a_crash_before_the_review_leaves_nothing_to_be_made_twice(monkeypatch: Any, account: str) -> None:
    text = a_template(name="crashed").texts.get()
    before = refs_at_twilio()

    class Crash(BaseException):
        pass

    def crash(*given: object) -> object:
        raise Crash

    with monkeypatch.context() as patched, pytest.raises(Crash):
        patched.setattr(approvals.content, "request_approval", crash)
        approvals.hand_in(text)
    [ref] = refs_at_twilio() - before
    assert text.versions.get().state == Review.UNSUBMITTED
    version = approvals.hand_in(text)
    assert version.ref == ref and refs_at_twilio() - before == {ref}
    followed(version, Review.APPROVED)


def test_what_could_not_be_taken_down_is_handed_in_the_next_time(monkeypatch: Any) -> None:
    text = a_template(name="stays").texts.get()
    before = refs_at_twilio()

    def away(*given: object) -> object:
        raise ContentError(approvals.content.codes.fault(approvals.content.codes.UNREACHABLE))

    with monkeypatch.context() as patched, pytest.raises(ContentError):
        patched.setattr(approvals.content, "request_approval", away)
        patched.setattr(approvals.content, "remove", away)
        approvals.hand_in(text)
    version = approvals.hand_in(text)
    assert refs_at_twilio() - before == {version.ref}


def test_a_link_of_a_former_address_is_made_anew(settings: Any) -> None:
    text = a_template(ADOPTABLE, "address").texts.get()
    ref = content.put_up(approvals.credentials(), approvals._whole(text))
    old = approvals.adopt(text, ref)
    settings.SITE_URL = "https://new.example.com"
    fresh = approvals.hand_in(text)
    assert fresh.ref != old.ref and fresh.link_base == "https://new.example.com/r/"


def test_a_round_ends_when_twilio_does_not_answer(settings: Any, monkeypatch: Any) -> None:
    for name in ("one", "two", "three"):
        library.hand_in(a_template(name=name).texts.get(), settings.TWILIO_ACCOUNT_SID, f"HX{name}")
    TemplateVersion.objects.update(checked_at=None)
    settings.TWILIO_API_URL = "http://127.0.0.1:9"
    asked, status = [], content.approval_status
    monkeypatch.setattr(
        approvals.content, "approval_status", lambda *given: asked.append(given) or status(*given)
    )
    assert approvals.follow() is False
    assert len(asked) == 1


@pytest.mark.parametrize("state", [Review.APPROVED, Review.PAUSED])
def test_who_is_about_to_be_sent_is_asked_about_soon(account: str, state: Review) -> None:
    version = library.hand_in(a_template().texts.get(), account, "HX2", state=state)
    approvals.look_again(version.text.template)
    version.refresh_from_db()
    assert version.checked_at is not None, "it was asked about a moment ago"
    TemplateVersion.objects.update(checked_at=later(-130, version.checked_at))
    approvals.look_again(version.text.template)
    version.refresh_from_db()
    assert version.checked_at is None


class Mine(Duties):
    """Every duty is this process's."""

    def __init__(self) -> None: ...

    async def has(self, name: str) -> bool:
        return True


@pytest.mark.django_db(transaction=True)
def test_a_stop_does_not_wait_for_twilio(settings: Any, account: str) -> None:
    """Half a minute of silence at Twilio is no half minute at the stop."""
    library.hand_in(a_template().texts.get(), account, "HX2")
    TemplateVersion.objects.update(checked_at=None)
    following: list[threading.Thread] = []

    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(15)
        settings.TWILIO_API_URL = f"http://127.0.0.1:{door.getsockname()[1]}"

        async def serve() -> None:
            task = asyncio.create_task(service._follow_reviews(Mine(), list))
            line, _ = await asyncio.to_thread(door.accept)
            following.extend(each for each in threading.enumerate() if each.name == "reviews")
            task.cancel()
            lines.append(line)

        lines: list[socket.socket] = []
        server = threading.Thread(target=asyncio.run, args=[serve()])
        server.start()
        server.join(15)
        stopped = not server.is_alive()
        for line in lines:
            line.close()
    server.join(60)
    for thread in following:
        thread.join(10)
    assert lines, "Twilio was asked"
    assert stopped


def test_what_is_gone_at_twilio_after_all_is_made_anew(account: str) -> None:
    text = a_template(name="gone").texts.get()
    ref = content.put_up(approvals.credentials(), approvals._whole(text))
    approvals.adopt(text, ref)
    content.remove(approvals.credentials(), ref)
    fresh = approvals.hand_in(text)
    assert fresh.ref != ref and text.versions.get() == fresh
