"""An MLLP listener of another library, which answers as it should."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import hl7
from hl7.mllp import HL7StreamReader, HL7StreamWriter, start_hl7_server


@dataclass
class Listener:
    """What came in, decoded by python-hl7."""

    port: int = 0
    code: str = "AA"
    messages: list[hl7.Message] = field(default_factory=list)
    blocks: list[bytes] = field(default_factory=list)


@contextmanager
def python_hl7_listener(code: str = "AA") -> Iterator[Listener]:
    """Run the MLLP server of python-hl7 in a thread; it acknowledges every message with ``code``."""
    listener = Listener(code=code)
    loop = asyncio.new_event_loop()
    started = threading.Event()

    async def serve_one(reader: HL7StreamReader, writer: HL7StreamWriter) -> None:
        try:
            while True:
                block = await reader.readblock()
                message = hl7.parse(block.decode("utf-8"))
                listener.blocks.append(block)
                listener.messages.append(message)
                writer.writemessage(message.create_ack(listener.code))
                await writer.drain()
        except asyncio.IncompleteReadError:
            writer.close()

    async def start() -> asyncio.Server:
        return await start_hl7_server(serve_one, "127.0.0.1", 0, encoding="utf-8")

    def run() -> None:
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(start())
        listener.port = server.sockets[0].getsockname()[1]
        started.set()
        loop.run_forever()
        server.close()
        loop.run_until_complete(server.wait_closed())
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    thread = threading.Thread(target=run, name="mllp", daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield listener
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
