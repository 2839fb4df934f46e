/**
 * What a ModelServerConfig asks for, checked as TensorFlow Serving's ServerCore does and in its words (server_core.cc):
 * clients match on them.
 */
import { isAbsolute } from 'node:path';
import type { MonitoredModel } from '../core/file-system-source.js';
import type { VersionPolicy } from '../core/version-policy.js';
import { invalidArgument } from '../errors.js';
import {
  type LoggingConfig,
  type ModelConfig,
  type ModelServerConfig,
  ModelType,
  type FileSystemStoragePathSourceConfig_ServableVersionPolicy as WirePolicy,
} from '../gen/messages.js';
import { toLocalFolder } from './base-path.js';

/** The one platform there is. */
export const TENSORFLOW_PLATFORM = 'tensorflow';

/** One model of the configuration. */
export interface ModelEntry extends MonitoredModel {
  /** Default: none. */
  readonly versionLabels?: ReadonlyMap<string, bigint>;
  readonly loggingConfig?: LoggingConfig;
}

/**
 * The models of a configuration, with `old` being those served until now; undefined for a configuration with nothing in it,
 * which TF Serving accepts and which changes nothing. Throws INVALID_ARGUMENT.
 */
export function toModelEntries(config: ModelServerConfig, old: readonly ModelEntry[]): ModelEntry[] | undefined {
  if (config.custom_model_config !== undefined)
    throw invalidArgument('custom_model_config is not supported. Give the models in model_config_list.');
  const list = config.model_config_list?.config;
  if (list === undefined) return undefined;
  checkNames(list);
  for (const model of list) checkBasePath(model);
  const oldNames = new Set(old.map(({ name }) => name));
  for (const model of list) checkPlatform(model, oldNames);
  return list.map(toEntry);
}

function checkNames(list: readonly ModelConfig[]): void {
  const names = new Set<string>();
  for (const { name } of list) {
    if (name === '') throw invalidArgument('A model in the config list has no name. Give each config a name.');
    if (names.has(name)) throw invalidArgument(`Illegal to list model ${name} multiple times in config list`);
    names.add(name);
  }
}

function checkBasePath({ name, base_path: path }: ModelConfig): void {
  if (isAbsolute(toLocalFolder(name, path))) return;
  throw invalidArgument(`Expected model ${name} to have an absolute path or URI; got base_path()=${path}`);
}

function checkPlatform(model: ModelConfig, oldNames: ReadonlySet<string>): void {
  const platform = platformOf(model);
  if (platform === TENSORFLOW_PLATFORM) return;
  if (oldNames.has(model.name)) {
    throw invalidArgument(
      `Illegal to change a model's platform. For model ${model.name} platform was ${TENSORFLOW_PLATFORM} and new platform requested is ${platform}`,
    );
  }
  throw invalidArgument(`Model ${model.name} requests unsupported platform ${platform}`);
}

function platformOf({ name, model_type: type, model_platform: platform }: ModelConfig): string {
  if (type === ModelType.MODEL_TYPE_UNSPECIFIED) {
    if (platform !== '') return platform;
    throw invalidArgument(
      'Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform. Add ' +
        `model_platform: "${TENSORFLOW_PLATFORM}" to model ${name}.`,
    );
  }
  if (platform !== '') {
    throw invalidArgument(
      'Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform.',
    );
  }
  if (type === ModelType.TENSORFLOW) return TENSORFLOW_PLATFORM;
  throw invalidArgument(`ModelServerConfig::model_type choice ${type} not supported.`);
}

function toEntry(config: ModelConfig): ModelEntry {
  const { name, base_path, model_version_policy, version_labels, logging_config } = config;
  return {
    name,
    basePath: toLocalFolder(name, base_path),
    versionPolicy: toPolicy(model_version_policy),
    versionLabels: version_labels,
    ...(logging_config === undefined ? {} : { loggingConfig: logging_config }),
  };
}

function toPolicy(policy: WirePolicy | undefined): VersionPolicy {
  if (policy?.all !== undefined) return { kind: 'all' };
  if (policy?.specific !== undefined) return { kind: 'specific', versions: policy.specific.versions };
  return { kind: 'latest', numVersions: policy?.latest?.num_versions || 1 };
}
