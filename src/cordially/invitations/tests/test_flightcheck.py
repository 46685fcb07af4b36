"""Every message is written out and read before it leaves."""

from __future__ import annotations

import pytest
from django.test import override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.people import ACCOUNT, NOW, a_campaign, a_guest, a_template, an_event, approved, some_guests

from cordially.events.models import Event
from cordially.guests.models import Guest
from cordially.invitations import campaigns, flightcheck, library
from cordially.invitations.flightcheck import Cause, Report
from cordially.invitations.models import (
    Invitation,
    MessageTemplate,
    Review,
    TemplateText,
    TemplateVersion,
)
from cordially.templating.components import Components

pytestmark = pytest.mark.django_db

REAL = override_settings(USE_SIMULATOR=False, TWILIO_API_URL="", TWILIO_ACCOUNT_SID=ACCOUNT)


def everyone(event: Event):
    return Guest.objects.filter(event=event)


def check(event: Event, template: MessageTemplate, **given: object) -> Report:
    return flightcheck.check(event, everyone(event), template, account=ACCOUNT, **given)


def found(report: Report) -> dict[str, list[str]]:
    return {each.key: [person.name for person in each.people] for each in report.findings}


def test_who_is_left_out_is_grouped_by_cause(event, sender):
    a_guest(event, "Fine", fields={"hall": "the pavilion"})
    a_guest(event, "No hall", fields={"hall": " "})
    a_guest(event, "No number", phone="")
    a_guest(event, "Two readings", phone="", phone_problem="ambiguous", phone_note="Emirates or Egypt?")
    a_guest(event, "Letters", phone="", phone_problem="invalid", phone_note="It has a letter in it.")
    a_guest(event, "Stopped", opted_out_at=NOW)
    a_guest(event, "Too long", fields={"hall": "x" * 1000})
    a_campaign([a_guest(event, "Had one")], sender)
    report = check(event, a_template("Dear {{guest_name}}, come to {{hall}}: {{rsvp_link}}. Bye!"))
    assert found(report) == {
        "ambiguous": ["Two readings"],
        "invalid": ["Letters"],
        "no_number": ["No number"],
        "opted_out": ["Stopped"],
        "lacks:hall": ["No hall"],
        "too_long": ["Too long"],
        "already": ["Had one"],
    }
    assert (report.chosen, report.ready, report.left_out) == (8, 1, 7)
    ambiguous = report.findings[0]
    assert ambiguous.people[0].note == "Emirates or Egypt?" and ambiguous.leaves_out


def test_a_fallback_is_read_where_the_value_is_missing(event):
    a_guest(event, "Has", fields={"hall": "the pavilion"})
    a_guest(event, "Has not")
    report = check(event, a_template("Dear {{guest_name}}, come to {{hall|the garden}} today."))
    assert report.ready == 2 and not report.reasons
    [note] = report.notes
    assert (note.cause, note.subject, note.instead) == (Cause.FALLBACK, "hall", "the garden")
    assert [person.name for person in note.people] == ["Has not"]


TEXTS = {
    "en": "Dear {{guest_name}}, come!",
    "he": "{{guest_name}} היקרים, בואו!",
    "pt_BR": "{{guest_name}}, vem!",
}


@pytest.mark.parametrize(
    ("language", "key"), [("", "en"), ("he", "he"), ("iw-IL", "he"), ("pt", "pt_BR"), ("en-GB", "en"), ("fr", "en")]
)  # fmt: skip
def test_a_guest_reads_the_text_of_their_language_or_the_fallback(event, sender, language, key):
    a_guest(event, language=language)
    template = approved("many", TEXTS, ACCOUNT)
    report = check(event, template)
    assert dict(report.readers) == {key: 1}
    expected = [Cause.OTHER_LANGUAGE] if language == "fr" else []
    assert [each.cause for each in report.notes] == expected
    campaign = campaigns.start_campaign(event, everyone(event), template=template, sender=sender)
    assert campaign.invitations.get().text == key
    assert [text.language for text in campaign.texts.all()] == [key]


def test_without_a_fallback_who_reads_another_language_is_left_out(event, sender):
    a_guest(event, "Amélie", language="fr")
    a_guest(event, "Ruth")
    template = approved("many", TEXTS, ACCOUNT, fallback_language="")
    report = check(event, template)
    assert found(report) == {"no_text:fr": ["Amélie"]} and report.ready == 1
    campaign = campaigns.start_campaign(event, everyone(event), template=template, sender=sender)
    left = campaign.invitations.get(guest__name="Amélie")
    assert (left.state, left.reason) == (
        "skipped",
        "There is no approved text in French, nor in a fallback language.",
    )


def test_the_events_language_is_that_of_guests_who_have_none_and_writes_the_date(sender):
    event = an_event(language="he")
    a_guest(event)
    template = approved("many", {"en": "On {{event_date}}, come!", "he": "ב{{event_date}} בואו!"}, ACCOUNT)
    campaign = campaigns.start_campaign(event, everyone(event), template=template, sender=sender)
    [text] = campaign.texts.all()
    assert text.language == "he" and "במאי" in text.event_values["event_date"]


@pytest.mark.parametrize("state", [state for state in Review if state != Review.APPROVED])
def test_a_text_that_is_not_approved_is_never_sent(event, sender, state):
    a_guest(event)
    template = a_template()
    TemplateVersion.objects.update(state=state, reason="Variable at the end.")
    report = check(event, template)
    assert report.ready == 0 and report.problem
    if state == Review.REJECTED:
        assert "rejected" in report.problem and "“Variable at the end”. Mend" in report.problem
    with pytest.raises(campaigns.CantStart, match=r"WhatsApp|approved"):
        campaigns.start_campaign(event, everyone(event), template=template, sender=sender)
    assert not Invitation.objects.exists()


def test_a_new_version_that_waits_leaves_the_approved_one_in_use(event, sender):
    a_guest(event)
    template = a_template("Old words for {{guest_name}} here.")
    text = template.texts.get()
    library.save_text(template, "en", Components("New words for {{guest_name}} here."))
    text.refresh_from_db()
    library.hand_in(text, ACCOUNT, "HX2", state=Review.PENDING)
    first = campaigns.start_campaign(event, everyone(event), template=template, sender=sender)
    assert first.texts.get().body.startswith("Old")
    TemplateVersion.objects.filter(ref="HX2").update(state=Review.APPROVED)
    a_guest(event)
    second = campaigns.start_campaign(event, everyone(event), template=template, sender=sender)
    assert second.texts.get().body.startswith("New") and second.texts.get().content_ref == "HX2"
    assert first.texts.get().body.startswith("Old"), "a running campaign keeps its version"


def test_marketing_does_not_reach_the_united_states(event, sender):
    a_guest(event, "New York", "+12125550100")
    a_guest(event, "Toronto", "+14165550100")
    a_guest(event, "Haifa")
    template = a_template()
    with REAL:
        report = check(event, template)
        assert found(report) == {"country:US": ["New York"]} and report.ready == 2
    TemplateVersion.objects.update(category="UTILITY")
    with REAL:
        assert check(event, template).ready == 3


def test_in_a_rehearsal_they_are_sent_and_told_of(event):
    a_guest(event, "New York", "+12125550100")
    report = check(event, a_template())
    assert report.ready == 1 and found(report) == {"country_simulated:US": ["New York"]}


def test_the_default_is_sent_instead_only_when_the_host_chose_it(event, sender):
    a_guest(event, "Has", fields={"hall": "the pavilion"})
    a_guest(event, "Has not")
    for text in library.default_template().texts.all():
        library.hand_in(text, ACCOUNT, f"HXdefault{text.language}", state=Review.APPROVED)
    template = a_template("Dear {{guest_name}}, come to {{hall}} today.")
    assert found(check(event, template)) == {"lacks:hall": ["Has not"]}
    report = check(event, template, otherwise=True)
    assert report.ready == 2 and found(report) == {"default_text": ["Has not"]}
    campaign = campaigns.start_campaign(
        event, everyone(event), template=template, sender=sender, otherwise=True, confirmed=2
    )
    texts = {row.guest.name: row.text for row in campaign.invitations.all()}
    assert texts == {"Has": "en", "Has not": "spare/en"}
    assert campaign.texts.get(key="spare/en").content_ref == "HXdefaulten"


CHANGES = {
    "a name": lambda event: everyone(event).filter(name="Ruth").update(name="Rut"),
    "a value": lambda event: everyone(event).filter(name="Ruth").update(fields={"hall": "1"}),
    "a number": lambda event: everyone(event).filter(name="Ruth").update(phone="+972501112233"),
    "a language": lambda event: everyone(event).filter(name="Ruth").update(language="he"),
    "somebody stopped": lambda event: everyone(event).filter(name="Ruth").update(opted_out_at=NOW),
    "somebody new": lambda event: a_guest(event),
    "somebody gone": lambda event: everyone(event).filter(name="Ruth").delete(),
    "the place": lambda event: Event.objects.filter(pk=event.pk).update(venue="Elsewhere"),
    "the hour": lambda event: Event.objects.filter(pk=event.pk).update(timezone="Europe/Berlin"),
    "the category": lambda event: TemplateVersion.objects.update(category="UTILITY"),
    "the approved text": lambda event: library.hand_in(TemplateText.objects.get(), ACCOUNT, "HX2", state="approved"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_after_the_check_is_asked_about_again(event, sender, change):
    a_guest(event, "Ruth")
    a_guest(event, "Noam")
    template = a_template()
    report = check(event, template)
    CHANGES[change](event)
    event = Event.objects.get(pk=event.pk)
    with pytest.raises(campaigns.AudienceChanged):
        campaigns.start_campaign(
            event,
            everyone(event),
            template=template,
            sender=sender,
            confirmed=report.ready,
            fingerprint=report.fingerprint,
        )
    assert not Invitation.objects.exists()


def test_another_fallback_of_what_is_sent_instead_is_asked_about_again(event, sender):
    a_guest(event, "Ruth")
    template = a_template()
    default = library.default_template()
    before = check(event, template, otherwise=True).fingerprint
    type(default).objects.filter(pk=default.pk).update(fallback_language="he")
    assert check(event, template, otherwise=True).fingerprint != before


def test_what_does_not_change_is_not_asked_about(event, sender):
    some_guests(event, 3)
    template = a_template()
    report = check(event, template)
    everyone(event).update(note="They sit at the front.")
    library.save_text(template, "en", Components("A draft of {{guest_name}} that nobody approved."))
    assert check(event, template).fingerprint == report.fingerprint
    campaigns.start_campaign(
        event, everyone(event), template=template, sender=sender, confirmed=3, fingerprint=report.fingerprint
    )


def test_a_change_between_check_and_transaction_is_seen(event, sender, monkeypatch):
    """The list changes at the very moment at which Send is pressed: it is read again, not sent as it was."""
    some_guests(event, 2)
    template = a_template("Dear {{guest_name}}, come!")
    started = campaigns._start
    times = []

    def late_change(*given: object) -> object:
        times.append(given)
        if len(times) == 1:
            everyone(event).update(name="Renamed")
        return started(*given)

    monkeypatch.setattr(campaigns, "_start", late_change)
    campaign = campaigns.start_campaign(event, everyone(event), template=template, sender=sender)
    assert len(times) == 2 and campaigns.counts(campaign)["queued"] == 2


def test_it_tells_how_far_it_is(event):
    Guest.objects.bulk_create(
        Guest(event=event, name=f"G{n}", name_key=f"g{n}", phone=f"+97250{n:07}") for n in range(1200)
    )
    steps = flightcheck.in_steps(event, everyone(event), a_template(), account=ACCOUNT)
    told = []
    with pytest.raises(StopIteration) as end:
        while True:
            told.append(next(steps))
    assert told == [500, 1000] and end.value.value.ready == 1200


#: what a database keeps in a text
KEPT = st.characters(exclude_categories=["Cs"], exclude_characters="\0")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(value=st.text(KEPT, max_size=60), name=st.text(KEPT, min_size=1, max_size=40))
def test_nothing_in_a_name_or_value_ever_breaks_the_check(db, value, name):
    event = an_event()
    a_guest(event, name, fields={"hall": value})
    report = check(event, a_template("Dear {{guest_name|friend}}, come to {{hall|the garden}} today."))
    assert report.chosen == 1 == report.ready + sum(each.count for each in report.reasons)
