#!/usr/bin/env python3
"""Copies the PyTorch fixtures that the tests need, without their largest cases.

usage: trim_fixtures.py SOURCE TARGET [--drop CASE,CASE,...]

SOURCE holds fixture files of schema paser-fixtures/1. Of the files named zoo_* those listed here
are kept whole. A file all of whose cases are
dropped is not written. What is kept is kept byte for byte.
"""

import argparse
import json
import pathlib
import struct

# Large or slow, and close to a case that stays.
DROPPED = (
    "medium_b2,medium_odd,medium_strict,"
    "tiny2_full,large_odd,large_mask,"
    "tiny_odd,tiny_convt_odd,policy_eval_b2,"
    "conv3x3_wide,bilinear_x2_ac1_unet,adaptive_avg_1x1,patchify_224x256,"
    "pretrain_full,distill_teacher_full,ft_released"
)

# Of the comparison models one small pair of files for each family and convention.
KEPT_ZOO = ("deeplabv3plus_smp_mnv2", "deeplabv3plus_vainf_r50_sep", "efficientvit_b_quad", "segformer_hf_gray")


def is_kept_zoo(name):
    return any(name.startswith(f"zoo_{case}.") for case in KEPT_ZOO)


def belongs_to(key, cases):
    """Whether a tensor or metadata key is of one of the cases: 'tol:case/role', 'case.setting' or 'case/role'."""
    name = key.split(":", 1)[1] if key.split(":", 1)[0] in ("tol", "tolmean", "toll2", "dev") else key
    return name.split("/", 1)[0].split(".", 1)[0] in cases


def trim(content, dropped):
    """The file without the dropped cases, or None when nothing is left."""
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    data = content[8 + length :]
    metadata = header.pop("__metadata__")
    cases = metadata["cases"].split(",")
    gone = set(cases) & dropped
    kept = [case for case in cases if case not in gone]
    if not kept:
        return None
    metadata = {key: value for key, value in metadata.items() if not belongs_to(key, gone)}
    metadata["cases"] = ",".join(kept)

    needed = {metadata[f"{case}.{link}"] for case in kept for link in ("weights_from", "inputs_from")
              if f"{case}.{link}" in metadata}
    if needed & gone:
        raise SystemExit(f"cannot drop {sorted(needed & gone)}: cases that stay refer to them")

    entries, buffers, position = {}, [], 0
    for key, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        if belongs_to(key, gone):
            continue
        begin, end = entry["data_offsets"]
        entries[key] = {**entry, "data_offsets": [position, position + end - begin]}
        buffers.append(data[begin:end])
        position += end - begin
    text = json.dumps({"__metadata__": metadata, **entries}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(buffers)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("target", type=pathlib.Path)
    parser.add_argument("--drop", default=DROPPED, help="comma-separated names of cases")
    options = parser.parse_args()

    options.target.mkdir(parents=True, exist_ok=True)
    dropped, total = set(options.drop.split(",")), 0
    for path in sorted(options.source.glob("*.safetensors")):
        if path.name.startswith("zoo_") and not is_kept_zoo(path.name):
            continue
        content = path.read_bytes()
        if not path.name.startswith("zoo_"):
            content = trim(content, dropped)
        if content is None:
            continue
        (options.target / path.name).write_bytes(content)
        total += len(content)
        print(f"{len(content):9d}  {path.name}")
    print(f"{total:9d}  in all")


if __name__ == "__main__":
    main()
