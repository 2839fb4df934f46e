import type { VersionPolicy } from '../core/version-policy.js';
import { codeName } from '../errors.js';
import type { ConfigState } from './configurator.js';
import { type ModelEntry, TENSORFLOW_PLATFORM } from './model-entries.js';

/**
 * The configuration in force as an object for JSON: ModelServerConfig in protobuf's JSON with original field names and
 * int64 as strings, and beside it where it came from, since when, and why a later one is not in force.
 */
export function describeConfig({ models, origin, since, lastError }: ConfigState): object {
  return {
    origin,
    since: since.toISOString(),
    last_error:
      lastError === undefined ? null : { error_code: codeName(lastError.code), error_message: lastError.message },
    model_config_list: { config: models.map(describeModel) },
  };
}

function describeModel({ name, basePath, versionPolicy, versionLabels, loggingConfig }: ModelEntry): object {
  const labels = [...(versionLabels ?? [])].map(([label, version]) => [label, String(version)]);
  return {
    name,
    base_path: basePath,
    model_platform: TENSORFLOW_PLATFORM,
    model_version_policy: describePolicy(versionPolicy),
    version_labels: Object.fromEntries(labels),
    ...(loggingConfig === undefined ? {} : { logging_config: loggingConfig }),
  };
}

function describePolicy(policy: VersionPolicy): object {
  switch (policy.kind) {
    case 'latest':
      return { latest: { num_versions: policy.numVersions ?? 1 } };
    case 'all':
      return { all: {} };
    case 'specific':
      return { specific: { versions: policy.versions.map(String) } };
  }
}
