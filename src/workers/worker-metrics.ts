/** Metrics of the native side: the queues of all devices, and the memory of requests' tensors. */
import { type MetricType, metrics, type PrometheusText } from '../metrics/metrics.js';
import { binding, type QueueId, type QueueStats } from '../native/binding.js';

/** Bounds of queueStats().runsByRows. */
const RUN_ROWS = Float64Array.from({ length: 11 }, (_, index) => 2 ** index);

interface DeviceQueueStats extends QueueStats {
  readonly device: string;
}

/** Each with the device that it belongs to. A family stands once in a scrape, with a sample for each of them. */
const queues = new Map<QueueId, string>();

/** Shows the queue in the metrics, until the function that is returned is called. */
export function showQueue(device: string, queue: QueueId): () => void {
  queues.set(queue, device);
  return () => void queues.delete(queue);
}

metrics.register((text) => {
  if (queues.size === 0) return;
  const all = [...queues].map(([queue, device]) => ({ device, ...binding.queueStats(queue) }));
  write(text, 'tensorgate_queue_waiting_requests', 'gauge', all, ({ waiting }) => waiting);
  write(text, 'tensorgate_queue_taken_requests_total', 'counter', all, ({ taken }) => taken);
  write(text, 'tensorgate_queue_batches_total', 'counter', all, ({ batches }) => batches);
  write(text, 'tensorgate_queue_refused_requests_total', 'counter', all, ({ refused }) => refused);
  write(text, 'tensorgate_queue_dropped_requests_total', 'counter', all, ({ dropped }) => dropped);
  write(text, 'tensorgate_queue_late_answers_total', 'counter', all, ({ late }) => late);
  write(text, 'tensorgate_held_workers', 'gauge', all, ({ held }) => held);
  write(text, 'tensorgate_blocked_runs_total', 'counter', all, ({ blocked }) => blocked);
  writeRunRows(text, all);
  const { usedBytes, idleBytes, budgetBytes } = binding.memoryStats();
  text.family('tensorgate_tensor_memory_bytes', 'gauge');
  text.sample('tensorgate_tensor_memory_bytes', { kind: 'used' }, usedBytes);
  text.sample('tensorgate_tensor_memory_bytes', { kind: 'idle' }, idleBytes);
  text.sample('tensorgate_tensor_memory_bytes', { kind: 'budget' }, budgetBytes);
});

function write(
  text: PrometheusText,
  name: string,
  type: MetricType,
  all: readonly DeviceQueueStats[],
  figure: (stats: DeviceQueueStats) => number,
): void {
  text.family(name, type);
  for (const stats of all) text.sample(name, { device: stats.device }, figure(stats));
}

function writeRunRows(text: PrometheusText, all: readonly DeviceQueueStats[]): void {
  text.family('tensorgate_run_rows', 'histogram');
  for (const { device, runsByRows, rows } of all) {
    const counts = Float64Array.from(runsByRows);
    text.histogram('tensorgate_run_rows', { device }, { bounds: RUN_ROWS, counts, sum: rows });
  }
}
