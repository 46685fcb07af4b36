"""`make bench-scale`: a fleet of real processes on PostgreSQL and Redis, on this machine."""
