"""A template's texts and their twins at the provider's account: hand in, follow WhatsApp's review, bring in.

The network is asked outside any transaction; what it said is written down after.
"""

from __future__ import annotations

import datetime as dt
import logging
import secrets
import time
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from cordially.invitations import campaigns, library, senders
from cordially.invitations.hours import stopped
from cordially.invitations.models import (
    Campaign,
    CampaignState,
    Category,
    MessageTemplate,
    Review,
    TemplateText,
    TemplateVersion,
)
from cordially.lib.clock import now as clock_now
from cordially.lib.marking import noop
from cordially.providers.errors import Misconfigured
from cordially.providers.twilio import content
from cordially.providers.twilio.content import (
    Approval,
    ContentButton,
    ContentError,
    Credentials,
    ListedContent,
    WholeContent,
)
from cordially.templating import languages, rules, variables
from cordially.templating.components import Button, ButtonKind, Components
from cordially.templating.variables import LINK_TOKEN, Slot

from . import connection

logger = logging.getLogger(__name__)

_WAITING = (Review.RECEIVED, Review.PENDING, Review.UNKNOWN)
#: asked about in one round: as many questions to Twilio
_BATCH = 20
_HOURLY = dt.timedelta(hours=1)
#: what is about to be sent was asked about within this time
_STALE = dt.timedelta(minutes=2)
#: Twilio's answer about a content that isn't there
_NO_SUCH_CONTENT = (20404, 21655)
_STOPS = (Review.PAUSED, Review.DISABLED, Review.REJECTED)


class CantHandIn(Exception):
    """Why a text can't go to WhatsApp; the message is for the host."""


def credentials(account: str = "") -> Credentials:
    """Of the configured account unless one is named. Raises Misconfigured where there are none."""
    try:
        return connection.credentials(account)
    except senders.NotReady as error:
        raise Misconfigured(str(error)) from error


def hand_in(text: TemplateText, known: Iterable[str] | None = None, account: str = "") -> TemplateVersion:
    """Make the text at Twilio, ask WhatsApp to approve it, and keep it as a version.

    `known`: names that the guests' lists have, when they are to be checked. `account`: where, at the configured
    one unless named. Raises CantHandIn for what WhatsApp would surely reject, and while somebody else hands it
    in; ContentError or Misconfigured when Twilio doesn't do it. Then it is taken down again; what can't be taken
    down is kept, and handed in the next time.
    """
    components = text.components
    names = {slot.name for slot in components.slots} if known is None else set(known) | variables.NAMES
    found = rules.check(components, known=names, category=text.template.category, language=text.language)
    if mistakes := [finding for finding in found if finding.level == rules.Level.ERROR]:
        raise CantHandIn(f"{mistakes[0].sentence} {mistakes[0].cure}".strip())
    if not library.claim(text):
        raise CantHandIn(noop("Somebody hands in this text right now. Look again in a minute."))
    try:
        return _hand_in(text, components, account or senders.account())
    finally:
        library.release(text)


def _hand_in(text: TemplateText, components: Components, account: str) -> TemplateVersion:
    newest = text.versions.filter(account=account).first()
    if newest and newest.components == components and newest.link_base in ("", variables.link_base()):
        is_asked = newest.asked_category in ("", text.template.category)
        if newest.state in (Review.RECEIVED, Review.PENDING) and is_asked:
            return newest  # somebody else handed in the very same a moment ago
        if newest.state == Review.UNSUBMITTED:
            try:
                return _ask_for_review(newest)
            except ContentError as error:
                if error.fault.code not in _NO_SUCH_CONTENT:
                    raise
                newest.delete()  # it was taken down after all
    ref = content.put_up(credentials(account), _whole(text))
    # kept before anybody is asked: what is at Twilio is never made a second time
    version = library.hand_in(text, account, ref, state=Review.UNSUBMITTED, components=components)
    try:
        return _ask_for_review(version)
    except ContentError:
        if _take_back(account, ref):
            version.delete()
        raise


def _ask_for_review(version: TemplateVersion) -> TemplateVersion:
    """It is at Twilio already, and nobody asked WhatsApp yet."""
    template = version.text.template
    approval = content.request_approval(
        credentials(version.account), version.ref, _review_name(template.name), template.category
    )
    _heard(version, approval, clock_now(), template.category)
    version.refresh_from_db()
    return version


def _take_back(account: str, ref: str) -> bool:
    try:
        content.remove(credentials(account), ref)
    except ContentError as error:
        logger.warning("a content that was never handed in stays at Twilio: %s", error)
        return False
    return True


def _whole(text: TemplateText) -> WholeContent:
    components = text.components
    as_sent = components.numbered()
    slots = components.slots
    link = f"{variables.link_base()}{{{{{len(slots)}}}}}"
    samples = variables.sample_values(None, text.language, [slot.name for slot in slots])
    return WholeContent(
        name=text.template.name,
        language=text.language,
        body=as_sent.body,
        header=as_sent.header,
        image=as_sent.image,
        footer=as_sent.footer,
        buttons=tuple(
            ContentButton("link", button.title, link)
            if button.kind is ButtonKind.LINK
            else ContentButton("reply", button.title)
            for button in components.buttons
        ),
        samples=tuple(samples[slot.name] for slot in slots),
    )


def _review_name(name: str) -> str:
    """Lower-case letters, digits and `_`; WhatsApp wants a new one for every submission."""
    return f"{rules.name_at_whatsapp(name)}_{int(time.time())}_{secrets.token_hex(2)}"


def _state(approval: Approval) -> Review:
    return Review(approval.status.value)


def _category(approval: Approval, otherwise: str) -> str:
    return approval.category if approval.category in Category.values else otherwise


# follow


def follow(now: dt.datetime | None = None) -> bool:
    """Ask how WhatsApp's review stands where it is time to. Returns whether anything changed."""
    now = now or clock_now()
    changed = [_follow(account, now) for account in senders.accounts()]
    return any(changed)


def _follow(account: str, now: dt.datetime) -> bool:
    """At one account, whose trouble is no other's."""
    changed = False
    for version in _due(account, now):
        try:
            approval = content.approval_status(credentials(account), version.ref)
        except Misconfigured as error:
            logger.warning("account …%s: %s", account[-4:], error)
            TemplateVersion.objects.filter(pk=version.pk).update(checked_at=now)
            break
        except ContentError as error:
            logger.warning("Twilio doesn't say how template %s stands: %s", version.text.template, error)
            TemplateVersion.objects.filter(pk=version.pk).update(checked_at=now)
            if error.fault.code is None:
                break  # it doesn't answer at all: the others would wait just as long
            continue
        changed |= _heard(version, approval, now)
    return changed


def ask(version: TemplateVersion) -> bool:
    """Ask about this one now. Returns whether its state changed. Raises ContentError."""
    return _heard(version, content.approval_status(credentials(version.account), version.ref), clock_now())


def look_again(template: MessageTemplate, account: str = "") -> None:
    """Somebody is about to send it: ask soon whether WhatsApp paused or released it since."""
    stale = TemplateVersion.objects.filter(
        text__template=template,
        account=account or senders.account(),
        state__in=(Review.APPROVED, Review.PAUSED),
        checked_at__lt=clock_now() - _STALE,
    )
    if stale.exists():
        stale.update(checked_at=None)


def _due(account: str, now: dt.datetime) -> list[TemplateVersion]:
    """A new one every minute, an older one every five; what is decided once an hour (it may be paused)."""
    soon = dt.timedelta(seconds=60 if senders.is_real(account) else 0.5)
    waiting = Q(state__in=_WAITING, changed_at__gt=now - _HOURLY, checked_at__lt=now - soon)
    waiting |= Q(state__in=_WAITING, checked_at__lt=now - 5 * soon)
    seldom = _HOURLY if senders.is_real(account) else 10 * soon
    decided = ~Q(state__in=_WAITING) & Q(checked_at__lt=now - seldom)
    rows = TemplateVersion.objects.filter(waiting | decided | Q(checked_at=None), account=account)
    return list(
        rows.select_related("text__template").order_by(F("checked_at").asc(nulls_first=True))[:_BATCH]
    )


@transaction.atomic
def _heard(version: TemplateVersion, approval: Approval, now: dt.datetime, asked: str = "") -> bool:
    """`asked`: the category that was asked for just now, where the answer names none."""
    row = TemplateVersion.objects.select_for_update().get(pk=version.pk)
    state, category = _state(approval), _category(approval, asked or row.category)
    changed = (row.state, row.category) != (state, category)
    row.checked_at, row.reason = now, approval.reason[:500]
    row.asked_category = asked or row.asked_category
    if changed:
        logger.info("template %s, %s: %s", version.text.template, version.text.language, state.label.lower())
        row.state, row.category, row.changed_at = state, category, now
        if state in _STOPS:
            _pause_campaigns(row)
    row.save()
    return changed


def _pause_campaigns(version: TemplateVersion) -> None:
    """What still waits would fail: it waits for the host instead."""
    sentence = stopped(version)
    running = Campaign.objects.filter(state=CampaignState.RUNNING, sender__account=version.account)
    for campaign in running.filter(texts__content_ref=version.ref).distinct():
        campaigns.pause(campaign, reason=sentence)


# bring in what is at Twilio already


def importable(account: str = "") -> list[ListedContent]:
    """What the account (the configured one unless named) has and no template here stands for.

    Raises ContentError and Misconfigured.
    """
    account = account or senders.account()
    known = set(TemplateVersion.objects.filter(account=account).values_list("ref", flat=True))
    return [listed for listed in content.list_contents(credentials(account)) if listed.ref not in known]


def bring_in(listed: ListedContent, names: Mapping[str, str], account: str = "") -> TemplateText:
    """Keep it as a text of the template of its name. `names`: Twilio's number or name -> variable here.

    Raises CantHandIn when it can't be used, or when a variable has no name.
    """
    if listed.usable:
        raise CantHandIn(listed.usable)
    account = account or senders.account()
    if TemplateVersion.objects.filter(account=account, ref=listed.ref).exists():
        raise CantHandIn(noop("It was brought in already."))
    components, slots = named(listed, names)
    language = languages.normal(listed.language) or listed.language
    with transaction.atomic():
        template = _template_for(listed, language)
        text = library.save_text(template, language, components)
        _keep(
            text,
            account,
            listed.ref,
            state=_state(listed.approval),
            reason=listed.approval.reason,
            components=components,
            slots=slots,
            category=_category(listed.approval, template.category),
        )
    return text


def _keep(text: TemplateText, account: str, ref: str, **given: Any) -> TemplateVersion:
    """Raises CantHandIn when somebody else keeps it at the same moment."""
    try:
        with transaction.atomic():
            return library.hand_in(text, account, ref, **given)
    except IntegrityError as error:
        raise CantHandIn(noop("Somebody brought {ref} in right now. Look again.").format(ref=ref)) from error


def _template_for(listed: ListedContent, language: str) -> MessageTemplate:
    """A template of that name which has no such text yet, or a new one."""
    title = listed.name[:80] or listed.ref
    for template in MessageTemplate.objects.filter(title=title, archived_at=None):
        if not template.texts.filter(language=language).exists():
            return template
    category = _category(listed.approval, Category.MARKETING)
    return library.create(title, {}, category=category, fallback_language=language)


def named(listed: ListedContent, names: Mapping[str, str]) -> tuple[Components, tuple[Slot, ...]]:
    """With our names in place of Twilio's, and the slots in the order of Twilio's numbers."""
    keys = sorted(listed.samples, key=lambda key: (len(key), key))
    if [*map(str, range(1, len(keys) + 1))] != keys:
        raise CantHandIn(noop("Its variables are not numbered from 1 on; Cordially can’t fill them in."))
    wanted = dict(names)
    for button in listed.buttons:
        if button.kind == "link":
            base, _, number = button.url.rpartition("{{")
            if base != variables.link_base():
                raise CantHandIn(
                    noop("Its button leads to {address}, which is not the guests’ page here.").format(
                        address=base or button.url
                    )
                )
            wanted[number.rstrip("} ")] = LINK_TOKEN
    if missing := [key for key in keys if not wanted.get(key)]:
        raise CantHandIn(noop("Say what {variable} stands for.").format(variable=f"{{{{{missing[0]}}}}}"))
    slots = tuple(Slot.read(wanted[key]) for key in keys)

    def with_names(text: str) -> str:
        for key, slot in zip(keys, slots, strict=True):
            text = text.replace(f"{{{{{key}}}}}", f"{{{{{slot.key}}}}}")
        return text

    buttons = tuple(Button(ButtonKind(button.kind), button.title) for button in listed.buttons)
    components = Components(
        with_names(listed.body), with_names(listed.header), listed.image, listed.footer, buttons
    )
    return components, slots


def adopt(text: TemplateText, ref: str, account: str = "") -> TemplateVersion:
    """The account (the configured one unless named) calls this text `ref` already.

    Raises CantHandIn when what it has says something else.
    """
    account = account or senders.account()
    try:
        listed = content.fetch_content(credentials(account), ref)
    except ContentError as error:
        said = noop("{error} Nothing was kept, as nobody knows what {ref} says. {cure}").format(
            error=error, ref=ref, cure=error.fault.cure
        )
        raise CantHandIn(said.strip()) from error
    if listed.usable:
        raise CantHandIn(listed.usable)
    _compare(_whole(text), listed)
    if other := TemplateVersion.objects.filter(account=account, ref=ref).exclude(text=text).first():
        raise CantHandIn(
            noop("{ref} stands for “{template}” already.").format(ref=ref, template=other.text.template)
        )
    if known := text.versions.filter(account=account, ref=ref).first():
        _heard(known, listed.approval, clock_now())
        known.refresh_from_db()
        return known
    return _keep(
        text,
        account,
        ref,
        state=_state(listed.approval),
        reason=listed.approval.reason,
        category=_category(listed.approval, text.template.category),
    )


def _compare(mine: WholeContent, there: ListedContent) -> None:
    """Raises CantHandIn naming the first part in which the two differ."""

    def plain(text: str) -> str:
        return " ".join(text.split())

    parts = {
        noop("other words"): (plain(mine.body), plain(there.body), "--body"),
        noop("another header"): (plain(mine.header), plain(there.header), ""),
        noop("another picture"): (mine.image, there.image, ""),
        noop("another footer"): (plain(mine.footer), plain(there.footer), ""),
        noop("other buttons"): (_told(mine.buttons), _told(there.buttons), ""),
        noop("other variables"): (
            ", ".join(str(number) for number in range(1, len(mine.samples) + 1)),
            ", ".join(sorted(there.samples, key=lambda key: (len(key), key))),
            "",
        ),
    }
    for what, (here, at_twilio, option) in parts.items():
        if here != at_twilio:
            how = f" ({option})" if option else ""
            raise CantHandIn(
                noop(
                    "{ref} has {what} at Twilio: {quoted}, and here: {quoted2}. Write the same here "
                    "first{how}, with the variables in the same order."
                ).format(ref=there.ref, what=what, quoted=_quoted(at_twilio), quoted2=_quoted(here), how=how)
            )


def _quoted(text: str) -> str:
    return f"“{text[:200]}”" if text else "none"


def _told(buttons: Iterable[ContentButton]) -> str:
    return "; ".join(f"{button.title} {button.url}".strip() for button in buttons)


# the simulator


def prepare_simulated() -> None:
    """See that the simulator knows the default template in all its languages, and has reviewed it."""
    template = library.default_template()
    for standing in library.standings(template, senders.account()):
        version = standing.newest
        try:
            if version is None or standing.is_stale:
                raise _Unknown
            ask(version)
        except (ContentError, _Unknown):
            # never handed in, or its record was thrown away
            if version is not None and version.state in (Review.RECEIVED, Review.PENDING):
                version.delete()
            try:
                hand_in(standing.text)
            except (CantHandIn, ContentError) as error:
                logger.warning("template %s, %s: %s", template, standing.text.language, error)
    for _ in range(100):
        follow()
        if not any(standing.is_waiting for standing in library.standings(template, senders.account())):
            return
        time.sleep(0.1)


class _Unknown(Exception):
    """The simulator has no such content."""
