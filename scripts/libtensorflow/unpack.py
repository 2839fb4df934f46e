"""Unpacks part of a wheel: python3 unpack.py WHEEL FOLDER < '{"needed": [pattern, ...], "wanted": [pattern, ...]}'.

Exits with a sentence when a needed pattern matches nothing. Written for the Python 3 of any age that pip runs on.
"""

import fnmatch
import json
import os
import sys
import zipfile


def unpack(member, wheel, folder):
    path = wheel.extract(member, folder)
    mode = member.external_attr >> 16 & 0o777
    if mode:  # extract() forgets it, and ptxas has to be executable
        os.chmod(path, mode | 0o644)


def main(wheel_path, folder):
    patterns = json.load(sys.stdin)
    with zipfile.ZipFile(wheel_path) as wheel:
        names = wheel.namelist()
        for pattern in patterns["needed"]:
            if not fnmatch.filter(names, pattern):
                sys.exit("%s has no %s" % (os.path.basename(wheel_path), pattern))
        for member in wheel.infolist():
            every = patterns["needed"] + patterns["wanted"]
            if not member.is_dir() and any(fnmatch.fnmatchcase(member.filename, pattern) for pattern in every):
                unpack(member, wheel, folder)


main(*sys.argv[1:3])
