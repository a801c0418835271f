#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stands in for nft -f - on user-mode-linux, whose nf_tables has no IPv4: makes the rules of tests/lab/network.py,
windows_script(), by iptables."""

import re
import subprocess
import sys

text = sys.stdin.read()
if "table ip windows" not in text:
    sys.exit("nft: this kernel has no nf_tables for IPv4")
marks = re.findall(r"([\d.]+) : (\d+)", text)
silent = re.search(r"iif lo ip daddr { ([\d., ]+) } meta l4proto tcp drop", text)

mangle = ["-j MARK --set-mark 0",
          "-m conntrack --ctdir ORIGINAL -m connmark ! --mark 0 -j CONNMARK --restore-mark",
          "-m mark ! --mark 0 -j ACCEPT",
          "-m socket --nowildcard -j ACCEPT",
          *(f"-p {protocol} -d {address} -j MARK --set-mark {mark}" for protocol in ("tcp", "udp") for address, mark in marks),
          "-m conntrack --ctdir ORIGINAL -j CONNMARK --save-mark"]
own = [rule for address in (silent[1].split(", ") if silent else [])
       for rule in (f"-i lo -d {address} -m socket --nowildcard -j ACCEPT", f"-i lo -d {address} -p tcp -j DROP")]
rules = ["*mangle", *(f"-A PREROUTING {rule}" for rule in mangle), "COMMIT", "*filter", *(f"-A INPUT {rule}" for rule in own), "COMMIT"]
sys.exit(subprocess.run(["iptables-legacy-restore"], input="\n".join(rules) + "\n", text=True).returncode)
