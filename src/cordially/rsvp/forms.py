"""The answer form: what may be said, and the sentence beside the field when something can't."""

from __future__ import annotations

from typing import Any

from django import forms

from cordially.rsvp.models import Answer, Reply
from cordially.rsvp.phrases import Phrases

NOTE_MAX = 500


class AnswerForm(forms.Form):
    reply = forms.ChoiceField(choices=Reply.choices)
    #: text, so that what was typed stays, and so that it is not read at all when nobody comes
    heads = forms.CharField(required=False)
    note = forms.CharField(required=False)

    def __init__(self, *args: Any, seats: int, words: Phrases, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seats = seats
        self.words = words
        for code in ("required", "invalid_choice"):
            self.fields["reply"].error_messages[code] = words.choose
        for name in ("heads", "note"):
            # a NUL can't be stored, nor typed: dropped in `clean_…`, not refused
            field = self.fields[name]
            field.validators = []

    def clean_note(self) -> str:
        # browsers send a line end as two characters and count it as one
        note = str(self.cleaned_data["note"]).replace("\x00", "").replace("\r\n", "\n").strip()
        if len(note) > NOTE_MAX:
            raise forms.ValidationError(
                self.words.note_long.format(n=len(note), max=NOTE_MAX, over=len(note) - NOTE_MAX)
            )
        return note

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        reply = cleaned.get("reply")
        if reply == Reply.NO:
            cleaned["heads"] = 0
        elif reply:
            self._clean_heads(reply)
        return cleaned

    def _clean_heads(self, reply: str) -> None:
        typed = str(self.cleaned_data["heads"]).strip()
        if not typed and (self.seats == 1 or reply == Reply.MAYBE):
            self.cleaned_data["heads"] = 1 if self.seats == 1 else 0
        elif not typed.isdecimal():
            self.add_error("heads", self.words.heads_needed)
        # a number of seats has five digits at most; int() need not read a novel
        elif len(typed.lstrip("0")) > 5 or int(typed) > self.seats:
            told = self.words.counted(self.words.seats, self.seats)
            self.add_error("heads", self.words.heads_many.format(seats=told))
        elif int(typed) == 0 and reply == Reply.YES:
            self.add_error("heads", self.words.heads_none.format(no=self.words.no))
        else:
            self.cleaned_data["heads"] = int(typed)


def answer_form(answer: Answer | None, seats: int, words: Phrases) -> AnswerForm:
    """The form as it is first seen: the answer given before, or everybody comes."""
    initial: dict[str, object] = {"reply": Reply.YES.value, "heads": str(seats), "note": ""}
    if answer:
        initial = {"reply": answer.reply, "heads": str(answer.heads or seats), "note": answer.note}
    return AnswerForm(initial=initial, seats=seats, words=words)
