"""One module a subject; each command prepares the installation, acts, and speaks plainly."""
