/**
 * TensorFlow's own metrics of graph runs (tensorflow/core/framework/metrics.cc), and TF Serving's count of runs behind its
 * batching. The C API has no way to TensorFlow's registry: these are this server's own counts of the runs that it asks for,
 * so those inside a load are not among them.
 */
import { exponentialBounds, Histogram, metrics } from '../metrics/metrics.js';
import { binding } from '../native/binding.js';

/** As TensorFlow has them, and native/graph_runs.h, in microseconds. */
const BOUNDS = exponentialBounds(1000, 2, 20);

metrics.register((text) => {
  const { failures, micros, buckets } = binding.graphRunStats();
  const histogram = new Histogram(BOUNDS);
  histogram.counts.set(buckets);
  histogram.sum = micros;
  text.single(':tensorflow:core:graph_runs', 'counter', {}, histogram.count);
  text.single(':tensorflow:core:graph_run_time_usecs', 'counter', {}, micros);
  text.family(':tensorflow:core:graph_run_time_usecs_histogram', 'histogram');
  text.histogram(':tensorflow:core:graph_run_time_usecs_histogram', {}, histogram);
  text.single(':tensorflow:serving:batching_session:wrapped_run_count', 'counter', {}, histogram.count + failures);
});
