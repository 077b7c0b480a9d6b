#!/usr/bin/python3
"""Asks the quick start's database and prints the answers, or how good they are.

    ask.py VECTORS_DIR [--explain] QUESTION...
    ask.py VECTORS_DIR --judge QUESTIONS.tsv QRELS.tsv

A question runs hybrid.sql through psql (connection from the environment). The time of
each step comes from EXPLAIN ANALYZE of the same search as plain SQL. --judge
runs judge.sql over the questions (topic, text) and their qrels: TREC's four columns, or
topic, document, grade.
"""
import csv
import io
import json
import os
import shutil
import subprocess
import sys
import textwrap

import embed

HERE = os.path.dirname(os.path.abspath(__file__))
TTY = sys.stdout.isatty()
WIDTH = max(60, min(shutil.get_terminal_size((100, 24)).columns, 120))

# The search of hybrid.sql as plain SQL. Before PostgreSQL 17 only a leg without the key
# in its order is read from an index, which is how hybrid_search itself reads it.
PLAIN = r"""
SELECT regexp_replace(hybrid_search_sql('docs', 'id', ARRAY[
         leg('words', '<@>', :'question', depth => 50),
         leg('embedding', '<=>', nullif(:'qvec', ''), depth => 50)],
     k => 5, rerank => leg('tokens', '@#', nullif(:'qtokens', ''), depth => 20)),
     'ORDER BY distance, key_1 LIMIT', 'ORDER BY distance LIMIT', 'g') AS plain \gset
EXPLAIN (ANALYZE, COSTS off, %s) :plain;
"""
# The call itself, twice: the first one makes a plan.
CALL = r"""
\o /dev/null
%s;
\o
\timing on
%s \g /dev/null
"""


def style(code, text):
    return "\033[%sm%s\033[0m" % (code, text) if TTY else text


def psql(sql, *options, **variables):
    command = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", *options]
    for name, value in variables.items():
        command += ["-v", name + "=" + value]
    done = subprocess.run(command, input=sql, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit("psql failed")
    return done.stdout


def sql_file(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return file.read()


def walk(plan):
    yield plan
    for child in plan.get("Plans", []):
        yield from walk(child)


def step_times(explained):
    """(step, ms) of the plain statement; steps that a step waited for are taken off."""
    total = {node["Subplan Name"][4:]: node["Actual Total Time"]
             for node in walk(explained["Plan"]) if node.get("Subplan Name", "").startswith("CTE ")}
    legs = [(name, total[cte]) for name, cte in (("words", "leg_1"), ("vectors", "leg_2")) if cte in total]
    fused = total.get("fused", 0)
    steps = legs + [("fusion", max(fused - sum(ms for _, ms in legs), 0))]
    # without a vector there is no rerank either
    return steps + [("MaxSim", max(explained["Plan"]["Actual Total Time"] - fused, 0))] if len(legs) > 1 else steps


def array(text, read):
    """'{1,NULL}' as a list; NULL is None."""
    return [None if item == "NULL" else read(item) for item in text.strip("{}").split(",")]


def leg_text(name, rank, score):
    return "%s %s" % (name, "-" if rank is None else "#%d (%.2f)" % (rank, score))


def show(row):
    rank, title, ident, ranks, scores, score, max_sim, mixed, snippet = row
    ranks, scores = array(ranks, int), array(scores, float)
    # cosine distance to similarity
    scores[1] = None if scores[1] is None else 1 + scores[1]
    print("%s %s" % (style("1", "%2s." % rank), style("1", textwrap.shorten(title, WIDTH - 4, placeholder=" ..."))))
    facts = [leg_text(*leg) for leg in zip(("BM25", "cosine"), ranks, scores)]
    facts += ["RRF %.4f" % float(score)] + ["MaxSim %.2f" % float(max_sim or 0)] * bool(max_sim)
    facts += ["mixed %.2f" % float(mixed or 0)] * bool(mixed)
    print("    %s   %s" % (style("36", "   ".join(facts)), style("2", ident)))
    for line in textwrap.wrap(" ".join(snippet.split()), WIDTH - 4)[:2]:
        if TTY:
            line = line.replace("<<", "\033[4m").replace(">>", "\033[24m")
        print("    " + line.replace("<<", "").replace(">>", ""))


def ask(encoder, question, explain):
    print()
    print(style("1;32", "? " + question))
    qvec, qtokens = encoder.encode(question)
    if not qvec:
        print("  The question has no vector (no word that is known): that leg and the rerank are left out.")
    variables = {"question": question, "qvec": qvec, "qtokens": qtokens}
    search = sql_file("hybrid.sql")
    rows = list(csv.reader(io.StringIO(psql(search + ";", "--csv", **variables))))
    if not rows:
        print("  nothing found")
    for row in rows:
        show(row)
    plain = json.loads(psql(PLAIN % "FORMAT json", **variables))[0]
    call = psql(CALL % (search, search), **variables).split()[1]
    print(style("2", "    %s   the whole statement %.1f ms, snippets too"
                % ("   ".join("%s %.1f ms" % step for step in step_times(plain)), float(call))))
    if explain:
        print(psql(PLAIN % "BUFFERS", **variables))


def tsv(path, *widths):
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            fields = line.rstrip("\n").split("\t") if "\t" in line else line.split()
            if len(fields) not in widths:
                sys.exit("%s, line %d: expected %s fields, found %d"
                         % (path, number, " or ".join(map(str, widths)), len(fields)))
            yield fields


def copy_rows(table, rows):
    """A COPY of rows in CSV; None is NULL."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return "COPY %s FROM STDIN (FORMAT csv);\n%s\\.\n" % (table, out.getvalue())


def judge(encoder, questions, qrels):
    asked = [(topic, text, *encoder.encode(text)) for topic, text in tsv(questions, 2)]
    judged = [(row[0], *row[-2:]) for row in tsv(qrels, 3, 4)]
    print("   %d questions; means" % len({row[0] for row in judged} & {row[0] for row in asked}))
    psql("""CREATE TABLE questions (topic text PRIMARY KEY, question text, qvec vector, qtokens multivector);
CREATE TABLE qrels (topic text, doc text, grade int, PRIMARY KEY (topic, doc));
""" + copy_rows("questions", asked) + copy_rows("qrels", judged))
    print(style("1", "   %-25s %8s %10s %11s %12s" % ("", "nDCG@10", "recall@10", "recall@100", "ms a search")))
    rows = [line.split("|") for line in psql(sql_file("judge.sql")).splitlines()]
    for row in (row for row in rows if len(row) == 5):
        print("   %-25s %8s %10s %11s %12s" % tuple(row))
    print()
    print(style("1", "   %-52s %8s   %s" % ("nDCG@10, question by question", "mean", "p (randomisation)")))
    for better, than, difference, p in (row for row in rows if len(row) == 4):
        print("   %-52s %8s   %s" % ("%s, over %s" % (better, than), difference, p))


def main():
    args = [a for a in sys.argv[1:] if a != "--explain"]
    if len(args) < 2:
        sys.exit(__doc__)
    encoder = embed.load_encoder(args[0])
    if args[1] == "--judge":
        judge(encoder, *args[2:])
        return
    for question in args[1:]:
        ask(encoder, question, "--explain" in sys.argv)


main()
