"""control_flow_v1 and control_flow_v2: one computation with a loop and a branch, in TensorFlow's two ways to say so."""

import numpy as np
import tensorflow as tf

from saved_model import expect, v1, write_graph, write_module


def loop_and_branch(n, x):
    """n times x = 2x + 1, then the sign turned if n is odd. n: int32 [], x: float [-1] → float [-1]."""
    _, grown = tf.while_loop(lambda i, _: i < n, lambda i, x: (i + 1, 2.0 * x + 1.0), (tf.constant(0), x))
    return tf.cond(tf.equal(n % 2, 0), lambda: tf.identity(grown), lambda: -grown)


def build_v1():
    """Switch, Merge, Enter, Exit and NextIteration nodes, as TF1 models have them. n, x → y."""
    n = v1.placeholder(tf.int32, [], name="n")
    x = v1.placeholder(tf.float32, [None], name="x")
    v1.disable_control_flow_v2()
    try:
        y = tf.identity(loop_and_branch(n, x), name="y")
    finally:
        v1.enable_control_flow_v2()
    # Only Python's gradients read these, and their order is that of a set: other bytes in each run.
    for collection in (v1.GraphKeys.COND_CONTEXT, v1.GraphKeys.WHILE_CONTEXT):
        v1.get_default_graph().clear_collection(collection)
    return {"serving_default": ({"n": n, "x": x}, {"y": y})}


class ControlFlowV2(tf.Module):
    """Functional While and If nodes. n, x → y."""

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32, name="n"), tf.TensorSpec([None], tf.float32, name="x")])
    def predict(self, n, x):
        return {"y": loop_and_branch(n, x)}


def make(out_dir):
    module = ControlFlowV2()
    for folder in (
        write_graph(out_dir, "control_flow_v1", build_v1),
        write_module(out_dir, "control_flow_v2", module, module.predict),
    ):
        for n, y in ((0, [1, -0.25]), (1, [-3, -0.5]), (2, [7, 2])):
            expect(folder, {"n": np.int32(n), "x": np.float32([1, -0.25])}, {"y": np.float32(y)})
        yield folder
