r"""What is redacted by default: keys and tokens, e-mail addresses, phone and card numbers, IBANs.

Each detector is a pattern that takes linear time by its construction (no nested quantifiers, repeats that are bounded or
possessive and begin only where a word begins), and where the form alone says too little, a check: Luhn's sum and the
issuer's prefix for cards (ISO/IEC 7812), mod 97 and the country's length for IBANs (ISO 13616), chance for keys.
Version numbers, times, UUIDs, long ids and ordinary numbers are none of these: what is redacted by mistake is lost.

They also find what stands in JSON strings with `\n` before it, so that the escape is left whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: What was found and is none may have swallowed one that begins within it; looked for again only within so many
#: characters, so that time stays linear.
NEAR = 64


@dataclass(slots=True, frozen=True)
class Detector:
    """Something to be found in a text and replaced by `[name]`."""

    name: str
    pattern: re.Pattern[str]
    #: How many characters of what was found are really it; 0: none.
    measure: Callable[[re.Match[str]], int] | None = None
    #: The group of the pattern that is replaced; 0: all it matched.
    group: int = 0
    #: A text without it cannot hold one; saves a search.
    hint: str = ""

    def redact(self, text: str) -> str:
        """The text without what is to be found."""
        if self.hint not in text:
            return text
        out: list[str] = []
        done = at = 0
        while found := self.pattern.search(text, at):
            start, end = found.span(self.group)
            size = self.measure(found) if self.measure else end - start
            if size:
                out += (text[done:start], f"[{self.name}]")
                done = at = start + size
            else:
                at = start + 1 if end - start < NEAR else end
        return "".join((*out, text[done:])) if out else text


def is_secret(name: str, value: str) -> bool:
    """Whether a value of that name, as in a JSON object, is a password or a key."""
    pair = f"{name}={value}"
    return any(
        (found := one.pattern.search(pair)) and found.end() == len(pair) and one.measure and one.measure(found)
        for one in (_PASSWORD, _SECRET)
    )


def _begins(after: str) -> str:
    r"""Where a word begins: not after these characters, unless they end an escape (`\n`) of a JSON string."""
    return rf"(?:(?<![\\{after}])|(?<=\\[nrt])|(?<=\\)(?![nrt]))"


def _luhn(found: re.Match[str]) -> int:
    digits = [int(each) for each in found[0] if each.isdecimal()]
    doubled = [sum(divmod(2 * each, 10)) for each in digits[-2::-2]]
    return len(found[0]) if (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0 else 0


#: How long a country's IBANs are (SWIFT's IBAN registry).
_IBAN_SIZES = {
    found[1]: int(found[2])
    for found in re.finditer(
        r"([A-Z]{2})(\d\d)",
        """
        AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29
        ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20
        LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29
        PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20
        YE30
        """,
    )
}


def _iban(found: re.Match[str]) -> int:
    text = found[0]
    places = [place for place, each in enumerate(text) if each.isalnum()]
    size = _IBAN_SIZES.get(text[:2], len(text) + 1)
    if len(places) < size:
        return 0
    end = places[size - 1] + 1
    if found.string[found.start() + end : found.start() + end + 1].isalnum():
        return 0
    plain = "".join(text[place] for place in places[:size])
    return end if int("".join(str(int(each, 36)) for each in plain[4:] + plain[:4])) % 97 == 1 else 0


_CUE = re.compile(
    r"phone|mobile|cell|call|tel\b|fax|whatsapp|signal|text me|reach|telef|handy|nummer|number", re.IGNORECASE
)
_THOUSANDS = re.compile(r"\+\d{1,3}(?:[ .]\d{3})+")


def _phone(found: re.Match[str]) -> int:
    text = found[0]
    digits = sum(map(str.isdecimal, text))
    if text.startswith("+"):
        decimal = text.count(".") == 1 and text.replace(".", "")[1:].isdecimal()
        if digits < 9 or decimal or (digits < 11 and _THOUSANDS.fullmatch(text)):
            return 0
    elif text.replace(" ", "").isdecimal() and not text.startswith("0"):
        # three numbers in a row look the same: "512 768 1024"
        return len(text) if _CUE.search(found.string, max(0, found.start() - 40), found.start()) else 0
    elif not 10 <= digits <= 11:
        return 0
    return len(text)


_RUN = re.compile(r"[A-Za-z0-9]{12,}")


def _chance(found: re.Match[str]) -> int:
    """A key has a long run that no word is: `sk-learn-tutorial-2` has not."""
    text = found[0]
    run = max(_RUN.findall(text), key=len, default="")
    return len(text) if len(run) >= 20 or (run and not run.isalpha() and not run.isdecimal()) else 0


def _bearer(found: re.Match[str]) -> int:
    """Not an ordinary word, as in "the bearer responsibilities"."""
    text = found[1]
    return 0 if text.isalpha() and (text.islower() or text.istitle()) else len(text)


def _mixed(found: re.Match[str]) -> int:
    """Letters and digits together, eight of them, or long and of every kind: not a path, a name, or a count."""
    text = found[1]
    runs = re.findall(r"[A-Za-z0-9]{8,}", text)
    every_kind = (
        len(text) >= 32 and "." not in text and all(re.search(kind, text) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    )
    return len(text) if every_kind or any(not run.isalpha() and not run.isdecimal() for run in runs) else 0


def _has_digit(found: re.Match[str]) -> int:
    return len(found[1]) if any(map(str.isdecimal, found[1])) else 0


def _assigned(names: str, value: str) -> re.Pattern[str]:
    """What is assigned to a name: `name=value`, `"name": "value"`, also with the quotes escaped."""
    quote = r"(?:\\{0,3}[\"'])?"
    return re.compile(rf"(?i:{names}){quote}\s{{0,4}}(?:=>|:=|[:=])\s{{0,4}}{quote}({value})")


#: Characters of a value that nothing ends; brackets and `$` begin code and what is redacted already.
_VALUE = r"[^\s\"'\\,;&<>\[\](){}$=]"

_SECRET = Detector(
    "secret",
    _assigned(
        r"api[_-]?key|access[_-]?key(?:[_-]?id)?|secret[_-]?(?:access[_-]?)?key|private[_-]?key|secret|token",
        _VALUE + "{8,}+={0,2}",
    ),
    _mixed,
    group=1,
)
_PASSWORD = Detector("password", _assigned(r"password|passwd|passphrase", _VALUE + "{6,}+={0,2}"), _has_digit, group=1)

#: In the order in which they are looked for: what is most telling first.
BUILT_IN = (
    Detector(
        "private_key",
        re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]*+(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?+"),
        hint="PRIVATE KEY",
    ),
    Detector(
        "api_key",
        re.compile(
            _begins(r"\w-")
            + r"""(?: gh[pousr]_[A-Za-z0-9]{20,}+ | github_pat_\w{20,}+ | glpat-[\w-]{20,}+
                  | (?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9]) | AIza[\w-]{35} | ya29\.[\w-]{20,}+
                  | xox[abeoprs]-[A-Za-z0-9-]{10,}+ | (?:hf|gsk|r8)_[A-Za-z0-9]{20,}+ | (?:xai|pplx)-[A-Za-z0-9]{20,}+ | nvapi-[\w-]{40,}+
                  | [prs]k_(?:live|test)_[A-Za-z0-9]{16,}+ | npm_[A-Za-z0-9]{36} | pypi-[\w-]{32,}+
                  | SG\.[\w-]{16,64}\.[\w-]{16,64} )""",
            re.VERBOSE | re.ASCII,
        ),
    ),
    Detector("api_key", re.compile(_begins(r"\w-") + r"sk-[\w-]{16,}+", re.ASCII), _chance, hint="sk-"),
    Detector(
        "token",
        re.compile(_begins(r"\w-") + r"eyJ[\w-]{10,}+\.[\w-]{10,}+\.[\w-]*+", re.ASCII),
        hint="eyJ",
    ),
    Detector("token", re.compile(r"\b(?i:bearer)[ \t]{1,4}([A-Za-z0-9._~+/-]{16,}+={0,2})"), _bearer, group=1),
    _SECRET,
    _PASSWORD,
    # not `git@host:path`, not `icon@2x.png`
    Detector(
        "email",
        re.compile(
            _begins(r"\w.%+-") + r"(?!git@)[\w.%+-]++@(?!\dx\.)(?:[\w-]{1,63}+\.){1,8}[^\W\d_]{2,24}",
        ),
        hint="@",
    ),
    Detector("iban", re.compile(_begins("A-Za-z0-9") + r"[A-Z]{2}[0-9]{2}(?:[ \u00a0]?[A-Z0-9]){11,30}+"), _iban),
    # Visa, Mastercard, American Express, Discover, Diners, JCB, UnionPay: in one, then in groups
    Detector(
        "card",
        re.compile(
            _begins(r"\w.")
            + r"""(?: 4\d{15} | 5[1-5]\d{14} | 2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12} | 3[47]\d{13}
                  | 6(?:011|4[4-9]\d|5\d\d)\d{12} | 3(?:0[0-5]|[68]\d)\d{11}(?:\d\d)? | 35(?:2[89]|[3-8]\d)\d{12}
                  | 62\d{14,17} ) (?!\w|\.\d)""",
            re.VERBOSE | re.ASCII,
        ),
        _luhn,
    ),
    Detector(
        "card",
        re.compile(
            _begins(r"\w.-")
            + r"""(?: (?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|35\d\d|6[0245]\d\d|3[068]\d\d) (?:\ \d{4}\ \d{4}\ |-\d{4}-\d{4}-)\d{4}
                  | 3[47]\d\d (?:\ \d{6}\ |-\d{6}-) \d{5} | 3[068]\d\d (?:\ \d{6}\ |-\d{6}-) \d{4} ) (?!\w|[.-]\d)""",
            re.VERBOSE | re.ASCII,
        ),
        _luhn,
    ),
    # international; North America; a leading 0 with an area code, as Europe writes it
    Detector(
        "phone",
        re.compile(
            _begins(r"\w.+/-")
            + r"""(?: \+[1-9](?:[ ().-]{0,2}\d){6,14}
                  | (?:1[ .-])? (?: \([2-9]\d\d\)\ ? | [2-9]\d\d[ .-] ) [2-9]\d\d[ .-]\d{4}
                  | 0[1-9](?: (?:\ \d\d){4} | (?:\.\d\d){4} | (?:-\d\d){4} )
                  | \(?0[1-9]\d{1,3}\)?(?: [ /-]\d{5,8} | \ \d{3,4}\ \d{3,4} ) ) (?!\w|[.:/-]\d)""",
            re.VERBOSE | re.ASCII,
        ),
        _phone,
    ),
)
