"""refused: signatures with tensors that must not leave or enter the process, beside one that may be served."""

import numpy as np
import tensorflow as tf

from saved_model import expect, v1, write_graph


def build():
    """serving_default: x: float [-1] → y: float [-1], three times x.
    resource: the same x → y, and handle: resource [], the handle of the variable.
    variant: x → list: variant [], a TensorList.
    resource_input: handle: resource [] → y: float [], read through the handle that came in.

    The values of these two dtypes are pointers into the process, meaningless or worse to whoever is sent them.
    """
    x = v1.placeholder(tf.float32, [None], name="x")
    w = v1.get_variable("w", initializer=3.0, use_resource=True)
    y = tf.multiply(x, w, name="y")
    tensor_list = tf.raw_ops.TensorListFromTensor(tensor=x, element_shape=tf.constant([], tf.int32), name="list")
    handle = v1.placeholder(tf.resource, [], name="handle")
    read = tf.raw_ops.ReadVariableOp(resource=handle, dtype=tf.float32, name="read")
    return {
        "serving_default": ({"x": x}, {"y": y}),
        "resource": ({"x": x}, {"y": y, "handle": w.handle}),
        "variant": ({"x": x}, {"list": tensor_list}),
        "resource_input": ({"handle": handle}, {"y": read}),
    }


def make(out_dir):
    folder = write_graph(out_dir, "refused", build)
    expect(folder, {"x": np.float32([1, 2])}, {"y": np.float32([3, 6])})
    yield folder
