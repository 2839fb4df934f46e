import type { Configurator } from '../config/configurator.js';
import { invalidArgument } from '../errors.js';
import type { ModelServerConfig } from '../gen/messages.js';
import type { MetricIncrease } from './api.js';

/** What HandleReloadConfigRequest needs beside the configuration itself. */
export interface Reloading {
  readonly configurator: Configurator;
  /** The value of a metric's first point by TF Serving's path of it, e.g. `/tensorflow/serving/request_count`; 0 for an unknown one. */
  metricValue(name: string): number;
}

/** Api.reloadConfig. */
export async function reloadConfig(
  { configurator, metricValue }: Reloading,
  config: ModelServerConfig | undefined,
  metricNames: readonly string[],
): Promise<MetricIncrease[]> {
  if (config?.model_config_list === undefined) {
    throw invalidArgument(
      'ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported',
    );
  }
  const before = metricNames.map(metricValue);
  await configurator.reload(config, 'HandleReloadConfigRequest');
  return metricNames.map((name, i) => ({
    name,
    increase: BigInt(Math.round(metricValue(name) - (before[i] as number))),
  }));
}
