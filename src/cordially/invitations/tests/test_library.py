"""Templates: written, copied, put away; drafts and versions."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from tests.people import ACCOUNT, a_template, approved

from cordially.invitations import library
from cordially.invitations.models import Category, MessageTemplate, Review, TemplateText, TemplateVersion
from cordially.templating import shipped
from cordially.templating.components import Button, ButtonKind, Components

pytestmark = pytest.mark.django_db

WORDS = Components("Dear {{guest_name}}, come to {{event_name}} please.")


def test_the_default_is_there_in_every_language_that_ships():
    template = library.default_template()
    assert {text.language: text.components for text in template.texts.all()} == shipped.TEXTS
    assert template.fallback_language == "en"
    assert library.default_template() == template and TemplateText.objects.count() == len(shipped.TEXTS)


def test_what_the_host_made_of_the_default_stays():
    template = library.default_template()
    library.save_text(template, "en", WORDS)
    template.texts.exclude(language="en").delete()
    assert [text.components for text in library.default_template().texts.all()] == [WORDS]


def test_a_name_is_made_of_the_title_and_never_taken_twice():
    names = [library.create("Save the date!", {"en": WORDS}).name for _ in range(3)]
    assert names == ["save_the_date", "save_the_date_2", "save_the_date_3"]
    assert library.create("שמור את התאריך", {"he": WORDS}).name == "template"


def test_a_text_keeps_all_its_parts():
    whole = Components(
        "Dear {{guest_name}}, come!", header="A wedding", footer="The families",
        buttons=(Button(ButtonKind.REPLY, "Yes"), Button(ButtonKind.LINK, "Answer")),
    )  # fmt: skip
    template = library.create("All", {"en": whole})
    assert TemplateText.objects.get(template=template).components == whole
    version = library.hand_in(template.texts.get(), ACCOUNT, "HX1")
    version.refresh_from_db()
    assert version.components == whole
    assert [slot.key for slot in version.slots] == ["guest_name", "rsvp_token"]


def test_a_copy_has_the_texts_and_no_approval():
    template = approved("first", {"en": "Dear {{guest_name}}, come!", "he": "{{guest_name}}, בואו!"}, ACCOUNT)
    copy = library.duplicate(template)
    assert {text.language: text.body for text in copy.texts.all()} == {
        text.language: text.body for text in template.texts.all()
    }
    assert copy.name != template.name and not library.sendable(copy, ACCOUNT)


def test_versions_count_up_and_the_newest_approved_one_is_sent():
    text = a_template().texts.get()
    assert [library.hand_in(text, ACCOUNT, f"HX{n}", state=state).number for n, state in (
        (2, Review.APPROVED), (3, Review.REJECTED), (4, Review.PENDING))] == [2, 3, 4]  # fmt: skip
    assert library.sendable(text.template, ACCOUNT)["en"].ref == "HX2"
    assert library.sendable(text.template, "AC0") == {}, "each account has its own"


def test_a_draft_is_what_was_not_handed_in():
    template = a_template()
    [standing] = library.standings(template, ACCOUNT)
    assert (standing.state, standing.is_draft) == ("approved", False)
    library.save_text(template, "en", WORDS)
    [standing] = library.standings(template, ACCOUNT)
    assert (standing.state, standing.in_use.number) == ("draft", 1)


def test_another_kind_of_message_is_a_draft():
    template = a_template()
    template.category = Category.UTILITY
    template.save()
    [standing] = library.standings(template, ACCOUNT)
    assert (standing.state, standing.in_use.number) == ("draft", 1), "the approved one is sent meanwhile"
    TemplateVersion.objects.update(category=Category.UTILITY)
    assert not library.standings(template, ACCOUNT)[0].is_draft, "WhatsApp counts it as that already"


def test_what_whatsapp_counts_as_something_else_is_no_draft():
    template = a_template()
    TemplateVersion.objects.update(category=Category.UTILITY)
    assert not library.standings(template, ACCOUNT)[0].is_draft
    TemplateVersion.objects.update(asked_category="")
    MessageTemplate.objects.update(category=Category.UTILITY)
    assert not library.standings(template, ACCOUNT)[0].is_draft, "nobody knows what was asked for"


def test_standings_of_many_templates_take_two_queries(django_assert_num_queries):
    templates = [a_template() for _ in range(3)]
    with django_assert_num_queries(2):
        found = library.all_standings(templates, ACCOUNT)
        assert [standing.is_draft for mine in found.values() for standing in mine] == [False] * 3


def test_a_reference_stands_for_one_version_at_an_account():
    one, two = a_template().texts.get(), a_template().texts.get()
    library.hand_in(one, ACCOUNT, "HX7")
    library.hand_in(two, "AC0", "HX7")
    with pytest.raises(IntegrityError), transaction.atomic():
        library.hand_in(two, ACCOUNT, "HX7")


def test_a_button_that_leads_to_an_old_address_is_not_sent(settings):
    link = Components("Dear {{guest_name}}, come!", buttons=(Button(ButtonKind.LINK, "Answer"),))
    template = library.create("Button", {"en": link})
    version = library.hand_in(template.texts.get(), ACCOUNT, "HX1", state=Review.APPROVED)
    assert version.link_base == f"{settings.SITE_URL}/r/" and library.sendable(template, ACCOUNT)
    settings.SITE_URL = "https://elsewhere.example.com"
    assert not library.sendable(template, ACCOUNT)
    [standing] = library.standings(template, ACCOUNT)
    assert standing.is_stale


def test_what_is_put_away_comes_back():
    template = a_template()
    library.archive(template)
    assert MessageTemplate.objects.get(pk=template.pk).archived_at
    library.restore(template)
    assert MessageTemplate.objects.get(pk=template.pk).archived_at is None
