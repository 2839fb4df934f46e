"""What the scripts check_*.py share: checks with a sentence each, run in order, with their results as JSON.

A script decorates functions with @check("What the server does.") and ends with run(context, packages), which gives the
context to each. A check fails by raising; the tests in TypeScript report each under its sentence. The scripts are not
named after their clients alone: Python would then take the script for the client's package.
"""

import contextlib
import importlib.metadata
import json
import time
import traceback

CHECKS = []


def check(sentence, *args):
    """Registers a function as a check; `args` are put before what run() gives it."""

    def register(function):
        CHECKS.append((sentence, function, args))
        return function

    return register


def run(context, packages):
    """Runs all checks on `context` and prints the results, with the versions of these packages."""
    results = [run_one(sentence, function, args, context) for sentence, function, args in CHECKS]
    versions = {name: importlib.metadata.version(name) for name in packages}
    print(json.dumps({"versions": versions, "checks": results}))


def run_one(sentence, function, args, context):
    start = time.monotonic()
    failure = None
    try:
        function(*args, context)
    except Exception:
        failure = traceback.format_exc()
    return {"sentence": sentence, "failure": failure, "seconds": time.monotonic() - start}


@contextlib.contextmanager
def raises(exception, *texts):
    """Fails unless an exception of this type is raised whose message holds all the texts. Yields a list with it."""
    caught = []
    try:
        yield caught
    except exception as error:
        missing = [text for text in texts if text not in str(error)]
        assert not missing, f"{missing} should be in the message: {error}"
        caught.append(error)
        return
    raise AssertionError(f"{exception.__name__} should have been raised")


def same(got, want):
    """Fails unless both arrays are of one dtype and shape, and the same to the bit (NaN and -0.0 included)."""
    assert (got.dtype, got.shape) == (want.dtype, want.shape), f"{got.dtype} {got.shape}, not {want.dtype} {want.shape}"
    if want.dtype == object:
        assert got.tolist() == want.tolist(), f"{got.tolist()} should be {want.tolist()}"
    else:
        assert got.tobytes() == want.tobytes(), f"{got} should be {want}"


def equal(got, want):
    assert got == want, f"{got!r} should be {want!r}"
