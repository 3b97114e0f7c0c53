"""CPU time and memory of a server with all its processes, from /proc."""

import os
from contextlib import suppress
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def processes(root: int) -> list[int]:
    """Return ``root`` and its living descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                children.setdefault(int(_fields(int(entry.name))[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def cpu_seconds(root: int) -> float:
    """Return the CPU time so far, user and system, of ``root`` and its descendants, also of those that have ended."""
    total = 0.0
    for pid in processes(root):
        with suppress(OSError):
            own, own_system, ended, ended_system = (int(value) / _TICKS for value in _fields(pid)[11:15])
            # Ticks count threads that have ended, too; nanoseconds do justice to many small processes.
            total += max(own + own_system, _nanoseconds(pid) / 1e9) + ended + ended_system
    return total


def _nanoseconds(pid: int) -> int:
    """CPU time of the living threads of a process; 0 where the kernel does not count it."""
    total = 0
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                total += int((task / "schedstat").read_text().split()[0])
    return total


def reset_peak_memory(root: int) -> None:
    """Let the peak begin anew."""
    for pid in processes(root):
        with suppress(OSError):
            Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_memory(root: int) -> int:
    """Return the sum of the peak resident sizes of ``root`` and its living descendants, in bytes.

    Pages that processes share count once for each.
    """
    total = 0
    for pid in processes(root):
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    return total


def memory_peak(root: int) -> int:
    """Return at most how much memory ``root`` and its living descendants held at once since the peaks were reset.

    What they hold now, shared pages counted once (Pss), and what each held more at a peak of its own; in bytes.
    """
    total = 0
    for pid in processes(root):
        with suppress(OSError):
            held = _kilobytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss")
            status = Path(f"/proc/{pid}/status")
            total += held + max(0, _kilobytes(status, "VmHWM") - _kilobytes(status, "VmRSS"))
    return total * 1024


def _kilobytes(file: Path, name: str) -> int:
    lines = (line for line in file.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(next(lines, "0 0").split()[1])


def _fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name, which may hold blanks: state, parent, ..."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
