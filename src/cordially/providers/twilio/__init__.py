"""Twilio: the one adapter that talks to WhatsApp. Its words (SID, ContentSid, MessageStatus) stop here."""
