"""Rules of a team, on whichever database the tests run."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.contrib.auth.models import AnonymousUser, User

from cordially.events.models import Event
from cordially.team import members
from cordially.team.models import JoinLink, Membership, Role
from cordially.team.rights import (
    ALL,
    NONE,
    Right,
    Rights,
    may_make_events,
    rights_of,
    runs_installation,
    seen_by,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def event() -> Event:
    starts = dt.datetime(2027, 5, 6, 15, 30, tzinfo=dt.UTC)
    return Event.objects.create(slug="maya-arjun", name="Maya & Arjun", starts_at=starts, timezone="UTC")


def somebody(name: str, **given: bool) -> User:
    return User.objects.create_user(name, password="x", **given)


def an_owner(event: Event, name: str) -> Membership:
    return Membership.objects.create(event=event, user=somebody(name), role=Role.OWNER, can_send=True)


def test_who_makes_an_event_owns_it_and_sends_only_who_might_before(event: Event) -> None:
    stranger, owner, root = somebody("dan"), an_owner(event, "noa"), somebody("root", is_superuser=True)
    assert [may_make_events(user) for user in (stranger, owner.user, root)] == [False, True, True]
    second = Event.objects.create(slug="two", name="Two", starts_at=event.starts_at, timezone="UTC")
    made = members.own(second, owner.user)
    assert made and (made.role, made.can_send) == (Role.OWNER, True)
    assert members.own(second, root) is None
    Membership.objects.update(can_send=False)
    third = Event.objects.create(slug="three", name="Three", starts_at=event.starts_at, timezone="UTC")
    made = members.own(third, owner.user)
    assert made and not made.can_send


@pytest.mark.parametrize(
    ("role", "can_send", "rights"),
    [
        (Role.OWNER, True, ALL),
        (Role.OWNER, False, Rights(see=True, edit=True, own=True)),
        (Role.EDITOR, False, Rights(see=True, edit=True)),
        (Role.EDITOR, True, Rights(see=True, edit=True, send=True)),
        (Role.VIEWER, True, Rights(see=True, send=True)),
        (Role.VIEWER, False, Rights(see=True)),
    ],
)
def test_a_part_gives_its_rights_and_no_more(
    event: Event, role: Role, can_send: bool, rights: Rights
) -> None:
    user = somebody("noa")
    Membership.objects.create(event=event, user=user, role=role, can_send=can_send)
    assert rights_of(user, event) == rights
    other = Event.objects.create(slug="other", name="Other", starts_at=event.starts_at, timezone="UTC")
    assert rights_of(user, other) == NONE
    assert list(seen_by(user, Event.objects.all())) == [event]


def test_outsiders_see_nothing_and_who_runs_it_sees_all(event: Event) -> None:
    stranger, gone = somebody("noa"), somebody("gone", is_superuser=True, is_active=False)
    for user in (stranger, gone, AnonymousUser()):
        assert rights_of(user, event) == NONE and Right.SEE not in rights_of(user, event)
        assert not seen_by(user, Event.objects.all()).exists()
        assert not runs_installation(user)
    root = somebody("root", is_superuser=True)
    assert rights_of(root, event) == ALL and runs_installation(root)
    assert list(seen_by(root, Event.objects.all())) == [event]


class TestLinks:
    def test_one_link_brings_one_person(self, event: Event) -> None:
        made = members.make_link(event, Role.EDITOR, can_send=True, note="Noa", by=None)
        assert members.find_link(made.token) == made.link
        part = members.join(made.token, somebody("noa"))
        assert (part.role, part.can_send) == (Role.EDITOR, True)
        with pytest.raises(members.LinkIsOver):
            members.join(made.token, somebody("dan"))
        assert Membership.objects.count() == 1

    def test_the_token_is_not_kept(self, event: Event) -> None:
        made = members.make_link(event, Role.VIEWER, can_send=False, note="", by=None)
        row = JoinLink.objects.values().get()
        assert made.token not in str(row)

    def test_a_link_is_over_after_a_week(self, event: Event) -> None:
        made = members.make_link(event, Role.VIEWER, can_send=False, note="", by=None)
        with time_machine.travel(made.link.expires_at, tick=False):
            assert not members.open_links(event).exists()
            with pytest.raises(members.LinkIsOver):
                members.join(made.token, somebody("noa"))

    def test_who_is_a_member_keeps_their_part(self, event: Event) -> None:
        owner = an_owner(event, "noa").user
        made = members.make_link(event, Role.VIEWER, can_send=False, note="", by=None)
        assert members.join(made.token, owner).role == Role.OWNER

    def test_who_owns_it_no_more_has_no_way_back_in(self, event: Event) -> None:
        an_owner(event, "first")
        for leaves in (members.remove, lambda part: members.change(part, Role.VIEWER, can_send=False)):
            part = an_owner(event, f"owner{leaves!r}"[:30])
            made = members.make_link(event, Role.OWNER, can_send=True, note="", by=part.user)
            leaves(part)
            with pytest.raises(members.LinkIsOver):
                members.join(made.token, part.user)

    def test_links_have_an_end(self, event: Event, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(members, "MOST_OPEN", 1)
        members.make_link(event, Role.VIEWER, can_send=False, note="", by=None)
        with pytest.raises(members.CantChange, match="Take back"):
            members.make_link(event, Role.VIEWER, can_send=False, note="", by=None)


class TestTheLastOwner:
    def test_stays(self, event: Event) -> None:
        part = an_owner(event, "noa")
        Membership.objects.create(event=event, user=somebody("dan"), role=Role.EDITOR)
        with pytest.raises(members.CantChange, match="needs an owner"):
            members.change(part, Role.VIEWER, can_send=False)
        with pytest.raises(members.CantChange, match="needs an owner"):
            members.remove(part)
        # the right to send is no matter of owning
        assert members.change(part, Role.OWNER, can_send=False)

    def test_may_go_when_there_is_another(self, event: Event) -> None:
        first, second = an_owner(event, "noa"), an_owner(event, "dan")
        members.remove(first)
        assert list(Membership.objects.all()) == [second]

    def test_who_is_gone_is_not_changed(self, event: Event) -> None:
        first = an_owner(event, "noa")
        an_owner(event, "dan")
        stale = Membership.objects.get(pk=first.pk)
        members.remove(first)
        with pytest.raises(members.CantChange, match="not in the team any more"):
            members.change(stale, Role.EDITOR, can_send=True)
