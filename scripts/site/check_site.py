"""Checks a site that Doxygen wrote: every public class, function and type has a sentence, every link of a page leads to a
file, and no page shows Doxygen's commands. Prints what is wrong, and fails if anything is.

    check_site.py XML HTML      the folders

Public is what stands outside of namespaces `detail` and is neither private nor protected. A function is documented when
one of its overloads is, a constant when it is declared with one that is. What needs no sentence of its own: data members
of a struct, whose names say what they are; constructors and operators; members of structs in `kernels`; and the members
by which a type joins one of the concepts of the library, whose meaning stands there (a module's `visit`, a source's
`size` and `range`, a part's `spec`, ...).
"""

import collections
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

OF_CONCEPTS = {
    "visit", "spec", "Scalar", "to_json", "from_json",  # a module, a part that is stored, a setting
    "channels", "classes", "smallest_size", "size_multiple", "stride",  # models/any_segmenter.hpp
    "deterministic_part", "stochastic_part",
    "make", "parameters",  # a maker of models/registry.hpp
    "choose", "predict", "operations", "record", "reads_prediction", "reads_statistics", "asks_again",  # policy, estimator
    "size", "rows", "range", "id",  # data/batch.hpp: a source
}


def documented(entry):
    parts = (entry.find(part) for part in ("briefdescription", "detaileddescription", "inbodydescription"))
    return any(part is not None and "".join(part.itertext()).strip() for part in parts)


def needs_none(member, owner, of_namespace):
    name = member.findtext("name")
    if member.get("prot") != "public" or member.get("kind") == "friend" or not name or name.startswith("operator"):
        return True
    if of_namespace:
        return name in ("to_json", "from_json")
    return (member.get("kind") == "variable" or name in OF_CONCEPTS or "::kernels::" in owner
            or name.lstrip("~") == owner.split("::")[-1])


def check_names(folder):
    names = collections.defaultdict(bool)
    places = {}

    def note(name, entry):
        names[name] |= documented(entry)
        location = entry.find("location")
        places.setdefault(name, (location.get("file"), int(location.get("line"))))

    for path in sorted(folder.glob("*.xml")):
        for compound in ElementTree.parse(path).getroot().iter("compounddef"):
            owner = compound.findtext("compoundname").split("<")[0].strip()
            kind = compound.get("kind")
            if kind not in ("class", "struct", "union", "concept", "namespace") or "detail" in owner.split("::"):
                continue
            if kind != "namespace":
                if compound.get("prot") in ("private", "protected"):
                    continue
                note(owner, compound)
            for member in compound.iter("memberdef"):
                if not needs_none(member, owner, kind == "namespace"):
                    note(f"{owner}::{member.findtext('name')}", member)

    documented_places = {places[name] for name, has_sentence in names.items() if has_sentence}
    bare = sorted((places[name], name) for name in names if places[name] not in documented_places)
    for (file, line), name in bare:
        print(f"{file}:{line}: {name} has no sentence")
    print(f"{len(names)} public names, {len(bare)} without a sentence")
    return bool(names) and not bare


def check_pages(folder):
    """Links and text of the pages; what Doxygen generates links to what it generates."""
    pages = [folder / "index.html", *sorted(folder.glob("md_*.html"))]
    lost = []
    for page in pages:
        text = page.read_text(encoding="utf-8")
        if unread := re.search(r"@(?:code|endcode|section|ref)\b|&lt;(?:tt|table|a )", text):
            lost.append(f"{page.name}: Doxygen did not read the text near '{unread.group()}'")
        for target in re.findall(r'(?:href|src|data)="([^"#]+)', text):
            if not re.match(r"[a-z]+:", target) and not (folder / target).exists():
                lost.append(f"{page.name}: nothing is at {target}")
    print("\n".join(lost + [f"{len(pages)} pages, {len(lost)} mistakes"]))
    return not lost


if __name__ == "__main__":
    xml, html = map(pathlib.Path, sys.argv[1:])
    sys.exit(0 if check_names(xml) & check_pages(html) else 1)
