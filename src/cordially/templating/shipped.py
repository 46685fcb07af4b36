"""The template that is there from the beginning, in eight languages.

The personal link stands in the text and not in a button: it follows the public address, and where an answer of the
provider is lost, a message is recognised by it. Nobody's gender is guessed, neither the guests' nor the hosts'.
"""

from __future__ import annotations

from typing import Final

from .components import Components

NAME: Final = "rsvp_invitation"
TITLE: Final = "Invitation"
CATEGORY: Final = "MARKETING"
#: what is read by whose language isn't here
FALLBACK: Final = "en"

_EN = """\
Dear {{guest_name}},

with joy in our hearts we invite you to *{{event_name}}*.

When: {{event_date}}, {{event_time}}
Where: {{event_location}}

Please tell us on your own page whether you can come: {{rsvp_link}}

We look forward to celebrating with you."""

# the plural, as invitations have it; the future tense is the same for women and men
_HE = """\
שלום {{guest_name}},

בהתרגשות ובשמחה רבה נבקש להזמין אתכם אל *{{event_name}}*.

מתי: {{event_date}}, {{event_time}}
איפה: {{event_location}}

נודה לעדכון בעמוד האישי שלכם אם תוכלו להגיע: {{rsvp_link}}

נשמח מאוד לחגוג איתכם."""

_AR = """\
تحية طيبة إلى {{guest_name}}،

بقلوب ملؤها الفرح يسعدنا أن ندعوكم إلى *{{event_name}}*.

الموعد: {{event_date}}، {{event_time}}
المكان: {{event_location}}

نرجو إخبارنا عبر صفحتكم الخاصة إن كان بإمكانكم الحضور: {{rsvp_link}}

نتطلع إلى الاحتفال معكم."""

_ES = """\
Hola, {{guest_name}}:

Con el corazón lleno de alegría queremos invitarte a *{{event_name}}*.

Cuándo: {{event_date}}, {{event_time}}
Dónde: {{event_location}}

Cuéntanos en tu página personal si puedes venir: {{rsvp_link}}

Nos encantará celebrar contigo."""

_PT_BR = """\
Olá, {{guest_name}}.

É com o coração cheio de alegria que convidamos você para *{{event_name}}*.

Quando: {{event_date}}, {{event_time}}
Onde: {{event_location}}

Conte para nós na sua página pessoal se você poderá vir: {{rsvp_link}}

Será uma felicidade celebrar com você."""

# French keeps a space that doesn't break before the colon
_FR = """\
Bonjour {{guest_name}},

C’est le cœur plein de joie que nous vous invitons à *{{event_name}}*.

Quand\u00a0: {{event_date}}, {{event_time}}
Où\u00a0: {{event_location}}

Dites-nous sur votre page personnelle si vous pourrez venir\u00a0: {{rsvp_link}}

Nous avons hâte de célébrer ce moment avec vous."""

_DE = """\
Hallo {{guest_name}},

voller Freude laden wir Sie zu *{{event_name}}* ein.

Wann: {{event_date}}, {{event_time}} Uhr
Wo: {{event_location}}

Bitte sagen Sie uns auf Ihrer eigenen Seite, ob Sie kommen können: {{rsvp_link}}

Wir freuen uns darauf, mit Ihnen zu feiern."""

# the verbs agree with joy and with coming, not with whoever invites or comes
_HI = """\
नमस्ते {{guest_name}} जी,

*{{event_name}}* के शुभ अवसर पर आपको सादर आमंत्रित करते हुए हमें बहुत खुशी हो रही है।

कब: {{event_date}}, {{event_time}}
कहाँ: {{event_location}}

कृपया अपने निजी पेज पर हमें बताएँ कि क्या आपका आना संभव होगा: {{rsvp_link}}

आपके साथ मिलकर उत्सव मनाने का हमें इंतज़ार रहेगा।"""

#: language, as WhatsApp writes it -> text
TEXTS: Final[dict[str, Components]] = {
    language: Components(body)
    for language, body in (
        ("en", _EN),
        ("he", _HE),
        ("ar", _AR),
        ("es", _ES),
        ("pt_BR", _PT_BR),
        ("fr", _FR),
        ("de", _DE),
        ("hi", _HI),
    )
}
