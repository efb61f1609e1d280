"""What points at a person: addresses and numbers, proved by checksum where they have one."""

from __future__ import annotations

import re

_EMAIL = re.compile(
    r"(?<![\w.%+-])([A-Za-z0-9][A-Za-z0-9._%+-]{0,63})@((?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,24})\b"
)
_SECURITY = re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\d-])")
_CARD = re.compile(
    r"(?<![\d.,-])(?:\d{4}([ -])\d{4}\1\d{4}\1\d{4}|3[47]\d\d([ -])\d{6}\2\d{5}|\d{15,16})(?![\d-])"
)
_ISSUERS = re.compile(r"4|5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|3[47]|6(?:011|4[4-9]|5)|35")
_PHONE = re.compile(
    r"(?<![\w+(=*/^.-])(?:"
    r"\+[1-9]\d{0,2}(?:[ .-]?\(\d{1,4}\))?(?:[ .-]?\d{2,4}){2,5}"
    r"|(?:1[ .-])?\([2-9]\d\d\) ?\d{3}[ .-]\d{4}"
    r"|(?:1[ .-])?([2-9]\d\d)([.-])\d{3}\2\d{4}"
    r")(?![\w-]|\.\d)"
)
_DIGITS = re.compile(r"\D")
_TOLL_FREE = ("800", "833", "844", "855", "866", "877", "888", "900")
_FILE_ENDINGS_WORDS = """
png jpg jpeg gif svg webp js ts css html py json md txt csv xml yml yaml sh log zip
"""
_FILE_ENDINGS = frozenset(_FILE_ENDINGS_WORDS.split())
# Addresses of offices, and words that stand for any address.
_NOBODY_WORDS = """
abuse account accounts admin administrator alerts billing booking bookings bot build care
careers cell contact contactus customer customercare customerservice customersupport dev email
enquiries events example feedback finance firstname foo git hello help helpdesk hi hr info
inquiries it jobs legal local mail marketing me media member members myemail myname name news
newsletter noreply no-reply do-not-reply donotreply notifications office operations orders
partners postmaster press privacy recruiting refunds reservations returns root sales sample
security sender service services shop someone something staff store subscribe support
supportteam team tech techsupport test tester unsubscribe user username webmaster xyz you your
your.email your.name youremail yourname your-email your_email
"""
_NOBODY = frozenset(_NOBODY_WORDS.split())


def find_personal(text: str) -> tuple[str, str] | None:
    """Return what kind of personal data text holds first, and a part of it; ``None`` for none."""
    found = _find(text)
    return found[1:] if found else None


def personal_span(text: str) -> tuple[int, int] | None:
    """Return where the personal data that `find_personal` tells of starts and ends."""
    found = _find(text)
    return found[0].span() if found else None


def _find(text: str) -> tuple[re.Match[str], str, str] | None:
    if "@" in text:
        for match in _EMAIL.finditer(text):
            name, host = match.group(1), match.group(2)
            ending = host.rpartition(".")[2].lower()
            if name.lower() not in _NOBODY and ending not in _FILE_ENDINGS:
                return match, "an e-mail address", f"{name[0]}…@{host}"
    for match in _SECURITY.finditer(text):
        return match, "a social security number", f"…{match.group()[-4:]}"
    for match in _CARD.finditer(text):
        if _is_card(match.group()):
            return match, "a payment card number", f"…{match.group()[-4:]}"
    for match in _PHONE.finditer(text):
        number = _DIGITS.sub("", match.group())
        if 9 <= len(number) <= 15 and not number.removeprefix("1").startswith(_TOLL_FREE):
            return match, "a phone number", f"…{number[-2:]}"
    return None


def _is_card(text: str) -> bool:
    digits = _DIGITS.sub("", text)
    if not _ISSUERS.match(digits) or len(set(digits)) < 2:
        return False
    return _passes_luhn(digits)


def _passes_luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
