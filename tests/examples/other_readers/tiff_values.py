"""The values of TIFF stacks as tifffile reads them: a text file to write, then the stacks.

Of each stack a line "width height pages bits micrometres micrometres spacing", the size of a pixel and the distance of
the pages in ImageJ's unit, 1 where it is not said, and a line of values for each row of each page; of colours one number, red * 65536 + green * 256 + blue.
"""
import sys

import numpy
import tifffile


def micrometres(page, tag, unit):
    numerator, denominator = page.tags[tag].value
    of_unit = 1 if unit == "micron" else {2: 25400, 3: 10000}[int(page.tags["ResolutionUnit"].value)]
    return of_unit * denominator / numerator


with open(sys.argv[1], "w") as out:
    for name in sys.argv[2:]:
        with tifffile.TiffFile(name) as stack:
            pages = [page.asarray() for page in stack.pages]
            described = stack.imagej_metadata or {}
            unit = described.get("unit", "")
            sizes = {(micrometres(p, "XResolution", unit), micrometres(p, "YResolution", unit)) for p in stack.pages}
            bits = stack.pages[0].bitspersample * stack.pages[0].samplesperpixel
        assert len(sizes) == 1, "the pages differ in resolution"
        height, width = pages[0].shape[:2]
        print(width, height, len(pages), bits, *sizes.pop(), described.get("spacing", 1), file=out)
        for page in pages:
            if page.ndim == 3:
                page = page.astype(numpy.uint32) @ numpy.array([65536, 256, 1], numpy.uint32)
            for row in page:
                print(*(repr(float(value)) for value in row), file=out)
