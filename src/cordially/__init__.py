"""Cordially: personal WhatsApp invitations through Twilio, and what became of each."""

__version__ = "0.1.0"
