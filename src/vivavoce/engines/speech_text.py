"""From what a model writes to what a voice says: cleans the text, and cuts it into clauses as it comes.

Both steps read one character after another, so the result never depends on how the text was cut into deltas; where
the clauses end, though, depends on how soon the listener needs the next one.
"""

from __future__ import annotations

import re
import unicodedata
from math import inf

FIRST_WORDS = 3
"""A first clause may end at a comma from this many words on: the sooner it ends, the sooner the caller hears it."""
LATER_WORDS = 12
"""Later clauses are whole sentences, and are only cut at a comma once they have this many words; see `SOON_S`."""
LONGEST = 240
"""Characters after which a clause is cut at the next space, whatever it says."""
CONJUNCTION_WORDS = 4
"""A first clause without a mark may end before a conjunction from this many words on."""
SOON_S = 1.5
"""With less sound than this left, a later clause may be as short as the first: the listener would have to wait for
the whole sentence otherwise. It is about what a model on two cores needs for ten words."""
WAITING_S = 0.4
"""With less than this, a clause without a mark may also end before a phrase, where people pause too ..."""
PHRASE_WORDS = 5
"""... from this many words on."""

_CONJUNCTION_LIST = (
    "because but although though while whereas since unless which"
    " pero porque aunque mientras sino"  # Spanish
    " perché però mentre"  # Italian
)
_CONJUNCTIONS = frozenset(_CONJUNCTION_LIST.split())
_PHRASE_STARTS = (
    "so when where until into with from for by about between through during after before"
    " cuando donde hasta desde para con sobre entre durante después antes"
    " quando dove fino da con sopra tra durante dopo prima"
)
_PHRASES = frozenset(_PHRASE_STARTS.split())
_SHORTENED = (
    "mr mrs ms dr prof sr jr st rev hon gen col lt sgt capt cpl gov sen rep pres vs approx dept est fig inc ltd"
    " co corp mt ave blvd rd jan feb mar apr jun jul aug sep sept oct nov dec"
    " sra srta dra ud uds ee núm pág avda"  # Spanish
    " sig sigg dott ing avv pag"  # Italian
)
_ABBREVIATIONS = frozenset(_SHORTENED.split())
_CLOSERS = "\"')]”’»"
_ENDS = ".!?…"
_PAUSES = ",;:—–"
_WIDE_ENDS = "。！？"
_WIDE_CLOSERS = "」』）"
_CALLS = ("<tool_call>", "<tools>")
_FENCE = "```"
_KEPT_SYMBOLS = "°"
_DROPPED_CATEGORIES = frozenset(("So", "Cs", "Co", "Cn", "Cc", "Cf"))
_DROPPED = frozenset("*~[<>#|^\\\ufe0e\ufe0f") | {chr(c) for c in range(0x1F3FB, 0x1F400)}
_BULLETS = frozenset("-*+#>•–")
_NUMBERED = re.compile(r"\d{1,2}(?:[.)])?")


class Clauses:
    """One answer's text on its way to the voice.

    The clauses in order are exactly the transcript: each but the first begins with its own space.
    """

    def __init__(self) -> None:
        self._cleaner = _Cleaner()
        self._splitter = _Splitter()

    def feed(self, delta: str, ahead_s: float = inf) -> list[str]:
        """The clauses that are complete with this piece of text.

        `ahead_s`: seconds of sound that the listener still has before him. With few, clauses are shorter.
        """
        self._splitter.ahead_s = ahead_s
        return [clause for c in delta for clean in self._cleaner.feed(c) for clause in self._splitter.feed(clean)]

    def end(self) -> list[str]:
        """What is left when the text has ended, or stops for a while: what follows is a new clause."""
        last = [clause for clean in self._cleaner.end() for clause in self._splitter.feed(clean)]
        return last + self._splitter.end()


def spoken_form(text: str) -> str:
    """The whole text as it is said."""
    cleaner = _Cleaner()
    clean = "".join(cleaner.feed(c) for c in text) + cleaner.end()
    return re.sub(r"\s+", " ", clean).strip()


class _Cleaner:
    """Leaves out what is written and not said. Line breaks stay, since they end a clause."""

    def __init__(self) -> None:
        self._held = ""  # may become a mark that is left out: "<too", "``", "_", "]", or at a line's start "12."
        self._last = ""  # the last character let through
        self._line_start = True
        self._first_line = True
        self._in_address = False
        self._stopped = False  # what follows is a tool call or code, none of it words

    def feed(self, c: str) -> str:
        """What may be said once `c` is known."""
        if self._stopped:
            return ""
        if self._in_address:
            self._in_address = c != ")" and not c.isspace()
            return self._pass(c) if c.isspace() else ""
        if not self._held:
            return self._begin(c)
        held, self._held = self._held, ""
        return self._go_on(held, c)

    def end(self) -> str:
        """What was held back."""
        held, self._held = self._held, ""
        return "" if self._stopped or not held.rstrip(".)").isdigit() else self._pass(held)

    def _begin(self, c: str) -> str:
        if c == "{" and not self._last:
            self._stopped = True
            return ""
        if self._line_start and (c in _BULLETS or c.isspace()):
            self._held = c if c == "-" else ""
            return self._pass("\n") if c == "\n" else ""
        if c in "<`_]" or (self._line_start and not self._first_line and c.isdecimal()):
            self._held = c
            return ""
        return self._pass(c)

    def _go_on(self, held: str, c: str) -> str:
        """`held` was waiting for `c`."""
        longer = held + c
        if longer in _CALLS or longer == _FENCE:
            self._stopped = True
            return ""
        if any(mark.startswith(longer) for mark in (*_CALLS, _FENCE)):
            self._held = longer
            return ""
        if held[0].isdecimal():
            return self._number(held, c)
        if held == "]" and c == "(":
            self._in_address = True
            return ""
        if held == "-":  # at a line's start: a bullet, or a minus
            return (self._pass("-") if c.isdecimal() else "") + self.feed(c)
        if held == "_":
            return (self._pass(" ") if self._last.isalnum() and c.isalnum() else "") + self.feed(c)
        words = "".join(self._pass(x) for x in held if x not in "<`]")
        return words + self.feed(c)

    def _number(self, held: str, c: str) -> str:
        """Digits at the start of a line: left out when they number a list."""
        if _NUMBERED.fullmatch(held + c):
            self._held = held + c
            return ""
        if c.isspace() and not held[-1].isdecimal():
            return ""
        return "".join(self._pass(x) for x in held) + self.feed(c)

    def _pass(self, text: str) -> str:
        """`text` without what has no sound, runs of blanks as one."""
        said = ""
        for c in text:
            blank = "\n" if c in "\n\r\u2028\u2029" else " " if c.isspace() else ""
            if blank == "\n":
                self._line_start, self._first_line = True, False
            elif not blank:
                dropped = unicodedata.category(c) in _DROPPED_CATEGORIES and c not in _KEPT_SYMBOLS
                if dropped or c in _DROPPED:
                    continue
                self._line_start = False
            out = blank or c
            if blank and (not self._last or self._last == "\n" or (self._last == " " and blank == " ")):
                continue
            said += out
            self._last = out
        return said


class _Splitter:
    """Cuts clean text into clauses; sees the first letter after a gap before it decides."""

    def __init__(self) -> None:
        self.ahead_s = inf
        self._clause = ""
        self._gap = ""  # the blank behind `_clause`: "", " " or a line break
        self._first = True
        self._resumed = ""  # what a clause begins with after `end`

    def feed(self, c: str) -> list[str]:
        """The clause that ends before `c`, if one does."""
        if c.isspace():
            if self._clause and self._gap != "\n":
                self._gap = c
            return []
        done: list[str] = []
        if self._gap:
            done = self._at_gap(c)
            self._gap = ""
        elif self._clause[-1:] in _WIDE_ENDS and self._clause and c not in _WIDE_ENDS + _WIDE_CLOSERS:
            done = self._cut(len(self._clause), "")  # no gap is written between sentences in these scripts
        self._clause += c if self._clause else self._resumed + c
        return done

    def end(self) -> list[str]:
        """The last clause."""
        clause, self._clause, self._gap = self._clause, "", ""
        if clause.strip():
            self._first, self._resumed = False, " "
        return [clause] if clause.strip() else []

    def _at_gap(self, following: str) -> list[str]:
        """Between two words: does a clause end here, or did it before the word just read?"""
        clause = self._clause
        if self._gap == "\n" or self._ends(clause, following):
            return self._cut(len(clause), " ")
        before, _, word = clause.rpartition(" ")
        if self._may_pause(word, _words(before)):
            done = self._cut(len(before), "")
            self._clause += " "
            return done
        self._clause += " "
        return []

    @property
    def _soon(self) -> bool:
        """Whether the next clause is wanted early."""
        return self._first or self.ahead_s < SOON_S

    def _may_pause(self, word: str, words: int) -> bool:
        """Whether a clause of `words` words may end before `word`."""
        if word in _CONJUNCTIONS:
            return self._soon and words >= CONJUNCTION_WORDS
        return self.ahead_s < WAITING_S and word in _PHRASES and words >= PHRASE_WORDS

    def _cut(self, at: int, gap: str) -> list[str]:
        done, rest = self._clause[:at], self._clause[at:]
        self._clause = rest + gap
        self._first = False
        return [done]

    def _ends(self, clause: str, following: str) -> bool:
        marked = clause.rstrip(_CLOSERS)
        mark = marked[-1:]
        if mark in _ENDS and mark:
            return _ends_sentence(marked, following)
        if mark in _WIDE_ENDS + _WIDE_CLOSERS and mark:
            return True
        if mark == "," and following.isdecimal():  # "September 2, 1945"
            return False
        if mark in _PAUSES and mark:
            return _words(clause) >= (FIRST_WORDS if self._soon else LATER_WORDS)
        return len(clause) > LONGEST


def _words(text: str) -> int:
    return len(text.split())


def _ends_sentence(text: str, following: str) -> bool:
    """Whether the mark at the end of `text` ends a sentence when `following` comes after the gap."""
    if not text.endswith(".") or text.endswith(".."):
        return not following.islower() or text[-1] in "!?"
    word = text.split()[-1].lstrip("(\"'“‘")[:-1]
    if word.lower() in ("no", "nos", "p", "pp") and following.isdecimal():
        return False
    if word.lower() in _ABBREVIATIONS or (text.strip()[:-1].isdecimal() and len(text.strip()) <= 3):
        return False
    if "." in word:  # "e.g.", "U.S.", "a.m."
        return word.lower() in ("a.m", "p.m") and following.isupper()
    if len(word) == 1 and word.isalpha() and word != "I":
        return False
    return not following.islower()
