"""multi_io: several inputs and outputs of different dtypes and ranks, and several signatures."""

import numpy as np
import tensorflow as tf

from saved_model import expect, text, write_module


class MultiIo(tf.Module):
    """Four signatures without a variable between them."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 3], tf.float32, name="a"),
            tf.TensorSpec([None], tf.int32, name="b"),
            tf.TensorSpec([None], tf.bool, name="flag"),
        ]
    )
    def predict(self, a, b, flag):
        """a: float [-1,3], b: int32 [-1], flag: bool [-1]
        → sum: float [-1,3], count: int64 [-1], label_bytes: string [-1].

        sum is a + b where flag holds, else a; count is how many numbers of a row are above zero; label_bytes is
        "7/true" for b = 7 and a flag that holds.
        """
        added = tf.where(flag, tf.cast(b, tf.float32), 0.0)
        return {
            "sum": a + added[:, tf.newaxis],
            "count": tf.math.count_nonzero(a > 0, axis=1),
            "label_bytes": tf.strings.join([tf.strings.as_string(b), tf.strings.as_string(flag)], separator="/"),
        }

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32, name="a"), tf.TensorSpec([], tf.int32, name="n")])
    def scalar(self, a, n):
        """a: float [], n: int32 [] → product: float [], text: string [], n in decimal."""
        return {"product": a * tf.cast(n, tf.float32), "text": tf.strings.as_string(n)}

    @tf.function(input_signature=[tf.TensorSpec([2, 3], tf.float32, name="m")])
    def fixed(self, m):
        """m: float [2,3] → total: float [2], the sum of each row. No dimension is left open."""
        return {"total": tf.reduce_sum(m, axis=1)}

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.float32, name="x"), tf.TensorSpec([], tf.float32, name="scale")]
    )
    def defaults(self, x, scale=tf.constant(2.0)):
        """x: float [-1], scale: float [] (may be left out: 2) → y: float [-1], x times scale."""
        return {"y": x * scale}


def make(out_dir):
    module = MultiIo()
    signatures = {
        "serving_default": module.predict,
        "scalar": module.scalar,
        "fixed": module.fixed,
        "defaults": module.defaults,
    }
    folder = write_module(out_dir, "multi_io", module, signatures)
    check(folder)
    yield folder


def check(folder):
    expect(
        folder,
        {"a": np.float32([[1, 2, 3], [0, -1, 0.5]]), "b": np.int32([7, -2]), "flag": np.array([True, False])},
        {
            "sum": np.float32([[8, 9, 10], [0, -1, 0.5]]),
            "count": np.int64([3, 1]),
            "label_bytes": text(b"7/true", b"-2/false"),
        },
    )
    product = {"product": np.float32(-4.5), "text": np.array(b"-3", dtype=object)}
    expect(folder, {"a": np.float32(1.5), "n": np.int32(-3)}, product, "scalar")
    expect(folder, {"m": np.float32([[1, 2, 3], [4, 5, 6]])}, {"total": np.float32([6, 15])}, "fixed")
    expect(folder, {"x": np.float32([1, 3]), "scale": np.float32(3)}, {"y": np.float32([3, 9])}, "defaults")
    expect(folder, {"x": np.float32([1, 3])}, {"y": np.float32([2, 6])}, "defaults")
