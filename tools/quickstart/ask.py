#!/usr/bin/python3
"""Asks questions of the quick start's database and prints the answers.

    ask.py MODEL.npz [--explain] QUESTION...

Runs hybrid.sql through psql (connection from the environment). The time of each
step comes from EXPLAIN ANALYZE of the same statement, run right after it.
"""
import csv
import io
import json
import os
import shutil
import subprocess
import sys
import textwrap
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TTY = sys.stdout.isatty()
WIDTH = max(60, min(shutil.get_terminal_size((100, 24)).columns, 120))


def style(code, text):
    return "\033[%sm%s\033[0m" % (code, text) if TTY else text


def psql(sql, question, qvec, qtokens, *options):
    command = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-v", "question=" + question,
               "-v", "qvec=" + qvec, "-v", "qtokens=" + qtokens, *options]
    done = subprocess.run(command, input=sql, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit("psql failed")
    return done.stdout


def walk(plan):
    yield plan
    for child in plan.get("Plans", []):
        yield from walk(child)


def step_times(plan):
    """Milliseconds spent in each CTE; steps it waited for are taken off."""
    total = {}
    for node in walk(plan):
        if node.get("Subplan Name", "").startswith("CTE "):
            total[node["Subplan Name"][4:]] = node["Actual Total Time"]
    own = dict(total)
    if "fused" in own:
        own["fused"] -= total.get("lexical", 0) + total.get("dense", 0)
    if "reranked" in own:
        own["reranked"] -= total.get("fused", 0)
    return [(name, max(own.get(step, 0), 0)) for name, step in
            (("lexical", "lexical"), ("dense", "dense"), ("fusion", "fused"), ("rerank", "reranked"))]


def show(row):
    rank, title, ident, lexical, dense, rrf, max_sim, snippet = row
    print("%s %s" % (style("1", "%2s." % rank), style("1", textwrap.shorten(title, WIDTH - 4, placeholder=" ..."))))
    facts = "lexical %s   dense %s   RRF %s   MaxSim %s" % (
        "#" + lexical if lexical else "-", "#" + dense if dense else "-", rrf, max_sim or "-")
    print("    %s   %s" % (style("36", facts), style("2", ident)))
    snippet = " ".join(snippet.split())
    for line in textwrap.wrap(snippet, WIDTH - 4)[:2]:
        if TTY:
            line = line.replace("<<", "\033[4m").replace(">>", "\033[24m")
        print("    " + line.replace("<<", "").replace(">>", ""))


def ask(model, question, explain):
    print()
    print(style("1;32", "? " + question))
    start = time.monotonic()
    encoded = subprocess.run([sys.executable, os.path.join(HERE, "embed.py"), "query", model, question],
                             stdout=subprocess.PIPE, text=True, check=True).stdout.split("\n")
    encode_ms = (time.monotonic() - start) * 1000
    qvec, qtokens = encoded[0], encoded[1]
    if not qvec:
        print("  No word of the question is in the corpus: the dense leg and the rerank are left out.")
    with open(os.path.join(HERE, "hybrid.sql"), encoding="utf-8") as file:
        sql = file.read()
    rows = list(csv.reader(io.StringIO(psql(sql + ";", question, qvec, qtokens, "--csv"))))
    if not rows:
        print("  nothing found")
    for row in rows:
        show(row)
    plan = json.loads(psql("EXPLAIN (ANALYZE, FORMAT json) " + sql + ";", question, qvec, qtokens))[0]
    steps = "   ".join("%s %.1f ms" % step for step in step_times(plan["Plan"]))
    print(style("2", "    %s   all of the statement %.1f ms   (encoding the question: %.0f ms, most of it starting Python)"
                % (steps, plan["Execution Time"], encode_ms)))
    if explain:
        print(psql("EXPLAIN (ANALYZE, COSTS off, BUFFERS) " + sql + ";", question, qvec, qtokens))


def main():
    args = sys.argv[1:]
    explain = "--explain" in args
    args = [a for a in args if a != "--explain"]
    if len(args) < 2:
        sys.exit(__doc__)
    for question in args[1:]:
        ask(args[0], question, explain)


main()
