"""Models declared as rows in, rows out: twelve whose rows do not depend on each other, and twelve whose rows do.

They land in OUT_DIR/rows/independent and OUT_DIR/rows/dependent. Each is run with several rows together and with each
row alone, and the answers of the first dozen are equal, those of the second are not.
"""

from rows import dependent, estimator, images, sequences, tables, vectors


def make(out_dir):
    for family in (vectors, images, sequences, tables, estimator):
        yield from family.make(out_dir / "rows" / "independent")
    yield from dependent.make(out_dir / "rows" / "dependent")
