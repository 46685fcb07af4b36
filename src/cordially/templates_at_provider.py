"""A template and its twin at the provider's account: make it, and know whether it may be used."""

from __future__ import annotations

import time

from cordially.invitations import rendering, senders
from cordially.invitations.models import MessageTemplate
from cordially.providers.twilio import content

from .connection import credentials


def create(template: MessageTemplate) -> str:
    """Make the content, ask for approval and remember the reference. Returns the review's status.

    Raises ContentError or Misconfigured when the provider doesn't do it; nothing is remembered then.
    """
    numbered, names = content.number_variables(template.body)
    samples = [rendering.SAMPLES.get(name, name.replace("_", " ")) for name in names]
    ref = content.create_content(credentials(), template.name, template.language, numbered, samples)
    approval = content.request_approval(credentials(), ref, _review_name(template.name), template.category)
    # new words are kept only now: what the provider refuses changes nothing here
    template.save()
    senders.name_content(template, senders.account(), ref)
    return approval.status.value


def review(ref: str) -> content.Approval:
    """How WhatsApp's review of that content stands. Raises ContentError when Twilio doesn't say."""
    return content.approval_status(credentials(), ref)


def prepare_simulated() -> None:
    """See that the simulator knows the default template and has approved it."""
    template = senders.default_template()
    known = template.contents.filter(account=senders.account()).first()
    try:
        if known is None or known.body != template.body:
            create(template)
        else:
            content.approval_status(credentials(), known.ref)
    except content.ContentError:
        create(template)  # its record was thrown away
    ref = senders.content_of(template, senders.account()).ref
    for _ in range(100):
        if content.approval_status(credentials(), ref).status == content.ApprovalStatus.APPROVED:
            return
        time.sleep(0.1)


def _review_name(name: str) -> str:
    """Lower-case letters, digits and `_`; WhatsApp wants a new one for every submission."""
    return f"{name.lower().replace('-', '_')}_{int(time.time())}"
