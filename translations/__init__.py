"""The catalogue of the host's pages: what is to be translated, collected from the code, beside what is."""
