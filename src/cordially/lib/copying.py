"""All rows of one database into another that has the same tables, whatever kind each is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from django.apps import apps
from django.core.management.color import no_style
from django.db import connections, models, transaction
from django.db.models.sql import InsertQuery

BATCH = 2000
#: SQLite takes so many values in one statement on every platform
_VALUES = 30_000


def tables() -> list[type[models.Model]]:
    """Every table that Django keeps, those between two others too."""
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
    ]


def counts(alias: str) -> dict[str, int]:
    """Table -> rows."""
    return {model._meta.db_table: _all(model, alias).count() for model in tables()}


def copy(source: str, target: str, tell: Callable[[str, int], None] = lambda table, rows: None) -> None:
    """Replace all rows of `target` by those of `source`, in one transaction there; both are aliases.

    `tell`: each table with its rows when it is done. Reads `source` in the transaction of the caller.
    """
    line = connections[target]
    with transaction.atomic(using=target):
        # references are checked when all is there
        for model in tables():
            with line.cursor() as cursor:
                cursor.execute(f"DELETE FROM {line.ops.quote_name(model._meta.db_table)}")
        for model in tables():
            tell(model._meta.db_table, _copy_table(model, source, target))
        if resets := line.ops.sequence_reset_sql(no_style(), tables()):
            with line.cursor() as cursor:
                for statement in resets:
                    cursor.execute(statement)
        line.check_constraints()


def _copy_table(model: type[models.Model], source: str, target: str) -> int:
    fields = list(model._meta.local_concrete_fields)
    most = max(1, min(BATCH, _VALUES // len(fields)))
    rows = _all(model, source).order_by("pk").iterator(chunk_size=most)
    count = 0
    for batch in _batches(rows, most):
        # as they are: nothing that a model does when it is saved, like noting the time
        query = InsertQuery(model)
        query.insert_values(fields, batch, raw=True)
        query.get_compiler(using=target).execute_sql()
        count += len(batch)
    return count


def _all(model: type[models.Model], alias: str) -> models.QuerySet[models.Model]:
    return model._base_manager.using(alias).all()


def _batches(rows: Iterator[models.Model], most: int) -> Iterator[list[models.Model]]:
    while batch := list(islice(rows, most)):
        yield batch
