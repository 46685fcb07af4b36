"""Who may come in: the accounts that it serves, with their passwords and their senders."""

from __future__ import annotations

import hmac
from dataclasses import replace

from .config import SimulatorAccount, SimulatorConfig


class Accounts:
    """All of them, the first one first. A password can be changed while it runs, as at Twilio's console."""

    def __init__(self, config: SimulatorConfig) -> None:
        self._accounts = {account.sid: account for account in config.all_accounts}
        self.first = next(iter(self._accounts))
        self._by_sender = {
            sender: account.sid for account in config.all_accounts for sender in account.senders
        }

    def __len__(self) -> int:
        return len(self._accounts)

    def get(self, sid: str) -> SimulatorAccount:
        """Raises KeyError."""
        return self._accounts[sid]

    def let_in(self, user: str, password: str) -> str | None:
        """The account of whoever gives a right password: its token, or the secret of its key."""
        for account in self._accounts.values():
            secrets = {account.sid: account.token}
            if account.key_sid:
                secrets[account.key_sid] = account.key_secret
            if user in secrets and hmac.compare_digest(password.encode(), secrets[user].encode()):
                return account.sid
        return None

    def of_sender(self, phone: str | None) -> str:
        """The account of an E.164 number; the first where a Messaging Service chooses."""
        return self._by_sender.get(phone or "", self.first)

    def set_token(self, sid: str, token: str) -> None:
        """From now on, for requests and for the signatures of reports. Raises KeyError."""
        self._accounts[sid] = replace(self._accounts[sid], token=token)
