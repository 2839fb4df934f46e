"""slow: a model that computes for about as long as it is asked to."""

import numpy as np
import tensorflow as tf

from saved_model import expect, write_module

# A power of two, so that SIDE times 1 / SIDE is one, and small enough that TensorFlow computes it on one core.
SIDE = 32
# Measured on a 2-core virtual machine: a millisecond takes 210 such products in a default session, and 300 in one
# with the single-threaded executor.
STEPS_PER_MILLI = 240


class Slow(tf.Module):
    """millis: float [-1] → y: float [-1], equal to millis. A batch takes as long as its largest element says."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="millis")])
    def predict(self, millis):
        steps = tf.cast(tf.reduce_max(tf.concat([millis, [0.0]], axis=0)) * STEPS_PER_MILLI, tf.int32)
        # Averaging ones gives ones, exactly: the answer depends on the loop, so no optimizer may leave the loop out.
        average = tf.fill([SIDE, SIDE], 1.0 / SIDE)
        _, ones = tf.while_loop(
            lambda i, _: i < steps, lambda i, m: (i + 1, tf.matmul(m, average)), (0, tf.ones([SIDE, SIDE]))
        )
        return {"y": millis * ones[0, 0]}


def make(out_dir):
    module = Slow()
    folder = write_module(out_dir, "slow", module, module.predict)
    expect(folder, {"millis": np.float32([5, 20])}, {"y": np.float32([5, 20])})
    yield folder
