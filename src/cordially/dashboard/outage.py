"""Pages while the database is out of order: they say so, and that nothing was changed."""

from __future__ import annotations

import logging

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.deprecation import MiddlewareMixin

from cordially.delivery.outage import is_the_databases, one_line

logger = logging.getLogger(__name__)


class DatabaseOutage(MiddlewareMixin):
    """503 in plain words, and one line in the log, where a view met a database that is locked, full or gone."""

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not is_the_databases(error):
            return None
        logger.error("%s %s: the database can’t be used: %s", request.method, request.path, one_line(error))
        answer = render(request, "503.html", status=503)
        answer["Retry-After"] = "5"
        return answer
