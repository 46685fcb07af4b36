"""The host's pages. Each reads, asks the parts below to act, and shows; no rules of their own."""
