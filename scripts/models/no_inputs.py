"""no_inputs: signatures that may be asked without a value."""

import numpy as np
import tensorflow as tf

from saved_model import expect, text, write_module


class NoInputs(tf.Module):
    """Facts about a model, which nothing has to be sent for."""

    @tf.function(input_signature=[tf.TensorSpec([2], tf.float32, name="x"), tf.TensorSpec([], tf.float32, name="scale")])
    def predict(self, x=tf.constant([1.0, 2.0]), scale=tf.constant(2.0)):
        """x: float [2] = [1, 2], scale: float [] = 2 → y: float [2], x times scale."""
        return {"y": x * scale}

    @tf.function(input_signature=[])
    def info(self):
        """→ sizes: int64 [2], always [3, 4], vocabulary: string [3], always a, b, c."""
        return {"sizes": tf.constant([3, 4], tf.int64), "vocabulary": tf.constant(["a", "b", "c"])}

    @tf.function(input_signature=[])
    def version(self):
        """→ version: int32 [], always 7."""
        return {"version": tf.constant(7)}


def make(out_dir):
    module = NoInputs()
    signatures = {"serving_default": module.predict, "info": module.info, "version": module.version}
    folder = write_module(out_dir, "no_inputs", module, signatures)
    expect(folder, {}, {"sizes": np.int64([3, 4]), "vocabulary": text(b"a", b"b", b"c")}, "info")
    expect(folder, {}, {"version": np.int32(7)}, "version")
    expect(folder, {}, {"y": np.float32([2, 4])})
    yield folder
