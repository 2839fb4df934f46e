/** ModelServerConfig as text, for config files and requests of tests. */

import { parseTextProto } from '../../src/formats/text-proto.js';
import { ModelServerConfig } from '../../src/gen/messages.js';

export interface ConfiguredModel {
  readonly name: string;
  readonly basePath: string;
  /** Default: the latest one. */
  readonly versions?: readonly number[];
  readonly labels?: Readonly<Record<string, number>>;
}

export function configText(...models: readonly ConfiguredModel[]): string {
  return `model_config_list {\n${models.map(modelText).join('')}}\n`;
}

function modelText({ name, basePath, versions, labels = {} }: ConfiguredModel): string {
  const policy = versions === undefined ? '' : `model_version_policy { specific { versions: [${versions}] } }`;
  const map = Object.entries(labels).map(([key, value]) => `version_labels { key: "${key}" value: ${value} }`);
  return `  config { name: "${name}" base_path: "${basePath}" model_platform: "tensorflow" ${policy} ${map.join(' ')} }\n`;
}

export function modelServerConfig(...models: readonly ConfiguredModel[]): ModelServerConfig {
  return parseTextProto(ModelServerConfig, configText(...models));
}
