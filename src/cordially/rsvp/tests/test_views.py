"""The guest's page as a phone sees it: nothing here signs in, and the client keeps no cookies."""

import datetime as dt
import re

import pytest

from cordially.guests.models import Guest
from cordially.rsvp.models import Answer
from cordially.rsvp.views import ANSWERS_A_MINUTE

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("now")]


@pytest.fixture
def url(guest: Guest) -> str:
    return f"/r/{guest.token}"


def answer(client, url, follow=True, **said):
    return client.post(url, {"reply": "yes", "heads": "2", "note": "", **said}, follow=follow)


def text(response) -> str:
    return response.content.decode()


# --- looking


def test_it_shows_the_event_to_its_guest(client, url):
    page = text(client.get(url))

    assert "Dear <bdi>Sunita &amp; Prakash</bdi>," in page
    assert 'Maya <span class="amp">&amp;</span> Arjun' in page
    assert "Thursday, 6 May 2027" in page and "18:30" in page
    assert "The Orange Grove, 12 HaNadiv Street" in page
    assert "4 seats are kept for you" in page


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("tail", ["", "?change=1", "/calendar.ics"])
def test_looking_changes_nothing(client, guest, url, method, tail):
    answer(client, url)
    before = [list(model.objects.values()) for model in (Guest, Answer)]

    assert getattr(client, method)(url + tail).status_code == 200
    assert [list(model.objects.values()) for model in (Guest, Answer)] == before


def test_a_look_costs_two_queries(client, url, django_assert_num_queries):
    answer(client, url)
    with django_assert_num_queries(2):
        client.get(url)


@pytest.mark.parametrize(
    ("starts_at", "clock"),
    [("2027-03-25T16:00Z", "18:00"), ("2027-03-26T16:00Z", "19:00"), ("2027-10-31T16:00Z", "18:00")],
)
def test_the_time_is_the_places_own_in_summer_and_winter(client, guest, url, starts_at, clock):
    guest.event.starts_at = dt.datetime.fromisoformat(starts_at)
    guest.event.save()
    assert f"<br>{clock}</time>" in text(client.get(url))


def test_it_says_whose_time_it_is_to_a_guest_from_abroad(client, guest, url):
    assert "Israel Time" not in text(client.get(url))
    guest.phone = "+919812345678"
    guest.save()
    assert "(Israel Time)" in text(client.get(url))


def test_names_are_text_and_never_markup(client, guest, url):
    attack = "<script>alert(1)</script>\"'{{ 7 }}{name}"
    guest.name = guest.event.name = guest.event.venue = attack
    guest.event.save()
    guest.save()

    for response in [client.get(url), answer(client, url, note=attack), client.get(url + "?change=1")]:
        page = text(response)
        assert response.status_code == 200
        assert "<script>alert" not in page and "&lt;script&gt;alert" in page


def test_a_link_that_is_no_web_address_is_not_shown(client, guest, url):
    guest.event.map_url = "javascript:alert(1)"
    guest.event.save()
    page = text(client.get(url))
    assert "javascript:" not in page
    assert "https://www.google.com/maps/search/?api=1&amp;query=The+Orange+Grove%2C+12+HaNadiv+Street" in page


def test_it_needs_nothing_that_the_policy_forbids(client, url):
    pages = [client.get(url), answer(client, url), answer(client, url, heads="9"), client.get("/r/nobody")]
    for page in map(text, pages):
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|data:", page)
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", page))


def test_it_is_kept_by_nobody_and_tells_nobody(client, url):
    for address in [url, url + "/calendar.ics", "/r/nobody", "/r/"]:
        response = client.get(address)
        assert response["X-Robots-Tag"] == "noindex, nofollow"
        assert response["Referrer-Policy"] == "no-referrer"
        assert response["Cache-Control"] == "private, no-store"
        assert not response.cookies


# --- answering


@pytest.mark.parametrize(("reply", "heads"), [("yes", 2), ("no", 0), ("maybe", 2)])
def test_an_answer_is_stored_and_thanked_for(client, url, reply, heads):
    response = answer(client, url, follow=False, reply=reply, note=" Save us a dance \r\n")

    assert response.status_code == 303
    assert response["Location"] == f"{url}#reply"
    assert list(Answer.objects.values_list("reply", "heads", "note")) == [(reply, heads, "Save us a dance")]
    page = text(client.get(url))
    assert "Thank you" in page and "Save us a dance" in page and "?change=1" in page
    assert "<form" not in page


def test_it_is_taken_without_cookie_and_from_a_page_without_origin(guest, url):
    from django.test import Client

    client = Client(enforce_csrf_checks=True, headers={"Origin": "null"})
    assert answer(client, url, follow=False).status_code == 303


def test_a_double_tap_is_one_answer(client, url):
    answer(client, url)
    answer(client, url)
    assert Answer.objects.count() == 1


def test_a_changed_mind_starts_from_what_was_said(client, url):
    answer(client, url, heads="3", note="No nuts")
    page = text(client.get(url + "?change=1"))
    assert 'value="3"' in page and "No nuts</textarea>" in page

    answer(client, url, reply="no")
    assert list(Answer.objects.values_list("reply", "is_current")) == [("yes", False), ("no", True)]


def test_digits_of_other_scripts_are_numbers(client, url):
    answer(client, url, heads="٣")
    assert Answer.objects.get().heads == 3


def test_a_guest_alone_is_not_asked_how_many(client, guest, url):
    guest.party_size = 1
    guest.save()
    assert 'name="heads"' not in text(client.get(url))

    page = text(client.post(url, {"reply": "yes", "note": ""}, follow=True))
    assert Answer.objects.get().heads == 1
    assert "You are coming." in page


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"heads": "5"}, "4 seats are kept for you, and not more."),
        ({"heads": "9" * 5000}, "4 seats are kept for you, and not more."),
        ({"heads": "-1"}, "Write how many are coming, as a number."),
        ({"heads": "two"}, "Write how many are coming, as a number."),
        ({"heads": ""}, "Write how many are coming, as a number."),
        ({"heads": "0"}, "If nobody is coming, choose “Sadly, no”."),
        ({"reply": "maybe", "heads": "5"}, "4 seats are kept for you, and not more."),
        ({"reply": ""}, "Choose one of the three answers."),
        ({"reply": "perhaps"}, "Choose one of the three answers."),
        ({"note": "x" * 503}, "This is 503 characters long and 500 fit. Shorten it by 3."),
    ],
)
def test_what_can_not_be_taken_is_said_beside_the_field(client, url, said, sentence):
    response = answer(client, url, **{"note": "A wish that stays", **said})

    assert response.status_code == 422
    assert sentence in text(response)
    assert said.get("note", "A wish that stays") in text(response)
    if said.get("heads", "").isdecimal():
        assert f'value="{said["heads"]}"' in text(response)
    assert not Answer.objects.exists()


def test_a_number_is_not_read_when_nobody_comes(client, url):
    answer(client, url, reply="no", heads="many")
    assert Answer.objects.get().heads == 0


def test_a_note_of_500_fits_however_its_lines_end(client, url):
    answer(client, url, note="ab\r\n" * 166 + "ab")
    assert len(Answer.objects.get().note) == 500


def test_what_no_database_keeps_is_dropped(client, url):
    answer(client, url, note="nuts\x00")
    assert Answer.objects.get().note == "nuts"


def test_a_thousand_seats_are_a_number_to_the_browser(client, guest, url):
    guest.party_size = 1200
    guest.save()
    assert 'max="1200" value="1200"' in text(client.get(url))


# --- too late, or nobody's


def test_answers_close_when_it_begins(client, guest, url, now):
    answer(client, url)
    now.move_to(guest.event.starts_at)

    page = text(client.get(url))
    assert "Answers are closed" in page and "With joy, yes (2 people are coming)" in page
    assert "<form" not in page and "?change=1" not in page

    late = answer(client, url, reply="no")
    assert late.status_code == 409
    assert Answer.objects.get().reply == "yes"


@pytest.fixture
def deadline(guest, now):
    """The last day was 15 April: it is the minute after it, on the clock of the place."""
    guest.event.answers_until = dt.date(2027, 4, 15)
    guest.event.save()
    now.move_to(dt.datetime(2027, 4, 15, 21, 0, tzinfo=dt.UTC))
    return guest.event


def test_answers_close_after_the_last_day(client, url, deadline, now):
    now.shift(-1)
    answer(client, url, note="Save us a dance")
    assert "?change=1" in text(client.get(url))
    now.shift(1)

    page = text(client.get(url))
    assert "Answers are closed" in page and "Answers were taken until 15 April 2027." in page
    assert "please write in the chat where you found this link" in page
    assert "With joy, yes (2 people are coming)" in page and "Save us a dance" in page
    assert "<form" not in page and "?change=1" not in page
    assert "Answers are closed" in text(client.get(url + "?change=1"))

    late = answer(client, url, reply="no")
    assert late.status_code == 409 and "Answers are closed" in text(late)
    assert Answer.objects.get().reply == "yes"


def test_after_the_last_day_it_names_whom_to_ask(client, url, deadline):
    deadline.contact = "Ruth <b>+972 50 228 1948</b>"
    deadline.save()
    page = text(client.get(url))
    assert "please ask <bdi>Ruth &lt;b&gt;+972 50 228 1948&lt;/b&gt;</bdi>." in page


def test_once_it_has_begun_there_is_nobody_to_ask_any_more(client, url, deadline, now):
    now.move_to(deadline.starts_at)
    page = text(client.get(url))
    assert "It began on" in page and "please write in the chat" not in page


@pytest.mark.parametrize("language", ["en", "he", "ar", "es", "pt", "fr", "de"])
def test_after_the_last_day_every_language_reads_well(client, guest, url, deadline, language):
    guest.language = language
    guest.save()
    for contact in ("", "Ruth"):
        deadline.contact = contact
        deadline.save()
        body = text(client.get(url)).split("<body")[1]
        assert "2027" in body and not re.search(r"[{}]|None|&lt;", body)
        assert ("<bdi>Ruth</bdi>" in body) == bool(contact)


def test_a_link_nobody_has_says_so_and_nothing_else(client, url, django_assert_num_queries):
    strays = [
        "/r/",
        "/r/nobody",
        "/r/" + "a" * 27,
        "/r/%00",
        "/r/<script>",
        "/r/" + "b" * 5000,
        "/r/nobody/calendar.ics",
    ]
    pages = {client.get(stray).content for stray in [*strays, url + "/", url + "x", url[:-1]]}

    assert len(pages) == 1
    page = pages.pop().decode()
    assert "This link isn’t complete" in page
    assert "Maya" not in page and "Sunita" not in page
    for stray in strays:
        assert client.get(stray).status_code == client.post(stray).status_code == 404 or "calendar" in stray
    for malformed in ["/r/nobody", "/r/<script>"]:
        with django_assert_num_queries(1):
            client.get(malformed)


def test_a_lost_guest_reads_it_in_the_phones_language(client):
    page = text(client.get("/r/nobody", headers={"Accept-Language": "ru,he-IL;q=0.9,en;q=0.5"}))
    assert '<html lang="he" dir="rtl">' in page and "הקישור אינו שלם" in page


# --- languages


def test_a_hebrew_guest_reads_hebrew_from_right_to_left(client, guest, url):
    guest.language = "he"
    guest.save()
    response = client.get(url)

    assert response["Content-Language"] == "he"
    page = text(response)
    assert '<html lang="he" dir="rtl">' in page
    assert "תגיעו?" in page and "יום חמישי, 6 במאי 2027" in page
    assert "מגיעים שניים" in text(answer(client, url))


@pytest.mark.parametrize(
    ("guests", "events", "language"),
    [("", "ar", "ar"), ("pt-BR", "en", "pt"), ("iw", "en", "he"), ("ru", "he", "en"), ("", "xx", "en")],
)
def test_the_guests_language_comes_before_the_events(client, guest, url, guests, events, language):
    guest.language, guest.event.language = guests, events
    guest.event.save()
    guest.save()
    assert f'<html lang="{language}"' in text(client.get(url))


@pytest.mark.parametrize("language", ["en", "he", "ar", "es", "pt", "fr", "de"])
def test_every_state_reads_well_in_every_language(client, guest, url, now, language):
    guest.language = language
    guest.save()
    seen = [client.get(url)]
    seen += [
        answer(client, url, reply=reply, heads=str(n)) for reply in ("yes", "maybe", "no") for n in (1, 2, 3)
    ]
    seen += [
        answer(client, url, heads="9"),
        answer(client, url, heads=""),
        answer(client, url, note="x" * 501),
    ]
    now.move_to(guest.event.starts_at)
    seen.append(client.get(url))
    for response in seen:
        assert response.status_code in (200, 422)
        body = text(response).split("<body")[1]
        assert not re.search(r"[{}]|None", body)


# --- calendar


def test_the_calendar_gets_the_event_in_utc(client, guest, url):
    guest.event.name = "Maya, Arjun; and \\ all"
    guest.event.venue = "רחוב הנדיב 12, בנימינה " * 5 + "\nline"
    guest.event.save()
    response = client.get(url + "/calendar.ics")

    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    raw = response.content
    assert raw.startswith(b"BEGIN:VCALENDAR\r\n") and raw.endswith(b"END:VCALENDAR\r\n")
    assert all(len(line) <= 75 and line.decode() for line in raw.split(b"\r\n")[:-1])
    lines = raw.decode().replace("\r\n ", "").split("\r\n")
    assert "DTSTART:20270506T153000Z" in lines
    assert "DTSTAMP:20261122T085800Z" in lines
    assert "SUMMARY:Maya\\, Arjun\\; and \\\\ all" in lines
    assert any(
        line.startswith("LOCATION:רחוב הנדיב 12\\, בנימינה") and line.endswith("\\nline") for line in lines
    )
    assert guest.token not in raw.decode()


def test_the_calendar_entry_is_the_same_one_every_time(client, url, now):
    def uid():
        return re.search(rb"UID:.*", client.get(url + "/calendar.ics").content)[0]

    first = uid()
    now.shift(3600)
    assert uid() == first


# --- a flood


@pytest.mark.parametrize(("language", "title"), [("en", "One moment, please"), ("he", "רק רגע")])
def test_a_flood_of_answers_has_to_wait(client, guest, url, language, title):
    guest.language = language
    guest.save()
    codes = [answer(client, url, follow=False, note=f"{n}").status_code for n in range(ANSWERS_A_MINUTE)]
    assert codes == [303] * ANSWERS_A_MINUTE
    refused = answer(client, url, note="one too many")
    assert refused.status_code == 429 and refused["Retry-After"] == "60"
    assert refused["Cache-Control"] == "private, no-store"
    assert title in text(refused)
    assert Answer.objects.get(is_current=True).note == f"{ANSWERS_A_MINUTE - 1}"
    assert client.get(url).status_code == 200
