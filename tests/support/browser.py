"""Calls an ASGI application as a browser does: keeps cookies, sends forms, follows nothing by itself."""

import asyncio
import re
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

FORM_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    """Names in lower case; the last of each."""
    cookies: list[str]
    """Every Set-Cookie."""
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def csrf(self) -> str:
        """What the page's forms hold."""
        found = re.search(r'<meta name="csrf" content="([^"]+)">', self.text)
        assert found, self.text
        return found[1]


@dataclass
class Browser:
    app: Any
    address: str = "127.0.0.1"
    host: str = "127.0.0.1:8050"
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, form: dict[str, str], **headers: str) -> Answer:
        return self.ask("POST", path, urlencode(form).encode(), {"content-type": FORM_TYPE, **headers})

    def sign_in(self, name: str, password: str, target: str = "/") -> Answer:
        csrf = self.get("/sign-in").csrf
        return self.post("/sign-in", {"csrf": csrf, "name": name, "password": password, "next": target})

    def ask(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        """Header names may have underscores for hyphens."""
        named = {"host": self.host} | {key.replace("_", "-").lower(): value for key, value in (headers or {}).items()}
        if self.cookies:
            named["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = asyncio.run(_call(self.app, method, path, body, named, self.address))
        for line in answer.cookies:
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
                if morsel["max-age"] == "0":
                    del self.cookies[name]
        return answer


async def _call(app: Any, method: str, path: str, body: bytes, headers: dict[str, str], address: str) -> Answer:
    target, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": target,
        "raw_path": target.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": (address, 50000),
        "server": ("127.0.0.1", 8050),
    }
    sent: list[dict[str, Any]] = []

    parts = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if not parts:
            await asyncio.Event().wait()  # the browser stays until it has its answer
        return parts.pop()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start = next(message for message in sent if message["type"] == "http.response.start")
    lines = [(name.decode().lower(), value.decode("latin-1")) for name, value in start["headers"]]
    return Answer(
        status=start["status"],
        headers=dict(lines),
        cookies=[value for name, value in lines if name == "set-cookie"],
        body=b"".join(message.get("body", b"") for message in sent),
    )
