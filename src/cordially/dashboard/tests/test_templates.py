"""Message templates in the browser's view: the list, the editor, what WhatsApp says, what comes from Twilio."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.test import Client

from cordially import approvals
from cordially.accounts.models import Host
from cordially.dashboard import survey
from cordially.dashboard.bubble import bubble
from cordially.dashboard.editor import painted
from cordially.delivery import wake as waking
from cordially.events.models import Event
from cordially.guests import fields
from cordially.invitations import library
from cordially.invitations.lifecycle import State
from cordially.invitations.models import (
    Campaign,
    CampaignText,
    MessageTemplate,
    Review,
    Sender,
    SenderState,
    TemplateText,
    TemplateVersion,
    TestMessage,
)
from cordially.providers.errors import ErrorClass, Fault, Misconfigured
from cordially.providers.twilio.content import (
    Approval,
    ApprovalStatus,
    ContentButton,
    ContentError,
    ListedContent,
)
from cordially.templating import rules, variables
from cordially.templating.components import Button, ButtonKind, Components
from cordially.templating.rules import Finding

from .conftest import a_guest

ROOT = "/e/maya-arjun/templates"
HTMX = {"HX-Request": "true"}
GOOD = "Dear {{guest_name}}, please come to *{{event_name}}* and be with us: {{rsvp_link}} We look forward to it."
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"

_FIELD = re.compile(r'<input[^>]*? name="([^"]+)"[^>]*? value="([^"]*)"')


@pytest.fixture
def own(event: Event, sender: Sender) -> MessageTemplate:
    """A template of the host's that nobody has seen yet."""
    return library.create("Save the date", {"en": Components(GOOD)}, name="save_the_date")


def at(template: MessageTemplate, what: str = "") -> str:
    return f"{ROOT}/{template.pk}{f'/{what}' if what else ''}"


def form(page: str) -> str:
    """The markup of the editor's form."""
    found = re.search(r'<form class="card" id="editor".*?</form>', page, re.S)
    assert found, page
    return found[0]


def typed(page: str, **changed: object) -> dict[str, object]:
    """What a browser would post from that page, with some fields changed."""
    part = form(page)
    given: dict[str, object] = {}
    for name, value in _FIELD.findall(part):
        if name == "reply":
            given.setdefault("reply", [])
            given["reply"].append(unescape(value))  # type: ignore[attr-defined]
        elif name != "csrfmiddlewaretoken":
            given[name] = unescape(value)
    body = re.search(r"<textarea[^>]*>\n?(.*?)</textarea>", part, re.S)
    kind = re.search(r'<option value="(\w+)" selected', part)
    assert body and kind
    return given | {"body": unescape(body[1]), "category": kind[1]} | changed


def read(browser: Client, template: MessageTemplate, **query: object) -> str:
    answer = browser.get(at(template), query)
    assert answer.status_code == 200
    return answer.content.decode()


def plain(markup: str) -> str:
    """The words of a piece of the page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def looked(browser: Client, template: MessageTemplate, **changed: object) -> str:
    """What the editor shows while something is typed."""
    given = typed(read(browser, template, lang=changed.get("language", "")), **changed)
    answer = browser.post(at(template, "look"), given, headers=HTMX)
    assert answer.status_code == 200
    return answer.content.decode()


# -- who may, and that nothing is markup -----------------------------------------------------------------------


GETS = ("", "/new", "/import", "/{pk}", "/{pk}/review", "/{pk}/test")
POSTS = (
    "/new", "/import", "/{pk}/look", "/{pk}/save", "/{pk}/submit", "/{pk}/ask", "/{pk}/language",
    "/{pk}/settings", "/{pk}/duplicate", "/{pk}/archive", "/{pk}/restore", "/{pk}/test",
)  # fmt: skip


def test_only_a_host_who_is_signed_in_sees_and_changes_them(client: Client, own: MessageTemplate) -> None:
    answers = [client.get(ROOT + path.format(pk=own.pk)) for path in GETS]
    answers += [client.post(ROOT + path.format(pk=own.pk)) for path in POSTS]
    for answer in answers:
        assert answer.status_code == 302 and answer["Location"].startswith("/signin")


def test_a_form_of_another_site_changes_nothing(host: User, own: MessageTemplate) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(host)
    for path in POSTS:
        assert strict.post(ROOT + path.format(pk=own.pk)).status_code == 403
    assert MessageTemplate.objects.filter(archived_at=None).count() == 1


def test_what_only_changes_things_can_t_be_opened(browser: Client, own: MessageTemplate) -> None:
    for path in set(POSTS) - set(GETS):
        answer = browser.get(ROOT + path.format(pk=own.pk))
        if path in ("/{pk}/save", "/{pk}/submit", "/{pk}/ask", "/{pk}/language", "/{pk}/settings"):
            assert (answer.status_code, answer["Location"]) == (302, f"{ROOT}/{own.pk}"), "to the editor"
        else:
            assert answer.status_code == 405


def test_who_signs_in_after_a_press_is_back_on_the_page_of_the_button(
    client: Client, own: MessageTemplate, event: Event
) -> None:
    page = f"http://testserver{ROOT}/{own.pk}?lang=en"
    answer = client.post(f"{ROOT}/{own.pk}/save", headers={"Referer": page})
    assert answer["Location"] == f"/signin?next={ROOT}/{own.pk}%3Flang%3Den"
    for elsewhere in ("https://evil.example/x", ""):
        answer = client.post(f"{ROOT}/{own.pk}/save", headers={"Referer": elsewhere})
        assert answer["Location"] == "/signin?next=/e/maya-arjun/guests"


def test_the_preview_begins_with_somebody_who_reads_the_language(
    browser: Client, own: MessageTemplate, event: Event
) -> None:
    a_guest(event, "Ruth", language="en"), a_guest(event, "Noam", language="he")
    library.save_text(own, "he", Components(GOOD))
    assert "Noam · 2 of 2" in plain(read(browser, own, lang="he"))
    assert "Ruth · 1 of 2" in plain(read(browser, own, lang="en"))


def test_counts_say_of_whom_when_not_everybody_was_looked_at(
    browser: Client, own: MessageTemplate, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cordially.dashboard.survey.MOST", 2)
    for name in ("Ruth", "Noam", "Priya"):
        a_guest(event, name, fields={"hall": "A"} if name == "Priya" else {})
    library.save_text(own, "en", Components(f"{GOOD} {{{{hall}}}} and more"))
    page = plain(read(browser, own, lang="en"))
    assert "2 of the first 2 guests have no hall." in page and "2 of the first 2 empty" in page


def test_as_many_mistakes_are_counted_as_are_shown(
    browser: Client, own: MessageTemplate, event: Event
) -> None:
    page = read(browser, own, lang="en")
    # too long, and it holds a variable: one sentence beside the field
    library.save_text(own, "en", Components(GOOD, footer="{{guest_name}} " + "x" * 70))
    page = read(browser, own, lang="en")
    assert "One thing to mend before WhatsApp can be asked." in plain(page)


def test_of_many_buttons_two_are_drawn_and_a_list(browser: Client, own: MessageTemplate) -> None:
    three = tuple(Button(ButtonKind.REPLY, f"Answer {n}") for n in range(3))
    library.save_text(own, "en", Components(GOOD, buttons=three))
    assert "See all options" not in read(browser, own, lang="en")
    library.save_text(own, "en", Components(GOOD, buttons=(*three, Button(ButtonKind.LINK, "The page"))))
    page = read(browser, own, lang="en").split('class="chat"')[1]
    assert re.search(r"Answer 0.*Answer 1.*<summary.*See all options.*Answer 2.*The page", page, re.S)


def test_what_there_isn_t_is_not_found(browser: Client, own: MessageTemplate) -> None:
    assert browser.get(f"{ROOT}/999").status_code == 404
    assert browser.post(f"{ROOT}/999/look").status_code == 404
    assert browser.get(f"{ROOT}/{own.pk}/test/999").status_code == 404
    assert browser.get(f"/e/another/templates/{own.pk}").status_code == 404


def test_nothing_of_a_text_or_a_guest_is_ever_markup(browser: Client, event: Event, sender: Sender) -> None:
    event.name, event.fields = HOSTILE, {"hall": HOSTILE}
    event.save()
    a_guest(event, HOSTILE, fields={"table": HOSTILE})
    body = f"Hello {{{{guest_name}}}} and {{{{table|{HOSTILE}}}}}, {HOSTILE} {{{{hall}}}} {{{{<b>}}}} {{{{event_name}}}}"
    parts = Components(body, header=HOSTILE, image=HOSTILE, footer=HOSTILE)
    own = library.create(HOSTILE[:80], {"en": parts})
    text = own.texts.get()
    library.hand_in(text, sender.account, "HX9", state=Review.REJECTED, reason=HOSTILE)
    pages = [browser.get(ROOT).content.decode(), read(browser, own)]
    given = {"link": HOSTILE, "reply": [HOSTILE, "Yes"], "category": HOSTILE, "language": "en", "body": body}
    pages.append(looked(browser, own, **given))
    pages.append(browser.post(at(own, "save"), typed(pages[1], **given)).content.decode())
    pages.append(browser.post(at(own, "settings"), {"title": HOSTILE * 3, "language": "en"}).content.decode())
    pages.append(browser.get(at(own, "test")).content.decode())
    pages.append(browser.post(at(own, "test"), {"number": HOSTILE, "language": "en"}).content.decode())
    for page in pages:
        assert "<script>alert" not in page and "<img" not in page and "<b>}}" not in page
    assert HOSTILE in unescape(pages[1]), "and yet it is all there"


# -- the list --------------------------------------------------------------------------------------------------


def test_the_list_shows_how_each_language_stands(
    browser: Client, own: MessageTemplate, sender: Sender
) -> None:
    library.save_text(own, "he", Components(GOOD))
    library.hand_in(own.texts.get(language="he"), sender.account, "HX2", state=Review.APPROVED)
    page = browser.get(ROOT).content.decode()
    entry = re.search(r"Save the date.*?</li>\s*</ul>", page, re.S)
    assert entry and re.search(r"Draft.*?English.*?Approved.*?עברית", plain(entry[0]))
    assert "rsvp_invitation" not in page and "Invitation" in page, (
        "the one that ships is there from the beginning"
    )


def test_a_template_is_put_away_and_taken_back(browser: Client, own: MessageTemplate) -> None:
    page = browser.post(at(own, "archive"), follow=True).content.decode()
    assert "“Save the date” was put away" in page and "Put away: 1" in page
    own.refresh_from_db()
    assert own.archived_at
    assert "This template was put away" in plain(read(browser, own, at=1))
    browser.post(at(own, "restore"))
    own.refresh_from_db()
    assert own.archived_at is None


def test_a_list_without_templates_says_what_to_do(browser: Client, event: Event) -> None:
    library.archive(library.default_template())
    assert "No template is in use" in browser.get(ROOT).content.decode()


def test_a_copy_has_all_its_texts_and_no_approval(
    browser: Client, event: Event, template: MessageTemplate
) -> None:
    answer = browser.post(at(template, "duplicate"), follow=True)
    copy = MessageTemplate.objects.latest("pk")
    assert copy.texts.get().body == template.texts.get().body
    assert "Version 1, a draft" in plain(answer.content.decode())


def test_a_new_template_begins_with_the_words_that_ship(browser: Client, event: Event) -> None:
    answer = browser.post(
        f"{ROOT}/new", {"title": "Party", "category": "UTILITY", "language": "he", "start": "shipped"}
    )
    made = MessageTemplate.objects.get(title="Party")
    assert answer["Location"] == f"{at(made)}?lang=he"
    assert (made.category, made.fallback_language) == ("UTILITY", "he")
    assert "{{rsvp_link}}" in made.texts.get().body


def test_a_new_template_can_begin_empty(browser: Client, event: Event) -> None:
    given = {"title": "Party", "category": "MARKETING", "language": "en", "start": "empty"}
    page = browser.post(f"{ROOT}/new", given, follow=True).content.decode()
    assert "The text is empty." in page and "One thing to mend" in page


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"title": " "}, "Give it a name"),
        ({"title": "x" * 81}, "Shorten it to 80 characters"),
        ({"language": "xx"}, "Choose one from the list"),
        ({"category": "AUTHENTICATION"}, "Choose one of these"),
    ],
)
def test_what_can_t_be_keeps_what_was_typed(
    browser: Client, event: Event, given: dict[str, str], said: str
) -> None:
    whole = {"title": "Dinner", "category": "MARKETING", "language": "fr", "start": "empty"} | given
    answer = browser.post(f"{ROOT}/new", whole)
    page = answer.content.decode()
    assert answer.status_code == 422 and said in page
    assert f'value="{whole["title"].strip()}"' in page and 'value="empty" checked' in page
    assert not MessageTemplate.objects.exists()


# -- the preview -----------------------------------------------------------------------------------------------


def test_it_is_shown_as_each_guest_would_read_it(browser: Client, own: MessageTemplate, event: Event) -> None:
    for name in ("Ruth", "Noam", "Priya"):
        a_guest(event, name)
    page = read(browser, own, lang="en", at=2)
    assert "Dear <mark>Noam</mark>, please come to <b><mark>Maya &amp; Arjun</mark></b>" in page
    assert "Noam · 2 of 3" in plain(page)
    for at in (1, 3):
        assert f'href="{ROOT}/{own.pk}?lang=en&amp;at={at}#preview"' in page
    assert "Priya · 3 of 3" in plain(read(browser, own, at=77)), "past the end stands the last"
    assert "Ruth · 1 of 3" in plain(read(browser, own, at="x"))


def test_a_step_keeps_what_is_typed(browser: Client, own: MessageTemplate, event: Event) -> None:
    a_guest(event, "Ruth"), a_guest(event, "Noam")
    piece = looked(browser, own, body="Welcome {{first_name}}, all of you", at="2")
    assert "Welcome <mark>Noam</mark>, all of you" in piece
    assert '<input type="hidden" name="at" id="at" value="2"' in piece
    assert own.texts.get().body == GOOD, "and keeps nothing"


def test_without_guests_it_shows_sample_data(browser: Client, own: MessageTemplate, event: Event) -> None:
    page = read(browser, own)
    assert "Dear <mark>Sunita Deshpande</mark>" in page and "Sample data: there is no guest yet" in page
    assert "with sample data" in page


def test_header_picture_footer_and_buttons_are_drawn(browser: Client, own: MessageTemplate) -> None:
    piece = looked(
        browser, own, header="For {{first_name}}", footer="The families", link="Answer here", reply=["Yes", "", "No"],
        image="https://example.com/a.jpg",
    )  # fmt: skip
    assert '<span class="bubble__head">For <mark>Sunita</mark></span>' in piece
    assert "https://example.com/a.jpg" in piece and "<img" not in piece, "named, not loaded"
    assert re.search(r"<bdi>Yes</bdi>.*<bdi>No</bdi>.*<bdi>Answer here</bdi>", piece, re.S)


def test_it_says_who_reads_another_text(browser: Client, own: MessageTemplate, event: Event) -> None:
    a_guest(event, "Ruth", language="he"), a_guest(event, "Noam")
    library.save_text(own, "he", Components(GOOD))
    assert "Ruth reads the Hebrew text." in plain(read(browser, own, lang="en", at=1))
    assert "Noam reads the English text." in plain(read(browser, own, lang="he", at=2))
    own.texts.get(language="he").delete()
    own.fallback_language = ""
    own.save()
    assert "Ruth is left out: there is no text for this guest’s language" in plain(read(browser, own, at=1))


def test_a_text_from_right_to_left_is_written_so(browser: Client, own: MessageTemplate) -> None:
    library.save_text(own, "he", Components("שלום {{guest_name}}, נשמח לראותכם איתנו: {{rsvp_link}} תודה"))
    page = read(browser, own, lang="he")
    assert re.search(r'<textarea[^>]* dir="rtl"', page) and re.search(r'id="paint"[^>]* dir="rtl"', page)
    assert '<div class="bubble" dir="auto">' in page


def faults(of: Components, values: dict[str, str], event: Event, *findings: Finding) -> list[str]:
    return [shown.piece.text for shown in bubble(of, values, event, findings).body if shown.is_bad]


def test_the_bubble_marks_what_is_wrong_and_only_that(event: Event) -> None:
    body = "Hi {{guest_name}}, bring {{dish}} for *{{guest_name}}*"
    known = variables.known_names(event)
    found = rules.check(Components(body), known=known, category="MARKETING", language="en")
    values = {"guest_name": "Ruth _Almog_"}
    shown = bubble(Components(body), values, event, found).body
    assert [(one.piece.text, one.piece.bold, one.piece.italic) for one in shown if one.is_bad] == [
        ("{{dish}}", False, False),
        ("Ruth ", True, False),
        ("Almog", True, True),
    ]
    assert "".join(one.piece.text for one in shown) == "Hi Ruth Almog, bring {{dish}} for Ruth Almog"
    assert faults(Components("Your {{hall}} waits"), {"hall": ""}, event) == ["{{hall}}"], (
        "nothing to read there"
    )
    assert faults(Components("Your {{hall|garden}} waits"), {}, event) == []


# -- what is said about it -------------------------------------------------------------------------------------


def test_mistakes_are_listed_with_their_place_and_mended_with_a_press(
    browser: Client, own: MessageTemplate
) -> None:
    body = "Dear {{gest_name}}, please come to our party, it will be very nice, {{event_name}}"
    piece = looked(browser, own, body=body)
    assert "“gest_name” is not known." in piece and "Use guest_name" in piece
    start = body.index("{{gest_name}}")
    assert f'data-field="body" data-at="{start}:{start + 13}" data-fix="{{{{guest_name}}}}"' in piece
    assert "The text ends with a variable." in piece and "Show me" in piece
    assert "Two things to mend before WhatsApp can be asked." in plain(piece)
    assert 'aria-label="Two things to mend, one thing to know"' in piece, "nothing leads to the personal page"
    assert '<span class="var var--bad">{{gest_name}}</span>' in piece
    assert '<span class="var var--bad">{{event_name}}</span>' in piece


def test_a_place_counts_letters_whatever_they_are(browser: Client, own: MessageTemplate) -> None:
    piece = looked(
        browser, own, body="🎉🎉 Dear {{gest_name}}, please come and be with us: {{rsvp_link}} Thank you"
    )
    assert 'data-at="8:21"' in piece


def test_lines_are_counted_as_the_field_counts_them(browser: Client, own: MessageTemplate) -> None:
    piece = looked(
        browser, own, body="Dear all,\r\n\r\nwelcome {{gest_name}}, please answer here: {{rsvp_link}} Thanks"
    )
    assert 'data-at="19:32"' in piece


@pytest.mark.parametrize(
    ("field", "given", "said"),
    [
        ("header", {"header": "x" * 61}, "The first line has 61 characters."),
        ("footer", {"footer": "Dear {{guest_name}}"}, "The last line has a variable."),
        ("image", {"image": "http://192.168.0.1/a.png"}, "only your own network"),
        ("link", {"link": "Answer the invitation"}, "This button has 21 characters."),
        ("reply-2", {"reply": ["Yes", "", "Yes "]}, "Two buttons say"),
        ("link", {"reply": ["Yes"], "link": "yes"}, "Two buttons say"),
    ],
)
def test_what_is_wrong_with_a_field_stands_beside_it(
    browser: Client, own: MessageTemplate, field: str, given: dict[str, object], said: str
) -> None:
    piece = looked(browser, own, **given)
    beside = re.search(rf'<p class="error" id="{field}-e"[^>]*?>(.*?)</p>', piece, re.S)
    assert beside and said in plain(beside[1])
    assert "One thing to mend" in plain(piece)
    kept = browser.post(at(own, "save"), typed(read(browser, own), **given), follow=True).content.decode()
    if field != "reply-2":  # the gap between two answers is closed when they are kept
        assert re.search(rf'id="{field}"[^>]*aria-invalid="true"', kept)


def test_a_kind_that_whatsapp_sees_otherwise_is_said_beside_it(browser: Client, own: MessageTemplate) -> None:
    piece = looked(browser, own, category="UTILITY")
    beside = re.search(r'id="category-h"[^>]*>(.*?)</p>', piece, re.S)
    assert beside and "It may move this text there" in beside[1]


def test_guests_without_a_value_are_counted_and_named(
    browser: Client, own: MessageTemplate, event: Event
) -> None:
    (
        a_guest(event, "Ruth", fields={"hall": "Pavilion"}),
        a_guest(event, "Noam", fields={"hall": " "}),
        a_guest(event, "Avi"),
    )
    body = "Dear {{guest_name}}, we look forward to seeing you in {{hall}} with us, answer here: {{rsvp_link}} Thanks"
    piece = looked(browser, own, body=body)
    assert "2 guests have no hall." in piece and "They are left out." in plain(piece)
    assert re.search(r"See the 2.*?Noam.*?Avi", plain(piece)) and "hall yours: 2 empty" in plain(piece)
    with_fallback = plain(looked(browser, own, body=body.replace("{{hall}}", "{{hall|the garden}}")))
    assert "2 guests have no hall. They read “the garden”." in with_fallback
    assert "can be asked" in with_fallback


def test_only_those_who_would_read_the_text_count(
    browser: Client, own: MessageTemplate, event: Event
) -> None:
    a_guest(event, "Ruth", fields={"hall": "Pavilion"}, language="he"), a_guest(event, "Noam", language="he")
    library.save_text(own, "he", Components(GOOD))
    body = "Dear {{guest_name}}, we look forward to seeing you in {{hall}} with us, answer here: {{rsvp_link}} Thanks"
    assert "no hall" not in looked(browser, own, body=body, language="en")
    assert "1 guest has no hall" in looked(browser, own, body=body, language="he")
    assert "for nobody on the list yet" in looked(browser, own, language="en")


def test_an_event_without_a_place_is_said_once(browser: Client, own: MessageTemplate, event: Event) -> None:
    a_guest(event), a_guest(event)
    Event.objects.update(venue="")
    piece = looked(
        browser,
        own,
        body="Dear {{guest_name}}, please come to {{event_location}} and answer here: {{rsvp_link}} Thanks",
    )
    assert "This event has no place yet." in piece


def test_the_longest_message_is_measured(browser: Client, own: MessageTemplate, event: Event) -> None:
    a_guest(event, "Ruth"), a_guest(event, "Priya and Vikram Nair")
    piece = looked(browser, own, body="Dear {{guest_name}}, welcome!")
    assert "36 of 1,024 at the longest, for Priya and Vikram Nair" in plain(piece)
    piece = looked(browser, own, body=f"Dear {{{{guest_name}}}}, {'x' * 1000} bye")
    assert "1 message would be too long." in piece and "1,032 of 1,024" in piece


def test_of_a_long_list_the_first_are_looked_at(
    browser: Client, own: MessageTemplate, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "MOST", 2)
    for name in ("Ruth", "Noam", "Priya and Vikram Nair"):
        a_guest(event, name)
    assert "for Ruth among the first 2 who read it" in plain(looked(browser, own))


def test_the_columns_of_the_list_are_offered(browser: Client, own: MessageTemplate, event: Event) -> None:
    a_guest(event, fields={"hall": "Pavilion", "guest_name": "no", "two words": "x"})
    event.fields = {"couple": "Maya & Arjun"}
    event.save()
    names = re.findall(r'data-insert="([^"]+)"', read(browser, own))
    assert names == [*(each.name for each in variables.BUILT_IN), "couple", "hall"]
    assert fields.columns(event) == ["guest_name", "hall", "two words"]
    assert "is not known" not in looked(browser, own, body=f"Welcome to {{{{hall}}}} all of you. {GOOD}")


def test_columns_of_another_event_are_not_known_here(
    browser: Client, own: MessageTemplate, event: Event
) -> None:
    other = Event.objects.create(slug="b", name="B", starts_at=event.starts_at, timezone="UTC")
    a_guest(other, fields={"hall": "Pavilion"})
    assert fields.columns(event) == [] and fields.columns(other) == ["hall"]


def test_the_text_behind_the_field_is_the_text_in_it() -> None:
    text = "Dear {{guest_name}}{{hall}}, *come* {{x {gest_name}\n\n{{2nd}} {{guest_name}}"
    known = frozenset({"guest_name", "hall"})
    found = rules.check(Components(text), known=known, category="MARKETING", language="en")
    runs = painted(text, found, known)
    assert "".join(run.text for run in runs) == text
    assert "{{2nd}}" in [run.text for run in runs if "var--bad" in run.css]
    assert painted("", [], known) == []


# -- keep it ---------------------------------------------------------------------------------------------------


def test_a_draft_is_kept_with_its_mistakes(browser: Client, own: MessageTemplate) -> None:
    page = read(browser, own)
    given = typed(
        page, body="Dear {{gest_name", header="Welcome", footer="Bye", link="Answer", reply=["Yes", " ", "No"],
        category="UTILITY", at="3",
    )  # fmt: skip
    answer = browser.post(at(own, "save"), given)
    assert answer["Location"] == f"{at(own)}?lang=en&at=3"
    text = own.texts.get()
    assert (text.body, text.header, text.footer) == ("Dear {{gest_name", "Welcome", "Bye")
    assert [each["title"] for each in text.buttons] == ["Yes", "No", "Answer"]
    own.refresh_from_db()
    assert own.category == "UTILITY"
    again = typed(read(browser, own))
    assert again["reply"] == ["Yes", "No", ""] and again["link"] == "Answer"


def test_two_hosts_who_write_the_same_text_see_both(browser: Client, own: MessageTemplate) -> None:
    page = read(browser, own)
    library.save_text(own, "en", Components("What Ruth wrote: {{rsvp_link}} yes"))
    answer = browser.post(at(own, "save"), typed(page, body="What I wrote"))
    shown = answer.content.decode()
    assert answer.status_code == 409
    assert "Somebody saved this text at" in shown and "look at both before you save" in shown
    assert "What Ruth wrote: {{rsvp_link}} yes" in shown and typed(shown)["body"] == "What I wrote"
    assert own.texts.get().body.startswith("What Ruth wrote")
    assert "data-unsaved" in form(shown)
    assert browser.post(at(own, "save"), typed(shown)).status_code == 302
    assert own.texts.get().body == "What I wrote"


def test_the_same_words_from_two_hosts_are_no_conflict(browser: Client, own: MessageTemplate) -> None:
    page = read(browser, own)
    library.save_text(own, "en", Components("The same words"))
    assert browser.post(at(own, "save"), typed(page, body="The same words")).status_code == 302


def test_a_kind_that_somebody_else_chose_stays(browser: Client, own: MessageTemplate) -> None:
    page = read(browser, own)
    MessageTemplate.objects.filter(pk=own.pk).update(category="UTILITY")
    browser.post(at(own, "save"), typed(page, body="Other words"))
    own.refresh_from_db()
    assert own.category == "UTILITY"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"header": "x" * 201}, "The first line is too long to be kept"),
        ({"body": "x" * 20_001}, "The text is too long to be kept"),
        ({"image": "https://example.com/" + "x" * 500}, "The picture’s address is too long"),
        ({"reply": ["x" * 201]}, "An answer is too long"),
        ({"category": "AUTHENTICATION"}, "Choose the kind of message"),
    ],
)
def test_what_can_t_be_kept_stays_in_the_form(
    browser: Client, own: MessageTemplate, given: dict[str, object], said: str
) -> None:
    answer = browser.post(at(own, "save"), typed(read(browser, own), footer="Still here", **given))
    page = answer.content.decode()
    assert answer.status_code == 422 and said in page and 'value="Still here"' in page
    assert own.texts.get().body == GOOD


def test_signs_that_no_database_keeps_are_dropped(browser: Client, own: MessageTemplate) -> None:
    given = typed(read(browser, own), body="One\x00\r\ntwo\x1b", header="One\r\nline\x00")
    assert browser.post(at(own, "save"), given).status_code == 302
    text = own.texts.get()
    assert (text.body, text.header) == ("One\ntwo", "One line")


def test_a_text_that_is_gone_is_said_to_be(browser: Client, own: MessageTemplate) -> None:
    library.save_text(own, "fr", Components(GOOD))
    page = read(browser, own, lang="fr")
    own.texts.get(language="fr").delete()
    answer = browser.post(at(own, "save"), typed(page))
    assert answer.status_code == 409 and "This text was removed meanwhile." in answer.content.decode()


# -- ask WhatsApp ----------------------------------------------------------------------------------------------


@pytest.fixture
def twilio(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Twilio was asked to do; it does everything."""
    asked: list[str] = []

    def put_up(credentials: object, content: object) -> str:
        asked.append("put up")
        return f"HX{len(asked)}"

    def request_approval(credentials: object, ref: str, name: str, category: str) -> Approval:
        asked.append(f"review as {category}")
        return Approval(ApprovalStatus.RECEIVED, "")

    monkeypatch.setattr(approvals.content, "put_up", put_up)
    monkeypatch.setattr(approvals.content, "request_approval", request_approval)
    return asked


def test_a_good_text_is_handed_in_as_it_is_typed(
    browser: Client, own: MessageTemplate, twilio: list[str]
) -> None:
    new = GOOD.replace("please", "do")
    answer = browser.post(at(own, "submit"), typed(read(browser, own), body=new), follow=True)
    page = answer.content.decode()
    assert "WhatsApp has been asked." in page and "Version 1 waits for WhatsApp since" in plain(page)
    version = TemplateVersion.objects.get()
    assert (version.body, version.number, version.state) == (new, 1, Review.RECEIVED)
    assert twilio == ["put up", "review as MARKETING"]
    assert 'hx-trigger="every 2s"' in page and "WhatsApp has this text and has not answered yet." in page
    assert re.search(r'id="submit"[^>]*aria-disabled="true"', page)


def test_a_text_with_mistakes_is_kept_and_not_handed_in(
    browser: Client, own: MessageTemplate, twilio: list[str]
) -> None:
    answer = browser.post(at(own, "submit"), typed(read(browser, own), body=f"{{{{gest_name}}}} {GOOD}"))
    page = answer.content.decode()
    assert (
        answer.status_code == 422
        and "WhatsApp was not asked." in page
        and "“gest_name” is not known." in page
    )
    assert own.texts.get().body.startswith("{{gest_name}}") and not twilio


def test_a_column_of_the_list_may_be_handed_in(
    browser: Client, own: MessageTemplate, event: Event, twilio: list[str]
) -> None:
    a_guest(event, fields={"hall": "Pavilion"})
    body = f"We will meet in {{{{hall}}}} all together. {GOOD}"
    assert browser.post(at(own, "submit"), typed(read(browser, own), body=body)).status_code == 302
    assert TemplateVersion.objects.get().variables[0] == "hall"


NO_LINE = Fault(ErrorClass.RETRY_SOON, "Twilio can’t be reached.", None, "Try again in a minute.", "")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ContentError(NO_LINE), "Twilio can’t be reached. Try again in a minute."),
        (Misconfigured("TWILIO_API_URL is no address."), "TWILIO_API_URL is no address."),
    ],
)
def test_when_twilio_doesn_t_the_text_is_kept_and_the_reason_said(
    browser: Client, own: MessageTemplate, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def refuse(*_: object) -> str:
        raise error

    monkeypatch.setattr(approvals.content, "put_up", refuse)
    new = GOOD.replace("please", "do")
    answer = browser.post(at(own, "submit"), typed(read(browser, own), body=new))
    page = answer.content.decode()
    assert answer.status_code == 422 and said in plain(page)
    assert own.texts.get().body == new and not TemplateVersion.objects.exists()


@pytest.fixture
def handed_in(own: MessageTemplate, sender: Sender) -> Callable[..., TemplateVersion]:
    def hand_in(state: Review, **given: str) -> TemplateVersion:
        return library.hand_in(own.texts.get(), sender.account, f"HX{state}", state=state, **given)

    return hand_in


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (Review.APPROVED, "WhatsApp approved this text as it is."),
        (Review.REJECTED, "WhatsApp rejected exactly this text. Change it first."),
        (Review.DISABLED, "WhatsApp disabled exactly this text. Change it first."),
        (Review.PAUSED, "WhatsApp paused this text and releases it by itself."),
        (Review.PENDING, "WhatsApp has this text and has not answered yet."),
    ],
)
def test_the_same_text_is_not_handed_in_twice(
    browser: Client,
    own: MessageTemplate,
    handed_in: Callable[..., TemplateVersion],
    twilio: list[str],
    state: Review,
    said: str,
) -> None:
    handed_in(state)
    page = read(browser, own)
    assert said in plain(page) and re.search(r'id="submit"[^>]*aria-disabled="true"', page)
    answer = browser.post(at(own, "submit"), typed(page))
    assert answer.status_code == 422 and said in plain(answer.content.decode()) and not twilio
    assert "WhatsApp can be asked." in looked(browser, own, body=f"Well. {GOOD}")


def test_a_text_whose_button_leads_elsewhere_may_be_handed_in_again(
    browser: Client, own: MessageTemplate, handed_in: Callable[..., TemplateVersion], twilio: list[str]
) -> None:
    TemplateText.objects.update(buttons=[{"kind": "link", "title": "Answer"}])
    version = handed_in(Review.APPROVED)
    TemplateVersion.objects.update(link_base="https://old.example.com/r/")
    page = read(browser, own)
    assert "leads to an old address" in page and "Old address" in page and "WhatsApp can be asked." in page
    assert browser.post(at(own, "submit"), typed(page)).status_code == 302
    assert TemplateVersion.objects.exclude(pk=version.pk).get().number == 2


def test_a_rejection_is_told_with_its_reason(
    browser: Client, own: MessageTemplate, handed_in: Callable[..., TemplateVersion]
) -> None:
    handed_in(Review.REJECTED, reason="Too many variables.")
    library.save_text(own, "fr", Components(GOOD))
    assert "English, version 1, was rejected at" in plain(read(browser, own))
    elsewhere = read(browser, own, lang="fr")
    assert "“Too many variables.”" in elsewhere and "Open the English text" in elsewhere
    library.save_text(own, "en", Components(f"Well. {GOOD}"))
    assert "Version 2, a draft." in plain(read(browser, own))
    assert "was rejected" in read(browser, own), "why, is of use while it is mended"
    assert "was rejected" not in read(browser, own, lang="fr")


def test_a_draft_says_what_is_sent_meanwhile(
    browser: Client,
    own: MessageTemplate,
    handed_in: Callable[..., TemplateVersion],
    event: Event,
    sender: Sender,
) -> None:
    version = handed_in(Review.APPROVED)
    library.save_text(own, "en", Components(f"Well. {GOOD}"))
    assert "Version 2, a draft. Version 1 is sent until WhatsApp approves this one." in plain(
        read(browser, own)
    )
    campaign = Campaign.objects.create(event=event, sender=sender, template=own, name="First", audience=0)
    CampaignText.objects.create(campaign=campaign, language="en", content_ref=version.ref, body="x")
    assert "Version 2, a draft. Running campaigns keep version 1." in plain(read(browser, own))


def test_another_category_than_was_asked_for_is_told(
    browser: Client, own: MessageTemplate, handed_in: Callable[..., TemplateVersion]
) -> None:
    handed_in(Review.APPROVED, category="UTILITY")
    assert "WhatsApp counts it as utility." in read(browser, own)


def test_the_page_follows_a_review_until_it_is_decided(
    browser: Client, own: MessageTemplate, handed_in: Callable[..., TemplateVersion]
) -> None:
    version = handed_in(Review.PENDING)
    page = read(browser, own)
    asks = re.search(r'id="review" hx-get="([^"]+)" hx-trigger="every 2s"', page)
    assert asks
    address = unescape(asks[1])
    waiting = browser.get(address, headers=HTMX)
    assert "every 2s" in waiting.content.decode() and "HX-Trigger" not in waiting
    TemplateVersion.objects.filter(pk=version.pk).update(state=Review.APPROVED)
    decided = browser.get(address, headers=HTMX)
    piece = decided.content.decode()
    assert "every 2s" not in piece and decided["HX-Trigger"] == "decided"
    assert "Approved" in piece and "Version 1, approved at" in plain(piece)


def test_whatsapp_can_be_asked_at_once_how_it_stands(
    browser: Client,
    own: MessageTemplate,
    handed_in: Callable[..., TemplateVersion],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handed_in(Review.PENDING)
    assert "Ask now" in read(browser, own)
    answers = iter([Approval(ApprovalStatus.PENDING, ""), Approval(ApprovalStatus.APPROVED, "")])
    monkeypatch.setattr(approvals.content, "approval_status", lambda *_: next(answers))
    still = browser.post(at(own, "ask"), {"language": "en"}, follow=True).content.decode()
    assert "WhatsApp has not answered yet." in still
    assert "approved at" in plain(
        browser.post(at(own, "ask"), {"language": "en"}, follow=True).content.decode()
    )

    def refuse(*_: object) -> Approval:
        raise ContentError(NO_LINE)

    monkeypatch.setattr(approvals.content, "approval_status", refuse)
    answer = browser.post(at(own, "ask"), {"language": "en"})
    assert answer.status_code == 422 and "Twilio can’t be reached." in answer.content.decode()


# -- languages, and what they share ----------------------------------------------------------------------------


def test_another_language_begins_as_a_copy_of_the_fallback(browser: Client, own: MessageTemplate) -> None:
    page = browser.get(at(own), {"lang": "new"}).content.decode()
    assert '<option value="fr">French · Français</option>' in page and '<option value="en">' not in page
    answer = browser.post(at(own, "language"), {"language": "fr"})
    assert answer["Location"] == f"{at(own)}?lang=fr" and own.texts.get(language="fr").body == GOOD
    library.save_text(own, "fr", Components("Bonjour"))
    browser.post(at(own, "language"), {"language": "fr"})
    assert own.texts.get(language="fr").body == "Bonjour", "a second press takes nothing away"


def test_a_language_that_whatsapp_doesn_t_take_is_refused(browser: Client, own: MessageTemplate) -> None:
    answer = browser.post(at(own, "language"), {"language": "tlh"})
    assert answer.status_code == 422 and "WhatsApp takes no texts in it." in answer.content.decode()


def test_a_text_is_removed_when_nobody_needs_it(
    browser: Client, own: MessageTemplate, event: Event, sender: Sender
) -> None:
    def remove(language: str) -> str:
        given = {"language": language, "do": "remove"}
        return browser.post(at(own, "language"), given, follow=True).content.decode()

    assert "one text at least" in remove("en")
    library.save_text(own, "fr", Components(GOOD))
    assert "Choose another first" in remove("en"), "it is the fallback"
    version = library.hand_in(own.texts.get(language="fr"), sender.account, "HXfr", state=Review.APPROVED)
    campaign = Campaign.objects.create(event=event, sender=sender, template=own, name="First", audience=0)
    CampaignText.objects.create(campaign=campaign, language="fr", content_ref=version.ref, body="x")
    assert "A campaign that is on its way sends the French text." in remove("fr")
    assert own.texts.count() == 2
    Campaign.objects.update(state="finished", finished_at=campaign.created_at)
    assert "The French text is gone." in remove("fr")
    assert [text.language for text in own.texts.all()] == ["en"]


def test_name_and_fallback_are_changed_together(browser: Client, own: MessageTemplate) -> None:
    library.save_text(own, "fr", Components(GOOD))
    given = {"title": "Dinner", "fallback": "fr", "language": "en"}
    assert browser.post(at(own, "settings"), given)["Location"] == f"{at(own)}?lang=en"
    own.refresh_from_db()
    assert (own.title, own.fallback_language) == ("Dinner", "fr")
    browser.post(at(own, "settings"), given | {"fallback": ""})
    own.refresh_from_db()
    assert own.fallback_language == ""
    assert re.search(r'<option value="" selected>is left out', read(browser, own))


def test_settings_that_can_t_be_change_nothing(browser: Client, own: MessageTemplate) -> None:
    answer = browser.post(at(own, "settings"), {"title": " ", "fallback": "he", "language": "en"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Give it a name" in page and "There is no text in this language." in page
    own.refresh_from_db()
    assert (own.title, own.fallback_language) == ("Save the date", "en")


# -- what is at Twilio -----------------------------------------------------------------------------------------


LISTED = ListedContent(
    "HXa", "dinner", "en", "whatsapp/card", "Dear {{1}}, the dinner is at {{2}} for all of us.", "", "", "The families",
    (ContentButton("reply", "I come"),), {"1": "Ruth Almog", "2": "the hall"},
    Approval(ApprovalStatus.APPROVED, "", "UTILITY"), "",
)  # fmt: skip


@pytest.fixture
def at_twilio(monkeypatch: pytest.MonkeyPatch) -> list[ListedContent]:
    contents = [
        LISTED,
        replace(LISTED, ref="HXb", name="slides", usable="It shows several cards in a row."),
        replace(
            LISTED,
            ref="HXc",
            name="old",
            buttons=(ContentButton("link", "Go", "https://old.example.com/{{2}}"),),
        ),
    ]
    monkeypatch.setattr(approvals.content, "list_contents", lambda *_: list(contents))
    return contents


def test_what_is_at_twilio_is_listed_and_what_can_t_be_used_says_why(
    browser: Client, event: Event, sender: Sender, at_twilio: list[ListedContent]
) -> None:
    a_guest(event, fields={"hall": "Pavilion"})
    page = browser.get(f"{ROOT}/import").content.decode()
    told = plain(page)
    assert "dinner Approved English · Card · Utility" in told and "At Twilio for example: Ruth Almog" in told
    assert "What {{1}} stands for" in told and "<option>hall</option>" in page
    assert page.count('name="ref"') == 1
    assert "It shows several cards in a row." in told and "is not the guests’ page here" in told


def test_one_is_brought_in_with_names_for_its_numbers(
    browser: Client, event: Event, sender: Sender, at_twilio: list[ListedContent]
) -> None:
    given = {"ref": "HXa", "n1": "guest_name", "n2": "event_location"}
    answer = browser.post(f"{ROOT}/import", given)
    text = TemplateText.objects.get(template__title="dinner")
    assert answer["Location"] == f"{at(text.template)}?lang=en"
    assert text.body == "Dear {{guest_name}}, the dinner is at {{event_location}} for all of us."
    assert text.versions.get().state == Review.APPROVED
    assert 'value="HXa"' not in browser.get(f"{ROOT}/import").content.decode(), "it is here now"


@pytest.mark.parametrize("second", ["", "no_such_name"])
def test_a_number_without_a_name_is_asked_for_and_the_rest_stays(
    browser: Client, event: Event, sender: Sender, at_twilio: list[ListedContent], second: str
) -> None:
    answer = browser.post(f"{ROOT}/import", {"ref": "HXa", "n1": "guest_name", "n2": second})
    page = answer.content.decode()
    assert answer.status_code == 422 and "Say what {{2}} stands for." in page
    assert "<option selected>guest_name</option>" in page and not TemplateText.objects.exists()


def test_one_that_is_gone_meanwhile_is_told(
    browser: Client, event: Event, sender: Sender, at_twilio: list[ListedContent]
) -> None:
    answer = browser.post(f"{ROOT}/import", {"ref": "HXz"})
    assert answer.status_code == 422 and "not at Twilio any more" in answer.content.decode()


def test_a_twilio_that_doesn_t_answer_is_told(
    browser: Client, event: Event, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> list[ListedContent]:
        raise ContentError(NO_LINE)

    monkeypatch.setattr(approvals.content, "list_contents", refuse)
    page = browser.get(f"{ROOT}/import").content.decode()
    assert "Twilio did not say what it has: Twilio can’t be reached." in page and "Look again" in page


def test_a_hostile_content_of_the_account_is_only_words(
    browser: Client, event: Event, sender: Sender, at_twilio: list[ListedContent]
) -> None:
    at_twilio[0] = replace(
        LISTED, name=HOSTILE, body=f"{HOSTILE} {{{{1}}}} {{{{2}}}}", footer=HOSTILE, samples={"1": HOSTILE, "2": HOSTILE}
    )  # fmt: skip
    page = browser.get(f"{ROOT}/import").content.decode()
    assert "<script>alert" not in page and HOSTILE in unescape(page)


# -- a test to the host's own number ---------------------------------------------------------------------------


def send_test(browser: Client, own: MessageTemplate, number: str = "050-228-1948", **given: str) -> str:
    answer = browser.post(at(own, "test"), {"language": "en", "number": number} | given, headers=HTMX)
    return answer.content.decode()


def test_a_test_goes_to_the_hosts_number_and_the_number_is_kept(
    browser: Client, own: MessageTemplate, handed_in: Callable[..., TemplateVersion], event: Event, host: User
) -> None:
    a_guest(event, "Ruth"), a_guest(event, "Noam")
    version = handed_in(Review.APPROVED)
    heard: list[bool] = []
    listener = lambda: heard.append(True)  # noqa: E731
    waking.listen(listener)
    try:
        page = send_test(browser, own, at="2")
    finally:
        waking.unlisten(listener)
    sent = TestMessage.objects.get()
    assert (sent.phone, sent.content_ref, sent.created_by) == ("+972502281948", version.ref, host)
    assert sent.values[:2] == ["Noam", "Maya & Arjun"] and heard
    assert "Queued" in page and f'hx-get="{at(own, "test")}/{sent.pk}" hx-trigger="every 1s"' in page
    assert Host.objects.get(user=host).phone == "+972502281948"
    assert 'value="+972 50-228-1948"' in browser.get(at(own, "test"), headers=HTMX).content.decode()


def test_without_guests_a_test_has_sample_data_and_shows_fallbacks(
    browser: Client, own: MessageTemplate, sender: Sender, event: Event
) -> None:
    library.save_text(
        own, "en", Components("Hi {{guest_name}}, in {{hall|the garden}} for you: {{rsvp_link}} yes")
    )
    library.hand_in(own.texts.get(), sender.account, "HX1", state=Review.APPROVED)
    send_test(browser, own)
    assert TestMessage.objects.get().values[0] == "Sunita Deshpande"
    a_guest(event, "Ruth")
    send_test(browser, own)
    assert TestMessage.objects.latest("pk").values[:2] == ["Ruth", "the garden"]


@pytest.mark.parametrize("number", ["", "12345", "ring me", "+1"])
def test_a_number_that_is_none_stays_with_its_sentence(
    browser: Client, own: MessageTemplate, handed_in: Callable[..., TemplateVersion], number: str
) -> None:
    handed_in(Review.APPROVED)
    answer = browser.post(at(own, "test"), {"language": "en", "number": number}, headers=HTMX)
    page = answer.content.decode()
    assert answer.status_code == 422 and 'id="number-e"' in page and f'value="{number}"' in page
    assert not TestMessage.objects.exists() and not Host.objects.exists()


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (None, "WhatsApp has not approved the English text, and sends nothing else."),
        (Review.PENDING, "WhatsApp has not approved the English text yet."),
        (Review.REJECTED, "WhatsApp rejected the English text."),
    ],
)
def test_only_an_approved_version_is_sent(
    browser: Client,
    own: MessageTemplate,
    handed_in: Callable[..., TemplateVersion],
    state: Review | None,
    said: str,
) -> None:
    if state:
        handed_in(state)
    page = browser.get(at(own, "test"), headers=HTMX).content.decode()
    assert said in page and 'id="number"' not in page
    assert said in send_test(browser, own) and not TestMessage.objects.exists()


def test_it_says_that_the_approved_version_is_sent_and_not_the_draft(
    browser: Client, own: MessageTemplate, handed_in: Callable[..., TemplateVersion]
) -> None:
    handed_in(Review.APPROVED)
    assert "Version 1 is sent" not in browser.get(at(own, "test"), headers=HTMX).content.decode()
    library.save_text(own, "en", Components("Other words"))
    assert (
        "Version 1 is sent, which WhatsApp approved"
        in browser.get(at(own, "test"), headers=HTMX).content.decode()
    )


def test_a_paused_sender_is_said_before(
    browser: Client, own: MessageTemplate, handed_in: Callable[..., TemplateVersion], sender: Sender
) -> None:
    handed_in(Review.APPROVED)
    Sender.objects.update(
        state=SenderState.PAUSED, paused_at=sender.heard_at or own.created_at, paused_reason="No money."
    )
    assert "The sender is paused: No money." in send_test(browser, own)
    assert not TestMessage.objects.exists()


@pytest.mark.parametrize(
    ("state", "said", "goes_on"),
    [
        (State.SENT, "WhatsApp has it", True),
        (State.DELIVERED, "On the phone.", True),
        (State.READ, "Read.", False),
        (State.FAILED, "Not on WhatsApp. (63024)", False),
        (State.UNSURE, "It may arrive", False),
    ],
)
def test_its_way_is_followed_to_the_end(
    browser: Client,
    own: MessageTemplate,
    handed_in: Callable[..., TemplateVersion],
    state: State,
    said: str,
    goes_on: bool,
) -> None:
    handed_in(Review.APPROVED)
    send_test(browser, own)
    sent = TestMessage.objects.get()
    code, reason = {
        State.FAILED: (63024, "Not on WhatsApp."), State.UNSURE: (None, "It may arrive.")
    }.get(state, (None, ""))  # fmt: skip
    TestMessage.objects.update(state=state, left_at=sent.created_at, code=code, reason=reason)
    page = browser.get(f"{at(own, 'test')}/{sent.pk}", headers=HTMX).content.decode()
    assert said in page and ("every 1s" in page) == goes_on


def test_after_two_minutes_nobody_waits(
    browser: Client, own: MessageTemplate, handed_in: Callable[..., TemplateVersion]
) -> None:
    handed_in(Review.APPROVED)
    send_test(browser, own)
    sent = TestMessage.objects.get()
    TestMessage.objects.update(
        created_at=sent.created_at.replace(year=2025), state=State.SENT, left_at=sent.created_at
    )
    page = browser.get(f"{at(own, 'test')}/{sent.pk}", headers=HTMX).content.decode()
    assert "No word for two minutes." in page and "every 1s" not in page


def test_a_test_is_seen_by_whoever_sent_it(
    browser: Client, own: MessageTemplate, handed_in: Callable[..., TemplateVersion], event: Event
) -> None:
    handed_in(Review.APPROVED)
    send_test(browser, own)
    other = Client()
    other.force_login(User.objects.create_user("ruth"))
    assert other.get(f"{at(own, 'test')}/{TestMessage.objects.get().pk}").status_code == 404


def test_without_script_everything_is_a_page(
    browser: Client, own: MessageTemplate, handed_in: Callable[..., TemplateVersion]
) -> None:
    handed_in(Review.APPROVED)
    assert "<html" in browser.get(at(own, "test")).content.decode()
    answer = browser.post(at(own, "test"), {"language": "en", "number": "+972502281948"}, follow=True)
    page = answer.content.decode()
    assert "<html" in page and "Queued" in page and "Look again" in page
