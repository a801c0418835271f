#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stands in for nft on user-mode-linux, whose nf_tables has no IPv4: makes by iptables the two tables that the lab's test needs,
windows_script()'s in tests/lab/network.py and count_connections()'s in tests/lab/wslport.py."""

from __future__ import annotations

import re
import subprocess
import sys

LIST = ["iptables-legacy", "-t", "raw", "-L", "PREROUTING", "-v", "-x", "-n"]


def tables(text: str) -> dict[str, list[str]]:
    if port := re.search(r"table ip arrivals .*tcp dport (\d+) ", text, re.S):
        return {"raw": [f"-A PREROUTING -p tcp --dport {port[1]} --tcp-flags SYN,ACK SYN"]}
    marks = re.findall(r"([\d.]+) : (\d+)", text)
    if "table ip windows" not in text or not marks:
        sys.exit("nft: this kernel has no nf_tables for IPv4")
    silent = re.search(r"iif lo ip daddr { ([\d., ]+) } meta l4proto tcp drop", text)
    return {"mangle": ["-A PREROUTING " + rule for rule in (
                "-j MARK --set-mark 0",
                "-m conntrack --ctdir ORIGINAL -m connmark ! --mark 0 -j CONNMARK --restore-mark",
                "-m mark ! --mark 0 -j ACCEPT",
                "-m socket --nowildcard -j ACCEPT",
                *(f"-p {protocol} -d {address} -j MARK --set-mark {mark}" for protocol in ("tcp", "udp") for address, mark in marks),
                "-m conntrack --ctdir ORIGINAL -j CONNMARK --save-mark")],
            "filter": [f"-A INPUT -i lo -d {address} {rule}" for address in (silent[1].split(", ") if silent else [])
                       for rule in ("-m socket --nowildcard -j ACCEPT", "-p tcp -j DROP")]}


if sys.argv[1] == "list":
    listed = subprocess.run(LIST, check=True, capture_output=True, text=True).stdout
    print("packets", listed.splitlines()[2].split()[0])
else:
    rules = "".join(f"*{table}\n" + "\n".join(lines) + "\nCOMMIT\n" for table, lines in tables(sys.stdin.read()).items())
    sys.exit(subprocess.run(["iptables-legacy-restore"], input=rules, text=True).returncode)
