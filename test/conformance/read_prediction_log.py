"""Prints as JSON what TensorFlow reads from the TFRecord files in a folder: FOLDER."""

import json
import pathlib
import sys
import time

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2


def describe(record):
    log = prediction_log_pb2.PredictionLog.FromString(record)
    kind = log.WhichOneof("log_type")
    call, metadata = getattr(log, kind), log.log_metadata
    return {
        "log": kind,
        "request": call.request.SerializeToString(deterministic=True).hex(),
        "response": call.response.SerializeToString(deterministic=True).hex(),
        "metadata": {
            "name": metadata.model_spec.name,
            "version": metadata.model_spec.version.value,
            "signature": metadata.model_spec.signature_name,
            "samplingRate": metadata.sampling_config.sampling_rate,
            "tags": list(metadata.saved_model_tags),
        },
        "age": time.time() - metadata.timestamp_secs,
    }


paths = sorted(str(path) for path in pathlib.Path(sys.argv[1]).iterdir())
records = [describe(record.numpy()) for record in tf.data.TFRecordDataset(paths)]
print(json.dumps({"files": len(paths), "records": records}))
