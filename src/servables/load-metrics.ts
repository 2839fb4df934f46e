/**
 * TensorFlow's own metrics of loads (tensorflow/cc/saved_model/loader.cc). The C API has no way to TensorFlow's registry: these
 * are this server's own counts, of whole loads. How long the stages of one take cannot be told from outside.
 */
import { metrics } from '../metrics/metrics.js';

interface Loads {
  success: number;
  fail: number;
  /** Of both, as TensorFlow counts them. */
  micros: number;
}

const ATTEMPTS = ':tensorflow:cc:saved_model:load_attempt_count';
const LATENCY = ':tensorflow:cc:saved_model:load_latency';
const byPath = new Map<string, Loads>();

metrics.register((text) => {
  text.family(ATTEMPTS, 'counter');
  for (const [path, loads] of byPath) {
    for (const status of ['success', 'fail'] as const) {
      if (loads[status] > 0) text.sample(ATTEMPTS, { model_path: path, status }, loads[status]);
    }
  }
  text.family(LATENCY, 'counter');
  for (const [path, { micros }] of byPath) text.sample(LATENCY, { model_path: path }, micros);
});

/** Counts a load of the version folder `path`, and gives on what comes of it. */
export async function countLoad<T>(path: string, load: () => Promise<T>): Promise<T> {
  const startMillis = performance.now();
  const loads = byPath.get(path) ?? { success: 0, fail: 0, micros: 0 };
  byPath.set(path, loads);
  try {
    const loaded = await load();
    loads.success += 1;
    return loaded;
  } catch (error) {
    loads.fail += 1;
    throw error;
  } finally {
    loads.micros += Math.round((performance.now() - startMillis) * 1000);
  }
}
