#!/usr/bin/python3
"""Splits the PostgreSQL manual (HTML of Debian's postgresql-doc) into sections.

    manual.py HTML_DIR > corpus.tsv

A line is id, title, text, separated by tabs: the id is page#section, the title
the headings down to the section. Sections longer than MAX_WORDS are cut at
paragraphs into parts. Navigation, tables of contents and the index are left out.
"""
import html.parser
import os
import sys

MAX_WORDS = 220
MIN_WORDS = 12

SECTION_CLASSES = {
    "part", "chapter", "appendix", "preface", "reference", "refentry", "simplesect",
    "sect1", "sect2", "sect3", "sect4", "sect5", "refsect1", "refsect2", "refsect3",
}
SKIP_CLASSES = {"navheader", "navfooter", "toc", "titlepage", "refnamediv-none", "index"}
BLOCKS = {"p", "li", "dt", "dd", "pre", "tr", "div", "table", "h1", "h2", "h3", "h4", "h5"}
SKIP_PAGES = {"bookindex.html", "index.html", "biblio.html", "release.html"}


class Section:
    def __init__(self, ident, depth):
        self.ident = ident
        self.depth = depth
        self.title = ""
        self.blocks = []


class Page(html.parser.HTMLParser):
    """Collects a page's sections in order, each with its own text only."""

    def __init__(self):
        super().__init__()
        self.stack = []         # (tag, role): role is "section", "skip", "title" or None
        self.open = []          # sections being read, outermost first
        self.sections = []
        self.text = []

    def flush(self):
        words = " ".join("".join(self.text).split())
        self.text = []
        if words and self.open:
            self.open[-1].blocks.append(words)

    def role_of(self, tag, attrs):
        classes = set((attrs.get("class") or "").split())
        if tag == "head" or (tag == "div" and classes & SKIP_CLASSES):
            return "titlepage" if "titlepage" in classes else "skip"
        if tag == "div" and classes & SECTION_CLASSES:
            return "section"
        return None

    def handle_starttag(self, tag, attrs):
        if tag in ("br", "hr", "img", "meta", "link", "col", "input"):
            self.text.append(" ")
            return
        attrs = dict(attrs)
        role = self.role_of(tag, attrs)
        if tag in BLOCKS:
            self.flush()
        elif tag in ("td", "th"):
            self.text.append(" ")
        if role == "section":
            section = Section(attrs.get("id") or "", len(self.open))
            self.open.append(section)
            self.sections.append((section, list(self.open)))
        self.stack.append((tag, role))

    def handle_startendtag(self, tag, attrs):
        self.text.append(" ")

    def handle_endtag(self, tag):
        while self.stack:
            top, role = self.stack.pop()
            if role == "titlepage" or (top in ("h1", "h2", "h3") and self.open
                                       and not self.open[-1].title):
                title = " ".join("".join(self.text).split())
                if title and self.open and not self.open[-1].title:
                    self.open[-1].title = title
                    self.text = []
            elif top in BLOCKS:
                self.flush()
            if role == "section":
                self.flush()
                self.open.pop()
            if top == tag:
                break

    def handle_data(self, data):
        if not any(role == "skip" for _, role in self.stack):
            self.text.append(data)


def parts(blocks):
    """Blocks joined into texts of about MAX_WORDS words."""
    part, words = [], 0
    for block in blocks:
        n = len(block.split())
        if part and words + n > MAX_WORDS:
            yield " ".join(part)
            part, words = [], 0
        part.append(block)
        words += n
    if part:
        yield " ".join(part)


def main():
    if len(sys.argv) != 2 or not os.path.isdir(sys.argv[1]):
        sys.exit(__doc__)
    out = sys.stdout
    for name in sorted(os.listdir(sys.argv[1])):
        if not name.endswith(".html") or name in SKIP_PAGES or name.startswith("release-"):
            continue
        page = Page()
        with open(os.path.join(sys.argv[1], name), encoding="utf-8") as file:
            page.feed(file.read())
        seen = {}
        for section, path in page.sections:
            title = " > ".join(s.title for s in path if s.title)
            for i, text in enumerate(parts(section.blocks)):
                if len(text.split()) < MIN_WORDS:
                    continue
                ident = name[:-5] + ("#" + section.ident if section.ident else "")
                seen[ident] = seen.get(ident, 0) + 1
                if seen[ident] > 1:
                    ident += "/%d" % seen[ident]
                out.write("%s\t%s\t%s\n" % (ident, title, text))


main()
