"""The digits model over all doors, against TensorFlow's own scores: GRPC_PORT REST_PORT GRAPHPIPE_PORT MODELS REFERENCE.

REFERENCE is a file with what digits_reference.py prints.
"""

import json
import pathlib
import sys

import numpy as np
import requests
from graphpipe import remote
from ovmsclient import make_grpc_client

from checks import check, equal, run

TOLERANCE = 1e-5


class Context:
    """Each door as a function from images to (scores, classes)."""

    def __init__(self, grpc_port, rest_port, graphpipe_port, models, reference):
        self.images = np.float32(json.loads(pathlib.Path(models, "digits/samples.json").read_text())["images"])
        self.reference = {name: np.float32(rows) for name, rows in json.loads(pathlib.Path(reference).read_text()).items()}
        self.grpc_client = make_grpc_client(f"127.0.0.1:{grpc_port}")
        self.rest_url = f"http://127.0.0.1:{rest_port}/v1/models/digits:predict"
        self.graphpipe_url = f"http://127.0.0.1:{graphpipe_port}"

    def over_grpc(self, images):
        outputs = self.grpc_client.predict({"images": images}, "digits", 1)
        return outputs["scores"], outputs["classes"]

    def over_rest(self, images):
        document = {"instances": images.astype(float).tolist()}
        rows = requests.post(self.rest_url, json=document, timeout=10).json()["predictions"]
        return np.float32([row["scores"] for row in rows]), np.int64([row["classes"] for row in rows])

    def over_graphpipe(self, images):
        classes, scores = remote.execute(self.graphpipe_url, images)
        return scores, classes


DOORS = {"gRPC": Context.over_grpc, "REST": Context.over_rest, "GraphPipe": Context.over_graphpipe}


def together(door, context):
    compare(DOORS[door](context, context.images), context.reference["together"])


def alone(door, context):
    for image, scores in zip(context.images, context.reference["alone"], strict=True):
        compare(DOORS[door](context, image[np.newaxis]), scores[np.newaxis])


def compare(answer, reference):
    scores, classes = answer
    equal((scores.dtype, classes.dtype), (np.float32, np.int64))
    np.testing.assert_allclose(scores, reference, rtol=0, atol=TOLERANCE)
    equal(classes.tolist(), reference.argmax(axis=1).tolist())


for name in DOORS:
    check(f"{name} gives TensorFlow's scores of 32 real images at once.", name)(together)
    check(f"{name} gives TensorFlow's scores of 32 real images one by one.", name)(alone)


@check("All doors give the same scores to the bit.")
def agree(context):
    answers = [over(context, context.images)[0].tobytes() for over in DOORS.values()]
    equal(len(set(answers)), 1)


run(Context(*sys.argv[1:]), ["ovmsclient", "requests", "graphpipe", "numpy"])
