"""Writing a SavedModel into OUT_DIR/NAME/1, and running it as a server would: by alias, through its SignatureDef."""

import shutil

import numpy as np
import tensorflow as tf

# Loading into a session is called deprecated in each run; it is what the C API does, so it is what we want.
tf.get_logger().setLevel("ERROR")

v1 = tf.compat.v1
SERVING_DEFAULT = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY


def write_module(out_dir, name, module, signatures):
    """Saves a tf.Module. `signatures` is one tf.function or a dict of them by signature name."""
    folder = fresh_folder(out_dir, name)
    tf.saved_model.save(module, str(folder), signatures=signatures)
    return trimmed(folder)


def write_graph(out_dir, name, build):
    """Saves a TF1 graph. `build` fills the default graph and returns {signature: (inputs, outputs)} of tensors."""
    folder = fresh_folder(out_dir, name)
    with tf.Graph().as_default(), v1.Session() as session:
        signatures = {key: signature_def(*tensors) for key, tensors in build().items()}
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, [tf.saved_model.SERVING], signatures, strip_default_attrs=True)
        builder.save()
    return trimmed(folder)


def fresh_folder(out_dir, name):
    """Removes the whole model, other versions included, and names the folder of version 1."""
    shutil.rmtree(out_dir / name, ignore_errors=True)
    folder = out_dir / name / "1"
    folder.parent.mkdir(parents=True)
    return folder


def trimmed(folder):
    """Drops what would differ from run to run or from checkout to checkout.

    The fingerprint holds a random id and loaders do without it; git keeps no empty folders, so neither do we.
    """
    (folder / "fingerprint.pb").unlink(missing_ok=True)
    for child in folder.iterdir():
        if child.is_dir() and not any(child.iterdir()):
            child.rmdir()
    return folder


def signature_def(inputs, outputs):
    """A SignatureDef of the Predict method, from tensors by alias."""
    info = v1.saved_model.build_tensor_info
    return v1.saved_model.build_signature_def(
        inputs={alias: info(tensor) for alias, tensor in inputs.items()},
        outputs={alias: info(tensor) for alias, tensor in outputs.items()},
        method_name=tf.saved_model.PREDICT_METHOD_NAME,
    )


def run(folder, inputs, signature=SERVING_DEFAULT):
    """Loads the model into a session of its own and returns its outputs, numpy arrays by alias."""
    with tf.Graph().as_default(), v1.Session() as session:
        meta_graph = v1.saved_model.load(session, [tf.saved_model.SERVING], str(folder))
        definition = meta_graph.signature_def[signature]
        feeds = {definition.inputs[alias].name: value for alias, value in inputs.items()}
        fetches = {alias: info.name for alias, info in definition.outputs.items()}
        return session.run(fetches, feeds)


def expect(folder, inputs, outputs, signature=SERVING_DEFAULT):
    """Runs the model once; fails unless it answers exactly these arrays, dtypes and shapes included."""
    answers = run(folder, inputs, signature)
    assert answers.keys() == outputs.keys(), f"{folder}: outputs are {sorted(answers)}"
    for alias, wanted in outputs.items():
        got, wanted = np.asarray(answers[alias]), np.asarray(wanted)
        same = got.dtype == wanted.dtype and got.shape == wanted.shape and got.tobytes() == wanted.tobytes()
        # Arrays of Python bytes hold pointers, so only their elements can be compared.
        if wanted.dtype == object:
            same = got.tolist() == wanted.tolist()
        assert same, f"{folder}: {signature}.{alias} is {got!r}, not {wanted!r}"


def text(*values):
    """A string tensor's numpy form."""
    return np.array(values, dtype=object)


def summary(folder):
    """One line: name, size and signatures of a model."""
    size = sum(file.stat().st_size for file in folder.parent.rglob("*") if file.is_file())
    with tf.Graph().as_default(), v1.Session() as session:
        definitions = v1.saved_model.load(session, [tf.saved_model.SERVING], str(folder)).signature_def
    shown = [
        f"{key}({', '.join(sorted(definition.inputs))}) -> {', '.join(sorted(definition.outputs))}"
        for key, definition in sorted(definitions.items())
        if not key.startswith("__")  # TensorFlow's own, for its initializer
    ]
    return f"{folder.parent.name:20} {size / 1024:8.1f} KiB  {'; '.join(shown)}"
