"""The guest's own page: see the invitation, answer, change one's mind.

No account and no cookie: the token in the address is the authority. So the pages tell nobody where they
came from (Referrer-Policy), are kept by nobody (Cache-Control) and found by nobody (X-Robots-Tag), and they
are rendered without the request, so that nothing of a signed-in host gets into them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation.trans_real import parse_accept_lang_header
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from cordially.events.look import look
from cordially.events.models import Event
from cordially.guests.models import Guest
from cordially.lib import rates
from cordially.lib.clock import now as clock_now
from cordially.rsvp.answers import current_answer, record_answer, seats
from cordially.rsvp.calendar import calendar_file
from cordially.rsvp.forms import AnswerForm, answer_form
from cordially.rsvp.models import Answer, Reply
from cordially.rsvp.wording import Wording, is_abroad, language_of, wording_for

#: of one guest: more than any party changes its mind
ANSWERS_A_MINUTE = 30

View = Callable[..., HttpResponse]

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,43}")


def _private(view: View) -> View:
    @wraps(view)
    def private(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        response["X-Robots-Tag"] = "noindex, nofollow"
        response["Referrer-Policy"] = "no-referrer"
        response["Cache-Control"] = "private, no-store"
        return response

    return private  # type: ignore[return-value]


# No CSRF check. It would guard a cookie's authority, and there is none: whoever knows the token may answer,
# and who doesn't can't forge an answer either. Besides, under `no-referrer` browsers send `Origin: null`
# with the form, which Django's check refuses, and some in-app browsers keep no cookies.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@_private
def rsvp(request: HttpRequest, token: str) -> HttpResponse:
    guest = _guest(token)
    if guest is None:
        return _lost(request)
    if request.method == "POST":
        if rates.count("answer", guest.token, most=ANSWERS_A_MINUTE):
            return _wait(guest)
        return _answer(request, guest)
    answer = current_answer(guest)
    if _is_closed(guest.event):
        return _closed(guest, answer)
    if answer and "change" not in request.GET:
        return _page(guest, "thanks", answer=answer)
    wording = wording_for(guest)
    return _page(guest, "form", answer=answer, form=answer_form(answer, seats(guest), wording.words))


def _answer(request: HttpRequest, guest: Guest) -> HttpResponse:
    """Take one answer, or say beside the field what can't be taken."""
    if _is_closed(guest.event):
        return _closed(guest, current_answer(guest), status=409)
    form = AnswerForm(request.POST, seats=seats(guest), words=wording_for(guest).words)
    if not form.is_valid():
        return _page(guest, "form", answer=current_answer(guest), form=form, status=422)
    said = form.cleaned_data
    record_answer(guest, said["reply"], said["heads"], said["note"], clock_now())
    return HttpResponseRedirect(f"{reverse('rsvp', args=[guest.token])}#reply", status=303)


@require_safe
@_private
def calendar(request: HttpRequest, token: str) -> HttpResponse:
    guest = _guest(token)
    if guest is None:
        return _lost(request)
    return HttpResponse(
        calendar_file(guest.event, clock_now()),
        content_type="text/calendar; charset=utf-8",
        headers={"Content-Disposition": f'inline; filename="{guest.event.slug}.ics"'},
    )


@csrf_exempt
@_private
def lost(request: HttpRequest) -> HttpResponse:
    """Whatever else is asked for below `r/`: the same page as for a token nobody has."""
    return _lost(request)


def _guest(token: str) -> Guest | None:
    # What can't be a token is looked for as well (and not found), so that both take the same way and time.
    wanted = token if _TOKEN.fullmatch(token) else "-"
    return Guest.objects.select_related("event").filter(token=wanted).first()


def _is_closed(event: Event) -> bool:
    return clock_now() >= event.answers_close_at


def _lost(request: HttpRequest) -> HttpResponse:
    accepted = parse_accept_lang_header(request.headers.get("Accept-Language", ""))
    wording = Wording(language_of(*(tag for tag, _quality in accepted)))
    return _render("rsvp/lost.html", wording, {}, status=404)


def _wait(guest: Guest) -> HttpResponse:
    response = _render("rsvp/wait.html", wording_for(guest), {}, status=429)
    response["Retry-After"] = str(rates.WINDOW)
    return response


def _closed(guest: Guest, answer: Answer | None, status: int = 200) -> HttpResponse:
    return _page(guest, "closed", answer=answer, status=status)


def _page(
    guest: Guest, state: str, *, answer: Answer | None, form: AnswerForm | None = None, status: int = 200
) -> HttpResponse:
    event, wording = guest.event, wording_for(guest)
    words, starts = wording.words, event.starts_local
    context: dict[str, object] = {
        "state": state,
        "event": event,
        "look": look(event),
        "couple": [part.strip() for part in event.name.split(" & ")],
        "long_name": len(event.name) > 28 or max(map(len, event.name.split() or [""])) > 11,
        "starts": starts,
        "day": wording.day(starts),
        "clock": wording.clock(starts),
        "zone": wording.zone(event.zone) if is_abroad(guest) else "",
        "map_url": _map_url(event),
        "picture": reverse("picture", args=[event.picture]) if event.picture else "",
        "site_url": settings.SITE_URL,
        "page_url": reverse("rsvp", args=[guest.token]),
        "calendar_url": reverse("rsvp_calendar", args=[guest.token]),
        "dear": format_html(words.dear, name=format_html("<bdi>{}</bdi>", guest.name)),
        "answer": answer,
    }
    if form is not None:
        context |= _form_context(form, wording)
    if answer:
        context |= _answer_context(answer, guest, wording)
    if state == "closed":
        context |= _closed_context(event, wording)
    return _render("rsvp/page.html", wording, context, status=status)


def _form_context(form: AnswerForm, wording: Wording) -> dict[str, object]:
    words = wording.words
    return {
        "form": form,
        "chosen": form["reply"].value(),
        # as text: a thousands separator would not be a number to the browser
        "max": str(form.seats),
        "seats": words.counted(words.seats, form.seats),
        # what the script may write on the button, by plural category; "#" stands for the number
        "sends": {
            category: words.send_count.format(coming=text.replace("{n}", "#"))
            for category, text in words.coming.items()
        },
    }


def _answer_context(answer: Answer, guest: Guest, wording: Wording) -> dict[str, object]:
    words = wording.words
    label = words.label(answer.reply)
    coming = words.coming_alone if seats(guest) == 1 else words.counted(words.coming, answer.heads)
    heading = {
        Reply.YES.value: [words.thanks, f"{_capital(coming)}."],
        Reply.NO.value: [words.thanks_no],
        Reply.MAYBE.value: [words.thanks, words.thanks_maybe],
    }
    return {
        "heading": heading[answer.reply],
        "recorded": words.recorded.format(answer=label),
        "label": f"{label} ({coming})" if answer.reply == Reply.YES and answer.heads > 1 else label,
        "answered": wording.moment(answer.at.astimezone(guest.event.zone)),
    }


def _closed_context(event: Event, wording: Wording) -> dict[str, object]:
    """Until when answers were taken; and before the event itself, whom to ask."""
    words = wording.words
    if event.answers_until is None or clock_now() >= event.starts_at:
        return {"closed": words.closed.format(when=wording.moment(event.starts_local))}
    ask: str = words.ask_in_chat
    if event.contact:
        ask = format_html(words.ask, contact=format_html("<bdi>{}</bdi>", event.contact))
    return {"closed": words.too_late.format(when=wording.date(event.answers_until)), "ask": ask}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _map_url(event: Event) -> str:
    """The host's link, or a search for the place; nothing that isn't a web address."""
    if event.map_url.lower().startswith(("https://", "http://")):
        return event.map_url
    if not event.venue.strip():
        return ""
    return "https://www.google.com/maps/search/?" + urlencode({"api": "1", "query": event.venue})


def _render(template: str, wording: Wording, context: dict[str, object], status: int) -> HttpResponse:
    context |= {"words": wording.words, "language": wording.language, "direction": wording.direction}
    response = HttpResponse(render_to_string(template, context), status=status)
    response["Content-Language"] = wording.language
    return response
