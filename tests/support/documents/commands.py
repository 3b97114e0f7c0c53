"""The commands that documents show: each line of a block of shell, and what prose names in code."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from support.documents.pages import Fence, Page

_STARTERS = frozenset({"docker", "podman", "xargs"})
"""Programs that start the one that their last words name."""
SHELLS = frozenset({"sh", "bash", "shell", "console"})
PROGRAM = "hounsfield"
SERVICE = "hounsfield-service"
"""The same as the user of the installed service."""
_SEPARATORS = re.compile(r"[;&|]+|[()]")
_REDIRECTION = re.compile(r"[<>]+&?|&>")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_KEYWORDS = frozenset({"do", "then", "else", "{", "!", "time", "exec", "export"})
_HEADERS = frozenset({"for", "while", "until", "if", "case", "function"})
_ENDS = frozenset({"done", "fi", "esac", "}", "elif"})
_NAMED = re.compile(
    r"(?:\S*/)?(hounsfield(?:-service)?|make|pytest|python3?(?:\.11)?|pip|docker|kubectl|systemctl|journalctl|sudo|apt-get|psql|pg_dump|"
    r"pg_restore|curl|git|promtool|helm|openssl|cosign|gpg|sha256sum|nvidia-smi) .+",
    re.DOTALL,
)
"""Programs that code in prose is taken for a command by, when something follows; in blocks any program is one."""


@dataclass(frozen=True)
class Command:
    """One simple command, without its redirections."""

    page: str
    line: int
    text: str
    """The line as it is written, for people and for a shell."""
    words: tuple[str, ...]
    is_whole: bool
    """Whether it can be done as it stands: prose may name a command without what it needs."""

    @property
    def program(self) -> str:
        """The name of the program, without folders."""
        return PurePosixPath(self.words[0]).name

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def ours(self) -> tuple[str, ...] | None:
        """What stands behind ``hounsfield``, also where another program starts it; None if it is not asked for."""
        if self.program in (PROGRAM, SERVICE):
            return self.words[1:]
        for place in range(len(self.words) - 1, 0, -1):
            word, before = self.words[place], self.words[:place]
            is_started = word == PROGRAM and (before[-1] == "--" or self.program in _STARTERS.intersection(self.words))
            if word.endswith(f"/bin/{PROGRAM}") or (is_started and place + 1 < len(self.words)):
                return self.words[place + 1 :]
        return None


def commands(page: Page) -> Iterator[Command]:
    """Yield the commands of a page. Raises ValueError for a block that no shell would read."""
    for fence in page.fences:
        if fence.language in SHELLS:
            yield from _of_block(page, fence)
        elif fence.language in ("text", ""):
            yield from _of_session(page, fence)
    for span in page.code:
        text = " ".join(span.text.split())
        if _NAMED.fullmatch(text):
            yield from _simple(page.path, span.line, _plain(text), is_whole=False)


def _of_block(page: Page, fence: Fence) -> Iterator[Command]:
    joined, start = "", fence.line
    document_ends = ""
    for number, line in enumerate(fence.lines, fence.line):
        if document_ends:
            document_ends = "" if line.strip() == document_ends else document_ends
            continue
        start = start if joined else number
        joined += line
        if joined.endswith("\\"):
            joined = joined[:-1]
            continue
        here = re.search(r"<<-?\s*['\"]?(\w+)['\"]?", joined)
        document_ends = here[1] if here else ""
        yield from _simple(page.path, start, joined.strip(), is_whole=True)
        joined = ""


def _of_session(page: Page, fence: Fence) -> Iterator[Command]:
    """Yield what somebody typed in a recorded session: lines that begin with a prompt."""
    for number, line in enumerate(fence.lines, fence.line):
        if line.startswith("$ "):
            yield from _simple(page.path, number, line.removeprefix("$ "), is_whole=True)


def _plain(text: str) -> str:
    """Return the text without the brackets around what may be left out."""
    return re.sub(r"\[([A-Z]+)\]", r"\1", text)


def _simple(page: str, line: int, text: str, *, is_whole: bool) -> Iterator[Command]:
    words: list[str] = []
    for words in _split(text):
        while words and (words[0] in _KEYWORDS or _ASSIGNMENT.fullmatch(words[0])):
            words.pop(0)
        if words and words[0] not in _HEADERS | _ENDS and not words[0].endswith("()"):
            yield Command(page, line, text, tuple(words), is_whole)


def _split(text: str) -> Iterator[list[str]]:
    """Yield the words of each simple command of a line."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="<>|&;")
    lexer.whitespace_split = True
    words: list[str] = []
    skip = False
    for token in lexer:
        if skip:
            skip = False
        elif _REDIRECTION.fullmatch(token):
            skip = True
            if words and words[-1].isdigit():
                words.pop()
        elif _SEPARATORS.fullmatch(token):
            yield words
            words = []
        else:
            words.append(token)
    yield words
