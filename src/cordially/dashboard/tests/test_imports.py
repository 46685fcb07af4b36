from __future__ import annotations

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from cordially.events.models import Event
from cordially.guests.models import Guest

IMPORT = "/e/maya-arjun/import"


def upload(browser: Client, text: str, name: str = "guests.csv", **fields: str) -> tuple[int, str]:
    file = SimpleUploadedFile(name, text.encode(), "text/csv")
    answer = browser.post(IMPORT, {"file": file, "country": "IL", **fields})
    return answer.status_code, answer.content.decode()


def test_a_list_is_stored_and_reported(browser: Client, event: Event) -> None:
    status, page = upload(browser, "name,phone\nRuth,050-228-1948\nSunita,+91 98200 55501\n")
    assert status == 200 and Guest.objects.filter(event=event).count() == 2
    assert "+972502281948" in Guest.objects.values_list("phone", flat=True)
    assert "Added" in page and "guests.csv" in page and "2 rows were read" in page


def test_rows_to_mend_are_listed_with_their_reason(browser: Client, event: Event) -> None:
    status, page = upload(browser, "name,phone\nRuth,050-228-1948\nOri,050-555\n<b>Eileen</b>,\n")
    assert (
        "Ori" in page
        and "050-555" in page
        and "&lt;b&gt;Eileen" in page
        and "There is no phone number" in page
    )
    assert Guest.objects.count() == 3


def test_the_same_file_twice_adds_nobody(browser: Client, event: Event) -> None:
    upload(browser, "name,phone\nRuth,050-228-1948\n")
    upload(browser, "name,phone\nRuth,050-228-1948\n")
    assert Guest.objects.count() == 1


def test_the_country_reads_national_numbers(browser: Client, event: Event) -> None:
    upload(browser, "name,phone\nSunita,98200 55501\n", country="IN")
    assert Guest.objects.get().phone == "+919820055501"


def test_a_file_that_cannot_be_read_is_told_beside_the_field(browser: Client, event: Event) -> None:
    status, page = upload(browser, "", "empty.csv")
    assert status == 422 and 'aria-invalid="true"' in page and "empty" in page
    assert not Guest.objects.exists()


def test_no_file_is_told(browser: Client, event: Event) -> None:
    assert "Choose a file first." in browser.post(IMPORT, {"country": "IL"}).content.decode()


def test_an_unknown_country_falls_back_to_that_of_the_event(browser: Client, event: Event) -> None:
    status, _ = upload(browser, "name,phone\nRuth,050-228-1948\n", country="XX")
    assert status == 200 and Guest.objects.get().phone == "+972502281948"


def test_an_event_of_no_country_asks_for_one(browser: Client, event: Event) -> None:
    Event.objects.update(country="")
    assert '<option value="" selected>Choose a country</option>' in browser.get(IMPORT).content.decode()
    _, page = upload(browser, "name,phone\nRuth,050-228-1948\n", country="")
    assert "No country is known for this number" in page and Guest.objects.get().phone == ""
    upload(browser, "name,phone\nRuth,050-228-1948\n", country="IL")
    assert Guest.objects.get().phone == "+972502281948"
