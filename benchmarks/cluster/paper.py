"""A national network on paper: what was measured, multiplied; and the tables and the picture of docs/scaling.md."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import costs
import network
import rates
from common.page import filled
from common.record import markdown

IMAGE_BYTES = 525_000
"""Of an image of 512 x 512 with its headers, uncompressed."""
RECEIVER_MS = 2.3
"""Processor time of a receiver for an image: docs/performance.md, Reception, 8 associations."""
UTILISATION = 0.7
"""How busy workers and links should be in the busiest hour."""
LINK_BYTES = 2.5e9
"""A second over 25 Gbit/s, less what protocols take."""
SERVER_CORES = 16
PEAK = max(network.HOURS)
PICTURE = "scaling-time-to-result.png"
Found = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Load:
    """So many series a second, with what one costs."""

    series: float
    costs: Found

    def of(self, name: str) -> float:
        """Return a cost of PostgreSQL a second."""
        return self.series * costs.in_all(self.costs, name)

    @property
    def images(self) -> float:
        """Images a second."""
        return self.series * float(self.costs["images"])

    @property
    def logged(self) -> float:
        """Transactions a second that write to the job log."""
        return self.series * float(self.costs["event_transactions"])


def write(found: Found, docs: Path) -> None:
    """Bring the tables of docs/scaling.md and its picture up to date. Raises NoPlace."""
    page = docs / "scaling.md"
    page.write_text(filled(page.read_text(), blocks(found)))
    draw(found["network"], docs / "images" / PICTURE)


def blocks(found: Found) -> dict[str, str]:
    """Return what stands between the marks."""
    return {
        "conditions": _conditions(found["conditions"]),
        "growth": _growth(found["growth"]),
        "rates": _rates(found["rates"]),
        "events": _events(found["rates"]),
        "costs": _costs(found["costs"]),
        "load": _load(found),
        "limits": _limits(found),
        "replay": _replay(found["replay"]),
        "network": _network(found["network"]),
    }


def _conditions(found: Found) -> str:
    return (
        f"Measured on {found['day']}: {found['cores']} shared cores for server and clients together, PostgreSQL "
        f"{found['postgresql']} with\nits default settings, load average before the run {found['load_before']:.1f}."
    )


def _growth(found: Found) -> str:
    heads = ["engine", "what", *(f"{count:,} jobs, ms" for count in found["jobs"]), "ratio", "target 2.0"]
    rows = []
    for one in found["rows"]:
        times = (f"{one['short_ms']:.1f}", f"{one['long_ms']:.1f}", f"{one['ratio']:.2f}")
        rows.append([one["engine"], one["what"], *times, one["verdict"]])
    return markdown(heads, rows, left=2)


def _rates(found: Found) -> str:
    heads = ["step", "processes", "a second", "factor", "ms of client", "ms of server", "cores busy"]
    rows = []
    for one in found["steps"]:
        factor = rates.scaled(found, one["step"], one["workers"])
        cpu = (f"{one[name]:.2f}" for name in ("client_cpu_ms", "server_cpu_ms", "busy_cores"))
        rows.append([rates.STEPS[one["step"]], str(one["workers"]), f"{one['rate']:.0f}", f"{factor:.2f}", *cpu])
    return markdown(heads, rows)


def _events(found: Found) -> str:
    writers = sorted({one["writers"] for one in found["events"]})
    by_kind = {(one["ordered"], one["writers"]): one for one in found["events"]}
    rows = []
    for ordered, name in ((True, "ids in order (as it is)"), (False, "without the lock (for comparison)")):
        rows.append([name, *(f"{by_kind[ordered, count]['rate']:.0f}" for count in writers)])
    waits = (by_kind[True, count]["waits"].get("Lock:advisory", 0.0) for count in writers)
    rows.append(["share of busy servers that wait for the lock", *(f"{share:.0%}" for share in waits)])
    table = markdown(["transactions a second", *(f"{count} at once" for count in writers)], rows)
    return f"{table}\n\nA sync of this disk takes {found['sync_ms']:.1f} ms."


def _costs(found: Found) -> str:
    names = ("server_cpu_ms", "client_cpu_ms", "wal_bytes", "stored_bytes", "commits", "syncs")
    titles = ["CPU of PostgreSQL, ms", "CPU of our processes, ms", "journal, kB", "tables and indexes, kB"]
    titles += ["transactions", "syncs"]
    scales = (1, 1, 1000, 1000, 1, 1)
    steps = [*found["steps"].items(), ("in all", {name: costs.in_all(found, name) for name in names})]
    rows = (
        [part, *(f"{step[name] / scale:.1f}" for name, scale in zip(names, scales, strict=True))]
        for part, step in steps
    )
    inserted = ", ".join(f"{name} {count:g}" for name, count in found["rows"].items())
    table = markdown([f"a series of {found['images']} images", *titles], rows)
    return f"{table}\n\nRows of a series: {inserted}."


def _loads(found: Found) -> tuple[Load, Load]:
    mean = network.NATIONAL.series_a_day / 86400
    return Load(mean, found["costs"]), Load(mean * PEAK, found["costs"])


def _load(found: Found) -> str:
    loads = _loads(found)
    service, delivery = network.NATIONAL.service_median, network.NATIONAL.delivery_seconds

    def row(name: str, unit: str, value: Any) -> list[str]:
        return [f"{name}, {unit}" if unit else name, *(f"{value(load):,.1f}" for load in loads)]

    rows = [
        row("series", "a second", lambda load: load.series),
        row("images", "a second", lambda load: load.images),
        row("written to the spool", "MB/s", lambda load: load.images * IMAGE_BYTES / 1e6),
        row("links of 25 Gbit/s to the spool, writing and reading, at 70 %", "", _links),
        row("cores of receivers", "", lambda load: load.images * RECEIVER_MS / 1000),
        row("workers with a GPU, at 70 %", "", lambda load: load.series * service / UTILISATION),
        row("couriers, at 70 %", "", lambda load: load.series * delivery / UTILISATION),
        row("cores of PostgreSQL", "", lambda load: load.of("server_cpu_ms") / 1000),
        row("journal of PostgreSQL", "MB/s", lambda load: load.of("wal_bytes") / 1e6),
        row("syncs of the journal", "a second", lambda load: load.of("syncs")),
        row("transactions that write to the job log", "a second", lambda load: load.logged),
    ]
    return markdown(["what", "mean of a day", f"busiest hour ({PEAK:g} x)"], rows)


def _links(load: Load) -> float:
    return 2 * load.images * IMAGE_BYTES / LINK_BYTES / UTILISATION


def _limits(found: Found) -> str:
    """Say how many series a day each part of one PostgreSQL holds, where the busiest hour has five times the mean."""
    one = Load(1.0, found["costs"])
    ceiling = rates.ceiling(found["rates"])
    a_day = network.NATIONAL.series_a_day
    held = {
        f"the lock that orders the job log ({ceiling:.0f} transactions a second here)": ceiling / one.logged,
        f"processor ({SERVER_CORES} cores at 70 %)": SERVER_CORES * UTILISATION * 1000 / one.of("server_cpu_ms"),
        "journal (100 MB/s)": 100e6 / one.of("wal_bytes"),
    }
    rows = [
        [name, f"{series:.1f}", f"{series * 86400 / PEAK:,.0f}", f"{series * 86400 / PEAK / a_day:.1f}"]
        for name, series in sorted(held.items(), key=lambda one: one[1])
    ]
    heads = ["what ends", "series a second", "series a day with this peak", "networks of this size"]
    stored = costs.in_all(found["costs"], "stored_bytes") * a_day
    grows = f"{stored / 1e9:.0f} GB a day and {365 * stored / 1e12:.0f} TB a year"
    received = a_day * float(found["costs"]["images"]) * IMAGE_BYTES / 1e12
    return f"{markdown(heads, rows)}\n\nTables and indexes grow by {grows}; the spool by {received:.0f} TB a day."


def _replay(found: Found) -> str:
    rows = (
        [one["what"], *(f"{one[name]:.2f}" for name in ("real", "simulated", "allowed")), one["verdict"]]
        for one in found["rows"]
    )
    heads = ["time to result, s", "real stores", "simulated", "may differ by", "verdict"]
    took = " and ".join(f"{name} {ms:.0f} ms" for name, ms in found["bookkeeping_ms"].items())
    return f"{markdown(heads, rows)}\n\n{found['series']} series, {found['workers']} workers; bookkeeping: {took}."


def _network(found: Found) -> str:
    names = ("p50", "p90", "p99", "longest")
    rows = (
        [f"{one['stat_share']:.0%}", str(one["workers"]), one["order"], one["who"], *(f"{one[n]:,.0f}" for n in names)]
        for one in found["rows"]
    )
    table = markdown(["STAT", "workers", "order", "who", *names], rows, left=4)
    busy = ", ".join(f"{workers} workers: {share:.0%}" for workers, share in found["busy"].items())
    return f"{table}\n\nSeconds. {found['series']:,} series. What the busiest hour asks of the workers: {busy}."


def draw(found: Found, path: Path) -> None:
    """Draw how many series have their result after how long, by order."""
    import matplotlib as mpl  # of the extra "train"

    mpl.use("agg")
    from matplotlib import pyplot

    shares = [100 * share for share in network.POINTS]
    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4.8), sharey=True)
    styles = {network.IN_ARRIVAL: ":", network.STAT_FIRST: "--", network.TURNS: "-"}
    colours = {"STAT": "tab:red", "routine": "tab:blue", "the flood": "tab:gray"}
    for axis, workers in zip(axes, (10, 14), strict=True):
        for one in found["rows"]:
            if one["workers"] == workers and one["stat_share"] == network.USUAL_STAT:
                line = axis.plot(one["curve"], shares, styles[one["order"]], color=colours[one["who"]])
                line[0].set_label(f"{one['who']}: {one['order']}")
        axis.set(xscale="log", xlabel="seconds from the last image to the result", title=f"{workers} workers")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("% of the series have their result")
    figure.legend(*axes[1].get_legend_handles_labels(), fontsize=7, loc="lower center", ncols=3)
    figure.tight_layout(rect=(0, 0.12, 1, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
