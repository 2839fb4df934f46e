"""strings: text in, text, lengths and raw bytes out."""

import numpy as np
import tensorflow as tf

from saved_model import expect, text, write_module


class Strings(tf.Module):
    """text: string [-1] → upper: string [-1], length: int64 [-1] (bytes), raw_bytes: string [-1], the input unchanged.

    The alias `raw_bytes` ends in `_bytes` because JSON answers write such outputs in base64.
    Only ASCII letters are raised, so bytes that are no UTF-8 pass through `upper` as well.
    """

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def predict(self, text):
        return {
            "upper": tf.strings.upper(text),
            "length": tf.cast(tf.strings.length(text), tf.int64),
            "raw_bytes": tf.identity(text),
        }


def make(out_dir):
    module = Strings()
    folder = write_module(out_dir, "strings", module, module.predict)
    words = [b"gate", b"", "Größe".encode(), b"\x00\xffz"]
    expect(
        folder,
        {"text": text(*words)},
        {
            "upper": text(b"GATE", b"", "GRößE".encode(), b"\x00\xffZ"),
            "length": np.int64([4, 0, 7, 3]),
            "raw_bytes": text(*words),
        },
    )
    yield folder
