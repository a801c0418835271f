# SPDX-License-Identifier: LGPL-2.1-or-later
"""Takes out of a text what tells who and where: names, addresses, keys. Each is replaced by a word, the same one each time."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from pathlib import Path

# Addresses that tell nothing of anybody: what WSL, sshd and the documentation use everywhere.
PUBLIC = {"0.0.0.0", "127.0.0.1", "127.0.0.2", "255.255.255.255", "169.254.73.249", "169.254.73.152", "100.64.0.0", "255.192.0.0",
          "::", "::1"}
IPV4 = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)")
IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])")
MAC = re.compile(r"\b[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}\b")
KEY = re.compile(r"\b(?:AAAA[A-Za-z0-9+/=]{20,}|(?:SHA256|MD5):[A-Za-z0-9+/=:]{20,})")
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL)
PROFILE = re.compile(r"((?:[A-Za-z]:|/mnt/[a-z])[\\/]Users[\\/])([^\\/\r\n\"']+)", re.IGNORECASE)
SYSTEM_USERS = {"root", "nobody", "daemon", "sys", "bin", "sshd", "Public", "Default", "users", "ssh", "adm", "lab"}


class Anonymizer:
    def __init__(self, names: set[str] | None = None) -> None:
        self._words: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._names = own_names() if names is None else names

    def _word(self, kind: str, text: str) -> str:
        if text not in self._words:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._words[text] = f"<{kind}-{self._counts[kind]}>"
        return self._words[text]

    def _address(self, match: re.Match[str]) -> str:
        text = match[0]
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return text
        return text if str(address) in PUBLIC or text.count(":") == 2 and "::" not in text else self._word("address", str(address))

    def _profile(self, match: re.Match[str]) -> str:
        self._names.add(match[2])
        return match[1] + self._word("name", match[2])

    def clean(self, text: str) -> str:
        text = PRIVATE_KEY.sub("<private-key>", text)
        text = KEY.sub(lambda match: self._word("key", match[0]), text)
        text = MAC.sub(lambda match: self._word("hardware-address", match[0].lower()), text)
        text = PROFILE.sub(self._profile, text)
        text = IPV4.sub(self._address, text)
        text = IPV6.sub(self._address, text)
        for name in sorted(self._names, key=len, reverse=True):
            text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", lambda match: self._word("name", match[0]), text,
                          flags=re.IGNORECASE)
        return text

    @property
    def replaced(self) -> int:
        return len(self._words)


def own_names() -> set[str]:
    """This machine's name, and those of its people: users from 1000 on, and who is logged in."""
    names = {socket.gethostname(), os.environ.get("SUDO_USER", ""), os.environ.get("LOGNAME", "")}
    for line in Path("/etc/passwd").read_text(errors="replace").splitlines():
        fields = line.split(":")
        if len(fields) > 4 and fields[2].isdigit() and 1000 <= int(fields[2]) < 60000:
            names |= {fields[0], *fields[4].split(",")}
    return {name for name in names if len(name) > 2 and name not in SYSTEM_USERS}
