"""Makes the models that the tests serve, or with --bench or --rows the larger ones of the benchmarks.

    python scripts/models/main.py [OUT_DIR]          into test/models, unless told otherwise
    python scripts/models/main.py --bench OUT_DIR    the benchmark models only, which are never committed
    python scripts/models/main.py --rows OUT_DIR     models of full size for the proof of independent rows, likewise
    python scripts/models/main.py --op-libraries     those that need requirements-op-libraries.txt, into test/conformance

Each model lands in OUT_DIR/NAME/1 and takes the place of what stood in OUT_DIR/NAME. It is then loaded back and
run, and its answers are compared with values worked out by hand, so a model that is here is a model that works.
"""

import argparse
import os
from pathlib import Path

# TensorFlow reads this once, while it is imported. Errors only.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import batch_shape
import bench
import composites
import control_flow
import digits
import dtypes
import examples
import half_plus_two
import lite
import multi_io
import no_batch
import no_inputs
import pass_through
import refused
import rows
import slow
import strings
import variables_v1
from rows import full_size
from saved_model import summary

# TensorFlow numbers the functions of a process as it goes, so the order of this list is part of the bytes written.
FAMILIES = (
    half_plus_two,
    digits,
    multi_io,
    strings,
    dtypes,
    refused,
    variables_v1,
    control_flow,
    slow,
    no_batch,
    examples,
    batch_shape,
    lite,
    pass_through,
    no_inputs,
    composites,
    rows,
)

TESTS = Path(__file__).resolve().parents[2] / "test"


def parse_arguments():
    parser = argparse.ArgumentParser(description="Make the models of the tests, or those of the benchmarks.")
    parser.add_argument("out_dir", nargs="?", type=Path, default=TESTS / "models", metavar="OUT_DIR")
    parser.add_argument("--bench", type=Path, metavar="OUT_DIR", help="make the benchmark models here instead")
    parser.add_argument("--rows", type=Path, metavar="OUT_DIR", help="make models of full size here instead")
    parser.add_argument("--op-libraries", action="store_true", help="make the models for libraries of operations")
    return parser.parse_args()


def chosen(arguments):
    """Pairs of a family and the folder for it."""
    if arguments.op_libraries:
        import op_libraries  # the others are made without its packages

        return [(op_libraries, TESTS / "conformance" / "op_libraries")]
    larger = [(family, out_dir) for family, out_dir in ((bench, arguments.bench), (full_size, arguments.rows)) if out_dir]
    return larger or [(family, arguments.out_dir) for family in FAMILIES]


def main():
    for family, out_dir in chosen(parse_arguments()):
        for folder in family.make(out_dir):
            print(family.summary(folder) if family is lite else summary(folder), flush=True)


if __name__ == "__main__":
    main()
