"""Every sentence that is made in English and kept is read in the reader's language."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from django.utils import translation

from cordially.dashboard import shown as shown_module
from cordially.dashboard.shown import shown
from cordially.delivery import drain, rescue, trial, verdicts
from cordially.guests import bounds, phones
from cordially.guests.phones import read_phone
from cordially.guests.reading import ListError, read_table
from cordially.invitations import campaigns, flightcheck, hours, leaving, ledger, trials, vault
from cordially.invitations.attempts import Attempt
from cordially.invitations.flightcheck import Cause, Finding
from cordially.invitations.lifecycle import State
from cordially.invitations.models import Review, Source
from cordially.invitations.news import News, judged
from cordially.lib.marking import plural
from cordially.providers.base import Refused
from cordially.providers.errors import Fault, Misconfigured
from cordially.providers.twilio import codes, content, kinds
from cordially.providers.twilio.address import checked_base, checked_callback
from cordially.providers.twilio.webhook import explain_mismatch
from cordially.templating import rules
from cordially.templating.components import Button, ButtonKind, Components
from cordially.templating.variables import Slot

NOW = dt.datetime(2026, 8, 1, 12, tzinfo=dt.UTC)
ATTEMPT = Attempt("3fa1c09b7e2d", 118, 1)
#: what is the same in every language
_NAMES = re.compile(
    r"\b(Cordially|WhatsApp|Twilio|Meta|Kenya|Numbers|Excel|Word|Office|OpenDocument|name|phone|marketing|utility|rsvp)\b"
    r"|https?://\S*|http|whatsapp:\S+|\.\w+|[A-Z]+_[A-Z_]+|\w+_\w+|\{\{.*?\}\}|\b[A-Z]{2,}\b|vCard"
)


@pytest.fixture(autouse=True)
def _in_hebrew() -> Iterator[None]:
    with translation.override("he"):
        yield


def read_in_hebrew(text: str, *filled: str) -> str:
    """The sentence as it is shown: every word of it is Hebrew, but what was filled in is as it was."""
    said = shown(text)
    rest = said
    for each in filled:
        assert each in said, (each, said)
        rest = rest.replace(each, " ")
    assert re.findall("[A-Za-z]{3,}", _NAMES.sub(" ", rest)) == [], (text, said)
    assert re.search("[א-ת]", said), said
    return said


class TestFaults:
    @pytest.mark.parametrize("code", [*codes.CODES, None, 99999])
    def test_what_happened_what_to_do_and_the_code(self, code: int | None) -> None:
        fault = codes.fault_for(code)
        assert len(fault.reason) <= 300, "it would be cut off where it is kept"
        said = read_in_hebrew(fault.reason)
        assert code is None or said.endswith(f"({code})")
        assert len(re.findall(r"[.?!]( |$)", said)) >= len(re.findall(r"[.?!]( |$)", fault.sentence))

    @pytest.mark.parametrize("code", codes.CODES)
    def test_what_is_kept_when_nothing_helped(self, code: int) -> None:
        news = verdicts.of_outcome(ATTEMPT, Refused(codes.fault_for(code)), NOW)
        read_in_hebrew(news.reason)
        read_in_hebrew(news.hopeless)
        row = SimpleNamespace(tries=2, phone="+972502281948", waved=frozenset())
        tried = judged(News(State.QUEUED, NOW, Source.ENGINE, ATTEMPT, again=lambda *_: None, counts=True,
                            reason=news.reason, hopeless=news.hopeless), row)  # fmt: skip
        assert tried.reason.startswith("Tried 3 times. ")
        assert "3" in read_in_hebrew(tried.reason)

    def test_the_others(self) -> None:
        named = (
            codes.UNREACHABLE,
            codes.UNKNOWN_CODE,
            codes.NO_CODE,
            codes.CANCELLED,
            codes.UNSENDABLE,
            codes.GATEWAY,
        )
        for row in named:
            read_in_hebrew(codes.fault(row).reason)
        for each in (content._not_twilio(None), content._fault(content.TwilioException(), 503, "")):
            read_in_hebrew(each.reason)
        for make in (lambda: checked_base("no"), lambda: checked_callback("no")):
            with pytest.raises(Misconfigured) as wrong:
                make()
            read_in_hebrew(str(wrong.value))


def _constants() -> Iterator[str]:
    yield from (ledger.OPTED_OUT, ledger.UNSURE_REASON, ledger.SLOW_REASON, ledger.ERROR_REASON)
    yield from (ledger.STOPPED_REASON, ledger.CANCELLED, ledger.NEW_CREDENTIALS)
    yield from (campaigns.ALREADY_INVITED, campaigns.IN_PERSON, campaigns.UNDER_WAY, campaigns.NO_NUMBER)
    yield from (leaving.TAKEN_OFF, trials.GIVEN_UP, trials.INTERRUPTED, vault.REMOVED, vault.UNREADABLE)
    yield from (rescue.NEVER_ANSWERED, rescue.WHOSE_IS_IT, trial._MAY_ARRIVE, verdicts.INSTEAD)
    yield from (*dict.fromkeys(kinds._UNFILLABLE.values()), kinds._UNKNOWN_KIND, phones._NO_PHONE_NOTE)


@pytest.mark.parametrize("sentence", list(_constants()))
def test_what_is_always_the_same(sentence: str) -> None:
    read_in_hebrew(sentence)


@pytest.mark.parametrize("cause", [cause for cause in Cause if flightcheck.reason(Finding(cause, "table"))])
def test_who_is_left_out_reads_why(cause: Cause) -> None:
    if cause is Cause.NO_TEXT:
        assert "צרפתית" in read_in_hebrew(flightcheck.reason(Finding(cause, "fr")))
    elif cause in (Cause.LACKS, Cause.BAD_VALUE):
        read_in_hebrew(flightcheck.reason(Finding(cause, "table")), "“table”")
    else:
        read_in_hebrew(flightcheck.reason(Finding(cause)))


@pytest.mark.parametrize("state", [Review.REJECTED, Review.PAUSED, Review.DISABLED])
@pytest.mark.parametrize("said", ["", "Too many complaints", "It is said at length. " * 30])
def test_a_stopped_template_keeps_its_title_and_whatsapp_s_words(state: Review, said: str) -> None:
    kept = hours.stop_of(state, "Update"[:80], said)
    assert len(hours.stop_of(state, "x" * 80, said)) <= 300
    read_in_hebrew(kept, "“Update”", *([said[:159]] if said else []))


def test_why_a_report_was_refused() -> None:
    ours, seen = "https://invite.example.com", {"X-Twilio-Signature": "x"}
    read_in_hebrew(explain_mismatch(ours, "/w", {}), "/w", "X-Twilio-Signature")
    elsewhere = explain_mismatch(
        ours, "/w", {**seen, "Host": "other.example.com", "X-Forwarded-Proto": "http"}
    )
    read_in_hebrew(elsewhere, "other.example.com", "host", "proto")
    agrees = explain_mismatch(ours, "/w", {**seen, "Host": "invite.example.com"})
    read_in_hebrew(agrees, "Auth Token")


def test_reasons_with_somebody_s_name() -> None:
    read_in_hebrew(drain._lacks(ATTEMPT, ["table"]).reason, "“table”")
    for kept in ("Paused by Read.", "Cancelled by Read.", "Taken off the list by Read."):
        read_in_hebrew(kept, "Read")  # though a state is called so


def test_a_sentence_within_a_sentence() -> None:
    why = codes.fault_for(20003).reason
    said = read_in_hebrew(f"The sender is paused: {why}")
    assert shown(why) in said
    held = codes.fault_for(63038).sentence
    assert shown(held) in read_in_hebrew(f"{held} Goes on at 10:00:00.", "10:00:00")


@pytest.mark.parametrize("raw", ["054 55", "0501234567890123", "maybe later", "050-1234567, 052-7654321",
                                 "5.01E+11", "999999999", "12345678901"])  # fmt: skip
@pytest.mark.parametrize("country", ["IL", "US", ""])
def test_what_is_wrong_with_a_number(raw: str, country: str) -> None:
    if note := read_phone(raw, country).note:
        read_in_hebrew(note, raw)


@pytest.mark.parametrize(
    "start", [b"%PDF", b"{\\rtf", b"Rar!", b"\xd0\xcf\x11\xe0", b"<html>", b"\0\1\2" * 99]
)
def test_what_is_wrong_with_a_file(start: bytes, tmp_path) -> None:
    path = tmp_path / "1.xls"
    path.write_bytes(start)
    with pytest.raises(ListError) as wrong:
        read_table(path)
    read_in_hebrew(str(wrong.value))


def test_what_is_wrong_with_a_list() -> None:
    for error in (bounds.too_long(), bounds.too_wide(1234), bounds.too_much_text(7)):
        read_in_hebrew(str(error))


def test_every_finding_of_the_rules() -> None:
    long = "many words " * 120
    badly_written = [
        Components(""),
        Components("{{guest_name}}{{event_name}}", header="*a* 🎉\n{{a}} {{b}}", footer="x\n🎉 {{a}}"),
        Components(
            long, header="h" * 99, footer="f" * 99, buttons=(Button(ButtonKind.REPLY, "b" * 40 + "\n🎉"),)
        ),
        Components(
            "Hi {{x|}} {guest_name} {{guest_nam}} {{ }} {{guest_name an}} end {{a|b}} {{a|c}} {{a}}.",
            header=" ",
            footer=" ",
        ),
        Components("Dear {{rsvp_token}} and }} {{ you", image="nowhere", header="a"),
        Components("Hi you", image="http://10.0.0.1/{{a}}.jpg"),
        Components(
            "Hi",
            image="https://me:you@example.com/a.jpg",
            buttons=tuple(Button(ButtonKind.LINK, "go") for _ in range(12)),
        ),
        Components(
            "Hi",
            buttons=(
                Button(ButtonKind.LINK, ""),
                Button(ButtonKind.REPLY, "ja"),
                Button(ButtonKind.REPLY, "ja"),
            ),
        ),
        Components("Hi {{rsvp_link}}.", buttons=(Button(ButtonKind.LINK, "go"),)),
        Components(
            "Hi " + " ".join(f"{{{{v{n}}}}}," for n in range(120)) + " end {{a|" + "f" * 200 + "}} end"
        ),
    ]
    found = {}
    for number, components in enumerate(badly_written):
        category = ("UTILITY", "AUTHENTICATION", "", "ODD", "MARKETING")[number % 5]
        language = ("en", "", "tlh", "english")[number % 4]
        known = frozenset({"guest_name", "event_name"})
        for each in rules.check(components, known=known, category=category, language=language):
            found[each.rule] = each
            assert shown(each.sentence) != each.sentence, each.sentence
            assert not each.cure or shown(each.cure) != each.cure, each.cure
    assert len(found) > 30, sorted(found)


@pytest.mark.parametrize("value", ["a\nb", "a\tb", "x" * 2000, "a        b", "\u3164"])
def test_what_is_wrong_with_a_value(value: str) -> None:
    read_in_hebrew(rules.check_value(Slot("table"), value))


def test_a_message_that_would_be_too_long_names_its_longest_value() -> None:
    [said] = rules.check_message(Components("Hi {{table}}."), {"table": "x" * 2000})
    read_in_hebrew(said, "“table”")


def test_plurals_follow_the_reader_s_language() -> None:
    one, many = (shown(plural("Tried {n} time.", "Tried {n} times.", n).format(n=n)) for n in (1, 5))
    assert one.replace("1", "") != many.replace("5", "")


def test_what_nobody_marked_stays_as_it_is() -> None:
    for text in ("Something that nobody marked.", "Paused. Something that nobody marked.", "{", "", "(12)"):
        assert shown(text) == text
    with translation.override("en"):
        assert shown("Paused.") == "Paused."


def test_a_fault_of_ours_is_a_row_of_sentences() -> None:
    fault = Fault(codes.UNREACHABLE.error_class, codes.UNREACHABLE.sentence, 1, codes.UNREACHABLE.cure)
    assert shown(fault.reason) == f"{shown(fault.sentence)} {shown(fault.cure)} (1)"


@pytest.mark.parametrize("text", ["Paused by a. " * 20 + "x", "Twilio did not say what it has: " * 30 + "x."])
def test_a_text_that_could_be_read_in_many_ways_is_looked_at_once(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    by_shape = shown_module._by_shape

    def counted(text: str, *given: object) -> str:
        asked.append(text)
        return by_shape(text, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(shown_module, "_by_shape", counted)
    with translation.override("he"):
        shown(text)
    assert len(asked) < 2000
