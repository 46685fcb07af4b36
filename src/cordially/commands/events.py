"""Events and their guests: create, import, look."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import Refused, prepared, the_event

if TYPE_CHECKING:
    from cordially.guests.importing import ImportReport


@click.command("create-event")
@click.argument("name")
@click.option("--starts", required=True, help="Day and time on the clock of the place: 2027-05-01T18:00.")
@click.option("--timezone", "zone", required=True, help="Time zone of the place, like Asia/Jerusalem.")
@click.option("--venue", default="", help="Where it is, as guests should read it.")
@click.option("--map-url", default="", help="A link to a map; made from the venue when left out.")
@click.option(
    "--country",
    default="",
    help="Country that national numbers are read with, like IL; that of the time zone when left out.",
)
@click.option("--language", default="en", show_default=True, help="Language of dates in the message.")
@click.option(
    "--slug", default="", help="Short name for commands and addresses; made from the name when left out."
)
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME=VALUE",
    help="A variable of the event's own for its messages: --field dress_code='Garden party' fills {{dress_code}}.",
)
@click.option(
    "--answers-until",
    default="",
    help="Last day on which guests may answer, like 2027-04-15; else until it starts.",
)
@click.option("--contact", default="", help="Whom guests ask after that day, as they should read it.")
@prepared
def create_event(
    name: str,
    starts: str,
    zone: str,
    venue: str,
    map_url: str,
    country: str,
    language: str,
    slug: str,
    fields: tuple[str, ...],
    answers_until: str,
    contact: str,
) -> None:
    """Create an event; prints its short name alone.

    \b
    Example:
      cordially create-event "Maya & Arjun" --starts 2027-05-01T18:00 --timezone Asia/Jerusalem --venue "The Orange Grove"
    """
    from django.core.exceptions import ValidationError

    from cordially.events.creating import create

    try:
        event = create(
            name,
            starts=starts,
            timezone=zone,
            venue=venue,
            map_url=map_url,
            country=country,
            language=language,
            slug=slug,
            fields=_fields(fields),
            answers_until=answers_until,
            contact=contact,
        )
    except ValidationError as error:
        raise Refused(" ".join(error.messages)) from error
    click.echo(event.slug)
    if not event.country:
        click.echo(
            f"cordially: No country follows from the time zone {zone}: numbers of a list that are written without "
            "theirs can't be invited until `import-guests --country` says it.",
            err=True,
        )


def _fields(given: tuple[str, ...]) -> dict[str, str]:
    from cordially.templating.variables import NAMES

    fields: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals:
            raise Refused("--field wants NAME=VALUE, for example --field dress_code='Garden party'")
        if name in NAMES:
            raise Refused(f"--field {name}: this variable is built in. Choose another name.")
        if name in fields:
            raise Refused(f"--field {name} is given twice.")
        fields[name] = value
    return fields


@click.command("import-guests")
@click.argument("event")
@click.argument("file", type=click.Path(path_type=Path, readable=False))
@click.option(
    "--country", default="", help="Country that national numbers are read with; the event's when left out."
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="FIELD=HEADER",
    help="Which column holds what, when the guess is wrong: --column phone='Mobile No.'",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a row, each on its own line.")
@click.option("--dry-run", is_flag=True, help="Say what would happen; change nothing.")
@prepared
def import_guests(
    event: str, file: Path, country: str, columns: tuple[str, ...], as_json: bool, dry_run: bool
) -> None:
    """Bring the guests of FILE (CSV, TSV or XLSX) to EVENT's list. A second time adds nobody.

    \b
    Example:
      cordially import-guests maya-arjun guests.xlsx --country IL
    """
    from cordially.guests import importing
    from cordially.guests.reading import ListError

    try:
        report = importing.import_guests(
            the_event(event),
            file,
            country=country.upper() or None,
            mapping=_mapping(columns),
            dry_run=dry_run,
        )
    except ListError as error:
        raise Refused(str(error)) from error
    if as_json:
        for row in report.rows:
            click.echo(json.dumps(row.as_json(), ensure_ascii=False))
        return
    say_report(report)


def say_report(report: ImportReport) -> None:
    """Every row that a person should look at, then the sums."""
    for row in report.rows:
        if row.note:
            click.echo(f"row {row.row}: {row.name}, {row.phone_raw or 'no number'}: {row.note}")
    would = "would be " if report.dry_run else ""
    click.echo(f"{report.added:,} guests {would}added, {report.already_there:,} were on the list already.")
    if report.updated:
        click.echo(f"{report.updated:,} guests who had no good number {would}given one.")
    if report.to_decide:
        click.echo(f"{len(report.to_decide):,} of them can't be invited until their number is settled.")


def _mapping(columns: tuple[str, ...]) -> dict[str, str] | None:
    pairs = dict(column.partition("=")[::2] for column in columns)
    if any(not header for header in pairs.values()):
        raise Refused("--column wants FIELD=HEADER, for example --column phone='Mobile No.'")
    return pairs or None


@click.command("status")
@click.argument("event")
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
@prepared
def status(event: str, as_json: bool) -> None:
    """Show how EVENT stands: guests, invitations by state, answers.

    \b
    Example:
      cordially status maya-arjun --json
    """
    from cordially.invitations import campaigns
    from cordially.invitations.models import Campaign
    from cordially.rsvp.answers import summary

    found = the_event(event)
    counts = campaigns.event_counts(found)
    guests = found.guests.count()
    data = {
        "event": found.slug,
        "name": found.name,
        "starts": found.starts_local.isoformat(),
        "timezone": found.timezone,
        "venue": found.venue,
        "guests": guests,
        "not_invited": guests - sum(counts.values()),
        "invitations": {state.value: number for state, number in counts.items()},
        "answers": summary(found),
        "campaigns": [
            {
                "id": campaign.pk,
                "name": campaign.name,
                "state": campaign.state,
                "audience": campaign.audience,
                "invitations": {s.value: n for s, n in campaigns.counts(campaign).items()},
            }
            for campaign in Campaign.objects.filter(event=found).order_by("id")
        ],
    }
    if as_json:
        click.echo(json.dumps(data, ensure_ascii=False))
        return
    click.echo(f"{found.name}, {found.starts_local:%a %-d %b %Y %H:%M} ({found.timezone})")
    click.echo(f"{guests:>7} guests, {data['not_invited']} not invited yet")
    for state, number in counts.items():
        if number:
            click.echo(f"{number:>7} {state.label.lower()}")
    answers = summary(found)
    click.echo(
        f"{answers['coming']:>7} people are coming; {answers['no']} guests can't, {answers['maybe']} may"
    )
