"""Measurements. `make bench` runs them all; each prints its figure beside something run in the same minute."""
