"""digits: a small classifier trained on the handwritten digits that come with scikit-learn."""

import json

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from saved_model import run, write_module

SEED = 1
LARGEST_PIXEL = 16
SAMPLES = 32
LEAST_ACCURACY = 0.95


class Digits(tf.Module):
    """images: float [-1,64], pixels of 0 to 16 row by row → scores: float [-1,10] (softmax), classes: int64 [-1]."""

    def __init__(self, network):
        super().__init__()
        # A module finds its variables in its attributes; it finds none inside of Keras's own classes.
        self.weights = [variable.value for variable in network.variables]
        self.predict = tf.function(
            lambda images: classified(network(images)),
            input_signature=[tf.TensorSpec([None, 64], tf.float32, name="images")],
        )


def classified(scores):
    return {"scores": scores, "classes": tf.argmax(scores, axis=-1)}


def make(out_dir):
    images, labels = load_digits(return_X_y=True)
    train_images, test_images, train_labels, test_labels = train_test_split(
        images.astype(np.float32), labels, test_size=0.2, random_state=SEED, stratify=labels
    )
    module = Digits(trained(train_images, train_labels))
    folder = write_module(out_dir, "digits", module, module.predict)
    answers = run(folder, {"images": test_images})
    check_accuracy(answers["classes"], test_labels)
    write_samples(folder.parent, test_images, test_labels, answers["scores"])
    yield folder


def trained(images, labels):
    """Trains from fixed seeds; a few seconds on one core."""
    keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    # The scaling is a layer, so that clients send pixels as they come.
    network = keras.Sequential(
        [
            keras.Input([64]),
            keras.layers.Rescaling(1 / LARGEST_PIXEL),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    network.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy")
    network.fit(images, labels, epochs=30, batch_size=32, verbose=0)
    return network


def check_accuracy(classes, labels):
    accuracy = np.mean(classes == labels)
    print(f"digits: {accuracy:.2%} of {len(labels)} held-out images are classified right")
    assert accuracy >= LEAST_ACCURACY, f"digits: wanted at least {LEAST_ACCURACY:.0%}"


def write_samples(folder, images, labels, scores):
    """Writes held-out images with the answers that TensorFlow gave for them, and one request ready to be sent."""
    samples = {
        "images": [pixels(image) for image in images[:SAMPLES]],
        "labels": labels[:SAMPLES].tolist(),
        "scores": [[shortest(score) for score in row] for row in scores[:SAMPLES]],
    }
    (folder / "samples.json").write_text(json.dumps(samples) + "\n")
    (folder / "request.json").write_text(json.dumps({"instances": samples["images"][:1]}) + "\n")


def pixels(image):
    """The pixels are whole numbers; written so, they take a third of the space."""
    return [int(pixel) for pixel in image]


def shortest(score):
    """The double with the fewest digits that is this float32 again when read, so nothing is lost in JSON."""
    return float(str(score))
