"""`headend meter import` and `export`: the registry as CSV files."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from headend.cli.output import Output

FILES = """\
files of DIR (CSV with a heading, UTF-8; each may be left out; times ISO 8601 with offset):
  lines.csv          name,url,protocol[,framing][,echo][,window]   dlt645|modbus; rtu|tcp; yes|no; 1..256
  meters.csv         name,address,model,line[,multiplier][,created][,state]
  points.csv         name[,meter][,from][,address][,tariff][,category][,capacity_kw][,rated_current_a][,options]
  feeders.csv        name[,address][,options]                      options: a JSON object
  areas.csv          name[,timezone][,address][,options]
  installations.csv  point,meter,from[,to]                         a meter stands at a point
  area_feeders.csv   area,feeder,from[,to]
  area_points.csv    point,area,from[,to][,phase][,branch]         L1|L2|L3|three-phase
  totals.csv         meter,from[,area][,feeder][,to]               area or feeder
  states.csv         meter,from,state[,actor][,reason]             planned|active|suspended|removed|scrapped
  multipliers.csv    meter,from,multiplier[,actor][,reason]
  registers.csv      meter,time,quantity,edge,value,source[,actor][,reason]
                                                                   initial|final; read|manual|estimated
  exchanges.csv      old,new,at[,actor][,reason]
  vacancies.csv      point,from,actor[,to][,reason]                nobody has a contract there
"""


def add_verbs(verb: Callable[..., argparse.ArgumentParser]) -> None:
    raw = argparse.RawDescriptionHelpFormatter
    imported = verb("import", "Add what the files hold: all of it, or nothing.", epilog=FILES, formatter_class=raw)
    imported.add_argument("directory", type=Path, metavar="DIR", nargs="?", help="a folder with such files")
    imported.add_argument("--lines", type=Path, metavar="FILE")
    imported.add_argument("--meters", type=Path, metavar="FILE")
    imported.add_argument("--points", type=Path, metavar="FILE")
    imported.add_argument("--dry-run", action="store_true", help="check every row and change nothing")
    exported = verb("export", "Write the whole registry as such files.", epilog=FILES, formatter_class=raw)
    exported.add_argument("directory", type=Path, metavar="DIR")


async def import_(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.errors import UsageFault
    from headend.place import store
    from headend.registry.export import everything
    from headend.registry.files import BadRegistry, in_folder, read_files
    from storage.topology import Topology

    config = load(arguments.config)
    paths = in_folder(arguments.directory) if arguments.directory else {}
    for kind in ("lines", "meters", "points"):
        if getattr(arguments, kind):
            paths[f"{kind}.csv"] = getattr(arguments, kind)
    if not paths:
        raise UsageFault("nothing to import: give DIR, --lines, --meters or --points")
    async with store(config) as opened, Topology(opened.conninfo) as topology:
        try:
            new = read_files(await everything(opened.registry, topology), paths)
        except BadRegistry as error:
            rows = [{"file": r.file, "row": r.row, "key": r.key, "problem": r.problem} for r in error.rows]
            output.failure(str(error), "usage", rows=rows)
            return 2
        count = 0 if arguments.dry_run else await opened.registry.add(new, keep_existing=True)
    read = {kind: len(getattr(new, kind)) for kind in _KINDS if kind in _KINDS[:3] or f"{kind}.csv" in paths}
    output.text(f"read {', '.join(f'{n} {kind}' for kind, n in read.items())}; added {count} entries")
    if output.as_json:
        output.document({"read": read, "added": count, "dry_run": arguments.dry_run})
    return 0


_KINDS = (
    "lines", "meters", "points", "feeders", "areas", "installations", "area_feeders", "area_points", "totals", "states",
    "multipliers", "registers", "exchanges",
)  # fmt: skip


async def export(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.place import store
    from headend.registry.export import everything, write
    from storage.topology import Topology

    async with store(load(arguments.config)) as opened, Topology(opened.conninfo) as topology:
        entries = await everything(opened.registry, topology)
    written: list[Any] = [str(path) for path in write(entries, arguments.directory)]
    output.text(f"wrote {', '.join(written)}")
    if output.as_json:
        output.document({"written": written})
    return 0
