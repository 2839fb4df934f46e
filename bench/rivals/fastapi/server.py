"""TensorFlow Serving's REST predict for one model, the way it is usually written with FastAPI."""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy
import orjson
import tensorflow
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool


class Model:
    def __init__(self, directory):
        self.loaded = tensorflow.saved_model.load(directory)
        self.signature = self.loaded.signatures["serving_default"]
        inputs = self.signature.structured_input_signature[1]
        self.dtypes = {name: spec.dtype.as_numpy_dtype for name, spec in inputs.items()}

    def predict(self, body):
        """The reply's body: rows ("instances") or columns ("inputs"), of a model with one input or by name."""
        rows = "instances" in body
        inputs = body["instances"] if rows else body["inputs"]
        named = self.by_row_names(inputs) if rows else self.by_names(inputs)
        arrays = {name: tensorflow.constant(numpy.asarray(value, self.dtypes[name])) for name, value in named.items()}
        outputs = {name: value.numpy().tolist() for name, value in self.signature(**arrays).items()}
        if rows:
            return orjson.dumps({"predictions": self.as_rows(outputs)})
        return orjson.dumps({"outputs": self.alone(outputs)})

    def by_names(self, inputs):
        return inputs if isinstance(inputs, dict) else {next(iter(self.dtypes)): inputs}

    def by_row_names(self, instances):
        if not isinstance(instances[0], dict):
            return self.by_names(instances)
        return {name: [row[name] for row in instances] for name in self.dtypes}

    def as_rows(self, outputs):
        if len(outputs) == 1:
            return self.alone(outputs)
        return [dict(zip(outputs, row)) for row in zip(*outputs.values())]

    def alone(self, outputs):
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs


def create_app(name, model):
    app = FastAPI()

    @app.post(f"/v1/models/{name}:predict")
    async def predict(request: Request):
        body = orjson.loads(await request.body())
        # TensorFlow would block the event loop.
        return Response(await run_in_threadpool(model.predict, body), media_type="application/json")

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model_name", required=True)
    parser.add_argument("--model_directory", required=True, help="a version's folder")
    arguments = parser.parse_args()
    served = create_app(arguments.model_name, Model(arguments.model_directory))
    # Says on stderr that it runs; a line for each request would be measured, too.
    uvicorn.run(served, host="127.0.0.1", port=arguments.port, access_log=False)
