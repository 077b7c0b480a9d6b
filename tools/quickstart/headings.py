"""Known-item questions: headings of a corpus, each with the sections below it.

A heading is the last part of a title ("25.1. Routine Vacuuming > 25.1.2. Recovering
Disk Space"), without its number. Those of QUESTIONS titles are taken out of the text
that is searched and kept as questions; the parts of a section under that title
are the answers. A heading is fit for that if it has two words or more to search for, no
other title has it, and no title continues below it: then it is in no other searched text
as a heading. The section's own text may still use its words, as for any question.
"""
import random
import re

QUESTIONS = 200
LEAST = 10              # of fewer a mean says nothing
SEED = 20260101
NUMBER = re.compile(r"^(?:[A-Z0-9]{1,3}\.)+(?:\d+\.?)*\s+")


def heading_of(title):
    return NUMBER.sub("", title.rsplit(" > ", 1)[-1])


def without_heading(title):
    return title.rsplit(" > ", 1)[0] if " > " in title else ""


def hold_out(rows, words_of):
    """rows: (id, title, text). {title: its heading} of the titles chosen; at most one
    title of ten, none if that is too few."""
    titles = sorted({title for _, title, _ in rows})
    seen = {}
    for title in titles:
        seen.setdefault(" ".join(words_of(heading_of(title))), []).append(title)
    parents = {without_heading(title) for title in titles}
    fit = [group[0] for words, group in seen.items()
           if len(words.split()) >= 2 and len(group) == 1 and group[0] not in parents]
    if len(titles) // 10 < LEAST:
        return {}
    chosen = random.Random(SEED).sample(sorted(fit), min(QUESTIONS, len(fit), len(titles) // 10))
    return {title: heading_of(title) for title in chosen}


def write_judged(out_dir, rows, held):
    """questions.tsv (topic, text) and qrels.tsv (topic, document, grade)."""
    topic = {title: str(i) for i, title in enumerate(sorted(held), 1)}
    with open(out_dir + "/questions.tsv", "w", encoding="utf-8") as out:
        for title in topic:
            out.write("%s\t%s\n" % (topic[title], held[title]))
    with open(out_dir + "/qrels.tsv", "w", encoding="utf-8") as out:
        for ident, title, _ in rows:
            if title in topic:
                out.write("%s\t%s\t1\n" % (topic[title], ident))
